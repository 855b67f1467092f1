#include "common/event-id.h"
#include "common/util.h"
#include "unit/support.h"

static void test_ids(void **state) {
        char ids[100][EVENT_ID_LENGTH + 1];

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
                event_id_make(ids[i]);
                assert_int_equal(strlen(ids[i]), EVENT_ID_LENGTH);
                assert_int_equal(strspn(ids[i], "0123456789abcdef"), EVENT_ID_LENGTH);
                for (size_t k = 0; k < i; k++)
                        assert_string_not_equal(ids[i], ids[k]);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
