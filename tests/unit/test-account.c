/*
 * An account, with time as an argument. Each change of state is traced as
 * "STATE(HELD) "; tokens are files in a directory of the test's own.
 */
#include <sys/stat.h>

#include "koowatchd/account.h"
#include "support.h"

#define START USEC_DAY
#define PROBE_MAX (2 * USEC_MINUTE)
#define SILENCE (6 * USEC_MINUTE)

struct fixture {
        char directory[DIRECTORY_MAX];
        char token[DIRECTORY_MAX + 16];
        char changes[512];
        struct account *account;
        usec_t now;
        int askers[2]; /* two tasks: their addresses tell them apart */
};

static char name[] = "eu-1", endpoint[] = "https://drive.example.com";

static const struct account_config settings = {
        .name = name,
        .endpoint = endpoint,
        .rate_limit = {1000, USEC_SEC}, /* so that only the state decides */
        .max_in_flight = 8,
};

static void on_changed(void *userdata, struct account *account, unsigned held) {
        struct fixture *f = userdata;
        size_t n = strlen(f->changes);

        (void) snprintf(f->changes + n, sizeof(f->changes) - n, "%s(%u) ",
                        account_state_name(account_state(account)), held);
        assert_int_equal(str_empty(account_reason(account)), account_state(account) == ACCOUNT_OK);
}

static void put_token(struct fixture *f, const char *text) {
        assert_int_equal(replace_file(f->token, text, strlen(text), 0600), 0);
}

static void read_token(struct fixture *f) {
        account_read_token(f->account, f->token, f->now);
}

static int set_up_bare(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        (void) snprintf(f->token, sizeof(f->token), "%s/token", f->directory);
        f->now = START;
        assert_int_equal(account_new(&settings, PROBE_MAX, on_changed, f, &f->account), 0);
        *state = f;
        return 0;
}

static int set_up(void **state) {
        struct fixture *f;

        assert_int_equal(set_up_bare(state), 0);
        f = *state;
        put_token(f, "secret");
        read_token(f);
        assert_string_equal(f->changes, "");
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        account_free(f->account);
        directory_remove(f->directory);
        free(f);
        return 0;
}

static void assert_changes(struct fixture *f, const char *expected) {
        assert_string_equal(f->changes, expected);
        f->changes[0] = '\0';
}

static void send_one(struct fixture *f) {
        assert_true(account_next(f->account) <= f->now);
        account_sent(f->account, f->now);
}

static struct koodrive_answer answer_of(enum koodrive_class class) {
        struct koodrive_answer answer = {.class = class, .retry_after = -1, .date = -1};

        if (class != KOODRIVE_TASK)
                (void) snprintf(answer.why, sizeof(answer.why), "it says %s",
                                koodrive_class_name(class));
        return answer;
}

/* An answer to what one of two tasks had sent. */
static bool answered(struct fixture *f, usec_t sent, enum koodrive_class class, unsigned asker) {
        struct koodrive_answer answer = answer_of(class);

        return account_answered(f->account, f->now, sent, &answer, &f->askers[asker], false);
}

/* The only task asks, and is answered at once. */
static bool ask_alone(struct fixture *f, enum koodrive_class class) {
        struct koodrive_answer answer = answer_of(class);

        send_one(f);
        return account_answered(f->account, f->now, f->now, &answer, &f->askers[0], true);
}

static bool ask(struct fixture *f, enum koodrive_class class, unsigned asker) {
        send_one(f);
        return answered(f, f->now, class, asker);
}

static bool ask_throttled(struct fixture *f, usec_t retry_after) {
        struct koodrive_answer answer = answer_of(KOODRIVE_THROTTLED);

        answer.retry_after = retry_after;
        send_one(f);
        return account_answered(f->account, f->now, f->now, &answer, &f->askers[0], false);
}

