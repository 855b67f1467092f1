/* The registry where courses cross: what is counted, checked and kept when files come and go. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "koowatchd/account/account.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC
#define GRACE_OVER SEC
#define TASK(id, more) "[Task]\nTaskId=" id "\nShareId=7\n" more

static const char *row_name(struct core *c, const char *task_id) {
        return fake_store_task_name(c->store, &(struct store_key){"default", "7", task_id});
}

/* The task of low/one, t1, has completed, and its hook is done. */
static void finish_one(struct core *c) {
        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
}

/* A deletion that the store does not take is no watch: nothing is counted below zero. */
static void test_counts_while_a_deletion_waits(void **state) {
        struct core *c = *state;
        struct registry_counts counts;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        assert_int_equal(registry_count(c->registry).running, 1);
        fake_store_set_immediate(c->store, false);
        core_remove(c, "low", "one");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        counts = registry_count(c->registry);
        assert_int_equal(counts.pending, 0);
        assert_int_equal(counts.running, 0);

        fake_store_fail_next(c->store, -ENOSPC);
        fake_store_run(c->store);
        core_put(c, "low", "one", "t1"); /* back before the next try */
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        assert_int_equal(registry_count(c->registry).running, 1);
        assert_int_equal(registry_count(c->registry).pending, 0);
}

static void test_hooks_of_a_file_that_takes_over(void **state) {
        struct core *c = *state;

        core_put(c, "low", "low", "t1");
        core_scan(c);
        assert_null(registry_hook_problem(c->registry));
        core_put_text(c, "high", "high", TASK("t1", "Hook=none\n"));
        core_scan(c);
        assert_non_null(strstr(registry_hook_problem(c->registry), "high: Hook=none"));
}

static void test_hooks_of_a_duplicate_that_succeeds(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_put_text(c, "low", "two", TASK("t1", "Hook=none\n"));
        core_scan(c);
        assert_null(registry_hook_problem(c->registry));
        core_remove(c, "low", "one");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        assert_non_null(strstr(registry_hook_problem(c->registry), "two: Hook=none"));
}

static void test_a_hook_problem_goes_with_its_task(void **state) {
        struct core *c = *state;

        core_put_text(c, "low", "aaa", TASK("t1", "Hook=none\n"));
        core_scan(c);
        assert_non_null(strstr(registry_hook_problem(c->registry), "aaa: Hook=none"));
        core_pass(c, SEC); /* the first recheck */
        core_remove(c, "low", "aaa");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        assert_null(registry_hook_problem(c->registry));
        core_put_text(c, "low", "bbb", TASK("t2", "Hook=other\n"));
        core_scan(c);
        assert_non_null(strstr(registry_hook_problem(c->registry), "bbb: Hook=other"));
}

/* The store cannot tell, just when a file that was given up is back: it is read once more. */
static void test_a_lookup_that_fails_at_once(void **state) {
        struct core *c = *state;

        fake_store_set_immediate(c->store, false);
        core_put(c, "low", "one", "t1");
        registry_scan(c->registry);
        core_remove(c, "low", "one");
        registry_scan(c->registry);
        fake_store_set_immediate(c->store, true);
        core_put(c, "low", "one", "t1");
        fake_store_fail_next(c->store, -EIO);
        registry_scan(c->registry);
        assert_int_equal(c->transient_errors, 1);
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
        assert_int_equal(registry_count(c->registry).invalid, 0);
}

/* What was written in the owner's place counts only if it was written. */
static void test_a_successor_of_a_batch_that_failed(void **state) {
        struct core *c = *state;

        core_put(c, "low", "two", "t2");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t2", 1);
        core_put(c, "low", "zwei", "t2");
        core_scan(c);
        fake_store_set_immediate(c->store, false);
        core_remove(c, "low", "two");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        fake_store_fail_next(c->store, -EIO);
        fake_store_run(c->store); /* with zwei in the place of two */
        core_put(c, "high", "deux", "t2");
        core_scan(c);
        core_pass(c, 6 * SEC); /* with deux, which goes before that is written */
        core_remove(c, "high", "deux");
        core_scan(c);
        fake_store_run(c->store);
        core_turn(c);
        fake_store_run(c->store);
        assert_string_equal(row_name(c, "t2"), "zwei");
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t2"));
}

/* The file of the chosen one is not the one any more that was written. */
static void test_a_successor_that_is_broken_meanwhile(void **state) {
        struct core *c = *state;

        core_put(c, "state", "two", "t2");
        core_put(c, "state", "zwei", "t2");
        core_scan(c);
        core_pass(c, 3 * SEC);
        fake_store_set_immediate(c->store, false);
        core_remove(c, "state", "two");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        core_put_text(c, "state", "zwei", "[Task]\n");
        core_scan(c);
        fake_store_step(c->store);
        core_turn(c);
        assert_int_equal(fake_store_pending(c->store), 1); /* once more, with the file as it is */
        fake_store_run(c->store);
        assert_string_equal(row_name(c, "t2"), "zwei");
}

