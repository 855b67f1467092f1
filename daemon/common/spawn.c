#include "common/spawn.h"

#include <signal.h>
#include <spawn.h>

#include "common/util.h"

DEFINE_CLEANUP(posix_spawnattr_t *, posix_spawnattr_destroy)
DEFINE_CLEANUP(posix_spawn_file_actions_t *, posix_spawn_file_actions_destroy)

/* Returns 0 or a positive errno, as the next one does. */
static int prepare_files(const struct spawn *spawn, posix_spawn_file_actions_t *actions) {
        const int fds[] = {spawn->input, spawn->output, spawn->error};
        int r = 0;

        for (int i = 0; i < (int) ARRAY_LEN(fds) && r == 0; i++)
                r = posix_spawn_file_actions_adddup2(actions, fds[i], i);
        if (r == 0) /* also what the caller itself inherited without close-on-exec */
                r = posix_spawn_file_actions_addclosefrom_np(actions, (int) ARRAY_LEN(fds));
        if (r == 0 && spawn->working_directory)
                r = posix_spawn_file_actions_addchdir_np(actions, spawn->working_directory);
        return r;
}

static int prepare_attributes(posix_spawnattr_t *attributes) {
        sigset_t none, all;
        int r;

        (void) sigemptyset(&none);
        (void) sigfillset(&all);

        r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                         POSIX_SPAWN_SETSIGDEF);
        if (r == 0)
                r = posix_spawnattr_setpgroup(attributes, 0);
        if (r == 0)
                r = posix_spawnattr_setsigmask(attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(attributes, &all);
        return r;
}

int spawn_process(const struct spawn *spawn, pid_t *ret) {
        posix_spawnattr_t attributes;
        CLEANUP(posix_spawnattr_destroyp) posix_spawnattr_t *attr = NULL;
        posix_spawn_file_actions_t file_actions;
        CLEANUP(posix_spawn_file_actions_destroyp) posix_spawn_file_actions_t *actions = NULL;
        int r;

        r = posix_spawnattr_init(&attributes);
        if (r != 0)
                return -r;
        attr = &attributes;

        r = posix_spawn_file_actions_init(&file_actions);
        if (r != 0)
                return -r;
        actions = &file_actions;

        r = prepare_attributes(attr);
        if (r == 0)
                r = prepare_files(spawn, actions);
        if (r == 0) /* which does not write to the arguments */
                r = posix_spawn(ret, spawn->path, actions, attr, (char *const *) spawn->arguments,
                                spawn->environment);
        return -r;
}
