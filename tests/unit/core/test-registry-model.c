/*
 * The registry against its model, with random moves.
 */
#include "unit/core/registry-model.h"
#include "unit/seeds.h"

#define STEPS 400

static unsigned roll(void *userdata, unsigned n) {
        return (unsigned) (random_next(userdata) >> 16) % n;
}

static void play(uint64_t seed) {
        const struct registry_dice dice = {roll, &seed};

        registry_model_play(&dice, STEPS);
}

static void test_against_the_model(void **state) {
        (void) state;
        play_seeds(play);
}

int main(void) {
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_model)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
