#include "koowatchd/no-exec.h"

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>

#include "common/util.h"

static void releasep(scmp_filter_ctx *filter) {
        if (*filter)
                seccomp_release(*filter);
}

int no_exec(void) {
        static bool is_done; /* a filter more would slow down all system calls */
        CLEANUP(releasep) scmp_filter_ctx filter = NULL;
        int r;

        if (is_done)
                return 0;
        filter = seccomp_init(SCMP_ACT_ALLOW);
        if (!filter)
                return -ENOMEM;
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(execve), 0);
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(execveat), 0);
        if (r == 0)
                r = seccomp_load(filter);
        is_done = r == 0;
        return r;
}
