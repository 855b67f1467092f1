#include "koowatchd/task/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/log.h"

enum directory_state directory_open(const struct directory *d, int *ret_fd, struct stat *ret_stat,
                                    int *ret_error) {
        CLEANUP(closep) int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int error = fd < 0 || fstat(fd, ret_stat) < 0 ? errno : 0;

        *ret_fd = -1;
        if (ret_error)
                *ret_error = error;
        if (error != 0)
                return error == ENOENT ? DIRECTORY_ABSENT : DIRECTORY_UNREADABLE;
        *ret_fd = STEAL_FD(fd);
        return d->inode == 0 || (d->inode == ret_stat->st_ino && d->device == ret_stat->st_dev)
                       ? DIRECTORY_SAME
                       : DIRECTORY_OTHER;
}

bool directory_is_root_only(const struct stat *st) {
        return st->st_uid == 0 && !(st->st_mode & 022);
}

const char *directory_trouble(const struct directory *d) {
        if (d->is_failing)
                return "cannot be read, its tasks stay as they are";
        if (d->is_suspended)
                return "is not there, its tasks wait";
        return d->away_since > 0 ? "is not there, is a file system not mounted?" : NULL;
}

void directory_is_there(struct directory *d, const struct stat *st) {
        if (d->away_since > 0)
                log_notice("%s: it is there again", d->path);
        d->device = st->st_dev;
        d->inode = st->st_ino;
        d->away_since = 0;
        d->is_suspended = d->is_failing = false;
}

void directory_is_away(struct directory *d, const struct stat *st, usec_t now) {
        if (d->files == 0 || d->away_since > 0)
                return;
        d->away_since = MAX(now, (usec_t) 1);
        log_warning(
                "%s: %s; is a file system not mounted? Its %u known task%s stay%s as before; what "
                "of them is not finished is polled for five minutes more",
                d->path, st ? "another directory, which is empty" : "not there", d->files,
                d->files == 1 ? "" : "s", d->files == 1 ? "s" : "");
}

bool directory_suspend(struct directory *d, usec_t now) {
        if (d->away_since == 0 || d->is_suspended || now - d->away_since < DIRECTORY_PATIENCE)
                return false;
        d->is_suspended = true;
        log_warning("%s: not there for five minutes; its tasks wait until it is there again, or is "
                    "taken out of TaskDirectories=",
                    d->path);
        return true;
}