/* A finished task's new file, and no memory to watch it: it is read again, not lost. */
static void test_no_memory_for_a_new_registration(void **state) {
        struct core *c = *state;

        core_put(c, "high", "one", "t1");
        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        core_remove(c, "high", "one"); /* the one below is another file, and a registration */
        time_fail_next_open();
        core_scan(c);
        assert_int_equal(c->transient_errors, 1);
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
        core_answer(c, "t1", 2);
        assert_string_equal(c->finished, "t1:completed t1:completed ");
}

/* Two registrations of one file name, as a crash leaves them; the file is invalid at the start. */
static void test_a_file_that_is_invalid_at_the_start(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_turn(c);
        core_put(c, "low", "one", "t2");
        core_scan(c);
        core_turn(c);
        core_stop(c); /* t2 is written, that t1 has gone is not yet */
        core_put_text(c, "low", "one", TASK("t2", "Nonsense=1\n[Nonsense\n"));
        core_start(c);
        core_turn(c);
        assert_non_null(core_row(c, "t1")); /* it may be the one */
        assert_non_null(core_row(c, "t2"));
        core_put(c, "low", "one", "t2");
        core_scan(c);
        core_turn(c);
        assert_true(core_row(c, "t1")->gone);
        assert_false(core_row(c, "t2")->gone);
}

