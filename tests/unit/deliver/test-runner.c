/* The runner, against a peer that says what it is told to and a koowatch-hook that is a script. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/json.h"
#include "common/log.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/hook-result.h"
#include "unit/fake-time.h"
#include "unit/loop-until.h"

#define EVENT "{\"event\":\"finished\"}\n"
#define LINE_MAX_LENGTH (64 * 1024)

struct fixture {
        char directory[DIRECTORY_MAX];
        char socket[DIRECTORY_MAX + 16], script[DIRECTORY_MAX + 16], fifo[DIRECTORY_MAX + 16];
        struct ev_loop *loop;
        struct timers *timers;
        struct runner *runner;
        int listener;
};

/* What a run has told, a line a call. */
struct told {
        char text[4096];
        unsigned ends;
        struct fixture *again; /* starts another run from inside the last call */
};

static char program[DIRECTORY_MAX + 16]; /* what is spawned instead of koowatch-hook */
static char wanted[256];                 /* what would have been spawned */
static pid_t spawned;

/* Instead of libc's, in this program. */
int posix_spawn(pid_t *restrict ret, const char *restrict path,
                const posix_spawn_file_actions_t *restrict actions,
                const posix_spawnattr_t *restrict attributes, char *const argv[restrict],
                char *const environment[restrict]) {
        int error = posix_spawnp(ret, program, actions, attributes, argv, environment);

        (void) snprintf(wanted, sizeof(wanted), "%s", path);
        spawned = error ? 0 : *ret;
        return error;
}

static void told_add(struct told *t, const char *format, ...) PRINTF_LIKE(2, 3);

static void told_add(struct told *t, const char *format, ...) {
        size_t n = strlen(t->text);
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(t->text + n, sizeof(t->text) - n, format, arguments);
        va_end(arguments);
}

static void on_hook_start(void *userdata, const char *hook) {
        told_add(userdata, "start %.100s\n", hook);
}

static void on_hook_end(void *userdata, const struct hook_end *end) {
        told_add(userdata, "end %s %s %s %d %d %s %g%s%s\n", end->hook,
                 hook_result_name(end->result), end->reason ? end->reason : "-", end->status,
                 end->signal, end->timed_out ? "late" : "-", end->seconds, end->tail ? " " : "",
                 end->tail ? end->tail : "");
}

static void run(struct fixture *f, struct told *t);

static void on_end(void *userdata, enum runner_outcome outcome) {
        static const char *const names[] = {"done", "failed", "later"};
        struct told *t = userdata;

        told_add(t, "%s\n", names[outcome]);
        t->ends++;
        if (t->again)
                run(STEAL_PTR(t->again), t);
}

static const struct runner_handler handler = {on_hook_start, on_hook_end, on_end};

static void run_event(struct fixture *f, struct told *t, const char *line, size_t length) {
        assert_int_equal(runner_start(f->runner, line, length, &handler, t), 0);
}

static void run(struct fixture *f, struct told *t) {
        run_event(f, t, EVENT, strlen(EVENT));
}

/* The other side of the run that was started last. */
static int peer_accept(const struct fixture *f) {
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        assert_true(fd >= 0);
        return fd;
}

static void peer_say(struct fixture *f, int peer, const char *text) {
        const size_t length = strlen(text);

        for (size_t sent = 0; sent < length;) {
                ssize_t n = send(peer, text + sent, length - sent, MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN)
                        break; /* it has heard enough */
                sent += n > 0 ? (size_t) n : 0;
                loop_turn(f->loop);
        }
        loop_turn(f->loop);
}

/* Whether the runner has closed its side; what it has sent is thrown away. */
static bool peer_is_left(int peer) {
        char buffer[4096];
        ssize_t n;

        while ((n = recv(peer, buffer, sizeof(buffer), 0)) > 0)
                ;
        return n == 0 || errno == ECONNRESET;
}

/* A run in which the peer says text and closes. */
static void run_with(struct fixture *f, struct told *t, const char *text) {
        int peer;

        *t = (struct told){};
        run(f, t);
        peer = peer_accept(f);
        loop_turn(f->loop);
        peer_say(f, peer, text);
        (void) close(peer);
        loop_turn(f->loop);
        assert_int_equal(t->ends, 1);
        assert_false(runner_is_busy(f->runner));
        assert_int_equal(time_next(f->timers), USEC_INFINITY);
}

