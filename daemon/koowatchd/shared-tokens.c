#include "koowatchd/shared-tokens.h"

#include <errno.h>
#include <sys/queue.h>

#include "common/account-config.h"
#include "common/credential-file.h"
#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/seal.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/store-batch.h"

#define KEY_NAME "store.key"

/* An account that this node has. */
struct shared {
        LIST_ENTRY(shared) link;
        struct shared_tokens *owner;
        struct account *account;
        bool is_reading, is_known;
        bool is_dirty, is_under_way; /* to be written; in the batch that is */
};

struct shared_tokens {
        struct store *store;
        struct accounts *accounts;
        char *fleet;
        struct callback on_dirty;
        LIST_HEAD(, shared) all;
        bool has_told_missing, has_warned; /* of the key */
};

int shared_tokens_new(struct store *store, struct accounts *accounts, const char *fleet,
                      struct callback on_dirty, struct shared_tokens **ret) {
        CLEANUP(shared_tokens_freep) struct shared_tokens *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->store = store;
        t->accounts = accounts;
        t->on_dirty = on_dirty;
        t->fleet = strdup(fleet);
        if (!t->fleet)
                return -ENOMEM;
        *ret = STEAL_PTR(t);
        return 0;
}

void shared_tokens_free(struct shared_tokens *t) {
        struct shared *s;

        if (!t)
                return;
        while ((s = LIST_FIRST(&t->all))) {
                LIST_REMOVE(s, link);
                free(s);
        }
        free(t->fleet);
        free(t);
}

static struct shared *find(const struct shared_tokens *t, const char *account) {
        struct shared *s;

        LIST_FOREACH(s, &t->all, link)
        if (streq(account_name(s->account), account))
                return s;
        return NULL;
}

/* ---- the key ---- */

static void warn_once(struct shared_tokens *t, const char *path, const char *why) {
        if (!t->has_warned)
                log_warning("%s: %s; refreshed tokens stay on this node", path, why);
        t->has_warned = true;
}

/*
 * It may have been replaced. Returns 0, -ENOENT where there is none that is good, which has been
 * logged, or a negative errno for which it is to be tried again.
 */
static int read_key(struct shared_tokens *t, const struct account *account, char **ret) {
        CLEANUP(freep) char *path = NULL;
        CLEANUP(secret_freep) char *key = NULL;
        int r = credential_file_read(KEY_NAME, &key, &path);

        if (r == 0 && strlen(key) < SEAL_KEY_MIN)
                r = -EBADMSG;
        if (r == 0)
                *ret = STEAL_PTR(key);
        if (r == 0 || error_is_transient(-r))
                return r;
        if (r == -EBADMSG)
                warn_once(t, path,
                          "it is not one line of printable ASCII of at least 32 characters");
        else if (r != -ENOENT)
                warn_once(t, path, strerror(-r));
        else if (!t->has_told_missing && account_settings(account)->refresh != REFRESH_NONE) {
                t->has_told_missing = true;
                log_notice("account %s: its refreshed tokens stay on this node, as there is no "
                           "credential " KEY_NAME ", see koowatch-nodes(7)",
                           account_name(account));
        }
        return -ENOENT;
}

/* ---- what another node has left ---- */

/* Returns 0, 1 when what is here is newer, -EBADMSG, -ENOENT without a key, or another error. */
static int import(struct shared *s, const char *sealed) {
        struct shared_tokens *t = s->owner;
        CLEANUP(secret_freep) char *key = NULL, *text = NULL;
        int r = read_key(t, s->account, &key);

        if (r == 0)
                r = seal_open(&(struct seal){key, t->fleet, account_name(s->account)}, sealed,
                              &text);
        return r < 0 ? r : accounts_import_tokens(t->accounts, s->account, text);
}

static void write_later(struct shared *s) {
        s->is_dirty = true;
        callback_call(&s->owner->on_dirty);
}

static void on_found(void *userdata, int error, const char *sealed) {
        struct shared *s = userdata;
        int r;

        s->is_reading = false;
        if (error < 0 && error != -ENOENT)
                return;
        r = sealed ? import(s, sealed) : 1;
        if (r == -EBADMSG)
                log_warning("account %s: what another node has obtained by Refresh= cannot be "
                            "used, as its credential " KEY_NAME " differs from the one here, or it "
                            "is damaged in the database; this node's own tokens are used",
                            account_name(s->account));
        s->is_known = r >= 0 || r == -EBADMSG || r == -ENOENT;
        if (r > 0)
                write_later(s);
}

void shared_tokens_read(struct shared_tokens *t, const char *account) {
        struct shared *s = t ? find(t, account) : NULL;
        struct account *of = t && !s ? accounts_find(t->accounts, account) : NULL;

        if (of) {
                s = calloc(1, sizeof(*s));
                if (!s)
                        return;
                s->owner = t;
                s->account = of;
                LIST_INSERT_HEAD(&t->all, s, link);
        }
        if (!s || s->is_reading || s->is_known)
                return;
        s->is_reading = true;
        store_find_secret(t->store, account, on_found, s);
}

bool shared_tokens_are_known(const struct shared_tokens *t, const char *account) {
        const struct shared *s = t ? find(t, account) : NULL;

        return !t || (s && s->is_known);
}

/* ---- what this node has obtained ---- */

void shared_tokens_refreshed(struct shared_tokens *t, const struct account *account) {
        struct shared *s = find(t, account_name(account));

        if (s)
                write_later(s);
}

/* Returns 0, also where there is nothing to write, or a negative errno. */
static int put(struct shared *s, struct store_batch *batch) {
        struct shared_tokens *t = s->owner;
        const char *name = account_name(s->account);
        CLEANUP(secret_freep) char *key = NULL, *text = NULL;
        CLEANUP(freep) char *sealed = NULL;
        int r = read_key(t, s->account, &key);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = accounts_export_tokens(t->accounts, s->account, &text);
        if (r < 0 || !text)
                return r;
        r = seal_close(&(struct seal){key, t->fleet, name}, text, &sealed);
        return r < 0 ? r : store_batch_put_secret(batch, name, sealed);
}

int shared_tokens_collect(struct shared_tokens *t, struct store_batch *batch) {
        struct shared *s;

        if (!t)
                return 0;
        LIST_FOREACH(s, &t->all, link) {
                int r = s->is_dirty ? put(s, batch) : 0;

                if (r < 0) {
                        shared_tokens_committed(t, false);
                        return r;
                }
                s->is_under_way = s->is_dirty;
                s->is_dirty = false;
        }
        return 0;
}

void shared_tokens_committed(struct shared_tokens *t, bool written) {
        struct shared *s;

        if (!t)
                return;
        LIST_FOREACH(s, &t->all, link) {
                s->is_dirty |= s->is_under_way && !written;
                s->is_under_way = false;
        }
}
