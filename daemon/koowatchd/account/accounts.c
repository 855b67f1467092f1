#include "koowatchd/account/accounts.h"

#include <errno.h>
#include <sys/queue.h>

#include "common/account-config.h"
#include "common/config.h"
#include "common/log.h"
#include "koowatchd/account/refresh-request.h"
#include "koowatchd/account/secrets.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/loop/timer.h"

/* From the first change beside a file until it is looked at: whoever renames two is done. */
#define GATHER (200 * USEC_MSEC)
#define STORE_PAUSE (5 * USEC_SEC)

/* An account, and where its secrets come from. */
struct account_entry {
        SLIST_ENTRY(account_entry) entries;
        struct accounts *owner;
        struct account *account;
        struct secrets *secrets;
        struct refresh *refresh; /* in flight */
        struct timer check;      /* until changed files are looked at, or have settled */
        struct timer store;      /* until a new token that could not be stored is tried again */
        bool used;               /* it is in the configuration, or a task asks for it */
};

struct accounts {
        struct timers *timers;
        struct dirwatch *dirwatch;
        struct http *http;
        char *tokens; /* the directory of the stored ones */
        struct accounts_handler handler;
        SLIST_HEAD(, account_entry) entries;
};

int accounts_new(struct timers *timers, struct dirwatch *dirwatch, struct http *http,
                 const char *tokens, const struct accounts_handler *handler,
                 struct accounts **ret) {
        CLEANUP(accounts_freep) struct accounts *as = calloc(1, sizeof(*as));

        if (!as)
                return -ENOMEM;
        as->timers = timers;
        as->dirwatch = dirwatch;
        as->http = http;
        as->handler = *handler;
        as->tokens = strdup(tokens);
        if (!as->tokens)
                return -ENOMEM;
        *ret = STEAL_PTR(as);
        return 0;
}

static void entry_free(struct account_entry *e) {
        timer_close(e->owner->timers, &e->check);
        timer_close(e->owner->timers, &e->store);
        refresh_free(e->refresh);
        secrets_free(e->secrets);
        account_free(e->account);
        free(e);
}
DEFINE_CLEANUP(struct account_entry *, entry_free)

void accounts_free(struct accounts *as) {
        struct account_entry *e;

        if (!as)
                return;
        while ((e = SLIST_FIRST(&as->entries))) {
                SLIST_REMOVE_HEAD(&as->entries, entries);
                as->handler.on_removed(as->handler.userdata, e->account);
                entry_free(e);
        }
        free(as->tokens);
        free(as);
}

/* ---- secrets ---- */

static struct account_entry *find_entry_of(const struct accounts *as,
                                           const struct account *account) {
        struct account_entry *e;

        SLIST_FOREACH(e, &as->entries, entries) {
                if (e->account == account)
                        return e;
        }
        return NULL;
}

static void entry_ready(struct account_entry *e) {
        e->owner->handler.on_ready(e->owner->handler.userdata, e->account);
}

/* Reads the files when it is time, and comes back when it will be. As secrets_look(). */
static usec_t check_files(struct account_entry *e, usec_t now) {
        const struct accounts_handler *handler = &e->owner->handler;
        usec_t due = secrets_look(e->secrets, now);
        const char *path;
        int r = due <= now ? secrets_read(e->secrets, now, &path) : 0;

        if (r == -EAGAIN)
                due = now + GATHER;
        else if (r < 0)
                handler->on_transient_error(handler->userdata, path, strerror(-r));
        timer_arm(e->owner->timers, &e->check, due > now ? due : USEC_INFINITY);
        return due;
}

/* For a request that is about to be sent. Returns as accounts_prepare_attempt(). */
static usec_t prepare_request(struct account_entry *e, usec_t now) {
        usec_t due = check_files(e, now);

        if (due > now)
                return due == USEC_INFINITY ? 0 : due;
        (void) secrets_use(e->secrets, now);
        return 0;
}

static void check_secrets(struct account_entry *e, usec_t now) {
        if (check_files(e, now) > now)
                return;
        (void) secrets_use(e->secrets, now);
        entry_ready(e);
}

/* Whatever there is to read: settings may have changed what it is used for. */
static void update_secrets(struct account_entry *e) {
        usec_t now = clock_boot();

        (void) check_files(e, now);
        (void) secrets_use(e->secrets, now);
        entry_ready(e);
}