static int set_up(void **state, const char *setting) {
        struct fixture *f = calloc(1, sizeof(*f));
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        assert_non_null(f);
        time_reset();
        directory_make(f->directory);
        (void) snprintf(f->socket, sizeof(f->socket), "%s/socket", f->directory);
        (void) snprintf(f->script, sizeof(f->script), "%s/script", f->directory);
        (void) snprintf(f->fifo, sizeof(f->fifo), "%s/fifo", f->directory);
        (void) snprintf(program, sizeof(program), "%s", f->script);
        assert_int_equal(mkfifo(f->fifo, 0600), 0);
        f->loop = ev_default_loop(EVFLAG_AUTO);
        assert_int_equal(timers_new(f->loop, &f->timers), 0);
        f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        memcpy(address.sun_path, f->socket, strlen(f->socket) + 1);
        assert_int_equal(bind(f->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(f->listener, 8), 0);
        assert_int_equal(runner_new(f->loop, f->timers, setting ? setting : f->socket,
                                    "/etc/other.conf", "/run/locks", &f->runner),
                         0);
        *state = f;
        return 0;
}

static int set_up_socket(void **state) {
        return set_up(state, NULL);
}

static int set_up_spawn(void **state) {
        return set_up(state, "spawn");
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        runner_free(f->runner);
        timers_free(f->timers);
        (void) close(f->listener);
        directory_remove(f->directory);
        free(f);
        return 0;
}

static void test_a_whole_run(void **state) {
        struct fixture *f = *state;
        struct told t = {};
        char event[256];
        ssize_t n;
        int peer;

        assert_true(runner_is_remote(f->runner));
        assert_non_null(strstr(runner_describe(f->runner), f->socket));
        assert_false(runner_is_busy(f->runner));
        run(f, &t);
        assert_true(runner_is_busy(f->runner));
        peer = peer_accept(f);
        loop_turn(f->loop);
        n = recv(peer, event, sizeof(event), 0);
        assert_int_equal(n, strlen(EVENT));
        assert_memory_equal(event, EVENT, strlen(EVENT));

        peer_say(f, peer, "{\"ready\":true}\n{\"start\":\"finished.d/10-a\"}\n");
        assert_string_equal(t.text, "start finished.d/10-a\n");
        peer_say(f, peer,
                 "{\"end\":\"finished.d/10-a\",\"result\":\"done\",\"status\":0,\"seconds\":1.5,"
                 "\"tail\":\"done it\"}\n");
        peer_say(f, peer, "{\"done\":true}\n");
        assert_int_equal(t.ends, 0); /* that is when it closes */
        (void) close(peer);
        loop_turn(f->loop);
        assert_string_equal(t.text, "start finished.d/10-a\n"
                                    "end finished.d/10-a done - 0 -1 - 1.5 done it\n"
                                    "done\n");
        assert_false(runner_is_busy(f->runner));
}

static void test_what_the_lines_come_to(void **state) {
        static const struct {
                const char *lines, *outcome;
        } cases[] = {
                {"{\"ready\":true}\n{\"done\":true}\n", "done\n"},
                {"", "later\n"}, /* nobody there */
                {"{\"busy\":true}\n", "later\n"},
                {"{\"ready\":true}\n", "failed\n"}, /* it died on the way */
                {"{\"ready\":true}\n{\"busy\":true}\n", "later\n"},
                {"{\"ready\":false}\n{\"busy\":false}\n{\"done\":false}\n", "later\n"},
                {"{\"ready\":true}\n{\"done\":true}", "failed\n"}, /* no line without its end */
                {"{\"ready\":true}", "later\n"},
                {"{\"ready\":true,\"done\":true}\n", "done\n"},
                {"{\"ready\":true}\n{\"start\":\"a\"}\n", "start a\nfailed\n"},
        };
        struct fixture *f = *state;
        struct told t;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                run_with(f, &t, cases[i].lines);
                assert_string_equal(t.text, cases[i].outcome);
        }
}

static void test_how_a_hook_has_ended(void **state) {
        static const struct {
                const char *members, *end;
        } cases[] = {
                {"\"result\":\"done\",\"status\":0", "done - 0 -1 - 0"},
                {"\"result\":\"later\",\"status\":75", "later - 75 -1 - 0"},
                {"\"result\":\"progress\",\"status\":79", "progress - 79 -1 - 0"},
                {"\"result\":\"skipped\",\"status\":77", "skipped - 77 -1 - 0"},
                {"\"result\":\"failed\",\"signal\":9,\"seconds\":2", "failed - -1 9 - 2"},
                {"\"result\":\"failed\",\"reason\":\"no such hook\"",
                 "failed no such hook -1 -1 - 0"},
                {"\"result\":\"failed\",\"signal\":15,\"timeout\":true", "failed - -1 15 late 0"},
                {"\"status\":0", "failed - 0 -1 - 0"}, /* what is not said is not well */
                {"\"result\":\"fine\"", "failed - -1 -1 - 0"},
                {"\"seconds\":-1", "failed - -1 -1 - 0"},
                {"\"seconds\":1e999", "failed - -1 -1 - 0"},
                {"\"seconds\":\"nan\"", "failed - -1 -1 - 0"},
                {"\"status\":7,\"seconds\":NaN", "failed - 7 -1 - 0"},
                {"\"result\":0,\"reason\":1,\"status\":\"0\",\"signal\":null,\"seconds\":[]",
                 "failed - -1 -1 - 0"},
        };
        struct fixture *f = *state;
        struct told t;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *lines = str_printf("{\"ready\":true}\n{\"end\":\"a\",%s}\n{\"done\":true}\n",
                                         cases[i].members);
                CLEANUP(freep) char *expected = str_printf("end a %s\ndone\n", cases[i].end);

                run_with(f, &t, lines);
                assert_string_equal(t.text, expected);
        }
}

