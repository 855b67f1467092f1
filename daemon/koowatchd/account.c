#include "koowatchd/account.h"

#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/log.h"

#define TOKEN_MAX (16 * 1024)
#define UNREACHABLE_AFTER 3
#define PROBE_FIRST (2 * USEC_SEC)
#define REFUSALS_MAX 3
#define REFUSAL_PAUSE (2 * USEC_SEC)
#define REFUSAL_SILENCE (6 * USEC_MINUTE)
#define THROTTLE_FIRST (5 * USEC_SEC)
#define THROTTLE_MAX USEC_HOUR
#define RECOVER_AFTER (10 * USEC_SEC) /* of good answers, then the rate doubles */
#define DATE_BACK (5 * USEC_SEC)      /* X-Date must never be in the future */

struct account {
        struct account_config settings; /* own copies of the strings */
        usec_t probe_max;
        bool retired;
        account_changed_fn on_changed;
        void *userdata;

        char *token;
        char *authorization;
        char token_problem[512]; /* the one that was logged last */

        enum account_state state;
        char reason[512];
        unsigned held;      /* failed requests since the state was entered */
        usec_t not_before;  /* silence until then */
        usec_t since;       /* a request that went out earlier tells nothing new */
        usec_t pause;       /* the last probe's or throttle's */
        unsigned failures;  /* in a row: transport, or refusals when unauthorized */
        const void *failed; /* who met the first of them */
        bool failed_two;    /* and another one has */
        usec_t recover_at;

        struct rate rate;
        unsigned in_flight;
        usec_t clock_offset; /* the server's clock less ours, which starts at boot */
        bool clock_known;
};

static void settings_clear(struct account_config *s) {
        free(s->name);
        free(s->endpoint);
        free(s->user_id);
        free(s->agent_name);
        free(s->token_file);
        free(s->ca_file);
        secret_free(s->proxy);
        *s = (struct account_config){};
}

