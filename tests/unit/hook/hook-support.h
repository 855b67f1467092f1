#pragma once
/*
 * What the tests of koowatch-hook share: an event, log entries that are kept, and standard
 * output as text
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "common/log.h"
#include "koowatch-hook/event.h"
#include "unit/support.h"

#define FACTS "\"event\":\"finished\",\"eventId\":\"id-1\",\"name\":\"photos\""

/* The event with these members more: ",\"a\":1". */
static inline struct event event_with(const char *members) {
        CLEANUP(freep) char *line = str_printf("{" FACTS "%s}", members);
        struct event event;
        const char *why = "";

        assert_non_null(line);
        if (event_parse(line, strlen(line), &event, &why) < 0)
                fail_msg("%s: %s", line, why);
        return event;
}

/* Stands in for standard output, which cmocka has back afterwards. */
struct stdout_capture {
        int file, before;
};

static inline struct stdout_capture stdout_capture_begin(void) {
        struct stdout_capture c = {memfd_create("stdout", MFD_CLOEXEC),
                                   fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)};

        assert_true(c.file >= 0 && c.before >= 0);
        (void) fflush(stdout);
        assert_true(dup2(c.file, STDOUT_FILENO) >= 0);
        return c;
}

static inline char *stdout_capture_end(const struct stdout_capture *c) {
        char *text = NULL;
        size_t length;

        assert_true(dup2(c->before, STDOUT_FILENO) >= 0);
        assert_int_equal(lseek(c->file, 0, SEEK_SET), 0);
        assert_int_equal(read_all(c->file, 1U << 20, &text, &length), 0);
        (void) close(c->file);
        (void) close(c->before);
        return text;
}
