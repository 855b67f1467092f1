#include "koowatchd/accounts.h"

#include <errno.h>

/* An account, and the file that its token comes from. */
struct entry {
        struct entry *next;
        struct accounts *owner;
        struct account *account;
        struct dirwatch_dir *watched;
        char *token_path; /* NULL: there is none to come from */
        bool used;        /* it is in the configuration, or a task asks for it */
};

struct accounts {
        struct dirwatch *dirwatch;
        struct poller *poller;
        struct accounts_handler handler;
        struct entry *entries;
};

int accounts_new(struct dirwatch *dirwatch, struct poller *poller,
                 const struct accounts_handler *handler, struct accounts **ret) {
        struct accounts *as = calloc(1, sizeof(*as));

        if (!as)
                return -ENOMEM;
        as->dirwatch = dirwatch;
        as->poller = poller;
        as->handler = *handler;
        *ret = as;
        return 0;
}

void accounts_free(struct accounts *as) {
        struct entry *e;

        if (!as)
                return;
        while ((e = as->entries)) {
                as->entries = e->next;
                dirwatch_remove(as->dirwatch, e->watched);
                account_free(e->account);
                free(e->token_path);
                free(e);
        }
        free(as);
}

static void read_token(struct entry *e) {
        struct accounts *as = e->owner;
        int r = account_read_token(e->account, e->token_path, clock_boot());

        if (error_is_passing(-r))
                as->handler.on_missed(as->handler.userdata, e->token_path, strerror(-r));
        poller_kick(as->poller, e->account);
}

static void on_token_changed(void *userdata, const char *name, uint32_t mask) {
        struct entry *e = userdata;

        (void) name; /* it may be behind a link: any change beside it can be one of it */
        (void) mask;
        if (e->used)
                read_token(e);
}

static struct entry *find(const struct accounts *as, const char *name) {
        struct entry *e = as->entries;

        while (e && !streq(account_name(e->account), name))
                e = e->next;
        return e;
}

struct account *accounts_find(struct accounts *as, const char *name) {
        struct entry *e = find(as, name);

        if (!e)
                return NULL;
        if (!e->used) {
                e->used = true;
                read_token(e);
        }
        return e->account;
}

static int follow_token(struct entry *e) {
        CLEANUP(freep) char *directory = NULL;
        char *slash;

        dirwatch_remove(e->owner->dirwatch, STEAL_PTR(e->watched));
        free(e->token_path);
        e->token_path = account_token_path(e->account, getenv("CREDENTIALS_DIRECTORY"));
        if (!e->token_path)
                return 0;
        directory = strdup(e->token_path);
        slash = directory ? strrchr(directory, '/') : NULL;
        if (!slash)
                return -ENOMEM;
        slash[slash == directory ? 1 : 0] = '\0';
        return dirwatch_add(e->owner->dirwatch, directory, on_token_changed, e, &e->watched);
}

static int add(struct accounts *as, const struct account_config *settings, usec_t probe_max,
               struct entry **ret) {
        struct entry *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        r = account_new(settings, probe_max, as->handler.on_changed, as->handler.userdata,
                        &e->account);
        if (r == 0)
                r = poller_add_account(as->poller, e->account);
        if (r < 0) {
                account_free(e->account);
                free(e);
                return r;
        }
        e->owner = as;
        e->next = as->entries;
        as->entries = e;
        *ret = e;
        return 0;
}

static int configure(struct accounts *as, const struct account_config *settings, usec_t probe_max) {
        struct entry *e = find(as, settings->name);
        int r;

        r = e ? account_configure(e->account, settings, probe_max)
              : add(as, settings, probe_max, &e);
        if (r == 0)
                r = follow_token(e);
        if (r < 0)
                return r;
        if (settings->line > 0)
                e->used = true;
        if (e->used)
                read_token(e);
        return 0;
}

int accounts_configure(struct accounts *as, const struct config *config) {
        for (struct entry *e = as->entries; e; e = e->next)
                if (!config_account(config, account_name(e->account)))
                        account_retire(e->account);

        for (size_t i = 0; i < config->n_accounts; i++) {
                int r = configure(as, &config->accounts[i], config->interval_max);

                if (r < 0)
                        return r;
        }
        return 0;
}

void accounts_read_tokens(struct accounts *as) {
        for (struct entry *e = as->entries; e; e = e->next)
                if (e->used)
                        read_token(e);
}

const struct account *accounts_troubled(const struct accounts *as) {
        for (const struct entry *e = as->entries; e; e = e->next)
                if (e->used && account_is_configured(e->account) &&
                    account_state(e->account) != ACCOUNT_OK)
                        return e->account;
        return NULL;
}

size_t accounts_list(const struct accounts *as, struct account **ret, size_t max) {
        size_t n = 0;

        for (const struct entry *e = as->entries; e && n < max; e = e->next)
                ret[n++] = e->account;
        return n;
}
