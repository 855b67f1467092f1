/* A node's part in a fleet: which tasks it watches, and whose files stand for them. */
#include <errno.h>

#include "koowatchd/membership.h"
#include "unit/core/fleet.h"

#define SEC USEC_SEC

static struct fleet fleet;
static struct core *a, *b;

static int open_fleet(unsigned n) {
        fleet_open(&fleet, n);
        a = fleet.nodes[0];
        b = n > 1 ? fleet.nodes[1] : NULL;
        return 0;
}

static int set_up_one(void **state) {
        (void) state;
        return open_fleet(1);
}

static int set_up_two(void **state) {
        (void) state;
        return open_fleet(2);
}

static int tear_down(void **state) {
        (void) state;
        fleet_close(&fleet);
        return 0;
}

/* A file is published on the node. */
static void put(struct core *c, const char *directory, const char *name, const char *task_id) {
        core_put(c, directory, name, task_id);
        fleet_scan(&fleet, c);
}

static void put_text(struct core *c, const char *directory, const char *name, const char *text) {
        core_put_text(c, directory, name, text);
        fleet_scan(&fleet, c);
}

static void take_away(struct core *c, const char *directory, const char *name) {
        core_remove(c, directory, name);
        fleet_scan(&fleet, c);
}

static void give(struct core *c) {
        fleet_give(&fleet, c, "default");
}

/* The account goes to the other node, while this one is killed. */
static void move_account(struct core *from, struct core *to) {
        fleet_restart(&fleet, from);
        give(to);
        fleet_begin(&fleet, from);
}

static void finish(struct core *c, const char *task_id) {
        fleet_answer(&fleet, c, task_id, 2);
        fleet_run_hooks(&fleet);
}

/* By all nodes. */
static unsigned outcomes(const char *task_id) {
        CLEANUP(freep) char *text = str_printf("%s:", task_id);
        unsigned n = 0;

        for (unsigned i = 0; i < fleet.n; i++)
                for (const char *at = fleet.nodes[i]->finished; (at = strstr(at, text)); at++)
                        n++;
        return n;
}

static bool is_known(const char *task_id) {
        const struct store_task *row = core_row(a, task_id);

        return row && !row->gone;
}

/* None of them is empty: what is missed there has gone. */
static void fill_directories(void) {
        for (unsigned i = 0; i < fleet.n; i++) {
                core_put(fleet.nodes[i], "high", "h", "t100");
                core_put(fleet.nodes[i], "low", "l", "t101");
                core_put(fleet.nodes[i], "state", "s", "t102");
                fleet_scan(&fleet, fleet.nodes[i]);
        }
}

/* ---- accounts ---- */

static void test_nothing_is_polled_before_the_account_is_ours(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        fleet_pass(&fleet, USEC_MINUTE);
        assert_int_equal(registry_count(a->registry).elsewhere, 1);
        assert_int_equal(fake_http_posted(a->http), 0);
        assert_null(core_row(a, "t1"));
        assert_false(membership_has(a->membership, "default"));
        assert_int_equal(a->settled, 1); /* what others have is not waited for */

        give(a);
        assert_true(membership_has(a->membership, "default"));
        assert_int_equal(registry_count(a->registry).elsewhere, 0);
        assert_true(core_is_asked(a, "t1"));
        assert_true(is_known("t1"));
        assert_int_equal(a->settled, 1);
}

static void test_other_accounts_stay_where_they_are(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        put_text(a, "low", "two", "[Task]\nTaskId=t2\nShareId=7\nAccount=other\n");
        give(a);
        assert_true(core_is_asked(a, "t1"));
        assert_false(core_is_asked(a, "t2"));
        assert_int_equal(membership_count(a->membership).held, 1);
        assert_int_equal(membership_count(a->membership).served, 2);
        fleet_give(&fleet, b, "other");
        assert_true(core_is_asked(b, "t2"));
        assert_false(core_is_asked(a, "t2"));
}

/* The files of the other nodes come first. */
static void test_an_account_whose_files_come_late(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        fake_store_give(a->store, "default");
        core_pass(a, USEC_MINUTE); /* the store is silent */
        assert_false(membership_has(a->membership, "default"));
        assert_int_equal(fake_http_posted(a->http), 0);
        fake_store_fail_next(a->store, -EIO);
        fleet_settle(&fleet);
        assert_false(membership_has(a->membership, "default"));
        assert_int_equal(fake_http_posted(a->http), 0);
        fleet_pass(&fleet, FLEET_LOOK);
        assert_true(core_is_asked(a, "t1"));
}

