#include "koowatchd/account/secrets.h"

#include <errno.h>

#include "common/account-config.h"
#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/credential.h"
#include "koowatchd/account/token-store.h"
#include "koowatchd/koodrive/session.h"
#include "koowatchd/koodrive/signature.h"

struct secrets {
        struct dirwatch *dirwatch;
        char *tokens; /* the directory of the stored ones */
        struct account *account;
        void (*on_changed)(void *userdata);
        void *userdata;

        struct credential *main;    /* token or AppSecret; NULL: no file is followed yet */
        struct credential *refresh; /* refresh token or session id; NULL: none is used */
        struct stored_tokens stored;
        /* Fingerprints of what the files held when the last refresh was sent. */
        char main_source[SIGNATURE_LENGTH + 1], refresh_source[SIGNATURE_LENGTH + 1];
        char reported_problem[512]; /* of the refresh credential, the last one */
};

/*
 * What a former run has obtained. Without it a refresh token that has been spent would be used
 * again: what may be gone in a moment is an error, returned.
 */
static int load_tokens(struct secrets *s) {
        const char *name = account_name(s->account);
        int r = token_store_load(s->tokens, name, &s->stored);

        if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
                return r;
        if (r < 0 && r != -ENOENT)
                log_warning("account %s: cannot use %s/%s.json (%s); falling back to the "
                            "configured token",
                            name, s->tokens, name, r == -EBADMSG ? "it is damaged" : strerror(-r));
        return 0;
}

int secrets_new(struct dirwatch *dirwatch, const char *tokens, struct account *account,
                void (*on_changed)(void *userdata), void *userdata, struct secrets **ret) {
        CLEANUP(secrets_freep) struct secrets *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->dirwatch = dirwatch;
        s->account = account;
        s->on_changed = on_changed;
        s->userdata = userdata;
        s->tokens = strdup(tokens);
        if (!s->tokens)
                return -ENOMEM;
        r = load_tokens(s);
        if (r == 0)
                *ret = STEAL_PTR(s);
        return r;
}

void secrets_free(struct secrets *s) {
        if (!s)
                return;
        credential_free(s->main);
        credential_free(s->refresh);
        stored_tokens_clear(&s->stored);
        free(s->tokens);
        free(s);
}

/* ---- files ---- */

/* Makes *credential one of that kind that follows path, or none when it is not wanted. */
static int follow_file(struct secrets *s, struct credential **credential, bool wanted,
                       enum credential_kind kind, const char *path) {
        int r;

        if (*credential && (!wanted || credential_kind(*credential) != kind))
                credential_free(STEAL_PTR(*credential));
        if (!wanted)
                return 0;
        if (!*credential) {
                r = credential_new(s->dirwatch, kind, account_name(s->account), s->on_changed,
                                   s->userdata, credential);
                if (r < 0)
                        return r;
        }
        return credential_follow(*credential, path);
}

int secrets_follow(struct secrets *s) {
        const struct account_config *settings = account_settings(s->account);
        bool is_app = settings->auth == AUTH_APP;
        int r;

        r = follow_file(s, &s->main, true, is_app ? CREDENTIAL_APP_SECRET : CREDENTIAL_TOKEN,
                        is_app ? settings->app_secret_file : settings->token_file);
        if (r == 0)
                r = follow_file(s, &s->refresh, settings->refresh != REFRESH_NONE,
                                CREDENTIAL_REFRESH, settings->refresh_token_file);
        return r;
}

void secrets_forget(struct secrets *s) {
        credential_forget(s->main);
        if (s->refresh)
                credential_forget(s->refresh);
}

bool secrets_can_refresh(const struct secrets *s) {
        return s->refresh;
}

usec_t secrets_look(struct secrets *s, usec_t now) {
        usec_t wall = clock_wall(), main = credential_look(s->main, now, wall);
        usec_t refresh = s->refresh ? credential_look(s->refresh, now, wall) : USEC_INFINITY;

        return main == USEC_INFINITY || refresh == USEC_INFINITY ? MIN(main, refresh)
                                                                 : MAX(main, refresh);
}

/* Returns as credential_read(), with what its caller cannot do anything about as 0. */
static int read_credential(struct credential *c, usec_t now, const char **ret_path) {
        int r = credential_read(c, now, clock_wall());

        if (r < 0 && r != -EAGAIN && !error_is_transient(-r))
                return 0;
        if (r < 0)
                *ret_path = credential_path(c);
        return r;
}

int secrets_read(struct secrets *s, usec_t now, const char **ret_path) {
        int refresh = s->refresh ? read_credential(s->refresh, now, ret_path) : 0;
        int main = read_credential(s->main, now, ret_path);
        const char *name = account_name(s->account);

        if ((main > 0 || refresh > 0) && account_is_configured(s->account))
                log_entry(LEVEL_NOTICE, NULL, &(struct log_field){"KOOWATCH_ACCOUNT", name}, 1,
                          "credential of account %s replaced, trying it", name);
        return MIN(MIN(main, refresh), 0);
}

/* ---- in use ---- */

static int fingerprint(const struct credential *c, char ret[SIGNATURE_LENGTH + 1]) {
        const char *text = credential_text(c);

        *ret = '\0';
        return text ? sha256_hex(text, strlen(text), ret) : 0;
}

/* The administrator's secret, or a newer one that was obtained with it. */
static const char *newest_secret(const struct credential *c, const struct stored_secret *stored) {
        char source[SIGNATURE_LENGTH + 1];

        if (!stored->text || fingerprint(c, source) < 0 ||
            (*source && !streq(source, stored->source)))
                return credential_text(c);
        return stored->text;
}