static void test_lines_that_say_nothing(void **state) {
        static const char *const lines[] = {
                "",
                "x",
                "{",
                "{\"start\":\"a\"",
                "[\"start\"]",
                "\"start\"",
                "null",
                "17",
                "\xff\xfe",
                "{\"a\":1}",
                "{\"start\":[\"a\"]}",
                "{\"end\":{}}",
                "{\"start\":null}",
                "}{}{{",
                "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        };
        struct fixture *f = *state;
        struct told t;

        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                CLEANUP(freep)
                char *text =
                        str_printf("%s\n{\"ready\":true}\n%s\n{\"start\":\"h\"}\n{\"done\":true}\n",
                                   lines[i], lines[i]);

                run_with(f, &t, text);
                assert_string_equal(t.text, "start h\ndone\n");
        }
}

static void test_lines_in_pieces(void **state) {
        static const char text[] = "{\"ready\":true}\n{\"start\":\"a\"}\n{\"done\":true}\n";
        struct fixture *f = *state;
        struct told t = {};
        int peer;

        run(f, &t);
        peer = peer_accept(f);
        for (size_t i = 0; text[i]; i++) {
                assert_int_equal(send(peer, text + i, 1, MSG_NOSIGNAL), 1);
                loop_turn(f->loop);
        }
        (void) close(peer);
        loop_turn(f->loop);
        assert_string_equal(t.text, "start a\ndone\n");
}

/* A line of length characters and its end. */
static char *make_line(size_t length) {
        static const char head[] = "{\"start\":\"a\",\"b\":\"";
        char *line = malloc(length + 2);

        assert_non_null(line);
        memset(line, 'x', length);
        memcpy(line, head, strlen(head));
        memcpy(line + length - 2, "\"}\n", 4);
        return line;
}

static void test_lines_that_are_long(void **state) {
        CLEANUP(freep) char *fits = make_line(LINE_MAX_LENGTH);
        CLEANUP(freep) char *over = make_line(LINE_MAX_LENGTH + 1);
        struct fixture *f = *state;
        struct told t = {};
        int peer;

        run(f, &t);
        peer = peer_accept(f);
        peer_say(f, peer, "{\"ready\":true}\n");
        peer_say(f, peer, fits);
        peer_say(f, peer, fits); /* the limit is a line's, not theirs together */
        LOOP_UNTIL(f->loop, streq(t.text, "start a\nstart a\n"));
        peer_say(f, peer, over); /* no such peer is listened to any longer */
        LOOP_UNTIL(f->loop, t.ends > 0);
        assert_string_equal(t.text, "start a\nstart a\nfailed\n");
        assert_true(peer_is_left(peer));
        (void) close(peer);
        assert_false(runner_is_busy(f->runner));
}

static void test_one_that_is_never_ready(void **state) {
        struct fixture *f = *state;
        struct told t = {};
        int peer;

        run(f, &t);
        peer = peer_accept(f);
        loop_turn(f->loop);
        time_pass(f->timers, USEC_MINUTE - 1);
        assert_int_equal(t.ends, 0);
        time_pass(f->timers, 1);
        assert_string_equal(t.text, "later\n");
        assert_true(peer_is_left(peer));
        (void) close(peer);
        assert_false(runner_is_busy(f->runner));
}

/* To look for its next hook. */
static void test_one_that_is_ready_has_two_minutes(void **state) {
        static const char *const words[] = {"ready", "busy"};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
                CLEANUP(freep) char *line = str_printf("{\"%s\":true}\n", words[i]);
                struct told t = {};
                int peer;

                run(f, &t);
                peer = peer_accept(f);
                peer_say(f, peer, line);
                time_pass(f->timers, 2 * USEC_MINUTE - 1);
                assert_int_equal(t.ends, 0);
                time_pass(f->timers, 1);
                assert_string_equal(t.text, i == 0 ? "failed\n" : "later\n");
                assert_true(peer_is_left(peer));
                (void) close(peer);
        }
}

