/* The table of accounts: what it reports to whom polls with them, and where secrets come from. */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>

#include "common/config.h"
#include "common/log.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/account/token-store.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/loop/http.h"
#include "koowatchd/loop/timer.h"
#include "unit/fake-time.h"
#include "unit/support.h"

#define SETTLED (500 * USEC_MSEC)

struct fixture {
        char directory[DIRECTORY_MAX];
        char token_file[DIRECTORY_MAX + 16], refresh_file[DIRECTORY_MAX + 16];
        struct account_config settings[2];
        struct config config;

        struct ev_loop *loop;
        struct timers *timers;
        struct dirwatch *dirwatch;
        struct http *http;
        struct accounts *accounts;
        int added_result;
        char trace[512]; /* "EVENT:NAME ", each as it came */
};

static void trace(struct fixture *f, const char *event, struct account *account) {
        size_t n = strlen(f->trace);

        (void) snprintf(f->trace + n, sizeof(f->trace) - n, "%s:%s ", event, account_name(account));
}

static int on_added(void *userdata, struct account *account) {
        struct fixture *f = userdata;

        trace(f, "added", account);
        return f->added_result;
}

static void on_removed(void *userdata, struct account *account) {
        trace(userdata, "removed", account);
}

static void on_changed(void *userdata, struct account *account, unsigned failed_requests) {
        assert_int_equal(failed_requests, 0);
        trace(userdata, account_state_name(account_state(account)), account);
}

static void on_ready(void *userdata, struct account *account) {
        trace(userdata, "ready", account);
}

static void on_settings_changed(void *userdata, struct account *account) {
        trace(userdata, "settings", account);
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        (void) userdata;
        fail_msg("%s: %s", what, why);
}

static void assert_trace(struct fixture *f, const char *expected) {
        assert_string_equal(f->trace, expected);
        *f->trace = '\0';
}

