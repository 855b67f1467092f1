/*
 * Log entries with fields
 *
 * The journal gets message and fields as they are: its protocol is safe against
 * any byte, and a hook's line must arrive unchanged. A terminal is not: on the
 * console whatever could move the cursor or forge a second line becomes '?'.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION /* it would always be this file */
#include <systemd/sd-journal.h>

#include "common/log.h"

static struct {
        const char *identifier;
        enum log_level level;
        bool to_journal;
        bool complained; /* that the journal cannot be written */
} state = {.identifier = "koowatch", .level = LEVEL_INFO};

static const struct {
        enum log_level level;
        const char *name;
} levels[] = {
        {LEVEL_DEBUG, "debug"},     {LEVEL_INFO, "info"},   {LEVEL_NOTICE, "notice"},
        {LEVEL_WARNING, "warning"}, {LEVEL_ERROR, "error"},
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

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

void log_open(const char *identifier, enum log_target target) {
        state.identifier = identifier;
        state.to_journal =
                target == LOG_TARGET_JOURNAL || (target == LOG_TARGET_AUTO && stderr_is_journal());
        state.complained = false;
}

void log_set_level(enum log_level level) {
        state.level = level;
}

bool log_wants(enum log_level level) {
        return level <= state.level;
}

const char *log_level_name(enum log_level level) {
        for (size_t i = 0; i < ARRAY_LEN(levels); i++)
                if (levels[i].level == level)
                        return levels[i].name;

        return "error";
}

int log_level_parse(const char *name, enum log_level *ret) {
        for (size_t i = 0; i < ARRAY_LEN(levels); i++)
                if (streq(levels[i].name, name)) {
                        *ret = levels[i].level;
                        return 0;
                }

        return -EINVAL;
}

/* An entry on its way to the journal: "NAME=value" each. */
struct parts {
        struct iovec *iov;
        size_t count;
};

static void parts_clear(struct parts *parts) {
        for (size_t i = 0; i < parts->count; i++)
                free(parts->iov[i].iov_base);
        free(parts->iov);
}

/* There must be room for one more. */
static int parts_add(struct parts *parts, const char *name, const char *value) {
        char *text;

        if (str_empty(value))
                return 0;

        text = str_printf("%s=%s", name, value);
        if (!text)
                return -ENOMEM;

        parts->iov[parts->count++] = (struct iovec){text, strlen(text)};
        return 0;
}

static int write_journal(enum log_level level, const char *message_id,
                         const struct log_field *fields, size_t count, const char *message) {
        const char priority[] = {(char) ('0' + level), '\0'};
        const struct log_field own[] = {
                {"PRIORITY", priority},
                {"SYSLOG_IDENTIFIER", state.identifier},
                {"MESSAGE_ID", message_id},
                {"MESSAGE", message},
        };
        CLEANUP(parts_clear) struct parts parts = {0};
        int r = 0;

        /* sd_journal_sendv() takes a journal that is not there for success. */
        if (access(JOURNAL_SOCKET, W_OK) < 0)
                return -errno;

        parts.iov = calloc(ARRAY_LEN(own) + count, sizeof(*parts.iov));
        if (!parts.iov)
                return -ENOMEM;

        for (size_t i = 0; i < ARRAY_LEN(own) && r >= 0; i++)
                r = parts_add(&parts, own[i].name, own[i].value);
        for (size_t i = 0; i < count && r >= 0; i++)
                r = parts_add(&parts, fields[i].name, fields[i].value);
        if (r < 0)
                return r;

        return sd_journal_sendv(parts.iov, (int) parts.count);
}

/*
 * How many bytes at s are a control character that a terminal must not see; 0 for
 * none. The second range is U+0080 to U+009F, which terminals obey as well.
 */
static size_t control_length(const char *s) {
        unsigned char c = (unsigned char) s[0], next;

        if ((c < 0x20 && c != '\t') || c == 0x7F)
                return 1;
        if (c != 0xC2)
                return 0;

        next = (unsigned char) s[1];
        return next >= 0x80 && next <= 0x9F ? 2 : 0;
}

static void put_text(FILE *out, const char *s, const char *escaped) {
        while (*s) {
                size_t n = control_length(s);

                if (n == 0 && strchr(escaped, *s))
                        (void) fputc('\\', out);
                (void) fputc(n > 0 ? '?' : *s, out);
                s += n > 0 ? n : 1;
        }
}

static void put_field(FILE *out, const struct log_field *field) {
        bool quoted = strpbrk(field->value, " \t\"'\\");

        (void) fprintf(out, " %s=", field->name);
        if (quoted)
                (void) fputc('"', out);
        put_text(out, field->value, quoted ? "\"\\" : "");
        if (quoted)
                (void) fputc('"', out);
}

static char *console_line(enum log_level level, const struct log_field *fields, size_t count,
                          const char *message) {
        CLEANUP(freep) char *line = NULL;
        bool first = true;
        size_t length;
        FILE *out;

        out = open_memstream(&line, &length);
        if (!out)
                return NULL;

        (void) fprintf(out, "%s ", log_level_name(level));
        put_text(out, message, "");
        for (size_t i = 0; i < count; i++) {
                if (str_empty(fields[i].value) || !str_after(fields[i].name, "KOO"))
                        continue;
                if (first)
                        (void) fputc(' ', out);
                first = false;
                put_field(out, fields + i);
        }
        (void) fputc('\n', out);

        return fclose(out) == 0 ? STEAL_PTR(line) : NULL;
}

static void write_console(enum log_level level, const struct log_field *fields, size_t count,
                          const char *message) {
        CLEANUP(freep) char *line = console_line(level, fields, count, message);
        const char *text = line ? line : "error out of memory, a log entry was lost\n";

        (void) write_all(STDERR_FILENO, text, strlen(text)); /* there is nobody left to tell */
}

/* Returns whether the journal has it. That it does not is logged once, before the first entry. */
static bool try_journal(enum log_level level, const char *message_id,
                        const struct log_field *fields, size_t count, const char *message) {
        CLEANUP(freep) char *complaint = NULL;
        int r;

        if (!state.to_journal)
                return false;
        r = write_journal(level, message_id, fields, count, message);
        if (r < 0 && !state.complained)
                complaint =
                        str_printf("cannot write to the journal (%s), logging to standard error",
                                   strerror(-r));
        if (complaint)
                write_console(LEVEL_WARNING, NULL, 0, complaint);
        state.complained = r < 0;
        return r >= 0;
}

void log_entry(enum log_level level, const char *message_id, const struct log_field *fields,
               size_t count, const char *format, ...) {
        CLEANUP(freep) char *message = NULL;
        int saved_errno = errno;
        va_list arguments;

        if (!log_wants(level))
                return;

        va_start(arguments, format);
        if (vasprintf(&message, format, arguments) < 0)
                message = NULL;
        va_end(arguments);

        /* An entry without text would not show anywhere; the format at least says which it was. */
        if (!try_journal(level, message_id, fields, count, message ? message : format))
                write_console(level, fields, count, message ? message : format);

        errno = saved_errno;
}
