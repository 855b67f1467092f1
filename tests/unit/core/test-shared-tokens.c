/* Refreshed tokens from node to node: sealed, written until they are in the store, and read there.
 */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "common/config.h"
#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/koodrive/signature.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/loop/http.h"
#include "koowatchd/shared-tokens.h"
#include "koowatchd/store/store-batch.h"
#include "unit/capture.h"
#include "unit/fake-time.h"
#include "unit/short-memory.h"
#include "unit/store/fake-store.h"
#include "unit/support.h"

#define KEY "0123456789abcdef0123456789abcdef"

/* A node that has the account; both have the same login. */
struct node {
        char directory[DIRECTORY_MAX];
        struct ev_loop *loop;
        struct timers *timers;
        struct dirwatch *dirwatch;
        struct http *http;
        struct accounts *accounts;
        struct store *store;
        struct shared_tokens *tokens;
        unsigned dirty;
};

struct fixture {
        struct node a, b;
        struct capture capture;
};

/* ---- the modules around them ---- */

static int on_added(void *userdata, struct account *account) {
        (void) userdata;
        (void) account;
        return 0;
}

static void on_account(void *userdata, struct account *account) {
        (void) userdata;
        (void) account;
}

static void on_changed(void *userdata, struct account *account, unsigned failed_requests) {
        (void) userdata;
        (void) account;
        (void) failed_requests;
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        (void) userdata;
        (void) what;
        (void) why;
}

static void on_dirty(void *userdata) {
        ((struct node *) userdata)->dirty++;
}

static void on_begun(void *userdata) {
        (void) userdata;
}

static void on_had(void *userdata, const char *account) {
        struct node *n = userdata;

        shared_tokens_read(n->tokens, account);
}

static void write_secret(const char *directory, const char *name, const char *text) {
        CLEANUP(freep) char *path = str_printf("%s/%s", directory, name);

        assert_int_equal(replace_file(path, text, strlen(text), 0600), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){{1, 0}, {1, 0}}, 0), 0);
}

static void configure(struct node *n, enum refresh_kind refresh) {
        CLEANUP(freep) char *token = str_printf("%s/token", n->directory);
        CLEANUP(freep) char *renewal = str_printf("%s/refresh", n->directory);
        static char name[] = "eu", endpoint[] = "https://drive.example.com";
        struct account_config settings = {
                .name = name,
                .endpoint = endpoint,
                .token_file = token,
                .refresh = refresh,
                .refresh_token_file = renewal,
                .rate_limit = {10, USEC_SEC},
                .max_in_flight = 8,
                .line = 1,
        };

        assert_int_equal(
                accounts_configure(n->accounts, &(struct config){.accounts = &settings,
                                                                 .n_accounts = 1,
                                                                 .interval_max = USEC_MINUTE}),
                0);
}

static void open_node(struct node *n, struct store *store) {
        const struct accounts_handler handler = {
                .on_added = on_added,
                .on_removed = on_account,
                .on_changed = on_changed,
                .on_ready = on_account,
                .on_settings_changed = on_account,
                .on_transient_error = on_transient_error,
        };

        directory_make(n->directory);
        write_secret(n->directory, "token", "token");
        write_secret(n->directory, "refresh", "renewal");
        n->store = store;
        n->loop = ev_loop_new(0);
        assert_non_null(n->loop);
        assert_int_equal(timers_new(NULL, &n->timers), 0);
        assert_int_equal(dirwatch_new(n->loop, &n->dirwatch), 0);
        assert_int_equal(http_new(NULL, 0, &n->http), 0);
        assert_int_equal(
                accounts_new(n->timers, n->dirwatch, n->http, n->directory, &handler, &n->accounts),
                0);
        configure(n, REFRESH_CARRIER);
        assert_int_equal(shared_tokens_new(n->store, n->accounts, "koowatch",
                                           (struct callback){on_dirty, n}, &n->tokens),
                         0);
        store_set_fleet_handler(
                store,
                &(struct fleet_handler){.on_begun = on_begun, .on_account = on_had, .userdata = n});
        assert_int_equal(store_serve(store, (const char *const[]){"eu"}, 1), 0);
        fake_store_begin(store);
}

static void close_node(struct node *n) {
        shared_tokens_free(n->tokens);
        accounts_free(n->accounts);
        http_free(n->http);
        dirwatch_free(n->dirwatch);
        timers_free(n->timers);
        ev_loop_destroy(n->loop);
        store_close(n->store);
        directory_remove(n->directory);
}

static void set_key(struct fixture *f, const char *key) {
        write_secret(f->a.directory, "store.key", key);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        struct store *store;

        assert_non_null(f);
        time_reset();
        store = fake_store_new();
        fake_store_share(store, "a");
        open_node(&f->a, store);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->a.directory, 1), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        log_set_level(LEVEL_ERROR);
        if (f->b.store)
                close_node(&f->b);
        close_node(&f->a);
        free(f);
        return 0;
}

/* ---- short forms ---- */

static struct account *account_of(const struct node *n) {
        return accounts_find(n->accounts, "eu");
}

