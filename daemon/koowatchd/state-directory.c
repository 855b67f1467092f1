#include "koowatchd/state-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "common/log.h"
#include "common/util.h"
#include "koowatchd/store/sqlite-store.h"
#include "koowatchd/store/store.h"

static const char *store_advice(int error) {
        switch (error) {
        case -EUCLEAN:
                return "; move it away to start with an empty store: tasks whose files exist will "
                       "be polled again";
        case -EPROTO:
                return "; a later version wrote it, run that version";
        case -ENOSPC:
                return "; free some disk space, it is needed even for reading";
        case -EACCES:
                return "; this user needs write access to it and its directory";
        case -EBUSY:
                return "; another program is writing to it, stop that program";
        default:
                return "";
        }
}

int state_directory_open(const char *path, struct state_directory *ret) {
        CLEANUP(freep) char *tasks = str_printf("%s/tasks.d", path);
        int r, fd;

        *ret = (struct state_directory){.fd = -1};
        ret->store_path = str_printf("%s/state.db", path);
        if (!tasks || !ret->store_path)
                return -ENOMEM;
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

        /* It holds download links; its companions inherit the mode. */
        fd = open(ret->store_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        closep(&fd);
        r = sqlite_store_open(ret->store_path, &ret->store);
        if (r < 0)
                log_error("%s: cannot open (%s)%s", ret->store_path,
                          ret->store ? store_error(ret->store) : strerror(-r), store_advice(r));
        return r;
}

void state_directory_close(struct state_directory *state) {
        store_close(state->store);
        free(state->store_path);
        closep(&state->fd);
}
