#pragma once
/*
 * Account: what all the tasks of one credential share
 *
 * The credential, the rate, how many requests are in flight, the server's clock, and a state.
 * A task is never charged for a failure of its account: the account says when the next
 * request may go, and the tasks wait in the poller's queue meanwhile.
 *
 *   ok            requests go as the rate allows
 *   throttled     a pause as asked for, then half the rate, which recovers step by step
 *   unreachable   three failures in a row, from two tasks where there are two: one probe at a
 *                 time, with pauses that grow
 *   unauthorized  the credential is refused or missing: three attempts, then none until it
 *                 changes or six minutes have passed
 *
 * A token that can be refreshed is refreshed before it expires, and once when it is refused;
 * only when that does not help is the account unauthorized.
 *
 * Pure: time and random numbers are arguments. Others read files, send requests and log.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/account/account-state.h"
#include "koowatchd/account/rate-limit.h"
#include "koowatchd/koodrive/request.h"
#include "koowatchd/koodrive/session.h"

struct account;
struct account_config;
struct koodrive_answer;
struct koodrive_session;
struct learnt_durations;

/*
 * The state has changed: see account_state() and account_reason(). failed_requests: how many
 * failed in the state before.
 */
typedef void (*account_changed_fn)(void *userdata, struct account *account,
                                   unsigned failed_requests);

/*
 * Copies the settings. It has no credential yet. probe_max: the longest pause between probes.
 * Returns 0 or -ENOMEM.
 */
int account_new(const struct account_config *settings, usec_t probe_max,
                account_changed_fn on_changed, void *userdata, struct account **ret);
/* Accepts NULL. */
void account_free(struct account *account);
DEFINE_CLEANUP(struct account *, account_free)

/*
 * New settings for the same name. State and clock are kept; what failed before is tried again
 * at once, unless the account is throttled. Returns 0 or -ENOMEM.
 */
int account_configure(struct account *account, const struct account_config *settings,
                      usec_t probe_max);

/* An account that is no longer in the configuration stays as an object, and sends nothing. */
void account_retire(struct account *account);
bool account_is_configured(const struct account *account);

const char *account_name(const struct account *account);
const struct account_config *account_settings(const struct account *account);
enum account_state account_state(const struct account *account);
/* In words, why the state is what it is; "" when ok. */
const char *account_reason(const struct account *account);

/*
 * The token, or with Auth=app the AppSecret; copied. Another one than before is tried at once,
 * whatever the state. NULL: there is none, for the reason in problem, and the account is
 * unauthorized. Returns 0, 1 when it was unauthorized before for another reason, which
 * on_changed does not report, or -ENOMEM.
 */
int account_set_secret(struct account *account, const char *secret, const char *problem,
                       usec_t now);

/* The secret is not to be used any more, and another one comes soon: that is no failure. */
void account_forget_secret(struct account *account);

/* What a new token is asked for with (NULL: nothing); copied. Returns 0 or -ENOMEM. */
int account_set_refresh_secret(struct account *account, const char *secret, usec_t now);

/* NULL: there is none. Borrowed, until the next change. */
const char *account_secret(const struct account *account);
const char *account_refresh_secret(const struct account *account);

/* Since when the secret is used, on the clock of the calls; 0: there is none. */
usec_t account_secret_since(const struct account *account);

/* How a request of the account says who asks. Borrowed, until the next change. */
struct koodrive_identity account_identity(const struct account *account);

/*
 * When the next poll may go: a time that has passed means at once, USEC_INFINITY not until an
 * event.
 */
usec_t account_next(const struct account *account);

/*
 * When a poll should go although none is due, because KooDrive drops a token after 20 idle
 * minutes; USEC_INFINITY: no need.
 */
usec_t account_keepalive(const struct account *account);

/* When the token is to be refreshed: as account_next(). */
usec_t account_refresh_at(const struct account *account);

/* Whether one request at a time probes if the failure is over: then tasks take turns. */
bool account_is_probing(const struct account *account);

/*
 * A poll goes out at now. Returns the generation of what the account knows: the answer brings
 * it back, so that one to a request from before a change says nothing of what has changed.
 */
uint64_t account_sent(struct account *account, usec_t now);
/* A poll has ended without an answer that says anything. */
void account_abandoned(struct account *account);

struct account_reply {
        uint64_t generation; /* as account_sent() returned it */
        usec_t received;
        const struct koodrive_answer *answer;
        const void *task; /* any stable pointer that tells it from others */
        bool only_task;   /* the account has no other */
        double random;    /* uniform in [0, 1), for jitter */
};

enum account_verdict {
        ACCOUNT_VERDICT_NOT_ACCOUNT, /* it concerns the task: its state, or its own failure */
        ACCOUNT_VERDICT_BACKOFF,     /* the account failed: the task is not charged, and waits */
        ACCOUNT_VERDICT_RETRY_NOW    /* likewise, but what was wrong has been corrected */
};

/* A poll has ended with an answer. */
enum account_verdict account_answered(struct account *account, const struct account_reply *reply);

/*
 * A request for a new token goes out with the secrets as they are; after a refusal polls wait
 * for its end. Returns 0, or -ENOMEM: then it must end as one that was not answered.
 */
int account_refresh_sent(struct account *account, usec_t now);

#define ACCOUNT_TOOK_TOKEN 1U
#define ACCOUNT_TOOK_REFRESH_SECRET 2U
#define ACCOUNT_REFRESH_FAILED 4U  /* the first time in a row; the token is used on */
#define ACCOUNT_REFRESH_REFUSED 8U /* for good; the token is used until it is refused, too */

/*
 * It has ended. Returns which of the session's secrets are in use now: those that have not been
 * replaced by others since it was sent. Without a new token, returns what is to be reported of
 * that and is no change of state; or 0.
 */
unsigned account_refreshed(struct account *account, usec_t now,
                           const struct koodrive_session *session);

unsigned account_in_flight(const struct account *account);
/* How many it has started during the last minute before now, those for a new token included. */
unsigned account_recent_requests(const struct account *account, usec_t now);

/* What X-Date is to say at now, by our own clock wall; see clock_offset_stamp(). */
usec_t account_date(const struct account *account, usec_t now, usec_t wall);
/* What time it is at now; see clock_offset_wall(). */
usec_t account_wall(const struct account *account, usec_t now, usec_t wall);

/* What is known of how long its tasks of a taskType take; 0: those that do not say. Borrowed. */
struct learnt_durations *account_learnt(struct account *account, int type);
