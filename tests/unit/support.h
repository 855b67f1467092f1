#pragma once
/*
 * What the unit tests share: cmocka with all that it needs, and temporary directories
 */

/* cmocka.h needs what the others declare. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <ftw.h>

#include "common/util.h"

/* cmocka 2 deprecates the one name, cmocka 1 has no other. */
#ifdef assert_uint_in_range
#undef assert_in_range
#define assert_in_range(value, minimum, maximum) assert_uint_in_range(value, minimum, maximum)
#endif

#define DIRECTORY_MAX 64

static inline void directory_make(char ret[static DIRECTORY_MAX]) {
        (void) snprintf(ret, DIRECTORY_MAX, "/tmp/koowatch-test-XXXXXX");
        assert_non_null(mkdtemp(ret));
}

static inline int directory_remove_one(const char *path, const struct stat *st, int type,
                                       struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

/* With all that is in it. */
static inline void directory_remove(const char *path) {
        assert_int_equal(nftw(path, directory_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* A pseudo-random number, the same ones in each run; seed must not be 0. */
static inline uint64_t random_next(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}
