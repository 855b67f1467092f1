#include "koowatchd/task/taskdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "common/index.h"
#include "common/log.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/task/task.h"
#include "koowatchd/task/taskdir-file.h"

#define SUFFIX ".task"
#define NO_DIR UINT8_MAX /* it is not among the directories any more */

struct directory {
        struct taskdir *owner;
        struct dirwatch_dir *watched;
        char *path;
        bool removes_finished;
        bool failing; /* reported as unreadable */
};

struct taskdir {
        struct dirwatch *watch;
        struct taskdir_handler handler;
        struct directory *dirs;
        unsigned count;
        struct index files;
        uint32_t scan;
        bool missed; /* something in the directory that is being read */
};

/* ---- files ---- */

static uint64_t file_hash(const void *file) {
        return hash_text(((const struct taskdir_file *) file)->name, HASH_START);
}

static bool file_has_name(const void *file, const void *name) {
        return streq(((const struct taskdir_file *) file)->name, name);
}

static struct taskdir_file *find_file(const struct taskdir *t, const char *name) {
        return index_find(&t->files, hash_text(name, HASH_START), file_has_name, name);
}

/* Puts a file that was read into the table, in the place of its predecessor. */
static int put_file(struct taskdir *t, struct taskdir_file *file) {
        struct taskdir_file *old = find_file(t, file->name);
        int r;

        if (old)
                index_remove(&t->files, old);
        r = index_add(&t->files, file);
        if (r < 0)
                return r; /* not with a predecessor: there is its place */
        taskdir_file_unref(old);
        (void) taskdir_file_ref(file);
        return 0;
}

static void drop_file(struct taskdir *t, struct taskdir_file *file) {
        index_remove(&t->files, file);
        t->handler.on_gone(t->handler.userdata, file);
        taskdir_file_unref(file);
}

/* The task's name in a file's name, or false when the file is none of ours. */
static bool task_name_of(const char *file, char *ret, size_t size) {
        size_t length = strlen(file);

        if (file[0] == '.' || !str_ends_with(file, SUFFIX) || length >= size)
                return false;
        length -= strlen(SUFFIX);
        memcpy(ret, file, length);
        ret[length] = '\0';
        return true;
}

static void report_stray(struct taskdir *t, const struct directory *d, const char *file) {
        CLEANUP(freep) char *path = NULL;

        if (!t->handler.on_stray || file[0] == '.')
                return;
        path = str_printf("%s/%s", d->path, file);
        if (path)
                t->handler.on_stray(t->handler.userdata, path);
}

static void report_missed(struct taskdir *t, const char *what, int error) {
        t->missed = true;
        t->handler.on_transient_error(t->handler.userdata, what, strerror(error));
}

/* Returns false when the file is not there (any more). */
static bool load_file(struct taskdir *t, unsigned dir, int dirfd, const char *name) {
        CLEANUP(taskdir_file_unrefp) struct taskdir_file *record = taskdir_file_new(name);
        CLEANUP(freep) char *path = str_printf("%s/%s" SUFFIX, t->dirs[dir].path, name);
        CLEANUP(secret_freep) char *text = NULL;
        struct task_file file = {.file = record, .path = path};
        int r = -ENOMEM;

        if (record && path) {
                record->dir = (uint8_t) dir;
                record->removes_finished = t->dirs[dir].removes_finished;
                record->scan = t->scan;
                r = task_file_load(dirfd, path + strlen(t->dirs[dir].path) + 1, &file, &text);
        }
        if (r == -ENOENT)
                return false;
        if (r == 0)
                r = put_file(t, record);
        if (r < 0)
                report_missed(t, path ? path : name, -r);
        else
                record->read_again = !t->handler.on_file(t->handler.userdata, &file);
        return true;
}

/* ---- directories ---- */

