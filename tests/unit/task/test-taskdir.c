#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "common/log.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir-table.h"
#include "koowatchd/task/taskdir.h"
#include "unit/capture.h"
#include "unit/fake-time.h"
#include "unit/support.h"

/* Instead of inotify: the test says what happens in a directory. */
struct dirwatch_dir {
        char path[256];
        dirwatch_fn fn;
        void *userdata;
};

struct dirwatch {
        struct dirwatch_dir dirs[2 * TASKDIR_MAX]; /* new ones are added before old ones go */
};

struct fixture {
        char top[DIRECTORY_MAX];
        struct dirwatch watch;
        struct timers *timers;
        struct taskdir *taskdir;
        struct taskdir_file *last; /* the one that was read last, with a reference */
        char seen[4096];           /* what the handler was called with, in order */
        enum read_again again;     /* what on_file() is to say */
        bool has_gaps;             /* what on_scanned() said last */
        bool may_pass;             /* what was wrong with the last file */
        unsigned scans;
};

/* Called once, after a file was renamed within a directory; NULL: nothing. */
static void (*after_rename)(const struct fixture *f);
static const struct fixture *renaming;

int dirwatch_add(struct dirwatch *watch, const char *path, uint32_t more, dirwatch_fn fn,
                 void *userdata, struct dirwatch_dir **ret) {
        (void) more;
        for (size_t i = 0; i < ARRAY_LEN(watch->dirs); i++)
                if (!watch->dirs[i].fn) {
                        *ret = &watch->dirs[i];
                        **ret = (struct dirwatch_dir){.fn = fn, .userdata = userdata};
                        (void) snprintf((*ret)->path, sizeof((*ret)->path), "%s", path);
                        return 0;
                }
        return -ENOMEM;
}

void dirwatch_remove(struct dirwatch *watch, struct dirwatch_dir *dir) {
        (void) watch;
        assert_non_null(dir->fn);
        dir->fn = NULL;
}

void dirwatch_refresh(struct dirwatch *watch) {
        (void) watch;
}

/* Instead of libc's. */
int renameat(int from, const char *old, int to, const char *new) {
        int r = (int) syscall(SYS_renameat2, from, old, to, new, 0);
        void (*fn)(const struct fixture *f) = after_rename;

        after_rename = NULL;
        if (fn)
                fn(renaming);
        return r;
}

/* Instead of libc's: a file system that cannot do without replacing, or has no links. */
static bool no_noreplace, no_links;

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
        if (no_noreplace && flags) {
                errno = EINVAL;
                return -1;
        }
        return (int) syscall(SYS_renameat2, from, old, to, new, flags);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
        if (no_links) {
                errno = EPERM;
                return -1;
        }
        return (int) syscall(SYS_linkat, from, old, to, new, flags);
}

/* Called once, when a file was not there; NULL: nothing. */
static void (*after_absence)(const struct fixture *f);

/* Instead of libc's. */
int lstat(const char *path, struct stat *ret) {
        int r = fstatat(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW), error = errno;
        void (*fn)(const struct fixture *f) = after_absence;

        if (r < 0 && fn) {
                after_absence = NULL;
                fn(renaming);
        }
        errno = error;
        return r;
}

/* How many files were announced to the disk. */
static unsigned announced;

/* Instead of libc's. */
int posix_fadvise(int fd, off_t offset, off_t length, int advice) {
        (void) offset;
        (void) length;
        assert_true(fd >= 0);
        assert_int_equal(advice, POSIX_FADV_WILLNEED);
        announced++;
        return 0;
}

/* ---- the handler ---- */

/* How long the first file takes. */
static usec_t first_takes;

static void see(struct fixture *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void see(struct fixture *f, const char *format, ...) {
        size_t n = strlen(f->seen);
        va_list args;

        va_start(args, format);
        (void) vsnprintf(f->seen + n, sizeof(f->seen) - n, format, args);
        va_end(args);
}

/*
 * "+one@0=text ": with the directory's index; "!" instead of "=" before a problem, and "*" before
 * all that when it is a retry.
 */
static enum read_again on_file(void *userdata, const struct task_file *file) {
        struct fixture *f = userdata;
        CLEANUP(freep) char *path = taskdir_path(f->taskdir, file->file);

        if (first_takes > 0)
                (void) usleep((useconds_t) first_takes);
        first_takes = 0;
        assert_string_equal(file->path, path);
        taskdir_file_unref(f->last);
        f->last = taskdir_file_ref(file->file);
        if (file->text)
                assert_int_equal(file->length, strlen(file->text));
        f->may_pass = file->may_pass;
        see(f, "%s+%s@%u%s%s ", file->is_retry ? "*" : "", file->file->name, file->file->dir,
            file->text ? "=" : "!", file->text ? file->text : file->problem);
        return f->again;
}

static void on_gone(void *userdata, struct taskdir_file *file) {
        see(userdata, "-%s ", file->name);
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        see(userdata, "error %s: %s ", what, why);
}

static void on_stray(void *userdata, const char *path) {
        const struct fixture *f = userdata;

        see(userdata, "stray %s ", str_after(path, f->top));
}

static void on_scanned(void *userdata, bool complete, bool has_gaps) {
        struct fixture *f = userdata;

        f->has_gaps = has_gaps;
        f->scans++;
        if (!complete)
                see(f, "incomplete ");
}

static void on_suspended(void *userdata) {
        see(userdata, "suspended ");
}

/* ---- what the tests do ---- */

static const char *path_of(const struct fixture *f, const char *file) {
        static char path[2][512];
        static unsigned next;

        next = (next + 1) % 2;
        (void) snprintf(path[next], sizeof(path[0]), "%s/%s", f->top, file);
        return path[next];
}

/* A whole file, which takes the place of one that is there: with an inode and time of its own. */
static void put(const struct fixture *f, const char *file, const char *text) {
        static time_t mtime = 1700000000;
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = ++mtime}};
        const char *new = path_of(f, ".new");
        CLEANUP(closep) int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(futimens(fd, times), 0);
        assert_int_equal(rename(new, path_of(f, file)), 0);
}

static void drop(const struct fixture *f, const char *file) {
        assert_int_equal(remove(path_of(f, file)), 0);
}

static bool has(const struct fixture *f, const char *file) {
        return access(path_of(f, file), F_OK) == 0;
}

static void move(const struct fixture *f, const char *from, const char *to) {
        assert_int_equal(rename(path_of(f, from), path_of(f, to)), 0);
}

/* One that is there and cannot be opened, for root neither. */
static void make_unreadable(const struct fixture *f, const char *dir) {
        move(f, dir, "aside");
        assert_int_equal(symlink(dir, path_of(f, dir)), 0);
}

static void make_readable(const struct fixture *f, const char *dir) {
        drop(f, dir);
        move(f, "aside", dir);
}

/* dirs: names below the top, with a colon between. */
static void configure(struct fixture *f, const char *dirs, const char *state) {
        char all[1024] = "", copy[256], *at = copy, *dir;

        (void) snprintf(copy, sizeof(copy), "%s", dirs);
        while ((dir = strsep(&at, ":"))) {
                size_t n = strlen(all);

                (void) snprintf(all + n, sizeof(all) - n, "%s%s", n > 0 ? ":" : "",
                                dir[0] == '/' ? dir : path_of(f, dir));
        }
        assert_int_equal(taskdir_configure(f->taskdir, all, state ? path_of(f, state) : NULL), 0);
}

#define assert_seen(f, expected)                          \
        do {                                              \
                assert_string_equal((f)->seen, expected); \
                (f)->seen[0] = '\0';                      \
        } while (0)

#define assert_scan(f, expected)            \
        do {                                \
                taskdir_scan((f)->taskdir); \
                assert_seen(f, expected);   \
        } while (0)

