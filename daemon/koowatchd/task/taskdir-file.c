#include "koowatchd/task/taskdir-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/crash-point.h"
#include "common/file-state.h"
#include "common/index.h"
#include "koowatchd/task/task.h"

#define ASIDE_SUFFIX \
        ".finished" /* of a file that is about to be removed, with a dot before its name */

struct taskdir_file *taskdir_file_ref(struct taskdir_file *file) {
        file->references++;
        return file;
}

void taskdir_file_unref(struct taskdir_file *file) {
        if (file && --file->references == 0)
                free(file);
}

struct taskdir_file *taskdir_file_new(const char *name) {
        size_t size = strlen(name) + 1;
        struct taskdir_file *file =
                calloc(1, MAX(sizeof(*file), offsetof(struct taskdir_file, name) + size));

        if (!file)
                return NULL;
        file->references = 1;
        memcpy(file->name, name, size);
        return file;
}

struct taskdir_file *taskdir_file_new_remote(const char *node, const char *path) {
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        size_t length = strlen(base), node_size = strlen(node) + 1, path_size = strlen(path) + 1;
        struct taskdir_file *file;

        if (length > strlen(TASK_SUFFIX) && streq(base + length - strlen(TASK_SUFFIX), TASK_SUFFIX))
                length -= strlen(TASK_SUFFIX);
        file = calloc(1, sizeof(*file) + length + 1 + node_size + path_size);
        if (!file)
                return NULL;
        file->references = 1;
        file->is_remote = true;
        file->dir = REMOTE_DIR;
        memcpy(file->name, base, length);
        memcpy(file->name + length + 1, node, node_size);
        memcpy(file->name + length + 1 + node_size, path, path_size);
        return file;
}

const char *taskdir_file_node(const struct taskdir_file *file) {
        return file->name + strlen(file->name) + 1;
}

const char *taskdir_file_remote_path(const struct taskdir_file *file) {
        const char *node = taskdir_file_node(file);

        return node + strlen(node) + 1;
}

static uint32_t make_stamp(const struct stat *st) {
        uint64_t hash = hash_number((uint64_t) st->st_ctim.tv_sec, HASH_START);

        hash = hash_number((uint64_t) st->st_ctim.tv_nsec, hash);
        hash = hash_number((uint64_t) st->st_size, hash);
        return (uint32_t) hash_number(st->st_dev, hash);
}

void taskdir_file_identify(struct taskdir_file *file, const struct stat *st) {
        file->inode = st->st_ino;
        file->mtime_ns = file_time_ns(&st->st_mtim);
        file->stamp = make_stamp(st);
        if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode)) { /* what is in it is no change of it */
                file->mtime_ns = 0;
                file->stamp = 0;
        }
}

bool taskdir_file_is_same(const struct taskdir_file *a, const struct taskdir_file *b) {
        return a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->stamp == b->stamp &&
               a->dir == b->dir;
}

bool taskdir_file_is_unchanged(const struct taskdir_file *file, int dirfd, const char *base,
                               bool root_only) {
        struct taskdir_file found = {.dir = file->dir};
        struct stat st;
        int r = fstatat(dirfd, base, &st, 0);

        if (file->is_link) {
                if (r == 0 && root_only)
                        return false; /* it leads somewhere now */
                r = fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW);
        }
        if (r < 0)
                return false;
        taskdir_file_identify(&found, &st);
        return taskdir_file_is_same(file, &found);
}

static void note_text(struct task_file *file, const char *text) {
        uint64_t hash = hash_text(text, file->length + file->root_only + 2U * file->world_readable);

        file->text = text;
        file->file->text_hash = MAX((uint32_t) (hash ^ hash >> 32), 1U);
}

/*
 * The text of an opened file, or what is wrong with it. Returns 0, or a negative errno for what
 * may pass.
 */
static int read_text(int fd, const struct stat *st, struct task_file *file, char **ret_text) {
        int r;

        if (!S_ISREG(st->st_mode)) {
                file->problem = "not a regular file";
                return 0;
        }
        if (st->st_size > TASK_FILE_MAX) {
                file->problem = "the file is larger than 64 KiB";
                return 0;
        }
        r = read_sized(fd, (size_t) st->st_size, TASK_FILE_MAX, ret_text, &file->length);
        if (r < 0 && error_is_transient(-r) && r != -EIO)
                return r;
        file->may_pass = r == -EIO;
        if (r == -EFBIG)
                file->problem = "the file is larger than 64 KiB";
        else if (r < 0)
                file->problem = strerror(-r);
        else
                note_text(file, *ret_text);
        return 0;
}

