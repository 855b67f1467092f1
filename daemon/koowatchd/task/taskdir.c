#include "koowatchd/task/taskdir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "common/log.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/task/taskdir-look.h"
#include "koowatchd/task/taskdir-table.h"

#define NO_DIR UINT8_MAX /* it is not among the directories any more */

static uint64_t file_hash(const void *file) {
        return hash_text(((const struct taskdir_file *) file)->name, HASH_START);
}

/* ---- events ---- */

/* All directories, in pieces where there is a loop. */
static void look(struct taskdir *t) {
        if (t->timers)
                look_soon(t);
        else
                look_scan(t);
}

static void look_up(struct taskdir *t, const char *name, const struct directory *gone) {
        taskdir_look_up(t, name, gone);
        if (t->look_wanted)
                look_soon(t);
}

static void on_rest(void *userdata, const char *path) {
        char name[NAME_MAX + 1];

        if (taskdir_task_name(strrchr(path, '/') + 1, name, sizeof(name)))
                look_up(userdata, name, NULL);
}

/* A name has come or gone: what is there now may just have been made, and not be whole. */
static void on_name(struct directory *d, const char *path, const char *name) {
        struct taskdir *t = d->owner;
        struct stat st;

        if (lstat(path, &st) < 0) { /* what comes after this has an event of its own */
                look_up(t, name, errno == ENOENT ? d : NULL);
                return;
        }
        switch (fresh_judge(&st)) {
        case FRESH_WHOLE:
                look_up(t, name, NULL);
                break;
        case FRESH_WAIT:
                if (!fresh_wait(&t->fresh, path, &st))
                        look_soon(t);
                break;
        case FRESH_WRITTEN:
                fresh_write(&t->fresh, path);
                break;
        }
}

/* What is being written is read when its writer closes it. */
static void on_file_event(struct directory *d, const char *path, const char *name, uint32_t mask) {
        struct taskdir *t = d->owner;

        if (mask & (IN_DELETE | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_MOVED_TO))
                fresh_end(&t->fresh, path);
        if (mask == IN_MODIFY)
                fresh_write(&t->fresh, path);
        else if (mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM))
                on_name(d, path, name);
        else if (!fresh_is_written(&t->fresh, path))
                look_up(t, name, NULL);
}

static void on_event(void *userdata, const char *base, uint32_t mask) {
        struct directory *d = userdata;
        struct taskdir *t = d->owner;
        CLEANUP(freep) char *path = NULL;
        char name[NAME_MAX + 1];

        if (!base) {
                if (!(mask & IN_ATTRIB)) /* else it is about the directory itself */
                        fresh_lose_events(&t->fresh, d->path);
                look(t);
                return;
        }
        if (!taskdir_task_name(base, name, sizeof(name))) {
                if (mask != IN_MODIFY)
                        taskdir_report_stray(t, d, base);
                return;
        }
        path = str_printf("%s/%s", d->path, base);
        if (path)
                on_file_event(d, path, name, mask);
}

/* ---- configuration ---- */

static void directories_free(struct taskdir *t, struct directory *dirs, unsigned count) {
        for (unsigned i = 0; i < count; i++) {
                if (dirs[i].watched)
                        dirwatch_remove(t->watch, dirs[i].watched);
                free(dirs[i].path);
        }
        free(dirs);
}

static int directory_new(struct taskdir *t, const char *path, const char *state_tasks,
                         struct directory *ret) {
        *ret = (struct directory){
                .owner = t,
                .path = strdup(path),
                .sync.is_needed = true, /* what has gone while nobody looked */
                .removes_finished = (state_tasks && streq(path, state_tasks)) ||
                                    str_after(path, "/run/") || str_after(path, "/var/run/"),
        };
        if (!ret->path)
                return -ENOMEM;
        return t->watch ? dirwatch_add(t->watch, path, IN_MODIFY, on_event, ret, &ret->watched) : 0;
}

static uint8_t find_directory(const struct directory *dirs, unsigned count, const char *path) {
        for (unsigned i = 0; i < count; i++)
                if (streq(dirs[i].path, path))
                        return (uint8_t) i;
        return NO_DIR;
}

