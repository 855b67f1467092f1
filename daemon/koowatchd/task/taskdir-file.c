#include "koowatchd/task/taskdir-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "koowatchd/task/task.h"

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

void taskdir_file_identify(struct taskdir_file *file, const struct stat *st) {
        file->inode = st->st_ino;
        file->mtime_ns = (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
        file->size = (uint32_t) MIN(st->st_size, (off_t) UINT32_MAX);
}

bool taskdir_file_is_same(const struct taskdir_file *a, const struct taskdir_file *b) {
        return a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->size == b->size &&
               a->dir == b->dir;
}

/* The text of an opened file, or what is wrong with it. */
static void read_text(int fd, const struct stat *st, struct task_file *file, char **ret_text) {
        int r;

        if (!S_ISREG(st->st_mode)) {
                file->problem = "not a regular file";
                return;
        }
        if (st->st_size > TASK_FILE_MAX) {
                file->problem = "the file is larger than 64 KiB";
                return;
        }
        r = read_all(fd, TASK_FILE_MAX, ret_text, &file->length);
        if (r == -EFBIG)
                file->problem = "the file is larger than 64 KiB";
        else if (r < 0)
                file->problem = strerror(-r);
        else
                file->text = *ret_text;
}

static const char *explain_open_error(int error, bool root_only) {
        if (error == ELOOP && !root_only)
                return "a symbolic link, which is allowed only in a directory that only root can "
                       "write to";
        if (error == ENOENT) /* it hides its namesakes all the same */
                return "a symbolic link to a file that does not exist";
        return strerror(error);
}

int task_file_load(int dirfd, const char *base, struct task_file *file, char **ret_text) {
        CLEANUP(closep) int fd = -1;
        struct stat st;

        if (fstat(dirfd, &st) == 0)
                file->root_only = st.st_uid == 0 && !(st.st_mode & 022);
        fd = openat(dirfd, base,
                    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
                            (file->root_only ? 0 : O_NOFOLLOW));
        if (fd < 0 && error_is_transient(errno))
                return -errno;
        if (fd < 0) {
                int error = errno;

                if (fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW) == 0)
                        taskdir_file_identify(file->file, &st);
                else if (error == ENOENT)
                        return -ENOENT;
                file->problem = explain_open_error(error, file->root_only);
        } else if (fstat(fd, &st) < 0) {
                file->problem = strerror(errno);
        } else {
                taskdir_file_identify(file->file, &st);
                file->world_readable = st.st_mode & S_IROTH;
                read_text(fd, &st, file, ret_text);
        }
        if (!task_name_is_valid(file->file->name)) {
                file->text = NULL;
                file->problem =
                        "expected a task name of 1 to 128 of A-Z a-z 0-9 . _ @ -: rename the file";
        }
        return 0;
}