/* The row follows at once: under the former name it would not be known as the invalid file's. */
static void test_a_finished_file_renamed_and_then_broken(void **state) {
        struct core *c = *state;

        finish_one(c);
        core_turn(c);
        core_remove(c, "low", "one");
        core_put(c, "low", "two", "t1");
        core_scan(c);
        core_turn(c);
        assert_string_equal(row_name(c, "t1"), "two");
        core_put_text(c, "low", "two", TASK("t1", "[Nonsense\n"));
        core_scan(c);
        core_restart(c);
        core_pass(c, 3 * SEC);
        core_put(c, "low", "two", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t1"));
        assert_string_equal(c->finished, "t1:completed ");
}

/* Renamed while no daemon ran, where the store could not be told, and then broken. */
static void test_a_file_that_is_found_under_another_name(void **state) {
        struct core *c = *state;

        core_put(c, "low", "running", "t2");
        finish_one(c);
        core_stop(c);
        core_rename(c, "low", "one", "two"); /* the same file still */
        core_rename(c, "low", "running", "walking");
        core_start(c);
        core_turn(c);
        assert_string_equal(row_name(c, "t1"), "two");
        assert_string_equal(row_name(c, "t2"), "walking");
        core_stop(c);
        core_remove(c, "low", "two");
        core_put_text(c, "low", "three", TASK("t1", "[Nonsense\n"));
        core_start(c);
        core_turn(c);
        core_put(c, "low", "three", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t1"));
        assert_string_equal(c->finished, "t1:completed ");
}

/* And back, when the file comes back. */
static void test_a_finished_file_that_was_renamed_and_is_back(void **state) {
        struct core *c = *state;

        finish_one(c);
        core_turn(c);
        core_remove(c, "low", "one");
        core_put(c, "low", "two", "t1");
        core_scan(c);
        core_turn(c);
        core_remove(c, "low", "two");
        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_turn(c);
        assert_string_equal(row_name(c, "t1"), "one");
        core_pass(c, 3 * SEC);
        assert_string_equal(row_name(c, "t1"), "one");
        assert_false(core_row(c, "t1")->gone);
}

/* A file in a higher directory comes while the store has not told what it knows of the key. */
static void test_taken_over_during_the_lookup(void **state) {
        struct core *c = *state;

        core_put(c, "low", "low", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_stop(c);
        fake_store_set_immediate(c->store, false);
        core_start(c);
        core_put(c, "high", "high", "t1");
        core_scan(c);
        fake_store_run(c->store);
        core_turn(c);
        fake_store_set_immediate(c->store, true);
        assert_int_equal(registry_count(c->registry).finished, 1); /* it is known to the end */
        assert_int_equal(registry_count(c->registry).invalid, 1);
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t1"));
}

/* Another file of a finished task, where those are removed: its hooks are checked anew. */
static void test_hooks_of_a_new_registration(void **state) {
        struct core *c = *state;

        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2); /* the file stays: the hooks are still run */
        core_put_text(c, "state", "one", TASK("t1", "Hook=none\n"));
        core_scan(c);
        assert_non_null(strstr(registry_hook_problem(c->registry), "one: Hook=none"));
        assert_int_equal(registry_count(c->registry).hook_problems, 1);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
}

/* Only what leaves nothing watched is one for the status line. */
static void test_what_is_told_as_invalid(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        core_put_text(c, "low", "bad", "[Task]\nTaskId=t1\n");
        core_put(c, "low", "good", "t2");
        core_listen(c);
        core_scan(c);
        text = core_heard(c);
        assert_non_null(strstr(text, "bad.task"));
        assert_true(c->invalid > 0);
        core_remove(c, "low", "bad");
        core_scan(c);
        c->invalid = 0;
        core_put_text(c, "low", "good", "[Task]\nTaskId=t2\n");
        core_scan(c);
        assert_int_equal(c->invalid, 0);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t2"));
        core_put(c, "low", "same", "t2");
        core_scan(c);
        assert_int_equal(c->invalid, 1);
}

/* Where finished files stay, an edit of one does nothing, and that is told once. */
static void test_an_edit_of_a_finished_file(void **state) {
        static const char words[] = "one: already finished, the changed file has no effect";
        struct core *c = *state;
        CLEANUP(freep) char *first = NULL, *second = NULL;

        finish_one(c);
        core_listen(c);
        core_put(c, "low", "one", "t1");
        core_scan(c);
        first = core_heard(c);
        assert_non_null(strstr(first, words));
        core_listen(c);
        core_put_text(c, "low", "one", TASK("t1", "Hook=a\n"));
        core_scan(c);
        core_scan(c);
        second = core_heard(c);
        assert_string_equal(second, "");
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t1"));
}

/* Either its inode or its time tells that it was changed while no daemon ran. */
static void test_an_edit_of_a_finished_file_while_no_daemon_ran(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *path = str_printf("%s/low/one.task", c->directory);

        finish_one(c);
        core_turn(c);
        for (int i = 0; i < 3; i++) {
                CLEANUP(freep) char *text = NULL;
                struct timespec times[2];
                struct stat st;

                core_stop(c);
                assert_int_equal(stat(path, &st), 0);
                times[0] = times[1] = st.st_mtim;
                times[1].tv_sec += i == 1;
                if (i == 2)
                        core_put(c, "low", "one", "t1");
                assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
                core_open(c);
                core_listen(c);
                core_scan(c);
                text = core_heard(c);
                assert_int_equal(strstr(text, "one: already finished, the changed file has no") !=
                                         NULL,
                                 i > 0);
        }
}

/* A finished file goes without a word; one that cannot go is told of, and done all the same. */
static void test_the_end_of_a_finished_file(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *good = NULL, *bad = NULL;
        CLEANUP(freep) char *aside = str_printf("%s/state/.two.finished", c->directory);
        CLEANUP(freep) char *inside = str_printf("%s/state/.two.finished/x", c->directory);

        core_put(c, "state", "one", "t1");
        core_put(c, "state", "two", "t2");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_listen(c);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        good = core_heard(c);
        assert_null(strstr(good, "cannot be removed"));
        assert_false(core_has(c, "state", "one"));

        assert_int_equal(mkdir(aside, 0700), 0); /* in the way */
        assert_int_equal(mkdir(inside, 0700), 0);
        core_listen(c);
        core_answer(c, "t2", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        bad = core_heard(c);
        assert_non_null(strstr(bad, "two: its file"));
        assert_non_null(strstr(bad, "state/two.task is finished but cannot be removed"));
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t2"));
}

/* How many of the tasks "0" to "count - 1" are asked about. */
static unsigned asked(struct core *c, unsigned count) {
        unsigned n = 0;
        char id[16];

        for (unsigned i = 0; i < count; i++) {
                (void) snprintf(id, sizeof(id), "%u", i);
                n += core_is_asked(c, id);
        }
        return n;
}

static void put_many(struct core *c, unsigned from, unsigned to) {
        char id[16];

        for (unsigned i = from; i < to; i++) {
                (void) snprintf(id, sizeof(id), "%u", i);
                core_put(c, "low", id, id);
        }
        core_scan(c);
}

/* The more start with a scan, the longer the span that their first polls are spread over. */
static void test_a_start_is_spread(void **state) {
        struct core *c = *state;

        core_put(c, "low", "first", "t1"); /* once there was an answer, many are asked at once */
        core_scan(c);
        core_pass(c, SEC);
        core_answer(c, "t1", 2);
        put_many(c, 0, 5);
        core_pass(c, 100 * USEC_MSEC);
        assert_int_equal(asked(c, 5), 5);
        put_many(c, 5, 205); /* within 2 s, the first of them within 10 ms each */
        core_pass(c, 100 * USEC_MSEC);
        assert_in_range(asked(c, 205), 10, 150);
        core_pass(c, 1900 * USEC_MSEC);
        assert_int_equal(asked(c, 205), 205);
        put_many(c, 205, 210); /* they are few again */
        core_pass(c, 100 * USEC_MSEC);
        assert_int_equal(asked(c, 210), 210);
}

/* Duplicates of others stay where they are when a finished file goes; its own go with it. */
static void test_duplicates_of_a_finished_file(void **state) {
        struct core *c = *state;

        core_put(c, "state", "one", "t1");
        core_put(c, "state", "two", "t2");
        core_scan(c);
        core_put(c, "state", "uno", "t1");
        core_put(c, "state", "zwei", "t2");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_false(core_has(c, "state", "one"));
        assert_false(core_has(c, "state", "uno"));
        assert_true(core_has(c, "state", "two"));
        assert_true(core_has(c, "state", "zwei"));
}

/* A file that comes in the moment that the finished one is gone is counted, and watched soon. */
static void test_a_late_duplicate(void **state) {
        struct core *c = *state;

        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_remove(c, "state", "one");
        core_scan(c);
        core_put(c, "state", "uno", "t1");
        core_scan(c);
        assert_int_equal(registry_count(c->registry).finished, 1);
        assert_int_equal(registry_count(c->registry).invalid, 1);
        core_pass(c, 4 * SEC);
        assert_int_equal(registry_count(c->registry).finished, 0);
        assert_int_equal(registry_count(c->registry).invalid, 0);
        assert_true(core_is_asked(c, "t1"));
}

/* A start that finds all as it was writes nothing. */
static void test_a_start_without_news(void **state) {
        struct core *c = *state;
        usec_t registered;
        size_t writes;

        core_put(c, "low", "one", "t1");
        core_put(c, "low", "two", "t2");
        core_scan(c);
        registered = core_row(c, "t1")->registered;
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        assert_int_equal(core_row(c, "t1")->registered, registered);
        core_end_run(HOOK_DONE);
        core_turn(c);
        writes = fake_store_writes(c->store);
        core_restart(c);
        core_turn(c);
        assert_int_equal(fake_store_writes(c->store), writes);
}

/* Polled as long as its account is configured. */
static void test_an_account_that_leaves(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        registry_check_accounts(c->registry); /* nothing has changed */
        core_pass(c, 11 * SEC);
        assert_true(core_is_asked(c, "t1"));
        account_retire(c->account);
        core_listen(c);
        registry_check_accounts(c->registry);
        text = core_heard(c);
        assert_non_null(strstr(text, "warning one: [Account default] is no longer configured"));
        core_pass(c, USEC_HOUR);
        assert_false(core_is_asked(c, "t1"));
        core_listen(c);
        registry_check_accounts(c->registry);
        free(text);
        text = core_heard(c);
        assert_string_equal(text, ""); /* once */
        core_put_text(c, "low", "one", TASK("t1", "Hook=a\n"));
        core_scan(c);
        core_pass(c, USEC_MINUTE);
        assert_false(core_is_asked(c, "t1"));

        core_configure_account(c);
        registry_check_accounts(c->registry);
        core_pass(c, 11 * SEC);
        assert_true(core_is_asked(c, "t1"));
}

static void move(struct core *c, const char *from, const char *to) {
        CLEANUP(freep) char *before = str_printf("%s/%s", c->directory, from);
        CLEANUP(freep) char *after = str_printf("%s/%s", c->directory, to);

        assert_int_equal(rename(before, after), 0);
}

/* The tasks of a directory that stays away are polled no more, until it is back. */
static void test_a_directory_that_is_away(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        move(c, "low", "aside");
        core_pass(c, 4 * USEC_MINUTE);
        assert_true(core_is_asked(c, "t1"));
        core_answer(c, "t1", 1);
        core_pass(c, 11 * SEC);
        assert_true(core_is_asked(c, "t1"));
        core_pass(c, 4 * USEC_MINUTE);
        assert_false(core_is_asked(c, "t1"));
        core_scan(c);
        core_pass(c, 11 * SEC);
        assert_false(core_is_asked(c, "t1"));
        move(c, "aside", "low");
        core_pass(c, 3 * USEC_MINUTE);
        assert_true(core_is_asked(c, "t1"));
        assert_int_equal(registry_count(c->registry).pending + registry_count(c->registry).running,
                         1);
}

/* The spread is one of a scan, not of those that come one by one. */
static void test_one_by_one_is_not_spread(void **state) {
        struct core *c = *state;

        core_put(c, "low", "first", "t1");
        core_scan(c);
        core_pass(c, SEC);
        core_answer(c, "t1", 2);
        put_many(c, 0, 99);
        core_pass(c, 2 * SEC);
        assert_int_equal(asked(c, 99), 99);
        core_remove(c, "low", "50"); /* and is back within the grace */
        core_scan(c);
        core_put(c, "low", "50", "50");
        core_scan(c);
        core_pass(c, 100 * USEC_MSEC);
        assert_int_equal(asked(c, 99), 99);
}

/* Nor is a spread one of what goes on after the scan. */
static void test_what_goes_on_is_not_spread(void **state) {
        struct core *c = *state;

        core_put(c, "low", "first", "t1");
        core_scan(c);
        core_pass(c, SEC);
        core_answer(c, "t1", 2);
        put_many(c, 0, 200);
        core_pass(c, 3 * SEC);
        for (unsigned i = 0; i < 200; i++) {
                char id[16];

                (void) snprintf(id, sizeof(id), "%u", i);
                core_answer(c, id, 0);
        }
        account_retire(c->account);
        registry_check_accounts(c->registry);
        core_pass(c, USEC_MINUTE);
        assert_int_equal(asked(c, 200), 0);
        core_configure_account(c);
        registry_check_accounts(c->registry);
        core_pass(c, 200 * USEC_MSEC);
        assert_int_equal(asked(c, 200), 200);
}

/* Each once, at the next look at it: not while it may still be being renamed. */
static void test_strays(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *path = str_printf("%s/low/photos.tsk", c->directory);
        CLEANUP(freep) char *before = NULL, *text = NULL, *again = NULL;

        assert_int_equal(replace_file(path, "[Task]\n", 7, 0644), 0);
        core_pass(c, SEC);
        core_listen(c);
        core_scan(c);
        before = core_heard(c);
        assert_string_equal(before, "");
        core_listen(c);
        core_pass(c, 31 * SEC);
        text = core_heard(c);
        assert_non_null(strstr(text, "low/photos.tsk: not a task file"));
        assert_non_null(strstr(text, "rename it to photos.task"));
        core_listen(c);
        core_scan(c);
        core_pass(c, 31 * SEC);
        again = core_heard(c);
        assert_string_equal(again, "");
}

/* What has become wrong, or right, with nobody telling is in the status line after 15 s. */
static void test_four_times_a_minute(void **state) {
        struct core *c = *state;
        unsigned before = c->status_changes;

        core_pass(c, 15 * SEC - 1);
        before = c->status_changes;
        core_pass(c, 1);
        assert_int_equal(c->status_changes, before + 1);
        core_pass(c, 4 * USEC_MINUTE);
        assert_int_equal(c->status_changes, before + 17);
}

/* All hooks, of events and those that tasks name, at a reload and when a directory changes. */
static void test_hooks_are_checked(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *path = str_printf("%s/hooks/finished.d/b", c->directory);
        CLEANUP(freep) char *text = NULL, *changed = NULL, *again = NULL;

        core_put_text(c, "low", "one", TASK("t1", "Hook=none\n"));
        core_scan(c);
        core_pass(c, SEC);
        assert_int_equal(replace_file(path, "#!/bin/true\n", 12, 0644), 0); /* it is no program */
        core_listen(c);
        registry_check_hooks(c->registry);
        text = core_heard(c);
        assert_non_null(strstr(text, "finished.d/b: would not run: it is not executable"));
        assert_non_null(strstr(registry_hook_problem(c->registry), "one: Hook=none"));
        core_listen(c);
        core_pass(c, 31 * SEC);
        again = core_heard(c);
        assert_string_equal(again, "");
        core_put_text(c, "hooks/finished.d", "c", "#!/bin/true\n");
        core_listen(c);
        core_pass(c, 31 * SEC);
        changed = core_heard(c);
        assert_non_null(strstr(changed, "finished.d/b: would not run"));
}

/* The status line names what is invalid. */
static void test_an_invalid_file_that_goes(void **state) {
        struct core *c = *state;
        unsigned before;

        core_put_text(c, "low", "one", "nonsense\n");
        core_scan(c);
        assert_int_equal(registry_count(c->registry).invalid, 1);
        before = c->status_changes;
        core_remove(c, "low", "one");
        core_scan(c);
        assert_int_equal(registry_count(c->registry).invalid, 0);
        assert_true(c->status_changes > before);
}

/* Asked for from outside: it is done in pieces, soon. */
static void test_a_look(void **state) {
        struct core *c = *state;

        core_pass(c, 5 * SEC);
        core_put(c, "low", "one", "t1");
        time_pass(c->timers, 3 * SEC); /* it rests */
        registry_look(c->registry);
        assert_int_equal(registry_count(c->registry).pending, 0);
        core_pass(c, 5 * SEC);
        assert_int_equal(registry_count(c->registry).pending, 1);
}

/* What has lost its file while no daemon ran is found at the next start instead. */
static void test_the_store_cannot_say_what_is_stale(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        core_put(c, "low", "one", "t1");
        core_put(c, "low", "two", "t2"); /* a directory without any would be another matter */
        core_scan(c);
        core_stop(c);
        core_remove(c, "low", "one");
        fake_store_set_immediate(c->store, false);
        core_start(c);
        while (fake_store_pending(c->store) > 1)
                fake_store_step(c->store);
        core_listen(c);
        fake_store_fail_next(c->store, -EIO);
        fake_store_step(c->store);
        fake_store_set_immediate(c->store, true);
        core_turn(c);
        text = core_heard(c);
        assert_non_null(strstr(text, "cannot read from the store which registrations have lost "
                                     "their files (Input/output error)"));
        assert_non_null(core_row(c, "t1"));
        core_restart(c);
        core_turn(c);
        assert_true(!core_row(c, "t1") || core_row(c, "t1")->gone);
        assert_false(core_row(c, "t2")->gone);
}

static void rename_directory(struct core *c, const char *from, const char *to) {
        CLEANUP(freep) char *old = str_printf("%s/%s", c->directory, from);
        CLEANUP(freep) char *new = str_printf("%s/%s", c->directory, to);

        assert_non_null(old);
        assert_non_null(new);
        assert_int_equal(rename(old, new), 0);
}

static void finish_task(struct core *c) {
        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_pass(c, SEC);
}

/* Its directory is away when its delivery ends: it goes when that is back. */
static void test_a_finished_file_whose_directory_is_away(void **state) {
        struct core *c = *state;

        finish_task(c);
        rename_directory(c, "state", "aside");
        core_scan(c);
        core_end_run(HOOK_DONE);
        core_pass(c, SEC);
        core_scan(c);
        rename_directory(c, "aside", "state");
        assert_true(core_has(c, "state", "one"));
        core_scan(c);
        assert_false(core_has(c, "state", "one"));
        core_scan(c);
        core_pass(c, GRACE_OVER);
        assert_int_equal(registry_count(c->registry).finished, 0);
        assert_string_equal(c->finished, "t1:completed ");
}

/* Likewise the file alone. */
static void test_a_finished_file_that_is_away(void **state) {
        struct core *c = *state;

        finish_task(c);
        rename_directory(c, "state/one.task", "aside");
        core_scan(c);
        core_end_run(HOOK_DONE);
        core_turn(c);
        rename_directory(c, "aside", "state/one.task");
        core_scan(c);
        assert_false(core_has(c, "state", "one"));
}

/* One that is edited meanwhile is a registration of its own, and stays. */
static void test_a_finished_file_that_is_another_one_when_it_is_back(void **state) {
        struct core *c = *state;

        finish_task(c);
        rename_directory(c, "state", "aside");
        core_scan(c);
        core_end_run(HOOK_DONE);
        core_pass(c, SEC);
        core_put(c, "aside", "one", "t1");
        rename_directory(c, "aside", "state");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_has(c, "state", "one"));
        assert_true(core_is_asked(c, "t1"));
        core_scan(c);
        assert_true(core_has(c, "state", "one"));
}

/* Many are written in several batches, one after the other. */
static void test_many_are_written_in_batches(void **state) {
        struct core *c = *state;
        size_t writes = fake_store_writes(c->store);

        put_many(c, 0, 501);
        assert_int_equal(fake_store_writes(c->store), writes + 2);
        assert_int_equal(fake_store_tasks(c->store), 501);
}

/* The owner's file is moved below that of its duplicate, which counts for more then. */
static void test_moved_below_a_duplicate(void **state) {
        struct core *c = *state;

        core_put(c, "high", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        core_put(c, "low", "zwei", "t1");
        core_scan(c);
        assert_string_equal(row_name(c, "t1"), "one");
        move(c, "high/one.task", "state/one.task");
        core_scan(c);
        assert_string_equal(row_name(c, "t1"), "zwei");
        assert_int_equal(registry_count(c->registry).running, 1); /* it goes on as it was */
        assert_int_equal(registry_count(c->registry).invalid, 1);
        core_pass(c, 11 * SEC);
        assert_true(core_is_asked(c, "t1"));
}

/* The store answers when the directory has been away for long: the task waits as the others do. */
static void test_found_while_its_directory_is_away(void **state) {
        struct core *c = *state;

        fake_store_set_immediate(c->store, false);
        core_put(c, "low", "one", "t1");
        registry_scan(c->registry);
        move(c, "low", "aside");
        core_pass(c, 8 * USEC_MINUTE);
        fake_store_set_immediate(c->store, true);
        core_pass(c, 11 * SEC);
        assert_false(core_is_asked(c, "t1"));
        move(c, "aside", "low");
        core_pass(c, 3 * USEC_MINUTE);
        assert_true(core_is_asked(c, "t1"));
}

/* It is read again each minute, as its token may come; that is told once. */
static void test_a_token_file_that_comes_later(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *token = str_printf("%s/token", c->directory);
        CLEANUP(freep)
        char *text = str_printf("[Task]\nTaskId=t1\nShareId=7\nKdsTokenFile=%s\n", token);
        CLEANUP(freep) char *first = NULL, *later = NULL;

        if (geteuid() != 0)
                skip(); /* only where root alone can write */
        core_put_text(c, "low", "one", text);
        core_listen(c);
        core_scan(c);
        first = core_heard(c);
        assert_non_null(strstr(first, "one.task: the file in KdsTokenFile= cannot be read"));
        assert_int_equal(replace_file(token, "a\nb", 3, 0600), 0);
        core_listen(c);
        core_pass(c, 5 * USEC_MINUTE);
        later = core_heard(c);
        assert_string_equal(later, "");
        assert_int_equal(registry_count(c->registry).invalid, 1);
        core_listen(c);
        core_scan(c); /* at a reload it is told again */
        free(later);
        later = core_heard(c);
        assert_non_null(strstr(later, "is not one line of printable ASCII"));
        assert_int_equal(replace_file(token, "abc\n", 4, 0600), 0);
        core_pass(c, 70 * SEC);
        assert_int_equal(registry_count(c->registry).invalid, 0);
        assert_true(core_is_asked(c, "t1"));
}

/* Its file is back before that could be written: it is not forgotten. */
static void test_a_stale_one_that_comes_back(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_put(c, "low", "two", "t2");
        core_put(c, "low", "three", "t3");
        core_scan(c);
        core_stop(c);
        core_remove(c, "low", "one");
        core_remove(c, "low", "three");
        fake_store_set_immediate(c->store, false);
        core_start(c);
        while (fake_store_pending(c->store) > 0)
                fake_store_step(c->store);
        core_turn(c); /* that they are gone is under way */
        fake_store_fail_next(c->store, -EIO);
        fake_store_run(c->store);
        fake_store_set_immediate(c->store, true);
        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 6 * SEC);
        assert_non_null(core_row(c, "t1"));
        assert_false(core_row(c, "t1")->gone);
        assert_true(!core_row(c, "t3") || core_row(c, "t3")->gone);
}

/* The daemon ends before that could be written, or decided: the next one finds them again. */
static void test_an_end_with_stale_ones(void **state) {
        struct core *c = *state;

        for (unsigned i = 0; i < 2; i++) { /* two registrations of one name: the file says which */
                core_put(c, "low", "one", i == 0 ? "t1" : "t2");
                core_scan(c);
        }
        core_put(c, "low", "two", "t3");
        core_put(c, "low", "three", "t4");
        core_put(c, "low", "four", "t5");
        core_scan(c);
        core_stop(c);
        core_remove(c, "low", "three");
        core_remove(c, "low", "two");
        fake_store_set_immediate(c->store, false);
        core_start(c);
        while (fake_store_pending(c->store) > 0)
                fake_store_step(c->store);
        core_turn(c);
        assert_true(fake_store_pending(c->store) > 0);
        core_restart(c);
        fake_store_set_immediate(c->store, true);
        core_turn(c);
        assert_true(!core_row(c, "t3") || core_row(c, "t3")->gone);
        assert_true(!core_row(c, "t4") || core_row(c, "t4")->gone);
        assert_false(core_row(c, "t5")->gone);

        core_stop(c);
        core_remove(c, "low", "four");
        core_put_text(c, "low", "one", "[Task]\nNonsense\n");
        core_start(c);
        core_turn(c);
        assert_false(core_row(c, "t5")->gone); /* the invalid one may be it */
        core_remove(c, "low", "one");
        core_restart(c);
        core_turn(c);
        assert_true(!core_row(c, "t5") || core_row(c, "t5")->gone);
}

/* Nothing can wait for a moment, without a timer: it is deleted at once. */
static void test_no_timer_for_the_grace(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_put(c, "low", "two", "t2");
        core_scan(c);
        time_fail_next_open();
        core_remove(c, "low", "one");
        core_scan(c);
        assert_true(!core_row(c, "t1") || core_row(c, "t1")->gone);
        core_remove(c, "low", "two");
        core_scan(c);
        assert_false(core_row(c, "t2")->gone);
        core_pass(c, SEC);
        assert_true(!core_row(c, "t2") || core_row(c, "t2")->gone);
}

/* A duplicate's file is moved above the owner's, which it takes over from. */
static void test_moved_above_the_owner(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        core_put(c, "state", "zwei", "t1");
        core_scan(c);
        move(c, "state/zwei.task", "high/zwei.task");
        core_scan(c);
        assert_string_equal(row_name(c, "t1"), "zwei");
        assert_int_equal(registry_count(c->registry).running, 1);
        assert_int_equal(registry_count(c->registry).invalid, 1);
}

/* An editor renames, and a rescan finds it again: half a second is given to that. */
static void test_half_a_second(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        core_remove(c, "low", "one");
        core_scan(c);
        core_pass(c, 400 * USEC_MSEC);
        assert_int_equal(registry_count(c->registry).running, 1);
        assert_false(core_row(c, "t1")->gone);
        core_pass(c, 200 * USEC_MSEC);
        assert_int_equal(registry_count(c->registry).running, 0);
        assert_null(core_row(c, "t1"));
}

/* Nor is it asked about meanwhile; back in time, it goes on. */
static void test_no_polls_in_the_grace(void **state) {
        static const char text[] = TASK("t1", "IntervalMin=100ms\nIntervalMax=100ms\n");
        struct core *c = *state;

        core_put_text(c, "low", "one", text);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        core_remove(c, "low", "one");
        core_scan(c);
        core_pass(c, 400 * USEC_MSEC);
        assert_false(core_is_asked(c, "t1"));
        core_put_text(c, "low", "one", text);
        core_scan(c);
        core_pass(c, 200 * USEC_MSEC);
        assert_true(core_is_asked(c, "t1"));
}

/* The directory decides which of several duplicates is next, and then the name. */
static void test_which_duplicate_succeeds(void **state) {
        static const char *const next[] = {"two", "zwei", "aaa"};
        struct core *c = *state;

        core_put(c, "high", "one", "t1");
        core_scan(c);
        core_put(c, "low", "zwei", "t1");
        core_scan(c);
        core_put(c, "low", "two", "t1");
        core_scan(c);
        core_put(c, "state", "aaa", "t1");
        core_scan(c);
        core_remove(c, "high", "one");
        for (size_t i = 0; i < ARRAY_LEN(next); i++) {
                core_scan(c);
                core_pass(c, GRACE_OVER);
                core_pass(c, 11 * SEC);
                assert_string_equal(row_name(c, "t1"), next[i]);
                assert_true(core_is_asked(c, "t1"));
                core_answer(c, "t1", 1);
                core_remove(c, i == 2 ? "state" : "low", next[i]);
        }
}

/* The watch is the new file's then: what it asks with, and what its event says. */
static void test_a_watch_that_was_taken_over(void **state) {
        struct core *c = *state;

        core_put(c, "low", "old", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        core_put_text(c, "high", "new", TASK("t1", "KdsToken=abc\n"));
        core_scan(c);
        core_remove(c, "low", "old");
        core_scan(c);
        core_pass(c, 11 * SEC);
        assert_string_equal(c->kdstoken, "abc");
        core_answer(c, "t1", 2);
        assert_non_null(strstr(core_run_line(0), "high/new.task"));
}

/* However many: each goes when its directory is back. */
static void test_many_finished_files_whose_directory_is_away(void **state) {
        struct core *c = *state;
        char id[16];

        core_put(c, "low", "first", "t1"); /* once there was an answer, many are asked at once */
        core_scan(c);
        core_pass(c, SEC);
        core_answer(c, "t1", 1);
        for (unsigned i = 0; i < 40; i++) {
                (void) snprintf(id, sizeof(id), "%u", i);
                core_put(c, "state", id, id);
        }
        core_scan(c);
        core_pass(c, 3 * SEC);
        for (unsigned i = 0; i < 40; i++) {
                (void) snprintf(id, sizeof(id), "%u", i);
                core_answer(c, id, 2);
        }
        rename_directory(c, "state", "aside");
        core_scan(c);
        for (unsigned i = 0; i < 40; i++)
                core_end_run(HOOK_DONE);
        core_pass(c, SEC);
        rename_directory(c, "aside", "state");
        core_scan(c);
        for (unsigned i = 0; i < 40; i++) {
                (void) snprintf(id, sizeof(id), "%u", i);
                assert_false(core_has(c, "state", id));
        }
}

/* The third of a scan comes within twice ten milliseconds. */
static void test_few_are_spread_little(void **state) {
        struct core *c = *state;

        core_put(c, "low", "first", "t1");
        core_scan(c);
        core_pass(c, SEC);
        core_answer(c, "t1", 2);
        for (unsigned i = 0; i < 180; i += 3) {
                put_many(c, i, i + 3);
                time_pass(c->timers, 20 * USEC_MSEC);
                assert_int_equal(asked(c, i + 3), i + 3);
        }
}

/* A link to what was removed is put back at once: it has the same inode and time, and is new. */
static void test_a_finished_file_that_is_published_again(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *path = str_printf("%s/state/one.task", c->directory);
        CLEANUP(freep) char *kept = str_printf("%s/kept", c->directory);

        finish_task(c);
        assert_int_equal(link(path, kept), 0);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_false(core_has(c, "state", "one"));
        assert_int_equal(link(kept, path), 0);
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
        core_answer(c, "t1", 2);
        core_pass(c, SEC);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_false(core_has(c, "state", "one"));
        assert_string_equal(c->finished, "t1:completed t1:completed ");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, core_set_up, core_tear_down)
                TEST(test_counts_while_a_deletion_waits),
                TEST(test_hooks_of_a_file_that_takes_over),
                TEST(test_hooks_of_a_duplicate_that_succeeds),
                TEST(test_a_hook_problem_goes_with_its_task),
                TEST(test_a_lookup_that_fails_at_once),
                TEST(test_a_successor_of_a_batch_that_failed),
                TEST(test_a_successor_that_is_broken_meanwhile),
                TEST(test_no_memory_for_a_new_registration),
                TEST(test_a_file_that_is_invalid_at_the_start),
                TEST(test_a_finished_file_renamed_and_then_broken),
                TEST(test_a_file_that_is_found_under_another_name),
                TEST(test_a_finished_file_that_was_renamed_and_is_back),
                TEST(test_taken_over_during_the_lookup),
                TEST(test_hooks_of_a_new_registration),
                TEST(test_what_is_told_as_invalid),
                TEST(test_an_edit_of_a_finished_file),
                TEST(test_an_edit_of_a_finished_file_while_no_daemon_ran),
                TEST(test_the_end_of_a_finished_file),
                TEST(test_a_start_is_spread),
                TEST(test_duplicates_of_a_finished_file),
                TEST(test_a_late_duplicate),
                TEST(test_a_start_without_news),
                TEST(test_an_account_that_leaves),
                TEST(test_a_directory_that_is_away),
                TEST(test_one_by_one_is_not_spread),
                TEST(test_what_goes_on_is_not_spread),
                TEST(test_strays),
                TEST(test_four_times_a_minute),
                TEST(test_hooks_are_checked),
                TEST(test_an_invalid_file_that_goes),
                TEST(test_a_look),
                TEST(test_the_store_cannot_say_what_is_stale),
                TEST(test_a_finished_file_whose_directory_is_away),
                TEST(test_a_finished_file_that_is_away),
                TEST(test_a_finished_file_that_is_another_one_when_it_is_back),
                TEST(test_many_are_written_in_batches),
                TEST(test_moved_below_a_duplicate),
                TEST(test_found_while_its_directory_is_away),
                TEST(test_a_token_file_that_comes_later),
                TEST(test_a_stale_one_that_comes_back),
                TEST(test_an_end_with_stale_ones),
                TEST(test_no_timer_for_the_grace),
                TEST(test_moved_above_the_owner),
                TEST(test_half_a_second),
                TEST(test_no_polls_in_the_grace),
                TEST(test_which_duplicate_succeeds),
                TEST(test_a_watch_that_was_taken_over),
                TEST(test_many_finished_files_whose_directory_is_away),
                TEST(test_few_are_spread_little),
                TEST(test_a_finished_file_that_is_published_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