static int use_refresh_secret(struct secrets *s, usec_t now) {
        const struct credential *c = s->refresh;
        const char *secret = c ? newest_secret(c, &s->stored.refresh) : NULL;

        if (c && !secret && !credential_is_pending(c) &&
            !streq(s->reported_problem, credential_problem(c))) {
                (void) snprintf(s->reported_problem, sizeof(s->reported_problem), "%s",
                                credential_problem(c));
                log_warning("account %s: %s; its token is not refreshed", account_name(s->account),
                            s->reported_problem);
        }
        return account_set_refresh_secret(s->account, secret, now);
}

int secrets_use(struct secrets *s, usec_t now) {
        static const struct stored_secret none = {};
        const struct stored_secret *stored = s->refresh ? &s->stored.token : &none;
        int refresh = use_refresh_secret(s, now), r = 0;

        if (credential_is_pending(s->main))
                account_forget_secret(s->account);
        else
                r = account_set_secret(s->account, newest_secret(s->main, stored),
                                       credential_problem(s->main), now);
        if (r > 0)
                log_warning("account %s: %s", account_name(s->account),
                            credential_problem(s->main));
        return MIN(MIN(refresh, r), 0);
}

/* The service manager's are known by their names, not by where it has put them. */
static char *describe_file(const char *path) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        const char *name = directory ? str_after(path, directory) : NULL;

        return name && *name == '/' ? str_printf("credential %s", name + 1) : strdup(path);
}

char *secrets_describe(const struct secrets *s) {
        const char *used = account_secret(s->account);
        const char *text = s->main ? credential_text(s->main) : NULL;

        if (used && text && streq(used, text))
                return describe_file(credential_origin(s->main));
        if (used && s->stored.token.text && streq(used, s->stored.token.text))
                return strdup("refreshed");
        return NULL;
}

/* ---- refresh ---- */

int secrets_refresh_sent(struct secrets *s) {
        int r = fingerprint(s->main, s->main_source);

        return r < 0 ? r : fingerprint(s->refresh, s->refresh_source);
}

/* With the fingerprint of what c holds, or for NULL with source. */
static int stored_secret_set(struct stored_secret *stored, const char *text,
                             const struct credential *c, const char *source) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        secret_free(stored->text);
        stored->text = copy;
        if (c)
                return fingerprint(c, stored->source);
        (void) snprintf(stored->source, sizeof(stored->source), "%s", source);
        return 0;
}

/* r: of what is to be on disk now. */
static int save(struct secrets *s, int r) {
        if (r == 0)
                r = token_store_save(s->tokens, account_name(s->account), &s->stored);
        if (r < 0)
                log_warning("account %s: cannot store the new token in %s (%s); it is in use, but "
                            "will be lost at a restart; retrying until it is stored",
                            account_name(s->account), s->tokens, strerror(-r));
        return r;
}

/*
 * A secret that is not used, because another one was set meanwhile, is kept as well: what it was
 * asked for with may be of no use any more, and be set again by the next reload.
 */
int secrets_refreshed(struct secrets *s, const struct koodrive_session *session, unsigned taken) {
        struct stored_tokens *stored = &s->stored;
        int r;

        r = stored_secret_set(&stored->token, session->token,
                              taken & ACCOUNT_TOOK_TOKEN ? s->main : NULL, s->main_source);
        if (r == 0 && session->refresh_token)
                r = stored_secret_set(&stored->refresh, session->refresh_token,
                                      taken & ACCOUNT_TOOK_REFRESH_SECRET ? s->refresh : NULL,
                                      s->refresh_source);
        stored->serial++;
        return save(s, r);
}

int secrets_store(struct secrets *s) {
        int r = token_store_save(s->tokens, account_name(s->account), &s->stored);

        if (r == 0)
                log_notice("account %s: the new token is stored", account_name(s->account));
        return r;
}

/* ---- from node to node ---- */

int secrets_export(const struct secrets *s, char **ret) {
        *ret = NULL;
        if (!s->stored.token.text && !s->stored.refresh.text)
                return 0;
        return stored_tokens_write(&s->stored, ret);
}

/* Whether it was obtained with what c holds; also when nothing says that it was not. */
static bool is_of(const struct stored_secret *stored, const struct credential *c) {
        char source[SIGNATURE_LENGTH + 1];

        return !c || fingerprint(c, source) < 0 || !*source || streq(source, stored->source);
}

/* Of another login than the one that is given here it is not to take the place of one of this. */
static bool take(struct stored_secret *own, struct stored_secret *other, const struct credential *c,
                 bool is_newer) {
        if (!other->text ||
            (own->text && (is_of(own, c) == is_of(other, c) ? !is_newer : is_of(own, c))))
                return false;
        secret_free(own->text);
        *own = *other;
        *other = (struct stored_secret){};
        return true;
}

int secrets_import(struct secrets *s, const char *text) {
        CLEANUP(stored_tokens_clear) struct stored_tokens other = {};
        struct stored_tokens *own = &s->stored;
        unsigned serial;
        bool took;
        int r;

        r = stored_tokens_read(text, strlen(text), &other);
        if (r < 0)
                return r;
        serial = other.serial;
        took = take(&own->token, &other.token, s->main, serial > own->serial);
        took |= take(&own->refresh, &other.refresh, s->refresh, serial > own->serial);
        if (!took && own->token.text && own->serial > serial && is_of(&own->token, s->main))
                return SECRETS_NEWER;
        own->serial = MAX(own->serial, serial);
        return took ? SECRETS_TOOK : 0;
}

int secrets_save(struct secrets *s) {
        return save(s, 0);
}
