#pragma once
/*
 * Secrets: those of one account, from its files and from refreshes
 *
 * Owns the account's credentials, and the newer secrets that were obtained with them, which are
 * kept in STATE/tokens. Of two files that were replaced, and may be half written, none is read
 * before both have settled: one login may write both.
 */
#include "common/timespan.h"
#include "common/util.h"

struct account;
struct dirwatch;
struct koodrive_session;
struct secrets;

/*
 * Reads what a former run has stored in the directory tokens (copied); the files follow by
 * secrets_follow(). on_changed is called when one of them may be another one. Borrows dirwatch
 * and account. Returns 0 or -ENOMEM.
 */
int secrets_new(struct dirwatch *dirwatch, const char *tokens, struct account *account,
                void (*on_changed)(void *userdata), void *userdata, struct secrets **ret);
/* Accepts NULL. */
void secrets_free(struct secrets *secrets);
DEFINE_CLEANUP(struct secrets *, secrets_free)

/* The files are those that the account's settings name now. Returns 0 or -ENOMEM. */
int secrets_follow(struct secrets *secrets);
/* What was read from the files before does not stay. */
void secrets_forget(struct secrets *secrets);

/* Whether there is a file with what a new token is asked for with. */
bool secrets_can_refresh(const struct secrets *secrets);

/* As credential_look(), for all files. now: clock_boot(). */
usec_t secrets_look(struct secrets *secrets, usec_t now);
/*
 * Reads the files that the last look saw, and logs that one was replaced. Returns 0, -EAGAIN if
 * another look is needed, or a transient error, with the file (borrowed) in *ret_path.
 */
int secrets_read(struct secrets *secrets, usec_t now, const char **ret_path);
/* Lets the account use what was read, or the newer ones that were obtained with that. Returns 0 or
 * -ENOMEM. */
int secrets_use(struct secrets *secrets, usec_t now);

/*
 * Where the token or AppSecret in use is from: the path of a file, "credential NAME" of one of the
 * service manager's, or "refreshed". The caller frees it; NULL: there is none, or no memory.
 */
char *secrets_describe(const struct secrets *secrets);

/* A new token is asked for with what the files hold now. Returns 0 or a negative errno. */
int secrets_refresh_sent(struct secrets *secrets);
/*
 * These are new; taken: as account_refreshed() returned it. Stores them. Returns 0, or a negative
 * errno that was logged: secrets_store() is to be tried later.
 */
int secrets_refreshed(struct secrets *secrets, const struct koodrive_session *session,
                      unsigned taken);
/* Stores what could not be stored. Returns 0, which is logged, or a negative errno. */
int secrets_store(struct secrets *secrets);

/* What other nodes of a fleet need to go on: the stored ones as text, for secret_free(). NULL:
 * there are none. Returns 0 or -ENOMEM. */
int secrets_export(const struct secrets *secrets, char **ret);

#define SECRETS_TOOK 1U  /* what is stored is to be another one: secrets_save() */
#define SECRETS_NEWER 2U /* what is stored here is newer than that */
/*
 * Takes what another node has stored, where that is newer than what is stored here, or was obtained
 * with what the files hold here and that was not. Returns some of the above, -ENOMEM, or -EBADMSG.
 */
int secrets_import(struct secrets *secrets, const char *text);
/* Stores them, as secrets_refreshed() does. */
int secrets_save(struct secrets *secrets);
