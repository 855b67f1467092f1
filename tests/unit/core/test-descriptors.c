#include "common/config.h"
#include "koowatchd/descriptors.h"
#include "unit/support.h"

#define ACCOUNTS 50

/* Each account may make so many requests at once; the first one twice as many. */
static void configure(struct config *c, struct account_config accounts[ACCOUNTS],
                      unsigned requests) {
        for (size_t i = 0; i < ACCOUNTS; i++)
                accounts[i].max_in_flight = requests;
        accounts[0].max_in_flight = 2 * requests;
        *c = (struct config){.accounts = accounts, .n_accounts = ACCOUNTS, .max_parallel = 4};
}

static void test_enough(void **state) {
        struct account_config accounts[ACCOUNTS] = {};
        struct config c;

        (void) state;
        configure(&c, accounts, 8);
        assert_int_equal(descriptors_share(16384, &c), 8 * 51);
        assert_int_equal(descriptors_share(RLIM_INFINITY, &c), 8 * 51);
        assert_int_equal(accounts[0].max_in_flight, 16);
        assert_int_equal(accounts[1].max_in_flight, 8);
}

/* Three for each request fit beside 64, two for each hook, and one for each account's token. */
static void test_not_enough(void **state) {
        struct account_config accounts[ACCOUNTS] = {};
        struct config c;

        (void) state;
        configure(&c, accounts, 30);
        assert_int_equal(descriptors_for_requests(1024, &c), (1024 - 64 - 8 - 50) / 3);
        assert_int_equal(descriptors_share(1024, &c), 11 + 5 * 49);
        assert_int_equal(accounts[0].max_in_flight, 11);
        assert_int_equal(accounts[1].max_in_flight, 5);
}

static void test_one_each_at_least(void **state) {
        struct account_config accounts[ACCOUNTS] = {};
        struct config c;

        (void) state;
        configure(&c, accounts, 8);
        for (rlim_t limit = 0; limit < 200; limit++)
                assert_int_equal(descriptors_for_requests(limit, &c),
                                 limit < 128 ? 1 : (limit - 122) / 3);
        assert_int_equal(descriptors_share(20, &c), ACCOUNTS);
        assert_int_equal(accounts[0].max_in_flight, 1);
        assert_int_equal(accounts[49].max_in_flight, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_enough),
                cmocka_unit_test(test_not_enough),
                cmocka_unit_test(test_one_each_at_least),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
