#include "koowatchd/check.h"

#include <errno.h>
#include <search.h>

#include "common/config.h"
#include "common/words.h"
#include "koowatchd/store/store-module.h"
#include "koowatchd/task/hook-check.h"
#include "koowatchd/task/strays.h"
#include "koowatchd/task/task-file.h"
#include "koowatchd/task/task.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

/* A task's key, and the file that has it. */
struct seen {
        char *key;
        char *path;
};

struct checker {
        const struct config *config;
        const char *path; /* of the file that is being read */
        void *seen;       /* tsearch() tree */
        bool failed;
};

/* A file's name may hold anything. */
static void print_plain(const char *text) {
        CLEANUP(freep) char *plain = strdup(text);

        if (plain)
                str_make_plain(plain);
        (void) fputs(plain ? plain : "?", stdout);
}

static void print_fault(struct checker *c, bool is_error, const char *file, unsigned line,
                        const char *text) {
        c->failed |= is_error;
        print_plain(file);
        if (line > 0)
                (void) printf(":%u", line);
        (void) printf(": %s", is_error ? "" : "warning: ");
        print_plain(text);
        (void) putchar('\n');
}

static void on_config_fault(void *userdata, bool is_error, const char *file, unsigned line,
                            const char *text) {
        print_fault(userdata, is_error, file, line, text);
}

static void on_task_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        struct checker *c = userdata;

        print_fault(c, is_error, c->path, line, text);
}

static bool has_account(void *userdata, const char *name) {
        const struct checker *c = userdata;

        return config_account(c->config, name);
}

static int compare_seen(const void *a, const void *b) {
        return strcmp(((const struct seen *) a)->key, ((const struct seen *) b)->key);
}

static void seen_free(void *node) {
        struct seen *s = node;

        free(s->key);
        free(s->path);
        free(s);
}
DEFINE_CLEANUP(struct seen *, seen_free)

static int check_duplicate(struct checker *c, const struct task *task) {
        CLEANUP(seen_freep) struct seen *s = calloc(1, sizeof(*s));
        struct seen **found;

        if (!s)
                return -ENOMEM;
        s->key = str_printf("%s/%s/%s", task->account ? task->account : ACCOUNT_DEFAULT,
                            task->share_id, task->task_id);
        s->path = strdup(c->path);
        if (!s->key || !s->path)
                return -ENOMEM;
        found = tsearch(s, &c->seen, compare_seen);
        if (!found)
                return -ENOMEM;
        if (*found == s) {
                s = NULL;
        } else {
                CLEANUP(freep) char *text = str_printf("duplicate of %s", (*found)->path);

                print_fault(c, true, c->path, 0, text ? text : "a duplicate");
        }
        return 0;
}

static void check_hooks(struct checker *c, const struct task *task) {
        CLEANUP(freep) char *problem = NULL;

        if (task->hooks)
                problem = hook_check_named(c->config->hook_directories, task->hooks);
        if (problem)
                print_fault(c, false, c->path, 0, problem);
}

/* Alone, there is no other node that might have it. */
static void check_labels(struct checker *c, const struct task *task) {
        CLEANUP(freep) char *text = NULL;
        size_t length;
        const char *missing = words_missing(task->run_on, c->config->labels, &length);

        if (!missing || c->config->store_backend != BACKEND_SQLITE)
                return;
        text = str_printf("RunOn=%.*s is not among Labels= in [Hooks], its hooks do not run",
                          (int) length, missing);
        print_fault(c, false, c->path, 0, text ? text : "it lacks a label of RunOn=");
}

static void on_bad_hook(void *userdata, const char *path, const char *why) {
        CLEANUP(freep) char *text = str_printf("would not run: %s", why);

        print_fault(userdata, false, path, 0, text ? text : why);
}

static enum read_again on_file(void *userdata, const struct task_file *file) {
        struct checker *c = userdata;
        const struct task_file_check rules = {has_account, on_task_fault, c};
        CLEANUP(task_freep) struct task *task = NULL;
        int r;

        c->path = file->path;
        r = task_file_read(file, &rules, &task);
        if (r == 0)
                r = check_duplicate(c, task);
        if (r == 0) {
                check_hooks(c, task);
                check_labels(c, task);
        }
        if (r == -ENOMEM)
                print_fault(c, true, file->path, 0, strerror(-r));
        return READ_AGAIN_NOT;
}

static void on_gone(void *userdata, struct taskdir_file *file) {
        (void) userdata;
        (void) file;
}

static void on_scanned(void *userdata, bool complete, bool has_gaps) {
        struct checker *c = userdata;

        (void) has_gaps;
        c->failed |= !complete; /* the log says why */
}

static void on_stray(void *userdata, const char *path) {
        CLEANUP(freep) char *text = stray_is(path) ? stray_describe(path) : NULL;

        if (text)
                print_fault(userdata, false, path, 0, text);
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        struct checker *c = userdata;

        print_fault(c, true, what, 0, why);
}

/* That its module is there, and what that says of the connection. */
static void check_store(struct checker *c) {
        struct config_origin backend = config_origin(c->config, "Store", "Backend");
        struct config_origin connection = config_origin(c->config, "Store", "Connection");
        CLEANUP(freep) char *problem = NULL;
        CLEANUP(freep) char *text = NULL;
        int r;

        if (c->config->store_backend != BACKEND_POSTGRESQL)
                return;
        r = store_module_check("postgresql", c->config->store_connection, &problem);
        if (r == 0)
                return;
        if (r == -EINVAL && connection.file)
                text = str_printf("Connection in [Store]: %s", problem ? problem : strerror(-r));
        else
                text = str_printf("Backend in [Store]: %s", problem ? problem : strerror(-r));
        if (r == -EINVAL && connection.file)
                backend = connection;
        print_fault(c, true, backend.file, backend.line, text ? text : strerror(-r));
}

int check(const char *config_path, bool config_required) {
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(taskdir_freep) struct taskdir *taskdir = NULL;
        struct checker c = {};
        const struct taskdir_handler handler = {
                .on_file = on_file,
                .on_gone = on_gone,
                .on_scanned = on_scanned,
                .on_stray = on_stray,
                .on_transient_error = on_transient_error,
                .userdata = &c,
        };
        int r;

        r = config_read(config_path, config_required, &account_keys, on_config_fault, &c, &config);
        if (r == -EBADMSG)
                return 1; /* which directories and accounts there are is not known */
        if (r < 0)
                return r;
        c.config = config;
        r = taskdir_new(NULL, NULL, &handler, &taskdir);
        if (r == 0)
                r = taskdir_configure(taskdir, config->task_directories, NULL);
        if (r < 0)
                return r;
        taskdir_scan(taskdir);
        hook_check_events(config->hook_directories, on_bad_hook, &c);
        check_store(&c);
        tdestroy(c.seen, seen_free);
        return c.failed ? 1 : 0;
}