/* The time of a hook, with the seconds in which it is killed, and no more for one that hangs. */
static void test_one_that_hangs(void **state) {
        static const struct {
                const char *timeout;
                unsigned minutes;
        } cases[] = {{"1", 2}, {"59", 2}, {"60", 3}, {"600", 12}, {"86400", 1442}};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *start = str_printf("{\"start\":\"a\",\"timeout\":%s}\n", cases[i].timeout);
                struct told t = {};
                int peer;

                run(f, &t);
                peer = peer_accept(f);
                peer_say(f, peer, "{\"ready\":true}\n");
                peer_say(f, peer, start);
                time_pass(f->timers, USEC_MINUTE);
                peer_say(f, peer, "{\"end\":\"a\",\"result\":\"done\",\"status\":0}\n");
                time_pass(f->timers, 2 * USEC_MINUTE - 1);
                peer_say(f, peer, start);
                time_pass(f->timers, cases[i].minutes * USEC_MINUTE - 1);
                assert_int_equal(t.ends, 0);
                time_pass(f->timers, 1);
                assert_string_equal(t.text, "start a\nend a done - 0 -1 - 0\nstart a\nfailed\n");
                assert_true(peer_is_left(peer));
                (void) close(peer);
                assert_false(runner_is_busy(f->runner));
        }
}

/* What it says of no time, or of none that is one, is not held against it. */
static void test_a_hook_without_a_limit(void **state) {
        static const char *const texts[] = {"", ",\"timeout\":null", ",\"timeout\":0",
                                            ",\"timeout\":-1", ",\"timeout\":\"1\""};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                CLEANUP(freep)
                char *text = str_printf("{\"ready\":true}\n{\"start\":\"a\"%s}\n", texts[i]);
                struct told t = {};
                int peer;

                run(f, &t);
                peer = peer_accept(f);
                peer_say(f, peer, text);
                assert_int_equal(time_next(f->timers), USEC_INFINITY);
                (void) close(peer);
                loop_turn(f->loop);
                assert_int_equal(t.ends, 1);
        }
}

/* Larger than what the socket takes at once. */
static void test_a_large_event(void **state) {
        const size_t length = 2 * 1024 * 1024;
        CLEANUP(freep) char *event = malloc(length);
        CLEANUP(freep) char *received = malloc(length + 1);
        struct fixture *f = *state;
        struct told t = {};
        size_t n = 0;
        int peer;

        assert_non_null(event);
        assert_non_null(received);
        for (size_t i = 0; i < length; i++)
                event[i] = (char) ('a' + i % 23);
        event[length - 1] = '\n';
        run_event(f, &t, event, length);
        peer = peer_accept(f);
        while (n < length) {
                ssize_t more;

                loop_turn(f->loop);
                more = recv(peer, received + n, length + 1 - n, 0);
                assert_true(more > 0);
                n += (size_t) more;
        }
        assert_memory_equal(received, event, length);
        loop_turn(f->loop);
        assert_true(recv(peer, received, 1, 0) < 0); /* and no more */
        assert_int_equal(errno, EAGAIN);
        peer_say(f, peer, "{\"ready\":true}\n{\"done\":true}\n");
        (void) close(peer);
        loop_turn(f->loop);
        assert_string_equal(t.text, "done\n");
}

static void test_one_that_closes_before_it_has_read_all(void **state) {
        const size_t length = 2 * 1024 * 1024;
        CLEANUP(freep) char *event = calloc(1, length);
        struct fixture *f = *state;
        struct told t = {};
        int peer;

        assert_non_null(event);
        run_event(f, &t, event, length);
        peer = peer_accept(f);
        loop_turn(f->loop);
        (void) close(peer); /* with something unread: the runner gets an error */
        LOOP_UNTIL(f->loop, t.ends > 0);
        assert_string_equal(t.text, "later\n");
}

static void test_two_at_once(void **state) {
        struct fixture *f = *state;
        struct told a = {}, b = {};
        int peer_a, peer_b;

        run(f, &a);
        peer_a = peer_accept(f);
        run(f, &b);
        peer_b = peer_accept(f);
        peer_say(f, peer_b, "{\"ready\":true}\n{\"start\":\"b\"}\n");
        peer_say(f, peer_a, "{\"ready\":true}\n{\"done\":true}\n");
        (void) close(peer_a);
        loop_turn(f->loop);
        assert_string_equal(a.text, "done\n");
        assert_string_equal(b.text, "start b\n");
        assert_true(runner_is_busy(f->runner));
        (void) close(peer_b);
        loop_turn(f->loop);
        assert_string_equal(b.text, "start b\nfailed\n");
        assert_false(runner_is_busy(f->runner));
}

