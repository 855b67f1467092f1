#pragma once
/*
 * Seeds: which random walks a test plays
 *
 * KOOWATCH_SEED=N begins with that seed, KOOWATCH_SEEDS=N plays so many of them.
 */
#include <stdint.h>
#include <stdlib.h>

#include "unit/support.h"

static inline void play_seeds(void (*play)(uint64_t seed)) {
        const char *first = getenv("KOOWATCH_SEED"), *number = getenv("KOOWATCH_SEEDS");
        uint64_t seed = first ? strtoull(first, NULL, 10) : 1;

        for (unsigned long i = 0; i < (number ? strtoul(number, NULL, 10) : 2); i++) {
                print_message("# seed %ju\n", (uintmax_t) (seed + i));
                play(seed + i);
        }
}
