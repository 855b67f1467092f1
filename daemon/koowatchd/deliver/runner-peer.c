#include "koowatchd/deliver/runner-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/crash-point.h"
#include "common/spawn.h"
#include "common/util.h"

#define SOCKET_DEFAULT "/run/koowatch-hook.socket"

static int connect_socket(const char *path, int *ret) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        CLEANUP(closep) int fd = -1;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        *ret = STEAL_FD(fd);
        return 0;
}

/* What a spawned runner gets of the environment: no token's place, no NOTIFY_SOCKET. */
static int make_environment(const struct runner_peer *p, char *ret[8]) {
        static const char *const passed[] = {"PATH", "LANG", "HOME", "JOURNAL_STREAM",
                                             CRASH_VARIABLES};
        size_t n = 0;

        ret[n++] = str_printf("RUNTIME_DIRECTORY=%s", p->lock_directory);
        for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
                const char *value = getenv(passed[i]);

                if (value)
                        ret[n++] = str_printf("%s=%s", passed[i], value);
        }
        for (size_t i = 0; i < n; i++)
                if (!ret[i])
                        return -ENOMEM;
        return 0;
}

static void environment_free(char *(*environment)[8]) {
        for (size_t i = 0; i < ARRAY_LEN(*environment); i++)
                free((*environment)[i]);
}

static int spawn_runner(const struct runner_peer *p, int fd, pid_t *ret) {
        const char *const arguments[] = {p->program, p->config_path ? "--config" : NULL,
                                         p->config_path, NULL};
        CLEANUP(environment_free) char *environment[8] = {};
        int error = make_environment(p, environment);

        if (error < 0)
                return error;
        return spawn_process(
                &(struct spawn){
                        .path = p->program,
                        .arguments = arguments,
                        .environment = environment,
                        .input = fd,
                        .output = fd,
                        .error = STDERR_FILENO,
                },
                ret);
}

int runner_peer_connect(const struct runner_peer *p, int *ret_fd, pid_t *ret_pid) {
        CLEANUP(closep) int ours = -1, theirs = -1;
        int pair[2], error;

        *ret_pid = 0;
        if (p->socket_path)
                return connect_socket(p->socket_path, ret_fd);

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        theirs = pair[1];
        if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        error = spawn_runner(p, theirs, ret_pid);
        if (error < 0)
                return error;
        *ret_fd = STEAL_FD(ours);
        return 0;
}

/* Beside the daemon when that runs from its build tree, else where it was installed to. */
static char *find_program(void) {
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        CLEANUP(freep) char *beside = NULL;
        char *slash;

        if (n > 0 && (size_t) n < sizeof(self)) {
                self[n] = '\0';
                slash = strrchr(self, '/');
                if (slash)
                        *slash = '\0';
                beside = str_printf("%s/koowatch-hook", self);
                if (beside && access(beside, X_OK) == 0)
                        return STEAL_PTR(beside);
        }
        return strdup(KOOWATCH_LIBEXECDIR "/koowatch-hook");
}

int runner_peer_init(const char *setting, const char *config_path, const char *lock_directory,
                     struct runner_peer *ret) {
        const char *path = NULL;

        *ret = (struct runner_peer){};
        if (*setting == '/')
                path = setting;
        else if (streq(setting, "auto") && access(SOCKET_DEFAULT, W_OK) == 0)
                path = SOCKET_DEFAULT; /* of the service; who runs in the foreground has none */
        if (path) {
                ret->socket_path = strdup(path);
                ret->description = str_printf("through %s", path);
                if (!ret->socket_path)
                        return -ENOMEM;
        } else {
                ret->program = find_program();
                ret->description = ret->program ? str_printf("by %s", ret->program) : NULL;
        }
        ret->lock_directory = strdup(lock_directory);
        if (str_replace(&ret->config_path, config_path) < 0 || !ret->lock_directory ||
            !ret->description)
                return -ENOMEM;
        return 0;
}

void runner_peer_clear(struct runner_peer *p) {
        free(p->socket_path);
        free(p->program);
        free(p->config_path);
        free(p->lock_directory);
        free(p->description);
}