/* How long nothing may go out; time goes on to the end of that. */
static usec_t wait_out(struct fixture *f) {
        usec_t next = account_next(f->account), pause;

        assert_true(next < USEC_INFINITY);
        pause = MAX(next - f->now, 0);
        f->now += pause;
        return pause;
}

/* Settings and the header */

static void test_settings_are_copied(void **state) {
        char a_name[] = "a", an_endpoint[] = "b", user[] = "c", agent[] = "d", file[] = "e",
             ca[] = "f", proxy[] = "g";
        struct account_config config = {
                .name = a_name,
                .endpoint = an_endpoint,
                .user_id = user,
                .agent_name = agent,
                .token_file = file,
                .ca_file = ca,
                .proxy = proxy,
                .rate_limit = {10, USEC_SEC},
                .max_in_flight = 3,
        };
        CLEANUP(account_freep) struct account *account = NULL;
        const struct account_config *copy;

        (void) state;
        assert_int_equal(account_new(&config, PROBE_MAX, on_changed, NULL, &account), 0);
        *a_name = *an_endpoint = *user = *agent = *file = *ca = *proxy = 'x';
        copy = account_settings(account);
        assert_string_equal(account_name(account), "a");
        assert_string_equal(copy->endpoint, "b");
        assert_string_equal(copy->user_id, "c");
        assert_string_equal(copy->agent_name, "d");
        assert_string_equal(copy->token_file, "e");
        assert_string_equal(copy->ca_file, "f");
        assert_string_equal(copy->proxy, "g");
        assert_int_equal(copy->max_in_flight, 3);
}

static void test_starts_ok_but_silent(void **state) {
        struct fixture *f = *state;

        assert_int_equal(account_state(f->account), ACCOUNT_OK);
        assert_string_equal(account_reason(f->account), "");
        assert_null(account_authorization(f->account));
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_true(account_is_configured(f->account));
}

static void test_retired(void **state) {
        struct fixture *f = *state;

        account_retire(f->account);
        assert_false(account_is_configured(f->account));
        assert_int_equal(account_configure(f->account, &settings, PROBE_MAX), 0);
        assert_true(account_is_configured(f->account));
}