static void test_an_account_that_is_configured_no_more(void **state) {
        (void) state;
        fleet_give(&fleet, a, "other");
        core_configure_accounts(a, 1);
        assert_int_equal(a->over, 1);
        fleet_pass(&fleet, USEC_MINUTE);
        assert_int_equal(a->over, 1);
        fleet_restart(&fleet, a);
        fleet_begin(&fleet, a);
        assert_false(fake_store_serves(a->store, "other"));
        assert_true(fake_store_serves(a->store, "default"));
}

static void test_an_account_that_is_configured_later(void **state) {
        (void) state;
        core_configure_accounts(a, 1);
        assert_false(fake_store_serves(a->store, "other"));
        core_configure_accounts(a, 2);
        assert_true(fake_store_serves(a->store, "other"));
        assert_int_equal(a->over, 0);
}

/* ---- what is made known of a node's files ---- */

static void test_files_are_made_known_once(void **state) {
        const struct store_source *source;

        (void) state;
        put(a, "low", "one", "t1");
        source = fleet_source(a, "low", "one");
        assert_non_null(source);
        assert_string_equal(source->account, "default");
        assert_string_equal(source->text, "[Task]\nTaskId=t1\nShareId=7\n");
        assert_false(source->removes_finished);
        put(a, "state", "two", "t2");
        assert_true(fleet_source(a, "state", "two")->removes_finished);
        assert_int_equal(fake_store_sources_put(a->store), 2);
        fleet_pass(&fleet, USEC_MINUTE);
        fleet_scan(&fleet, a);
        assert_int_equal(fake_store_sources_put(a->store), 2);
        fleet_restart(&fleet, a);
        fleet_begin(&fleet, a);
        give(a);
        assert_int_equal(fake_store_sources_put(a->store), 2);
}

static void test_a_change_while_it_was_down(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        put(a, "low", "two", "t2");
        put(a, "low", "three", "t3");
        core_stop(a);
        core_remove(a, "low", "one");
        core_put(a, "low", "two", "t22");
        core_put(a, "low", "four", "t4");
        fake_store_restart(a->store);
        core_start(a);
        fleet_begin(&fleet, a);
        assert_null(fleet_source(a, "low", "one"));
        assert_non_null(strstr(fleet_source(a, "low", "two")->text, "t22"));
        assert_non_null(fleet_source(a, "low", "three"));
        assert_non_null(fleet_source(a, "low", "four"));
        assert_int_equal(fake_store_sources_put(a->store), 5);
}

static void test_a_file_that_changes_and_goes(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        put(a, "low", "one", "t2");
        assert_non_null(strstr(fleet_source(a, "low", "one")->text, "t2"));
        put_text(a, "low", "one", "[Task]\nTaskId=?\n");
        assert_non_null(strstr(fleet_source(a, "low", "one")->text, "t2")); /* stays in force */
        take_away(a, "low", "one");
        assert_null(fleet_source(a, "low", "one"));
}

/* Its name stays, its path does not. */
static void test_a_file_that_moves(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        assert_non_null(fleet_source(a, "low", "one"));
        put(a, "high", "one", "t1");
        assert_non_null(fleet_source(a, "high", "one"));
        assert_null(fleet_source(a, "low", "one")); /* hidden */
        take_away(a, "high", "one");
        assert_null(fleet_source(a, "high", "one"));
        assert_non_null(fleet_source(a, "low", "one"));
}

static void test_a_directory_that_is_not_read_any_more(void **state) {
        CLEANUP(freep) char *high = str_printf("%s/high", a->directory);

        (void) state;
        put(a, "low", "one", "t1");
        put(a, "high", "two", "t2");
        assert_int_equal(registry_set_directories(a->registry, high, NULL), 0);
        fleet_scan(&fleet, a);
        assert_null(fleet_source(a, "low", "one"));
        assert_non_null(fleet_source(a, "high", "two"));
}