/* What is known of a directory that stays. */
static void keep_state(struct directory *d, const struct directory *old) {
        d->device = old->device;
        d->inode = old->inode;
        d->away_since = old->away_since;
        d->is_failing = old->is_failing;
        d->is_suspended = old->is_suspended;
}

/* Those in directories that are left out go, while they have their paths. */
static void drop_left_out(struct taskdir *t, const struct directory *dirs, unsigned count) {
        struct taskdir_file *file;
        size_t at = 0;

        while ((file = index_next(&t->files, &at)))
                if (find_directory(dirs, count, t->dirs[file->dir].path) == NO_DIR) {
                        at--; /* another one moves into its slot */
                        (void) taskdir_file_ref(file);
                        taskdir_drop(t, file);
                        file->dir = NO_DIR;
                        taskdir_file_unref(file);
                }
}

/* The files are where they were. */
static void move_files(struct taskdir *t, const struct directory *old) {
        struct taskdir_file *file;
        size_t at = 0;

        while ((file = index_next(&t->files, &at))) {
                file->dir = find_directory(t->dirs, t->count, old[file->dir].path);
                t->dirs[file->dir].files++;
                file->removes_finished = t->dirs[file->dir].removes_finished;
        }
}

int taskdir_configure(struct taskdir *t, const char *directories, const char *state_tasks) {
        CLEANUP(freep) char *copy = strdup(directories);
        struct directory *dirs = calloc(TASKDIR_MAX, sizeof(*dirs)), *old = t->dirs;
        unsigned count = 0, old_count = t->count;
        char *at = copy, *path;
        int r = copy && dirs ? 0 : -ENOMEM;

        while (r == 0 && (path = strsep(&at, ":"))) {
                if (!*path)
                        continue;
                if (count == TASKDIR_MAX)
                        log_warning("%s: ignored, there are already %d task directories before it",
                                    path, TASKDIR_MAX);
                else
                        r = directory_new(t, path, state_tasks, &dirs[count++]);
        }
        if (r < 0) {
                directories_free(t, dirs, count);
                return r;
        }
        look_cancel(t);
        drop_left_out(t, dirs, count);
        t->dirs = dirs;
        t->count = count;
        for (unsigned i = 0; i < old_count; i++) {
                uint8_t at_now = find_directory(dirs, count, old[i].path);

                if (at_now != NO_DIR)
                        keep_state(&dirs[at_now], &old[i]);
        }
        move_files(t, old);
        directories_free(t, old, old_count);
        return 0;
}

int taskdir_new(struct dirwatch *watch, struct timers *timers,
                const struct taskdir_handler *handler, struct taskdir **ret) {
        CLEANUP(taskdir_freep) struct taskdir *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        t->watch = watch;
        t->timers = timers;
        r = look_open(t);
        if (r == 0)
                r = fresh_open(&t->fresh, timers, on_rest, t);
        if (r < 0)
                return r;
        t->handler = *handler;
        index_init(&t->files, file_hash);
        *ret = STEAL_PTR(t);
        return 0;
}

void taskdir_free(struct taskdir *t) {
        struct taskdir_file *file;
        size_t at = 0;

        if (!t)
                return;
        look_close(t);
        fresh_close(&t->fresh);
        directories_free(t, t->dirs, t->count);
        while ((file = index_next(&t->files, &at)))
                taskdir_file_unref(file);
        index_clear(&t->files);
        free(t);
}

/* ---- for others ---- */

void taskdir_scan(struct taskdir *t) {
        look_scan(t);
}

void taskdir_look(struct taskdir *t) {
        look_soon(t);
}

bool taskdir_is_suspended(const struct taskdir *t, const struct taskdir_file *file) {
        return file->dir < t->count && t->dirs[file->dir].is_suspended;
}