static void test_the_next_one_from_inside_the_last_call(void **state) {
        struct fixture *f = *state;
        struct told t = {.again = f};
        int peer;

        run(f, &t);
        peer = peer_accept(f);
        (void) close(peer);
        loop_turn(f->loop);
        assert_string_equal(t.text, "later\n");
        assert_true(runner_is_busy(f->runner));
        peer = peer_accept(f);
        peer_say(f, peer, "{\"ready\":true}\n{\"done\":true}\n");
        (void) close(peer);
        loop_turn(f->loop);
        assert_string_equal(t.text, "later\ndone\n");
}

static void test_nobody_to_connect_to(void **state) {
        struct fixture *f = *state;
        struct told t = {};

        (void) close(f->listener);
        f->listener = -1;
        assert_int_equal(runner_start(f->runner, EVENT, strlen(EVENT), &handler, &t),
                         -ECONNREFUSED);
        assert_int_equal(unlink(f->socket), 0);
        assert_int_equal(runner_start(f->runner, EVENT, strlen(EVENT), &handler, &t), -ENOENT);
        loop_turn(f->loop);
        time_pass(f->timers, USEC_HOUR);
        assert_string_equal(t.text, "");
        assert_false(runner_is_busy(f->runner));
}

static void test_a_path_that_is_too_long(void **state) {
        CLEANUP(runner_freep) struct runner *runner = NULL;
        struct fixture *f = *state;
        char path[200];
        struct told t = {};

        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(runner_new(f->loop, f->timers, path, NULL, "/run/locks", &runner), 0);
        assert_int_equal(runner_start(runner, EVENT, strlen(EVENT), &handler, &t), -ENAMETOOLONG);
}

static usec_t run_until(void *userdata) {
        return clock_boot() + *(usec_t *) userdata;
}

static void set_fleet(struct fixture *f, usec_t *trust) {
        const struct runner_fleet fleet = {"node-1", run_until, trust};

        assert_int_equal(runner_set_fleet(f->runner, &fleet), 0);
}

static size_t peer_take(int peer, char *buffer, size_t size) {
        ssize_t n = recv(peer, buffer, size, 0);

        return n > 0 ? (size_t) n : 0;
}

static void expect_heard(struct fixture *f, int peer, const char *expected) {
        char heard[256];

        loop_turn(f->loop);
        heard[peer_take(peer, heard, sizeof(heard) - 1)] = '\0';
        assert_string_equal(heard, expected);
}

/* TIME_BOOT is 1000 s. */
static void test_a_fleet_is_kept_alive(void **state) {
        struct fixture *f = *state;
        usec_t trust = 13 * USEC_SEC;
        struct told t = {};
        int first, second;

        set_fleet(f, &trust);
        assert_int_equal(time_next(f->timers), USEC_INFINITY);
        run(f, &t);
        first = peer_accept(f);
        expect_heard(f, first, EVENT);
        peer_say(f, first, "{\"ready\":true}\n{\"start\":\"a\"}\n");
        time_pass(f->timers, 4 * USEC_SEC - 1);
        expect_heard(f, first, "");
        time_pass(f->timers, 1);
        expect_heard(f, first, "{\"runUntil\":1017000000}\n");
        run(f, &t);
        second = peer_accept(f);
        expect_heard(f, second, EVENT);
        trust = 5 * USEC_SEC;
        time_pass(f->timers, 4 * USEC_SEC);
        expect_heard(f, first, "{\"runUntil\":1013000000}\n");
        expect_heard(f, second, "{\"runUntil\":1013000000}\n");
        (void) close(first);
        (void) close(second);
        loop_turn(f->loop);
        assert_int_equal(t.ends, 2);
        time_pass(f->timers, 4 * USEC_SEC);
        assert_int_equal(time_next(f->timers), USEC_INFINITY);
}

static void test_alone_nothing_follows_the_event(void **state) {
        struct fixture *f = *state;
        struct event_attempt attempt = {};
        struct told t = {};
        int peer;

        runner_complete_attempt(f->runner, &attempt);
        assert_null(attempt.node);
        assert_int_equal(attempt.run_until, 0);
        run(f, &t);
        peer = peer_accept(f);
        peer_say(f, peer, "{\"ready\":true}\n{\"start\":\"a\"}\n");
        time_pass(f->timers, USEC_HOUR);
        expect_heard(f, peer, EVENT);
        (void) close(peer);
        loop_turn(f->loop);
}

static void test_what_an_attempt_has_of_a_fleet(void **state) {
        struct fixture *f = *state;
        struct event_attempt attempt = {.number = 2};
        usec_t trust = 13 * USEC_SEC;

        time_fail_next_open();
        assert_int_equal(
                runner_set_fleet(f->runner, &(struct runner_fleet){"a", run_until, &trust}),
                -ENOMEM);
        set_fleet(f, &trust);
        runner_complete_attempt(f->runner, &attempt);
        assert_string_equal(attempt.node, "node-1");
        assert_int_equal(attempt.run_until, TIME_BOOT + 13 * USEC_SEC);
        assert_int_equal(attempt.number, 2);
}

