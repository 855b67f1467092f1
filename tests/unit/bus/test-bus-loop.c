/* Two ends of a connection, each on the loop: what moves them is the loop alone. */
#include <errno.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "common/timespan.h"
#include "koowatchd/bus/bus-loop.h"
#include "unit/loop-until.h"

struct end {
        sd_bus *bus;
        struct bus_loop *bus_loop;
        unsigned ends; /* so often it has ended */
        int error;
        unsigned messages;
        bool is_free; /* in the callback */
        usec_t busy;  /* how long it takes for a message */
};

struct fixture {
        struct ev_loop *loop;
        struct end client, server;
        unsigned turns; /* of the loop */
        ev_prepare turn;
};

static void on_end(void *userdata, int error) {
        struct end *e = userdata;

        e->ends++;
        e->error = error;
        if (e->is_free)
                bus_loop_free(STEAL_PTR(e->bus_loop));
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct end *e = userdata;
        usec_t until = clock_running() + e->busy;

        (void) ret_error;
        if (!sd_bus_message_is_signal(m, "a.b", NULL))
                return 0;
        e->messages++;
        while (clock_running() < until)
                continue;
        return 1;
}

static void on_turn(struct ev_loop *loop, ev_prepare *prepare, int revents) {
        (void) loop;
        (void) revents;
        container_of(prepare, struct fixture, turn)->turns++;
}

static void open_end(struct fixture *f, struct end *e, int fd, bool is_server) {
        const sd_id128_t id = {.bytes = {1}};

        assert_true(sd_bus_new(&e->bus) >= 0);
        assert_true(sd_bus_set_fd(e->bus, fd, fd) >= 0);
        if (is_server)
                assert_true(sd_bus_set_server(e->bus, true, id) >= 0);
        assert_true(sd_bus_add_filter(e->bus, NULL, on_message, e) >= 0);
        assert_true(sd_bus_start(e->bus) >= 0);
        assert_int_equal(bus_loop_new(f->loop, e->bus, on_end, e, &e->bus_loop), 0);
}

static void close_end(struct end *e) {
        bus_loop_free(STEAL_PTR(e->bus_loop));
        e->bus = sd_bus_close_unref(e->bus);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        int fds[2];

        assert_non_null(f);
        f->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(f->loop);
        ev_prepare_init(&f->turn, on_turn);
        ev_prepare_start(f->loop, &f->turn);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        open_end(f, &f->client, fds[0], false);
        open_end(f, &f->server, fds[1], true);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        close_end(&f->client);
        close_end(&f->server);
        ev_loop_destroy(f->loop);
        free(f);
        return 0;
}

static void send_texts(struct end *e, unsigned n, const char *text) {
        for (unsigned i = 0; i < n; i++)
                assert_true(sd_bus_emit_signal(e->bus, "/a", "a.b", "C", "s", text) >= 0);
}

static void send_signals(struct end *e, unsigned n) {
        send_texts(e, n, "photos");
}

static void test_what_is_sent_before_they_know_each_other(void **state) {
        struct fixture *f = *state;

        send_signals(&f->client, 1);
        LOOP_UNTIL(f->loop, f->server.messages == 1);
        send_signals(&f->server, 1);
        LOOP_UNTIL(f->loop, f->client.messages == 1);
}

/*
 * More than a socket holds, 8 MiB: some of it waits until the other end has read. They are long and
 * not many, as sd-bus moves all that wait for each that it sends.
 */
static void test_what_does_not_fit_is_sent_later(void **state) {
        struct fixture *f = *state;
        char text[16 * 1024];
        uint64_t queued = 0;

        send_signals(&f->client, 1);
        LOOP_UNTIL(f->loop, f->server.messages == 1);
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        send_texts(&f->client, 2000, text);
        assert_true(sd_bus_get_n_queued_write(f->client.bus, &queued) >= 0);
        assert_true(queued > 0);
        LOOP_UNTIL(f->loop, f->server.messages == 2001);
}

static void test_others_have_their_turn(void **state) {
        struct fixture *f = *state;
        unsigned before;

        f->server.busy = USEC_MSEC;
        send_signals(&f->client, 1);
        LOOP_UNTIL(f->loop, f->server.messages == 1);
        before = f->turns;
        send_signals(&f->client, 50);
        LOOP_UNTIL(f->loop, f->server.messages == 51);
        assert_true(f->turns - before >= 10);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        bool *is_late = userdata;

        (void) ret_error;
        assert_true(sd_bus_message_is_method_error(m, SD_BUS_ERROR_NO_REPLY));
        *is_late = true;
        return 1;
}

/* Nobody answers what the filter takes for itself. */
static int swallow(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        (void) m;
        (void) userdata;
        (void) ret_error;
        return 1;
}

static void test_a_timeout_of_sd_bus_is_kept(void **state) {
        struct fixture *f = *state;
        sd_bus_message *m = NULL;
        usec_t start = clock_running();
        bool is_late = false;

        assert_true(sd_bus_add_filter(f->server.bus, NULL, swallow, NULL) >= 0);
        assert_true(sd_bus_message_new_method_call(f->client.bus, &m, NULL, "/a", "a.b", "C") >= 0);
        assert_true(sd_bus_call_async(f->client.bus, NULL, m, on_answer, &is_late,
                                      50 * USEC_MSEC) >= 0);
        sd_bus_message_unref(m);
        LOOP_UNTIL(f->loop, is_late);
        assert_true(clock_running() - start >= 50 * USEC_MSEC);
}

static void test_an_end_is_told_once(void **state) {
        struct fixture *f = *state;

        send_signals(&f->client, 1);
        LOOP_UNTIL(f->loop, f->server.messages == 1);
        close_end(&f->client);
        LOOP_UNTIL(f->loop, f->server.ends > 0);
        assert_int_equal(f->server.error, -ECONNRESET);
        loop_turn(f->loop);
        assert_int_equal(f->server.ends, 1);
}

static void test_it_may_be_freed_when_it_ends(void **state) {
        struct fixture *f = *state;

        f->server.is_free = true;
        close_end(&f->client);
        LOOP_UNTIL(f->loop, f->server.ends == 1);
        assert_null(f->server.bus_loop);
}

/* By its own side: it is noticed before the loop waits. */
static void test_a_connection_that_was_closed_has_ended(void **state) {
        struct fixture *f = *state;

        f->server.is_free = true;
        sd_bus_close(f->server.bus);
        LOOP_UNTIL(f->loop, f->server.ends == 1);
        assert_int_equal(f->server.error, -ENOTCONN);
}

static void test_nothing_moves_without_need(void **state) {
        struct fixture *f = *state;
        unsigned before;

        send_signals(&f->client, 1);
        LOOP_UNTIL(f->loop, f->server.messages == 1);
        loop_turn(f->loop);
        before = f->turns;
        for (int i = 0; i < 3; i++) {
                ev_timer timer;

                ev_timer_init(&timer, loop_on_deadline, .01, 0.);
                ev_timer_start(f->loop, &timer);
                while (ev_is_active(&timer))
                        (void) ev_run(f->loop, EVRUN_ONCE);
        }
        assert_in_range(f->turns - before, 3, 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_what_is_sent_before_they_know_each_other),
                TEST(test_what_does_not_fit_is_sent_later),
                TEST(test_others_have_their_turn),
                TEST(test_a_timeout_of_sd_bus_is_kept),
                TEST(test_an_end_is_told_once),
                TEST(test_it_may_be_freed_when_it_ends),
                TEST(test_a_connection_that_was_closed_has_ended),
                TEST(test_nothing_moves_without_need),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
