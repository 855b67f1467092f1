#pragma once
/*
 * An account under test whose token can be refreshed.
 */
#include "unit/account/account-fixture.h"

#define LIFETIME (30 * USEC_MINUTE)

static inline int set_up_renewable(void **state) {
        struct fixture *f;

        assert_int_equal(set_up_bare(state), 0);
        f = *state;
        f->settings.refresh = REFRESH_CARRIER;
        configure(f);
        set_renewal(f, "renewal");
        set_secret(f, "first");
        pass_first(f);
        return 0;
}

#define RENEWABLE(function) cmocka_unit_test_setup_teardown(function, set_up_renewable, tear_down)

static inline bool may_refresh(const struct fixture *f) {
        return account_refresh_at(f->account) <= f->now;
}

/* Time goes on until the refresh is due; returns how long that took. */
static inline usec_t wait_for_refresh(struct fixture *f) {
        usec_t at = account_refresh_at(f->account), pause;

        assert_true(at < USEC_INFINITY);
        pause = MAX(at - f->now, 0);
        f->now += pause;
        return pause;
}

static inline void send_refresh(struct fixture *f) {
        assert_true(may_refresh(f));
        assert_int_equal(account_refresh_sent(f->account, f->now), 0);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
}

static inline unsigned refreshed(struct fixture *f, const char *token, const char *renewal,
                                 usec_t lifetime) {
        CLEANUP(freep) char *token_copy = strdup(token);
        CLEANUP(freep) char *renewal_copy = renewal ? strdup(renewal) : NULL;
        const struct koodrive_session session = {
                .answer = answer_of(&good),
                .token = token_copy,
                .refresh_token = renewal_copy,
                .lifetime = lifetime,
        };

        return account_refreshed(f->account, f->now, &session);
}

static inline void refresh(struct fixture *f, const char *token, usec_t lifetime) {
        send_refresh(f);
        assert_true(refreshed(f, token, NULL, lifetime));
        assert_string_equal(account_secret(f->account), token);
}

/* Returns what is to be reported. */
static inline unsigned refresh_fails_with(struct fixture *f, const struct koodrive_answer *answer) {
        const struct koodrive_session session = {.answer = *answer, .lifetime = -1};
        unsigned result;

        send_refresh(f);
        result = account_refreshed(f->account, f->now, &session);
        assert_int_equal(result & (ACCOUNT_TOOK_TOKEN | ACCOUNT_TOOK_REFRESH_SECRET), 0);
        return result;
}

static inline unsigned refresh_fails(struct fixture *f,
                                     const struct koodrive_disposition *disposition) {
        struct koodrive_answer answer = answer_of(disposition);

        return refresh_fails_with(f, &answer);
}

/* Refused with no way to a new token: three attempts, then silence. */
static inline void assert_three_attempts(struct fixture *f, unsigned already) {
        for (unsigned i = already; i < 3; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                ask_backoff(f, 0, &refused);
        }
        assert_int_equal(account_next(f->account), f->now + SILENCE);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
}
