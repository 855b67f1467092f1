/* The loop sends what could not be sent at once, and does not turn while nobody reads. */
#include "common/log-journal.h"
#include "common/log.h"
#include "koowatchd/outbox.h"
#include "koowatchd/report/notify.h"
#include "unit/loop-until.h"
#include "unit/receiver.h"

struct fixture {
        char directory[DIRECTORY_MAX], path[DIRECTORY_MAX + 8];
        struct ev_loop *loop;
        struct outbox *outbox;
        int receiver;
        uint64_t told; /* log_sent() when it was told last */
        ev_prepare turn;
        unsigned turns;
};

static void on_sent(void *userdata) {
        struct fixture *f = userdata;

        assert_true(log_sent() > f->told);
        f->told = log_sent();
}

static void on_turn(struct ev_loop *loop, ev_prepare *turn, int revents) {
        struct fixture *f = container_of(turn, struct fixture, turn);

        (void) loop;
        (void) revents;
        f->turns++;
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        (void) snprintf(f->path, sizeof(f->path), "%s/socket", f->directory);
        f->receiver = receiver_open(f->path);
        f->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(f->loop);
        assert_int_equal(outbox_new(f->loop, &f->outbox), 0);
        outbox_set_on_sent(f->outbox, &(struct callback){on_sent, f});
        ev_prepare_init(&f->turn, on_turn);
        ev_prepare_start(f->loop, &f->turn);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        ev_prepare_stop(f->loop, &f->turn);
        outbox_free(f->outbox);
        ev_loop_destroy(f->loop);
        (void) close(f->receiver);
        directory_remove(f->directory);
        free(f);
        return 0;
}

static void read_all_there_is(const struct fixture *f) {
        CLEANUP(closep) int file = -1;
        size_t length;
        char *text;

        while ((text = receiver_read(f->receiver, &length, &file)))
                free(text);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents) {
        (void) timer;
        (void) revents;
        ev_break(loop, EVBREAK_ALL);
}

/* Half a second of the loop with nothing else to do. */
static void idle(struct fixture *f) {
        ev_timer timer;

        f->turns = 0;
        ev_now_update(f->loop);
        ev_timer_init(&timer, on_timer, .5, 0.);
        ev_timer_start(f->loop, &timer);
        (void) ev_run(f->loop, 0);
        ev_timer_stop(f->loop, &timer);
}

static void test_log(void **state) {
        struct fixture *f = *state;
        uint64_t last = 0;

        log_journal_address = f->path;
        log_open("test-outbox", LOG_TARGET_JOURNAL);
        for (unsigned round = 0; round < 3; round++) {
                while (log_fd() < 0)
                        log_info("hello");
                for (unsigned i = 0; i < 1000; i++)
                        log_info("hello");
                last = log_last();
                idle(f);
                assert_true(f->turns < 5);
                assert_true(f->told < last);
                LOOP_UNTIL(f->loop, (read_all_there_is(f), log_sent() == last));
                assert_int_equal(f->told, last);
        }
        idle(f);
        assert_true(f->turns < 5);
        log_open("test-outbox", LOG_TARGET_CONSOLE);
}

static void test_notify(void **state) {
        struct fixture *f = *state;

        assert_int_equal(setenv("NOTIFY_SOCKET", f->path, 1), 0);
        while (notify_fd() < 0)
                notify_ready();
        idle(f);
        assert_true(f->turns < 5);
        LOOP_UNTIL(f->loop, (read_all_there_is(f), notify_fd() < 0));
        idle(f);
        assert_true(f->turns < 5);
        notify_close();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_log, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_notify, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
