#pragma once
/*
 * Accounts: the configured ones, by name, and where their secrets come from
 *
 * Owns the account objects, gives each its queue at the poller, reads its secrets
 * again when something happens beside their files, and sees to it that a token that
 * can be refreshed is: asks for the new one, and keeps it in STATE/tokens. An
 * account that leaves the configuration stays as an object, because tasks and
 * requests refer to it.
 */
#include "common/config.h"
#include "koowatchd/account/account.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/loop/http.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/poll/poller.h"

struct accounts;

struct accounts_handler {
        account_changed_fn on_changed;
        /* A secret could not be read for now: accounts_read_secrets() is to be called in a while.
         */
        void (*on_transient_error)(void *userdata, const char *what, const char *why);
        void *userdata;
};

/* Borrows timers, dirwatch, http and poller; tokens (copied): STATE/tokens. Returns 0 or -ENOMEM.
 */
int accounts_new(struct timers *timers, struct dirwatch *dirwatch, struct http *http,
                 struct poller *poller, const char *tokens, const struct accounts_handler *handler,
                 struct accounts **ret);
void accounts_free(struct accounts *accounts);
DEFINE_CLEANUP(struct accounts *, accounts_free)

/* Brings them in line with a configuration, and reads all secrets. Returns 0 or -ENOMEM. */
int accounts_configure(struct accounts *accounts, const struct config *config);

/*
 * The account of that name, configured or not; NULL: there is none. One without a section
 * of its own says nothing of a missing token until it is asked for here.
 */
struct account *accounts_find(struct accounts *accounts, const char *name);

/* Reads the secrets of all that are in use. */
void accounts_read_secrets(struct accounts *accounts);

/* Asks for a new token of the account, which says that it is time. */
void accounts_refresh(struct accounts *accounts, struct account *account);
/* Whether an answer to that is awaited. */
bool accounts_are_refreshing(const struct accounts *accounts);

/* One that is in use, configured and not ok; NULL: all is well. */
const struct account *accounts_troubled(const struct accounts *accounts);

/* Writes those that are configured to ret, at most max, and returns how many there are. */
size_t accounts_list(const struct accounts *accounts, struct account **ret, size_t max);
