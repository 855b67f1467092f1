#include "common/config-check.h"

#include <errno.h>
#include <limits.h>

#include "common/account-config.h"
#include "common/account-keys.h"
#include "common/config-keys.h"
#include "common/settings.h"

/* KooDrive ends a session after 20 idle minutes; what is left is for jitter and a repeated poll. */
#define INTERVAL_MAX_SAFE (15 * USEC_MINUTE)

static void check_intervals(const struct config *config, struct settings_faults *faults) {
        struct config_origin origin = config_origin(config, "Poll", "IntervalMax");
        char min_text[64], max_text[64];

        if (!origin.file)
                origin = config_origin(config, "Poll", "IntervalMin");

        (void) timespan_format(config->interval_min, min_text, sizeof(min_text));
        (void) timespan_format(config->interval_max, max_text, sizeof(max_text));

        faults->file = origin.file; /* both cannot be at their defaults where one is at fault */
        if (config->interval_min > config->interval_max)
                settings_fault(faults, true, origin.line,
                               "IntervalMin (%s) in [Poll] is longer than IntervalMax (%s)",
                               min_text, max_text);
        else if (config->interval_max > INTERVAL_MAX_SAFE)
                settings_fault(faults, false, origin.line,
                               "IntervalMax (%s) in [Poll] is longer than 15min: KooDrive drops a "
                               "token after 20 idle minutes, so one task of each account is still "
                               "polled every 14min",
                               max_text);
}

/* It is known when all files have been read: a later one may take Node= back. */
static int set_node(struct config *config, struct settings_faults *faults) {
        const struct config_origin backend = config_origin(config, "Store", "Backend");
        char host[HOST_NAME_MAX + 1] = "";
        int r;

        if (config->store_node)
                return 0;
        if (gethostname(host, sizeof(host) - 1) < 0)
                *host = '\0';
        r = config_parse_node(host, &config->store_node);
        if (r != -EINVAL || config->store_backend == BACKEND_SQLITE)
                return r == -EINVAL ? 0 : r;
        faults->file = backend.file;
        settings_fault(faults, true, backend.line,
                       "the host name cannot name this node, set Node= in [Store]");
        return 0;
}

int config_check(struct config *config, const struct account_keys *keys,
                 struct settings_faults *faults) {
        int r = set_node(config, faults);

        check_intervals(config, faults);
        for (size_t i = 0; i < config->n_accounts && r == 0; i++) {
                faults->file = config->accounts[i].file;
                r = keys->check(&config->accounts[i], faults);
        }
        return r;
}
