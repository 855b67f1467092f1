#pragma once
/*
 * Memory that runs short when a test says so
 *
 * For programs that are linked with short-memory.c, which stands between the daemon and what
 * allocates for it: of libc, json-c and libcurl (meson.build wraps them). What those allocate
 * within does not fail.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* The nth allocation from now on fails, and no other one. */
void memory_fail(unsigned n);
/* How many it still is until then; 0: none fails. */
unsigned memory_left(void);
/* From now on none does. Returns whether one has. */
bool memory_end(void);

/*
 * Calls again and again, with another allocation that fails each time, until there is none left:
 * that has to be -ENOMEM, and 0 in the end. undo: what follows then.
 */
#define assert_short_memory(call, undo)                \
        for (unsigned n_ = 1;; n_++) {                 \
                int r_;                                \
                                                       \
                memory_fail(n_);                       \
                r_ = (call);                           \
                if (memory_end()) {                    \
                        assert_int_equal(r_, -ENOMEM); \
                } else {                               \
                        assert_int_equal(r_, 0);       \
                        assert_true(n_ > 1);           \
                        undo;                          \
                        break;                         \
                }                                      \
        }

/* For fakes: of the test's own, which never fails. Weak: where nothing is wrapped there is none. */
extern void *__real_calloc(size_t count, size_t size) __attribute__((weak));

static inline void *sure_calloc(size_t size) {
        void *memory = __real_calloc ? __real_calloc(1, size) : calloc(1, size);

        if (!memory)
                abort();
        return memory;
}
