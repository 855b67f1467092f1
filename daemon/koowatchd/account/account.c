#include "koowatchd/account/account.h"

#include <errno.h>

#include "koowatchd/account/account-pause.h"
#include "koowatchd/account/attribution.h"
#include "koowatchd/account/clock-offset.h"
#include "koowatchd/account/flight.h"
#include "koowatchd/account/identity.h"
#include "koowatchd/account/learnt-durations.h"
#include "koowatchd/account/rate-limit.h"
#include "koowatchd/account/recent-requests.h"
#include "koowatchd/account/token-refresh.h"
#include "koowatchd/koodrive/answer.h"

#define RECOVER_AFTER (10 * USEC_SEC) /* of good answers, then the rate doubles */
#define KEEPALIVE (14 * USEC_MINUTE)

struct account {
        account_changed_fn on_changed;
        void *userdata;

        struct identity identity;
        struct rate_limiter rate;
        struct recent_requests recent;
        struct clock_offset clock;
        struct attribution attribution;
        struct account_pause pause;
        struct token_refresh refresh;

        enum account_state state;
        char reason[640];
        unsigned failed_requests; /* in this state */
        uint64_t generation;      /* of what is known; see account_sent() */
        usec_t recover_at;        /* then the rate doubles */

        struct flight flight;
        usec_t last_sent, last_accepted; /* 0: never */
        usec_t secret_since;

        struct learnt_durations learnt[KOODRIVE_TYPES];

        bool retired;
        bool clock_corrected; /* after a refusal, and no request was accepted since */
};

/* What was wrong may have been corrected: failures are counted from the start. */
static void reset_failures(struct account *a, usec_t now) {
        attribution_reset(&a->attribution);
        a->generation++; /* whatever is in flight went out before */
        a->pause.throttled = a->pause.refused = 0;
        token_refresh_reset(&a->refresh);
        a->clock_corrected = false;
        if (a->state == ACCOUNT_UNAUTHORIZED && a->identity.secret)
                a->pause.until = now;
}

int account_configure(struct account *a, const struct account_config *settings, usec_t probe_max) {
        int r;

        r = rate_limiter_set_limit(&a->rate, settings->rate_limit);
        if (r == 0)
                r = identity_set_settings(&a->identity, settings);
        if (r < 0)
                return r;
        a->retired = false;
        a->pause.probe_max = probe_max;
        reset_failures(a, 0);
        if (a->state == ACCOUNT_UNREACHABLE)
                a->pause.until = 0;
        return 0;
}

int account_new(const struct account_config *settings, usec_t probe_max,
                account_changed_fn on_changed, void *userdata, struct account **ret) {
        CLEANUP(account_freep) struct account *a = NULL;
        int r;

        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        a->on_changed = on_changed;
        a->userdata = userdata;
        r = account_configure(a, settings, probe_max);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(a);
        return 0;
}

void account_free(struct account *a) {
        if (!a)
                return;
        identity_clear(&a->identity);
        token_refresh_clear(&a->refresh);
        rate_limiter_clear(&a->rate);
        free(a);
}

void account_retire(struct account *a) {
        a->retired = true;
}

bool account_is_configured(const struct account *a) {
        return !a->retired;
}

const char *account_name(const struct account *a) {
        return a->identity.settings.name;
}

const struct account_config *account_settings(const struct account *a) {
        return &a->identity.settings;
}

enum account_state account_state(const struct account *a) {
        return a->state;
}

const char *account_reason(const struct account *a) {
        return a->reason;
}

const char *account_secret(const struct account *a) {
        return a->identity.secret;
}

usec_t account_secret_since(const struct account *a) {
        return a->identity.secret ? a->secret_since : 0;
}

const char *account_refresh_secret(const struct account *a) {
        return a->refresh.secret;
}

struct koodrive_identity account_identity(const struct account *a) {
        return identity_of_requests(&a->identity);
}

unsigned account_in_flight(const struct account *a) {
        return a->flight.count;
}

unsigned account_recent_requests(const struct account *a, usec_t now) {
        return recent_requests_count(&a->recent, now);
}

static void enter_state(struct account *a, enum account_state state, const char *reason) {
        unsigned failed_requests = a->failed_requests;

        if (state == a->state)
                return;
        a->state = state;
        a->failed_requests = 0;
        if (state != ACCOUNT_OK) /* then a failure of what is in flight would be news */
                a->generation++;
        account_pause_restart(&a->pause);
        attribution_restart(&a->attribution);
        (void) snprintf(a->reason, sizeof(a->reason), "%s", reason);
        a->on_changed(a->userdata, a, failed_requests);
}