static void test_labels(void **state) {
        CLEANUP(json_object_putp) json_object *event = json_tokener_parse("{\"runOn\":[\"gpu\"]}");
        struct fixture *f = *state;

        assert_false(runner_may_run(f->runner, event));
        assert_int_equal(runner_set_labels(f->runner, "eu gpu"), 0);
        assert_true(runner_may_run(f->runner, event));
        assert_int_equal(runner_set_labels(f->runner, NULL), 0);
        assert_false(runner_may_run(f->runner, event));
}

/* One that does not read is not told, and what it reads later is whole. */
static void test_a_fleet_whose_runner_does_not_read(void **state) {
        const size_t length = 2 * 1024 * 1024;
        CLEANUP(freep) char *event = malloc(length), *heard = calloc(1, length + 4096);
        struct fixture *f = *state;
        usec_t trust = 13 * USEC_SEC;
        struct told t = {};
        size_t n = 0;
        int peer;

        assert_true(event && heard);
        memset(event, 'x', length);
        event[length - 1] = '\n';
        set_fleet(f, &trust);
        run_event(f, &t, event, length);
        peer = peer_accept(f);
        time_pass(f->timers, 40 * USEC_SEC);
        LOOP_UNTIL(f->loop, (n += peer_take(peer, heard + n, length + 4096 - n)) >= length);
        assert_memory_equal(heard, event, length);
        assert_int_equal(n, length);
        time_pass(f->timers, 4 * USEC_SEC);
        expect_heard(f, peer, "{\"runUntil\":1057000000}\n");
        (void) close(peer);
        loop_turn(f->loop);
        assert_int_equal(t.ends, 1);
}

/* As when a session of the fleet is over, and the next one begins. */
static void test_others_may_be_started_after_a_stop(void **state) {
        struct fixture *f = *state;
        struct told before = {}, t = {};
        int first, second;

        run(f, &before);
        first = peer_accept(f);
        runner_stop(f->runner);
        assert_true(peer_is_left(first));
        (void) close(first);
        run(f, &t);
        second = peer_accept(f);
        peer_say(f, second, "{\"ready\":true}\n{\"start\":\"a\"}\n{\"done\":true}\n");
        (void) close(second);
        loop_turn(f->loop);
        assert_string_equal(t.text, "start a\ndone\n");
        assert_string_equal(before.text, "");
}

/* An instance of the service manager's goes on; nobody follows it. */
static void test_stopping_lets_go_of_instances(void **state) {
        struct fixture *f = *state;
        struct told t = {};
        int peer;

        run(f, &t);
        peer = peer_accept(f);
        peer_say(f, peer, "{\"ready\":true}\n");
        runner_stop(f->runner);
        assert_false(runner_is_busy(f->runner));
        assert_true(peer_is_left(peer));
        (void) close(peer);
        loop_turn(f->loop);
        time_pass(f->timers, USEC_HOUR);
        assert_string_equal(t.text, "");
}

static void test_no_call_when_it_is_freed(void **state) {
        struct fixture *f = *state;
        struct told t = {};
        int peer;

        run(f, &t);
        peer = peer_accept(f);
        runner_free(STEAL_PTR(f->runner));
        (void) close(peer);
        loop_turn(f->loop);
        assert_int_equal(time_next(f->timers), USEC_INFINITY);
        assert_string_equal(t.text, "");
}

/* ---- spawned ---- */

/* %s: the fifo, which blocks the script until somebody opens it. */
static void put_script(const struct fixture *f, const char *format) {
        CLEANUP(freep) char *body = NULL, *text = NULL;
        const char *place = strstr(format, "FIFO");

        body = place ? str_printf("%.*s%s%s", (int) (place - format), format, f->fifo, place + 4)
                     : strdup(format);
        assert_non_null(body);
        text = str_printf("#!/bin/sh\n%s", body);
        assert_non_null(text);
        assert_int_equal(replace_file(f->script, text, strlen(text), 0700), 0);
}

static void run_script(struct fixture *f, struct told *t, const char *text) {
        put_script(f, text);
        *t = (struct told){};
        run(f, t);
        LOOP_UNTIL(f->loop, t->ends > 0);
        assert_false(runner_is_busy(f->runner));
}

static void test_a_spawned_run(void **state) {
        struct fixture *f = *state;
        struct told t;

        assert_false(runner_is_remote(f->runner));
        assert_non_null(strstr(runner_describe(f->runner), "koowatch-hook"));
        run_script(
                f, &t,
                "read -r event\n"
                "echo '{\"ready\":true}'\n"
                "[ \"$event\" = '{\"event\":\"finished\"}' ] && echo '{\"start\":\"'\"$*\"'\"}'\n"
                "echo '{\"done\":true}'\n");
        assert_string_equal(t.text, "start --config /etc/other.conf\ndone\n");
        assert_true(str_ends_with(wanted, "/koowatch-hook"));
}