static int settings_copy(const struct account_config *from, struct account_config *ret) {
        struct account_config s = *from;
        bool complete;

        s.file = NULL;
        s.name = strdup(from->name);
        s.endpoint = strdup(from->endpoint);
        complete = s.name && s.endpoint;
#define COPY(field)                                                 \
        do {                                                        \
                s.field = from->field ? strdup(from->field) : NULL; \
                complete = complete && !s.field == !from->field;    \
        } while (0)
        COPY(user_id);
        COPY(agent_name);
        COPY(token_file);
        COPY(ca_file);
        COPY(proxy);
#undef COPY
        if (!complete) {
                settings_clear(&s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

/* "Bearer xyz", "AT+xyz": the token brings its own word. */
static bool has_scheme(const char *token) {
        return strchr(token, ' ') || strncasecmp(token, "Bearer+", 7) == 0 ||
               strncasecmp(token, "AT+", 3) == 0;
}

static int set_authorization(struct account *a) {
        static const char *const words[] = {
                [TOKEN_SCHEME_VERBATIM] = "",
                [TOKEN_SCHEME_BEARER] = "Bearer ",
                [TOKEN_SCHEME_AT] = "AT ",
        };
        char *text = NULL;

        if (a->token) {
                const char *word = has_scheme(a->token) ? "" : words[a->settings.token_scheme];

                text = str_printf("%s%s", word, a->token);
                if (!text)
                        return -ENOMEM;
        }
        secret_free(a->authorization);
        a->authorization = text;
        return 0;
}

int account_configure(struct account *a, const struct account_config *settings, usec_t probe_max) {
        struct account_config copy;
        int r;

        r = settings_copy(settings, &copy);
        if (r < 0)
                return r;
        r = rate_set_limit(&a->rate, settings->rate_limit);
        if (r < 0) {
                settings_clear(&copy);
                return r;
        }
        settings_clear(&a->settings);
        a->settings = copy;
        a->retired = false;
        a->probe_max = MAX(probe_max, PROBE_FIRST);
        if (account_is_probing(a) && a->token) {
                a->not_before = 0;
                a->failures = 0;
        }
        return set_authorization(a);
}

int account_new(const struct account_config *settings, usec_t probe_max,
                account_changed_fn on_changed, void *userdata, struct account **ret) {
        CLEANUP(account_freep) struct account *a = NULL;
        int r;

        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        a->on_changed = on_changed;
        a->userdata = userdata;
        r = account_configure(a, settings, probe_max);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(a);
        return 0;
}

void account_free(struct account *a) {
        if (!a)
                return;
        settings_clear(&a->settings);
        secret_free(a->token);
        secret_free(a->authorization);
        rate_clear(&a->rate);
        free(a);
}

void account_retire(struct account *a) {
        a->retired = true;
}

bool account_is_configured(const struct account *a) {
        return !a->retired;
}

const char *account_name(const struct account *a) {
        return a->settings.name;
}

const struct account_config *account_settings(const struct account *a) {
        return &a->settings;
}

enum account_state account_state(const struct account *a) {
        return a->state;
}

const char *account_state_name(enum account_state state) {
        static const char *const names[ACCOUNT_STATES] = {"ok", "throttled", "unreachable",
                                                          "unauthorized"};

        return names[state];
}

const char *account_reason(const struct account *a) {
        return a->reason;
}

const char *account_authorization(const struct account *a) {
        return a->authorization;
}

unsigned account_in_flight(const struct account *a) {
        return a->in_flight;
}

static void enter(struct account *a, enum account_state state, usec_t now, const char *reason) {
        unsigned held = a->held;

        if (state == a->state)
                return;
        a->state = state;
        a->held = 0;
        a->since = now;
        a->failures = 0;
        a->failed = NULL;
        a->failed_two = false;
        a->pause = 0;
        (void) snprintf(a->reason, sizeof(a->reason), "%s", reason);
        a->on_changed(a->userdata, a, held);
}

char *account_token_path(const struct account *a, const char *credentials_directory) {
        /* systemd puts an id before each file of a folder, and two folders need two. */
        static const char *const prefixes[] = {"koowatch_", "koowatch-plain_", ""};
        char *path = NULL;

        if (a->settings.token_file)
                return strdup(a->settings.token_file);

        for (size_t i = 0; credentials_directory && i < ARRAY_LEN(prefixes); i++) {
                free(path);
                path = str_printf("%s/%s%s.token", credentials_directory, prefixes[i],
                                  a->settings.name);
                if (!path || access(path, F_OK) == 0)
                        break;
        }
        return path;
}

/*
 * Reads and checks a token. Returns NULL with the problem in words, or the token.
 * *ret_error is what the system said, if it was that.
 */
static char *read_token(const struct account *a, const char *path, char *ret_problem, size_t size,
                        int *ret_error) {
        CLEANUP(secret_freep) char *text = NULL;
        CLEANUP(closep) int fd = -1;
        struct stat st = {};
        size_t length = 0;
        int r = 0;

        *ret_error = 0;
        *ret_problem = '\0';
        if (path) {
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
                r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
        }
        if (!path || (r == -ENOENT && !a->settings.token_file)) {
                (void) snprintf(ret_problem, size,
                                "it has no token: set TokenFile in [Account %s], or put the token "
                                "into the credential %s.token and restart",
                                a->settings.name, a->settings.name);
                return NULL;
        }
        if (r == 0 && !S_ISREG(st.st_mode)) {
                (void) snprintf(ret_problem, size, "%s is not a regular file", path);
                return NULL;
        }
        if (r == 0)
                r = read_all(fd, TOKEN_MAX, &text, &length);
        if (r < 0 || !text) {
                (void) snprintf(ret_problem, size, "%s cannot be read (%s)", path, strerror(-r));
                *ret_error = -r;
                return NULL;
        }

        if (!secret_trim(text, length)) {
                (void) snprintf(ret_problem, size, "%s %s", path,
                                *text ? "holds something else than one line of printable ASCII"
                                      : "is empty");
                return NULL;
        }

        /* Told with the token, once each time it changes. */
        if ((st.st_mode & 077) && !(a->token && streq(a->token, text)) && a->settings.token_file)
                log_warning("account %s: %s can be read by others than its owner (mode %04o); "
                            "chmod 0600 it",
                            a->settings.name, path, (unsigned) (st.st_mode & 07777));
        return STEAL_PTR(text);
}

int account_read_token(struct account *a, const char *path, usec_t now) {
        char problem[sizeof(a->token_problem)];
        CLEANUP(secret_freep) char *token = NULL;
        int error;

        token = read_token(a, path, problem, sizeof(problem), &error);
        if (!token && a->token) {
                /* Somebody may be in the middle of replacing it: the old one is good until refused.
                 */
                if (!streq(problem, a->token_problem))
                        log_warning("account %s: %s; the token read before stays in use",
                                    a->settings.name, problem);
                (void) snprintf(a->token_problem, sizeof(a->token_problem), "%s", problem);
                return -error;
        }
        (void) snprintf(a->token_problem, sizeof(a->token_problem), "%s", problem);

        if (!token) {
                a->not_before = USEC_INFINITY;
                if (a->state == ACCOUNT_UNAUTHORIZED && !streq(problem, a->reason)) {
                        log_warning("account %s: %s", a->settings.name, problem);
                        (void) snprintf(a->reason, sizeof(a->reason), "%s", problem);
                }
                enter(a, ACCOUNT_UNAUTHORIZED, now, problem);
                return -error;
        }
        if (a->token && streq(a->token, token))
                return 0;

        secret_free(a->token);
        a->token = STEAL_PTR(token);
        if (set_authorization(a) < 0)
                return -ENOMEM;

        /* What is in flight speaks of the old one. A first token needs no proof before it is used.
         */
        a->since = now;
        a->failures = 0;
        if (a->state == ACCOUNT_UNAUTHORIZED)
                a->not_before = now;
        return 0;
}

bool account_is_probing(const struct account *a) {
        return a->state == ACCOUNT_UNREACHABLE || a->state == ACCOUNT_UNAUTHORIZED;
}

usec_t account_next(const struct account *a) {
        usec_t next = MAX(a->not_before, rate_next(&a->rate));
        unsigned most = account_is_probing(a) ? 1 : a->settings.max_in_flight;

        if (!a->authorization || a->in_flight >= most)
                return USEC_INFINITY;
        return next;
}

void account_sent(struct account *a, usec_t now) {
        rate_take(&a->rate, now);
        a->in_flight++;
}

void account_abandoned(struct account *a) {
        a->in_flight--;
}

static void on_good(struct account *a, usec_t now) {
        a->failures = 0;
        a->failed = NULL;
        a->failed_two = false;
        if (a->state != ACCOUNT_OK && now >= a->not_before) {
                a->not_before = 0;
                a->recover_at = now + RECOVER_AFTER;
                enter(a, ACCOUNT_OK, now, "");
        }
        if (a->rate.divisor > 1 && now >= a->recover_at) {
                rate_recover(&a->rate);
                a->recover_at = now + RECOVER_AFTER;
        }
}

static void on_throttled(struct account *a, usec_t now, const struct koodrive_answer *answer) {
        usec_t pause = answer->retry_after;
        bool again = a->state == ACCOUNT_THROTTLED;

        if (pause < 0)
                pause = again ? MIN(2 * a->pause, THROTTLE_MAX) : THROTTLE_FIRST;
        pause = MAX(pause, USEC_SEC);
        rate_halve(&a->rate);
        a->not_before = MAX(a->not_before, now + pause);
        a->recover_at = a->not_before + RECOVER_AFTER;
        enter(a, ACCOUNT_THROTTLED, now, answer->why);
        a->pause = pause;
        a->since = now; /* what is in flight with this one says the same */
}

static void on_unreachable(struct account *a, usec_t now, const struct koodrive_answer *answer,
                           const void *asker, bool alone) {
        if (account_is_probing(a)) {
                a->pause = a->pause > 0 ? MIN(a->pause * 5 / 2, a->probe_max) : PROBE_FIRST;
                a->not_before = now + a->pause;
                return;
        }

        if (!a->failed)
                a->failed = asker;
        else if (a->failed != asker)
                a->failed_two = true;
        if (++a->failures < UNREACHABLE_AFTER || (!a->failed_two && !alone))
                return;
        a->not_before = now + PROBE_FIRST;
        enter(a, ACCOUNT_UNREACHABLE, now, answer->why);
        a->pause = PROBE_FIRST;
}

static void on_unauthorized(struct account *a, usec_t now, const struct koodrive_answer *answer) {
        if (a->state != ACCOUNT_UNAUTHORIZED)
                enter(a, ACCOUNT_UNAUTHORIZED, now, answer->why);
        a->failures++;
        a->not_before = now + (a->failures < REFUSALS_MAX ? REFUSAL_PAUSE : REFUSAL_SILENCE);
}

bool account_answered(struct account *a, usec_t now, usec_t sent,
                      const struct koodrive_answer *answer, const void *asker, bool alone) {
        a->in_flight--;

        switch (answer->class) {
        case KOODRIVE_TASK:
                on_good(a, now);
                return true;
        case KOODRIVE_TRANSIENT:
                /* Somebody answered, and not about the account. */
                a->failures = a->state == ACCOUNT_UNAUTHORIZED ? a->failures : 0;
                if (a->state == ACCOUNT_UNREACHABLE)
                        on_good(a, now);
                return true;
        default:
                break;
        }

        a->held++;
        /* It went out before the account knew what it knows now: nothing new. */
        if (sent < a->since)
                return false;
        if (answer->class == KOODRIVE_THROTTLED)
                on_throttled(a, now, answer);
        else if (answer->class == KOODRIVE_UNREACHABLE)
                on_unreachable(a, now, answer, asker, alone);
        else
                on_unauthorized(a, now, answer);
        return false;
}

usec_t account_date(const struct account *a, usec_t now, usec_t wall) {
        return (a->clock_known ? now + a->clock_offset : wall) - DATE_BACK;
}

void account_learn_date(struct account *a, usec_t date, usec_t now) {
        a->clock_offset = date - now;
        a->clock_known = true;
}