/* What is found without an event. */
#define assert_look(f, expected)                               \
        do {                                                   \
                unsigned scans = (f)->scans;                   \
                                                               \
                while ((f)->scans == scans)                    \
                        time_pass((f)->timers, 30 * USEC_SEC); \
                assert_seen(f, expected);                      \
        } while (0)

static void event(struct fixture *f, const char *dir, const char *file, uint32_t mask) {
        for (size_t i = 0; i < ARRAY_LEN(f->watch.dirs); i++) {
                struct dirwatch_dir *d = &f->watch.dirs[i];

                if (d->fn && streq(d->path, path_of(f, dir))) {
                        d->fn(d->userdata, file, mask);
                        return;
                }
        }
        fail_msg("%s is not watched", dir);
}

static int set_up(void **state) {
        static struct fixture f;
        const struct taskdir_handler handler = {
                .on_file = on_file,
                .on_gone = on_gone,
                .on_transient_error = on_transient_error,
                .on_stray = on_stray,
                .on_scanned = on_scanned,
                .on_suspended = on_suspended,
                .userdata = &f,
        };

        f = (struct fixture){};
        time_reset();
        assert_int_equal(timers_new(NULL, &f.timers), 0);
        directory_make(f.top);
        assert_int_equal(mkdir(path_of(&f, "high"), 0700), 0);
        assert_int_equal(mkdir(path_of(&f, "low"), 0700), 0);
        assert_int_equal(taskdir_new(&f.watch, f.timers, &handler, &f.taskdir), 0);
        configure(&f, "high:low", "low");
        *state = &f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        after_rename = after_absence = NULL;
        taskdir_free(f->taskdir);
        timers_free(f->timers);
        for (size_t i = 0; i < ARRAY_LEN(f->watch.dirs); i++)
                assert_null(f->watch.dirs[i].fn);
        taskdir_file_unref(f->last);
        directory_remove(f->top);
        return 0;
}

/* In either order: a table's. */
static void assert_both_gone(struct fixture *f) {
        if (streq(f->seen, "-two -one "))
                f->seen[0] = '\0';
        else
                assert_seen(f, "-one -two ");
}

/* ---- scans ---- */

static void test_new_changed_and_gone(void **state) {
        struct fixture *f = *state;

        assert_scan(f, "");
        put(f, "high/two.task", "a");
        put(f, "high/one.task", "b");
        assert_scan(f, "+two@0=a +one@0=b "); /* the oldest first */
        assert_scan(f, "");
        put(f, "high/one.task", "B"); /* as long as before */
        assert_scan(f, "+one@0=B ");
        drop(f, "high/two.task");
        assert_scan(f, "-two ");
        assert_scan(f, "");
        move(f, "high/one.task", "high/three.task");
        assert_scan(f, "+three@0=B -one ");
}

/* Each of what a file is recognized by is enough. */
static void test_a_change_that_is_hard_to_see(void **state) {
        struct fixture *f = *state;
        const struct timespec times[2] = {{1000, 0}, {1000, 0}}, later[2] = {{1000, 1}, {1000, 1}};

        put(f, "high/one.task", "a");
        put(f, "other", "b");
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, "high/one.task"), times, 0), 0);
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, "other"), times, 0), 0);
        assert_scan(f, "+one@0=a ");
        move(f, "other", "high/one.task");
        assert_scan(f, "+one@0=b ");
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, "high/one.task"), later, 0), 0);
        assert_scan(f, "+one@0=b ");
        assert_int_equal(truncate(path_of(f, "high/one.task"), 0), 0);
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, "high/one.task"), later, 0), 0);
        assert_scan(f, "+one@0= ");
        assert_scan(f, "");
}

static void test_a_file_hides_its_namesakes(void **state) {
        struct fixture *f = *state;

        put(f, "low/one.task", "low");
        assert_scan(f, "+one@1=low ");
        put(f, "high/one.task", "high");
        assert_scan(f, "+one@0=high ");
        put(f, "low/one.task", "hidden");
        assert_scan(f, "");
        drop(f, "high/one.task");
        assert_scan(f, "+one@1=hidden ");
        move(f, "low/one.task", "high/one.task"); /* the very same file, in another directory */
        assert_scan(f, "+one@0=hidden ");
        drop(f, "high/one.task");
        assert_scan(f, "-one ");
}

static void test_a_directory_that_is_missing(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "low/two.task", "b");
        assert_scan(f, "+one@0=a +two@1=b ");
        move(f, "high", "aside");
        assert_scan(f, ""); /* and complete */
        assert_true(f->has_gaps);
        put(f, "low/one.task", "hidden");
        assert_scan(f, "");
        event(f, "low", "one.task", IN_MOVED_TO);
        assert_seen(f, "");
        move(f, "aside", "high");
        assert_scan(f, "");
        drop(f, "high/one.task");
        assert_scan(f, "+one@1=hidden ");
}

/* Most likely something is not mounted: what was known stays known. */
static void test_another_directory_that_is_empty(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "low/two.task", "b");
        assert_scan(f, "+one@0=a +two@1=b ");
        move(f, "high", "aside");
        assert_int_equal(mkdir(path_of(f, "high"), 0700), 0);
        assert_scan(f, "");
        event(f, "high", "one.task", IN_DELETE);
        assert_seen(f, "");
        assert_int_equal(rmdir(path_of(f, "high")), 0);
        move(f, "aside", "high");
        assert_look(f, "");
        drop(f, "high/one.task"); /* this one is the directory that it was */
        assert_look(f, "-one ");
}

static void test_another_directory_with_files(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "high/two.task", "b");
        assert_scan(f, "+one@0=a +two@0=b ");
        move(f, "high", "aside");
        assert_int_equal(mkdir(path_of(f, "high"), 0700), 0);
        put(f, "high/three.task", "c");
        taskdir_look(f->taskdir);
        time_pass(f->timers, USEC_SEC);
        assert_non_null(str_after(f->seen, "+three@0=c "));
        memmove(f->seen, str_after(f->seen, "+three@0=c "), sizeof("-one -two "));
        assert_both_gone(f);
        /* Emptied first and filled then: at the first file it is believed. */
        move(f, "high", "aside.2");
        assert_int_equal(mkdir(path_of(f, "high"), 0700), 0);
        assert_look(f, "");
        put(f, "high/four.task", "d");
        event(f, "high", "four.task", IN_MOVED_TO);
        assert_seen(f, "+four@0=d ");
        time_pass(f->timers, USEC_SEC);
        assert_seen(f, "-three ");
}

static void test_a_directory_that_stays_away(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        move(f, "high", "aside");
        event(f, "high", NULL, 0);
        time_pass(f->timers, 4 * USEC_MINUTE);
        assert_seen(f, "");
        assert_false(taskdir_is_suspended(f->taskdir, f->last));
        time_pass(f->timers, 3 * USEC_MINUTE);
        assert_seen(f, "suspended ");
        assert_true(taskdir_is_suspended(f->taskdir, f->last));
        configure(f, "low:high", "low"); /* a reload changes nothing */
        assert_scan(f, "");
        assert_true(taskdir_is_suspended(f->taskdir, f->last));
        move(f, "aside", "high");
        assert_look(f, "suspended ");
        assert_false(taskdir_is_suspended(f->taskdir, f->last));
        move(f, "high", "aside");
        assert_look(f, "");
        configure(f, "low", "low"); /* that is how it is given up */
        assert_seen(f, "-one ");
}

/* One without known files may go, or be another, without a word. */
static void test_a_directory_that_has_become_empty(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "low/two.task", "b");
        assert_scan(f, "+one@0=a +two@1=b ");
        drop(f, "high/one.task");
        assert_scan(f, "-one ");
        move(f, "high", "aside");
        for (int i = 0; i < 20; i++)
                assert_look(f, "");
        assert_int_equal(mkdir(path_of(f, "high"), 0700), 0);
        for (int i = 0; i < 20; i++)
                assert_look(f, "");
}

