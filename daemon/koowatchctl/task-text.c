#include "koowatchctl/task-text.h"

#include <stdio.h>

#include "common/json.h"
#include "common/util.h"
#include "koowatchctl/language.h"
#include "koowatchctl/time-text.h"

static bool is(json_object *entry, const char *key, const char *value) {
        return streq(task_text(entry, key), value);
}

const char *task_text(json_object *entry, const char *key) {
        const char *text = json_get_string(entry, key);

        return text ? text : "";
}

int64_t task_number(json_object *entry, const char *key) {
        json_object *value = entry ? json_object_object_get(entry, key) : NULL;

        return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
}

usec_t task_time(json_object *entry, const char *key) {
        return timestamp_parse(json_get_string(entry, key));
}

const char *task_outcome(json_object *entry) {
        static const struct {
                const char *outcome, *result, *text;
        } texts[] = {
                {"completed", "succeeded", N_("completed: all succeeded")},
                {"completed", "partial", N_("completed: partially failed")},
                {"completed", "failed", N_("completed: all failed")},
                {"completed", NULL, N_("completed: result unknown")},
                {"canceled", NULL, N_("canceled")},
                {"timeout", NULL, N_("timed out")},
                {"rejected", NULL, N_("rejected")},
        };

        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                if (is(entry, "outcome", texts[i].outcome) &&
                    (!texts[i].result || is(entry, "result", texts[i].result)))
                        return _(texts[i].text);
        return "";
}

/* The reason, its own file without the directories: "photos.task:3: ...". */
static const char *short_reason(json_object *entry) {
        const char *reason = task_text(entry, "reason"), *file = task_text(entry, "file");
        const char *slash = strrchr(file, '/');

        return slash && str_after(reason, file) ? reason + (slash + 1 - file) : reason;
}

char *task_note(json_object *entry) {
        const char *outcome = task_outcome(entry), *reason = short_reason(entry);
        const char *between = *reason ? _(": ") : "";

        if (is(entry, "delivery", "parked"))
                return str_printf(_("delivery parked%s%s; %s"), between, reason, outcome);
        if (is(entry, "delivery", "waiting") && task_time(entry, "nextAttemptAt") >= 0)
                return str_printf(_("hooks failed%s%s; %s"), between, reason, outcome);
        if (is(entry, "outcome", "rejected") && *task_text(entry, "errorMessage"))
                return str_printf("%s%s%s", outcome, _(": "), task_text(entry, "errorMessage"));
        if (*outcome)
                return str_printf("%s%s", outcome,
                                  is(entry, "delivery", "waiting") ? _("; hooks run") : "");
        return strdup(*reason ? reason : task_text(entry, "description"));
}

const char *task_progress(json_object *entry, char buffer[static 8]) {
        int64_t progress = task_number(entry, "progress");

        if (progress < 0 || progress > 100)
                return "-";
        (void) snprintf(buffer, 8, "%d%%", (int) progress);
        return buffer;
}

usec_t task_next(json_object *entry) {
        usec_t poll = task_time(entry, "nextPollAt");

        return poll >= 0 ? poll : task_time(entry, "nextAttemptAt");
}

bool task_is_elsewhere(json_object *entry) {
        return *task_text(entry, "node") && !is(entry, "state", "finished");
}

enum style task_style(json_object *entry) {
        if (is(entry, "state", "invalid") || is(entry, "delivery", "parked"))
                return STYLE_BAD;
        if (is(entry, "state", "finished") && !is(entry, "result", "succeeded"))
                return is(entry, "result", "partial") ? STYLE_WARN : STYLE_BAD;
        if (*task_text(entry, "reason") && !task_is_elsewhere(entry))
                return STYLE_WARN;
        return is(entry, "state", "finished") ? STYLE_GOOD : STYLE_NONE;
}