static void on_secret_changed(void *userdata) {
        struct account_entry *e = userdata;
        usec_t due = clock_boot() + GATHER;

        if (e->used && (!timer_is_armed(&e->check) || e->check.node.key > due))
                timer_arm(e->owner->timers, &e->check, due);
}

static void on_check(struct timer *timer, usec_t now) {
        check_secrets(container_of(timer, struct account_entry, check), now);
}

char *accounts_describe_secret(const struct accounts *as, const struct account *account) {
        const struct account_entry *e = find_entry_of(as, account);

        return e ? secrets_describe(e->secrets) : NULL;
}

/* ---- refresh ---- */

/* Returns which of the session's secrets are in use now. */
static unsigned finish_refresh(struct account_entry *e, usec_t now,
                               const struct koodrive_session *session) {
        unsigned result = account_refreshed(e->account, now, session);

        if (result & (ACCOUNT_REFRESH_FAILED | ACCOUNT_REFRESH_REFUSED))
                log_warning("account %s: the token cannot be refreshed: %s; %s",
                            account_name(e->account), session->answer.why,
                            result & ACCOUNT_REFRESH_REFUSED
                                    ? "it is used until it is refused; log in again and replace it"
                                    : "still using it, the refresh will be retried");
        return result;
}

/* error: of the last try, 0 or a negative errno. */
static void store_again(struct account_entry *e, int error) {
        timer_arm(e->owner->timers, &e->store,
                  error < 0 ? clock_boot() + STORE_PAUSE : USEC_INFINITY);
}

static void on_store(struct timer *timer, usec_t now) {
        struct account_entry *e = container_of(timer, struct account_entry, store);

        (void) now;
        store_again(e, secrets_store(e->secrets));
}

static void on_refreshed(void *userdata, const struct koodrive_session *session) {
        struct account_entry *e = userdata;
        CLEANUP(refresh_freep) UNUSED struct refresh *over = STEAL_PTR(e->refresh);
        const struct accounts_handler *handler = &e->owner->handler;
        unsigned taken = finish_refresh(e, clock_boot(), session);

        if (taken & ACCOUNT_TOOK_TOKEN)
                log_debug("account %s: token refreshed", account_name(e->account));
        if (session->token)
                store_again(e, secrets_refreshed(e->secrets, session, taken));
        if (session->token && handler->on_refreshed)
                handler->on_refreshed(handler->userdata, e->account);
        entry_ready(e);
}

usec_t accounts_prepare_attempt(struct accounts *as, struct account *account) {
        struct account_entry *e = find_entry_of(as, account);

        return e ? prepare_request(e, clock_boot()) : 0;
}

static void start_refresh(struct account_entry *e, usec_t now) {
        int r;

        r = account_refresh_sent(e->account, now);
        if (r == 0)
                r = secrets_refresh_sent(e->secrets);
        if (r == 0)
                r = refresh_start(e->owner->http, e->account, on_refreshed, e, &e->refresh);
        if (r < 0) {
                struct koodrive_session failed = {
                        .answer = {.disposition.class = KOODRIVE_TRANSIENT,
                                   .date = -1,
                                   .retry_after = -1},
                };

                (void) snprintf(failed.answer.why, sizeof(failed.answer.why), "%s", strerror(-r));
                (void) finish_refresh(e, now, &failed);
        }
}

usec_t accounts_refresh(struct accounts *as, struct account *account) {
        struct account_entry *e = find_entry_of(as, account);
        usec_t now = clock_boot(), at;

        if (!e || e->refresh || !secrets_can_refresh(e->secrets))
                return 0;
        at = prepare_request(e, now);
        if (at == 0 && account_refresh_at(account) <= now)
                start_refresh(e, now);
        return at;
}

bool accounts_are_refreshing(const struct accounts *as) {
        const struct account_entry *e;

        SLIST_FOREACH(e, &as->entries, entries) {
                if (e->refresh)
                        return true;
        }
        return false;
}

int accounts_export_tokens(const struct accounts *as, const struct account *account, char **ret) {
        const struct account_entry *e = find_entry_of(as, account);

        *ret = NULL;
        return e ? secrets_export(e->secrets, ret) : 0;
}

int accounts_import_tokens(struct accounts *as, struct account *account, const char *text) {
        struct account_entry *e = find_entry_of(as, account);
        int r, used;

        if (!e)
                return 0;
        r = secrets_import(e->secrets, text);
        if (r < 0)
                return r;
        if (r & SECRETS_TOOK)
                store_again(e, secrets_save(e->secrets));
        used = secrets_use(e->secrets, clock_boot()); /* what was taken before, too */
        entry_ready(e);
        return used < 0 ? used : (r & SECRETS_NEWER) > 0;
}