static void test_scheme(void **state) {
        static const struct {
                enum token_scheme scheme;
                const char *file, *expected;
        } cases[] = {
                {TOKEN_SCHEME_VERBATIM, "6ebb", "6ebb"},
                {TOKEN_SCHEME_VERBATIM, "Bearer+6ebb\n", "Bearer+6ebb"},
                {TOKEN_SCHEME_VERBATIM, "AT 6ebb\r\n", "AT 6ebb"},
                {TOKEN_SCHEME_VERBATIM, " 6ebb \n\n", " 6ebb "},
                {TOKEN_SCHEME_BEARER, "6ebb\n", "Bearer 6ebb"},
                {TOKEN_SCHEME_BEARER, "Bearer 6ebb", "Bearer 6ebb"},
                {TOKEN_SCHEME_BEARER, "bearer+6ebb", "bearer+6ebb"},
                {TOKEN_SCHEME_BEARER, "AT 6ebb", "AT 6ebb"},
                {TOKEN_SCHEME_BEARER, "AT+6ebb", "AT+6ebb"},
                {TOKEN_SCHEME_BEARER, "ATlas", "Bearer ATlas"},
                {TOKEN_SCHEME_BEARER, "6eb+b/=", "Bearer 6eb+b/="},
                {TOKEN_SCHEME_AT, "6ebb", "AT 6ebb"},
                {TOKEN_SCHEME_AT, "Bearer 6ebb", "Bearer 6ebb"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct account_config config = settings;

                config.token_scheme = cases[i].scheme;
                assert_int_equal(account_configure(f->account, &config, PROBE_MAX), 0);
                put_token(f, cases[i].file);
                read_token(f);
                assert_string_equal(account_authorization(f->account), cases[i].expected);
        }

        /* A reload changes the word before the token that is known. */
        put_token(f, "6ebb");
        read_token(f);
        assert_string_equal(account_authorization(f->account), "AT 6ebb");
        assert_int_equal(account_configure(f->account, &settings, PROBE_MAX), 0);
        assert_string_equal(account_authorization(f->account), "6ebb");
}

static void test_token_path(void **state) {
        struct account_config config = settings;
        struct fixture *f = *state;
        CLEANUP(freep) char *plain = str_printf("%s/eu-1.token", f->directory);
        CLEANUP(freep) char *prefixed = str_printf("%s/koowatch_eu-1.token", f->directory);
        CLEANUP(freep) char *first = NULL;
        CLEANUP(freep) char *second = NULL;
        CLEANUP(freep) char *third = NULL;

        assert_null(account_token_path(f->account, NULL));
        first = account_token_path(f->account, f->directory);
        assert_string_equal(first, plain);
        assert_int_equal(replace_file(prefixed, "x", 1, 0600), 0);
        second = account_token_path(f->account, f->directory);
        assert_string_equal(second, prefixed);

        config.token_file = f->token;
        assert_int_equal(account_configure(f->account, &config, PROBE_MAX), 0);
        third = account_token_path(f->account, f->directory);
        assert_string_equal(third, f->token);
}

/* The token's file */

static void test_no_token(void **state) {
        struct fixture *f = *state;

        account_read_token(f->account, NULL, f->now);
        assert_changes(f, "unauthorized(0) ");
        assert_non_null(strstr(account_reason(f->account), "TokenFile in [Account eu-1]"));
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        account_read_token(f->account, NULL, f->now);
        assert_changes(f, "");
}

static void test_bad_tokens(void **state) {
        static const struct {
                const char *text, *reason;
        } cases[] = {
                {"", "empty"},
                {"\n\r\n", "empty"},
                {"a\nb\n", "one line"},
                {"\tsecret", "one line"},
                {"secr\xc3\xa9t", "one line"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                put_token(f, cases[i].text);
                read_token(f);
                assert_null(account_authorization(f->account));
                assert_int_equal(account_state(f->account), ACCOUNT_UNAUTHORIZED);
                assert_null(strstr(account_reason(f->account), "secr"));
                if (!strstr(account_reason(f->account), cases[i].reason))
                        fail_msg("\"%s\" lacks \"%s\"", account_reason(f->account),
                                 cases[i].reason);
        }
        assert_changes(f, "unauthorized(0) ");
}

static void test_no_regular_file(void **state) {
        struct account_config config = settings;
        struct fixture *f = *state;

        config.token_file = f->token;
        assert_int_equal(account_configure(f->account, &config, PROBE_MAX), 0);
        read_token(f);
        assert_non_null(strstr(account_reason(f->account), "cannot be read (No such file"));
        account_read_token(f->account, f->directory, f->now);
        assert_non_null(strstr(account_reason(f->account), "is not a regular file"));
        assert_int_equal(mkfifo(f->token, 0600), 0); /* opening it must not block */
        read_token(f);
        assert_non_null(strstr(account_reason(f->account), f->token));
        assert_int_equal(account_state(f->account), ACCOUNT_UNAUTHORIZED);
}

/* A credential that is not there: the way to one is told, not a path below /run. */
static void test_no_credential(void **state) {
        struct fixture *f = *state;

        read_token(f);
        assert_int_equal(account_state(f->account), ACCOUNT_UNAUTHORIZED);
        assert_non_null(strstr(account_reason(f->account), "credential eu-1.token"));
}

static void test_token_over_the_limit(void **state) {
        CLEANUP(freep) char *text = malloc(64 * 1024 + 1);
        struct fixture *f = *state;

        memset(text, 'a', 64 * 1024);
        text[64 * 1024] = '\0';
        put_token(f, text);
        read_token(f);
        assert_null(account_authorization(f->account));
        assert_int_equal(account_state(f->account), ACCOUNT_UNAUTHORIZED);
}

/* It comes later: tried at once, and one request at a time until it has proved good. */
static void test_token_comes(void **state) {
        struct fixture *f = *state;

        read_token(f);
        assert_changes(f, "unauthorized(0) ");
        f->now += USEC_HOUR;
        put_token(f, "secret");
        read_token(f);
        send_one(f);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_true(answered(f, f->now, KOODRIVE_TASK, 0));
        assert_changes(f, "ok(0) ");
}

/* Somebody may be in the middle of replacing it. */
static void test_token_is_kept_while_the_file_is_bad(void **state) {
        struct fixture *f = *state;

        put_token(f, "");
        read_token(f);
        assert_int_equal(unlink(f->token), 0);
        read_token(f);
        assert_string_equal(account_authorization(f->account), "secret");
        assert_changes(f, "");
        send_one(f);

        put_token(f, "other");
        read_token(f);
        assert_string_equal(account_authorization(f->account), "other");
        assert_changes(f, "");
}

/* How much is let through */

static void test_max_in_flight(void **state) {
        struct fixture *f = *state;

        for (unsigned i = 0; i < settings.max_in_flight; i++)
                send_one(f);
        assert_int_equal(account_in_flight(f->account), settings.max_in_flight);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        account_abandoned(f->account);
        send_one(f);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_true(answered(f, f->now, KOODRIVE_TASK, 0));
        send_one(f);
        assert_int_equal(account_in_flight(f->account), settings.max_in_flight);
}

static void test_rate(void **state) {
        struct account_config config = settings;
        struct fixture *f = *state;
        unsigned sent = 0;

        config.rate_limit = (struct rate_limit){5, USEC_SEC};
        config.max_in_flight = 1000;
        assert_int_equal(account_configure(f->account, &config, PROBE_MAX), 0);
        while (account_next(f->account) <= f->now) {
                account_sent(f->account, f->now);
                sent++;
        }
        assert_int_equal(sent, 5);
        assert_in_range(wait_out(f), USEC_SEC, USEC_SEC * 11 / 10);
        send_one(f);
}

/* Throttled */

static void test_throttled_as_asked(void **state) {
        struct fixture *f = *state;

        assert_false(ask_throttled(f, 30 * USEC_SEC));
        assert_changes(f, "throttled(1) ");
        assert_string_equal(account_reason(f->account), "it says throttled");
        assert_int_equal(wait_out(f), 30 * USEC_SEC);
        assert_true(ask(f, KOODRIVE_TASK, 0));
        assert_changes(f, "ok(0) ");
}

static void test_throttled_without_hint(void **state) {
        struct fixture *f = *state;
        usec_t last = 0;

        for (unsigned i = 0; i < 20; i++) {
                usec_t pause;

                assert_false(ask_throttled(f, -1));
                pause = wait_out(f);
                assert_in_range(pause, MAX(last, USEC_SEC), USEC_HOUR);
                if (last < USEC_HOUR)
                        assert_true(pause > last);
                last = pause;
        }
        assert_int_equal(last, USEC_HOUR);
        assert_changes(f, "throttled(1) ");
}

/* "Retry-After: 0" must not be what later pauses double. */
static void test_throttled_with_no_pause(void **state) {
        struct fixture *f = *state;
        usec_t first, second;

        assert_false(ask_throttled(f, 0));
        assert_true(wait_out(f) >= USEC_SEC);
        assert_false(ask_throttled(f, -1));
        first = wait_out(f);
        assert_false(ask_throttled(f, -1));
        second = wait_out(f);
        assert_true(second > first);
}

/* All that were under way are refused: that is one throttling, not eight. */
static void test_throttled_burst_counts_once(void **state) {
        struct fixture *f = *state;

        for (unsigned round = 0; round < 3; round++) {
                usec_t sent;

                for (unsigned i = 0; i < settings.max_in_flight; i++)
                        send_one(f);
                sent = f->now;
                f->now += 100 * USEC_MSEC;
                for (unsigned i = 0; i < settings.max_in_flight; i++)
                        assert_false(answered(f, sent, KOODRIVE_THROTTLED, i % 2));
                assert_int_equal(wait_out(f), (5 * USEC_SEC) << round);
        }
        assert_changes(f, "throttled(1) ");
}

/* An answer to what was sent before must not end the silence. */
static void test_throttled_silence_holds(void **state) {
        struct fixture *f = *state;

        send_one(f);
        assert_false(ask_throttled(f, USEC_MINUTE));
        assert_true(answered(f, f->now, KOODRIVE_TASK, 1));
        assert_changes(f, "throttled(1) ");
        assert_int_equal(wait_out(f), USEC_MINUTE);
}

/* How many may go at once when none has gone for a while; each is answered well. */
static unsigned burst(struct fixture *f) {
        unsigned sent = 0;

        f->now += 2 * USEC_SEC;
        while (account_next(f->account) <= f->now) {
                assert_true(ask(f, KOODRIVE_TASK, 0));
                sent++;
        }
        return sent;
}

static void test_throttled_rate_recovers(void **state) {
        struct account_config config = settings;
        struct fixture *f = *state;
        unsigned last;
        usec_t begin;

        config.rate_limit = (struct rate_limit){8, USEC_SEC};
        assert_int_equal(account_configure(f->account, &config, PROBE_MAX), 0);
        assert_int_equal(burst(f), 8);
        for (unsigned i = 0; i < 3; i++) {
                (void) wait_out(f);
                assert_false(ask_throttled(f, USEC_SEC));
        }
        (void) wait_out(f);
        begin = f->now;
        last = burst(f);
        assert_int_equal(last, 1);
        while (last < 8) {
                unsigned now = burst(f);

                assert_true(now == last || now == 2 * last);
                assert_true(f->now - begin < 2 * USEC_MINUTE);
                last = now;
        }
        assert_true(f->now - begin >= 20 * USEC_SEC);
        for (unsigned i = 0; i < 30; i++)
                assert_int_equal(burst(f), 8);
}

/* Unreachable */

static void test_three_failures_of_two_tasks(void **state) {
        struct fixture *f = *state;

        assert_false(ask(f, KOODRIVE_UNREACHABLE, 0));
        assert_false(ask(f, KOODRIVE_UNREACHABLE, 1));
        assert_changes(f, "");
        assert_false(ask(f, KOODRIVE_UNREACHABLE, 0));
        assert_changes(f, "unreachable(3) ");
        assert_string_equal(account_reason(f->account), "it says unreachable");
}

/* One task's bad luck is not the account's, unless there is no other to ask. */
static void test_failures_of_one_task(void **state) {
        struct fixture *f = *state;

        for (unsigned i = 0; i < 10; i++)
                assert_false(ask(f, KOODRIVE_UNREACHABLE, 0));
        assert_changes(f, "");
        assert_false(ask(f, KOODRIVE_UNREACHABLE, 1));
        assert_changes(f, "unreachable(11) ");
}

static void test_failures_of_the_only_task(void **state) {
        struct fixture *f = *state;

        assert_false(ask_alone(f, KOODRIVE_UNREACHABLE));
        assert_false(ask_alone(f, KOODRIVE_UNREACHABLE));
        assert_changes(f, "");
        assert_false(ask_alone(f, KOODRIVE_UNREACHABLE));
        assert_changes(f, "unreachable(3) ");
}

static void test_failures_not_in_a_row(void **state) {
        static const enum koodrive_class between[] = {KOODRIVE_TASK, KOODRIVE_TRANSIENT};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(between); i++) {
                assert_false(ask(f, KOODRIVE_UNREACHABLE, 0));
                assert_false(ask(f, KOODRIVE_UNREACHABLE, 1));
                assert_true(ask(f, between[i], 0));
                assert_false(ask(f, KOODRIVE_UNREACHABLE, 0));
                assert_false(ask(f, KOODRIVE_UNREACHABLE, 1));
                assert_changes(f, "");
                assert_true(ask(f, KOODRIVE_TASK, 0));
        }
}

static void make_unreachable(struct fixture *f) {
        for (unsigned i = 0; i < 3; i++)
                assert_false(ask(f, KOODRIVE_UNREACHABLE, i % 2));
        assert_changes(f, "unreachable(3) ");
}

static void test_probes(void **state) {
        struct fixture *f = *state;
        usec_t last = 0;

        make_unreachable(f);
        for (unsigned i = 0; i < 20; i++) {
                usec_t pause = wait_out(f);

                assert_in_range(pause, MAX(last, USEC_SEC), PROBE_MAX);
                if (last < PROBE_MAX)
                        assert_true(pause > last);
                last = pause;
                send_one(f);
                assert_int_equal(account_next(f->account), USEC_INFINITY);
                assert_false(answered(f, f->now, KOODRIVE_UNREACHABLE, i % 2));
        }
        assert_int_equal(last, PROBE_MAX);
        assert_changes(f, "");

        (void) wait_out(f);
        assert_true(ask(f, KOODRIVE_TASK, 0));
        assert_changes(f, "ok(20) ");
        send_one(f);
        send_one(f);
}

/* Somebody is there, and answers. */
static void test_task_trouble_ends_unreachable(void **state) {
        struct fixture *f = *state;

        make_unreachable(f);
        (void) wait_out(f);
        assert_true(ask(f, KOODRIVE_TRANSIENT, 0));
        assert_changes(f, "ok(0) ");
}

/* What was under way when the account became unreachable is no probe. */
static void test_unreachable_counts_probes_only(void **state) {
        struct fixture *f = *state;
        usec_t sent = f->now, pause;

        for (unsigned i = 0; i < settings.max_in_flight; i++)
                send_one(f);
        f->now += USEC_SEC;
        for (unsigned i = 0; i < 3; i++)
                assert_false(answered(f, sent, KOODRIVE_UNREACHABLE, i % 2));
        assert_changes(f, "unreachable(3) ");
        while (account_in_flight(f->account) > 0)
                assert_false(answered(f, sent, KOODRIVE_UNREACHABLE, 0));
        pause = wait_out(f);
        assert_in_range(pause, USEC_SEC, 3 * USEC_SEC);
        assert_changes(f, "");
}

/* Unauthorized */

static void test_three_attempts_then_silence(void **state) {
        struct fixture *f = *state;
        usec_t begin = f->now;

        for (unsigned i = 0; i < 3; i++) {
                (void) wait_out(f);
                assert_false(ask(f, KOODRIVE_UNAUTHORIZED, i % 2));
        }
        assert_changes(f, "unauthorized(1) ");
        assert_string_equal(account_reason(f->account), "it says unauthorized");
        assert_true(f->now - begin < USEC_MINUTE);

        /* Then one attempt at a time: five in a row would lock the key. */
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(wait_out(f), SILENCE);
                assert_false(ask(f, KOODRIVE_UNAUTHORIZED, 0));
        }
        assert_changes(f, "");
        assert_int_equal(wait_out(f), SILENCE);
        assert_true(ask(f, KOODRIVE_TASK, 0));
        assert_changes(f, "ok(5) ");
}

