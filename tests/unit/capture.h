#pragma once
/*
 * What the program writes to stderr, for a while
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "unit/support.h"

struct capture {
        int file;
        int stderr_before;
};

static inline void capture_begin(struct capture *capture) {
        capture->file = memfd_create("stderr", MFD_CLOEXEC);
        assert_true(capture->file >= 0);
        capture->stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        assert_true(capture->stderr_before >= 0);
        assert_true(dup2(capture->file, STDERR_FILENO) >= 0);
}

/* The caller frees it. */
static inline char *capture_end(struct capture *capture) {
        char *text = NULL;
        size_t length;

        assert_true(dup2(capture->stderr_before, STDERR_FILENO) >= 0);
        (void) close(capture->stderr_before);
        assert_int_equal(lseek(capture->file, 0, SEEK_SET), 0);
        assert_int_equal(read_all(capture->file, 1U << 20, &text, &length), 0);
        (void) close(capture->file);
        return text;
}
