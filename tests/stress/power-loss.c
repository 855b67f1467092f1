/*
 * Records what koowatchd changes on disk, as a library that is loaded before all others
 *
 * POWER_LOSS_RECORD=FILE gets one line for each change below the folder POWER_LOSS_ROOT, in the
 * order in which they are made: a lock on FILE covers both, also for others who append to it.
 * Objects are named by their inode.
 *
 *   create DIRECTORY NAME INODE      mkdir DIRECTORY NAME INODE      link DIRECTORY NAME INODE
 *   rename DIRECTORY NAME DIRECTORY NAME INODE                       unlink DIRECTORY NAME
 *   write INODE OFFSET LENGTH        truncate INODE LENGTH           extend INODE LENGTH
 *   sync INODE
 *
 * and for what others get to know: "told LENGTH" (a line of the log), "sent LENGTH" (a request).
 * A write's, a told line's and a request's bytes follow their line. SQLite's -shm is left out: it
 * is memory.
 *
 * And SQLite writes its log back after a few dozen pages, not after a thousand, which a short
 * story does not fill.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOG_PAGES 40

#define EXPORT __attribute__((visibility("default")))

static int record = -1; /* -1: this program is not recorded */
static char root[PATH_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void open_shim(void) {
        const char *path = getenv("POWER_LOSS_RECORD"), *folder = getenv("POWER_LOSS_ROOT");

        if (!path || !folder || strcmp(program_invocation_short_name, "koowatchd") != 0)
                return;
        (void) snprintf(root, sizeof(root), "%s", folder);
        record = (int) syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (record < 0)
                abort();
}

/* ---- the record ---- */

static void begin(void) {
        (void) pthread_mutex_lock(&mutex);
        (void) flock(record, LOCK_EX);
}

static void end(void) {
        int error = errno;

        (void) flock(record, LOCK_UN);
        (void) pthread_mutex_unlock(&mutex);
        errno = error;
}

static void put_bytes(const void *data, size_t length) {
        if (syscall(SYS_write, record, data, length) != (long) length)
                abort();
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...) {
        char line[2 * NAME_MAX + 128];
        va_list args;
        int length;

        va_start(args, format);
        length = vsnprintf(line, sizeof(line), format, args);
        va_end(args);
        if (length < 0 || length >= (int) sizeof(line))
                abort();
        put_bytes(line, (size_t) length);
}

/* ---- which changes are recorded ---- */

static bool ends_with(const char *text, const char *end_) {
        size_t length = strlen(text), wanted = strlen(end_);

        return length >= wanted && strcmp(text + length - wanted, end_) == 0;
}

/* Whether it is a file or directory below the root, which path and st then describe. */
static bool is_recorded(int fd, char path[PATH_MAX], struct stat *st) {
        char link[64];
        ssize_t length;

        if (record < 0 || fstat(fd, st) < 0 || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
                return false;
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = readlink(link, path, PATH_MAX - 1);
        if (length < 0)
                return false;
        path[length] = '\0';
        return strncmp(path, root, strlen(root)) == 0 &&
               (path[strlen(root)] == '/' || path[strlen(root)] == '\0') &&
               !ends_with(path, "-shm") && !ends_with(path, "-shm (deleted)");
}

static bool is_recorded_file(int fd, struct stat *st) {
        char path[PATH_MAX];
        int error = errno;
        bool recorded = is_recorded(fd, path, st) && S_ISREG(st->st_mode);

        errno = error;
        return recorded;
}

/* A name in a directory below the root. */
struct place {
        bool recorded;
        uintmax_t directory;
        const char *name;
        uintmax_t inode; /* of what has the name; 0: nothing */
};

static struct place find_place(int dirfd, const char *path) {
        const char *slash = strrchr(path, '/');
        struct place place = {.name = slash ? slash + 1 : path};
        char parent[PATH_MAX], resolved[PATH_MAX];
        struct stat st;
        int fd;

        if (record < 0 || ends_with(path, "-shm"))
                return place;
        (void) snprintf(parent, sizeof(parent), "%.*s", slash ? (int) (slash - path) + 1 : 1,
                        slash ? path : ".");
        fd = (int) syscall(SYS_openat, dirfd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return place;
        place.recorded = is_recorded(fd, resolved, &st);
        place.directory = st.st_ino;
        if (fstatat(fd, place.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                place.inode = st.st_ino;
        (void) close(fd);
        return place;
}

/* ---- files ---- */

static int open_any(int dirfd, const char *path, int flags, mode_t mode) {
        struct place place;
        struct stat st;
        int fd;

        if (record < 0 || !(flags & (O_CREAT | O_TRUNC)))
                return (int) syscall(SYS_openat, dirfd, path, flags, mode);
        begin();
        place = find_place(dirfd, path);
        fd = (int) syscall(SYS_openat, dirfd, path, flags, mode);
        if (fd >= 0 && place.recorded && fstat(fd, &st) == 0) {
                if (place.inode == 0)
                        put("create %ju %s %ju\n", place.directory, place.name,
                            (uintmax_t) st.st_ino);
                else if (flags & O_TRUNC)
                        put("truncate %ju 0\n", (uintmax_t) st.st_ino);
        }
        end();
        return fd;
}

#define OPEN(name, dirfd, ...)                                                     \
        EXPORT int name(__VA_ARGS__, int flags, ...) {                             \
                va_list args;                                                      \
                mode_t mode;                                                       \
                                                                                   \
                va_start(args, flags);                                             \
                mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0; \
                va_end(args);                                                      \
                return open_any(dirfd, path, flags, mode);                         \
        }

OPEN(open, AT_FDCWD, const char *path)
OPEN(open64, AT_FDCWD, const char *path)
OPEN(openat, at, int at, const char *path)
OPEN(openat64, at, int at, const char *path)

static int make_temporary(const char *function, char *template, int flags) {
        int (*original)(char *template, int flags);
        struct place place;
        int fd;

        *(void **) &original = dlsym(RTLD_NEXT, function);
        if (record < 0)
                return original(template, flags);
        begin();
        fd = original(template, flags);
        place = find_place(AT_FDCWD, template);
        if (fd >= 0 && place.recorded)
                put("create %ju %s %ju\n", place.directory, place.name, place.inode);
        end();
        return fd;
}

EXPORT int mkostemp(char *template, int flags) {
        return make_temporary("mkostemp", template, flags);
}

EXPORT int mkostemp64(char *template, int flags) {
        return make_temporary("mkostemp64", template, flags);
}

/* Whether it is a line of the log, which is a pipe, about a task or an account. */
static bool is_heard(int fd, const void *data, size_t length) {
        struct stat st;
        int error = errno;
        bool heard = record >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
                     memmem(data, length, "KOOWATCH_", strlen("KOOWATCH_"));

        errno = error;
        return heard;
}

static void put_write(const struct stat *st, off_t offset, const void *data, ssize_t length) {
        if (length <= 0)
                return;
        put("write %ju %jd %zd\n", (uintmax_t) st->st_ino, (intmax_t) offset, length);
        put_bytes(data, (size_t) length);
}

EXPORT ssize_t write(int fd, const void *data, size_t length) {
        struct stat st;
        bool is_file = is_recorded_file(fd, &st);
        ssize_t n;

        if (!is_file && !is_heard(fd, data, length))
                return syscall(SYS_write, fd, data, length);
        begin();
        n = syscall(SYS_write, fd, data, length);
        if (is_file) {
                put_write(&st, n > 0 ? lseek(fd, 0, SEEK_CUR) - n : 0, data, n);
        } else if (n > 0) {
                put("told %zd\n", n);
                put_bytes(data, (size_t) n);
        }
        end();
        return n;
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
        struct stat st;
        ssize_t n;

        if (!is_recorded_file(fd, &st))
                return syscall(SYS_pwrite64, fd, data, length, offset);
        begin();
        n = syscall(SYS_pwrite64, fd, data, length, offset);
        put_write(&st, offset, data, n);
        end();
        return n;
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
        return pwrite64(fd, data, length, offset);
}

EXPORT ssize_t send(int fd, const void *data, size_t length, int flags) {
        bool is_request = record >= 0 && memmem(data, length, "\r\nAuthorization: ", 17);
        ssize_t n;

        if (!is_request)
                return syscall(SYS_sendto, fd, data, length, flags, NULL, 0);
        begin();
        n = syscall(SYS_sendto, fd, data, length, flags, NULL, 0);
        if (n > 0) {
                put("sent %zd\n", n);
                put_bytes(data, (size_t) n);
        }
        end();
        return n;
}

EXPORT int ftruncate64(int fd, off64_t length) {
        struct stat st;
        int r;

        if (!is_recorded_file(fd, &st))
                return (int) syscall(SYS_ftruncate, fd, length);
        begin();
        r = (int) syscall(SYS_ftruncate, fd, length);
        if (r == 0)
                put("truncate %ju %jd\n", (uintmax_t) st.st_ino, (intmax_t) length);
        end();
        return r;
}

EXPORT int ftruncate(int fd, off_t length) {
        return ftruncate64(fd, length);
}

EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
        struct stat st;
        int r;

        if (!is_recorded_file(fd, &st))
                return (int) syscall(SYS_fallocate, fd, mode, offset, length);
        if (mode != 0)
                abort();
        begin();
        r = (int) syscall(SYS_fallocate, fd, mode, offset, length);
        if (r == 0)
                put("extend %ju %jd\n", (uintmax_t) st.st_ino, (intmax_t) (offset + length));
        end();
        return r;
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t length) {
        return fallocate64(fd, mode, offset, length);
}

EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t length) {
        return fallocate64(fd, 0, offset, length) < 0 ? errno : 0;
}

EXPORT int posix_fallocate(int fd, off_t offset, off_t length) {
        return posix_fallocate64(fd, offset, length);
}

static int sync_any(long call, int fd) {
        char path[PATH_MAX];
        struct stat st;
        int r;

        if (!is_recorded(fd, path, &st))
                return (int) syscall(call, fd);
        begin();
        r = (int) syscall(call, fd);
        if (r == 0)
                put("sync %ju\n", (uintmax_t) st.st_ino);
        end();
        return r;
}

EXPORT int fsync(int fd) {
        return sync_any(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd) {
        return sync_any(SYS_fdatasync, fd);
}

/* ---- names ---- */

EXPORT int renameat2(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path,
                     unsigned flags) {
        struct place from, to;
        int r;

        if (record < 0)
                return (int) syscall(SYS_renameat2, old_dirfd, old_path, new_dirfd, new_path,
                                     flags);
        begin();
        from = find_place(old_dirfd, old_path);
        to = find_place(new_dirfd, new_path);
        r = (int) syscall(SYS_renameat2, old_dirfd, old_path, new_dirfd, new_path, flags);
        if (r == 0 && from.recorded && to.recorded)
                put("rename %ju %s %ju %s %ju\n", from.directory, from.name, to.directory, to.name,
                    from.inode);
        else if (r == 0 && (from.recorded || to.recorded || flags & ~RENAME_NOREPLACE))
                abort(); /* into the tree or out of it: not needed so far */
        end();
        return r;
}

EXPORT int renameat(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path) {
        return renameat2(old_dirfd, old_path, new_dirfd, new_path, 0);
}

EXPORT int rename(const char *old_path, const char *new_path) {
        return renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

EXPORT int linkat(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path,
                  int flags) {
        struct place from, to;
        int r;

        if (record < 0)
                return (int) syscall(SYS_linkat, old_dirfd, old_path, new_dirfd, new_path, flags);
        begin();
        from = find_place(old_dirfd, old_path);
        to = find_place(new_dirfd, new_path);
        r = (int) syscall(SYS_linkat, old_dirfd, old_path, new_dirfd, new_path, flags);
        if (r == 0 && to.recorded)
                put("link %ju %s %ju\n", to.directory, to.name, from.inode);
        end();
        return r;
}

EXPORT int link(const char *old_path, const char *new_path) {
        return linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

EXPORT int unlinkat(int dirfd, const char *path, int flags) {
        struct place place;
        int r;

        if (record < 0)
                return (int) syscall(SYS_unlinkat, dirfd, path, flags);
        begin();
        place = find_place(dirfd, path);
        r = (int) syscall(SYS_unlinkat, dirfd, path, flags);
        if (r == 0 && place.recorded)
                put("unlink %ju %s\n", place.directory, place.name);
        end();
        return r;
}

EXPORT int unlink(const char *path) {
        return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path) {
        return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode) {
        struct place place;
        int r;

        if (record < 0)
                return (int) syscall(SYS_mkdirat, dirfd, path, mode);
        begin();
        r = (int) syscall(SYS_mkdirat, dirfd, path, mode);
        place = find_place(dirfd, path);
        if (r == 0 && place.recorded)
                put("mkdir %ju %s %ju\n", place.directory, place.name, place.inode);
        end();
        return r;
}

EXPORT int mkdir(const char *path, mode_t mode) {
        return mkdirat(AT_FDCWD, path, mode);
}

/* ---- SQLite ---- */

struct sqlite3;
EXPORT int sqlite3_open_v2(const char *path, struct sqlite3 **ret, int flags, const char *vfs);

EXPORT int sqlite3_open_v2(const char *path, struct sqlite3 **ret, int flags, const char *vfs) {
        int (*original)(const char *path, struct sqlite3 **ret, int flags, const char *vfs);
        int (*set_log_pages)(struct sqlite3 * db, int pages);
        int code;

        *(void **) &original = dlsym(RTLD_NEXT, "sqlite3_open_v2");
        *(void **) &set_log_pages = dlsym(RTLD_NEXT, "sqlite3_wal_autocheckpoint");
        code = original(path, ret, flags, vfs);
        if (record >= 0 && code == 0)
                (void) set_log_pages(*ret, LOG_PAGES);
        return code;
}