/* A reload keeps in mind which directory it was, and where each file lies. */
static void test_a_reload_knows_the_directories(void **state) {
        struct fixture *f = *state;
        char name[32];

        for (int i = 0; i < 40; i++) {
                (void) snprintf(name, sizeof(name), "%s/t%d.task", i % 2 ? "high" : "low", i);
                put(f, name, "a");
        }
        taskdir_scan(f->taskdir);
        f->seen[0] = '\0';
        configure(f, "low:high", "low");
        drop(f, "high/t1.task");
        event(f, "high", "t1.task", IN_DELETE); /* it is that directory */
        assert_seen(f, "-t1 ");
        assert_scan(f, "");
        configure(f, "high:low", "low");
        move(f, "high", "aside");
        assert_int_equal(mkdir(path_of(f, "high"), 0700), 0);
        event(f, "high", "t3.task", IN_DELETE); /* and this one is not */
        assert_seen(f, "");
        assert_scan(f, "");
        taskdir_look(f->taskdir);
        time_pass(f->timers, 0);
        configure(f, "low", "low"); /* in the middle of a look, which ends */
        f->seen[0] = '\0';
        assert_look(f, "");
}

static void test_an_unreadable_directory_changes_nothing(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "high/two.task", "b");
        put(f, "low/one.task", "hidden");
        assert_scan(f, "+one@0=a +two@0=b ");
        make_unreadable(f, "high");
        assert_scan(f, "incomplete ");
        put(f, "low/two.task", "hidden too");
        put(f, "low/three.task", "c"); /* the other directory is read */
        assert_scan(f, "+three@1=c incomplete ");
        drop(f, "low/three.task");
        drop(f, "aside/one.task");
        assert_scan(f, "-three incomplete ");
        make_readable(f, "high");
        assert_scan(f, "+one@1=hidden ");
}

static void test_an_unsettled_file_is_read_again(void **state) {
        struct fixture *f = *state;

        f->again = READ_AGAIN_ON_RELOAD;
        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        assert_look(f, "");
        f->again = READ_AGAIN_SOON;
        assert_scan(f, "+one@0=a ");
        assert_scan(f, "+one@0=a ");
        assert_look(f, "*+one@0=a ");
        f->again = READ_AGAIN_NOT;
        assert_look(f, "*+one@0=a ");
        assert_look(f, "");
        assert_scan(f, "");
        f->last->read_again = READ_AGAIN_SOON; /* who has a reference may ask for it */
        assert_look(f, "*+one@0=a ");
        assert_look(f, "");
}

static void make_socket(const struct fixture *f, const char *file) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(f, file));
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
}

static void test_files_that_cannot_be_taken(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *large = malloc(70000);

        assert_non_null(large);
        memset(large, '#', 69999);
        large[69999] = '\0';
        put(f, "high/large.task", large);
        assert_scan(f, "+large@0!the file is larger than 64 KiB ");
        drop(f, "high/large.task");
        assert_int_equal(mkdir(path_of(f, "high/folder.task"), 0700), 0);
        assert_scan(f, "+folder@0!not a regular file -large ");
        put(f, "high/folder.task/inside", "a"); /* no change of it */
        assert_look(f, "");
        drop(f, "high/folder.task/inside");
        drop(f, "high/folder.task");
        make_socket(f, "high/socket.task");
        assert_scan(f, "+socket@0!not a regular file -folder ");
        drop(f, "high/socket.task");
        put(f, "high/a b.task", "a");
        assert_scan(f, "+a b@0!expected a task name of 1 to 128 of A-Z a-z 0-9 . _ @ -: rename the "
                       "file -socket ");
        drop(f, "high/a b.task");
        /* Where others than root can write, a link may lead to what they must not read. */
        assert_int_equal(chmod(path_of(f, "high"), 0777), 0);
        put(f, "target", "a");
        assert_int_equal(symlink("../target", path_of(f, "high/link.task")), 0);
        assert_scan(f, "+link@0!a symbolic link, which is allowed only in a directory that only "
                       "root can write to -a b ");
}

static void test_strays(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.tsak", "a");
        put(f, "high/.two.task", "a");
        put(f, "high/.task", "a");
        assert_scan(f, "stray /high/one.tsak ");
        event(f, "high", "one.tsak", IN_MOVED_TO);
        event(f, "high", ".two.task", IN_MOVED_TO);
        assert_seen(f, "stray /high/one.tsak ");
        move(f, "high/one.tsak", "high/one.task");
        assert_scan(f, "+one@0=a ");
}

/* ---- configuration ---- */

static void test_volatile_directories(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *run = str_printf("/run/..%s/low", f->top);

        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        assert_false(f->last->removes_finished);
        put(f, "low/two.task", "b");
        assert_scan(f, "+two@1=b ");
        assert_true(f->last->removes_finished);
        configure(f, "high:low", "high"); /* also what has been read already */
        assert_false(f->last->removes_finished);
        configure(f, "high:low", NULL);
        put(f, "low/two.task", "c");
        assert_scan(f, "+two@1=c ");
        assert_false(f->last->removes_finished);
        configure(f, run, NULL);
        assert_both_gone(f);
        assert_scan(f, "+two@0=c ");
        assert_true(f->last->removes_finished);
}

static void test_other_directories(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "low/two.task", "b");
        put(f, "low/one.task", "hidden");
        assert_scan(f, "+one@0=a +two@1=b ");
        assert_int_equal(mkdir(path_of(f, "top"), 0700), 0);
        configure(f, "top:high:low", "low");
        assert_seen(f, "");
        assert_int_equal(f->last->dir, 2);
        assert_scan(f, "");
        configure(f, "low", "low"); /* what is left out is gone, what it has hidden is for a scan */
        assert_seen(f, "-one ");
        assert_int_equal(f->last->dir, 0);
        assert_scan(f, "+one@0=hidden ");
        configure(f, "low:high", "low"); /* the other way round */
        assert_scan(f, "");
        configure(f, "high:low", "low");
        assert_seen(f, "");
        assert_scan(f, "+one@0=a ");
        configure(f, "top", NULL);
        assert_both_gone(f);
        assert_scan(f, "");
}

static void test_too_many_directories(void **state) {
        struct fixture *f = *state;
        char dirs[256] = "d0";

        for (int i = 1; i < TASKDIR_MAX + 1; i++) {
                size_t n = strlen(dirs);

                (void) snprintf(dirs + n, sizeof(dirs) - n, ":d%d", i);
        }
        configure(f, "", NULL);
        for (int i = TASKDIR_MAX - 1; i <= TASKDIR_MAX; i++) {
                char dir[8], file[32];

                (void) snprintf(dir, sizeof(dir), "d%d", i);
                (void) snprintf(file, sizeof(file), "d%d/t%d.task", i, i);
                assert_int_equal(mkdir(path_of(f, dir), 0700), 0);
                put(f, file, "a");
        }
        configure(f, dirs, NULL);
        assert_scan(f, "+t31@31=a ");
        make_unreadable(f, "d31");
        assert_scan(f, "incomplete ");
        make_readable(f, "d31");
        drop(f, "d31/t31.task");
        assert_scan(f, "-t31 ");
}

/* ---- events ---- */

