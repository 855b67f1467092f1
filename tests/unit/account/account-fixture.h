#pragma once
/*
 * An account under test, with time and random numbers as arguments. Each change of state is traced
 * as "STATE(FAILED REQUESTS) ".
 */
#include "common/config.h"
#include "koowatchd/account/account.h"
#include "koowatchd/koodrive/answer.h"
#include "unit/support.h"

#define START USEC_DAY
#define PROBE_MAX (2 * USEC_MINUTE)
#define SILENCE (6 * USEC_MINUTE)
#define TASKS 8
#define MOST_RANDOM 0.999999

struct fixture {
        struct account_config settings;
        struct account *account;
        char changes[512];
        usec_t now;
        uint64_t sent; /* the generation of the last request */
        double random;
        bool only_task;
        int tasks[TASKS]; /* their addresses tell them apart */
};

static char fixture_name[] = "eu-1", fixture_endpoint[] = "https://drive.example.com",
            fixture_headers[] = "x-date;x-user-id";

/* Settings that let the state alone decide. */
static const struct account_config plain_settings = {
        .name = fixture_name,
        .endpoint = fixture_endpoint,
        .signed_headers = fixture_headers,
        .rate_limit = {1000, USEC_MSEC},
        .max_in_flight = 8,
};

/* What answers mean */

static const struct koodrive_disposition good = {.class = KOODRIVE_TASK};
static const struct koodrive_disposition refused = {.class = KOODRIVE_UNAUTHORIZED,
                                                    .advice = "take a new one"};
static const struct koodrive_disposition locked = {.class = KOODRIVE_UNAUTHORIZED,
                                                   .pause = SILENCE};
static const struct koodrive_disposition throttled = {.class = KOODRIVE_THROTTLED};
static const struct koodrive_disposition quota_used = {.class = KOODRIVE_THROTTLED,
                                                       .pause = 10 * USEC_MINUTE};
static const struct koodrive_disposition unreachable = {.class = KOODRIVE_UNREACHABLE};
static const struct koodrive_disposition misconfigured = {.class = KOODRIVE_MISCONFIGURED};
static const struct koodrive_disposition malformed = {.class = KOODRIVE_TRANSIENT};
static const struct koodrive_disposition own_failure = {.class = KOODRIVE_TRANSIENT,
                                                        .by_koodrive = true};
static const struct koodrive_disposition not_found = {.class = KOODRIVE_RETRY_LIMITED,
                                                      .by_koodrive = true};
static const struct koodrive_disposition rejected = {.class = KOODRIVE_REJECTED,
                                                     .by_koodrive = true};
static const struct koodrive_disposition too_large = {.class = KOODRIVE_REJECTED};
static const struct koodrive_disposition suspect = {.class = KOODRIVE_RETRY_LIMITED,
                                                    .may_be_account = KOODRIVE_MAYBE_CREDENTIAL};
static const struct koodrive_disposition suspect_by_koodrive = {
        .class = KOODRIVE_RETRY_LIMITED,
        .may_be_account = KOODRIVE_MAYBE_CREDENTIAL,
        .by_koodrive = true,
};
static const struct koodrive_disposition bad_parameter = {
        .class = KOODRIVE_REJECTED,
        .may_be_account = KOODRIVE_MAYBE_SETTINGS,
        .by_koodrive = true,
};

static inline struct koodrive_answer answer_of(const struct koodrive_disposition *disposition) {
        struct koodrive_answer answer = {
                .disposition = *disposition,
                .date = -1,
                .retry_after = -1,
                .window = -1,
                .server_time = -1,
                .progress = -1,
        };

        if (disposition->class != KOODRIVE_TASK)
                (void) snprintf(answer.why, sizeof(answer.why), "it says %s",
                                koodrive_class_name(disposition->class));
        return answer;
}

static inline void on_changed(void *userdata, struct account *account, unsigned failed_requests) {
        struct fixture *f = userdata;
        size_t n = strlen(f->changes);

        (void) snprintf(f->changes + n, sizeof(f->changes) - n, "%s(%u) ",
                        account_state_name(account_state(account)), failed_requests);
        assert_int_equal(str_empty(account_reason(account)), account_state(account) == ACCOUNT_OK);
}

static inline void configure(struct fixture *f) {
        assert_int_equal(account_configure(f->account, &f->settings, PROBE_MAX), 0);
}

static inline void set_secret(struct fixture *f, const char *secret) {
        assert_true(account_set_secret(f->account, secret, "there is none", f->now) >= 0);
}

