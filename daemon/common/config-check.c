#include "common/config-check.h"

#include <errno.h>

#include "common/account-config.h"
#include "common/config-keys.h"
#include "common/settings.h"

/* KooDrive ends a session after 20 idle minutes; what is left is for jitter and a repeated poll. */
#define INTERVAL_MAX_SAFE (15 * USEC_MINUTE)

static void check_intervals(const struct config *config, const struct config_origin *origin,
                            struct settings_faults *faults) {
        char min_text[64], max_text[64];

        (void) timespan_format(config->interval_min, min_text, sizeof(min_text));
        (void) timespan_format(config->interval_max, max_text, sizeof(max_text));

        faults->file = origin->file; /* both cannot be at their defaults where one is at fault */
        if (config->interval_min > config->interval_max)
                settings_fault(faults, true, origin->line,
                               "IntervalMin (%s) in [Poll] is longer than IntervalMax (%s)",
                               min_text, max_text);
        else if (config->interval_max > INTERVAL_MAX_SAFE)
                settings_fault(faults, false, origin->line,
                               "IntervalMax (%s) in [Poll] is longer than 15min: KooDrive drops a "
                               "token after 20 idle minutes, so one task of each account is still "
                               "polled every 14min",
                               max_text);
}

static int check_endpoint(const struct account_config *account, struct settings_faults *faults) {
        int r = url_check(account->endpoint, account->allow_plain_http);

        if (r == -EINVAL)
                settings_fault(faults, true, account->line,
                               "Endpoint of account %s: expected https://, because the host is not "
                               "this machine; AllowPlainHttp=yes sends the token unencrypted",
                               account->name);
        return r == -ENOMEM ? r : 0;
}

/* Resets what Auth leaves unused, so that nobody comes to use it. */
static void check_auth(struct account_config *account, struct settings_faults *faults) {
        if (account->auth != AUTH_APP) {
                (void) str_replace(&account->app_id, NULL); /* none: it cannot fail */
                return;
        }

        if (!account->app_id)
                settings_fault(faults, true, account->line,
                               "AppId of account %s: required with Auth=app", account->name);
        if (!account->user_id)
                settings_fault(faults, true, account->line,
                               "UserId of account %s: required, Auth=app signs it", account->name);
        if (!account->agent_name && strstr(account->signed_headers, "x-hw-agentname"))
                settings_fault(
                        faults, true, account->line,
                        "AgentName of account %s: required, SignedHeaders contains x-hw-agentname",
                        account->name);

        if (account->refresh != REFRESH_NONE)
                settings_fault(faults, false, account->line,
                               "Refresh of account %s: ignored, Auth=app has no token to refresh",
                               account->name);
        account->refresh = REFRESH_NONE;
}

int config_check(struct config *config, const struct config_origin *intervals,
                 struct settings_faults *faults) {
        int r = 0;

        check_intervals(config, intervals, faults);
        for (size_t i = 0; i < config->n_accounts && r == 0; i++) {
                faults->file = config->accounts[i].file;
                r = check_endpoint(&config->accounts[i], faults);
                check_auth(&config->accounts[i], faults);
        }
        return r;
}
