#include "koowatch-hook/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

/*
 * By hand there is no RUNTIME_DIRECTORY. /run/koowatch-hook belongs to the service's user then,
 * and XDG_RUNTIME_DIR may be that of whoever has called runuser or sudo.
 */
static char *directory_path(void) {
        const char *path = getenv("RUNTIME_DIRECTORY");
        struct stat st;

        if (!str_empty(path))
                return strndup(path, strcspn(path, ":"));
        if (geteuid() == 0)
                return strdup("/run/koowatch-hook-0");

        path = getenv("XDG_RUNTIME_DIR");
        if (!str_empty(path) && stat(path, &st) == 0 && st.st_uid == geteuid())
                return str_printf("%s/koowatch-hook", path);

        return str_printf("/tmp/koowatch-hook-%u", (unsigned) geteuid());
}

/*
 * The last resort lies in /tmp, where anybody may have made it first: a directory
 * that is not ours alone is not used.
 */
static int open_directory(int *ret, const char **ret_why) {
        CLEANUP(freep) char *path = directory_path();
        CLEANUP(closep) int fd = -1;
        struct stat st;

        *ret_why = "the directory for locks cannot be created or opened";
        if (!path)
                return -ENOMEM;
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;

        if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH))) {
                *ret_why = "the directory for locks must be owned by the runner's user and not "
                           "writable by others";
                return -EPERM;
        }

        *ret = STEAL_FD(fd);
        return 0;
}

/*
 * The holder unlinks the file before it lets go. Who opened it before that may
 * lock a file that has no name any more, and must not take that for the lock.
 */
static int is_current(int dir_fd, const char *name, int fd) {
        struct stat ours, named;

        if (fstat(fd, &ours) < 0)
                return -errno;
        if (fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;

        return ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/* Returns 1 with the lock in *ret, 0 when its file went away meanwhile, or a negative errno. */
static int try_once(int dir_fd, const char *name, int *ret) {
        CLEANUP(closep) int fd = -1;
        int r;

        fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;

        r = is_current(dir_fd, name, fd);
        if (r > 0)
                *ret = STEAL_FD(fd);

        return r;
}

int lock_take(const char *id, struct lock *ret, const char **ret_why) {
        CLEANUP(closep) int dir_fd = -1, fd = -1;
        CLEANUP(freep) char *name = NULL;
        int r;

        r = open_directory(&dir_fd, ret_why);
        if (r < 0)
                return r;

        *ret_why = "the lock cannot be taken";
        name = str_printf("%s.lock", id);
        if (!name)
                return -ENOMEM;

        do
                r = try_once(dir_fd, name, &fd);
        while (r == 0); /* each turn is the end of another holder */
        if (r < 0)
                return r;

        *ret = (struct lock){STEAL_FD(dir_fd), STEAL_FD(fd), STEAL_PTR(name)};
        return 0;
}

void lock_release(struct lock *lock) {
        if (!lock->name)
                return;

        (void) unlinkat(lock->dir_fd, lock->name, 0); /* what stays is an empty file */
        (void) close(lock->fd);
        (void) close(lock->dir_fd);
        free(lock->name);
        *lock = LOCK_NULL;
}
