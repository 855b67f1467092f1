#include "koowatchd/state-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/report/notify.h"
#include "koowatchd/store/sqlite-damage.h"
#include "koowatchd/store/sqlite-store.h"
#include "koowatchd/store/store.h"

const char *store_advice(int error) {
        switch (error) {
        case -EPROTO:
                return "; a later version wrote it, run that version";
        case -ENOSPC:
        case -EDQUOT:
                return "; free some disk space, it is needed even for reading";
        case -EACCES:
        case -EPERM:
                return "; this user needs write access to it and its directory";
        case -EROFS:
                return "; its file system is read-only, make it writable";
        case -EISDIR:
        case -ENOTSUP:
                return "; move away what is in its place";
        case -EBUSY:
                return "; another program is writing to it, stop that program";
        default:
                return "";
        }
}

/* Makes the file where there is none, and finds out what SQLite has no words for. */
static int make_database(const char *path) {
        /* It holds download links; its companions inherit the mode. */
        CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
}

static void ask_for_time(void) {
        notify_busy(clock_boot());
}

static int make_and_open(const char *path, struct store **ret) {
        int r = make_database(path);

        return r < 0 ? r : sqlite_store_open(path, ask_for_time, ret);
}

/* A start that fails each time would help nobody. Returns 0 or a negative errno; logs all. */
static int move_aside(const char *path, struct store **store) {
        CLEANUP(freep) char *aside = NULL, *reason = strdup(store_error(*store));
        int r;

        store_close(STEAL_PTR(*store));
        r = sqlite_damage_move_aside(path, clock_wall(), &aside);
        if (r < 0)
                log_error("%s: damaged (%s), and cannot be moved aside (%s); move it away", path,
                          reason ? reason : "", strerror(-r));
        else
                log_error("%s: damaged (%s), moved to %s; starting with a new one: tasks whose "
                          "files exist are polled again, finished ones too; which outcomes were "
                          "not delivered is no longer known",
                          path, reason ? reason : "", aside);
        return r;
}

/* Returns 0 or a negative errno, with the reason logged. */
static int open_store(const char *path, struct store **ret) {
        int r = make_and_open(path, ret);

        if (r == -EUCLEAN) {
                r = move_aside(path, ret);
                if (r < 0)
                        return r;
                r = make_and_open(path, ret);
        }
        if (r < 0)
                log_error("%s: cannot open (%s)%s", path, *ret ? store_error(*ret) : strerror(-r),
                          store_advice(r));
        return r;
}

int state_directory_open(const char *path, bool has_store, struct state_directory *ret) {
        CLEANUP(freep) char *database = str_printf("%s/state.db", path);
        CLEANUP(freep) char *tasks = str_printf("%s/tasks.d", path);
        int r;

        *ret = (struct state_directory){.fd = -1};
        if (!tasks || !database) {
                log_error("cannot start: %s", strerror(ENOMEM));
                return -ENOMEM;
        }
        r = make_directories(path, 0700);
        if (r == 0)
                r = make_directories(tasks, 0700);
        if (r == 0) {
                ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = ret->fd < 0 ? -errno : 0;
        }
        if (r < 0) {
                log_error("StateDirectory %s: cannot use it (%s); make it writable for this user, "
                          "or set another directory",
                          path, strerror(-r));
                return r;
        }
        if (flock(ret->fd, LOCK_EX | LOCK_NB) < 0) {
                log_error("StateDirectory %s: in use by another koowatchd; stop that one, or set "
                          "another directory",
                          path);
                return -EBUSY;
        }

        if (!has_store)
                return 0;
        ret->store_name = STEAL_PTR(database);
        return open_store(ret->store_name, &ret->store);
}

void state_directory_close(struct state_directory *state) {
        store_close(state->store);
        free(state->store_name);
        closep(&state->fd);
}