void taskdir_each_trouble(const struct taskdir *t,
                          void (*fn)(void *userdata, const char *path, const char *trouble),
                          void *userdata) {
        for (unsigned i = 0; i < t->count; i++) {
                const char *trouble = directory_trouble(&t->dirs[i]);

                if (trouble)
                        fn(userdata, t->dirs[i].path, trouble);
        }
}

char *taskdir_path(const struct taskdir *t, const struct taskdir_file *file) {
        if (file->is_remote)
                return str_printf("%s:%s", taskdir_file_node(file), taskdir_file_remote_path(file));
        if (file->dir >= t->count)
                return str_printf("%s" TASK_SUFFIX, file->name);
        return str_printf("%s/%s" TASK_SUFFIX, t->dirs[file->dir].path, file->name);
}

char *taskdir_find_path(const struct taskdir *t, const char *name) {
        for (unsigned i = 0; i < t->count; i++) {
                char *path = str_printf("%s/%s" TASK_SUFFIX, t->dirs[i].path, name);

                if (path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                        return path;
                free(path);
        }
        return NULL;
}

bool taskdir_may_have(const struct taskdir *t, const char *path) {
        for (unsigned i = 0; i < t->count; i++) {
                const struct directory *d = &t->dirs[i];
                const char *base = str_after(path, d->path);

                if (base && *base == '/' && !strchr(base + 1, '/'))
                        return d->files == 0 || d->away_since > 0 || d->is_failing;
        }
        return false;
}

void taskdir_notice(struct taskdir *t, const char *name) {
        taskdir_look_up(t, name, NULL);
}

int taskdir_read(const struct taskdir *t, const struct taskdir_file *file,
                 void (*on_file)(void *userdata, const struct task_file *file), void *userdata) {
        CLEANUP(taskdir_file_unrefp) struct taskdir_file *record = taskdir_file_new(file->name);
        CLEANUP(freep) char *path = taskdir_path(t, file);
        CLEANUP(secret_freep) char *text = NULL;
        CLEANUP(closep) int fd = -1;
        struct task_file read = {.file = record, .path = path};
        struct stat st;
        int r;

        if (!record || !path)
                return -ENOMEM;
        if (file->dir >= t->count)
                return -ENOENT;
        fd = open(t->dirs[file->dir].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        read.root_only = directory_is_root_only(&st);
        r = task_file_load(fd, path + strlen(t->dirs[file->dir].path) + 1, &read, &text);
        if (r == 0)
                on_file(userdata, &read);
        return r;
}

int taskdir_remove(struct taskdir *t, struct taskdir_file *file) {
        CLEANUP(closep) int fd = -1;
        int r;

        if (file->dir >= t->count)
                return -ENOENT;
        fd = open(t->dirs[file->dir].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = taskdir_file_remove(fd, file);
        file->is_removed = r == 0;
        t->dirs[file->dir].sync.is_needed |= r == 0;
        return r;
}

void taskdir_sync(struct taskdir *t) {
        for (unsigned i = 0; i < t->count; i++)
                directory_sync(&t->dirs[i].sync, t->dirs[i].path);
}

/* As stat(), of the file that counts under name in one directory. Returns 0 or a negative errno. */
static int stat_file(const struct directory *d, const char *name, struct stat *ret) {
        CLEANUP(freep) char *path = str_printf("%s/%s" TASK_SUFFIX, d->path, name);

        if (!path)
                return -ENOMEM;
        if (fstatat(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        /* Also one that leads nowhere hides its namesakes. */
        if (S_ISLNK(ret->st_mode) && stat(path, ret) < 0 && error_is_transient(errno))
                return -errno;
        return 0;
}

int taskdir_has(const struct taskdir *t, const char *name, uint64_t inode, int64_t mtime_ns) {
        struct taskdir_file found = {};

        for (unsigned i = 0; i < t->count; i++) {
                struct stat st;
                int r = stat_file(&t->dirs[i], name, &st);

                if (r == -ENOENT || r == -ENOTDIR)
                        continue;
                if (r < 0)
                        return r;
                taskdir_file_identify(&found, &st);
                break;
        }
        return found.inode == inode && found.mtime_ns == mtime_ns;
}