static int open_directory(const struct directory *d) {
        int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Whether the file that counts under name lies in a directory, which cannot be read now. */
static bool counts_in(const struct taskdir *t, const char *name, unsigned dir) {
        const struct taskdir_file *file = find_file(t, name);

        return file && file->dir == dir;
}

/* Whether a directory above dir has a file of this name, as far as can be told. */
static bool is_hidden(const struct taskdir *t, const char *name, unsigned dir) {
        for (unsigned i = 0; i < dir; i++) {
                CLEANUP(freep) char *path = str_printf("%s/%s" SUFFIX, t->dirs[i].path, name);
                struct stat st;

                if (!path || fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
                    (errno != ENOENT && counts_in(t, name, i)))
                        return true;
        }
        return false;
}

/* The file that counts under name, whichever directory it is in now. */
static void look_up(struct taskdir *t, const char *name) {
        struct taskdir_file *file;

        for (unsigned i = 0; i < t->count; i++) {
                CLEANUP(closep) int fd = open_directory(&t->dirs[i]);

                if (fd == -ENOENT)
                        continue;
                if (fd < 0) {
                        if (error_is_transient(-fd))
                                report_missed(t, t->dirs[i].path, -fd);
                        if (counts_in(t, name, i))
                                return; /* it may be there still: nothing changes */
                        continue;
                }
                if (load_file(t, i, fd, name))
                        return;
        }
        file = find_file(t, name);
        if (file)
                drop_file(t, file);
}

static void on_event(void *userdata, const char *file, uint32_t mask) {
        struct directory *d = userdata;
        struct taskdir *t = d->owner;
        char name[NAME_MAX + 1];
        struct stat st;

        if (!file) {
                taskdir_scan(t);
                return;
        }
        if (!task_name_of(file, name, sizeof(name))) {
                report_stray(t, d, file);
                return;
        }

        /* What is being written is read when its writer closes it; a link is whole at once. */
        if ((mask & (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO)) == IN_CREATE) {
                CLEANUP(freep) char *path = str_printf("%s/%s", d->path, file);

                if (!path || fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    (S_ISREG(st.st_mode) && st.st_nlink == 1))
                        return;
        }
        look_up(t, name);
}

static void report_unreadable(struct directory *d, int error) {
        if (error_is_transient(error))
                report_missed(d->owner, d->path, error);
        if (!d->failing)
                log_warning("%s: cannot read (%s); its known tasks stay as they are", d->path,
                            strerror(error));
        d->failing = true;
}

/* ---- scans ---- */

/* A file that was found: in a list because of two for one task, the one that came first counts. */
struct found {
        char *name;
        int64_t mtime_ns;
        bool known; /* it is in the table, just as it is */
};

struct listing {
        struct found *files;
        size_t count, allocated;
};

static void listing_clear(struct listing *l) {
        for (size_t i = 0; i < l->count; i++)
                free(l->files[i].name);
        free(l->files);
}

static int listing_add(struct listing *l, const char *name, int64_t mtime_ns) {
        char *copy;

        if (l->count == l->allocated) {
                size_t allocated = MAX((size_t) 64, l->allocated * 2);
                struct found *grown = reallocarray(l->files, allocated, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                l->files = grown;
                l->allocated = allocated;
        }
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        l->files[l->count++] = (struct found){.name = copy, .mtime_ns = mtime_ns};
        return 0;
}

static int compare_found(const void *a, const void *b) {
        const struct found *x = a, *y = b;

        if (x->mtime_ns != y->mtime_ns)
                return x->mtime_ns < y->mtime_ns ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* Notes that a file is there. Returns whether it is the one that is in the table. */
static bool mark_seen(struct taskdir *t, unsigned dir, const char *name, const struct stat *st) {
        struct taskdir_file *known = find_file(t, name);
        struct taskdir_file seen = {.dir = (uint8_t) dir};

        taskdir_file_identify(&seen, st);
        if (!known || known->read_again || !taskdir_file_is_same(known, &seen))
                return false;
        known->scan = t->scan;
        return true;
}

/* Lists the files that are to be read, the oldest first: readdir() has no order to rely on. */
static int list_directory(struct taskdir *t, unsigned dir, DIR *stream, struct listing *ret) {
        struct dirent *entry;
        int r;

        while ((errno = 0, entry = readdir(stream))) {
                char name[NAME_MAX + 1];
                struct stat st = {};

                if (!task_name_of(entry->d_name, name, sizeof(name))) {
                        report_stray(t, &t->dirs[dir], entry->d_name);
                        continue;
                }
                if (is_hidden(t, name, dir))
                        continue;
                if (fstatat(dirfd(stream), entry->d_name, &st, 0) == 0 &&
                    mark_seen(t, dir, name, &st))
                        continue;
                r = listing_add(ret, name,
                                (int64_t) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
                if (r < 0)
                        return r;
        }
        r = -errno;
        if (ret->count > 0)
                qsort(ret->files, ret->count, sizeof(*ret->files), compare_found);
        return r;
}

/* Returns false when the directory is there but cannot be read. */
static bool scan_directory(struct taskdir *t, unsigned dir) {
        struct directory *d = &t->dirs[dir];
        CLEANUP(listing_clear) struct listing listing = {};
        DIR *stream = NULL;
        int fd, r;

        fd = open_directory(d);
        if (fd == -ENOENT)
                return true;
        if (fd >= 0)
                stream = fdopendir(fd);
        if (!stream) {
                report_unreadable(d, fd < 0 ? -fd : errno);
                closep(&fd);
                return false;
        }

        t->missed = false;
        r = list_directory(t, dir, stream, &listing);
        for (size_t i = 0; i < listing.count; i++)
                (void) load_file(t, dir, fd, listing.files[i].name);
        if (r < 0)
                report_unreadable(d, -r);
        else
                d->failing = false;
        (void) closedir(stream);
        return !d->failing && !t->missed;
}

/* What was not seen is gone, unless its directory is among the unreadable (bit 1 << dir). */
static void drop_unseen(struct taskdir *t, uint32_t unreadable) {
        struct taskdir_file *file;
        size_t at = 0;

        while ((file = index_next(&t->files, &at)))
                if (file->scan != t->scan && !(unreadable & UINT32_C(1) << file->dir)) {
                        at--; /* another one moves into its slot */
                        drop_file(t, file);
                }
}

void taskdir_scan(struct taskdir *t) {
        uint32_t unreadable = 0;

        t->scan++;
        if (t->handler.on_scan)
                t->handler.on_scan(t->handler.userdata);
        for (unsigned i = 0; i < t->count; i++)
                if (!scan_directory(t, i))
                        unreadable |= UINT32_C(1) << i;
        drop_unseen(t, unreadable);
        if (t->handler.on_scanned)
                t->handler.on_scanned(t->handler.userdata, unreadable == 0);
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

static int directory_open(struct taskdir *t, const char *path, const char *state_tasks,
                          struct directory *ret) {
        *ret = (struct directory){
                .owner = t,
                .path = strdup(path),
                .removes_finished = (state_tasks && streq(path, state_tasks)) ||
                                    str_after(path, "/run/") || str_after(path, "/var/run/"),
        };
        if (!ret->path)
                return -ENOMEM;
        return t->watch ? dirwatch_add(t->watch, path, on_event, ret, &ret->watched) : 0;
}

static uint8_t find_directory(const struct directory *dirs, unsigned count, const char *path) {
        for (unsigned i = 0; i < count; i++)
                if (streq(dirs[i].path, path))
                        return (uint8_t) i;
        return NO_DIR;
}

/* The files are where they were, but for those in directories that are left out now. */
static void move_files(struct taskdir *t, const struct directory *old) {
        struct taskdir_file *file;
        size_t at = 0;

        while ((file = index_next(&t->files, &at))) {
                file->dir = find_directory(t->dirs, t->count, old[file->dir].path);
                if (file->dir == NO_DIR) {
                        at--;
                        drop_file(t, file);
                } else {
                        file->removes_finished = t->dirs[file->dir].removes_finished;
                }
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
                        r = directory_open(t, path, state_tasks, &dirs[count++]);
        }
        if (r < 0) {
                directories_free(t, dirs, count);
                return r;
        }
        t->dirs = dirs;
        t->count = count;
        move_files(t, old);
        directories_free(t, old, old_count);
        return 0;
}

int taskdir_new(struct dirwatch *watch, const struct taskdir_handler *handler,
                struct taskdir **ret) {
        struct taskdir *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->watch = watch;
        t->handler = *handler;
        index_init(&t->files, file_hash);
        *ret = t;
        return 0;
}

void taskdir_free(struct taskdir *t) {
        struct taskdir_file *file;
        size_t at = 0;

        if (!t)
                return;
        directories_free(t, t->dirs, t->count);
        while ((file = index_next(&t->files, &at)))
                taskdir_file_unref(file);
        index_clear(&t->files);
        free(t);
}

/* ---- for others ---- */

char *taskdir_path(const struct taskdir *t, const struct taskdir_file *file) {
        if (file->dir >= t->count)
                return str_printf("%s" SUFFIX, file->name);
        return str_printf("%s/%s" SUFFIX, t->dirs[file->dir].path, file->name);
}

int taskdir_remove(struct taskdir *t, const struct taskdir_file *file) {
        CLEANUP(closep)
        int fd = file->dir < t->count ? open_directory(&t->dirs[file->dir]) : -ENOENT;
        CLEANUP(freep) char *base = str_printf("%s" SUFFIX, file->name);
        CLEANUP(freep) char *aside = str_printf(".%s.finished", file->name);
        struct taskdir_file found = {};
        struct stat st;

        if (fd < 0)
                return fd;
        if (!base || !aside)
                return -ENOMEM;

        if (renameat(fd, base, fd, aside) < 0)
                return -errno;
        if (fstatat(fd, aside, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        taskdir_file_identify(&found, &st);
        if (found.inode == file->inode && found.mtime_ns == file->mtime_ns)
                return unlinkat(fd, aside, 0) < 0 ? -errno : 0;

        /*
         * A new file took the name since. One that has come in the meantime is newer still.
         * Not every file system can rename without replacing; a second link does as well.
         */
        if (renameat2(fd, aside, fd, base, RENAME_NOREPLACE) == 0)
                return -ESTALE;
        if (errno == EEXIST || linkat(fd, aside, fd, base, 0) == 0 || errno == EEXIST)
                (void) unlinkat(fd, aside, 0);
        else
                (void) renameat(fd, aside, fd, base);
        return -ESTALE;
}
