#include "koowatchd/account/account.h"

#include <errno.h>
#include <strings.h>

#include "koowatchd/account/account-pause.h"
#include "koowatchd/account/attribution.h"
#include "koowatchd/account/clock-offset.h"
#include "koowatchd/account/identity.h"
#include "koowatchd/account/token-refresh.h"

#define RECOVER_AFTER (10 * USEC_SEC) /* of good answers, then the rate doubles */
#define FIRST_ALONE (2 * USEC_SEC)    /* it tells the time, and whether the credential is good */
#define KEEPALIVE (14 * USEC_MINUTE)

struct account {
        struct identity identity;
        account_changed_fn on_changed;
        void *userdata;
        struct rate_limiter rate;
        struct clock_offset clock;
        struct attribution attribution;
        struct token_refresh refresh;
        struct account_pause pause;

        enum account_state state;
        unsigned held; /* failed requests since it was entered */
        char reason[640];
        uint64_t generation; /* of what is known: what an earlier request met is no news */
        usec_t recover_at;   /* then the rate doubles */

        unsigned in_flight;
        usec_t last_sent, last_good; /* 0: never */
        usec_t first_alone;          /* until then the first request's answer is waited for */

        bool retired;
        bool clock_corrected; /* for a refusal, and there was no good answer since */
};

/* What was wrong may have been put right: all that was held against it is forgotten. */
static void give_another_chance(struct account *a, usec_t now) {
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
        give_another_chance(a, 0);
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

const char *account_state_name(enum account_state state) {
        static const char *const names[ACCOUNT_STATES] = {"ok", "throttled", "unreachable",
                                                          "unauthorized"};

        return names[state];
}

const char *account_reason(const struct account *a) {
        return a->reason;
}

const char *account_secret(const struct account *a) {
        return a->identity.secret;
}

const char *account_refresh_secret(const struct account *a) {
        return a->refresh.secret;
}

struct koodrive_identity account_identity(const struct account *a) {
        return identity_of_requests(&a->identity);
}

unsigned account_in_flight(const struct account *a) {
        return a->in_flight;
}

static void enter(struct account *a, enum account_state state, const char *reason) {
        unsigned held = a->held;

        if (state == a->state)
                return;
        a->state = state;
        a->held = 0;
        if (state != ACCOUNT_OK) /* then what is in flight has news, should it be bad */
                a->generation++;
        account_pause_restart(&a->pause);
        attribution_restart(&a->attribution);
        (void) snprintf(a->reason, sizeof(a->reason), "%s", reason);
        a->on_changed(a->userdata, a, held);
}

/* With what there is to be done about it. */
static void enter_for(struct account *a, enum account_state state, const char *before,
                      const struct koodrive_answer *answer) {
        char reason[sizeof(a->reason)];
        const char *advice = answer->disposition.advice;

        (void) snprintf(reason, sizeof(reason), "%s%s%s%s", before, answer->why, advice ? "; " : "",
                        advice ? advice : "");
        enter(a, state, reason);
}

/* ---- credentials ---- */

/* Returns whether the account was unauthorized before, for another reason. */
static bool lack_secret(struct account *a, const char *problem) {
        bool other_reason = a->state == ACCOUNT_UNAUTHORIZED && !streq(problem, a->reason);

        (void) identity_set_secret(&a->identity, NULL);
        a->pause.until = USEC_INFINITY;
        a->generation++;
        if (other_reason)
                (void) snprintf(a->reason, sizeof(a->reason), "%s", problem);
        else
                enter(a, ACCOUNT_UNAUTHORIZED, problem);
        return other_reason;
}

static int use_secret(struct account *a, const char *secret, usec_t now) {
        int r;

        r = identity_set_secret(&a->identity, secret);
        if (r < 0)
                return r;
        a->generation++; /* what is in flight was sent with the old one */
        a->last_good = now;
        attribution_token_changed(&a->attribution);
        token_refresh_token_changed(&a->refresh);
        return 0;
}

int account_set_secret(struct account *a, const char *secret, const char *problem, usec_t now) {
        int r;

        if (!secret)
                return lack_secret(a, problem);
        if (a->identity.secret && streq(a->identity.secret, secret))
                return 0;
        r = use_secret(a, secret, now);
        if (r < 0)
                return r;
        give_another_chance(a, now);
        a->pause.until = now;
        return 0;
}

int account_set_refresh_secret(struct account *a, const char *secret, usec_t now) {
        int r = token_refresh_set_secret(&a->refresh, secret);

        if (r > 0 && secret)
                give_another_chance(a, now);
        return MIN(r, 0);
}

/* ---- when what may go ---- */

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

        if (!a->identity.secret || a->refresh.token_refused || a->in_flight >= most)
                return USEC_INFINITY;
        return MAX(MAX(a->pause.until, a->first_alone), rate_limiter_next(&a->rate));
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
                at = token_refresh_early_at(&a->refresh, a->last_good);
        return MAX(at, rate_limiter_next(&a->rate));
}

static void count_sent(struct account *a, usec_t now) {
        rate_limiter_take(&a->rate, now);
        a->last_sent = now;
}