/* With what an administrator can do about it. */
static void enter_state_for(struct account *a, enum account_state state, const char *before,
                            const struct koodrive_answer *answer) {
        char reason[sizeof(a->reason)];
        const char *advice = answer->disposition.advice;

        (void) snprintf(reason, sizeof(reason), "%s%s%s%s", before, answer->why, advice ? "; " : "",
                        advice ? advice : "");
        enter_state(a, state, reason);
}

/* ---- credentials ---- */

/* Returns whether the account was unauthorized before, for another reason. */
static bool secret_missing(struct account *a, const char *problem) {
        bool other_reason = a->state == ACCOUNT_UNAUTHORIZED && !streq(problem, a->reason);

        (void) identity_set_secret(&a->identity, NULL);
        a->pause.until = USEC_INFINITY;
        a->generation++;
        if (other_reason)
                (void) snprintf(a->reason, sizeof(a->reason), "%s", problem);
        else
                enter_state(a, ACCOUNT_UNAUTHORIZED, problem);
        return other_reason;
}

static int use_secret(struct account *a, const char *secret, usec_t now) {
        int r;

        r = identity_set_secret(&a->identity, secret);
        if (r < 0)
                return r;
        a->generation++; /* what is in flight was sent with the old one */
        a->secret_since = a->last_accepted = now;
        attribution_token_changed(&a->attribution);
        token_refresh_token_changed(&a->refresh);
        return 0;
}

int account_set_secret(struct account *a, const char *secret, const char *problem, usec_t now) {
        int r;

        if (!secret)
                return secret_missing(a, problem);
        if (a->identity.secret && streq(a->identity.secret, secret))
                return 0;
        r = use_secret(a, secret, now);
        if (r < 0)
                return r;
        reset_failures(a, now);
        a->pause.until = now;
        return 0;
}

void account_forget_secret(struct account *a) {
        if (!a->identity.secret)
                return;
        (void) identity_set_secret(&a->identity, NULL);
        a->generation++;
}

int account_set_refresh_secret(struct account *a, const char *secret, usec_t now) {
        int r = token_refresh_set_secret(&a->refresh, secret);

        if (r > 0 && secret)
                reset_failures(a, now);
        return MIN(r, 0);
}

/* ---- when to send ---- */

bool account_is_probing(const struct account *a) {
        return a->state == ACCOUNT_UNREACHABLE || a->state == ACCOUNT_UNAUTHORIZED;
}

static bool can_refresh(const struct account *a) {
        return a->identity.settings.auth == AUTH_TOKEN &&
               a->identity.settings.refresh != REFRESH_NONE && a->identity.authorization &&
               !a->retired && token_refresh_is_possible(&a->refresh);
}

usec_t account_next(const struct account *a) {
        unsigned most = account_is_probing(a) ? 1 : a->identity.settings.max_in_flight;

        if (!a->identity.secret || a->refresh.token_refused)
                return USEC_INFINITY;
        return MAX(MAX(a->pause.until, flight_next(&a->flight, most)),
                   rate_limiter_next(&a->rate, flight_may_join(&a->flight)));
}

usec_t account_keepalive(const struct account *a) {
        if (a->identity.settings.auth != AUTH_TOKEN || a->state != ACCOUNT_OK || a->last_sent == 0)
                return USEC_INFINITY;
        return a->last_sent + KEEPALIVE;
}

usec_t account_refresh_at(const struct account *a) {
        usec_t at = USEC_INFINITY;

        if (!can_refresh(a) || a->refresh.in_flight)
                return USEC_INFINITY;
        if (a->refresh.token_refused)
                at = a->pause.until;
        else if (a->state == ACCOUNT_OK)
                at = token_refresh_early_at(&a->refresh, a->last_accepted);
        return MAX(at, rate_limiter_next(&a->rate, false));
}

static void count_request(struct account *a, usec_t now) {
        rate_limiter_take(&a->rate, now);
        recent_requests_add(&a->recent, now);
        a->last_sent = now;
}

uint64_t account_sent(struct account *a, usec_t now) {
        flight_sent(&a->flight, now, a->last_sent == 0);
        count_request(a, now);
        return a->generation;
}

void account_abandoned(struct account *a) {
        flight_ended(&a->flight, false);
}

usec_t account_date(const struct account *a, usec_t now, usec_t wall) {
        return clock_offset_stamp(&a->clock, now, wall);
}

usec_t account_wall(const struct account *a, usec_t now, usec_t wall) {
        return clock_offset_wall(&a->clock, now, wall);
}

/* ---- answers ---- */

/* Somebody has answered. */
static void handle_response(struct account *a, usec_t now) {
        a->pause.throttled = 0;
        attribution_answered(&a->attribution);
        if (a->state != ACCOUNT_OK && now >= a->pause.until) {
                a->pause.until = 0;
                a->recover_at = now + RECOVER_AFTER;
                enter_state(a, ACCOUNT_OK, "");
        }
        if (a->rate.divisor > 1 && now >= a->recover_at) {
                rate_limiter_recover(&a->rate);
                a->recover_at = now + RECOVER_AFTER;
        }
}