static void test_refused_burst_counts_once(void **state) {
        struct fixture *f = *state;
        usec_t sent = f->now;

        for (unsigned i = 0; i < settings.max_in_flight; i++)
                send_one(f);
        f->now += USEC_SEC;
        for (unsigned i = 0; i < settings.max_in_flight; i++)
                assert_false(answered(f, sent, KOODRIVE_UNAUTHORIZED, i % 2));
        assert_changes(f, "unauthorized(1) ");
        assert_true(wait_out(f) < USEC_MINUTE);
        send_one(f);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
}

static void make_silent(struct fixture *f) {
        for (unsigned i = 0; i < 3; i++) {
                (void) wait_out(f);
                assert_false(ask(f, KOODRIVE_UNAUTHORIZED, 0));
        }
        assert_changes(f, "unauthorized(1) ");
        assert_int_equal(account_next(f->account), f->now + SILENCE);
}

static void test_new_token_ends_silence(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        read_token(f); /* the same one: nothing new */
        assert_int_equal(account_next(f->account), f->now + SILENCE);

        put_token(f, "other");
        read_token(f);
        assert_true(ask(f, KOODRIVE_TASK, 0));
        assert_changes(f, "ok(2) ");
}

/* And has three attempts of its own. */
static void test_new_token_is_refused(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        put_token(f, "other");
        read_token(f);
        for (unsigned i = 0; i < 3; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                assert_false(ask(f, KOODRIVE_UNAUTHORIZED, 0));
        }
        assert_int_equal(wait_out(f), SILENCE);
        assert_changes(f, "");
}