static void test_events(void **state) {
        struct fixture *f = *state;

        put(f, "low/one.task", "low");
        event(f, "low", "one.task", IN_MOVED_TO);
        assert_seen(f, "+one@1=low ");
        put(f, "high/one.task", "high");
        event(f, "high", "one.task", IN_CLOSE_WRITE);
        assert_seen(f, "+one@0=high ");
        drop(f, "high/one.task");
        event(f, "high", "one.task", IN_DELETE);
        assert_seen(f, "+one@1=low ");
        drop(f, "low/one.task");
        event(f, "low", "one.task", IN_DELETE);
        assert_seen(f, "-one ");
        event(f, "low", "one.task", IN_DELETE);
        assert_seen(f, "");
        put(f, "target", "a");
        assert_int_equal(link(path_of(f, "target"), path_of(f, "high/two.task")), 0);
        event(f, "high", "two.task", IN_CREATE); /* whole at once */
        assert_seen(f, "+two@0=a ");
        put(f, "low/three.task", "b");
        event(f, "high", NULL, 0);
        time_pass(f->timers, USEC_SEC);
        assert_seen(f, "+three@1=b ");
}

/* Where no event comes. */
static void test_looks(void **state) {
        struct fixture *f = *state;
        const struct timespec old[2] = {{1000, 0}, {1000, 0}};

        assert_scan(f, "");
        put(f, "high/one.task", "a");
        assert_look(f, "+one@0=a ");
        put(f, "high/one.task", "b");
        put(f, "low/one.task", "hidden");
        put(f, "low/two.task", "c");
        assert_look(f, "+one@0=b +two@1=c ");
        drop(f, "high/one.task");
        assert_look(f, "+one@1=hidden ");
        drop(f, "low/one.task");
        assert_look(f, "-one ");
        assert_look(f, "");
        /* Through links, of files and of a directory, where root alone can write. */
        if (geteuid() != 0)
                return;
        put(f, "first", "1");
        put(f, "second", "2");
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, "first"), old, 0), 0);
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, "second"), old, 0), 0);
        assert_int_equal(symlink("../first", path_of(f, "high/one.task")), 0);
        assert_look(f, "+one@0=1 ");
        move(f, "second", "first");
        assert_look(f, "+one@0=2 ");
        drop(f, "first");
        assert_look(f, "+one@0!a symbolic link to a file that does not exist ");
        assert_look(f, "");
        put(f, "first", "3");
        assert_look(f, "+one@0=3 ");
        move(f, "high", "v1");
        assert_int_equal(mkdir(path_of(f, "v2"), 0700), 0);
        put(f, "v2/one.task", "4");
        assert_int_equal(symlink("v1", path_of(f, "high")), 0);
        assert_look(f, "");
        drop(f, "high");
        assert_int_equal(symlink("v2", path_of(f, "high")), 0);
        assert_look(f, "+one@0=4 ");
}

/* What changes behind a look that is under way is found by the one that was asked for then. */
static void test_a_look_wanted_during_one(void **state) {
        struct fixture *f = *state;
        unsigned scans;

        assert_scan(f, "");
        scans = f->scans;
        taskdir_look(f->taskdir);
        time_pass(f->timers, 0); /* the first piece */
        assert_int_equal(f->scans, scans);
        taskdir_look(f->taskdir);
        time_pass(f->timers, USEC_SEC);
        assert_int_equal(f->scans, scans + 2);
        time_pass(f->timers, USEC_SEC);
        assert_int_equal(f->scans, scans + 2);
}

/* A retry is what a look finds unchanged; an event says that something has happened. */
static void test_an_event_after_a_look(void **state) {
        struct fixture *f = *state;

        f->again = READ_AGAIN_SOON;
        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        assert_look(f, "*+one@0=a ");
        event(f, "high", "one.task", IN_CLOSE_WRITE);
        assert_seen(f, "+one@0=a ");
        taskdir_look(f->taskdir);
        time_pass(f->timers, 0);
        configure(f, "high:low", "low"); /* which ends it */
        f->seen[0] = '\0';
        event(f, "high", "one.task", IN_CLOSE_WRITE);
        assert_seen(f, "+one@0=a ");
}

/* Whatever the number of files: none is forgotten between two pieces. */
static void test_a_look_at_many_files(void **state) {
        struct fixture *f = *state;
        char name[32];

        for (int i = 0; i < 2500; i++) {
                (void) snprintf(name, sizeof(name), "%s/t%d.task", i % 2 ? "high" : "low", i);
                put(f, name, "a");
        }
        taskdir_scan(f->taskdir);
        f->seen[0] = '\0';
        assert_look(f, "");
        put(f, "high/t1.task", "b");
        drop(f, "low/t2498.task");
        put(f, "low/new.task", "c");
        taskdir_look(f->taskdir);
        time_pass(f->timers, 0); /* the first piece */
        put(f, "low/newer.task", "d");
        event(f, "low", "newer.task", IN_MOVED_TO);
        drop(f, "high/t1999.task");
        event(f, "high", "t1999.task", IN_DELETE);
        assert_seen(f, "+newer@1=d -t1999 ");
        time_pass(f->timers, USEC_SEC);
        assert_seen(f, "+t1@0=b +new@1=c -t2498 ");
        taskdir_look(f->taskdir);
        time_pass(f->timers, 0);
        configure(f, "low", "low"); /* which ends it */
        assert_int_equal(f->last->dir, 0);
        f->seen[0] = '\0';
        assert_scan(f, "");
        assert_look(f, "");
}

/* Where files take long, the next ones are announced: each once, and no FIFO is opened for that. */
static void test_files_of_a_slow_disk(void **state) {
        enum { COUNT = 600, FIRST = 50 };
        struct fixture *f = *state;
        char name[32];

        for (int i = 0; i < COUNT; i++) {
                (void) snprintf(name, sizeof(name), "low/t%d.task", i);
                put(f, name, "a");
        }
        assert_int_equal(mkfifo(path_of(f, "low/zz.task"), 0600), 0);
        announced = 0;
        first_takes = 10 * USEC_MSEC;
        taskdir_scan(f->taskdir);
        assert_int_equal(announced, COUNT - FIRST);
        for (int i = 0; i < COUNT; i++) {
                (void) snprintf(name, sizeof(name), "t%d", i);
                assert_non_null(taskdir_find(f->taskdir, name));
        }
}

/* The mode matters only as far as it is reported. */
static void test_other_owners_and_modes(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        assert_int_equal(chmod(path_of(f, "high/one.task"), 0640), 0);
        assert_look(f, "");
        event(f, "high", "one.task", IN_ATTRIB);
        assert_seen(f, "");
        assert_int_equal(link(path_of(f, "high/one.task"), path_of(f, "backup")), 0);
        assert_look(f, "");
        assert_int_equal(chmod(path_of(f, "high/one.task"), 0644), 0);
        assert_look(f, "+one@0=a ");
}

/* ---- files that get their name when they are written ---- */

static int open_unnamed(const struct fixture *f, const char *text) {
        int fd = open(path_of(f, "high"), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        return fd;
}

static void give_name(const struct fixture *f, int fd, const char *file) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        assert_int_equal(linkat(AT_FDCWD, path, AT_FDCWD, path_of(f, file), AT_SYMLINK_FOLLOW), 0);
}

/* Its text and its name come at one time: within a tick of the clock that files are dated by. */
static void publish_at_once(const struct fixture *f, const char *text, const char *file) {
        struct stat st;

        do {
                CLEANUP(closep) int fd = open_unnamed(f, text);

                (void) unlink(path_of(f, file));
                give_name(f, fd, file);
                assert_int_equal(fstat(fd, &st), 0);
        } while (file_time_ns(&st.st_mtim) != file_time_ns(&st.st_ctim));
}

