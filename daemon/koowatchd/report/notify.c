#include "koowatchd/report/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/queue.h>
#include <time.h>

#include "common/datagram.h"
#include "common/util.h"

#define STATUS_MAX 2048
#define MORE_TIME (30 * USEC_SEC)

enum kind { EVENT, WATCHDOG, STATUS };

struct message {
        TAILQ_ENTRY(message) entry;
        enum kind kind;
        char *text;
};

static struct {
        TAILQ_HEAD(message_list, message) waiting;
        struct datagram manager;
        usec_t busy; /* when more time was asked for last; 0: nothing takes long */
} state = {.waiting = TAILQ_HEAD_INITIALIZER(state.waiting), .manager = {.fd = -1}};

static bool is_watched(void) {
        const char *address = getenv("NOTIFY_SOCKET");

        if (state.manager.address_length > 0)
                return true;
        return !str_empty(address) && datagram_set_address(&state.manager, address) == 0;
}

static void pop(void) {
        struct message *m = TAILQ_FIRST(&state.waiting);

        TAILQ_REMOVE(&state.waiting, m, entry);
        free(m->text);
        free(m);
}

bool notify_flush(void) {
        const struct message *m;
        int r;

        while ((m = TAILQ_FIRST(&state.waiting))) {
                r = datagram_send(&state.manager, m->text, strlen(m->text), -1);
                if (r == -EAGAIN || r == -ENOBUFS || (r < 0 && error_is_transient(-r)))
                        break;
                pop(); /* also when nobody listens */
        }
        return m;
}

int notify_fd(void) {
        return TAILQ_EMPTY(&state.waiting) ? -1 : state.manager.fd;
}

void notify_close(void) {
        while (!TAILQ_EMPTY(&state.waiting))
                pop();
        datagram_close(&state.manager);
}

static struct message *find_status(void) {
        struct message *m = TAILQ_FIRST(&state.waiting);

        while (m && m->kind != STATUS)
                m = TAILQ_NEXT(m, entry);
        return m;
}

/* Gives the text, which is then taken, to a message that waits; false: it needs one of its own. */
static bool replace(enum kind kind, char **text) {
        struct message *m =
                kind == STATUS ? find_status() : TAILQ_LAST(&state.waiting, message_list);

        if (!m || m->kind != kind || kind == EVENT)
                return false;
        free(m->text);
        m->text = STEAL_PTR(*text);
        return true;
}

PRINTF_LIKE(2, 3) static void send_message(enum kind kind, const char *format, ...) {
        CLEANUP(freep) char *text = NULL;
        struct message *m;
        va_list arguments;
        int n;

        if (!is_watched())
                return;
        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n < 0) {
                text = NULL;
                return;
        }
        if (!replace(kind, &text)) {
                m = malloc(sizeof(*m));
                if (!m)
                        return;
                *m = (struct message){.kind = kind, .text = STEAL_PTR(text)};
                TAILQ_INSERT_TAIL(&state.waiting, m, entry);
        }
        (void) notify_flush();
}

void notify_busy(usec_t now) {
        if (state.busy > 0 && now - state.busy < USEC_SEC)
                return;
        if (state.busy > 0)
                send_message(WATCHDOG, "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=%lld",
                             (long long) MORE_TIME);
        state.busy = now;
}

void notify_ready(void) {
        state.busy = 0;
        send_message(EVENT, "READY=1");
}

void notify_reloading(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        send_message(EVENT, "RELOADING=1\nMONOTONIC_USEC=%lld",
                     (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(usec_t timeout) {
        send_message(EVENT, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", (long long) timeout);
}

void notify_watchdog(void) {
        send_message(WATCHDOG, "WATCHDOG=1");
}

void notify_status(char *text) {
        (void) utf8_cut(text, STATUS_MAX - strlen("STATUS="));
        str_make_plain(text); /* the service manager takes nothing but UTF-8 */
        send_message(STATUS, "STATUS=%s", text);
}
