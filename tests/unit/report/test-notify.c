/* The service manager's socket: one that is read, one that is not. */
#include "koowatchd/report/notify.h"
#include "unit/receiver.h"

struct fixture {
        char directory[DIRECTORY_MAX], path[DIRECTORY_MAX + 8];
        int manager;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        (void) snprintf(f->path, sizeof(f->path), "%s/notify", f->directory);
        f->manager = receiver_open(f->path);
        assert_int_equal(setenv("NOTIFY_SOCKET", f->path, 1), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        notify_close();
        (void) close(f->manager);
        directory_remove(f->directory);
        free(f);
        return 0;
}

static void send_status(const char *value) {
        char text[64];

        (void) snprintf(text, sizeof(text), "%s", value);
        notify_status(text);
}

/* Fills the manager's queue with READY=1; returns how many it holds. */
static unsigned fill(void) {
        unsigned n = 0;

        while (notify_fd() < 0) {
                notify_ready();
                n++;
        }
        return n - 1; /* the last one waits */
}

static void drain(int manager, unsigned n) {
        while (n-- > 0)
                receiver_expect(manager, "READY=1");
}

static void test_each_message(void **state) {
        const struct fixture *f = *state;
        CLEANUP(freep) char *text = NULL;
        CLEANUP(closep) int file = -1;
        size_t length;

        notify_ready();
        send_status("a\nb");
        notify_watchdog();
        notify_watchdog();
        notify_stopping(6 * USEC_SEC);
        assert_int_equal(notify_fd(), -1);
        receiver_expect(f->manager, "READY=1");
        receiver_expect(f->manager, "STATUS=a?b");
        receiver_expect(f->manager, "WATCHDOG=1");
        receiver_expect(f->manager, "WATCHDOG=1");
        receiver_expect(f->manager, "STOPPING=1\nEXTEND_TIMEOUT_USEC=6000000");
        notify_reloading();
        text = receiver_read(f->manager, &length, &file);
        assert_non_null(text);
        assert_non_null(str_after(text, "RELOADING=1\nMONOTONIC_USEC="));
}

static void test_a_manager_that_does_not_read(void **state) {
        const struct fixture *f = *state;
        CLEANUP(freep) char *reloading = NULL;
        CLEANUP(closep) int file = -1;
        usec_t before = clock_running();
        size_t length;
        unsigned n;

        n = fill();
        assert_false(is_writable(notify_fd()));
        notify_watchdog();
        notify_watchdog();
        send_status("old");
        notify_reloading();
        send_status("newer");
        notify_ready();
        notify_watchdog();
        send_status("newest");
        notify_watchdog();
        notify_stopping(USEC_SEC);
        assert_true(notify_flush());
        assert_false(is_writable(notify_fd()));

        drain(f->manager, n);
        assert_true(is_writable(notify_fd()));
        assert_false(notify_flush());
        assert_int_equal(notify_fd(), -1);
        receiver_expect(f->manager, "READY=1");
        receiver_expect(f->manager, "WATCHDOG=1");
        receiver_expect(f->manager, "STATUS=newest");
        reloading = receiver_read(f->manager, &length, &file);
        assert_non_null(reloading);
        assert_non_null(str_after(reloading, "RELOADING=1\nMONOTONIC_USEC="));
        assert_in_range(strtoll(strrchr(reloading, '=') + 1, NULL, 10), before, clock_running());
        receiver_expect(f->manager, "READY=1");
        receiver_expect(f->manager, "WATCHDOG=1");
        receiver_expect(f->manager, "STOPPING=1\nEXTEND_TIMEOUT_USEC=1000000");
        receiver_expect(f->manager, NULL);
}

static void test_a_little_at_a_time(void **state) {
        const struct fixture *f = *state;
        unsigned n = fill();

        notify_watchdog();
        receiver_expect(f->manager, "READY=1");
        assert_true(notify_flush());
        receiver_expect(f->manager, "READY=1");
        assert_false(notify_flush());
        drain(f->manager, n - 1);
        receiver_expect(f->manager, "WATCHDOG=1");
}

static void test_abstract_address(void **state) {
        CLEANUP(freep) char *address = str_printf("@koowatch-test-%d", (int) getpid());
        CLEANUP(closep) int manager = receiver_open(address);

        (void) state;
        assert_int_equal(setenv("NOTIFY_SOCKET", address, 1), 0);
        notify_ready();
        receiver_expect(manager, "READY=1");
}

static void test_no_manager(void **state) {
        static const char *const addresses[] = {
                "", "@", "/", "vsock:2:1234", "notify", "/nobody/listens/here"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
                assert_int_equal(setenv("NOTIFY_SOCKET", addresses[i], 1), 0);
                notify_ready();
                assert_int_equal(notify_fd(), -1);
                assert_false(notify_flush());
                notify_close();
        }
        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
        notify_ready();
        assert_int_equal(notify_fd(), -1);
}

/* The socket under that name is another one now, as after an upgrade. */
static void test_another_manager(void **state) {
        struct fixture *f = *state;

        notify_ready();
        receiver_expect(f->manager, "READY=1");
        (void) close(f->manager);
        assert_int_equal(unlink(f->path), 0);
        notify_watchdog(); /* nobody listens */
        f->manager = receiver_open(f->path);
        send_status("one");
        receiver_expect(f->manager, "STATUS=one");
        receiver_expect(f->manager, NULL);
}

/* A start with very many files: more time each second, and nothing for a short one. */
static void test_busy(void **state) {
        const char more[] = "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=30000000";
        const struct fixture *f = *state;
        usec_t now = USEC_DAY;

        for (int i = 0; i < 2; i++) {
                notify_busy(now);
                notify_busy(now + USEC_SEC - 1);
                receiver_expect(f->manager, NULL);
                notify_busy(now + USEC_SEC);
                receiver_expect(f->manager, more);
                notify_busy(now + 2 * USEC_SEC - 1);
                receiver_expect(f->manager, NULL);
                notify_busy(now + 2 * USEC_SEC);
                receiver_expect(f->manager, more);
                notify_ready();
                receiver_expect(f->manager, "READY=1");
                now += USEC_HOUR; /* a reload */
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_each_message, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_manager_that_does_not_read, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_a_little_at_a_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_abstract_address, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_manager, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_another_manager, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
