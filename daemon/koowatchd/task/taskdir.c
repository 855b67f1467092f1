#include "koowatchd/task/taskdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "common/log.h"
#include "koowatchd/task/task.h"

#define SUFFIX ".task"

struct directory {
        struct taskdir *owner;
        struct dirwatch_dir *watched;
        char *path;
        bool is_volatile;
        bool complained; /* that it cannot be read */
};

struct taskdir {
        struct dirwatch *watch;
        struct taskdir_handler handler;
        struct directory dirs[TASKDIR_MAX];
        unsigned count;
        bool missed; /* in the directory that is being read */
};

/* The task's name in a file's name, or false when the file is none of ours. */
static bool name_of(const char *file, char *ret, size_t size) {
        size_t length = strlen(file);

        if (file[0] == '.' || !str_ends_with(file, SUFFIX) || length >= size)
                return false;
        length -= strlen(SUFFIX);
        memcpy(ret, file, length);
        ret[length] = '\0';
        return true;
}

static void on_stray(struct taskdir *t, const struct directory *d, const char *file) {
        CLEANUP(freep) char *path = file[0] == '.' ? NULL : str_printf("%s/%s", d->path, file);

        if (path)
                t->handler.on_stray(t->handler.userdata, path);
}

static struct task_file_id id_of(const struct stat *st, unsigned dir) {
        return (struct task_file_id){
                .dir = dir,
                .inode = st->st_ino,
                .mtime_ns = (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
                .size = (uint32_t) MIN(st->st_size, (off_t) UINT32_MAX),
        };
}

static bool same_file(const struct task_file_id *a, const struct task_file_id *b) {
        return a->inode == b->inode && a->mtime_ns == b->mtime_ns;
}

/* Reads an opened file's text; the answer is in file->text or file->problem. */
static void read_text(int fd, struct task_file *file, char **ret_text) {
        int r;

        if (file->id.size > TASK_FILE_MAX) {
                file->problem = "the file is over 64 KiB";
                return;
        }
        r = read_all(fd, TASK_FILE_MAX, ret_text, &file->length);
        if (r == -EFBIG)
                file->problem = "the file is over 64 KiB";
        else if (r < 0)
                file->problem = strerror(-r);
        else
                file->text = *ret_text;
}

static void miss(struct taskdir *t, const char *what, int error) {
        t->missed = true;
        t->handler.on_transient_error(t->handler.userdata, what, strerror(error));
}

/* Returns false when the file is not there (any more). */
static bool load(struct taskdir *t, unsigned dir, int dirfd, const char *name) {
        CLEANUP(closep) int fd = -1;
        CLEANUP(secret_freep) char *text = NULL;
        CLEANUP(freep) char *path = str_printf("%s/%s" SUFFIX, t->dirs[dir].path, name);
        struct task_file file = {.name = name, .path = path};
        struct stat st;

        if (!path) {
                miss(t, name, ENOMEM);
                return true;
        }
        if (fstat(dirfd, &st) == 0)
                file.root_only = st.st_uid == 0 && !(st.st_mode & 022);
        fd = openat(dirfd, path + strlen(t->dirs[dir].path) + 1,
                    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
                            (file.root_only ? 0 : O_NOFOLLOW));
        if (fd < 0 && errno == ENOENT)
                return false;
        if (fd < 0 && error_is_transient(errno)) {
                miss(t, path, errno);
                return true;
        }

        file.id.dir = dir;
        if (fd < 0) {
                file.problem = errno == ELOOP && !file.root_only
                                       ? "a symbolic link, which is honoured only in a directory "
                                         "that root alone can write"
                                       : strerror(errno);
                if (fstatat(dirfd, path + strlen(t->dirs[dir].path) + 1, &st,
                            AT_SYMLINK_NOFOLLOW) == 0)
                        file.id = id_of(&st, dir);
        } else if (fstat(fd, &st) < 0) {
                file.problem = strerror(errno);
        } else {
                file.id = id_of(&st, dir);
                file.world_readable = st.st_mode & S_IROTH;
                if (!S_ISREG(st.st_mode))
                        file.problem = "not a regular file";
                else
                        read_text(fd, &file, &text);
        }
        if (!task_name_is_valid(name)) {
                file.text = NULL;
                file.problem = "a task's name is 1 to 128 of A-Z a-z 0-9 . _ @ -, and this one "
                               "is not: rename the file";
        }
        t->handler.on_file(t->handler.userdata, &file);
        return true;
}

static int open_directory(const struct directory *d) {
        int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Whether the file that counts under name lies in a directory, which cannot be looked at now. */
static bool counts_in(const struct taskdir *t, const char *name, unsigned dir) {
        return t->handler.dir_of(t->handler.userdata, name) == (int) dir;
}

/* Whether a directory above dir has a file of this name, as far as can be told. */
static bool is_hidden(const struct taskdir *t, const char *name, unsigned dir) {
        for (unsigned i = 0; i < dir; i++) {
                CLEANUP(freep) char *path = str_printf("%s/%s" SUFFIX, t->dirs[i].path, name);
                struct stat st;

                if (!path || fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
                    (errno != ENOENT && errno != ENOTDIR && counts_in(t, name, i)))
                        return true;
        }
        return false;
}

/* The file that counts under name, whichever directory it is in now. */
static void look_up(struct taskdir *t, const char *name) {
        for (unsigned i = 0; i < t->count; i++) {
                CLEANUP(closep) int fd = open_directory(&t->dirs[i]);

                if (fd == -ENOENT || fd == -ENOTDIR)
                        continue;
                if (fd < 0) {
                        if (error_is_transient(-fd))
                                miss(t, t->dirs[i].path, -fd);
                        if (counts_in(t, name, i))
                                return; /* it may be there still: nothing changes */
                        continue;
                }
                if (load(t, i, fd, name))
                        return;
        }
        t->handler.on_gone(t->handler.userdata, name);
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
        if (!name_of(file, name, sizeof(name))) {
                on_stray(t, d, file);
                return;
        }

        /* A file that is being written is read when its writer closes it; a link is whole at once.
         */
        if ((mask & (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO)) == IN_CREATE) {
                CLEANUP(freep) char *path = str_printf("%s/%s", d->path, file);

                if (!path || fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    (S_ISREG(st.st_mode) && st.st_nlink == 1))
                        return;
        }
        look_up(t, name);
}

static void complain(struct directory *d, int error) {
        if (error_is_transient(error))
                miss(d->owner, d->path, error);
        if (!d->complained)
                log_warning("%s: cannot be read (%s); the tasks known from it stay as they are",
                            d->path, strerror(error));
        d->complained = true;
}

/* A file that was found: in a list because of two for one task, the one that came first counts. */
struct found {
        char *name;
        struct task_file_id id;
        bool known; /* id is */
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

static int listing_add(struct listing *l, const struct found *found) {
        if (l->count == l->allocated) {
                size_t allocated = MAX((size_t) 64, l->allocated * 2);
                struct found *grown = reallocarray(l->files, allocated, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                l->files = grown;
                l->allocated = allocated;
        }
        l->files[l->count] = *found;
        l->files[l->count].name = strdup(found->name);
        return l->files[l->count].name ? (l->count++, 0) : -ENOMEM;
}

static int compare_found(const void *a, const void *b) {
        const struct found *x = a, *y = b;

        if (x->id.mtime_ns != y->id.mtime_ns)
                return x->id.mtime_ns < y->id.mtime_ns ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* The task files of a directory, the oldest first: readdir() has no order to rely on. */
static int list_directory(struct taskdir *t, unsigned dir, DIR *stream, struct listing *ret) {
        struct dirent *entry;
        int r;

        while ((errno = 0, entry = readdir(stream))) {
                char name[NAME_MAX + 1];
                struct found found = {.name = name};
                struct stat st;

                if (!name_of(entry->d_name, name, sizeof(name))) {
                        on_stray(t, &t->dirs[dir], entry->d_name);
                        continue;
                }
                if (is_hidden(t, name, dir))
                        continue;
                found.known = fstatat(dirfd(stream), entry->d_name, &st, 0) == 0;
                if (found.known)
                        found.id = id_of(&st, dir);
                r = listing_add(ret, &found);
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
                complain(d, fd < 0 ? -fd : errno);
                closep(&fd);
                return false;
        }

        t->missed = false;
        r = list_directory(t, dir, stream, &listing);
        for (size_t i = 0; i < listing.count; i++) {
                const struct found *file = &listing.files[i];

                if (!file->known || !t->handler.on_seen(t->handler.userdata, file->name, &file->id))
                        (void) load(t, dir, fd, file->name);
        }
        if (r < 0)
                complain(d, -r);
        else
                d->complained = false;
        (void) closedir(stream);
        return !d->complained && !t->missed;
}

void taskdir_scan(struct taskdir *t) {
        uint32_t unreadable = 0;

        t->handler.on_scan(t->handler.userdata);
        for (unsigned i = 0; i < t->count; i++)
                if (!scan_directory(t, i))
                        unreadable |= UINT32_C(1) << i;
        t->handler.on_scanned(t->handler.userdata, unreadable);
}

static int add_directory(struct taskdir *t, const char *path, const char *state_tasks) {
        struct directory *d = &t->dirs[t->count];

        *d = (struct directory){
                .owner = t,
                .path = strdup(path),
                .is_volatile = (state_tasks && streq(path, state_tasks)) ||
                               str_after(path, "/run/") || str_after(path, "/var/run/"),
        };
        if (!d->path)
                return -ENOMEM;
        t->count++;
        if (!t->watch)
                return 0;
        return dirwatch_add(t->watch, path, on_event, d, &d->watched);
}

int taskdir_new(struct dirwatch *watch, const char *directories, const char *state_tasks,
                const struct taskdir_handler *handler, struct taskdir **ret) {
        CLEANUP(taskdir_freep) struct taskdir *t = NULL;
        CLEANUP(freep) char *copy = strdup(directories);
        char *at = copy, *path;
        int r;

        t = calloc(1, sizeof(*t));
        if (!t || !copy)
                return -ENOMEM;
        t->watch = watch;
        t->handler = *handler;
        while ((path = strsep(&at, ":"))) {
                if (!*path)
                        continue;
                if (t->count == TASKDIR_MAX) {
                        log_warning("%s: ignored, there are %d task directories above it already",
                                    path, TASKDIR_MAX);
                        continue;
                }
                r = add_directory(t, path, state_tasks);
                if (r < 0)
                        return r;
        }
        *ret = STEAL_PTR(t);
        return 0;
}

void taskdir_free(struct taskdir *t) {
        if (!t)
                return;
        for (unsigned i = 0; i < t->count; i++) {
                if (t->watch)
                        dirwatch_remove(t->watch, t->dirs[i].watched);
                free(t->dirs[i].path);
        }
        free(t);
}

int taskdir_find(const struct taskdir *t, const char *path) {
        for (unsigned i = 0; i < t->count; i++)
                if (streq(t->dirs[i].path, path))
                        return (int) i;
        return -1;
}

const char *taskdir_path(const struct taskdir *t, unsigned dir) {
        return t->dirs[dir].path;
}

bool taskdir_is_volatile(const struct taskdir *t, unsigned dir) {
        return t->dirs[dir].is_volatile;
}

int taskdir_remove(struct taskdir *t, const char *name, const struct task_file_id *id) {
        CLEANUP(closep) int fd = open_directory(&t->dirs[id->dir]);
        CLEANUP(freep) char *file = str_printf("%s" SUFFIX, name);
        CLEANUP(freep) char *aside = str_printf(".%s.finished", name);
        struct task_file_id found;
        struct stat st;

        if (fd < 0)
                return fd;
        if (!file || !aside)
                return -ENOMEM;

        if (renameat(fd, file, fd, aside) < 0)
                return -errno;
        if (fstatat(fd, aside, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        found = id_of(&st, id->dir);
        if (same_file(&found, id))
                return unlinkat(fd, aside, 0) < 0 ? -errno : 0;

        /*
         * A new file took the name since. One that has come in the meantime is newer still.
         * Not every file system can rename without replacing; a second link does as well.
         */
        if (renameat2(fd, aside, fd, file, RENAME_NOREPLACE) == 0)
                return -ESTALE;
        if (errno == EEXIST || linkat(fd, aside, fd, file, 0) == 0 || errno == EEXIST)
                (void) unlinkat(fd, aside, 0);
        else
                (void) renameat(fd, aside, fd, file);
        return -ESTALE;
}