static void give(struct node *n) {
        fake_store_give(n->store, "eu");
        fake_store_run(n->store);
}

static void assert_known(const struct node *n, bool expected) {
        assert_int_equal(shared_tokens_are_known(n->tokens, "eu"), expected);
}

/* As a refresh does that has brought this token. */
static void refresh(struct node *n, const char *token, unsigned serial) {
        char sources[2][SIGNATURE_LENGTH + 1];
        CLEANUP(freep) char *text = NULL;

        assert_int_equal(sha256_hex("token", 5, sources[0]), 0);
        assert_int_equal(sha256_hex("renewal", 7, sources[1]), 0);
        text = str_printf("{\"serial\": %u, \"token\": {\"secret\": \"%s\", \"source\": \"%s\"}, "
                          "\"refresh\": {\"secret\": \"%s renewal\", \"source\": \"%s\"}}",
                          serial, token, sources[0], token, sources[1]);
        assert_non_null(text);
        assert_int_equal(accounts_import_tokens(n->accounts, account_of(n), text), 0);
        shared_tokens_refreshed(n->tokens, account_of(n));
}

static void on_written(void *userdata, int error) {
        *(int *) userdata = error;
}

/* What commit.c does. error: 0, or with which it fails. Returns whether there was something. */
static bool write_all_of(struct node *n, int error) {
        struct store_batch *batch = store_batch_new();
        bool has_some;
        int result = 1;

        assert_non_null(batch);
        assert_int_equal(shared_tokens_collect(n->tokens, batch), 0);
        has_some = !store_batch_is_empty(batch);
        if (error < 0)
                fake_store_fail_next(n->store, error);
        store_write(n->store, batch, on_written, &result);
        fake_store_run(n->store);
        assert_int_equal(result, error);
        shared_tokens_committed(n->tokens, result == 0);
        return has_some;
}

static void assert_token(const struct node *n, const char *expected) {
        assert_string_equal(account_secret(account_of(n)), expected);
}

static void listen(struct fixture *f) {
        capture_begin(&f->capture);
        log_set_level(LEVEL_NOTICE);
}

static void assert_heard(struct fixture *f, const char *expected) {
        CLEANUP(freep) char *heard = NULL;

        log_set_level(LEVEL_ERROR);
        heard = capture_end(&f->capture);
        if (*expected ? !strstr(heard, expected) : *heard)
                fail_msg("not \"%s\": %s", expected, heard);
}

/* Node b has the account next. */
static void die(struct fixture *f) {
        fake_store_expire(f->a.store);
        open_node(&f->b, fake_store_join(f->a.store, "b"));
        give(&f->b);
}

/* ---- the tests ---- */

static void test_the_next_node_goes_on(void **state) {
        struct fixture *f = *state;

        set_key(f, KEY);
        give(&f->a);
        assert_known(&f->a, true);
        assert_true(f->a.dirty > 0);
        assert_false(write_all_of(&f->a, 0)); /* there is nothing so far */
        refresh(&f->a, "first", 1);
        assert_true(write_all_of(&f->a, 0));
        assert_false(write_all_of(&f->a, 0));
        assert_null(strstr(fake_store_secret(f->a.store, "eu"), "first"));
        refresh(&f->a, "second", 2);
        assert_true(write_all_of(&f->a, 0));
        die(f);
        assert_known(&f->b, true);
        assert_token(&f->b, "second");
        assert_string_equal(account_refresh_secret(account_of(&f->b)), "second renewal");
        assert_false(write_all_of(&f->b, 0)); /* it is there already */
}

static void test_it_is_written_until_it_is_there(void **state) {
        struct fixture *f = *state;

        set_key(f, KEY);
        give(&f->a);
        refresh(&f->a, "first", 1);
        assert_true(write_all_of(&f->a, -EIO));
        assert_true(write_all_of(&f->a, -EIO));
        assert_true(write_all_of(&f->a, 0));
        assert_false(write_all_of(&f->a, 0));
        die(f);
        assert_token(&f->b, "first");
}

/* Another refresh ends while it is written. */
static void test_a_refresh_during_a_write(void **state) {
        struct fixture *f = *state;
        struct store_batch *batch = store_batch_new();

        set_key(f, KEY);
        give(&f->a);
        refresh(&f->a, "first", 1);
        assert_non_null(batch);
        assert_int_equal(shared_tokens_collect(f->a.tokens, batch), 0);
        refresh(&f->a, "second", 2);
        store_batch_free(batch);
        shared_tokens_committed(f->a.tokens, true);
        assert_true(write_all_of(&f->a, 0));
        die(f);
        assert_token(&f->b, "second");
}

static void test_what_is_newer_here_is_written(void **state) {
        CLEANUP(freep) char *old = NULL;
        struct fixture *f = *state;

        set_key(f, KEY);
        give(&f->a);
        refresh(&f->a, "first", 1);
        assert_true(write_all_of(&f->a, 0));
        open_node(&f->b, fake_store_join(f->a.store, "b"));
        refresh(&f->b, "newer", 5); /* it could not write that */
        fake_store_expire(f->a.store);
        give(&f->b);
        assert_token(&f->b, "newer");
        old = strdup(fake_store_secret(f->a.store, "eu"));
        assert_true(write_all_of(&f->b, 0));
        assert_string_not_equal(fake_store_secret(f->a.store, "eu"), old);
}