static void test_what_a_spawned_one_gets(void **state) {
        static const char *const secrets[] = {"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY",
                                              "STATE_DIRECTORY", "LISTEN_FDS"};
        struct fixture *f = *state;
        struct told t;

        for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
                assert_int_equal(setenv(secrets[i], "/secret", 1), 0);
        assert_int_equal(setenv("HOME", "/somewhere", 1), 0);
        run_script(f, &t,
                   "echo '{\"ready\":true}'\n"
                   "for name in $(env | sed 's/=.*//' | sort); do\n"
                   "    case $name in PWD|SHLVL|_|OLDPWD) continue ;; esac\n"
                   "    eval echo \"'{\\\"start\\\":\\\"'$name=\\$$name'\\\"}'\"\n"
                   "done\n"
                   "echo '{\"done\":true}'\n");
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
                (void) unsetenv(secrets[i]);
        assert_null(strstr(t.text, "secret"));
        assert_non_null(strstr(t.text, "start RUNTIME_DIRECTORY=/run/locks\n"));
        assert_non_null(strstr(t.text, "start HOME=/somewhere\n"));
        assert_non_null(strstr(t.text, "start PATH="));
        assert_non_null(strstr(t.text, "done\n"));
}

/* No descriptor of the daemon's, no blocked or ignored signal, a process group of its own. */
static void test_what_a_spawned_one_does_not_get(void **state) {
        struct fixture *f = *state;
        sigset_t blocked, before;
        int open_fd = dup(f->listener); /* without FD_CLOEXEC */
        struct told t;

        assert_true(open_fd >= 0);
        (void) sigemptyset(&blocked);
        (void) sigaddset(&blocked, SIGUSR1);
        assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
        (void) signal(SIGPIPE, SIG_IGN);
        run_script(
                f, &t,
                "say() { echo '{\"start\":\"'\"$1\"'\"}'; }\n"
                "echo '{\"ready\":true}'\n"
                "for fd in 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do\n"
                "    [ \"$(readlink /proc/$$/fd/$fd)\" = \"$(readlink -f \"$0\")\" ] && continue\n"
                "    [ -L /proc/$$/fd/$fd ] && say \"fd $fd\"\n"
                "done\n"
                "mask() { echo $((0x$(sed -n s/^$1:.//p /proc/$$/status) & 0x7fffffff)); }\n"
                "[ $(mask SigBlk) = 0 ] || say blocked\n"
                "[ $(mask SigIgn) = 0 ] || say ignored\n" /* but for libc's own, 32 and 33 */
                "[ \"$(cut -d ' ' -f 5 /proc/$$/stat)\" = $$ ] || say group\n"
                "echo '{\"done\":true}'\n");
        (void) signal(SIGPIPE, SIG_DFL);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        (void) close(open_fd);
        assert_string_equal(t.text, "done\n");
}

static void test_a_spawned_one_that_dies(void **state) {
        struct fixture *f = *state;
        struct told t;

        run_script(f, &t, "echo '{\"ready\":true}'\necho '{\"start\":\"a\"}'\nkill -9 $$\n");
        assert_string_equal(t.text, "start a\nfailed\n");
        run_script(f, &t, "kill -9 $$\n");
        assert_string_equal(t.text, "later\n");
        run_script(f, &t, "exit 1\n");
        assert_string_equal(t.text, "later\n");
}

static void test_one_that_cannot_be_spawned(void **state) {
        struct fixture *f = *state;
        struct told t = {};

        assert_int_equal(runner_start(f->runner, EVENT, strlen(EVENT), &handler, &t), -ENOENT);
        loop_turn(f->loop);
        assert_string_equal(t.text, "");
        assert_false(runner_is_busy(f->runner));
        assert_int_equal(time_next(f->timers), USEC_INFINITY);
}

static void release(const struct fixture *f) {
        int fd = open(f->fifo, O_RDWR | O_CLOEXEC);

        assert_int_equal(write(fd, "\n", 1), 1);
        (void) close(fd);
}

/* It is done; what it still has to do for itself, as to wait for a log, holds no place. */
static void test_one_that_says_nothing_more_but_lives(void **state) {
        struct fixture *f = *state;
        struct told t = {};

        put_script(f, "exec 3<>FIFO\n" /* both ends: opening does not block */
                      "echo '{\"ready\":true}'\necho '{\"start\":\"a\"}'\necho '{\"done\":true}'\n"
                      "exec <&- >&-\n"
                      "read -r line <&3\n");
        run(f, &t);
        LOOP_UNTIL(f->loop, t.ends > 0);
        assert_string_equal(t.text, "start a\ndone\n");
        assert_false(runner_is_busy(f->runner));
        release(f);
        LOOP_UNTIL(f->loop, kill(spawned, 0) < 0 && errno == ESRCH);
        assert_int_equal(t.ends, 1);
}