static void test_a_name_that_comes_last(void **state) {
        struct fixture *f = *state;
        const struct timespec old[2] = {{1000, 0}, {1000, 0}};
        CLEANUP(closep) int fd = -1, other = -1;

        put(f, "new", "a");
        assert_int_equal(link(path_of(f, "new"), path_of(f, "high/one.task")), 0);
        drop(f, "new");
        event(f, "high", "one.task", IN_CREATE);
        time_pass(f->timers, 2 * USEC_SEC);
        assert_seen(f, "+one@0=a ");

        fd = open_unnamed(f, "b");
        assert_int_equal(futimens(fd, old), 0);
        give_name(f, fd, "high/two.task");
        event(f, "high", "two.task", IN_CREATE);
        assert_seen(f, "+two@0=b "); /* it was written before */

        other = open_unnamed(f, "c");
        give_name(f, other, "high/three.task");
        event(f, "high", "three.task", IN_CREATE);
        time_pass(f->timers, 2 * USEC_SEC);
        assert_seen(f, "+three@0=c ");
}

static void test_a_file_that_is_being_written(void **state) {
        struct fixture *f = *state;
        CLEANUP(closep) int fd = -1;

        assert_scan(f, "");
        fd = open(path_of(f, "high/one.task"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        event(f, "high", "one.task", IN_CREATE);
        assert_int_equal(write(fd, "a", 1), 1);
        time_pass(f->timers, 2 * USEC_SEC);
        assert_seen(f, "");
        event(f, "high", "one.task", IN_CREATE); /* seen late */
        event(f, "high", "one.task", IN_MODIFY);
        event(f, "high", "one.task", IN_ATTRIB);
        assert_look(f, "incomplete "); /* it is open still, though nothing happens to it */
        assert_int_equal(write(fd, "b", 1), 1);
        event(f, "high", "one.task", IN_CLOSE_WRITE);
        assert_seen(f, "+one@0=ab ");
        assert_look(f, "");
}

/* Events were lost, and the end of its writing with them: it is looked at until it rests. */
static void test_a_writers_end_that_is_lost(void **state) {
        struct fixture *f = *state;
        const struct timespec now[2] = {{.tv_sec = (time_t) (clock_wall() / USEC_SEC)},
                                        {.tv_sec = (time_t) (clock_wall() / USEC_SEC)}};
        CLEANUP(closep) int fd = -1;

        assert_scan(f, "");
        fd = open(path_of(f, "high/one.task"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        event(f, "high", "one.task", IN_CREATE);
        event(f, "high", "one.task", IN_MODIFY);
        assert_int_equal(write(fd, "a", 1), 1);
        assert_int_equal(futimens(fd, now), 0);
        event(f, "high", NULL, IN_Q_OVERFLOW);
        time_pass(f->timers, USEC_SEC / 2);
        assert_seen(f, "incomplete ");
        assert_int_equal(write(fd, "b", 1), 1);
        assert_int_equal(futimens(fd, now), 0);
        time_pass(f->timers, 5 * USEC_SEC);
        assert_seen(f, "+one@0=ab ");
        assert_look(f, "");
}

/* Removed or renamed, and made again under its name: as install(1) and vi replace a file. */
static void test_a_successor_that_is_being_written(void **state) {
        struct fixture *f = *state;

        for (int i = 0; i < 2; i++) {
                CLEANUP(closep) int fd = -1;

                put(f, "high/one.task", "a");
                event(f, "high", "one.task", IN_MOVED_TO);
                assert_seen(f, "+one@0=a ");
                drop(f, "high/one.task");
                fd = open(path_of(f, "high/one.task"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                event(f, "high", "one.task", i == 0 ? IN_DELETE : IN_MOVED_FROM);
                event(f, "high", "one.task", IN_CREATE);
                event(f, "high", "one.task", IN_ATTRIB);
                assert_int_equal(write(fd, "b", 1), 1);
                event(f, "high", "one.task", IN_MODIFY);
                assert_seen(f, "");
                event(f, "high", "one.task", IN_CLOSE_WRITE);
                assert_seen(f, "+one@0=b ");
        }
        drop(f, "high/one.task");
        event(f, "high", "one.task", IN_DELETE);
        assert_seen(f, "-one ");
}

static void make_empty(const struct fixture *f) {
        CLEANUP(closep)
        int fd = open(path_of(f, "high/one.task"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
}

/* It is made just when nothing was found in its place. */
static void test_a_successor_that_comes_in_the_middle(void **state) {
        struct fixture *f = *state;

        renaming = f;
        put(f, "high/one.task", "a");
        put(f, "low/one.task", "hidden");
        assert_scan(f, "+one@0=a ");
        drop(f, "high/one.task");
        after_absence = make_empty;
        event(f, "high", "one.task", IN_DELETE);
        assert_null(after_absence);
        assert_seen(f, "+one@1=hidden ");
        event(f, "high", "one.task", IN_CREATE);
        put(f, "high/one.task", "b");
        event(f, "high", "one.task", IN_CLOSE_WRITE);
        assert_seen(f, "+one@0=b ");
}

/* A scan that somebody asks for reads no half of a file either. */
static void test_a_scan_while_a_file_is_written(void **state) {
        struct fixture *f = *state;
        CLEANUP(closep) int fd = -1;

        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        fd = open(path_of(f, "high/one.task"), O_WRONLY | O_TRUNC | O_CLOEXEC);
        event(f, "high", "one.task", IN_MODIFY);
        assert_scan(f, "");
        assert_int_equal(write(fd, "b", 1), 1);
        event(f, "high", "one.task", IN_CLOSE_WRITE);
        assert_seen(f, "+one@0=b ");
}

/* On a file system that has such times. */
static void test_times_far_away(void **state) {
        struct fixture *f = *state;
        static const time_t seconds[] = {-1, -100000000000, 100000000000, INT64_MAX / 1000};
        char *dir = strdup("/dev/shm/koowatch-times-XXXXXX");

        if (!dir || !mkdtemp(dir))
                skip();
        assert_int_equal(taskdir_configure(f->taskdir, dir, dir), 0);
        for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
                CLEANUP(freep) char *path = str_printf("%s/one.task", dir);
                const struct timespec times[2] = {{seconds[i], 999999999}, {seconds[i], 999999999}};
                CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

                assert_int_equal(dprintf(fd, "%zu", i), 1);
                assert_int_equal(futimens(fd, times), 0);
                taskdir_scan(f->taskdir);
                assert_non_null(str_after(f->seen, "+one@0="));
                f->seen[0] = '\0';
                assert_look(f, "");
                assert_int_equal(unlink(path), 0);
                assert_look(f, "-one ");
        }
        assert_int_equal(rmdir(dir), 0);
        free(dir);
}

/* Where no event comes and the file system, or somebody, always says that it was changed now. */
static void test_a_file_that_does_not_rest(void **state) {
        struct fixture *f = *state;

        assert_scan(f, "");
        put(f, "high/one.task", "a");
        taskdir_look(f->taskdir);
        for (int i = 0; i < 15; i++) {
                const struct timespec now[2] = {
                        {.tv_nsec = UTIME_OMIT},
                        {.tv_sec = (time_t) (clock_wall() / USEC_SEC), .tv_nsec = i}};

                assert_int_equal(utimensat(AT_FDCWD, path_of(f, "high/one.task"), now, 0), 0);
                time_pass(f->timers, USEC_SEC);
        }
        assert_seen(f, "incomplete +one@0=a ");
}

/* Another one takes the name before the first was looked at again. */
static void test_published_twice_in_a_second(void **state) {
        struct fixture *f = *state;

        for (int i = 0; i < 2; i++) {
                publish_at_once(f, i == 0 ? "a" : "b", "high/one.task");
                event(f, "high", "one.task", IN_CREATE);
                time_pass(f->timers, USEC_SEC / 2);
        }
        time_pass(f->timers, USEC_SEC);
        assert_seen(f, "+one@0=b ");
}

/* To a directory that was read before, while the one that it leaves is read. */
static void test_moved_in_the_middle_of_a_look(void **state) {
        struct fixture *f = *state;
        char name[32];

        for (int i = 0; i < 2500; i++) {
                (void) snprintf(name, sizeof(name), "low/t%d.task", i);
                put(f, name, "a");
        }
        taskdir_scan(f->taskdir);
        f->seen[0] = '\0';
        taskdir_look(f->taskdir);
        for (int i = 0; i < 3; i++)
                time_pass(f->timers, i == 0 ? 0 : 10 * USEC_MSEC);
        move(f, "low/t7.task", "high/t7.task");
        move(f, "low/t2400.task", "high/t2400.task");
        time_pass(f->timers, 5 * USEC_SEC);
        assert_null(strstr(f->seen, "-t"));
        f->seen[0] = '\0';
        assert_look(f, "");
}

static void test_events_and_an_unreadable_directory(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "low/one.task", "hidden");
        put(f, "low/two.task", "b");
        assert_scan(f, "+one@0=a +two@1=b ");
        make_unreadable(f, "high");
        event(f, "low", "one.task", IN_MOVED_TO);
        assert_seen(f, "");
        drop(f, "low/two.task");
        event(f, "low", "two.task", IN_DELETE);
        assert_seen(f, "-two ");
        make_readable(f, "high");
        assert_scan(f, "");
}

/* ---- removal ---- */

static int remove_last(struct fixture *f) {
        renaming = f;
        return taskdir_remove(f->taskdir, f->last);
}

/* A scan and an event agree on what counts. */
static void test_a_link_to_nowhere_hides_its_namesakes(void **state) {
        struct fixture *f = *state;

        if (geteuid() != 0) /* elsewhere no link is followed */
                skip();
        put(f, "low/one.task", "b");
        assert_int_equal(symlink("../later", path_of(f, "high/one.task")), 0);
        event(f, "high", "one.task", IN_CREATE);
        assert_seen(f, "+one@0!a symbolic link to a file that does not exist ");
        assert_scan(f, "");
        event(f, "low", "one.task", IN_CLOSE_WRITE);
        assert_seen(f, "+one@0!a symbolic link to a file that does not exist ");
        put(f, "later", "a");
        assert_scan(f, "+one@0=a ");
}

static void test_a_directory_that_is_a_file_changes_nothing(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "low/one.task", "hidden");
        assert_scan(f, "+one@0=a ");
        move(f, "high", "aside");
        put(f, "high", "a file");
        event(f, "low", "one.task", IN_MOVED_TO);
        assert_seen(f, "");
        assert_scan(f, "incomplete ");
}

static bool has_last(const struct fixture *f) {
        return taskdir_has(f->taskdir, "one", f->last->inode, f->last->mtime_ns) == 1;
}

/* As the directories are now, whatever has been read of them. */
static void test_which_file_counts(void **state) {
        struct fixture *f = *state;

        assert_int_equal(taskdir_has(f->taskdir, "one", 1, 1), 0);
        put(f, "low/one.task", "a");
        assert_scan(f, "+one@1=a ");
        assert_true(has_last(f));
        move(f, "low/one.task", "high/one.task");
        assert_true(has_last(f));
        put(f, "low/one.task", "b");
        assert_true(has_last(f));
        move(f, "high/one.task", "high/two.task");
        assert_false(has_last(f));
        move(f, "high/two.task", "low/one.task");
        assert_true(has_last(f));
        put(f, "high/one.task", "c");
        assert_false(has_last(f));
        assert_int_equal(unlink(path_of(f, "high/one.task")), 0);
        assert_int_equal(symlink("nowhere", path_of(f, "high/one.task")), 0);
        assert_false(has_last(f));
        put(f, "somewhere", "d");
        assert_int_equal(unlink(path_of(f, "high/one.task")), 0);
        assert_int_equal(symlink("../somewhere", path_of(f, "high/one.task")), 0);
        errno = EIO; /* somebody else's */
        assert_int_equal(taskdir_has(f->taskdir, "one", 1, 1), 0);
        assert_int_equal(unlink(path_of(f, "high/one.task")), 0);
        assert_true(has_last(f));
        make_unreadable(f, "high");
        assert_int_equal(taskdir_has(f->taskdir, "one", f->last->inode, f->last->mtime_ns), -ELOOP);
        make_readable(f, "high");
        assert_true(has_last(f));
}

static void test_remove(void **state) {
        struct fixture *f = *state;

        put(f, "low/one.task", "a");
        assert_scan(f, "+one@1=a ");
        assert_int_equal(remove_last(f), 0);
        assert_false(has(f, "low/one.task"));
        assert_false(has(f, "low/.one.finished"));
        assert_int_equal(remove_last(f), -ENOENT);
        assert_scan(f, "-one ");
}

static void test_remove_what_is_another_file_by_now(void **state) {
        struct fixture *f = *state;

        put(f, "low/one.task", "a");
        assert_scan(f, "+one@1=a ");
        put(f, "low/one.task", "b");
        assert_int_equal(remove_last(f), -ESTALE);
        assert_false(has(f, "low/.one.finished"));
        assert_scan(f, "+one@1=b "); /* it stays, with all that is in it */
        assert_int_equal(remove_last(f), 0);
}

static void put_newer(const struct fixture *f) {
        put(f, "low/one.task", "newest");
}

static void test_remove_while_others_write(void **state) {
        struct fixture *f = *state;

        put(f, "low/one.task", "a");
        assert_scan(f, "+one@1=a ");
        after_rename = put_newer; /* the right one is aside already */
        assert_int_equal(remove_last(f), 0);
        assert_false(has(f, "low/.one.finished"));
        assert_scan(f, "+one@1=newest ");
        put(f, "low/one.task", "b");
        after_rename = put_newer; /* another one is aside, and there is a newer one still */
        assert_int_equal(remove_last(f), -ESTALE);
        assert_false(has(f, "low/.one.finished"));
        assert_scan(f, "+one@1=newest ");
}

/* What was aside when the daemon died is found again; what has another name, or place, is not. */
static void test_a_file_that_was_left_aside(void **state) {
        struct fixture *f = *state;

        put(f, "low/.one.finished", "a");
        put(f, "low/two.finished", "b");
        put(f, "low/.finished", "c");
        put(f, "low/.three.finishe", "d");
        put(f, "low/..finished", "e");
        put(f, "high/.four.finished", "f");
        assert_scan(f, "stray /low/two.finished +one@1=a ");
        assert_true(has(f, "low/one.task"));
        assert_false(has(f, "low/.one.finished"));
        assert_true(has(f, "low/two.finished"));
        assert_true(has(f, "low/.finished"));
        assert_true(has(f, "low/.three.finishe"));
        assert_true(has(f, "high/.four.finished"));
}

static void test_remove_where_nobody_looks(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = NULL;

        put(f, "low/one.task", "a");
        assert_scan(f, "+one@1=a ");
        configure(f, "high", NULL);
        assert_seen(f, "-one ");
        assert_int_equal(remove_last(f), -ENOENT);
        assert_true(has(f, "low/one.task"));
        path = taskdir_path(f->taskdir, f->last);
        assert_string_equal(path, "one.task");
}

/* Instead of libc's: what opening a name, or a directory, fails with; and what happens before. */
static const char *failing_name;
static int failing_error;
static void (*before_open)(const struct fixture *f);

static bool fails_to_open(const char *path) {
        void (*fn)(const struct fixture *f) = before_open;

        if (!failing_name || !str_ends_with(path, failing_name))
                return false;
        before_open = NULL;
        if (fn)
                fn(renaming);
        errno = failing_error;
        return failing_error > 0;
}

static void fail_open(const char *name, int error) {
        failing_name = name;
        failing_error = error;
}

int open(const char *path, int flags, ...) {
        va_list args;
        mode_t mode;

        va_start(args, flags);
        mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
        va_end(args);
        return fails_to_open(path) ? -1 : (int) syscall(SYS_open, path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...) {
        return fails_to_open(path) ? -1 : (int) syscall(SYS_openat, dirfd, path, flags, 0);
}

/* What passes leaves all as it was, and is told; what is the file's own is a fault of it. */
static void test_files_that_cannot_be_opened(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "high/two.task", "b");
        assert_scan(f, "+one@0=a +two@0=b ");
        put(f, "high/one.task", "c");
        drop(f, "high/two.task");
        fail_open("one.task", EMFILE);
        taskdir_scan(f->taskdir);
        assert_non_null(strstr(f->seen, "high/one.task: Too many open files "));
        assert_non_null(strstr(f->seen, "incomplete "));
        assert_null(strstr(f->seen, "-two "));
        f->seen[0] = '\0';
        fail_open(NULL, 0);
        assert_scan(f, "+one@0=c -two ");

        put(f, "high/one.task", "d");
        fail_open("one.task", EIO); /* not of the moment, and it may pass */
        f->may_pass = false;
        assert_scan(f, "+one@0!Input/output error ");
        assert_true(f->may_pass);
        put(f, "high/one.task", "e");
        fail_open("one.task", EACCES);
        assert_scan(f, "+one@0!Permission denied ");
        assert_false(f->may_pass);
        assert_int_equal(chmod(path_of(f, "high"), 0777), 0); /* no link, wherever it is */
        put(f, "high/one.task", "f");
        assert_scan(f, "+one@0!Permission denied ");
        fail_open(NULL, 0);
}

static void remove_one_file(const struct fixture *f) {
        drop(f, "high/one.task");
}

/* Between the look at its name and at what is in it. */
static void test_a_file_that_goes_during_the_look(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        put(f, "low/one.task", "b");
        renaming = f;
        before_open = remove_one_file;
        fail_open("high", 0);
        taskdir_scan(f->taskdir); /* before the directory is read */
        assert_seen(f, "+one@1=b ");
        fail_open(NULL, 0);
        put(f, "high/one.task", "c");
        before_open = remove_one_file;
        fail_open("one.task", ENOENT);
        taskdir_scan(f->taskdir);
        fail_open(NULL, 0);
        f->seen[0] = '\0';
        assert_scan(f, "");
        assert_int_equal(f->last->dir, 1);
        drop(f, "low/one.task");
        put(f, "high/one.task", "d");
        before_open = remove_one_file;
        fail_open("one.task", EACCES); /* of what kind it was is not known any more */
        assert_scan(f, "+one@0!Permission denied ");
        fail_open(NULL, 0);
}

/* A read that fails is a fault of the disk, which may pass: the file is read again. */
static void test_a_file_that_cannot_be_read(void **state) {
        struct fixture *f = *state;

        if (geteuid() != 0)
                skip(); /* links are followed in root's directories alone */
        assert_int_equal(symlink("/proc/self/mem", path_of(f, "high/one.task")), 0);
        f->may_pass = false;
        assert_scan(f, "+one@0!Input/output error ");
        assert_true(f->may_pass);
}

/* A directory that cannot be read for the moment: that is told, and its files stay. */
static void test_a_directory_that_cannot_be_opened(void **state) {
        struct fixture *f = *state;

        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        fail_open("high", ENFILE);
        taskdir_scan(f->taskdir);
        assert_non_null(strstr(f->seen, "/high: Too many open files in system incomplete "));
        f->seen[0] = '\0';
        drop(f, "high/one.task");
        event(f, "high", "one.task", IN_DELETE);
        assert_non_null(strstr(f->seen, "/high: Too many open files in system "));
        assert_null(strstr(f->seen, "-one"));
        f->seen[0] = '\0';
        fail_open("high", EACCES); /* that is no error of the moment */
        assert_scan(f, "incomplete ");
        event(f, "high", "one.task", IN_DELETE);
        assert_seen(f, "");
        fail_open(NULL, 0);
        assert_scan(f, "-one ");
}

/* What a file is known by, as the store keeps it. */
static void test_the_time_of_a_file(void **state) {
        struct fixture *f = *state;
        const struct timespec times[2] = {{1000, 0}, {1700000123, 456789012}};
        struct stat st;

        put(f, "high/one.task", "a");
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, "high/one.task"), times, 0), 0);
        assert_scan(f, "+one@0=a ");
        assert_int_equal(stat(path_of(f, "high/one.task"), &st), 0);
        assert_int_equal(f->last->inode, st.st_ino);
        assert_int_equal(f->last->mtime_ns, INT64_C(1700000123456789012));
}

/* Where renaming without replacing is not possible, a second link does; or, at last, replacing. */
static void test_remove_on_simple_file_systems(void **state) {
        struct fixture *f = *state;

        for (int links = 0; links < 2; links++) {
                put(f, "low/one.task", "a");
                assert_scan(f, "+one@1=a ");
                put(f, "low/one.task", "b");
                no_noreplace = true;
                no_links = links;
                assert_int_equal(taskdir_remove(f->taskdir, f->last), -ESTALE);
                no_noreplace = no_links = false;
                assert_true(has(f, "low/one.task"));
                assert_false(has(f, "low/.one.finished"));
                assert_scan(f, "+one@1=b ");
                drop(f, "low/one.task");
                assert_scan(f, "-one ");
        }
}

/* Nothing is removed of what is not there. */
static void test_remove_what_is_not_there(void **state) {
        struct fixture *f = *state;

        put(f, "low/one.task", "a");
        assert_scan(f, "+one@1=a ");
        drop(f, "low/one.task");
        assert_int_equal(taskdir_remove(f->taskdir, f->last), -ENOENT);
        move(f, "low", "aside");
        assert_int_equal(taskdir_remove(f->taskdir, f->last), -ENOENT);
        move(f, "aside", "low");
        configure(f, "high", "high");
        assert_int_equal(taskdir_remove(f->taskdir, f->last), -ENOENT);
}

/* An event shows that a directory is not what it was: a look follows, once that is not known. */
static void test_an_event_in_a_directory_that_has_gone(void **state) {
        struct fixture *f = *state;
        unsigned scans;

        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        move(f, "high", "aside");
        scans = f->scans;
        event(f, "high", "one.task", IN_DELETE);
        assert_seen(f, "");
        time_pass(f->timers, USEC_SEC);
        assert_int_equal(f->scans, scans + 1);
        event(f, "high", "one.task", IN_DELETE);
        time_pass(f->timers, USEC_SEC);
        assert_int_equal(f->scans, scans + 1);
        assert_seen(f, "");
}

static void capture_log(struct capture *capture) {
        capture_begin(capture);
        log_set_level(LEVEL_NOTICE);
}

static char *heard(struct capture *capture) {
        log_set_level((enum log_level) 0);
        return capture_end(capture);
}

#define assert_heard(capture, words)                               \
        do {                                                       \
                CLEANUP(freep) char *text_ = heard(capture);       \
                                                                   \
                if (!strstr(text_, words))                         \
                        fail_msg("no \"%s\" in %s", words, text_); \
        } while (0)

#define assert_silence(capture)                              \
        do {                                                 \
                CLEANUP(freep) char *text_ = heard(capture); \
                                                             \
                assert_string_equal(text_, "");              \
        } while (0)

/* What is told of a directory: each once, until it is another matter. */
static void test_what_is_told_of_directories(void **state) {
        struct fixture *f = *state;
        struct capture c;

        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        move(f, "high", "aside");
        capture_log(&c);
        taskdir_scan(f->taskdir);
        assert_heard(&c, "/high: not there; is a file system not mounted? Its 1 known task "
                         "stays as before; ");
        capture_log(&c);
        taskdir_scan(f->taskdir);
        time_pass(f->timers, 4 * USEC_MINUTE);
        assert_silence(&c);
        capture_log(&c);
        time_pass(f->timers, 3 * USEC_MINUTE);
        assert_heard(&c, "/high: not there for five minutes; its tasks wait until ");
        move(f, "aside", "high");
        capture_log(&c);
        taskdir_scan(f->taskdir);
        assert_heard(&c, "notice ");
        capture_log(&c);
        taskdir_scan(f->taskdir);
        assert_silence(&c);

        make_unreadable(f, "high");
        capture_log(&c);
        taskdir_scan(f->taskdir);
        assert_heard(&c, "; its known tasks stay as they are");
        capture_log(&c);
        taskdir_scan(f->taskdir);
        configure(f, "low:high", "low"); /* a reload is no reason to say it again */
        taskdir_scan(f->taskdir);
        assert_silence(&c);
        make_readable(f, "high");
        capture_log(&c);
        taskdir_scan(f->taskdir);
        make_unreadable(f, "high");
        taskdir_scan(f->taskdir);
        assert_heard(&c, "; its known tasks stay as they are");
        make_readable(f, "high");
}

static void test_what_is_told_of_too_many(void **state) {
        struct fixture *f = *state;
        char all[64 * (TASKDIR_MAX + 1)] = "";
        struct capture c;

        for (int i = 0; i <= TASKDIR_MAX; i++) {
                size_t n = strlen(all);

                (void) snprintf(all + n, sizeof(all) - n, "%s/nowhere/%d", i > 0 ? ":" : "", i);
        }
        capture_log(&c);
        assert_int_equal(taskdir_configure(f->taskdir, all, NULL), 0);
        assert_heard(&c, "ignored, there are already");
        *strrchr(all, ':') = '\0'; /* as many as there may be */
        capture_log(&c);
        assert_int_equal(taskdir_configure(f->taskdir, all, NULL), 0);
        assert_silence(&c);
}

/* More files that have just come than are waited for: all directories are looked at instead. */
static void test_many_fresh_files(void **state) {
        struct fixture *f = *state;
        char name[32];
        size_t found = 0;

        assert_scan(f, "");
        f->again = READ_AGAIN_NOT;
        for (int i = 0; i < 260; i++) {
                int fd;

                (void) snprintf(name, sizeof(name), "high/f%d.task", i);
                fd = open(path_of(f, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                assert_int_equal(write(fd, "a", 1), 1);
                (void) close(fd);
                event(f, "high", name + strlen("high/"), IN_CREATE);
        }
        assert_seen(f, "");
        for (int i = 0; i < 5; i++) {
                time_pass(f->timers, 30 * USEC_SEC);
                for (const char *at = f->seen; (at = strchr(at, '+')); at++)
                        found++;
                f->seen[0] = '\0';
        }
        assert_int_equal(found, 260);
}

/* Who is waited for a moment comes before one that is being written; both are dropped at the end.
 */
static void test_fresh_files_at_the_end(void **state) {
        struct fixture *f = *state;
        CLEANUP(closep) int fd = -1;

        assert_scan(f, "");
        fd = open(path_of(f, "high/slow.task"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        event(f, "high", "slow.task", IN_CREATE);
        for (int i = 0; i < 2; i++) {
                const char *name = i > 0 ? "two.task" : "one.task";
                CLEANUP(freep) char *path = str_printf("high/%s", name);
                int file = open(path_of(f, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

                assert_int_equal(write(file, "a", 1), 1);
                (void) close(file);
                event(f, "high", name, IN_CREATE);
                if (i == 0) {
                        time_pass(f->timers, 1100 * USEC_MSEC);
                        assert_seen(f, "+one@0=a ");
                }
        }
        event(f, "high", "gone.task", IN_CREATE); /* and is not there any more */
        assert_seen(f, "");
}

/* A size that says nothing of what is in it. */
static void test_a_file_that_is_larger_than_it_says(void **state) {
        struct fixture *f = *state;

        if (geteuid() != 0 || access("/proc/kallsyms", R_OK) < 0)
                skip();
        assert_int_equal(symlink("/proc/kallsyms", path_of(f, "high/one.task")), 0);
        assert_scan(f, "+one@0!the file is larger than 64 KiB ");
        assert_false(f->may_pass);
}

static void test_an_empty_directory_name(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *text = str_printf(":%s/high::%s/low:", f->top, f->top);

        put(f, "low/one.task", "a");
        assert_int_equal(taskdir_configure(f->taskdir, "::", NULL), 0);
        assert_scan(f, "");
        assert_int_equal(taskdir_configure(f->taskdir, text, NULL), 0);
        assert_scan(f, "+one@1=a ");
}

/* An empty directory is a gap, as one that is not there is; both with files have none. */
static void test_gaps(void **state) {
        struct fixture *f = *state;

        assert_scan(f, "");
        assert_true(f->has_gaps);
        put(f, "high/one.task", "a");
        assert_scan(f, "+one@0=a ");
        assert_true(f->has_gaps);
        put(f, "low/two.task", "b");
        assert_scan(f, "+two@1=b ");
        assert_false(f->has_gaps);
        move(f, "low", "aside");
        assert_scan(f, "");
        assert_true(f->has_gaps);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                TEST(test_new_changed_and_gone),
                TEST(test_a_change_that_is_hard_to_see),
                TEST(test_a_file_hides_its_namesakes),
                TEST(test_a_directory_that_is_missing),
                TEST(test_another_directory_that_is_empty),
                TEST(test_another_directory_with_files),
                TEST(test_a_directory_that_stays_away),
                TEST(test_a_directory_that_has_become_empty),
                TEST(test_a_reload_knows_the_directories),
                TEST(test_an_unreadable_directory_changes_nothing),
                TEST(test_an_unsettled_file_is_read_again),
                TEST(test_files_that_cannot_be_taken),
                TEST(test_strays),
                TEST(test_volatile_directories),
                TEST(test_other_directories),
                TEST(test_too_many_directories),
                TEST(test_events),
                TEST(test_events_and_an_unreadable_directory),
                TEST(test_looks),
                TEST(test_a_look_wanted_during_one),
                TEST(test_an_event_after_a_look),
                TEST(test_a_look_at_many_files),
                TEST(test_files_of_a_slow_disk),
                TEST(test_other_owners_and_modes),
                TEST(test_a_name_that_comes_last),
                TEST(test_a_file_that_is_being_written),
                TEST(test_a_writers_end_that_is_lost),
                TEST(test_a_successor_that_is_being_written),
                TEST(test_a_successor_that_comes_in_the_middle),
                TEST(test_a_scan_while_a_file_is_written),
                TEST(test_times_far_away),
                TEST(test_a_file_that_does_not_rest),
                TEST(test_published_twice_in_a_second),
                TEST(test_moved_in_the_middle_of_a_look),
                TEST(test_a_link_to_nowhere_hides_its_namesakes),
                TEST(test_a_directory_that_is_a_file_changes_nothing),
                TEST(test_which_file_counts),
                TEST(test_remove),
                TEST(test_remove_what_is_another_file_by_now),
                TEST(test_remove_while_others_write),
                TEST(test_a_file_that_was_left_aside),
                TEST(test_remove_where_nobody_looks),
                TEST(test_files_that_cannot_be_opened),
                TEST(test_a_file_that_goes_during_the_look),
                TEST(test_a_file_that_cannot_be_read),
                TEST(test_a_directory_that_cannot_be_opened),
                TEST(test_the_time_of_a_file),
                TEST(test_remove_on_simple_file_systems),
                TEST(test_remove_what_is_not_there),
                TEST(test_an_event_in_a_directory_that_has_gone),
                TEST(test_what_is_told_of_directories),
                TEST(test_what_is_told_of_too_many),
                TEST(test_many_fresh_files),
                TEST(test_fresh_files_at_the_end),
                TEST(test_a_file_that_is_larger_than_it_says),
                TEST(test_an_empty_directory_name),
                TEST(test_gaps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
