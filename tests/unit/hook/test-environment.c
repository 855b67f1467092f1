/* The environment of a hook: exactly what is known, under names that a shell can read. */
#include "koowatch-hook/environment.h"
#include "unit/hook/hook-support.h"

/* The environment but PATH and HOME, a line a variable. */
static char *environment_text(const char *members, usec_t timeout) {
        CLEANUP(event_clear) struct event event = event_with(members);
        char **environment;
        char *text = strdup("");

        assert_int_equal(environment_new(&event, timeout, &environment), 0);
        for (char **s = environment; *s; s++) {
                CLEANUP(freep) char *before = text;

                if (str_after(*s, "PATH=") || str_after(*s, "HOME=/"))
                        text = strdup(before);
                else
                        text = str_printf("%s%s\n", before, *s);
                assert_non_null(text);
        }
        environment_free(environment);
        return text;
}

#define ALWAYS           \
        "LANG=C.UTF-8\n" \
        "KOOWATCH_EVENT=finished\nKOOWATCH_EVENT_ID=id-1\nKOOWATCH_NAME=photos\n"

static void expect(const char *members, const char *more) {
        CLEANUP(freep) char *text = environment_text(members, USEC_INFINITY);
        CLEANUP(freep) char *expected = str_printf(ALWAYS "%s", more);

        assert_string_equal(text, expected);
}

static int set_up(void **state) {
        (void) state;
        return unsetenv("LANG") || setenv("SECRET", "x", 1);
}

static void test_facts_that_are_known(void **state) {
        (void) state;
        expect("", "");
        expect(",\"progress\":0,\"file\":\"\",\"downloadUrl\":\"https://a/?b=c\"",
               "KOOWATCH_PROGRESS=0\nKOOWATCH_DOWNLOAD_URL=https://a/?b=c\n");
}

static void test_of_a_fleet(void **state) {
        (void) state;
        expect(",\"node\":\"a\",\"fence\":4294967297",
               "KOOWATCH_NODE=a\nKOOWATCH_FENCE=4294967297\n");
}

static void test_a_result_belongs_to_what_has_completed(void **state) {
        (void) state;
        expect(",\"outcome\":\"completed\",\"result\":\"succeeded\",\"taskResultCode\":1",
               "KOOWATCH_OUTCOME=completed\nKOOWATCH_RESULT=succeeded\nKOOWATCH_RESULT_CODE=1\n");
        expect(",\"outcome\":\"canceled\",\"result\":\"unknown\",\"taskResultCode\":0",
               "KOOWATCH_OUTCOME=canceled\n");
}

static void test_what_fits_no_variable_is_left_out(void **state) {
        (void) state;
        expect(",\"errorMessage\":\"a\\u0000b\",\"progress\":null,\"file\":[1],\"errorCode\":{}",
               "");
}

static void test_values_up_to_a_limit(void **state) {
        const int most = 64 * 1024;
        CLEANUP(freep) char *fits = str_printf(",\"file\":\"%0*d\"", most, 0);
        CLEANUP(freep) char *over = str_printf(",\"file\":\"%0*d\"", most + 1, 0);
        CLEANUP(freep) char *text = str_printf("KOOWATCH_FILE=%0*d\n", most, 0);

        (void) state;
        expect(fits, text);
        expect(over, "");
}

static void test_variables_of_the_task(void **state) {
        (void) state;
        expect(",\"variables\":{\"Destination\":\"/srv/x y\",\"n\":5,\"empty\":\"\",\"a_1\":\"=\"}",
               "KOOWATCH_VAR_DESTINATION=/srv/x y\nKOOWATCH_VAR_N=5\nKOOWATCH_VAR_EMPTY=\n"
               "KOOWATCH_VAR_A_1==\n");
        expect(",\"variables\":{\"\":\"a\",\"1a\":\"b\",\"a-b\":\"c\",\"a=b\":\"d\",\"_x\":\"e\","
               "\"list\":[]}",
               "");
        expect(",\"variables\":[\"a\"]", "");
}

static void test_the_time_that_a_hook_has(void **state) {
        static const struct {
                usec_t timeout;
                const char *text;
        } cases[] = {
                {90 * USEC_SEC, ALWAYS "KOOWATCH_TIMEOUT=90\n"},
                {90 * USEC_SEC - 1, ALWAYS "KOOWATCH_TIMEOUT=89\n"},
                {1, ALWAYS "KOOWATCH_TIMEOUT=1\n"}, /* 0 would be none at all */
                {USEC_INFINITY, ALWAYS},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *text = environment_text("", cases[i].timeout);

                assert_string_equal(text, cases[i].text);
        }
}

static void test_language_of_the_runner(void **state) {
        CLEANUP(freep) char *text = NULL;

        (void) state;
        assert_int_equal(setenv("LANG", "de_DE.UTF-8", 1), 0);
        text = environment_text("", USEC_INFINITY);
        assert_non_null(str_after(text, "LANG=de_DE.UTF-8\n"));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_facts_that_are_known),
                TEST(test_of_a_fleet),
                TEST(test_a_result_belongs_to_what_has_completed),
                TEST(test_what_fits_no_variable_is_left_out),
                TEST(test_values_up_to_a_limit),
                TEST(test_variables_of_the_task),
                TEST(test_the_time_that_a_hook_has),
                TEST(test_language_of_the_runner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