/* By the tests' clock, at this time before now. */
static void write_aged(const char *path, const char *text, usec_t age) {
        usec_t wall = clock_wall() - age;
        struct timespec times[] = {{.tv_nsec = UTIME_OMIT},
                                   {wall / USEC_SEC, wall % USEC_SEC * 1000}};

        assert_int_equal(replace_file(path, text, strlen(text), 0600), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void write_token(struct fixture *f, const char *token) {
        write_aged(f->token_file, token, USEC_HOUR);
}

/* As those write who do not know better: at once, or in two goes. */
static void write_in_place(const char *path, const char *text) {
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static int set_up(void **state) {
        static char eu[] = "eu", us[] = "us", endpoint[] = "https://drive.example.com";
        struct fixture *f = calloc(1, sizeof(*f));
        const struct accounts_handler handler = {
                .on_added = on_added,
                .on_removed = on_removed,
                .on_changed = on_changed,
                .on_ready = on_ready,
                .on_settings_changed = on_settings_changed,
                .on_transient_error = on_transient_error,
                .userdata = f,
        };

        assert_non_null(f);
        time_reset();
        directory_make(f->directory);
        (void) snprintf(f->refresh_file, sizeof(f->refresh_file), "%s/refresh", f->directory);
        (void) snprintf(f->token_file, sizeof(f->token_file), "%s/token", f->directory);
        write_token(f, "secret");
        for (size_t i = 0; i < ARRAY_LEN(f->settings); i++)
                f->settings[i] = (struct account_config){
                        .name = i == 0 ? eu : us,
                        .endpoint = endpoint,
                        .token_file = f->token_file,
                        .rate_limit = {10, USEC_SEC},
                        .max_in_flight = 8,
                        .line = 1,
                };
        f->config = (struct config){
                .accounts = f->settings, .n_accounts = 1, .interval_max = USEC_MINUTE};
        f->loop = ev_loop_new(0);
        assert_non_null(f->loop);
        assert_int_equal(timers_new(f->loop, &f->timers), 0);
        assert_int_equal(dirwatch_new(f->loop, &f->dirwatch), 0);
        assert_int_equal(http_new(f->loop, 1024, &f->http), 0);
        assert_int_equal(
                accounts_new(f->timers, f->dirwatch, f->http, f->directory, &handler, &f->accounts),
                0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        accounts_free(f->accounts);
        http_free(f->http);
        dirwatch_free(f->dirwatch);
        timers_free(f->timers);
        ev_loop_destroy(f->loop);
        directory_remove(f->directory);
        free(f);
        return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static void configure(struct fixture *f) {
        assert_int_equal(accounts_configure(f->accounts, &f->config), 0);
}

/* Its queue must be there when it is ready, and gone when it is freed. */
static void test_added_before_all_and_removed(void **state) {
        struct fixture *f = *state;

        f->config.n_accounts = 2;
        configure(f);
        assert_trace(f, "added:eu ready:eu added:us ready:us ");
        assert_string_equal(account_secret(accounts_find(f->accounts, "eu")), "secret");
        assert_null(accounts_find(f->accounts, "other"));
        accounts_free(STEAL_PTR(f->accounts));
        assert_trace(f, "removed:us removed:eu ");
}

/* Nothing is left of it, and nothing of it is removed. */
static void test_cannot_be_added(void **state) {
        struct fixture *f = *state;

        f->added_result = -ENOMEM;
        assert_int_equal(accounts_configure(f->accounts, &f->config), -ENOMEM);
        assert_trace(f, "added:eu ");
        assert_null(accounts_find(f->accounts, "eu"));
        accounts_free(STEAL_PTR(f->accounts));
        assert_trace(f, "");
}

static void test_only_other_settings_are_reported(void **state) {
        struct fixture *f = *state;

        configure(f);
        assert_trace(f, "added:eu ready:eu ");
        f->settings[0].line = 7;
        configure(f);
        assert_trace(f, "ready:eu ");
        f->settings[0].max_in_flight = 3;
        configure(f);
        assert_trace(f, "ready:eu settings:eu ");
        configure(f);
        assert_trace(f, "ready:eu ");
}

static void test_leaves_the_configuration(void **state) {
        struct account *found, *list[2];
        struct fixture *f = *state;

        f->config.n_accounts = 2;
        configure(f);
        found = accounts_find(f->accounts, "us");
        assert_int_equal(accounts_list(f->accounts, list, ARRAY_LEN(list)), 2);
        f->config.n_accounts = 1;
        *f->trace = '\0';
        configure(f);
        assert_trace(f, "ready:eu ");
        assert_false(account_is_configured(found));
        assert_ptr_equal(accounts_find(f->accounts, "us"), found); /* tasks refer to it */
        assert_int_equal(accounts_list(f->accounts, list, ARRAY_LEN(list)), 1);
        assert_string_equal(account_name(list[0]), "eu");
        f->config.n_accounts = 2;
        configure(f);
        assert_ptr_equal(accounts_find(f->accounts, "us"), found);
        assert_true(account_is_configured(found));
}

static void test_secret_is_missing(void **state) {
        struct fixture *f = *state;

        assert_int_equal(unlink(f->token_file), 0);
        configure(f);
        assert_trace(f, "added:eu unauthorized:eu ready:eu ");
        assert_string_equal(account_name(accounts_first_failing(f->accounts)), "eu");
        write_token(f, "other");
        accounts_check_credentials(f->accounts);
        assert_trace(f, "");
        time_pass(f->timers, SETTLED);
        assert_trace(f, "ready:eu ");
        assert_string_equal(account_secret(accounts_find(f->accounts, "eu")), "other");
}

/* The default account without a section is silent until a task asks for it. */
static void test_unused_account(void **state) {
        struct fixture *f = *state;

        assert_int_equal(unlink(f->token_file), 0);
        f->settings[0].line = 0;
        configure(f);
        accounts_check_credentials(f->accounts);
        assert_trace(f, "added:eu ");
        assert_null(accounts_first_failing(f->accounts));
        assert_non_null(accounts_find(f->accounts, "eu"));
        assert_trace(f, "unauthorized:eu ready:eu ");
        assert_non_null(accounts_first_failing(f->accounts));
}

static void hear(struct fixture *f) {
        ev_run(f->loop, EVRUN_ONCE);
        ev_run(f->loop, EVRUN_NOWAIT);
}

static const char *secret_of(struct fixture *f) {
        const char *secret = account_secret(accounts_find(f->accounts, "eu"));

        return secret ? secret : "none";
}

/* Its file is watched: whoever renames another one into place is done. */
static void test_secret_is_replaced(void **state) {
        struct fixture *f = *state;

        configure(f);
        assert_trace(f, "added:eu ready:eu ");
        assert_int_equal(replace_file(f->token_file, "other", 5, 0600), 0);
        hear(f);
        time_pass(f->timers, 200 * USEC_MSEC);
        assert_trace(f, "ready:eu ");
        assert_string_equal(secret_of(f), "other");
}

/* Its half is never used, and waiting for the rest is no failure. */
static void test_secret_is_written_at_the_start(void **state) {
        struct fixture *f = *state;

        write_aged(f->token_file, "ha", 100 * USEC_MSEC);
        configure(f);
        assert_trace(f, "added:eu ready:eu ");
        assert_string_equal(secret_of(f), "none");
        assert_int_equal(account_state(accounts_find(f->accounts, "eu")), ACCOUNT_OK);
        time_pass(f->timers, 400 * USEC_MSEC);
        write_in_place(f->token_file, "half");
        time_pass(f->timers, 400 * USEC_MSEC);
        assert_string_equal(secret_of(f), "none");
        time_pass(f->timers, 200 * USEC_MSEC);
        assert_string_equal(secret_of(f), "half");
        assert_null(accounts_first_failing(f->accounts));
}

static void test_secret_is_written_in_two_goes(void **state) {
        struct fixture *f = *state;

        configure(f);
        write_in_place(f->token_file, "ha");
        hear(f);
        time_pass(f->timers, 300 * USEC_MSEC);
        write_in_place(f->token_file, "half");
        hear(f);
        time_pass(f->timers, 600 * USEC_MSEC);
        assert_string_equal(secret_of(f), "secret");
        time_pass(f->timers, 200 * USEC_MSEC);
        assert_string_equal(secret_of(f), "half");
}

/* What was read before is not sent to another server, not even while its file settles. */
static void test_endpoint_changes_while_a_secret_is_written(void **state) {
        static char other[] = "https://other.example.com";
        struct fixture *f = *state;

        configure(f);
        assert_string_equal(secret_of(f), "secret");
        write_aged(f->token_file, "other", 0);
        f->settings[0].endpoint = other;
        configure(f);
        assert_string_equal(secret_of(f), "none");
        assert_null(accounts_first_failing(f->accounts));
        time_pass(f->timers, SETTLED);
        assert_string_equal(secret_of(f), "other");
}

/* Before a request while unauthorized, no event and no timer is waited for. */
static void test_attempt_looks_at_its_file_first(void **state) {
        struct fixture *f = *state;
        struct account *account;

        configure(f);
        account = accounts_find(f->accounts, "eu");
        *f->trace = '\0';
        assert_int_equal(accounts_prepare_attempt(f->accounts, account), 0);
        assert_string_equal(secret_of(f), "secret");
        write_in_place(f->token_file, "other");
        assert_int_equal(accounts_prepare_attempt(f->accounts, account), clock_boot() + SETTLED);
        assert_string_equal(secret_of(f), "secret");
        time_pass(f->timers, SETTLED - 1);
        assert_int_equal(accounts_prepare_attempt(f->accounts, account), clock_boot() + 1);
        assert_trace(f, ""); /* who asks is at it already */
        time_pass(f->timers, 1);
        assert_int_equal(accounts_prepare_attempt(f->accounts, account), 0);
        assert_string_equal(secret_of(f), "other");
}

/* A login writes two files, the one after the other. */
static void test_two_files_are_read_together(void **state) {
        struct fixture *f = *state;
        struct account *account;

        write_aged(f->refresh_file, "refresh", USEC_HOUR);
        f->settings[0].refresh = REFRESH_CARRIER;
        f->settings[0].refresh_token_file = f->refresh_file;
        configure(f);
        account = accounts_find(f->accounts, "eu");
        assert_string_equal(account_refresh_secret(account), "refresh");
        write_in_place(f->refresh_file, "new refresh");
        accounts_check_credentials(f->accounts);
        time_pass(f->timers, 300 * USEC_MSEC);
        write_in_place(f->token_file, "new");
        accounts_check_credentials(f->accounts);
        time_pass(f->timers, 300 * USEC_MSEC);
        assert_string_equal(account_refresh_secret(account), "refresh");
        /* No refresh token is spent meanwhile. */
        assert_int_equal(accounts_refresh(f->accounts, account), clock_boot() + 200 * USEC_MSEC);
        assert_false(accounts_are_refreshing(f->accounts));
        time_pass(f->timers, 200 * USEC_MSEC);
        assert_string_equal(account_refresh_secret(account), "new refresh");
        assert_string_equal(secret_of(f), "new");
}

/* ---- tokens of another node ---- */

/* That were obtained with these; tokens: "NAME" and "NAME refresh". The caller frees it. */
static char *tokens_text(const char *name, unsigned serial, const char *token_source,
                         const char *refresh_source) {
        char sources[2][SIGNATURE_LENGTH + 1];
        char *text;

        assert_int_equal(sha256_hex(token_source, strlen(token_source), sources[0]), 0);
        assert_int_equal(sha256_hex(refresh_source, strlen(refresh_source), sources[1]), 0);
        text = str_printf("{\"serial\": %u, \"token\": {\"secret\": \"%s\", \"source\": \"%s\"}, "
                          "\"refresh\": {\"secret\": \"%s refresh\", \"source\": \"%s\"}}",
                          serial, name, sources[0], name, sources[1]);
        assert_non_null(text);
        return text;
}

static int import(struct fixture *f, const char *name, unsigned serial, const char *token_source,
                  const char *refresh_source) {
        CLEANUP(freep) char *text = tokens_text(name, serial, token_source, refresh_source);

        return accounts_import_tokens(f->accounts, accounts_find(f->accounts, "eu"), text);
}

static void configure_refresh(struct fixture *f) {
        write_aged(f->refresh_file, "refresh", USEC_HOUR);
        f->settings[0].refresh = REFRESH_CARRIER;
        f->settings[0].refresh_token_file = f->refresh_file;
        configure(f);
        *f->trace = '\0';
}

static void assert_used(struct fixture *f, const char *token, const char *refresh) {
        assert_string_equal(secret_of(f), token);
        assert_string_equal(account_refresh_secret(accounts_find(f->accounts, "eu")), refresh);
}

static void assert_exports(struct fixture *f, const char *name, unsigned serial) {
        CLEANUP(secret_freep) char *text = NULL;
        CLEANUP(stored_tokens_clear) struct stored_tokens tokens = {};

        assert_int_equal(
                accounts_export_tokens(f->accounts, accounts_find(f->accounts, "eu"), &text), 0);
        assert_non_null(text);
        assert_int_equal(stored_tokens_read(text, strlen(text), &tokens), 0);
        assert_string_equal(tokens.token.text, name);
        assert_int_equal(tokens.serial, serial);
}

static void test_newer_tokens_are_taken(void **state) {
        CLEANUP(secret_freep) char *none = NULL;
        struct fixture *f = *state;

        configure_refresh(f);
        assert_int_equal(
                accounts_export_tokens(f->accounts, accounts_find(f->accounts, "eu"), &none), 0);
        assert_null(none);
        assert_int_equal(import(f, "first", 3, "secret", "refresh"), 0);
        assert_used(f, "first", "first refresh");
        assert_trace(f, "ready:eu ");
        assert_int_equal(import(f, "second", 4, "secret", "refresh"), 0);
        assert_used(f, "second", "second refresh");
        assert_trace(f, "ready:eu ");
        assert_int_equal(import(f, "equal", 4, "secret", "refresh"), 0);
        assert_int_equal(import(f, "old", 3, "secret", "refresh"), 1);
        assert_used(f, "second", "second refresh");
        assert_trace(f, "ready:eu ready:eu ");
        assert_exports(f, "second", 4);
}

/* They are as if obtained here: also after a restart, and below what the administrator gives. */
static void test_tokens_that_were_taken_are_stored(void **state) {
        CLEANUP(stored_tokens_clear) struct stored_tokens stored = {};
        struct fixture *f = *state;

        configure_refresh(f);
        assert_int_equal(import(f, "first", 3, "secret", "refresh"), 0);
        assert_int_equal(token_store_load(f->directory, "eu", &stored), 0);
        assert_string_equal(stored.token.text, "first");
        assert_string_equal(stored.refresh.text, "first refresh");
        assert_int_equal(stored.serial, 3);
        write_token(f, "new login");
        accounts_check_credentials(f->accounts);
        time_pass(f->timers, SETTLED);
        assert_used(f, "new login", "first refresh");
}

/* Those of another login are kept where there are none of this one, and never used. */
static void test_tokens_of_another_login(void **state) {
        struct fixture *f = *state;

        configure_refresh(f);
        assert_int_equal(import(f, "theirs", 3, "other", "other refresh"), 0);
        assert_used(f, "secret", "refresh");
        assert_int_equal(import(f, "ours", 2, "secret", "refresh"), 0);
        assert_used(f, "ours", "ours refresh");
        assert_exports(f, "ours", 3);
        assert_int_equal(import(f, "theirs", 9, "other", "other refresh"), 0);
        assert_used(f, "ours", "ours refresh");
        assert_exports(f, "ours", 9); /* and what comes next is newer than all */
}

static void test_tokens_that_are_damaged(void **state) {
        static const char *const texts[] = {"", "{", "[]", "{\"token\": {}}",
                                            "{\"token\": {\"secret\": \"a\"}}"};
        struct fixture *f = *state;

        configure_refresh(f);
        assert_int_equal(import(f, "first", 3, "secret", "refresh"), 0);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                assert_int_equal(accounts_import_tokens(f->accounts,
                                                        accounts_find(f->accounts, "eu"), texts[i]),
                                 -EBADMSG);
        assert_used(f, "first", "first refresh");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_added_before_all_and_removed),
                TEST(test_cannot_be_added),
                TEST(test_only_other_settings_are_reported),
                TEST(test_leaves_the_configuration),
                TEST(test_secret_is_missing),
                TEST(test_unused_account),
                TEST(test_secret_is_replaced),
                TEST(test_secret_is_written_at_the_start),
                TEST(test_secret_is_written_in_two_goes),
                TEST(test_endpoint_changes_while_a_secret_is_written),
                TEST(test_attempt_looks_at_its_file_first),
                TEST(test_two_files_are_read_together),
                TEST(test_newer_tokens_are_taken),
                TEST(test_tokens_that_were_taken_are_stored),
                TEST(test_tokens_of_another_login),
                TEST(test_tokens_that_are_damaged),
        };

        log_set_level(LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
