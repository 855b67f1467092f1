/*
 * The registry against its model, with random moves.
 *
 * KOOWATCH_SEED=N begins with that seed, KOOWATCH_SEEDS=N plays so many of them.
 */
#include "unit/core/registry-model.h"
#include "unit/support.h"

#define STEPS 400

static unsigned roll(void *userdata, unsigned n) {
        return (unsigned) (random_next(userdata) >> 16) % n;
}

static void play(uint64_t seed) {
        const struct registry_dice dice = {roll, &seed};

        print_message("# seed %ju\n", (uintmax_t) seed);
        registry_model_play(&dice, STEPS);
}

static void test_against_the_model(void **state) {
        const char *first = getenv("KOOWATCH_SEED"), *number = getenv("KOOWATCH_SEEDS");
        uint64_t seed = first ? strtoull(first, NULL, 10) : 1;

        (void) state;
        for (unsigned long i = 0; i < (number ? strtoul(number, NULL, 10) : 2); i++)
                play(seed + i);
}

int main(void) {
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_model)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
