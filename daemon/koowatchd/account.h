#pragma once
/*
 * Account: what all the tasks of one credential share
 *
 * The token, the rate, how many requests are in flight, the server's clock, and
 * a state. A task never pays for its account's trouble: the account says when the
 * next request may go, and the tasks wait in the poller's queue meanwhile.
 *
 *   ok            requests go as the rate allows
 *   throttled     silence for as long as was asked for, then at half the rate,
 *                 which recovers step by step
 *   unreachable   three failures in a row, from two tasks where there are two:
 *                 one probe at a time, with growing pauses
 *   unauthorized  the credential is refused or missing: three attempts, then
 *                 silence until it changes or six minutes have passed. (The
 *                 gateway locks a key for five minutes after five failures.)
 *
 * Time is an argument. The one thing it reads is the token's file.
 */
#include <stdbool.h>

#include "common/config.h"
#include "common/timespan.h"
#include "koowatchd/koodrive.h"
#include "koowatchd/rate.h"

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

/* Copies what it needs of the settings. Returns 0 or -ENOMEM. The token is not read yet. */
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
 * The file that the token is read from: TokenFile, else the credential
 * koowatch_NAME.token, koowatch-plain_NAME.token or NAME.token in credentials_directory
 * (NULL: none). The
 * caller frees it; NULL when there is none or memory is short.
 */
char *account_token_path(const struct account *account, const char *credentials_directory);

/*
 * Reads the token again from path (NULL: there is none). A token that is another
 * one than before is tried at once, whatever the state. Problems are logged, each once.
 * Returns 0, or a negative errno when the file is there and could not be read.
 */
int account_read_token(struct account *account, const char *path, usec_t now);

/* The header's value, or NULL while there is no token. */
const char *account_authorization(const struct account *account);

/* When the next request may go: a time that has passed means at once, USEC_INFINITY not until an
 * event.
 */
usec_t account_next(const struct account *account);

/* Whether one request at a time tries whether the trouble is over: then tasks take turns. */
bool account_is_probing(const struct account *account);

/* A request goes out at now / has ended without telling anything of the account. */
void account_sent(struct account *account, usec_t now);
void account_abandoned(struct account *account);

/*
 * A request that went out at sent has ended with answer; asker tells tasks apart
 * (any stable pointer), alone is whether it is the account's only task. Returns
 * whether the task's own counters are concerned (false: the account's trouble).
 */
bool account_answered(struct account *account, usec_t now, usec_t sent,
                      const struct koodrive_answer *answer, const void *asker, bool alone);

unsigned account_in_flight(const struct account *account);

/*
 * What X-Date is to say at now: the server's clock where it is known, else wall, and 5 s
 * back. The offset is kept against now, which no one sets.
 */
usec_t account_date(const struct account *account, usec_t now, usec_t wall);
/* Notes the server's Date, received at now. */
void account_learn_date(struct account *account, usec_t date, usec_t now);