/* What is still under way speaks of the old one. */
static void test_old_tokens_refusal_is_no_news(void **state) {
        struct fixture *f = *state;
        usec_t sent = f->now;

        send_one(f);
        f->now += USEC_SEC;
        put_token(f, "other");
        read_token(f);
        f->now += USEC_SEC;
        assert_false(answered(f, sent, KOODRIVE_UNAUTHORIZED, 0));
        assert_changes(f, "");
        send_one(f);
        send_one(f);
}

/* A probe that gets no answer says nothing of the credential: no attempt, and no hurry. */
static void test_unreachable_while_unauthorized(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        assert_int_equal(wait_out(f), SILENCE);
        assert_false(ask(f, KOODRIVE_UNREACHABLE, 0));
        assert_true(account_next(f->account) > f->now);
}

/* The clock */

static void test_date(void **state) {
        struct fixture *f = *state;
        usec_t wall = 1747708152 * USEC_SEC, server = wall - USEC_HOUR;

        /* Nothing is known of the server's clock: ours. */
        assert_int_equal(account_date(f->account, f->now, wall), wall - 5 * USEC_SEC);

        account_learn_date(f->account, server, f->now);
        assert_int_equal(account_date(f->account, f->now + USEC_SEC, wall + USEC_SEC),
                         server - 4 * USEC_SEC);

        /* Somebody sets our clock: the server's is still known. */
        assert_int_equal(account_date(f->account, f->now + USEC_SEC, wall + USEC_DAY),
                         server - 4 * USEC_SEC);
}

