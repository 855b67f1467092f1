#include "koowatchctl/logs.h"

#include <errno.h>

#include "koowatchctl/language.h"

/*
 * Fields that begin with an underscore are the journal's own: whatever another program writes,
 * it does not come from these units.
 */
#define OF_DAEMON "_SYSTEMD_UNIT=koowatchd.service"
#define OF_HOOKS "_SYSTEMD_SLICE=system-koowatch\\x2dhook.slice"

#define ARGUMENTS_MAX 16

const struct option_row logs_options[] = {
        {"follow", NULL, N_("go on with what is new"), 'f', false},
        {"lines", "N", N_("only the last N entries"), 'n', false},
        {"since", "TIME", N_("only entries of that time or later"), 0, false},
        {},
};

int logs_run(struct ctl *ctl, const struct options *options) {
        const char *arguments[ARGUMENTS_MAX] = {"journalctl"};
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(freep) char *name = NULL;
        CLEANUP(freep) char *lines = NULL;
        CLEANUP(freep) char *since = NULL;
        size_t n = 1;

        if (options_has(options, "follow"))
                arguments[n++] = "--follow";
        if (options_get(options, "lines"))
                lines = str_printf("--lines=%s", options_get(options, "lines"));
        if (options_get(options, "since"))
                since = str_printf("--since=%s", options_get(options, "since"));
        if (lines)
                arguments[n++] = lines;
        if (since)
                arguments[n++] = since;
        if (ctl->json != JSON_NONE)
                arguments[n++] = "--output=json";
        if (options->n_arguments > 0)
                name = str_printf("KOOWATCH_NAME=%s", options->arguments[0]);
        arguments[n++] = OF_DAEMON;
        if (name)
                arguments[n++] = name;
        arguments[n++] = "+";
        arguments[n++] = OF_HOOKS;
        if (name)
                arguments[n++] = name;
        arguments[n] = NULL;

        (void) fflush(stdout);
        (void) execvp(arguments[0], (char *const *) arguments);
        (void) failure_set(&failure, "Failed", _("journalctl cannot be run: %s"), strerror(errno));
        return ctl_fail(ctl, &failure);
}