static void test_a_read_that_fails(void **state) {
        struct fixture *f = *state;

        set_key(f, KEY);
        assert_known(&f->a, false);
        fake_store_fail_next(f->a.store, -EIO);
        give(&f->a);
        assert_known(&f->a, false);
        shared_tokens_read(f->a.tokens, "eu");
        shared_tokens_read(f->a.tokens, "eu");
        assert_int_equal(fake_store_pending(f->a.store), 1);
        fake_store_run(f->a.store);
        assert_known(&f->a, true);
        shared_tokens_read(f->a.tokens, "eu");
        assert_int_equal(fake_store_pending(f->a.store), 0);
        shared_tokens_read(f->a.tokens, "no such account");
        assert_false(shared_tokens_are_known(f->a.tokens, "no such account"));
        assert_true(shared_tokens_are_known(NULL, "eu"));
}

static void test_without_a_key(void **state) {
        struct fixture *f = *state;

        listen(f);
        give(&f->a);
        assert_false(write_all_of(&f->a, 0));
        assert_heard(f, "account eu: its refreshed tokens stay on this node");
        listen(f);
        refresh(&f->a, "first", 1);
        assert_false(write_all_of(&f->a, 0));
        assert_heard(f, "");
        assert_null(fake_store_secret(f->a.store, "eu"));
        assert_known(&f->a, true);
}

static void test_without_a_key_and_refresh(void **state) {
        struct fixture *f = *state;

        configure(&f->a, REFRESH_NONE);
        listen(f);
        give(&f->a);
        assert_false(write_all_of(&f->a, 0));
        assert_heard(f, "");
}

static void test_a_key_that_is_none(void **state) {
        static const char *const keys[] = {"", "short", "0123456789abcdef0123456789abcde",
                                           KEY "\n" KEY, KEY "\xc3\xa9"};
        struct fixture *f = *state;

        set_key(f, keys[0]);
        listen(f);
        give(&f->a);
        assert_false(write_all_of(&f->a, 0));
        assert_heard(f, "store.key: it is not one line of printable ASCII of at least 32");
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                set_key(f, keys[i]);
                refresh(&f->a, "next", (unsigned) i + 1);
                assert_false(write_all_of(&f->a, 0));
        }
        set_key(f, KEY "\n");
        refresh(&f->a, "last", 9);
        assert_true(write_all_of(&f->a, 0));
}

static void test_another_key(void **state) {
        struct fixture *f = *state;

        set_key(f, KEY);
        give(&f->a);
        refresh(&f->a, "first", 1);
        assert_true(write_all_of(&f->a, 0));
        set_key(f, KEY "0");
        listen(f);
        die(f);
        assert_heard(f, "account eu: what another node has obtained by Refresh= cannot be used, as "
                        "its credential store.key differs");
        assert_known(&f->b, true);
        assert_token(&f->b, "token");
        refresh(&f->b, "second", 1);
        assert_true(write_all_of(&f->b, 0));
}

/* One that takes the account must not go on with the old ones because there was no memory. */
static void test_short_memory(void **state) {
        struct fixture *f = *state;
        bool failed = true;

        set_key(f, KEY);
        give(&f->a);
        refresh(&f->a, "first", 1);
        for (unsigned n = 1; failed; n++) {
                struct store_batch *batch = store_batch_new();
                int r;

                memory_fail(n);
                r = shared_tokens_collect(f->a.tokens, batch);
                failed = memory_end();
                assert_int_equal(r, failed ? -ENOMEM : 0);
                store_batch_free(batch);
        }
        shared_tokens_committed(f->a.tokens, false);
        assert_true(write_all_of(&f->a, 0));
        fake_store_expire(f->a.store);
        failed = true;
        for (unsigned n = 1; failed; n++) {
                open_node(&f->b, fake_store_join(f->a.store, "b"));
                fake_store_give(f->b.store, "eu");
                memory_fail(n);
                fake_store_run(f->b.store);
                failed = memory_end();
                if (shared_tokens_are_known(f->b.tokens, "eu"))
                        assert_token(&f->b, "first");
                shared_tokens_read(f->b.tokens, "eu");
                fake_store_run(f->b.store);
                assert_known(&f->b, true);
                assert_token(&f->b, "first");
                if (failed)
                        close_node(&f->b);
        }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static int begin(void **state) {
        (void) state;
        log_set_level(LEVEL_ERROR);
        return 0;
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                TEST(test_the_next_node_goes_on),
                TEST(test_it_is_written_until_it_is_there),
                TEST(test_a_refresh_during_a_write),
                TEST(test_what_is_newer_here_is_written),
                TEST(test_a_read_that_fails),
                TEST(test_without_a_key),
                TEST(test_without_a_key_and_refresh),
                TEST(test_a_key_that_is_none),
                TEST(test_another_key),
                TEST(test_short_memory),
        };

        return cmocka_run_group_tests(tests, begin, NULL);
}