static void test_free_nothing(void **state) {
        (void) state;
        account_free(NULL);
}

#define BARE(function) cmocka_unit_test_setup_teardown(function, set_up_bare, tear_down)
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_settings_are_copied),
                BARE(test_starts_ok_but_silent),
                TEST(test_retired),
                BARE(test_scheme),
                BARE(test_token_path),
                BARE(test_no_token),
                BARE(test_bad_tokens),
                BARE(test_no_regular_file),
                BARE(test_no_credential),
                BARE(test_token_over_the_limit),
                BARE(test_token_comes),
                TEST(test_token_is_kept_while_the_file_is_bad),
                TEST(test_max_in_flight),
                TEST(test_rate),
                TEST(test_throttled_as_asked),
                TEST(test_throttled_without_hint),
                TEST(test_throttled_with_no_pause),
                TEST(test_throttled_burst_counts_once),
                TEST(test_throttled_silence_holds),
                TEST(test_throttled_rate_recovers),
                TEST(test_three_failures_of_two_tasks),
                TEST(test_failures_of_one_task),
                TEST(test_failures_of_the_only_task),
                TEST(test_failures_not_in_a_row),
                TEST(test_probes),
                TEST(test_task_trouble_ends_unreachable),
                TEST(test_unreachable_counts_probes_only),
                TEST(test_three_attempts_then_silence),
                TEST(test_refused_burst_counts_once),
                TEST(test_new_token_ends_silence),
                TEST(test_new_token_is_refused),
                TEST(test_old_tokens_refusal_is_no_news),
                TEST(test_unreachable_while_unauthorized),
                TEST(test_date),
                cmocka_unit_test(test_free_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
