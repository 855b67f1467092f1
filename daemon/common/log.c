#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "common/log-backlog.h"
#include "common/log-console.h"
#include "common/log-journal.h"

/* What one call of log_flush() sends at most, so that a turn of the loop stays short. */
#define FLUSH_ENTRIES_MAX 100

static struct {
        const char *identifier;
        enum log_level level;
        bool to_journal;
        bool journal_away;    /* the console stands in, and that was logged */
        bool console_blocked; /* of the two receivers it was the one that took nothing last */
        struct log_backlog backlog;
        uint64_t last;        /* see log_last() */
        uint64_t count;       /* entries that have a number */
        uint64_t taken, sent; /* up to which number; a line of one taken may still be incomplete */
        uint64_t lost, lost_unsaid;
} state = {
        .identifier = "koowatch",
        .level = LEVEL_INFO,
        .count = 1,
        .taken = 1,
        .sent = 1,
        .backlog = LOG_BACKLOG_EMPTY(state.backlog),
};

/* JOURNAL_STREAM alone proves nothing: it is inherited by those whose stderr goes elsewhere. */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        char ours[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        (void) snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t) st.st_dev,
                        (uintmax_t) st.st_ino);
        return streq(stream, ours);
}

void log_open(const char *identifier, enum log_target target) {
        state.identifier = identifier;
        state.to_journal =
                target == LOG_TARGET_JOURNAL || (target == LOG_TARGET_AUTO && stderr_is_journal());
        state.journal_away = false;
}

void log_set_level(enum log_level level) {
        state.level = level;
}

bool log_wants(enum log_level level) {
        return level <= state.level;
}

/* ---- one entry to its receiver ---- */

/* That the journal cannot be written is logged once. 0, -EAGAIN or -ENOMEM. */
static int complain(int error) {
        CLEANUP(freep) char *text = NULL;
        int r;

        if (state.journal_away)
                return 0;
        text = str_printf("cannot write to the journal (%s), logging to standard error",
                          strerror(error));
        if (!text)
                return -ENOMEM;
        r = log_console_write(&(struct log_record){.level = LEVEL_WARNING, .message = text});
        state.journal_away = r == 0;
        return r;
}

/* Returns 0: it was taken; -EAGAIN: not now; or another negative errno, and it is lost. */
static int deliver(const struct log_record *record) {
        int r = 0;

        if (state.to_journal) {
                r = log_journal_send(record);
                if (r == 0 || r == -EAGAIN) {
                        state.journal_away = state.console_blocked = false;
                        return r;
                }
                r = complain(-r);
        }
        if (r == 0)
                r = log_console_write(record);
        state.console_blocked = r == -EAGAIN;
        return r;
}

/* ---- what waits ---- */

static bool is_waiting(void) {
        return state.backlog.count > 0 || state.lost_unsaid > 0 || log_console_is_waiting();
}

static void mark_taken(void) {
        state.taken++;
        if (!log_console_is_waiting())
                state.sent = state.taken;
}

static void count_lost(void) {
        state.lost++;
        state.lost_unsaid++;
}

static int say_lost(void) {
        CLEANUP(freep) char *text = NULL;
        int r;

        if (state.lost_unsaid == 0)
                return 0;
        text = str_printf("%ju log entr%s lost while %s", (uintmax_t) state.lost_unsaid,
                          state.lost_unsaid == 1 ? "y was" : "ies were",
                          state.to_journal ? "the journal did not read"
                                           : "standard error was not read");
        r = text ? deliver(&(struct log_record){
                           .identifier = state.identifier, .level = LEVEL_WARNING, .message = text})
                 : -ENOMEM;
        if (r != -EAGAIN)
                state.lost_unsaid = 0;
        return r;
}

/* Returns 0 or -EAGAIN. */
static int send_oldest(void) {
        const struct log_record *record;
        int r;

        /* The journal may be there again, and does not wait for a line that the console has. */
        if (log_console_is_waiting() && log_console_flush() && !state.to_journal)
                return -EAGAIN;
        if (!log_console_is_waiting())
                state.sent = state.taken;
        record = log_backlog_first(&state.backlog);
        if (!record)
                return log_console_is_waiting() ? -EAGAIN : say_lost();
        r = deliver(record);
        if (r == -EAGAIN)
                return r;
        if (r < 0)
                count_lost();
        log_backlog_pop(&state.backlog);
        mark_taken();
        return 0;
}

bool log_flush(void) {
        for (unsigned i = 0; i < FLUSH_ENTRIES_MAX && is_waiting(); i++)
                if (send_oldest() == -EAGAIN)
                        break;

        return is_waiting();
}

int log_fd(void) {
        if (!is_waiting())
                return -1;
        return state.console_blocked || log_console_is_waiting() || log_journal_fd() < 0
                       ? log_console_fd()
                       : log_journal_fd();
}

void log_drain(usec_t patience) {
        usec_t end = usec_add(clock_running(), patience), left;
        struct pollfd poll_fd;

        while (log_flush()) {
                left = MAX(end - clock_running(), (usec_t) 0);
                poll_fd = (struct pollfd){.fd = log_fd(), .events = POLLOUT};
                if (poll(&poll_fd, 1, (int) (left / USEC_MSEC)) <= 0 && left == 0)
                        break;
        }
        log_journal_wait(end);
}

uint64_t log_last(void) {
        return state.last;
}

uint64_t log_sent(void) {
        return state.sent;
}

uint64_t log_lost(void) {
        return state.lost;
}

/* ---- logging ---- */

/* Returns whether it was taken, now or into the backlog. */
static bool log_record(const struct log_record *record) {
        int r;

        (void) log_flush();
        r = state.backlog.count > 0 ? -EAGAIN : deliver(record);

        if (r == -EAGAIN)
                r = log_backlog_push(&state.backlog, record);
        else if (r == 0)
                mark_taken();
        return r == 0;
}

PRINTF_LIKE(3, 0)
static void log_va(bool retold, struct log_record *record, const char *format, va_list arguments) {
        CLEANUP(freep) char *message = NULL;
        int saved_errno = errno;

        state.last = state.sent; /* of one that nobody wants */
        if (!log_wants(record->level))
                return;
        state.last = 0;
        if (vasprintf(&message, format, arguments) < 0)
                message = NULL;

        /* An entry without text would not show anywhere; the format at least says which it was. */
        record->message = message ? message : format;
        record->identifier = state.identifier;
        if (log_record(record))
                state.last = ++state.count;
        else if (!retold)
                count_lost();

        errno = saved_errno;
}

void log_entry(enum log_level level, const char *message_id, const struct log_field *fields,
               size_t count, const char *format, ...) {
        struct log_record record = {
                .level = level, .message_id = message_id, .fields = fields, .count = count};
        va_list arguments;

        va_start(arguments, format);
        log_va(false, &record, format, arguments);
        va_end(arguments);
}

void log_entry_retold(enum log_level level, const char *message_id, const struct log_field *fields,
                      size_t count, const char *format, ...) {
        struct log_record record = {
                .level = level, .message_id = message_id, .fields = fields, .count = count};
        va_list arguments;

        va_start(arguments, format);
        log_va(true, &record, format, arguments);
        va_end(arguments);
}
