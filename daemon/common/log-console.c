/*
 * A terminal is not safe against any byte, as the journal is: whatever could move the cursor or
 * forge a second line becomes '?'.
 */
#include "common/log-console.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/util.h"

/* How stderr is written without waiting. */
enum way {
        WRITE,    /* a file or a device that does not block */
        REOPENED, /* by a description of our own, see reopen() */
        SEND,     /* a socket */
        ASK,      /* poll() says whether it would block */
};

static struct {
        dev_t device;
        ino_t inode; /* of what the others are about */
        enum way way;
        int fd;     /* of REOPENED, else -1 */
        char *line; /* the one that waits, NULL: none */
        size_t length, written;
        int refused; /* errno, why the last line was not taken; 0: it was, or there is nobody */
} console = {.fd = -1};

/* ---- the line ---- */

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

/* How many bytes at s are written as they are; the NUL is a control character. */
static size_t plain_length(const char *s, const char *escaped) {
        size_t n = 0;

        while (control_length(s + n) == 0 && (!*escaped || !strchr(escaped, s[n])))
                n++;
        return n;
}

static void put_text(FILE *out, const char *s, const char *escaped) {
        for (;;) {
                size_t n = plain_length(s, escaped);

                (void) fwrite(s, 1, n, out);
                s += n;
                if (!*s)
                        return;
                n = control_length(s);
                (void) fputc(n > 0 ? '?' : '\\', out);
                if (n == 0)
                        (void) fputc(*s++, out);
                s += n;
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

/* The caller frees it; NULL when memory is short. */
static char *make_line(const struct log_record *record, size_t *ret_length) {
        CLEANUP(freep) char *line = NULL;
        bool first = true, failed;
        FILE *out;

        out = open_memstream(&line, ret_length);
        if (!out)
                return NULL;

        (void) fprintf(out, "%s ", log_level_name(record->level));
        put_text(out, record->message, "");
        for (size_t i = 0; i < record->count; i++) {
                const struct log_field *field = record->fields + i;

                if (str_empty(field->value) || !str_after(field->name, "KOO"))
                        continue;
                if (first)
                        (void) fputc(' ', out);
                first = false;
                put_field(out, field);
        }
        (void) fputc('\n', out);

        failed = ferror(out);
        return fclose(out) == 0 && !failed ? STEAL_PTR(line) : NULL;
}

/* ---- stderr ---- */

/*
 * O_NONBLOCK belongs to the open description, which a terminal or pipe shares with the shell and
 * every other program on it: set there, cat and the shell itself would fail with EAGAIN. Opened
 * anew it is ours alone. That fails for another user's terminal or pipe, and for a FIFO that
 * nobody reads.
 */
static int reopen(void) {
        return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* stderr may have become another file since the last line. */
static void look_at_stderr(void) {
        struct stat st;

        if (fstat(STDERR_FILENO, &st) < 0)
                st = (struct stat){};
        if (st.st_dev == console.device && st.st_ino == console.inode)
                return;
        closep(&console.fd);
        console.fd = -1;
        console.device = st.st_dev;
        console.inode = st.st_ino;
        console.way = WRITE;
        if (S_ISSOCK(st.st_mode))
                console.way = SEND;
        if (!S_ISFIFO(st.st_mode) && !(S_ISCHR(st.st_mode) && isatty(STDERR_FILENO)))
                return;
        console.fd = reopen();
        console.way = console.fd >= 0 ? REOPENED : ASK;
}

/* poll() promises room for PIPE_BUF bytes in a pipe, and for one in a terminal. */
static ssize_t ask_and_write(const char *data, size_t length) {
        struct pollfd poll_fd = {.fd = STDERR_FILENO, .events = POLLOUT};

        size_t most = isatty(STDERR_FILENO) ? 1 : PIPE_BUF;

        if (poll(&poll_fd, 1, 0) > 0)
                return write(STDERR_FILENO, data, MIN(length, most));
        errno = EAGAIN;
        return -1;
}

static ssize_t write_some(const char *data, size_t length) {
        switch (console.way) {
        case REOPENED:
                return write(console.fd, data, length);
        case SEND:
                return send(STDERR_FILENO, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        case ASK:
                return ask_and_write(data, length);
        default:
                return write(STDERR_FILENO, data, length);
        }
}

static void forget_line(void) {
        free(STEAL_PTR(console.line));
        console.length = console.written = 0;
}

/* A file that has no room now, unlike a reader that has gone, may have it later. */
static bool is_full(int error) {
        return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO;
}

bool log_console_flush(void) {
        ssize_t n;

        console.refused = 0;
        look_at_stderr();
        while (console.written < console.length) {
                n = write_some(console.line + console.written, console.length - console.written);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return true;
                if (n <= 0) {
                        console.refused = n < 0 && is_full(errno) ? errno : 0;
                        break;
                }
                console.written += (size_t) n;
        }
        forget_line();
        return false;
}

int log_console_write(const struct log_record *record) {
        if (log_console_is_waiting() && log_console_flush())
                return -EAGAIN;
        console.line = make_line(record, &console.length);
        if (!console.line) {
                forget_line();
                return -ENOMEM;
        }
        if (!log_console_flush())
                return -console.refused;
        if (console.written > 0)
                return 0;
        forget_line();
        return -EAGAIN;
}

bool log_console_is_waiting(void) {
        return console.line;
}

int log_console_fd(void) {
        return console.way == REOPENED ? console.fd : STDERR_FILENO;
}
