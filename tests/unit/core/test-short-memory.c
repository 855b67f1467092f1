/* The core while memory is short for a moment: each allocation of a story fails once. */
#include <errno.h>
#include <json-c/json.h>
#include <sys/stat.h>

#include "common/config.h"
#include "koowatchd/account/account.h"
#include "koowatchd/report/event.h"
#include "koowatchd/seal.h"
#include "unit/core-fixture.h"
#include "unit/short-memory.h"

#define SEC USEC_SEC
#define PATIENCE (15 * USEC_MINUTE)
#define TASK(id, more) "[Task]\nTaskId=" id "\nShareId=7\n" more

static bool is_asked(struct core *c, const char *task_id) {
        return core_is_asked(c, task_id);
}

static bool is_run(struct core *c, const char *text) {
        const char *line = core_run_line(0);

        (void) c;
        return line && strstr(line, text);
}

static bool is_deleted(struct core *c, const char *task_id) {
        return !core_row(c, task_id);
}

/* t2's row is one of the file. */
static bool is_written(struct core *c, const char *name) {
        const char *now = fake_store_task_name(c->store, &(struct store_key){"default", "7", "t2"});

        return now && streq(now, name);
}

static bool is_gone(struct core *c, const char *task_id) {
        return core_row(c, task_id)->gone;
}

static bool is_told(struct core *c, const char *text) {
        return strstr(c->told, text);
}

/* Time passes until it holds: nothing is given up because of one allocation. */
static void wait_until(struct core *c, bool (*holds)(struct core *c, const char *what),
                       const char *what) {
        for (usec_t waited = 0; !holds(c, what); waited += SEC) {
                assert_true(waited < PATIENCE);
                core_pass(c, SEC);
        }
}

/* text: the outcome. Whoever is asked about the task meanwhile is told so. */
static void until_finished(struct core *c, const char *task_id, const char *text,
                           void (*tell)(struct core *c, const char *task_id)) {
        for (usec_t waited = 0; !strstr(c->finished, text); waited += SEC) {
                assert_true(waited < PATIENCE);
                if (core_is_asked(c, task_id))
                        tell(c, task_id);
                core_pass(c, SEC);
        }
}

static void tell_completed(struct core *c, const char *task_id) {
        char body[256];

        (void) snprintf(body, sizeof(body),
                        "{\"code\":0,\"jobInfo\":{\"taskId\":\"%s\",\"taskStatus\":2,"
                        "\"taskResultCode\":1,\"downloadUrl\":\"https://example.com/a\"}}",
                        task_id);
        core_answer_text(c, task_id, body);
}

static void tell_refused(struct core *c, const char *task_id) {
        core_refuse(c, task_id, "13000301");
}

static bool is_known(struct core *c, const char *nothing) {
        struct registry_counts counts = registry_count(c->registry);

        (void) nothing;
        return counts.finished == 1 && counts.pending == 3;
}

/* A start, with a task that has finished and one that has not: both are what they were. */
static void tell_start(struct core *c) {
        unsigned n = memory_left();
        usec_t registered;

        memory_fail(0);
        core_put(c, "low", "one", "t1");
        core_put(c, "low", "two", "t2");
        core_put(c, "high", "three", "t3"); /* in each directory one: none looks unmounted */
        core_put(c, "state", "four", "t4");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        registered = core_row(c, "t2")->registered;
        core_stop(c);
        time_step(SEC);
        core_open(c);
        memory_fail(n);
        core_scan(c);
        wait_until(c, is_known, NULL);
        assert_int_equal(core_row(c, "t2")->registered, registered);
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t1"));
        assert_true(core_is_asked(c, "t2"));
        assert_string_equal(c->finished, "t1:completed ");
}

/* A task that runs and ends, its hooks that fail once, and the file that goes then. */
static void tell_outcome(struct core *c) {
        core_put_text(c, "state", "one", TASK("t1", "Hook=a\n[Variables]\nWhere=/srv\n"));
        core_scan(c);
        wait_until(c, is_asked, "t1");
        core_answer_text(c, "t1",
                         "{\"code\":0,\"jobInfo\":{\"taskId\":\"t1\",\"taskStatus\":1,"
                         "\"progress\":7}}");
        until_finished(c, "t1", "t1:completed ", tell_completed);
        wait_until(c, is_run, "\"t1\"");
        assert_non_null(strstr(core_run_line(0), "\"downloadUrl\":\"https://example.com/a\""));
        assert_non_null(strstr(core_run_line(0), "state/one.task\""));
        assert_non_null(strstr(core_run_line(0), "\"Where\":\"/srv\""));
        core_end_run(HOOK_FAILED);
        wait_until(c, is_run, "\"t1\"");
        core_end_run(HOOK_DONE);
        core_turn(c);
        while (deliveries_count(c->deliveries).pending > 0) { /* that it was done was forgotten */
                core_pass(c, SEC);
                if (core_run_line(0))
                        core_end_run(HOOK_DONE);
        }
        core_remove(c, "state", "one"); /* it may be there, which was said */
        core_scan(c);
}