static const char *explain_open_error(int error, bool root_only, mode_t mode) {
        if (mode != 0 && !S_ISREG(mode) && !S_ISLNK(mode))
                return "not a regular file";
        if (error == ELOOP && !root_only)
                return "a symbolic link, which is allowed only in a directory that only root can "
                       "write to";
        if (error == ENOENT) /* it hides its namesakes all the same */
                return "a symbolic link to a file that does not exist";
        return strerror(error);
}

/*
 * What cannot be opened is known by what it leads to, if that is to be seen, else by itself.
 * *ret_mode: as st_mode, 0: not known.
 */
static int identify_unopened(int dirfd, const char *base, struct task_file *file,
                             mode_t *ret_mode) {
        struct stat st;

        *ret_mode = 0;
        if (!file->root_only || fstatat(dirfd, base, &st, 0) < 0) {
                if (fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        return -errno;
                file->file->is_link = S_ISLNK(st.st_mode);
        }
        taskdir_file_identify(file->file, &st);
        *ret_mode = st.st_mode;
        return 0;
}

int task_file_load(int dirfd, const char *base, struct task_file *file, char **ret_text) {
        CLEANUP(closep) int fd = -1;
        struct stat st;
        int r = 0;

        fd = openat(dirfd, base,
                    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
                            (file->root_only ? 0 : O_NOFOLLOW));
        if (fd < 0 && error_is_transient(errno) && errno != EIO)
                return -errno;
        if (fd < 0) {
                int error = errno;
                mode_t mode;

                file->may_pass = error == EIO;
                if (identify_unopened(dirfd, base, file, &mode) == -ENOENT && error == ENOENT)
                        return -ENOENT;
                file->problem = explain_open_error(error, file->root_only, mode);
        } else if (fstat(fd, &st) < 0) {
                return -errno;
        } else {
                taskdir_file_identify(file->file, &st);
                file->world_readable = st.st_mode & S_IROTH;
                r = read_text(fd, &st, file, ret_text);
        }
        if (r == 0 && !task_name_is_valid(file->file->name)) {
                file->text = NULL;
                file->problem =
                        "expected a task name of 1 to 128 of A-Z a-z 0-9 . _ @ -: rename the file";
        }
        return r;
}

/*
 * A file that has taken the name in the meantime is newer still. Not every file system can rename
 * without replacing; a second link does as well.
 */
static void put_back(int dirfd, const char *aside, const char *base) {
        if (renameat2(dirfd, aside, dirfd, base, RENAME_NOREPLACE) == 0)
                return;
        if (errno == EEXIST || linkat(dirfd, aside, dirfd, base, 0) == 0 || errno == EEXIST)
                (void) unlinkat(dirfd, aside, 0);
        else
                (void) renameat(dirfd, aside, dirfd, base);
}

bool taskdir_file_put_back(int dirfd, const char *aside, char *ret, size_t size) {
        int length = (int) strlen(aside) - (int) strlen("." ASIDE_SUFFIX);

        if (aside[0] != '.' || length <= 0 || !str_ends_with(aside, ASIDE_SUFFIX) ||
            snprintf(ret, size, "%.*s.task", length, aside + 1) >= (int) size)
                return false;
        put_back(dirfd, aside, ret);
        return true;
}

int taskdir_file_remove(int dirfd, const struct taskdir_file *file) {
        CLEANUP(freep) char *base = str_printf("%s.task", file->name);
        CLEANUP(freep) char *aside = str_printf(".%s" ASIDE_SUFFIX, file->name);
        struct taskdir_file found = {};
        struct stat st;

        if (!base || !aside)
                return -ENOMEM;
        if (renameat(dirfd, base, dirfd, aside) < 0)
                return -errno;
        CRASH_POINT("file-set-aside");
        if (fstatat(dirfd, aside, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        taskdir_file_identify(&found, &st);
        if (found.inode == file->inode && found.mtime_ns == file->mtime_ns)
                return unlinkat(dirfd, aside, 0) < 0 ? -errno : 0;

        put_back(dirfd, aside, base); /* a new file took the name since */
        return -ESTALE;
}