static inline void set_renewal(struct fixture *f, const char *secret) {
        assert_int_equal(account_set_refresh_secret(f->account, secret, f->now), 0);
}

static inline int set_up_bare(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->settings = plain_settings;
        f->now = START;
        assert_int_equal(account_new(&f->settings, PROBE_MAX, on_changed, f, &f->account), 0);
        *state = f;
        return 0;
}

/* The first request waits for its answer alone; that is over. */
static inline void pass_first(struct fixture *f) {
        account_sent(f->account, f->now);
        account_abandoned(f->account);
}

static inline int set_up(void **state) {
        assert_int_equal(set_up_bare(state), 0);
        set_secret(*state, "secret");
        pass_first(*state);
        return 0;
}

static inline int tear_down(void **state) {
        struct fixture *f = *state;

        account_free(f->account);
        free(f);
        return 0;
}

#define BARE(function) cmocka_unit_test_setup_teardown(function, set_up_bare, tear_down)
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static inline void assert_changes(struct fixture *f, const char *expected) {
        assert_string_equal(f->changes, expected);
        f->changes[0] = '\0';
}

static inline void assert_reason_has(const struct fixture *f, const char *text) {
        if (!strstr(account_reason(f->account), text))
                fail_msg("\"%s\" lacks \"%s\"", account_reason(f->account), text);
}

static inline bool may_send(const struct fixture *f) {
        return account_next(f->account) <= f->now;
}

/* Returns the generation of the request. */
static inline uint64_t send_one(struct fixture *f) {
        assert_true(may_send(f));
        f->sent = account_sent(f->account, f->now);
        return f->sent;
}

/* A task's request of that generation has its answer now. */
static inline enum account_verdict answered_with(struct fixture *f, uint64_t sent, unsigned task,
                                                 const struct koodrive_answer *answer) {
        return account_answered(f->account, &(struct account_reply){
                                                    .generation = sent,
                                                    .received = f->now,
                                                    .answer = answer,
                                                    .task = &f->tasks[task],
                                                    .only_task = f->only_task,
                                                    .random = f->random,
                                            });
}

static inline enum account_verdict answered(struct fixture *f, uint64_t sent, unsigned task,
                                            const struct koodrive_disposition *disposition) {
        struct koodrive_answer answer = answer_of(disposition);

        return answered_with(f, sent, task, &answer);
}

static inline enum account_verdict ask_for(struct fixture *f, unsigned task,
                                           const struct koodrive_answer *answer) {
        send_one(f);
        return answered_with(f, f->sent, task, answer);
}

static inline enum account_verdict ask(struct fixture *f, unsigned task,
                                       const struct koodrive_disposition *disposition) {
        struct koodrive_answer answer = answer_of(disposition);

        return ask_for(f, task, &answer);
}

static inline void ask_task(struct fixture *f, unsigned task,
                            const struct koodrive_disposition *disposition) {
        assert_int_equal(ask(f, task, disposition), ACCOUNT_VERDICT_NOT_ACCOUNT);
}

static inline void ask_backoff(struct fixture *f, unsigned task,
                               const struct koodrive_disposition *disposition) {
        assert_int_equal(ask(f, task, disposition), ACCOUNT_VERDICT_BACKOFF);
}

static inline void ask_throttled(struct fixture *f, usec_t retry_after, usec_t window) {
        struct koodrive_answer answer = answer_of(&throttled);

        answer.retry_after = retry_after;
        answer.window = window;
        assert_int_equal(ask_for(f, 0, &answer), ACCOUNT_VERDICT_BACKOFF);
}

/* How long no poll may go out; time goes on to the end of that. */
static inline usec_t wait_out(struct fixture *f) {
        usec_t next = account_next(f->account), pause;

        assert_true(next < USEC_INFINITY);
        pause = MAX(next - f->now, 0);
        f->now += pause;
        return pause;
}

/* Three refusals, after which the account is silent. */
static inline void make_silent(struct fixture *f) {
        for (unsigned i = 0; i < 3; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                ask_backoff(f, 0, &refused);
        }
        assert_changes(f, "unauthorized(1) ");
        assert_int_equal(account_next(f->account), f->now + SILENCE);
}

static inline void make_unreachable(struct fixture *f) {
        ask_task(f, 0, &unreachable);
        ask_task(f, 1, &unreachable);
        ask_backoff(f, 0, &unreachable);
        assert_changes(f, "unreachable(3) ");
}