/* Two files of one task, which change places, and go. */
static void tell_duplicates(struct core *c) {
        core_put(c, "low", "two", "t2");
        core_scan(c);
        wait_until(c, is_asked, "t2");
        core_answer(c, "t2", 1);
        core_put(c, "high", "deux", "t2");
        core_put(c, "low", "zwei", "t2");
        core_scan(c);
        wait_until(c, is_asked, "t2");
        core_remove(c, "high", "deux");
        core_remove(c, "low", "two");
        core_scan(c);
        wait_until(c, is_written, "zwei");
        wait_until(c, is_asked, "t2");
        core_remove(c, "low", "zwei");
        core_scan(c);
        wait_until(c, is_deleted, "t2");
}

/* Settings that are edited, refusals, and the end that they bring. */
static void tell_refusals(struct core *c) {
        core_put_text(c, "low", "three", TASK("t3", "IntervalMin=150s\n"));
        core_scan(c);
        wait_until(c, is_asked, "t3");
        core_refuse(c, "t3", "13000301");
        core_put_text(c, "low", "three", TASK("t3", "IntervalMin=150s\nTimeout=1h\n"));
        core_scan(c);
        until_finished(c, "t3", "t3:rejected ", tell_refused);
        wait_until(c, is_run, "\"t3\"");
        core_end_run(HOOK_DONE);
        core_remove(c, "low", "three");
        core_scan(c);
        wait_until(c, is_gone, "t3");
}

/* Outcomes that the log cannot take at first are read from the store again, and told all the same.
 */
static void tell_late(struct core *c) {
        core_set_log(CORE_LOG_IS_FULL);
        core_put(c, "low", "four", "t4");
        core_scan(c);
        until_finished(c, "t4", "t4:completed ", tell_completed);
        wait_until(c, is_run, "\"t4\"");
        core_end_run(HOOK_DONE);
        core_turn(c);
        core_set_log(CORE_LOG_TAKES);
        deliveries_tell(c->deliveries);
        wait_until(c, is_told, "t4 ");
        while (deliveries_count(c->deliveries).pending > 0)
                core_pass(c, SEC);
}

/* Returns whether the nth allocation was one of the story. */
static bool survives(void (*tell)(struct core *c), unsigned n) {
        struct core *c = core_new();
        bool failed;

        fake_store_set_immediate(c->store, true);
        core_start(c);
        memory_fail(n);
        tell(c);
        failed = memory_end();
        core_pass(c, SEC);
        assert_null(core_run_line(0));
        assert_int_equal(deliveries_count(c->deliveries).pending, 0);
        core_free(c);
        return failed;
}

static void survive_all(void (*tell)(struct core *c)) {
        unsigned n = 1;

        while (survives(tell, n))
                n++;
        assert_true(n > 10);
}

static void test_an_outcome(void **state) {
        (void) state;
        survive_all(tell_outcome);
}

static void test_duplicates(void **state) {
        (void) state;
        survive_all(tell_duplicates);
}

static void test_told_late(void **state) {
        (void) state;
        survive_all(tell_late);
}

static void test_start(void **state) {
        (void) state;
        survive_all(tell_start);
}

static void test_refusals(void **state) {
        (void) state;
        survive_all(tell_refusals);
}

static void on_changed(void *userdata, struct account *account, unsigned failed_requests) {
        (void) userdata;
        (void) account;
        (void) failed_requests;
}