static void test_a_token_is_kept_here(void **state) {
        (void) state;
        put_text(a, "low", "one", "[Task]\nTaskId=t1\nShareId=7\nKdsToken=secret\n");
        assert_null(fleet_source(a, "low", "one"));
        put(a, "low", "one", "t1");
        assert_non_null(fleet_source(a, "low", "one"));
        put_text(a, "low", "one", "[Task]\nTaskId=t1\nShareId=7\nKdsToken=secret\n");
        assert_null(fleet_source(a, "low", "one"));
        give(a);
        assert_true(core_is_asked(a, "t1"));
}

static void test_writes_that_fail(void **state) {
        (void) state;
        core_put(a, "low", "one", "t1");
        core_scan(a);
        fake_store_fail_next(a->store, -EIO);
        fleet_settle(&fleet);
        assert_null(fleet_source(a, "low", "one"));
        fleet_pass(&fleet, 6 * SEC);
        assert_non_null(fleet_source(a, "low", "one"));
        core_remove(a, "low", "one");
        core_scan(a);
        fake_store_fail_next(a->store, -EIO);
        fleet_pass(&fleet, 12 * SEC);
        assert_null(fleet_source(a, "low", "one"));
}

/* ---- files of other nodes ---- */

static void test_a_file_of_another_node(void **state) {
        CLEANUP(freep) char *path = str_printf("\"b:%s/low/one.task\"", b->directory);

        (void) state;
        put(b, "low", "one", "t1");
        give(a);
        assert_true(core_is_asked(a, "t1"));
        assert_false(core_is_asked(b, "t1"));
        assert_string_equal(
                fake_store_task_name(a->store, &(struct store_key){"default", "7", "t1"}), "one");
        fleet_answer(&fleet, a, "t1", 2);
        assert_non_null(strstr(core_run_line(0), "\"name\":\"one\""));
        assert_non_null(strstr(core_run_line(0), path));
        fleet_run_hooks(&fleet);
        assert_true(core_has(b, "low", "one"));
        assert_int_equal(registry_count(a->registry).finished, 1);
        take_away(b, "low", "one");
        assert_false(is_known("t1"));
        assert_int_equal(registry_count(a->registry).finished, 0);
        assert_int_equal(outcomes("t1"), 1);
}

static void test_a_file_that_comes_changes_and_goes_elsewhere(void **state) {
        (void) state;
        give(a);
        put(b, "low", "one", "t1");
        assert_true(core_is_asked(a, "t1"));
        put(b, "low", "one", "t2");
        assert_true(core_is_asked(a, "t2"));
        assert_false(is_known("t1"));
        take_away(b, "low", "one");
        assert_false(is_known("t2"));
        assert_int_equal(registry_count(a->registry).pending, 0);
}

static void test_a_file_that_names_another_account(void **state) {
        (void) state;
        give(a);
        put(b, "low", "one", "t1");
        assert_true(core_is_asked(a, "t1"));
        put_text(b, "low", "one", "[Task]\nTaskId=t1\nShareId=7\nAccount=other\n");
        assert_false(core_is_asked(a, "t1"));
        assert_false(is_known("t1"));
        fleet_give(&fleet, b, "other");
        assert_true(core_is_asked(b, "t1"));
}

static void test_one_name_on_two_nodes(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        put(b, "low", "one", "t2");
        give(a);
        assert_true(core_is_asked(a, "t1"));
        assert_true(core_is_asked(a, "t2"));
        finish(a, "t2");
        assert_int_equal(registry_count(a->registry).pending, 1);
        take_away(b, "low", "one");
        assert_true(is_known("t1"));
        assert_false(is_known("t2"));
}

/* The same task on both: gone when the last file goes. */
static void one_task_on_two(struct core *first, struct core *last) {
        put(a, "low", "one", "t1");
        put(b, "low", "one", "t1");
        give(a);
        assert_int_equal(fake_http_waiting(a->http), 1);
        assert_int_equal(registry_count(a->registry).pending, 1);
        take_away(first, "low", "one");
        assert_true(is_known("t1"));
        assert_true(core_is_asked(a, "t1"));
        take_away(last, "low", "one");
        assert_false(is_known("t1"));
        assert_null(core_row(a, "t1"));
        assert_int_equal(registry_count(a->registry).pending, 0);
}

