#include "koowatchd/control/add-task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/crash-point.h"
#include "common/log.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/control-state.h"
#include "koowatchd/control/task-text.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-facts.h"
#include "koowatchd/task/task.h"

#define MODE 0600 /* as that of the store: it may hold a KdsToken= */

/* ---- writing ---- */

/* Fills the file, and gives it its name, which nobody else has. */
static int fill_and_publish(int dirfd, int fd, const char *temporary, const char *base,
                            const char *text) {
        int r = fchmod(fd, MODE) < 0 ? -errno : write_all(fd, text, strlen(text));

        if (r < 0)
                return r;
        if (fsync(fd) < 0)
                return -errno;
        CRASH_POINT("task-written");
        if (renameat2(dirfd, temporary, dirfd, base, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno != EINVAL)
                return -errno;
        /* This file system cannot do that. */
        if (linkat(dirfd, temporary, dirfd, base, 0) < 0)
                return -errno;
        (void) unlinkat(dirfd, temporary, 0);
        return 0;
}

/* Returns 0, -EEXIST, or another negative errno with nothing left of it. */
static int publish(const char *directory, const char *name, const char *text) {
        CLEANUP(freep) char *base = str_printf("%s.task", name);
        CLEANUP(freep) char *temporary = str_printf(".%s.task.add", name);
        CLEANUP(closep) int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(closep) int fd = -1;
        int r;

        if (dirfd < 0)
                return -errno;
        if (!base || !temporary)
                return -ENOMEM;
        (void) unlinkat(dirfd, temporary, 0); /* a crash may have left it */
        fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
        if (fd < 0)
                return -errno;
        r = fill_and_publish(dirfd, fd, temporary, base, text);
        if (r < 0) {
                (void) unlinkat(dirfd, temporary, 0);
                return r;
        }
        CRASH_POINT("task-published");
        if (fsync(dirfd) == 0)
                return 0;
        r = -errno;
        (void) unlinkat(dirfd, base, 0); /* the caller is told that it failed */
        return r;
}

/* ---- Add ---- */

/* Whether the directory is among those that are read. */
static bool is_read(const struct control *c) {
        CLEANUP(freep) char *directories = strdup(c->task_directories ? c->task_directories : "");
        char *at = directories, *directory;

        while ((directory = strsep(&at, ":"))) {
                str_cut_slashes(directory);
                if (streq(directory, c->state_tasks))
                        return true;
        }
        return false;
}

/* What speaks against another task. */
struct refusal {
        bool is_refused;
        enum bus_error error;
        char *text;
};

static void refuse(struct refusal *refusal, enum bus_error error, const char *format, ...)
        PRINTF_LIKE(3, 4);

static void refuse(struct refusal *refusal, enum bus_error error, const char *format, ...) {
        va_list args;

        refusal->is_refused = true;
        refusal->error = error;
        va_start(args, format);
        if (vasprintf(&refusal->text, format, args) < 0)
                refusal->text = NULL;
        va_end(args);
}

static void check_task(const struct control *c, const char *name, const struct task *task,
                       struct refusal *refusal) {
        const struct enrollment *en = registry_enrollment(c->with.registry);
        const char *account_name = task->account ? task->account : ACCOUNT_DEFAULT;
        const struct store_key key = {account_name, task->share_id, task->task_id};
        CLEANUP(freep) char *path = task_facts_path_of_name(en, name);
        const char *same = task_facts_name_of_key(en, &key);

        if (!task_facts_account(en, account_name))
                refuse(refusal, BUS_INVALID,
                       "[Account %s] is not in the configuration: add it and reload", account_name);
        else if (task->kdstoken_file)
                refuse(refusal, BUS_INVALID,
                       "KdsTokenFile= is allowed only in a directory that only root can write to");
        else if (path)
                refuse(refusal, BUS_EXISTS, "there is %s already", path);
        else if (same)
                refuse(refusal, BUS_EXISTS, "the task is registered already, as %s", same);
        else if (!is_read(c))
                refuse(refusal, BUS_NOT_ALLOWED,
                       "%s is not among TaskDirectories=", c->state_tasks);
}

void add_task(struct control *c, struct bus_call *call) {
        json_object *settings = json_object_array_get_idx(bus_call_arguments(call), 1);
        const char *name = control_task_name(call);
        CLEANUP(secret_freep) char *text = NULL;
        CLEANUP(task_freep) struct task *task = NULL;
        CLEANUP(freep) char *fault = NULL;
        struct refusal refusal = {};
        int r;

        if (!name)
                return;
        r = task_text_make(settings, &text, &task, &fault);
        if (r == -EBADMSG) {
                bus_call_fail(call, BUS_INVALID, "%s", fault);
                return;
        }
        if (r == 0)
                check_task(c, name, task, &refusal);
        if (refusal.is_refused) {
                bus_call_fail(call, refusal.error, "%s", refusal.text ? refusal.text : name);
                free(refusal.text);
                return;
        }
        if (r == 0)
                r = publish(c->state_tasks, name, text);
        if (r < 0) {
                bus_call_fail(call, r == -EEXIST ? BUS_EXISTS : BUS_UNAVAILABLE, "%s/%s.task: %s",
                              c->state_tasks, name, strerror(-r));
                return;
        }
        registry_notice(c->with.registry, name);
        bus_call_reply(call, NULL);
}

/* ---- Remove ---- */

void remove_task(struct control *c, struct bus_call *call) {
        const struct enrollment *en = registry_enrollment(c->with.registry);
        const char *name = control_task_name(call);
        CLEANUP(freep) char *path = NULL;
        struct task_facts facts;
        int r;

        if (!name)
                return;
        if (!task_facts_find(en, name, &facts)) {
                bus_call_fail(call, BUS_NOT_FOUND, "there is no task %s", name);
                return;
        }
        path = task_facts_path(en, &facts);
        if (facts.node) {
                bus_call_fail(call, BUS_NOT_ALLOWED, "its file is on node %s: remove it there (%s)",
                              facts.node, path ? path : name);
                return;
        }
        if (!facts.removes_finished) {
                bus_call_fail(call, BUS_NOT_ALLOWED,
                              "the file belongs to whoever wrote it: delete %s",
                              path ? path : name);
                return;
        }
        r = registry_remove(c->with.registry, name);
        if (r == -ENOENT) /* its watch ends in a moment */
                bus_call_fail(call, BUS_NOT_FOUND, "the file of task %s is gone already", name);
        else if (r < 0)
                bus_call_fail(call, r == -ESTALE ? BUS_UNAVAILABLE : BUS_NOT_ALLOWED,
                              "%s cannot be removed: %s", path ? path : name,
                              r == -ESTALE ? "it has just been replaced" : strerror(-r));
        else
                bus_call_reply(call, NULL);
}