/* Modules are made as a whole, or not at all. */
static void test_new_modules(void **state) {
        static char name[] = "eu", endpoint[] = "https://drive.example.com", headers[] = "x-date";
        const struct account_config settings = {.name = name,
                                                .endpoint = endpoint,
                                                .signed_headers = headers,
                                                .rate_limit = {1, USEC_SEC},
                                                .max_in_flight = 1};
        struct core *c = core_new();
        const struct poller_handler handler = {};
        struct poller *poller;
        struct account *account;
        struct deliveries *deliveries;
        struct registry *registry;
        struct commit *commit;

        (void) state;
        core_start(c);
        assert_int_equal(account_new(&settings, USEC_MINUTE, on_changed, NULL, &account), 0);
        assert_short_memory(poller_new(c->timers, c->http, &handler, &poller), (void) 0);
        assert_short_memory(poller_add_account(poller, account),
                            poller_remove_account(poller, account));
        assert_short_memory(deliveries_new(&(struct delivery_modules){c->timers, c->store, NULL,
                                                                      c->report, c->metrics},
                                           &(struct delivery_settings){c->hooks, 4, 3, USEC_DAY},
                                           &deliveries),
                            (void) 0);
        assert_short_memory(
                registry_new(&(struct registry_modules){c->timers, NULL, c->store, poller,
                                                        deliveries, c->report, c->metrics, 1},
                             &registry),
                (void) 0);
        assert_short_memory(registry_set_directories(registry, "/run/a:/run/b", "/run/b"),
                            (void) 0);
        assert_short_memory(
                commit_new(c->timers, c->store, "state.db", registry, deliveries, &commit),
                (void) 0);
        commit_free(commit);
        registry_free(registry);
        deliveries_free(deliveries);
        poller_free(poller);
        account_free(account);
        core_free(c);
}

/* What is pending is loaded once more, until there is memory for all of it. */
static void test_a_load(void **state) {
        bool failed = true;

        (void) state;
        for (unsigned n = 1; failed; n++) {
                struct core *c = core_new();

                fake_store_set_immediate(c->store, true);
                core_start(c);
                core_put(c, "low", "one", "t1");
                core_put(c, "low", "two", "t2");
                core_scan(c);
                core_pass(c, 3 * SEC);
                core_answer(c, "t1", 2);
                core_answer(c, "t2", 2);
                core_stop(c);
                fake_store_fail_next(c->store, -EIO);
                core_start(c); /* what is pending is read 5 s later */
                assert_null(core_run_line(0));
                memory_fail(n);
                core_pass(c, 5100 * USEC_MSEC);
                failed = memory_end();
                core_pass(c, USEC_MINUTE);
                for (int i = 0; i < 2; i++) {
                        wait_until(c, is_run, "\"finished\"");
                        core_end_run(HOOK_DONE);
                }
                core_pass(c, USEC_MINUTE);
                assert_null(core_run_line(0));
                assert_int_equal(deliveries_count(c->deliveries).pending, 0);
                assert_true(n > 1 || failed);
                core_free(c);
        }
}

/* An event that is not durable may be lost then, and nothing else. */
static void test_an_event_that_passes(void **state) {
        bool failed = true;

        (void) state;
        for (unsigned n = 1; failed; n++) {
                struct core *c = core_new();
                CLEANUP(freep) char *path = str_printf("%s/hooks/account.d", c->directory);
                json_object *event = event_of_account("id", "main", "throttled", "slow");

                assert_int_equal(mkdir(path, 0700), 0);
                core_put_text(c, "hooks/account.d", "a", "#!/bin/true\n");
                core_start(c);
                memory_fail(n);
                deliveries_add_once(c->deliveries, event);
                failed = memory_end();
                core_pass(c, 10 * SEC);
                if (core_run_line(0))
                        core_end_run(HOOK_DONE);
                else
                        assert_true(failed);
                assert_int_equal(deliveries_count(c->deliveries).running, 0);
                assert_int_equal(deliveries_count(c->deliveries).waiting, 0);
                core_free(c);
        }
}

static void test_a_seal(void **state) {
        static const struct seal seal = {"0123456789abcdef0123456789abcdef", "koowatch", "default"};
        CLEANUP(freep) char *sealed = NULL;
        CLEANUP(secret_freep) char *text = NULL;

        (void) state;
        assert_short_memory(seal_close(&seal, "token", &sealed), (void) 0);
        assert_short_memory(seal_open(&seal, sealed, &text), (void) 0);
        assert_string_equal(text, "token");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_outcome), cmocka_unit_test(test_duplicates),
                cmocka_unit_test(test_refusals),   cmocka_unit_test(test_start),
                cmocka_unit_test(test_told_late),  cmocka_unit_test(test_new_modules),
                cmocka_unit_test(test_a_load),     cmocka_unit_test(test_an_event_that_passes),
                cmocka_unit_test(test_a_seal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