static void test_one_task_whose_own_file_goes_first(void **state) {
        (void) state;
        one_task_on_two(a, b);
}

static void test_one_task_whose_other_file_goes_first(void **state) {
        (void) state;
        one_task_on_two(b, a);
}

/* ---- what is done ---- */

static void test_what_is_done_stays_done(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        put(b, "low", "two", "t1");
        give(a);
        finish(a, "t1");
        move_account(a, b);
        assert_int_equal(registry_count(b->registry).finished, 1);
        take_away(b, "low", "two");
        assert_true(is_known("t1"));
        put(b, "low", "three", "t1");
        move_account(b, a);
        take_away(a, "low", "one");
        fleet_pass(&fleet, USEC_MINUTE);
        assert_true(is_known("t1"));
        assert_int_equal(outcomes("t1"), 1);
        assert_false(core_is_asked(a, "t1"));
        assert_false(core_is_asked(b, "t1"));

        take_away(b, "low", "three");
        assert_false(is_known("t1"));
        put(b, "low", "one", "t1"); /* the last one had gone: a new run */
        assert_true(core_is_asked(a, "t1"));
        finish(a, "t1");
        assert_int_equal(outcomes("t1"), 2);
}

static void test_a_file_of_another_node_is_removed_when_done(void **state) {
        (void) state;
        put(b, "state", "one", "t1");
        put(b, "state", "two", "t2");
        give(a);
        finish(a, "t1");
        fleet_scan(&fleet, b);
        assert_false(core_has(b, "state", "one"));
        assert_true(core_has(b, "state", "two"));
        assert_null(fleet_source(b, "state", "one"));
        assert_false(is_known("t1"));
        put(b, "state", "one", "t1"); /* a new run */
        assert_true(core_is_asked(a, "t1"));
}

/* Its node is down meanwhile. */
static void test_a_file_that_is_removed_later(void **state) {
        (void) state;
        put(b, "state", "one", "t1");
        put(b, "state", "two", "t2");
        give(a);
        core_stop(b);
        fake_store_restart(b->store);
        fleet.n = 1;
        fleet_answer(&fleet, a, "t1", 2);
        fleet_run_hooks(&fleet);
        fleet_answer(&fleet, a, "t2", 2);
        fleet_run_hooks(&fleet);
        assert_true(core_has(b, "state", "one"));
        core_put(b, "state", "two", "t2"); /* another file: a new run */
        core_start(b);
        fleet.n = 2;
        fleet_begin(&fleet, b);
        fleet_scan(&fleet, b);
        assert_false(core_has(b, "state", "one"));
        assert_true(core_has(b, "state", "two"));
        assert_true(core_is_asked(a, "t2"));
        assert_false(core_is_asked(a, "t1"));
        assert_int_equal(outcomes("t1"), 1);
        assert_int_equal(outcomes("t2"), 1);
}

/* Its node is killed when it has removed the file, and before it could tell: no other one is there.
 */
static void test_a_file_that_was_removed_before_a_kill(void **state) {
        (void) state;
        put(b, "state", "one", "t1");
        give(a);
        finish(a, "t1");
        assert_false(core_has(b, "state", "one"));
        assert_non_null(fleet_source(b, "state", "one"));
        fleet_restart(&fleet, b);
        fleet_begin(&fleet, b);
        fleet_scan(&fleet, b);
        assert_null(fleet_source(b, "state", "one"));
        assert_false(is_known("t1"));
        assert_int_equal(outcomes("t1"), 1);
}

/* The file with which it has finished is there still; one after the other may be its own node's. */
static void second_file(struct core *next) {
        put(b, "state", "one", "t1");
        give(a);
        fleet_answer(&fleet, a, "t1", 2); /* its hooks run */
        put(a, "state", "two", "t1");
        fleet_restart(&fleet, a);
        if (next == a)
                fleet_begin(&fleet, a);
        give(next);
        if (next == b)
                fleet_begin(&fleet, a);
        fleet_pass(&fleet, USEC_MINUTE);
        assert_int_equal(outcomes("t1"), 1);
        assert_false(core_is_asked(next, "t1"));
        fleet_run_hooks(&fleet);
        fleet_pass(&fleet, 2 * USEC_MINUTE);
        fleet_scan(&fleet, a);
        fleet_scan(&fleet, b);
        assert_false(core_has(b, "state", "one"));
        assert_false(core_has(a, "state", "two"));
        assert_false(is_known("t1"));
        assert_int_equal(outcomes("t1"), 1);
}

