#include "common/random.h"
#include "unit/support.h"

static void test_share(void **state) {
        double sum = 0, low = 1, high = 0;

        (void) state;
        for (int i = 0; i < 10000; i++) {
                double share = random_share();

                assert_true(share >= 0 && share < 1);
                low = share < low ? share : low;
                high = share > high ? share : high;
                sum += share;
        }
        assert_true(low < 0.01 && high > 0.99);
        assert_true(sum > 4700 && sum < 5300); /* ten standard deviations */
}

/* Whatever the length, nothing is left as it was, and nothing comes twice. */
static void test_bytes(void **state) {
        unsigned char first[1500], second[1500], all = 0;

        (void) state;
        for (size_t n = 0; n < 64; n++) {
                unsigned char seen[64] = {};

                for (int i = 0; i < 16; i++) {
                        unsigned char bytes[65] = {};

                        random_bytes(bytes, n);
                        assert_int_equal(bytes[n], 0);
                        for (size_t k = 0; k < n; k++)
                                seen[k] |= bytes[k];
                }
                for (size_t k = 0; k < n; k++)
                        assert_int_not_equal(seen[k], 0);
        }
        random_bytes(first, sizeof(first)); /* longer than the buffer */
        random_bytes(second, sizeof(second));
        assert_memory_not_equal(first, second, sizeof(first));
        assert_memory_not_equal(first, first + 750, 750);
        for (size_t i = 1400; i < 1500; i++)
                all |= first[i];
        assert_int_not_equal(all, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_share),
                cmocka_unit_test(test_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