/* KooDrive itself has looked at the request: the credential and the settings are good. */
static void handle_acceptance(struct account *a, const struct account_reply *reply) {
        attribution_accepted(&a->attribution, reply->task, a->state == ACCOUNT_UNAUTHORIZED);
        if (reply->answer->date >= 0)
                clock_offset_confirm(&a->clock, reply->answer->date, reply->received);
        a->last_accepted = reply->received;
        a->clock_corrected = false;
        a->pause.refused = 0;
        token_refresh_token_accepted(&a->refresh);
        handle_response(a, reply->received);
}

static void handle_throttling(struct account *a, const struct account_reply *reply) {
        enter_state_for(a, ACCOUNT_THROTTLED, "", reply->answer);
        account_pause_throttled(&a->pause, reply->received, reply->answer, reply->random);
        rate_limiter_halve(&a->rate);
        a->recover_at = a->pause.until + RECOVER_AFTER;
        a->generation++; /* what was sent with this one will say the same */
}

static enum account_verdict handle_refusal(struct account *a, const struct account_reply *reply,
                                           const char *before) {
        const struct koodrive_answer *answer = reply->answer;
        usec_t now = reply->received;

        if (a->state == ACCOUNT_OK && !reply->only_task &&
            attribution_is_exempt(&a->attribution, reply->task) &&
            account_pause_refusals_left(&a->pause) > 1) {
                a->pause.refused++;
                a->generation++;
                return ACCOUNT_VERDICT_NOT_ACCOUNT;
        }
        attribution_refused(&a->attribution, reply->task);
        if (can_refresh(a) && token_refresh_token_refused(&a->refresh, now)) {
                a->generation++;
                return ACCOUNT_VERDICT_BACKOFF;
        }
        enter_state_for(a, ACCOUNT_UNAUTHORIZED, before, answer);
        account_pause_refused(&a->pause, now, answer, false);
        return ACCOUNT_VERDICT_BACKOFF;
}

static enum account_verdict handle_no_answer(struct account *a, const struct account_reply *reply,
                                             const char *before) {
        bool probed = account_is_probing(a);

        if (!probed && !attribution_unreachable(&a->attribution, reply->task, reply->only_task))
                return ACCOUNT_VERDICT_NOT_ACCOUNT;
        if (reply->answer->disposition.may_be_account == KOODRIVE_MAYBE_CREDENTIAL)
                return handle_refusal(a, reply,
                                      reply->only_task ? before
                                                       : "several tasks in a row were refused: ");
        if (!probed)
                enter_state_for(a, ACCOUNT_UNREACHABLE, before, reply->answer);
        account_pause_unreachable(&a->pause, reply->received, reply->answer, reply->random);
        return ACCOUNT_VERDICT_BACKOFF;
}

/* With the time of the answer the request is worth another try. */
static enum account_verdict handle_refused_stamp(struct account *a,
                                                 const struct account_reply *reply) {
        const struct koodrive_answer *answer = reply->answer;
        usec_t date = answer->server_time >= 0 ? answer->server_time : answer->date;

        a->failed_requests++;
        if (date < 0)
                return handle_refusal(a, reply, "");
        a->clock_corrected = true;
        a->generation++;
        clock_offset_set(&a->clock, date, reply->received);
        return ACCOUNT_VERDICT_RETRY_NOW;
}

static bool is_suspect_credential(struct account *a, const struct account_reply *reply) {
        if (a->state == ACCOUNT_UNAUTHORIZED)
                return a->pause.refused > 0 && !reply->only_task;
        return attribution_suspect(&a->attribution, reply->task);
}

static enum account_verdict handle_suspect(struct account *a, const struct account_reply *reply) {
        a->failed_requests++;
        if (reply->answer->disposition.may_be_account == KOODRIVE_MAYBE_CREDENTIAL)
                return handle_refusal(a, reply, "several tasks in a row were refused: ");
        (void) handle_no_answer(a, reply, "every request is refused: ");
        return ACCOUNT_VERDICT_BACKOFF;
}