static void test_a_second_file_elsewhere(void **state) {
        (void) state;
        second_file(b);
}

static void test_a_second_file_here(void **state) {
        (void) state;
        second_file(a);
}

/* A file that changes while another node has the account. */
static void test_a_file_that_changes_elsewhere(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        put(a, "low", "two", "t2");
        give(b);
        assert_true(core_is_asked(b, "t1"));
        put(a, "low", "one", "t3");
        take_away(a, "low", "two");
        assert_true(core_is_asked(b, "t3"));
        assert_false(is_known("t1"));
        assert_false(is_known("t2"));
        move_account(b, a);
        assert_true(core_is_asked(a, "t3"));
        assert_false(core_is_asked(a, "t1"));
        assert_int_equal(registry_count(a->registry).pending, 1);
}

/* A token is not known elsewhere: what is registered with it is, when the account is back. */
static void test_a_token_while_another_node_has_the_account(void **state) {
        usec_t registered;

        (void) state;
        fill_directories();
        put_text(a, "low", "one", "[Task]\nTaskId=t1\nShareId=7\nKdsToken=secret\n");
        put_text(a, "low", "two", "[Task]\nTaskId=t2\nShareId=7\nKdsToken=secret\n");
        put_text(a, "state", "three", "[Task]\nTaskId=t3\nShareId=7\nKdsToken=secret\n");
        give(a);
        finish(a, "t1");
        registered = core_row(a, "t2")->registered;
        move_account(a, b);
        fleet_pass(&fleet, USEC_MINUTE);
        assert_false(core_is_asked(b, "t2"));
        move_account(b, a);
        fleet_pass(&fleet, USEC_MINUTE);
        assert_false(core_is_asked(a, "t1"));
        assert_int_equal(outcomes("t1"), 1);
        assert_true(core_is_asked(a, "t2"));
        assert_int_equal(core_row(a, "t2")->registered, registered);
        assert_true(core_is_asked(a, "t3"));
}

/* ---- registrations whose files have gone ---- */

static void test_stale_tasks(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        put(a, "high", "two", "t2");
        put(a, "state", "four", "t4");
        put_text(a, "low", "three", "[Task]\nTaskId=t3\nShareId=7\nAccount=other\n");
        give(a);
        fleet_give(&fleet, a, "other");
        core_stop(a);
        core_remove(a, "low", "one");
        core_remove(a, "low", "three");
        core_put(a, "low", "four", "t5");
        fake_store_restart(a->store);
        core_start(a);
        fleet_begin(&fleet, a);
        assert_true(is_known("t1"));
        give(a);
        assert_false(is_known("t1"));
        assert_true(is_known("t2"));
        assert_non_null(fake_store_task(a->store, &(struct store_key){"other", "7", "t3"}));
        assert_false(fake_store_task(a->store, &(struct store_key){"other", "7", "t3"})->gone);
        fleet_give(&fleet, a, "other");
        assert_true(!fake_store_task(a->store, &(struct store_key){"other", "7", "t3"}) ||
                    fake_store_task(a->store, &(struct store_key){"other", "7", "t3"})->gone);
}

/* A directory that cannot be read: nothing is forgotten before it can. */
static void test_stale_tasks_of_whole_directories(void **state) {
        CLEANUP(freep) char *low = str_printf("%s/low", a->directory);
        CLEANUP(freep) char *other = str_printf("%s/aside", a->directory);

        (void) state;
        put(a, "low", "one", "t1");
        put(a, "low", "two", "t2");
        put(a, "high", "three", "t3");
        put(a, "state", "four", "t4");
        give(a);
        core_stop(a);
        core_remove(a, "low", "one");
        assert_int_equal(rename(low, other), 0);
        assert_int_equal(symlink("low", low), 0); /* it leads nowhere */
        fake_store_restart(a->store);
        core_start(a);
        fleet_begin(&fleet, a);
        give(a);
        assert_true(is_known("t1"));
        assert_true(is_known("t2"));
        assert_non_null(fleet_source(a, "low", "one"));
        assert_int_equal(unlink(low), 0);
        assert_int_equal(rename(other, low), 0);
        fleet_scan(&fleet, a);
        assert_true(is_known("t2"));
        assert_false(is_known("t1"));
}

