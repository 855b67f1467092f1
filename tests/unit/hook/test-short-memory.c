/* The runner's event and the environment of its hooks, while one allocation after the other fails.
 */
#include <errno.h>

#include "koowatch-hook/environment.h"
#include "unit/hook/hook-support.h"
#include "unit/short-memory.h"

static int parse(const char *line) {
        CLEANUP(event_clear) struct event event = {};
        const char *why = NULL;
        int r = event_parse(line, strlen(line), &event, &why);

        assert_null(why);
        return r;
}

static void test_event(void **state) {
        (void) state;
        assert_short_memory(parse("{" FACTS ",\"hooks\":[\"a\"],\"settled\":[\"b\"]}"), (void) 0);
}

static void test_environment(void **state) {
        CLEANUP(event_clear)
        struct event e = event_with(",\"account\":\"eu\",\"taskId\":\"1\",\"shareId\":\"2\","
                                    "\"variables\":{\"A\":\"b\",\"C\":\"d\"},\"polls\":3,"
                                    "\"attempt\":2");
        char **environment;

        (void) state;
        assert_short_memory(environment_new(&e, USEC_SEC, &environment),
                            (void) environment_free(environment));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_event),
                cmocka_unit_test(test_environment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