/* A failure that is the task's, or looks so. */
static enum account_verdict handle_task_failure(struct account *a,
                                                const struct account_reply *reply) {
        const struct koodrive_disposition *disposition = &reply->answer->disposition;
        bool suspect = false;

        if (disposition->may_be_account == KOODRIVE_MAYBE_SETTINGS)
                suspect = attribution_may_be_settings(&a->attribution, reply->only_task);
        else if (disposition->may_be_account == KOODRIVE_MAYBE_CREDENTIAL)
                suspect = is_suspect_credential(a, reply);
        if (suspect)
                return handle_suspect(a, reply);

        if (disposition->by_koodrive && disposition->may_be_account != KOODRIVE_MAYBE_CREDENTIAL) {
                handle_acceptance(a, reply);
        } else if (a->state == ACCOUNT_UNAUTHORIZED && disposition->class == KOODRIVE_TRANSIENT) {
                /* That may come from in front of the one that refuses. */
                account_pause_not_refused(&a->pause, reply->received);
        } else {
                handle_response(a, reply->received);
        }
        return ACCOUNT_VERDICT_NOT_ACCOUNT;
}

/*
 * An answer to a request from before a change says nothing of the account, but the task is not
 * charged for what may be the account's failure.
 */
static enum account_verdict handle_outdated(struct account *a,
                                            const struct koodrive_answer *answer) {
        bool about_task = !koodrive_class_is_of_account(answer->disposition.class);

        if (about_task && answer->disposition.may_be_account == KOODRIVE_NOT_ACCOUNT)
                return ACCOUNT_VERDICT_NOT_ACCOUNT;
        if (!about_task || (answer->stamp_refused && !a->clock_corrected))
                a->failed_requests++;
        return ACCOUNT_VERDICT_BACKOFF;
}

enum account_verdict account_answered(struct account *a, const struct account_reply *reply) {
        enum koodrive_class class = reply->answer->disposition.class;

        flight_ended(&a->flight, !koodrive_class_is_of_account(class));
        if (reply->generation != a->generation)
                return handle_outdated(a, reply->answer);
        if (reply->answer->date >= 0)
                clock_offset_learn(&a->clock, reply->answer->date, reply->received);

        if (reply->answer->stamp_refused && !a->clock_corrected)
                return handle_refused_stamp(a, reply);
        if (class == KOODRIVE_TASK) {
                handle_acceptance(a, reply);
                return ACCOUNT_VERDICT_NOT_ACCOUNT;
        }
        if (!koodrive_class_is_of_account(class))
                return handle_task_failure(a, reply);

        a->failed_requests++;
        if (class == KOODRIVE_UNAUTHORIZED)
                return handle_refusal(a, reply, "");
        if (class != KOODRIVE_THROTTLED)
                return handle_no_answer(a, reply, "");
        handle_throttling(a, reply);
        return ACCOUNT_VERDICT_BACKOFF;
}

/* ---- refresh ---- */

int account_refresh_sent(struct account *a, usec_t now) {
        count_request(a, now);
        return token_refresh_sent(&a->refresh, a->identity.secret, a->identity.settings.refresh);
}

static unsigned use_session(struct account *a, usec_t now, const struct koodrive_session *s) {
        enum refresh_kind kind = a->identity.settings.refresh;
        unsigned taken = 0;

        if (token_refresh_succeeded(&a->refresh, s->refresh_token, kind))
                taken |= ACCOUNT_TOOK_REFRESH_SECRET;
        if (!token_refresh_wants_token(&a->refresh, a->identity.secret, kind) ||
            use_secret(a, s->token, now) < 0)
                return taken;
        token_refresh_token_replaced(&a->refresh, now, s->lifetime);
        if (a->state == ACCOUNT_UNAUTHORIZED)
                a->pause.until = now;
        return taken | ACCOUNT_TOOK_TOKEN;
}

/* The token was refused and there is no new one. */
static void handle_failed_refresh(struct account *a, usec_t now,
                                  const struct koodrive_answer *answer) {
        enter_state_for(a, ACCOUNT_UNAUTHORIZED,
                        "the token was refused and cannot be refreshed: ", answer);
        a->failed_requests++;
        account_pause_refused(&a->pause, now, answer, a->refresh.secret_refused);
}

unsigned account_refreshed(struct account *a, usec_t now, const struct koodrive_session *s) {
        if (s->answer.date >= 0)
                clock_offset_learn(&a->clock, s->answer.date, now);
        if (s->token)
                return use_session(a, now, s);
        switch (token_refresh_failed(&a->refresh, now, &s->answer, a->identity.settings.refresh)) {
        case TOKEN_REFRESH_OUTDATED:
                break;
        case TOKEN_REFRESH_EARLY:
                if (a->refresh.secret_refused)
                        return ACCOUNT_REFRESH_REFUSED;
                return a->refresh.failures == 1 ? ACCOUNT_REFRESH_FAILED : 0;
        case TOKEN_REFRESH_FAILED:
                handle_failed_refresh(a, now, &s->answer);
                break;
        }
        return 0;
}

struct learnt_durations *account_learnt(struct account *a, int type) {
        return &a->learnt[type < KOODRIVE_TYPES ? type : 0];
}
