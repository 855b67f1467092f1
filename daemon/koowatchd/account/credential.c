#include "koowatchd/account/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/credential-file.h"
#include "common/log.h"
#include "koowatchd/account/settling.h"
#include "koowatchd/loop/dirwatch.h"

#define SECRET_MAX (16 * 1024)

static const struct {
        const char *suffix, *key, *name;
} kinds[] = {
        [CREDENTIAL_TOKEN] = {"token", "TokenFile", "token"},
        [CREDENTIAL_REFRESH] = {"refresh-token", "RefreshTokenFile", "refresh token"},
        [CREDENTIAL_APP_SECRET] = {"app-secret", "AppSecretFile", "AppSecret"},
};

struct credential {
        struct dirwatch *dirwatch;
        struct dirwatch_dir *watched;
        void (*on_changed)(void *userdata);
        void *userdata;

        enum credential_kind kind;
        char *account;
        char *path;
        char *origin;    /* of text, where that is another file than path; or NULL */
        bool configured; /* path is from the configuration, and should be there */

        struct settling settling;
        char *text;
        mode_t mode;       /* of its file */
        char problem[512]; /* the one that was reported last; "": none */
};

/* A link says nothing of the file that it leads to. */
static void take_renamed(struct credential *c) {
        struct file_state state;
        struct stat st;

        if (lstat(c->path, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        state = file_state_of(&st);
        settling_renamed(&c->settling, &state);
}

/* The file may be behind a link: any change beside it can be one of it. */
static void on_directory_changed(void *userdata, const char *name, uint32_t mask) {
        struct credential *c = userdata;

        if (name && (mask & IN_MOVED_TO) && streq(name, strrchr(c->path, '/') + 1))
                take_renamed(c);
        c->on_changed(c->userdata);
}

static char *find_path(enum credential_kind kind, const char *account) {
        CLEANUP(freep) char *name = str_printf("%s.%s", account, kinds[kind].suffix);

        return name ? credential_file_find(name) : NULL;
}

static int credential_watch(struct credential *c) {
        CLEANUP(freep) char *directory = strdup(c->path);
        char *slash = directory ? strrchr(directory, '/') : NULL;

        if (!slash)
                return -ENOMEM;
        slash[slash == directory ? 1 : 0] = '\0';
        return dirwatch_add(c->dirwatch, directory, 0, on_directory_changed, c, &c->watched);
}

int credential_new(struct dirwatch *dirwatch, enum credential_kind kind, const char *account,
                   void (*on_changed)(void *userdata), void *userdata, struct credential **ret) {
        CLEANUP(credential_freep) struct credential *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->dirwatch = dirwatch;
        c->kind = kind;
        c->on_changed = on_changed;
        c->userdata = userdata;
        c->account = strdup(account);
        if (!c->account)
                return -ENOMEM;
        *ret = STEAL_PTR(c);
        return 0;
}

/* Takes it over; NULL: none. What was read is from the one before. */
static void set_path(struct credential *c, char *path) {
        if (c->text && !c->origin)
                c->origin = c->path;
        else
                free(c->path);
        c->path = path;
}

int credential_follow(struct credential *c, const char *path) {
        char *next = NULL;

        dirwatch_remove(c->dirwatch, STEAL_PTR(c->watched));
        c->configured = path;
        if (path || getenv("CREDENTIALS_DIRECTORY")) {
                next = path ? strdup(path) : find_path(c->kind, c->account);
                if (!next)
                        return -ENOMEM;
        }
        if (!c->path || !next || !streq(c->path, next))
                c->settling = (struct settling){};
        set_path(c, next);
        return c->path ? credential_watch(c) : 0;
}

void credential_free(struct credential *c) {
        if (!c)
                return;
        dirwatch_remove(c->dirwatch, c->watched);
        free(c->account);
        free(c->path);
        free(c->origin);
        secret_free(c->text);
        free(c);
}

const char *credential_text(const struct credential *c) {
        return c->text;
}

const char *credential_problem(const struct credential *c) {
        return c->problem;
}

const char *credential_path(const struct credential *c) {
        return c->path ? c->path : "";
}

const char *credential_origin(const struct credential *c) {
        return c->text && !c->origin ? c->path : c->origin;
}

enum credential_kind credential_kind(const struct credential *c) {
        return c->kind;
}

static void describe_missing(const struct credential *c, char *ret_problem, size_t size) {
        (void) snprintf(ret_problem, size,
                        "no %s is configured: set %s in [Account %s], or write the %s to the "
                        "credential %s.%s and restart",
                        kinds[c->kind].name, kinds[c->kind].key, c->account, kinds[c->kind].name,
                        c->account, kinds[c->kind].suffix);
}

/* Opens and reads the file. Returns 0, or a negative errno with the problem in words. */
static int open_and_read(const struct credential *c, char **ret, size_t *ret_length,
                         struct stat *st, char *ret_problem, size_t size) {
        CLEANUP(closep) int fd = -1;
        int r;

        if (!c->path) {
                describe_missing(c, ret_problem, size);
                return -ENOENT;
        }
        fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        r = fd < 0 || fstat(fd, st) < 0 ? -errno : 0;
        if (r == -ENOENT && !c->configured) {
                describe_missing(c, ret_problem, size);
                return r;
        }
        if (r == 0 && !S_ISREG(st->st_mode)) {
                (void) snprintf(ret_problem, size, "%s is not a regular file", c->path);
                return -EINVAL;
        }
        if (r == 0)
                r = read_all(fd, SECRET_MAX, ret, ret_length);
        if (r == 0 && fstat(fd, st) < 0) /* again: it may be written to while it is read */
                r = -errno;
        if (r < 0)
                (void) snprintf(ret_problem, size, "%s cannot be read (%s)", c->path, strerror(-r));
        return r;
}

/* Once each time that the secret or the mode changes. */
static void warn_of_mode(struct credential *c, const struct stat *st, bool is_new) {
        bool changed = is_new || c->mode != st->st_mode;

        c->mode = st->st_mode;
        if (changed && c->configured && (st->st_mode & 077))
                log_warning("account %s: %s is readable by others (mode %04o); chmod 0600 it",
                            c->account, c->path, (unsigned) (st->st_mode & 07777));
}

/* In words and without a byte of it, why a text that was trimmed is no secret; NULL: it is one. */
static const char *find_fault(const char *text, bool is_one_line, bool has_nul) {
        if (is_one_line && !has_nul)
                return NULL;
        if (has_nul)
                return "contains a NUL byte: expected one line of printable ASCII";
        if (!*text)
                return "is empty";
        if (strpbrk(text, "\r\n"))
                return "contains more than one line: expected one";
        return "contains characters other than printable ASCII: expected one line of printable "
               "ASCII";
}

/* Returns whether it took the place of another one. */
static bool credential_take(struct credential *c, char *text, const struct stat *st) {
        bool is_new = !c->text || !streq(c->text, text), is_other = is_new && c->text;

        warn_of_mode(c, st, is_new);
        secret_free(c->text);
        c->text = text;
        free(STEAL_PTR(c->origin));
        return is_other;
}

void credential_forget(struct credential *c) {
        secret_free(STEAL_PTR(c->text));
        free(STEAL_PTR(c->origin));
        c->settling = (struct settling){};
}

bool credential_is_pending(const struct credential *c) {
        return !c->text && !c->settling.is_read;
}

usec_t credential_look(struct credential *c, usec_t now, usec_t wall) {
        struct file_state state = {.error = ENOENT};

        if (c->path && !c->configured) {
                char *path = find_path(c->kind, c->account);

                if (path) /* in the same directory, which is watched */
                        set_path(c, path);
        }
        if (c->path)
                state = file_state_look(c->path);
        /* The service manager has written its credentials before it starts the service. */
        return settling_look(&c->settling, &state, !c->configured, now, wall);
}

/* What could be read; a fault of the text goes to problem. Returns as credential_read(). */
static int take_text(struct credential *c, char *text, size_t length, const struct stat *st,
                     char *ret_problem, size_t size) {
        CLEANUP(secret_freep) char *owned = text;
        bool has_nul = strlen(text) < length;
        const char *fault = find_fault(text, secret_trim(text, length), has_nul);

        if (!fault)
                return credential_take(c, STEAL_PTR(owned), st);
        (void) snprintf(ret_problem, size, "%s %s", c->path, fault);
        return 0;
}

int credential_read(struct credential *c, usec_t now, usec_t wall) {
        CLEANUP(secret_freep) char *text = NULL;
        char problem[sizeof(c->problem)] = "";
        struct file_state state;
        struct stat st = {};
        size_t length = 0;
        int r;

        r = open_and_read(c, &text, &length, &st, problem, sizeof(problem));
        state = st.st_mode != 0 && !error_is_transient(-r) ? file_state_of(&st)
                                                           : (struct file_state){.error = -r};
        if (r == 0 && !file_state_is_same(&state, &c->settling.seen))
                return -EAGAIN;
        settling_read(&c->settling, &state, now, wall);
        if (r == 0)
                r = take_text(c, STEAL_PTR(text), length, &st, problem, sizeof(problem));
        if (*problem && c->text && !streq(problem, c->problem))
                log_warning("account %s: %s; still using the previous %s", c->account, problem,
                            kinds[c->kind].name);
        (void) snprintf(c->problem, sizeof(c->problem), "%s", problem);
        return r;
}
