/* What koowatchd reads of a hook runner: any bytes, in any pieces. */
#include <ev.h>
#include <math.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/log.h"
#include "fuzz/fuzz.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/report/hook-result.h"
#include "unit/fake-time.h"

#define EVENT "{\"event\":\"finished\"}\n"

static struct ev_loop *loop;
static struct timers *timers;
static struct runner *runner;
static int listener;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        (void) argc;
        (void) argv;
        log_set_level(LEVEL_ERROR);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/koowatch-fuzz-%d.socket",
                        (int) getpid());
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void) unlink(address.sun_path);
        REQUIRE(bind(listener, (struct sockaddr *) &address, sizeof(address)) == 0);
        REQUIRE(listen(listener, 1) == 0);
        loop = ev_default_loop(EVFLAG_NOENV);
        REQUIRE(loop && timers_new(loop, &timers) == 0);
        REQUIRE(runner_new(loop, timers, address.sun_path, NULL, "/", &runner) == 0);
        return 0;
}

/* What a run has told. */
struct told {
        char *text;
        size_t length;
        FILE *file;
        unsigned ends;
};

static void on_hook_start(void *userdata, const char *hook) {
        struct told *t = userdata;

        REQUIRE(t->ends == 0 && hook);
        (void) fprintf(t->file, "start %s\n", hook);
}

static void on_hook_end(void *userdata, const struct hook_end *end) {
        struct told *t = userdata;

        REQUIRE(t->ends == 0 && end->hook && end->result < HOOK_RESULTS);
        REQUIRE(isfinite(end->seconds) && end->seconds >= 0); /* they are added up */
        (void) fprintf(t->file, "end %s %d %s %d %d %d %g\n", end->hook, (int) end->result,
                       end->reason ? end->reason : "-", end->status, end->signal, end->timed_out,
                       end->seconds);
}

static void on_end(void *userdata, enum runner_outcome outcome) {
        struct told *t = userdata;

        (void) fprintf(t->file, "over %d\n", (int) outcome);
        t->ends++;
}

static void turn(void) {
        (void) ev_run(loop, EVRUN_NOWAIT);
}

/* The caller owns what it has told. piece 0: all at once. */
static char *run(const uint8_t *data, size_t size, size_t piece) {
        static const struct runner_handler handler = {on_hook_start, on_hook_end, on_end};
        struct told t = {};
        size_t sent = 0;
        int peer;

        t.file = open_memstream(&t.text, &t.length);
        REQUIRE(t.file && runner_start(runner, EVENT, strlen(EVENT), &handler, &t) == 0);
        peer = accept(listener, NULL, NULL);
        REQUIRE(peer >= 0);
        while (sent < size && t.ends == 0) {
                size_t n = piece > 0 ? MIN(piece, size - sent) : size - sent;
                ssize_t written = send(peer, data + sent, n, MSG_NOSIGNAL | MSG_DONTWAIT);

                sent += written > 0 ? (size_t) written : 0;
                turn();
        }
        (void) shutdown(peer, SHUT_WR);
        for (size_t i = 0; t.ends == 0 && i < size / 1024 + 8; i++)
                turn();
        (void) close(peer);
        REQUIRE(t.ends == 1 && !runner_is_busy(runner));
        REQUIRE(time_next(timers) == USEC_INFINITY);
        REQUIRE(fclose(t.file) == 0);
        return t.text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        CLEANUP(freep) char *whole = run(data, size, 0);
        CLEANUP(freep) char *pieces = run(data, size, size / 7 + 1);

        REQUIRE(streq(whole, pieces));
        return 0;
}