/* ---- the table ---- */

static struct account_entry *find_entry(const struct accounts *as, const char *name) {
        struct account_entry *e;

        SLIST_FOREACH(e, &as->entries, entries) {
                if (streq(account_name(e->account), name))
                        return e;
        }
        return NULL;
}

struct account *accounts_find(struct accounts *as, const char *name) {
        struct account_entry *e = find_entry(as, name);

        if (!e)
                return NULL;
        if (!e->used) {
                e->used = true;
                update_secrets(e);
        }
        return e->account;
}

static int entry_add(struct accounts *as, const struct account_config *settings, usec_t probe_max,
                     struct account_entry **ret) {
        const struct accounts_handler *handler = &as->handler;
        CLEANUP(entry_freep) struct account_entry *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        e->owner = as;
        r = account_new(settings, probe_max, handler->on_changed, handler->userdata, &e->account);
        if (r == 0)
                r = timer_open(as->timers, &e->check, on_check);
        if (r == 0)
                r = timer_open(as->timers, &e->store, on_store);
        if (r == 0)
                r = secrets_new(as->dirwatch, as->tokens, e->account, on_secret_changed, e,
                                &e->secrets);
        if (r == 0)
                r = handler->on_added(handler->userdata, e->account);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(e);
        SLIST_INSERT_HEAD(&as->entries, *ret, entries);
        return 0;
}

static void check_ca_file(const struct account_config *s) {
        if (s->ca_file && access(s->ca_file, R_OK) < 0)
                log_warning("%s:%u: cannot read CAFile %s of account %s (%s); no server is trusted "
                            "without it, its tasks wait",
                            s->file, s->line, s->ca_file, s->name, strerror(errno));
}

static int entry_configure(struct accounts *as, const struct account_config *settings,
                           usec_t probe_max) {
        struct account_entry *e = find_entry(as, settings->name);
        bool changed = e && !account_config_is_same(account_settings(e->account), settings);
        bool moved = e && !streq(account_settings(e->account)->endpoint, settings->endpoint);
        int r;

        check_ca_file(settings);
        r = e ? account_configure(e->account, settings, probe_max)
              : entry_add(as, settings, probe_max, &e);
        if (r == 0)
                r = secrets_follow(e->secrets);
        if (r < 0)
                return r;
        if (settings->line > 0)
                e->used = true;
        if (moved) /* a secret that was read before is not sent to another server */
                secrets_forget(e->secrets);
        if (e->used)
                update_secrets(e);
        if (changed)
                as->handler.on_settings_changed(as->handler.userdata, e->account);
        return 0;
}

int accounts_configure(struct accounts *as, const struct config *config) {
        struct account_entry *e;

        SLIST_FOREACH(e, &as->entries, entries) {
                if (!config_account(config, account_name(e->account)))
                        account_retire(e->account);
        }

        for (size_t i = 0; i < config->n_accounts; i++) {
                int r = entry_configure(as, &config->accounts[i], config->interval_max);

                if (r < 0)
                        return r;
        }
        return 0;
}

void accounts_check_credentials(struct accounts *as) {
        usec_t now = clock_boot();
        struct account_entry *e;

        SLIST_FOREACH(e, &as->entries, entries) {
                if (e->used)
                        check_secrets(e, now);
        }
}

const struct account *accounts_first_failing(const struct accounts *as) {
        const struct account_entry *e;

        SLIST_FOREACH(e, &as->entries, entries) {
                if (e->used && account_is_configured(e->account) &&
                    account_state(e->account) != ACCOUNT_OK)
                        return e->account;
        }
        return NULL;
}

usec_t accounts_wall(const struct accounts *as, usec_t now, usec_t wall) {
        const struct account_entry *e;
        usec_t known = -1;

        SLIST_FOREACH(e, &as->entries, entries) {
                if (known < 0)
                        known = account_wall(e->account, now, wall);
        }
        return known;
}

size_t accounts_list(const struct accounts *as, struct account **ret, size_t max) {
        const struct account_entry *e;
        size_t n = 0;

        SLIST_FOREACH(e, &as->entries, entries) {
                if (!account_is_configured(e->account))
                        continue;
                if (n < max)
                        ret[n] = e->account;
                n++;
        }
        return n;
}
