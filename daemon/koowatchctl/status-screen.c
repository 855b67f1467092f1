#include "koowatchctl/status-screen.h"

#include "common/json.h"
#include "common/util.h"
#include "koowatchctl/language.h"
#include "koowatchctl/table.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/text.h"
#include "koowatchctl/time-text.h"

#define LABEL_WIDTH 12

static json_object *member(json_object *object, const char *key) {
        return object ? json_object_object_get(object, key) : NULL;
}

static size_t length(json_object *array) {
        return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static long long count(json_object *properties, const char *key) {
        int64_t n = task_number(properties, key);

        return n > 0 ? n : 0;
}

static enum style account_style(json_object *account) {
        const char *state = task_text(account, "state");

        if (streq(state, "ok"))
                return STYLE_GOOD;
        return streq(state, "throttled") ? STYLE_WARN : STYLE_BAD;
}

void status_screen_accounts(FILE *out, const struct look *look, json_object *accounts) {
        static const struct table_column columns[] = {
                {N_("ACCOUNT"), false, 0},  {N_("STATE"), false, 0},   {N_("TASKS"), true, 0},
                {N_("IN-FLIGHT"), true, 0}, {N_("REASON"), false, 12},
        };
        CLEANUP(table_freep) struct table *table = table_new(columns, ARRAY_LEN(columns));

        for (size_t i = 0; table && i < length(accounts); i++) {
                json_object *account = json_object_array_get_idx(accounts, i);
                char number[TIME_TEXT_MAX];

                table_add(table, task_text(account, "name"), STYLE_NONE);
                table_add(table, task_text(account, "state"), account_style(account));
                (void) snprintf(number, sizeof(number), "%lld", count(account, "tasks"));
                table_add(table, number, STYLE_NONE);
                (void) snprintf(number, sizeof(number), "%lld", count(account, "inFlight"));
                table_add(table, number, STYLE_NONE);
                table_add(table, task_text(account, "reason"), STYLE_NONE);
        }
        if (table)
                (void) table_print(table, out, look, true);
}

/* name: N_() */
static void label(FILE *out, const char *name) {
        text_put(out, _(name), LABEL_WIDTH, true);
        (void) fputs(_(": "), out);
}

static void account_row(FILE *out, json_object *account, const char *name, const char *key) {
        json_object *value = member(account, key);

        if (!value)
                return;
        label(out, name);
        text_put_plain(out, json_object_get_string(value));
        (void) fputc('\n', out);
}

static void account_time(FILE *out, const struct look *look, json_object *account, const char *name,
                         const char *key) {
        usec_t at = task_time(account, key);
        char span[TIME_TEXT_MAX];

        if (at < 0)
                return;
        label(out, name);
        text_put_plain(out, task_text(account, key));
        (void) fprintf(out, _(" (%s)\n"), time_relative(at, look->now, span));
}

void status_screen_account(FILE *out, const struct look *look, json_object *account) {
        char span[TIME_TEXT_MAX];
        usec_t next = task_time(account, "nextRequestAt");
        int64_t behind = task_number(account, "behindUsec");

        (void) fputs(look_on(look, STYLE_HEAD), out);
        text_put_plain(out, task_text(account, "name"));
        (void) fprintf(out, "%s\n", look_off(look, STYLE_HEAD));
        label(out, N_("State"));
        (void) fputs(look_on(look, account_style(account)), out);
        text_put_plain(out, task_text(account, "state"));
        (void) fprintf(out, "%s\n", look_off(look, account_style(account)));
        account_row(out, account, N_("Reason"), "reason");
        account_row(out, account, N_("Endpoint"), "endpoint");
        account_row(out, account, N_("Auth"), "auth");
        account_row(out, account, N_("Token from"), "tokenSource");
        account_time(out, look, account, N_("Used since"), "tokenSince");
        account_row(out, account, N_("Tasks"), "tasks");
        account_row(out, account, N_("In flight"), "inFlight");
        account_row(out, account, N_("Rate limit"), "rateLimit");
        account_row(out, account, N_("Last minute"), "requestsLastMinute");
        if (next >= 0) {
                label(out, N_("Next request"));
                (void) fprintf(out, "%s\n", time_relative(next, look->now, span));
        }
        if (behind >= USEC_SEC) {
                label(out, N_("Behind"));
                (void) fprintf(out, "%s\n", time_span_short(behind, span));
        }
        if (member(account, "configured") && !json_get_bool(account, "configured")) {
                label(out, N_("Configured"));
                (void) fprintf(out, "%s\n", _("no, there is no [Account] section for it"));
        }
}

static void print_trouble(FILE *out, const struct look *look, json_object *trouble) {
        for (size_t i = 0; i < length(trouble); i++) {
                (void) fprintf(out, "  %s!%s ", look_on(look, STYLE_BAD),
                               look_off(look, STYLE_BAD));
                text_put_plain(out, json_object_get_string(json_object_array_get_idx(trouble, i)));
                (void) fputc('\n', out);
        }
}

static void print_deliveries(FILE *out, const struct look *look, json_object *deliveries) {
        static const struct table_column columns[] = {
                {N_("TASK"), false, 12}, {N_("DELIVERY"), false, 0}, {N_("ATTEMPTS"), true, 0},
                {N_("NEXT"), true, 0},   {N_("REASON"), false, 12},
        };
        CLEANUP(table_freep) struct table *table = table_new(columns, ARRAY_LEN(columns));

        if (!table || length(deliveries) == 0)
                return;
        (void) fputc('\n', out);
        for (size_t i = 0; i < length(deliveries); i++) {
                json_object *entry = json_object_array_get_idx(deliveries, i);
                bool parked = streq(task_text(entry, "delivery"), "parked");
                char buffer[TIME_TEXT_MAX];

                table_add(table, task_text(entry, "name"), STYLE_NONE);
                table_add(table, task_text(entry, "delivery"), parked ? STYLE_BAD : STYLE_WARN);
                (void) snprintf(buffer, sizeof(buffer), "%lld", count(entry, "attempts"));
                table_add(table, buffer, STYLE_NONE);
                table_add(table, time_until(task_time(entry, "nextAttemptAt"), look->now, buffer),
                          STYLE_NONE);
                table_add(table, task_text(entry, "reason"), STYLE_NONE);
        }
        (void) table_print(table, out, look, true);
}

void status_screen_print(FILE *out, const struct look *look, json_object *status) {
        json_object *properties = member(status, "properties");
        json_object *trouble = member(properties, "Trouble");
        char span[TIME_TEXT_MAX];
        bool fine = length(trouble) == 0;

        (void) fputs("koowatchd ", out);
        text_put_plain(out, task_text(properties, "Version"));
        (void) fprintf(out, "%s%s%s%s\n", _(": "), look_on(look, fine ? STYLE_GOOD : STYLE_BAD),
                       fine ? _("no trouble") : _("trouble"),
                       look_off(look, fine ? STYLE_GOOD : STYLE_BAD));
        print_trouble(out, look, trouble);
        label(out, N_("Tasks"));
        (void) fprintf(out, _("%lld pending, %lld running, %lld finished, %lld invalid\n"),
                       count(properties, "Pending"), count(properties, "Running"),
                       count(properties, "Finished"), count(properties, "Invalid"));
        label(out, N_("Deliveries"));
        (void) fprintf(out, _("%lld waiting, %lld parked\n"),
                       count(properties, "DeliveriesWaiting"),
                       count(properties, "DeliveriesParked"));
        if (count(properties, "BehindUsec") >= USEC_SEC) {
                label(out, N_("Behind"));
                (void) fprintf(out, _("polls are %s late\n"),
                               time_span_short(count(properties, "BehindUsec"), span));
        }
        if (length(member(status, "accounts")) > 0) {
                (void) fputc('\n', out);
                status_screen_accounts(out, look, member(status, "accounts"));
        }
        print_deliveries(out, look, member(status, "deliveries"));
}

static bool any_account_is(json_object *accounts, const char *state) {
        for (size_t i = 0; i < length(accounts); i++)
                if (streq(task_text(json_object_array_get_idx(accounts, i), "state"), state))
                        return true;
        return false;
}

/* The daemon's sentences about its store begin so. */
static bool is_store_failing(json_object *trouble) {
        for (size_t i = 0; i < length(trouble); i++) {
                const char *text = json_object_get_string(json_object_array_get_idx(trouble, i));

                if (text && (str_after(text, "the store ") || str_after(text, "store: ")))
                        return true;
        }
        return false;
}

static int judge(json_object *status) {
        json_object *properties = member(status, "properties");
        json_object *accounts = member(status, "accounts");
        json_object *trouble = member(properties, "Trouble");

        if (count(properties, "DeliveriesParked") > 0 || any_account_is(accounts, "unauthorized") ||
            is_store_failing(trouble))
                return MONITOR_CRITICAL;
        if (length(trouble) > 0 || count(properties, "BehindUsec") >= USEC_MINUTE ||
            any_account_is(accounts, "unreachable") || any_account_is(accounts, "throttled"))
                return MONITOR_WARNING;
        return MONITOR_OK;
}

int status_screen_monitor(FILE *out, json_object *status) {
        static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
        json_object *properties = member(status, "properties");
        json_object *trouble = member(properties, "Trouble");
        int verdict = judge(status);

        (void) fprintf(out, "KOOWATCH %s - ", words[verdict]);
        for (size_t i = 0; i < length(trouble); i++) {
                CLEANUP(freep)
                char *plain =
                        text_plain(json_object_get_string(json_object_array_get_idx(trouble, i)));

                for (char *c = plain; c && *c; c++) /* performance data follows a bar */
                        if (*c == '|')
                                *c = '/';
                (void) fprintf(out, "%s%s", i > 0 ? "; " : "", plain ? plain : "?");
        }
        if (length(trouble) == 0)
                (void) fprintf(out, "watching %lld",
                               count(properties, "Pending") + count(properties, "Running"));
        (void) fprintf(out,
                       " | pending=%lld running=%lld invalid=%lld waiting=%lld parked=%lld "
                       "accounts_failing=%lld behind=%.3fs\n",
                       count(properties, "Pending"), count(properties, "Running"),
                       count(properties, "Invalid"), count(properties, "DeliveriesWaiting"),
                       count(properties, "DeliveriesParked"), count(properties, "AccountsFailing"),
                       (double) count(properties, "BehindUsec") / USEC_SEC);
        return verdict;
}
