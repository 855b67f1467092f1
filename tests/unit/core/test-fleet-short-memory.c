/*
 * Nodes of a fleet while memory is short for a moment: each allocation of a story fails once. No
 * task is lost for that, and no outcome is reported twice; a node may have to begin anew.
 */
#include "koowatchd/membership.h"
#include "unit/core/fleet.h"
#include "unit/short-memory.h"

#define SEC USEC_SEC
#define PATIENCE (15 * USEC_MINUTE)

static struct fleet fleet;
static struct core *a, *b;

static bool has_account(const struct core *c) {
        return fake_store_holds(c->store, "default");
}

/* As daemon.c does it. */
static void begin_anew(void) {
        for (unsigned i = 0; i < fleet.n; i++) {
                struct core *c = fleet.nodes[i];

                if (c->over == 0)
                        continue;
                c->over = 0;
                fleet_restart(&fleet, c);
                fleet_begin(&fleet, c);
        }
        if (!has_account(a) && fake_store_serves(a->store, "default"))
                fake_store_give(a->store, "default");
}

/* What is in the directories is noticed, and what ends begins anew. */
static void pass(void) {
        for (unsigned i = 0; i < fleet.n; i++)
                registry_look(fleet.nodes[i]->registry);
        fleet_pass(&fleet, SEC);
        begin_anew();
}

static bool is_asked(const char *task_id) {
        return core_is_asked(a, task_id);
}

static bool is_over(const char *task_id) {
        const struct store_task *row = core_row(a, task_id);

        return !row || row->gone;
}

static bool is_removed(const char *name) {
        return !core_has(b, "state", name);
}

static bool is_run(const char *task_id) {
        return core_run_line(0) && strstr(core_run_line(0), task_id);
}

static void wait_until(bool (*holds)(const char *what), const char *what) {
        for (usec_t waited = 0; !holds(what); waited += SEC) {
                assert_true(waited < PATIENCE);
                pass();
        }
}

/* A file of another node that comes, changes, and is removed when its task is done. */
static void tell_remote(void) {
        core_put(b, "state", "one", "t1");
        wait_until(is_asked, "t1");
        core_put(b, "state", "one", "t2");
        wait_until(is_asked, "t2");
        wait_until(is_over, "t1");
        for (usec_t waited = 0; fake_store_events(a->store) == 0; waited += SEC) {
                assert_true(waited < PATIENCE);
                if (is_asked("t2"))
                        core_answer(a, "t2", 2);
                pass();
        }
        wait_until(is_run, "\"t2\"");
        core_end_run(HOOK_DONE);
        for (usec_t waited = 0; !is_removed("one") || !is_over("t2"); waited += SEC) {
                assert_true(waited < PATIENCE);
                pass();
                if (core_run_line(0)) /* that it was done was forgotten */
                        core_end_run(HOOK_DONE);
        }
        assert_int_equal(fake_store_events(a->store), 1);
}

/* An account that is taken, of which both have files; one task has finished. */
static void tell_taking(void) {
        unsigned n = memory_left();

        memory_fail(0);
        core_put(a, "low", "one", "t1");
        core_put(b, "low", "one", "t1");
        core_put(b, "low", "two", "t2");
        core_put(a, "low", "three", "t3");
        wait_until(is_asked, "t1");
        core_answer(a, "t1", 2);
        pass();
        core_end_run(HOOK_DONE);
        pass();
        fake_store_end(a->store, "lost");
        a->over = 0;
        fleet_restart(&fleet, a);
        fleet_begin(&fleet, a);
        memory_fail(n);
        pass();
        wait_until(is_asked, "t2");
        wait_until(is_asked, "t3");
        assert_false(is_asked("t1"));
        core_remove(a, "low", "one");
        pass();
        pass();
        assert_false(is_over("t1"));
        core_remove(b, "low", "one");
        wait_until(is_over, "t1");
        assert_int_equal(fake_store_events(a->store), 1);
}

/* Returns whether the nth allocation was one of the story. */
static bool survives(void (*tell)(void), unsigned n) {
        bool failed;

        fleet_open(&fleet, 2);
        a = fleet.nodes[0];
        b = fleet.nodes[1];
        fleet_give(&fleet, a, "default");
        memory_fail(n);
        tell();
        failed = memory_end();
        fleet_close(&fleet);
        return failed;
}

static void survive_all(void (*tell)(void)) {
        unsigned n = 1;

        while (survives(tell, n))
                n++;
        assert_true(n > 10);
}

static void test_a_file_of_another_node(void **state) {
        (void) state;
        survive_all(tell_remote);
}

static void test_an_account_that_is_taken(void **state) {
        (void) state;
        survive_all(tell_taking);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_file_of_another_node),
                cmocka_unit_test(test_an_account_that_is_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
