#include "koowatchd/membership.h"

#include <errno.h>
#include <sys/queue.h>

#include "common/index.h"
#include "common/log.h"
#include "common/texts.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/shared-tokens.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/node-list.h"
#include "koowatchd/task/registry.h"

/* An account that this node has. */
struct holding {
        LIST_ENTRY(holding) link;
        struct membership *owner;
        bool is_reading; /* which task files name it */
        bool is_ours;    /* that is known */
        char name[];
};

/* A row that was read: the store must not be called while more come. */
struct found {
        STAILQ_ENTRY(found) link;
        struct store_source source; /* its texts are the row's */
        char texts[];
};
STAILQ_HEAD(found_list, found);

/* One read at a time may be under way of each; the store answers in order. */
struct membership {
        struct membership_modules with;
        LIST_HEAD(, holding) holdings;
        struct found_list changed, found; /* by the two kinds of reads */
        uint64_t told;                    /* a hash of the accounts that the store was told */
        unsigned served;                  /* how many they were */
        bool has_begun, is_reading_changes, has_read_changes, has_looked, has_settled, is_over;
        bool is_short; /* of memory for a row: what was read is read again */
};

static void end(struct membership *m) {
        if (!m->is_over)
                callback_call(&m->with.on_over);
        m->is_over = true;
}

/* ---- rows ---- */

static void list_clear(struct found_list *list) {
        struct found *f;

        while ((f = STAILQ_FIRST(list))) {
                STAILQ_REMOVE_HEAD(list, link);
                free(f);
        }
}

static int keep(struct found_list *list, const struct store_source *source) {
        struct store_source copy = *source;
        const char **const texts[] = {&copy.node, &copy.path, &copy.account, &copy.text};
        const size_t size = texts_size(texts, ARRAY_LEN(texts));
        struct found *f = malloc(sizeof(*f) + size);

        if (!f)
                return -ENOMEM;
        texts_copy(f->texts, texts, ARRAY_LEN(texts));
        f->source = copy;
        STAILQ_INSERT_TAIL(list, f, link);
        return 0;
}

static void on_changed_row(void *userdata, const struct store_source *source) {
        struct membership *m = userdata;

        m->is_short |= keep(&m->changed, source) < 0;
}

static void on_source_row(void *userdata, const struct store_source *source) {
        struct membership *m = ((struct holding *) userdata)->owner;

        m->is_short |= keep(&m->found, source) < 0;
}

/* Nobody else may take what would be missed: it is all read again, by a session of its own. */
static bool is_whole(struct membership *m, int error) {
        if (error == 0 && m->is_short) {
                log_error("no memory for the task files of the other nodes, beginning anew");
                end(m);
        }
        return error == 0 && !m->is_over;
}

static void use(struct membership *m, const struct store_source *source) {
        if (source->is_mine)
                registry_found_own(m->with.registry, source);
        else if (registry_put_remote(m->with.registry, source) < 0)
                m->is_short = true;
}

/* Returns whether that was all of them. */
static bool use_all(struct membership *m, struct found_list *list) {
        const struct found *f;

        STAILQ_FOREACH(f, list, link)
        use(m, &f->source);
        list_clear(list);
        return is_whole(m, 0);
}

/* ---- what is this node's ---- */

static struct holding *find(const struct membership *m, const char *account) {
        struct holding *h;

        LIST_FOREACH(h, &m->holdings, link)
        if (streq(h->name, account))
                return h;
        return NULL;
}

static void check_settled(struct membership *m) {
        const struct holding *h;

        if (m->has_settled || !m->has_looked || !m->has_read_changes)
                return;
        LIST_FOREACH(h, &m->holdings, link)
        if (!h->is_ours)
                return;
        m->has_settled = true;
        callback_call(&m->with.on_settled);
}

static void on_sources_end(void *userdata, int error) {
        struct holding *h = userdata;
        struct membership *m = h->owner;

        h->is_reading = false;
        if (!is_whole(m, error)) {
                list_clear(&m->found);
                return; /* it is asked again at the next look */
        }
        if (!use_all(m, &m->found) || h->is_ours ||
            !shared_tokens_are_known(m->with.tokens, h->name))
                return;
        h->is_ours = true;
        if (registry_take_account(m->with.registry) < 0) {
                h->is_ours = false; /* it is tried again at the next look */
                return;
        }
        log_info("this node polls account %s from now on", h->name);
        callback_call(&m->with.on_status);
        check_settled(m);
}

/* The answers come one after the other: so do the rows, and before them the tokens. */
static void read_sources(struct membership *m, struct holding *h) {
        if (h->is_reading)
                return;
        if (!h->is_ours)
                shared_tokens_read(m->with.tokens, h->name);
        h->is_reading = true;
        store_each_source(m->with.store, h->name, on_source_row, on_sources_end, h);
}

static void on_changes_end(void *userdata, int error) {
        struct membership *m = userdata;

        m->is_reading_changes = false;
        if (!is_whole(m, error)) {
                list_clear(&m->changed);
                return;
        }
        if (!use_all(m, &m->changed))
                return;
        if (!m->has_read_changes)
                registry_found_all_own(m->with.registry);
        m->has_read_changes = true;
        check_settled(m);
}

static void read_changes(struct membership *m) {
        if (m->is_reading_changes)
                return;
        m->is_reading_changes = true;
        store_each_changed_source(m->with.store, on_changed_row, on_changes_end, m);
}

/* ---- what the store tells ---- */

static void on_begun(void *userdata) {
        struct membership *m = userdata;

        m->has_begun = true;
        callback_call(&m->with.on_status);
        read_changes(m);
}

