#pragma once
/*
 * Account: what all the tasks of one credential share
 *
 * The credential, the rate, how many requests are in flight, the server's clock,
 * and a state. A task never pays for its account's trouble: the account says when
 * the next request may go, and the tasks wait in the poller's queue meanwhile.
 *
 *   ok            requests go as the rate allows
 *   throttled     silence for as long as was asked for, then at half the rate,
 *                 which recovers step by step
 *   unreachable   three failures in a row, from two tasks where there are two:
 *                 one probe at a time, with pauses that grow
 *   unauthorized  the credential is refused or missing: three attempts, then
 *                 silence until it changes or six minutes have passed. (The
 *                 gateway locks a key for five minutes after five failures.)
 *
 * A token that can be refreshed is refreshed before it expires, and once when it is
 * refused; only when that does not help is the account unauthorized.
 *
 * Pure: time and chance are arguments. Others read files and send requests.
 */
#include <stdbool.h>

#include "common/config.h"
#include "common/timespan.h"
#include "koowatchd/account/rate-limit.h"
#include "koowatchd/koodrive/request.h"
#include "koowatchd/koodrive/session.h"

enum account_state {
        ACCOUNT_OK,
        ACCOUNT_THROTTLED,
        ACCOUNT_UNREACHABLE,
        ACCOUNT_UNAUTHORIZED,
        ACCOUNT_STATES
};

struct account;

/*
 * The state changed; account_state() and account_reason() tell. held is how many
 * requests failed in the state that was left.
 */
typedef void (*account_changed_fn)(void *userdata, struct account *account, unsigned held);

/* Whether nothing differs but where it is written. */
bool account_config_is_same(const struct account_config *a, const struct account_config *b);

/* Copies what it needs of the settings. Returns 0 or -ENOMEM. It has no credential yet. */
int account_new(const struct account_config *settings, usec_t probe_max,
                account_changed_fn on_changed, void *userdata, struct account **ret);
void account_free(struct account *account);
DEFINE_CLEANUP(struct account *, account_free)

/*
 * New settings for the same name; state and clock are kept, but for a pause that is going
 * on: what was corrected is tried at once. probe_max: the longest pause of a probe.
 */
int account_configure(struct account *account, const struct account_config *settings,
                      usec_t probe_max);

/* An account that is no longer in the configuration stays as an object, and sends nothing. */
void account_retire(struct account *account);
bool account_is_configured(const struct account *account);

const char *account_name(const struct account *account);
const struct account_config *account_settings(const struct account *account);
enum account_state account_state(const struct account *account);
const char *account_state_name(enum account_state state);
/* In words, why the state is what it is; "" when ok. */
const char *account_reason(const struct account *account);

/*
 * The token, or with Auth=app the AppSecret; copied. One that is another one than before is
 * tried at once, whatever the state. NULL: there is none, for the reason in problem, which
 * the account is unauthorized for. Returns 0 or -ENOMEM.
 */
int account_set_secret(struct account *account, const char *secret, const char *problem,
                       usec_t now);

/* What a new token is asked for with (NULL: nothing); copied. Returns 0 or -ENOMEM. */
int account_set_refresh_secret(struct account *account, const char *secret, usec_t now);

/* NULL: there is none. Borrowed, until the next change. */
const char *account_secret(const struct account *account);
const char *account_refresh_secret(const struct account *account);

/* How a request of the account says who asks. Borrowed, until the next change. */
struct koodrive_identity account_identity(const struct account *account);

/*
 * When the next poll may go: a time that has passed means at once, USEC_INFINITY not
 * until an event.
 */
usec_t account_next(const struct account *account);

/*
 * When a poll should go although none is due, because KooDrive drops a token after 20 idle
 * minutes; USEC_INFINITY: no need.
 */
usec_t account_keepalive(const struct account *account);

/* When the token is to be refreshed: as account_next(). */
usec_t account_refresh_at(const struct account *account);

/* Whether one request at a time tries whether the trouble is over: then tasks take turns. */
bool account_is_probing(const struct account *account);

/* A poll goes out at now / has ended without telling anything of the account. */
void account_sent(struct account *account, usec_t now);
void account_abandoned(struct account *account);

struct account_reply {
        usec_t sent, received;
        const struct koodrive_answer *answer;
        const void *asker; /* tells tasks apart: any stable pointer */
        bool alone;        /* it is the account's only task */
        double chance;     /* uniform in [0, 1), for jitter */
};

enum account_verdict {
        ACCOUNT_IS_WELL,  /* the answer concerns the task: its state, or its own trouble */
        ACCOUNT_HOLDS,    /* the account's trouble: the task is not charged, and waits its turn */
        ACCOUNT_CORRECTED /* likewise, and set right: worth another try at once */
};

/* A poll has ended with an answer. */
enum account_verdict account_answered(struct account *account, const struct account_reply *reply);

/*
 * A request for a new token goes out with the secrets as they are; after a refusal polls wait
 * for its end. Returns 0, or -ENOMEM: then it must end as one that was not answered.
 */
int account_refresh_sent(struct account *account, usec_t now);

#define ACCOUNT_TOOK_TOKEN 1U
#define ACCOUNT_TOOK_RENEWAL 2U

/*
 * It has ended. Returns which of the session's secrets are in use now: those that have not been
 * replaced by others since it was sent. A refusal of what was replaced since is no news.
 * Problems are logged, each once.
 */
unsigned account_refreshed(struct account *account, usec_t now,
                           const struct koodrive_session *session);

unsigned account_in_flight(const struct account *account);

/* What X-Date is to say at now, which wall is our own word for; see clock_offset_stamp(). */
usec_t account_date(const struct account *account, usec_t now, usec_t wall);