/* ---- the end of a session ---- */

static void test_over_during_a_poll(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        give(a);
        fake_store_end(a->store, "time is up");
        assert_int_equal(a->over, 1);
        give(b);
        core_answer(a, "t1", 2); /* its loop ends in a moment */
        fleet_settle(&fleet);
        fake_store_end(a->store, "once more");
        assert_int_equal(a->over, 1);
        assert_int_equal(outcomes("t1"), 0);
        finish(b, "t1");
        fleet_restart(&fleet, a);
        fleet_begin(&fleet, a);
        fleet_pass(&fleet, USEC_MINUTE);
        assert_int_equal(outcomes("t1"), 1);
        assert_int_equal(fake_store_events(a->store), 1);
}

/* It does not know before its outcome is refused. */
static void test_over_during_a_commit(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        give(a);
        fake_store_expire(a->store);
        give(b);
        assert_int_equal(a->over, 0);
        fleet_answer(&fleet, a, "t1", 2);
        assert_int_equal(a->over, 1);
        assert_int_equal(outcomes("t1"), 0);
        assert_int_equal(fake_store_events(a->store), 0);
        fleet_pass(&fleet, USEC_MINUTE);
        assert_int_equal(a->over, 1);
        finish(b, "t1");
        fleet_restart(&fleet, a);
        fleet_begin(&fleet, a);
        fleet_pass(&fleet, USEC_MINUTE);
        assert_int_equal(outcomes("t1"), 1);
}

/* The outcome was written, and that was not heard. */
static void test_over_before_a_commit_is_answered(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        give(a);
        fleet_answer(&fleet, a, "t1", 2);
        core_end_run_as(RUNNER_FAILED);
        fleet_restart(&fleet, a);
        give(b);
        assert_false(core_is_asked(b, "t1"));
        fleet_pass(&fleet, USEC_MINUTE);
        assert_ptr_equal(core_run_owner(0), b);
        fleet_run_hooks(&fleet);
        assert_int_equal(outcomes("t1"), 1);
        assert_int_equal(fake_store_events(b->store), 1);
}

static void test_over_during_a_run_of_hooks(void **state) {
        const struct store_delivery *delivery;

        (void) state;
        put(a, "low", "one", "t1");
        give(a);
        fleet_answer(&fleet, a, "t1", 2);
        assert_ptr_equal(core_run_owner(0), a);
        assert_non_null(strstr(core_run_line(0), "\"t1\""));
        fake_store_expire(a->store);
        fleet_pass(&fleet, FLEET_LOOK); /* the other node takes it */
        assert_ptr_equal(core_run_owner(1), b);
        core_end_run(HOOK_DONE); /* of a, whose session is over */
        fleet_settle(&fleet);
        assert_int_equal(a->over, 1);
        delivery = fake_store_event(a->store, a->told_id);
        assert_int_equal(delivery->state, DELIVERY_PENDING);
        assert_int_equal(delivery->fence, 2);
        core_end_run(HOOK_DONE);
        fleet_settle(&fleet);
        delivery = fake_store_event(a->store, a->told_id);
        assert_int_equal(delivery->state, DELIVERY_DONE);
        assert_null(core_run_line(0));
}

/* What waits is not run where it does not belong any more. */
static void test_a_delivery_that_another_node_has(void **state) {
        (void) state;
        put(a, "low", "one", "t1");
        give(a);
        fleet_answer(&fleet, a, "t1", 2);
        core_end_run(HOOK_FAILED); /* it is tried again in a while */
        fleet_settle(&fleet);
        fake_store_expire(a->store); /* which it does not hear: it has nothing to write */
        fleet_pass(&fleet, 10 * USEC_MINUTE);
        assert_ptr_equal(core_run_owner(0), b);
        assert_null(core_run_line(1));
        fleet_run_hooks(&fleet);
        assert_int_equal(fake_store_event(a->store, a->told_id)->state, DELIVERY_DONE);
}

