#pragma once
/*
 * Accounts: the configured ones, by name, and where their secrets come from
 *
 * Owns the account objects, reads their secrets again when the files are others, and asks for
 * a new token when one is due, which is kept in STATE/tokens. Of two files that were replaced,
 * and may be half written, none is read before both have settled. An account
 * that leaves the configuration stays as an object until accounts_free(), because tasks and
 * requests refer to it.
 *
 * Whoever polls with the accounts is above, and learns of them by the handler.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/util.h"
#include "koowatchd/account/account.h"

struct accounts;
struct config;
struct dirwatch;
struct http;
struct timers;

/* All are called with the account as it is now; none must call accounts_free(). */
struct accounts_handler {
        /* There is an account from now on. Returns 0, or a negative errno if there cannot be. */
        int (*on_added)(void *userdata, struct account *account);
        /* One that was added is about to be freed. */
        void (*on_removed)(void *userdata, struct account *account);
        account_changed_fn on_changed;
        /* Settings, secrets or a refresh may have changed what account_next() and others return. */
        void (*on_ready)(void *userdata, struct account *account);
        /* A refresh has brought something: see accounts_export_tokens(). NULL: nobody wants to
         * know. */
        void (*on_refreshed)(void *userdata, struct account *account);
        /* Other settings hold: a poll is to show soon whether they are good. */
        void (*on_settings_changed)(void *userdata, struct account *account);
        /* A secret could not be read for now: accounts_check_credentials() is to be called soon. */
        void (*on_transient_error)(void *userdata, const char *what, const char *why);
        void *userdata;
};

/* Borrows timers, dirwatch and http; tokens (copied): STATE/tokens. Returns 0 or -ENOMEM. */
int accounts_new(struct timers *timers, struct dirwatch *dirwatch, struct http *http,
                 const char *tokens, const struct accounts_handler *handler, struct accounts **ret);
/* Frees the accounts too. Accepts NULL. */
void accounts_free(struct accounts *accounts);
DEFINE_CLEANUP(struct accounts *, accounts_free)

/* Brings them in line with a configuration, and reads all secrets. Returns 0 or -ENOMEM. */
int accounts_configure(struct accounts *accounts, const struct config *config);

/*
 * The account of that name, configured or not; NULL: there is none. A missing token of one
 * without a section of its own is no failure until it is asked for here.
 */
struct account *accounts_find(struct accounts *accounts, const char *name);

/*
 * Looks at the files of all that are in use, and reads those that are others, or could not be
 * read: for what no event tells. To be called every minute.
 */
void accounts_check_credentials(struct accounts *accounts);

/*
 * The account, which is unauthorized, could send a request: looks at its files first, as above,
 * but without on_ready. Returns 0 when account_next() is to be asked at once, or until when a file
 * that is being replaced has to settle.
 */
usec_t accounts_prepare_attempt(struct accounts *accounts, struct account *account);

/*
 * Asks for a new token of the account, when account_refresh_at() has come; looks at its files
 * first, and may find that it need not. Returns as accounts_prepare_attempt(), when
 * account_refresh_at() is to be asked again.
 */
usec_t accounts_refresh(struct accounts *accounts, struct account *account);
/* Whether an answer to that is awaited. */
bool accounts_are_refreshing(const struct accounts *accounts);

/*
 * What another node needs to go on with the account, after any refresh: as secrets_export(), and
 * what it does with that. The latter returns 0, 1 when what is stored here is newer than text,
 * -ENOMEM, or -EBADMSG.
 */
int accounts_export_tokens(const struct accounts *accounts, const struct account *account,
                           char **ret);
int accounts_import_tokens(struct accounts *accounts, struct account *account, const char *text);

/* As secrets_describe(). */
char *accounts_describe_secret(const struct accounts *accounts, const struct account *account);

/* One that is in use, configured and not ok; NULL: all are ok. */
const struct account *accounts_first_failing(const struct accounts *accounts);

/* The wall clock's time at now, as the first says that knows it; see account_wall(). */
usec_t accounts_wall(const struct accounts *accounts, usec_t now, usec_t wall);

/* Writes those that are configured to ret, at most max, and returns how many there are. */
size_t accounts_list(const struct accounts *accounts, struct account **ret, size_t max);