uint64_t account_sent(struct account *a, usec_t now) {
        if (a->last_sent == 0)
                a->first_alone = now + FIRST_ALONE;
        count_sent(a, now);
        a->in_flight++;
        return a->generation;
}

void account_abandoned(struct account *a) {
        a->in_flight--;
        a->first_alone = 0;
}

usec_t account_date(const struct account *a, usec_t now, usec_t wall) {
        return clock_offset_stamp(&a->clock, now, wall);
}

/* ---- what answers say ---- */

static void on_good(struct account *a, usec_t now) {
        a->pause.throttled = 0;
        attribution_answered(&a->attribution);
        if (a->state != ACCOUNT_OK && now >= a->pause.until) {
                a->pause.until = 0;
                a->recover_at = now + RECOVER_AFTER;
                enter(a, ACCOUNT_OK, "");
        }
        if (a->rate.divisor > 1 && now >= a->recover_at) {
                rate_limiter_recover(&a->rate);
                a->recover_at = now + RECOVER_AFTER;
        }
}

/* KooDrive has judged the request itself: the credential and the settings are good. */
static void on_proof(struct account *a, const struct account_reply *reply) {
        attribution_accepted(&a->attribution, reply->asker, a->state == ACCOUNT_UNAUTHORIZED);
        a->last_good = reply->received;
        a->clock_corrected = false;
        a->pause.refused = 0;
        token_refresh_token_accepted(&a->refresh);
        on_good(a, reply->received);
}

static void on_throttled(struct account *a, const struct account_reply *reply) {
        enter_for(a, ACCOUNT_THROTTLED, "", reply->answer);
        account_pause_throttled(&a->pause, reply->received, reply->answer, reply->chance);
        rate_limiter_halve(&a->rate);
        a->recover_at = a->pause.until + RECOVER_AFTER;
        a->generation++; /* what is in flight with this one says the same */
}

static enum account_verdict on_unauthorized(struct account *a, const struct account_reply *reply,
                                            const char *before) {
        const struct koodrive_answer *answer = reply->answer;
        usec_t now = reply->received;

        if (a->state == ACCOUNT_OK && !reply->alone &&
            attribution_is_exempt(&a->attribution, reply->asker) &&
            account_pause_refusals_left(&a->pause) > 1) {
                a->pause.refused++;
                a->generation++;
                return ACCOUNT_IS_WELL;
        }
        attribution_refused(&a->attribution, reply->asker);
        if (can_refresh(a) && token_refresh_token_refused(&a->refresh, now)) {
                a->generation++;
                return ACCOUNT_HOLDS;
        }
        if (a->state != ACCOUNT_UNAUTHORIZED)
                enter_for(a, ACCOUNT_UNAUTHORIZED, before, answer);
        account_pause_refused(&a->pause, now, answer, false);
        return ACCOUNT_HOLDS;
}

static enum account_verdict on_unreachable(struct account *a, const struct account_reply *reply,
                                           const char *before) {
        bool probed = account_is_probing(a);

        /* Until it is met by others, it is the task's own. */
        if (!probed && !attribution_unreachable(&a->attribution, reply->asker, reply->alone))
                return ACCOUNT_IS_WELL;
        if (reply->answer->disposition.may_be_account == KOODRIVE_MAYBE_CREDENTIAL)
                return on_unauthorized(
                        a, reply, reply->alone ? before : "one task after another is refused: ");
        if (!probed)
                enter_for(a, ACCOUNT_UNREACHABLE, before, reply->answer);
        account_pause_unreachable(&a->pause, reply->received, reply->answer, reply->chance);
        return ACCOUNT_HOLDS;
}

/* The time was wrong, and nothing else is known to be: set right, it is worth another try. */
static enum account_verdict on_stamp_refused(struct account *a, const struct account_reply *reply) {
        const struct koodrive_answer *answer = reply->answer;
        usec_t date = answer->server_time >= 0 ? answer->server_time : answer->date;

        a->held++;
        if (date < 0)
                return on_unauthorized(a, reply, "");
        a->clock_corrected = true;
        a->generation++;
        clock_offset_set(&a->clock, date, reply->received);
        return ACCOUNT_CORRECTED;
}

/* A refusal of a task that may be of the credential. */
static bool is_suspect_credential(struct account *a, const struct account_reply *reply) {
        if (a->state == ACCOUNT_UNAUTHORIZED)
                return a->pause.refused > 0 && !reply->alone;
        return attribution_suspect(&a->attribution, reply->asker);
}

/* The account's trouble after all. */
static enum account_verdict on_suspect(struct account *a, const struct account_reply *reply) {
        a->held++;
        if (reply->answer->disposition.may_be_account == KOODRIVE_MAYBE_CREDENTIAL)
                return on_unauthorized(a, reply, "one task after another is refused: ");
        (void) on_unreachable(a, reply, "every task is refused: ");
        return ACCOUNT_HOLDS;
}

/* An answer that is about the task, or looks so. */
static enum account_verdict on_task_fault(struct account *a, const struct account_reply *reply) {
        const struct koodrive_disposition *disposition = &reply->answer->disposition;
        bool suspect = false;