/* Whose account it is removes the file, whoever has run its hooks. */
static void test_a_file_whose_hooks_ran_elsewhere(void **state) {
        (void) state;
        put(a, "state", "one", "t1");
        give(a);
        fleet_answer(&fleet, a, "t1", 2);
        fleet_restart(&fleet, a);
        fleet_pass(&fleet, 2 * FLEET_LOOK);
        assert_ptr_equal(core_run_owner(0), b);
        fleet_begin(&fleet, a);
        give(a);
        assert_true(core_has(a, "state", "one"));
        fleet_run_hooks(&fleet);
        fleet_pass(&fleet, 2 * USEC_MINUTE);
        fleet_scan(&fleet, a);
        assert_false(core_has(a, "state", "one"));
        assert_false(is_known("t1"));
        assert_int_equal(outcomes("t1"), 1);
}

/* ---- lookups ---- */

static void test_a_lookup_that_fails(void **state) {
        (void) state;
        put(b, "low", "one", "t1");
        fake_store_give(a->store, "default");
        (void) fake_store_step(a->store); /* the sources; the lookup follows */
        fake_store_fail_next(a->store, -EIO);
        fleet_settle(&fleet);
        assert_int_equal(registry_count(a->registry).invalid, 1);
        fleet_pass(&fleet, 2 * FLEET_LOOK);
        assert_true(core_is_asked(a, "t1"));
        assert_int_equal(registry_count(a->registry).invalid, 0);
}

/* A file changes while what it stood for is looked up. */
static void test_a_lookup_that_is_late(void **state) {
        (void) state;
        put(b, "low", "one", "t1");
        fake_store_give(a->store, "default");
        (void) fake_store_step(a->store);
        core_put(b, "low", "one", "t2");
        core_scan(b);
        fake_store_run(b->store);
        fake_store_look(a->store);
        core_pass(a, SEC);
        assert_int_equal(fake_http_posted(a->http), 0);
        fleet_pass(&fleet, 2 * FLEET_LOOK);
        assert_true(core_is_asked(a, "t2"));
        assert_false(core_is_asked(a, "t1"));
        assert_false(is_known("t1"));
}

#define ONE(function) cmocka_unit_test_setup_teardown(function, set_up_one, tear_down)
#define TWO(function) cmocka_unit_test_setup_teardown(function, set_up_two, tear_down)

int main(void) {
        static const struct CMUnitTest tests[] = {
                ONE(test_nothing_is_polled_before_the_account_is_ours),
                TWO(test_other_accounts_stay_where_they_are),
                ONE(test_an_account_whose_files_come_late),
                ONE(test_an_account_that_is_configured_no_more),
                ONE(test_an_account_that_is_configured_later),
                ONE(test_files_are_made_known_once),
                ONE(test_a_change_while_it_was_down),
                ONE(test_a_file_that_changes_and_goes),
                ONE(test_a_file_that_moves),
                ONE(test_a_directory_that_is_not_read_any_more),
                ONE(test_a_token_is_kept_here),
                ONE(test_writes_that_fail),
                TWO(test_a_file_of_another_node),
                TWO(test_a_file_that_comes_changes_and_goes_elsewhere),
                TWO(test_a_file_that_names_another_account),
                TWO(test_one_name_on_two_nodes),
                TWO(test_one_task_whose_own_file_goes_first),
                TWO(test_one_task_whose_other_file_goes_first),
                TWO(test_what_is_done_stays_done),
                TWO(test_a_file_of_another_node_is_removed_when_done),
                TWO(test_a_file_that_is_removed_later),
                TWO(test_a_file_that_was_removed_before_a_kill),
                TWO(test_a_second_file_elsewhere),
                TWO(test_a_second_file_here),
                TWO(test_a_file_that_changes_elsewhere),
                TWO(test_a_token_while_another_node_has_the_account),
                ONE(test_stale_tasks),
                ONE(test_stale_tasks_of_whole_directories),
                TWO(test_over_during_a_poll),
                TWO(test_over_during_a_commit),
                TWO(test_over_before_a_commit_is_answered),
                TWO(test_over_during_a_run_of_hooks),
                TWO(test_a_delivery_that_another_node_has),
                TWO(test_a_file_whose_hooks_ran_elsewhere),
                TWO(test_a_lookup_that_fails),
                TWO(test_a_lookup_that_is_late),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
