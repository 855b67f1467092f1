#pragma once
/*
 * Runner peer: how koowatch-hook is reached
 *
 * Through its socket, behind which somebody else starts it, or as a child of this process.
 */
#include <sys/types.h>

struct runner_peer {
        char *socket_path; /* NULL: spawn */
        char *program;
        char *config_path; /* NULL: none is handed over */
        char *lock_directory;
        char *description; /* of the way, in words */
};

/*
 * As runner_new() has them. Returns 0 or -ENOMEM; what is in *ret is to be cleared in any case.
 */
int runner_peer_init(const char *setting, const char *config_path, const char *lock_directory,
                     struct runner_peer *ret);
void runner_peer_clear(struct runner_peer *peer);

/*
 * Connects to another one. *ret_pid is that of the child, which is to be waited for; 0: there is
 * none. Returns 0 or a negative errno.
 */
int runner_peer_connect(const struct runner_peer *peer, int *ret_fd, pid_t *ret_pid);