        if (disposition->may_be_account == KOODRIVE_MAYBE_SETTINGS)
                suspect = attribution_may_be_settings(&a->attribution, reply->alone);
        else if (disposition->may_be_account == KOODRIVE_MAYBE_CREDENTIAL)
                suspect = is_suspect_credential(a, reply);
        if (suspect)
                return on_suspect(a, reply);

        if (disposition->by_koodrive && disposition->may_be_account != KOODRIVE_MAYBE_CREDENTIAL) {
                on_proof(a, reply);
        } else if (a->state == ACCOUNT_UNAUTHORIZED && disposition->class == KOODRIVE_TRANSIENT) {
                /* Somebody answered, who might as well be in front of the one that refuses. */
                account_pause_not_refused(&a->pause, reply->received);
        } else {
                on_good(a, reply->received);
        }
        return ACCOUNT_IS_WELL;
}

static bool is_about_task(enum koodrive_class class) {
        return class == KOODRIVE_TASK || class == KOODRIVE_TRANSIENT ||
               class == KOODRIVE_RETRY_LIMITED || class == KOODRIVE_REJECTED;
}

/*
 * The answer to a request that went out before the account knew what it knows now: no news of
 * the account, but a task is not charged for what may be the account's.
 */
static enum account_verdict outdated_verdict(struct account *a,
                                             const struct koodrive_answer *answer) {
        bool about_task = is_about_task(answer->disposition.class);

        if (about_task && answer->disposition.may_be_account == KOODRIVE_NOT_ACCOUNT)
                return ACCOUNT_IS_WELL;
        if (!about_task || (answer->stamp_refused && !a->clock_corrected))
                a->held++;
        return ACCOUNT_HOLDS;
}

enum account_verdict account_answered(struct account *a, const struct account_reply *reply) {
        enum koodrive_class class = reply->answer->disposition.class;

        a->in_flight--;
        a->first_alone = 0;
        if (reply->generation != a->generation)
                return outdated_verdict(a, reply->answer);
        if (reply->answer->date >= 0)
                clock_offset_learn(&a->clock, reply->answer->date, reply->received);

        if (reply->answer->stamp_refused && !a->clock_corrected)
                return on_stamp_refused(a, reply);
        switch (class) {
        case KOODRIVE_TASK:
                on_proof(a, reply);
                return ACCOUNT_IS_WELL;
        case KOODRIVE_TRANSIENT:
        case KOODRIVE_RETRY_LIMITED:
        case KOODRIVE_REJECTED:
                return on_task_fault(a, reply);
        default:
                break;
        }

        a->held++;
        if (class == KOODRIVE_UNAUTHORIZED)
                return on_unauthorized(a, reply, "");
        if (class != KOODRIVE_THROTTLED)
                return on_unreachable(a, reply, "");
        on_throttled(a, reply);
        return ACCOUNT_HOLDS;
}

/* ---- refresh ---- */

int account_refresh_sent(struct account *a, usec_t now) {
        count_sent(a, now);
        return token_refresh_sent(&a->refresh, a->identity.secret, a->identity.settings.refresh);
}

static unsigned take_session(struct account *a, usec_t now, const struct koodrive_session *s) {
        enum refresh_kind kind = a->identity.settings.refresh;
        unsigned taken = 0;

        if (token_refresh_succeeded(&a->refresh, s->refresh_token, kind))
                taken |= ACCOUNT_TOOK_RENEWAL;
        if (!token_refresh_wants_token(&a->refresh, a->identity.secret, kind) ||
            use_secret(a, s->token, now) < 0)
                return taken;
        token_refresh_token_replaced(&a->refresh, now, s->lifetime);
        if (a->state == ACCOUNT_UNAUTHORIZED)
                a->pause.until = now;
        return taken | ACCOUNT_TOOK_TOKEN;
}

/* The token was refused and there is no new one. */
static void fail_refused(struct account *a, usec_t now, const struct koodrive_answer *answer) {
        if (a->state != ACCOUNT_UNAUTHORIZED)
                enter_for(a, ACCOUNT_UNAUTHORIZED,
                          "the token was refused and cannot be refreshed: ", answer);
        a->held++;
        account_pause_refused(&a->pause, now, answer, a->refresh.secret_refused);
}

unsigned account_refreshed(struct account *a, usec_t now, const struct koodrive_session *s) {
        if (s->answer.date >= 0)
                clock_offset_learn(&a->clock, s->answer.date, now);
        if (s->token)
                return take_session(a, now, s);
        switch (token_refresh_failed(&a->refresh, now, &s->answer, a->identity.settings.refresh)) {
        case TOKEN_REFRESH_OUTDATED:
                break;
        case TOKEN_REFRESH_EARLY:
                if (a->refresh.secret_refused)
                        return ACCOUNT_REFRESH_REFUSED;
                return a->refresh.failures == 1 ? ACCOUNT_REFRESH_FAILED : 0;
        case TOKEN_REFRESH_FAILED:
                fail_refused(a, now, &s->answer);
                break;
        }
        return 0;
}
