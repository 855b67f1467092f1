/* A journal that reads, one that does not, one that goes away. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "common/log-backlog.h"
#include "common/log-journal.h"
#include "common/log.h"
#include "unit/capture.h"
#include "unit/receiver.h"

#define HEAD "PRIORITY=6\nSYSLOG_IDENTIFIER=test-log\n"

static char directory[DIRECTORY_MAX], path[DIRECTORY_MAX + 8];
static int journal;

static int set_up(void **state) {
        (void) state;
        journal = receiver_open(path);
        log_open("test-log", LOG_TARGET_JOURNAL);
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        assert_int_equal(log_fd(), -1);
        (void) close(journal);
        (void) unlink(path);
        return 0;
}

static void expect(unsigned number) {
        CLEANUP(freep) char *text = str_printf(HEAD "MESSAGE=%u\n", number);

        receiver_expect(journal, text);
}

/* Logs first, first + 1 and so on until one waits. Returns the number of that one. */
static unsigned fill(unsigned first) {
        unsigned n = first;

        for (; log_fd() < 0; n++)
                log_info("%u", n);
        return n - 1;
}

/* Reads and flushes until nothing waits; the entries must be first to last, in order. */
static void drain(unsigned first, unsigned last) {
        unsigned n = first;

        while (n <= last) {
                expect(n++);
                (void) log_flush();
        }
}

static void test_encoding(void **state) {
        static const char id[] = "1c31d88522454de7af95757334cd62ca";
        const struct log_field fields[] = {
                {"KOOWATCH_NAME", "a=b \xFF"}, {"KOO_NONE", NULL}, {"KOO_LINES", "x\ny\n"}};
        static const char expected[] = "PRIORITY=4\nSYSLOG_IDENTIFIER=test-log\n"
                                       "MESSAGE_ID=1c31d88522454de7af95757334cd62ca\n"
                                       "MESSAGE\n\7\0\0\0\0\0\0\0two\n\x1B[1\n"
                                       "KOOWATCH_NAME=a=b \xFF\n"
                                       "KOO_LINES\n\4\0\0\0\0\0\0\0x\ny\n\n";
        CLEANUP(freep) char *text = NULL;
        CLEANUP(closep) int file = -1;
        size_t length = 0;

        (void) state;
        log_entry(LEVEL_WARNING, id, fields, ARRAY_LEN(fields), "two\n\x1B[1");
        text = receiver_read(journal, &length, &file);
        assert_non_null(text);
        assert_int_equal(length, sizeof(expected) - 1);
        assert_memory_equal(text, expected, length);
        assert_int_equal(file, -1);
}