static void on_account(void *userdata, const char *account) {
        struct membership *m = userdata;
        size_t size = strlen(account) + 1;
        struct holding *h;

        if (find(m, account))
                return;
        h = malloc(sizeof(*h) + size);
        if (!h) {
                log_error("no memory to poll account %s, beginning anew", account);
                end(m);
                return;
        }
        *h = (struct holding){.owner = m};
        memcpy(h->name, account, size);
        LIST_INSERT_HEAD(&m->holdings, h, link);
        read_sources(m, h);
}

static void on_look(void *userdata) {
        struct membership *m = userdata;
        bool misses_some = registry_misses_remote(m->with.registry);
        struct holding *h;

        m->has_looked = true;
        if (registry_has_untold(m->with.registry) && !m->is_over) {
                log_error("no memory to tell the other nodes of a task file, beginning anew");
                end(m);
        }
        if (m->is_over)
                return;
        LIST_FOREACH(h, &m->holdings, link)
        if (!h->is_ours || misses_some)
                read_sources(m, h);
        read_changes(m);
        deliveries_load(m->with.deliveries);
        registry_look_at_finished(m->with.registry);
        node_list_look(m->with.nodes, clock_boot());
        membership_check_accounts(m);
}

static void on_over(void *userdata, const char *why) {
        log_error("this node's session in the database is over (%s): what it polls and delivers is "
                  "left to the other nodes; beginning anew",
                  why);
        end(userdata);
}

/* ---- from outside ---- */

/* One without a secret would have no use of it here, but keeps what it has. */
static bool can_poll(const struct membership *m, const struct account *account) {
        return account_secret(account) || find(m, account_name(account));
}

/* Another node may be able to poll it. */
static const char *why_not(const struct account *account) {
        if (!account || !account_is_configured(account))
                return "is not configured any more";
        if (!account_secret(account) && account_state(account) == ACCOUNT_UNAUTHORIZED)
                return "has no credential here any more";
        return NULL;
}

/* Whether all that this node polls can be polled still. */
static bool check_holdings(struct membership *m) {
        const struct holding *h;

        LIST_FOREACH(h, &m->holdings, link) {
                const char *why = why_not(accounts_find(m->with.accounts, h->name));

                if (!why)
                        continue;
                log_notice(
                        "account %s %s, and is left to the other nodes; beginning anew when what is "
                        "under way has ended",
                        h->name, why);
                m->is_over = true;
                callback_call(&m->with.on_leave);
                return false;
        }
        return true;
}

static void serve(struct membership *m, struct account **accounts, const char **names) {
        size_t n =
                accounts_list(m->with.accounts, accounts, accounts_list(m->with.accounts, NULL, 0));
        uint64_t hash = HASH_START + 1;
        size_t served = 0;

        for (size_t i = 0; i < n; i++) {
                if (!can_poll(m, accounts[i]))
                        continue;
                names[served++] = account_name(accounts[i]);
                hash = hash_text(account_name(accounts[i]), hash);
        }
        if (hash == m->told || store_serve(m->with.store, names, served) < 0)
                return; /* for lack of memory: it is tried again at the next look */
        m->told = hash;
        m->served = (unsigned) served;
}

void membership_check_accounts(struct membership *m) {
        size_t n = accounts_list(m->with.accounts, NULL, 0) + 1;
        CLEANUP(freep) struct account **accounts = NULL;
        CLEANUP(freep) const char **names = NULL;

        if (!store_is_shared(m->with.store) || m->is_over || !check_holdings(m))
                return;
        accounts = calloc(n, sizeof(struct account *));
        names = calloc(n, sizeof(char *));
        if (accounts && names)
                serve(m, accounts, names);
}

void membership_start(struct membership *m) {
        if (!store_is_shared(m->with.store)) {
                m->has_settled = true;
                callback_call(&m->with.on_settled);
                return;
        }
        store_set_fleet_handler(m->with.store, &(struct fleet_handler){
                                                       .on_begun = on_begun,
                                                       .on_account = on_account,
                                                       .on_look = on_look,
                                                       .on_over = on_over,
                                                       .userdata = m,
                                               });
        membership_check_accounts(m);
}

bool membership_has_session(const struct membership *m) {
        return !store_is_shared(m->with.store) || (m->has_begun && !m->is_over);
}

bool membership_has(const struct membership *m, const char *account) {
        const struct holding *h;

        if (!m || !store_is_shared(m->with.store))
                return true;
        h = find(m, account);
        return h && h->is_ours;
}

bool membership_is_left(const struct membership *m, const struct account *account) {
        return m && account_is_configured(account) && !membership_has(m, account_name(account)) &&
               node_list_is_left(m->with.nodes, account_name(account));
}

struct membership_counts membership_count(const struct membership *m) {
        struct membership_counts counts = {.served = m->served};
        const struct holding *h;

        LIST_FOREACH(h, &m->holdings, link)
        counts.held += h->is_ours;
        return counts;
}

int membership_new(const struct membership_modules *modules, struct membership **ret) {
        struct membership *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        m->with = *modules;
        LIST_INIT(&m->holdings);
        STAILQ_INIT(&m->changed);
        STAILQ_INIT(&m->found);
        *ret = m;
        return 0;
}

void membership_free(struct membership *m) {
        struct holding *h;

        if (!m)
                return;
        while ((h = LIST_FIRST(&m->holdings))) {
                LIST_REMOVE(h, link);
                free(h);
        }
        list_clear(&m->changed);
        list_clear(&m->found);
        free(m);
}