static void test_a_spawned_one_that_is_never_ready(void **state) {
        struct fixture *f = *state;
        struct told t = {};

        put_script(f, "exec 3<>FIFO\nread -r line <&3\necho '{\"ready\":true}'\n");
        run(f, &t);
        loop_turn(f->loop);
        time_pass(f->timers, USEC_MINUTE);
        LOOP_UNTIL(f->loop, t.ends > 0); /* killed, and waited for */
        assert_string_equal(t.text, "later\n");
        assert_true(kill(spawned, 0) < 0 && errno == ESRCH);
}

static void test_a_spawned_one_that_hangs(void **state) {
        struct fixture *f = *state;
        struct told t = {};

        put_script(f, "echo '{\"ready\":true}'\necho '{\"start\":\"a\",\"timeout\":1}'\n"
                      "kill -STOP $$\n");
        run(f, &t);
        LOOP_UNTIL(f->loop, t.text[0]);
        time_pass(f->timers, 2 * USEC_MINUTE);
        LOOP_UNTIL(f->loop, t.ends > 0); /* killed, and waited for */
        assert_string_equal(t.text, "start a\nfailed\n");
        assert_true(kill(spawned, 0) < 0 && errno == ESRCH);
}

static void test_stopping_ends_what_was_spawned(void **state) {
        struct fixture *f = *state;
        struct told t = {};

        put_script(
                f,
                "trap 'echo {\\\"start\\\":\\\"never\\\"}; exit 0' TERM\n"
                "exec 3<>FIFO\necho '{\"ready\":true}'\necho '{\"start\":\"a\"}'\nread -r line <&3\n");
        run(f, &t);
        LOOP_UNTIL(f->loop, t.text[0]);
        runner_stop(f->runner);
        assert_true(runner_is_busy(f->runner));
        LOOP_UNTIL(f->loop, !runner_is_busy(f->runner));
        assert_string_equal(t.text, "start a\n");
}

static void test_freeing_kills_what_was_spawned(void **state) {
        struct fixture *f = *state;
        struct told t = {};

        put_script(f, "trap '' TERM\nexec 3<>FIFO\nread -r line <&3\n");
        run(f, &t);
        assert_true(spawned > 0);
        runner_free(STEAL_PTR(f->runner));
        LOOP_UNTIL(f->loop, kill(spawned, 0) < 0 && errno == ESRCH);
        assert_string_equal(t.text, "");
}

#define SOCKET(name) cmocka_unit_test_setup_teardown(name, set_up_socket, tear_down)
#define SPAWN(name) cmocka_unit_test_setup_teardown(name, set_up_spawn, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                SOCKET(test_a_whole_run),
                SOCKET(test_what_the_lines_come_to),
                SOCKET(test_how_a_hook_has_ended),
                SOCKET(test_lines_that_say_nothing),
                SOCKET(test_lines_in_pieces),
                SOCKET(test_lines_that_are_long),
                SOCKET(test_one_that_is_never_ready),
                SOCKET(test_one_that_is_ready_has_two_minutes),
                SOCKET(test_one_that_hangs),
                SOCKET(test_a_hook_without_a_limit),
                SOCKET(test_a_large_event),
                SOCKET(test_one_that_closes_before_it_has_read_all),
                SOCKET(test_two_at_once),
                SOCKET(test_the_next_one_from_inside_the_last_call),
                SOCKET(test_nobody_to_connect_to),
                SOCKET(test_a_path_that_is_too_long),
                SOCKET(test_a_fleet_is_kept_alive),
                SOCKET(test_alone_nothing_follows_the_event),
                SOCKET(test_what_an_attempt_has_of_a_fleet),
                SOCKET(test_a_fleet_whose_runner_does_not_read),
                SOCKET(test_labels),
                SOCKET(test_others_may_be_started_after_a_stop),
                SOCKET(test_stopping_lets_go_of_instances),
                SOCKET(test_no_call_when_it_is_freed),
                SPAWN(test_a_spawned_run),
                SPAWN(test_what_a_spawned_one_gets),
                SPAWN(test_what_a_spawned_one_does_not_get),
                SPAWN(test_a_spawned_one_that_dies),
                SPAWN(test_one_that_cannot_be_spawned),
                SPAWN(test_one_that_says_nothing_more_but_lives),
                SPAWN(test_a_spawned_one_that_is_never_ready),
                SPAWN(test_a_spawned_one_that_hangs),
                SPAWN(test_stopping_ends_what_was_spawned),
                SPAWN(test_freeing_kills_what_was_spawned),
        };

        log_set_level(LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
