#include "koowatchd/control/account-view.h"

#include "common/account-config.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/control/build.h"
#include "koowatchd/poll/poller.h"

json_object *view_of_account(const struct account *account) {
        CLEANUP(json_object_putp) json_object *view = json_object_new_object();

        if (!view || !build_add_string(view, "name", account_name(account)) ||
            !build_add_string(view, "state", account_state_name(account_state(account))) ||
            !build_add_string(view, "reason", account_reason(account)))
                return NULL;
        return STEAL_PTR(view);
}

/* "10/1s" */
static bool add_rate(json_object *view, const struct rate_limit *limit) {
        char period[64];
        CLEANUP(freep)
        char *text = str_printf("%u/%s", limit->count,
                                timespan_format(limit->period, period, sizeof(period)));

        return text && build_add_string(view, "rateLimit", text);
}

/* Never the secret itself, nor a part of it. */
static bool add_secret(json_object *view, const struct accounts *accounts,
                       const struct account *account) {
        CLEANUP(freep) char *source = accounts_describe_secret(accounts, account);

        return build_add_string(view, "tokenSource", source) &&
               build_add_boot_time(view, "tokenSince", account_secret_since(account));
}

json_object *view_of_account_details(const struct accounts *accounts, const struct poller *poller,
                                     struct account *account) {
        CLEANUP(json_object_putp) json_object *view = view_of_account(account);
        const struct account_config *settings = account_settings(account);
        usec_t next = account_next(account), now = clock_boot();

        if (!view || !build_add_string(view, "endpoint", settings->endpoint) ||
            !build_add_string(view, "auth", settings->auth == AUTH_APP ? "app" : "token") ||
            !add_secret(view, accounts, account) ||
            !build_add_integer(view, "inFlight", account_in_flight(account)) ||
            !build_add_integer(view, "requestsLastMinute", account_recent_requests(account, now)) ||
            !add_rate(view, &settings->rate_limit) ||
            (next > now && !build_add_boot_time(view, "nextRequestAt", next)) ||
            !build_add_integer(view, "behindUsec", poller_lag_of(poller, account, now)) ||
            !build_add(view, "configured", json_object_new_boolean(account_is_configured(account))))
                return NULL;
        return STEAL_PTR(view);
}