static void log_long(size_t length, bool expect_file) {
        CLEANUP(freep) char *message = malloc(length + 1), *expected = NULL, *text = NULL;
        CLEANUP(closep) int file = -1;
        size_t got = 0;

        assert_non_null(message);
        memset(message, 'x', length);
        message[length] = '\0';
        log_info("%s", message);
        expected = str_printf(HEAD "MESSAGE=%s\n", message);
        text = receiver_read(journal, &got, &file);
        assert_non_null(text);
        assert_string_equal(text, expected);
        assert_int_equal(file >= 0, expect_file);
        if (file >= 0)
                assert_int_equal(fcntl(file, F_GET_SEALS),
                                 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

/* One that a socket does not take comes as a sealed file, whole. */
static void test_long_entries(void **state) {
        const int small = 4608;
        int size = 0;
        socklen_t size_length = sizeof(size);

        (void) state;
        log_long(100000, false);
        assert_int_equal(getsockopt(log_journal_fd(), SOL_SOCKET, SO_SNDBUF, &size, &size_length),
                         0);
        assert_int_equal(setsockopt(log_journal_fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
                         0);
        log_long(50000, true);
        size /= 2; /* the kernel doubles what it is given */
        assert_int_equal(setsockopt(log_journal_fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
                         0);
}

/* What is in a backlog comes later, in order, long ones among them. */
static void test_a_journal_that_does_not_read(void **state) {
        uint64_t first = log_sent() + 1;
        unsigned waiting = fill(0);

        (void) state;
        assert_int_equal(log_last(), first + waiting);
        assert_int_equal(log_sent(), first + waiting - 1);
        assert_int_equal(log_fd(), log_journal_fd());
        assert_false(is_writable(log_fd()));
        for (unsigned n = waiting + 1; n < 100; n++)
                log_info("%u", n);
        assert_true(log_flush());
        assert_int_equal(log_last(), first + 99);
        assert_int_equal(log_sent(), first + waiting - 1);

        expect(0);
        assert_true(is_writable(log_fd()));
        assert_true(log_flush());
        assert_int_equal(log_sent(), first + waiting);
        drain(1, 99);
        receiver_expect(journal, NULL);
        assert_int_equal(log_sent(), log_last());
        assert_int_equal(log_lost(), 0);
}

/* Beyond the bound they are counted, and that is said once, behind those that were kept. */
static void test_lost_entries(void **state) {
        unsigned waiting = fill(0), last = waiting + LOG_BACKLOG_ENTRIES_MAX - 1;
        uint64_t lost = log_lost();

        (void) state;
        for (unsigned n = waiting + 1; n <= last; n++)
                log_info("%u", n);
        assert_int_equal(log_last(), log_sent() + LOG_BACKLOG_ENTRIES_MAX);
        log_warning("lost");
        assert_int_equal(log_last(), 0);
        log_entry_retold(LEVEL_INFO, NULL, NULL, 0, "comes again");
        assert_int_equal(log_last(), 0);
        log_info("lost");
        log_debug("not wanted");
        assert_int_equal(log_lost(), lost + 2);
        drain(0, last);
        while (log_flush())
                ;
        receiver_expect(journal,
                        "PRIORITY=4\nSYSLOG_IDENTIFIER=test-log\n"
                        "MESSAGE=2 log entries were lost while the journal did not read\n");
        receiver_expect(journal, NULL);
        log_info("%u", 7);
        expect(7);
        assert_int_equal(log_sent(), log_last());
        assert_int_equal(log_lost(), lost + 2);
}

/* journald was restarted without its socket unit: the same name, another socket. */
static void test_a_journal_made_anew(void **state) {
        unsigned waiting = fill(0);

        (void) state;
        (void) close(journal);
        assert_int_equal(unlink(path), 0);
        journal = receiver_open(path);
        log_info("%u", waiting + 1);
        assert_false(log_flush());
        expect(waiting);
        expect(waiting + 1);
        receiver_expect(journal, NULL);
}

/* What waited for a journal that has gone is on the console then. */
static void test_a_journal_that_goes_away(void **state) {
        unsigned waiting = fill(0);
        CLEANUP(freep) char *text = NULL, *expected = NULL;
        struct capture capture;

        (void) state;
        (void) close(journal);
        assert_int_equal(unlink(path), 0);
        capture_begin(&capture);
        assert_false(log_flush());
        log_info("%u", waiting + 1);
        text = capture_end(&capture);
        expected = str_printf("warning cannot write to the journal (No such file or directory), "
                              "logging to standard error\ninfo %u\ninfo %u\n",
                              waiting, waiting + 1);
        assert_string_equal(text, expected);
        assert_int_equal(log_sent(), log_last());

        journal = receiver_open(path);
        log_info("%u", 5);
        expect(5);
}

/* Neither is there: what the console does not take is not waited for at the journal's socket. */
static void test_no_journal_and_a_console_that_is_not_read(void **state) {
        CLEANUP(closep) int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        char buffer[4096];
        int pipe_fds[2];

        (void) state;
        (void) close(journal);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(pipe(pipe_fds), 0);
        assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
        (void) close(pipe_fds[1]);
        (void) fill(0);
        assert_false(is_writable(log_fd()));
        while (log_flush())
                assert_true(read(pipe_fds[0], buffer, sizeof(buffer)) > 0);
        assert_true(dup2(kept, STDERR_FILENO) >= 0);
        (void) close(pipe_fds[0]);
        assert_int_equal(log_sent(), log_last());
        journal = receiver_open(path);
}

static void test_drain_is_bounded(void **state) {
        unsigned waiting = fill(0);
        usec_t begin = clock_running();

        (void) state;
        log_drain(100 * USEC_MSEC);
        assert_in_range(clock_running() - begin, 100 * USEC_MSEC, 20 * USEC_SEC);
        assert_true(log_fd() >= 0);
        log_drain(0);
        drain(0, waiting);
}

/* Reads after a while, to the empty one at the end; notes the entries that came before it. */
static void *read_late(void *userdata) {
        unsigned *count = userdata;
        char buffer[4096];

        (void) poll(NULL, 0, 20);
        while (recv(journal, buffer, sizeof(buffer), 0) > 0)
                (*count)++;
        return NULL;
}

/* A program that ends before its last entries are read would have them without its unit. */
static void test_drain_waits_until_all_is_read(void **state) {
        unsigned count = 0, waiting = fill(0);
        pthread_t reader;

        (void) state;
        assert_int_equal(fcntl(journal, F_SETFL, 0), 0);
        assert_int_equal(pthread_create(&reader, NULL, read_late, &count), 0);
        log_drain(20 * USEC_SEC);
        assert_int_equal(recv(journal, NULL, 0, MSG_DONTWAIT | MSG_PEEK), -1);
        assert_int_equal(pthread_join(reader, NULL), 0);
        assert_int_equal(count, waiting + 1);
}

static int set_up_all(void **state) {
        (void) state;
        directory_make(directory);
        (void) snprintf(path, sizeof(path), "%s/socket", directory);
        log_journal_address = path;
        return 0;
}

static int tear_down_all(void **state) {
        (void) state;
        directory_remove(directory);
        return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A line of which the console has a part is no reason for the journal's to wait. */
static void test_a_journal_that_is_back_while_the_console_is_full(void **state) {
        int ends[2], saved = dup(STDERR_FILENO);
        char line[6000], rest[sizeof(line)];

        (void) state;
        memset(line, 'x', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\0';
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
        assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
        (void) close(journal);
        assert_int_equal(unlink(path), 0);
        log_info("%s", line); /* behind the complaint, and more than there is room for */
        log_info("%u", 6);
        assert_true(log_fd() >= 0);
        journal = receiver_open(path);
        (void) log_flush();
        expect(6);
        log_info("%u", 7);
        expect(7);
        while (log_fd() >= 0 && read(ends[0], rest, sizeof(rest)) > 0)
                (void) log_flush();
        assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
        (void) close(saved);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_encoding),
                TEST(test_long_entries),
                TEST(test_a_journal_that_does_not_read),
                TEST(test_lost_entries),
                TEST(test_a_journal_made_anew),
                TEST(test_a_journal_that_is_back_while_the_console_is_full),
                TEST(test_a_journal_that_goes_away),
                TEST(test_no_journal_and_a_console_that_is_not_read),
                TEST(test_drain_is_bounded),
                TEST(test_drain_waits_until_all_is_read),
        };

        return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
