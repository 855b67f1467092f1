#pragma once
/*
 * Credential: one secret of an account, and the file that it comes from
 *
 * A token, what a new token is asked for with, or an AppSecret. The file is the one
 * that is configured, else a credential of the service manager. It is read by
 * credential_read() alone, when credential_look() says that it is another one and whole;
 * on_changed reports that something has happened beside it.
 */
#include "common/timespan.h"
#include "common/util.h"

struct dirwatch;

enum credential_kind {
        CREDENTIAL_TOKEN,
        CREDENTIAL_REFRESH, /* a refresh token or a session id */
        CREDENTIAL_APP_SECRET,
};

struct credential;

/* on_changed is called when the file may be another one. Borrows dirwatch. Returns 0 or -ENOMEM. */
int credential_new(struct dirwatch *dirwatch, enum credential_kind kind, const char *account,
                   void (*on_changed)(void *userdata), void *userdata, struct credential **ret);
/* Accepts NULL. */
void credential_free(struct credential *credential);
DEFINE_CLEANUP(struct credential *, credential_free)

enum credential_kind credential_kind(const struct credential *credential);

/*
 * Where it comes from now: path as configured, or for NULL koowatch_ACCOUNT.KIND,
 * koowatch-plain_ACCOUNT.KIND or ACCOUNT.KIND in $CREDENTIALS_DIRECTORY. What was read
 * before stays until it is read again. Returns 0 or -ENOMEM.
 */
int credential_follow(struct credential *credential, const char *path);

/*
 * Looks at the file, which of the service manager's it is included, and reads nothing. Returns
 * when it is to be read: a time that has passed means at once, a later one that it may be half
 * written until then, USEC_INFINITY that what it holds is known. now: clock_boot(), wall:
 * clock_wall().
 */
usec_t credential_look(struct credential *credential, usec_t now, usec_t wall);

/*
 * Reads the file that the last look saw. One that has become unreadable leaves the secret that was
 * read before, with a warning. Returns 0 when what it holds is known (nothing, too), 1 when that is
 * another secret than the one before, or the negative errno that kept it from being read; -EAGAIN:
 * it has changed since the look, and all is as before.
 */
int credential_read(struct credential *credential, usec_t now, usec_t wall);

/* Nothing is known yet of what the file holds. */
bool credential_is_pending(const struct credential *credential);

/* What was read before does not stay, whatever the next reading finds. */
void credential_forget(struct credential *credential);

/* NULL: there is none. Borrowed, until the next reading. */
const char *credential_text(const struct credential *credential);
/* In words, why there is none. */
const char *credential_problem(const struct credential *credential);
/* The file that it was read from, which may be another than is followed now. NULL: there is none.
 */
const char *credential_origin(const struct credential *credential);
/* The file; "": there is none to come from. */
const char *credential_path(const struct credential *credential);
