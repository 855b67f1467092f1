#include "koowatchctl/show-screen.h"

#include "common/json.h"
#include "common/util.h"
#include "koowatchctl/language.h"
#include "koowatchctl/table.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/text.h"
#include "koowatchctl/time-text.h"

#define LABEL_WIDTH 12

struct screen {
        FILE *out;
        const struct look *look;
        json_object *task;
        const char *name;
};

/* name: N_() */
static void label(const struct screen *s, const char *name) {
        text_put(s->out, _(name), LABEL_WIDTH, true);
        (void) fputs(_(": "), s->out);
}

static void heading(const struct screen *s, const char *text) {
        (void) fprintf(s->out, "\n%s%s%s\n", look_on(s->look, STYLE_HEAD), text,
                       look_off(s->look, STYLE_HEAD));
}

static void row(const struct screen *s, const char *name, const char *text) {
        if (str_empty(text))
                return;
        label(s, name);
        text_put_plain(s->out, text);
        (void) fputc('\n', s->out);
}

static void row_of(const struct screen *s, const char *name, const char *key) {
        row(s, name, task_text(s->task, key));
}

static void row_of_time(const struct screen *s, const char *name, const char *key) {
        char relative[TIME_TEXT_MAX];
        usec_t at = task_time(s->task, key);

        if (at < 0)
                return;
        label(s, name);
        text_put_plain(s->out, task_text(s->task, key));
        (void) fprintf(s->out, _(" (%s)\n"), time_relative(at, s->look->now, relative));
}

static void print_head(const struct screen *s) {
        const char *outcome = task_outcome(s->task), *state = task_text(s->task, "state");
        enum style style = task_style(s->task);

        (void) fputs(look_on(s->look, STYLE_HEAD), s->out);
        text_put_plain(s->out, s->name);
        (void) fputs(look_off(s->look, STYLE_HEAD), s->out);
        if (*task_text(s->task, "description")) {
                (void) fputs(" - ", s->out);
                text_put_plain(s->out, task_text(s->task, "description"));
        }
        (void) fputc('\n', s->out);
        label(s, N_("State"));
        (void) fputs(look_on(s->look, style), s->out);
        text_put_plain(s->out, state);
        if (*outcome)
                (void) fprintf(s->out, _(", %s"), outcome);
        (void) fputs(look_off(s->look, style), s->out);
        (void) fputc('\n', s->out);
}

static void print_error(const struct screen *s) {
        int64_t status = task_number(s->task, "httpStatus");
        const char *code = task_text(s->task, "errorCode");
        const char *message = task_text(s->task, "errorMessage");

        if (!*code && !*message)
                return;
        label(s, N_("Refusal"));
        text_put_plain(s->out, code);
        (void) fputs(*code && *message ? _(": ") : "", s->out);
        text_put_plain(s->out, message);
        if (status > 0)
                (void) fprintf(s->out, " (HTTP %d)", (int) status);
        (void) fputc('\n', s->out);
}

static void print_task(const struct screen *s) {
        json_object *code = json_object_object_get(s->task, "taskResultCode");

        if (*task_text(s->task, "taskId")) {
                CLEANUP(freep) char *id = text_plain(task_text(s->task, "taskId"));
                CLEANUP(freep) char *share = text_plain(task_text(s->task, "shareId"));

                label(s, N_("Task"));
                (void) fprintf(s->out, _("%s of share %s"), id ? id : "?", share ? share : "?");
                (void) fputc('\n', s->out);
        }
        row_of(s, N_("Account"), "account");
        row_of(s, N_("Polled by"), "node");
        row_of(s, N_("File"), "file");
        row_of_time(s, N_("Registered"), "registeredAt");
        row_of_time(s, N_("Deadline"), "deadlineAt");
        row_of_time(s, N_("Finished"), "finishedAt");
        if (code)
                row(s, N_("Result code"), json_object_get_string(code));
        print_error(s);
        row_of(s, N_("Link"), "downloadUrl");
        row_of(s, N_("Event"), "eventId");
}

static void print_polls(const struct screen *s) {
        int64_t polls = task_number(s->task, "polls");
        int64_t interval = task_number(s->task, "intervalUsec");
        char span[TIME_TEXT_MAX], progress[8];
        usec_t next = task_time(s->task, "nextPollAt");

        if (task_number(s->task, "progress") >= 0)
                row(s, N_("Progress"), task_progress(s->task, progress));
        if (polls < 0)
                return;
        label(s, N_("Polls"));
        (void) fprintf(s->out, "%lld", (long long) polls);
        if (interval > 0)
                (void) fprintf(s->out, _(", every %s"),
                               timespan_format((interval + USEC_SEC / 20) / (USEC_SEC / 10) *
                                                       (USEC_SEC / 10),
                                               span, sizeof(span)));
        if (next >= 0)
                (void) fprintf(s->out, _(", the next %s"), time_relative(next, s->look->now, span));
        (void) fputc('\n', s->out);
}

static void print_delivery(const struct screen *s) {
        const char *delivery = task_text(s->task, "delivery");
        const char *reason = task_text(s->task, "reason");
        int64_t attempts = task_number(s->task, "attempts");
        usec_t next = task_time(s->task, "nextAttemptAt");
        char span[TIME_TEXT_MAX];

        if (*delivery && !streq(delivery, "none")) {
                label(s, N_("Delivery"));
                text_put_plain(s->out, delivery);
                if (attempts > 0)
                        (void) fprintf(s->out,
                                       ngettext(", %lld attempt", ", %lld attempts",
                                                (unsigned long) attempts),
                                       (long long) attempts);
                if (next >= 0)
                        (void) fprintf(s->out, _(", the next %s"),
                                       time_relative(next, s->look->now, span));
                (void) fputc('\n', s->out);
        }
        if (!task_is_elsewhere(s->task))
                row(s,
                    streq(task_text(s->task, "state"), "invalid") ? N_("Invalid") : N_("Trouble"),
                    reason);
}

/* Of the progress that was seen, a few points. */
static void print_samples(const struct screen *s) {
        json_object *samples = json_object_object_get(s->task, "samples");
        size_t n = json_object_is_type(samples, json_type_array) ? json_object_array_length(samples)
                                                                 : 0;
        size_t shown = MIN(n, (size_t) 8);
        usec_t start = task_time(s->task, "registeredAt");

        if (n < 2)
                return;
        label(s, N_("Course"));
        for (size_t i = 0; i < shown; i++) {
                json_object *sample = json_object_array_get_idx(samples, i * (n - 1) / (shown - 1));
                char progress[8], span[TIME_TEXT_MAX];

                (void) fputs(i > 0 ? _(", ") : "", s->out);
                (void) fprintf(s->out, _("%s after %s"), task_progress(sample, progress),
                               time_span_short(task_time(sample, "at") - start, span));
        }
        (void) fputc('\n', s->out);
}

static json_object *array_of(const struct screen *s, const char *key) {
        json_object *array = json_object_object_get(s->task, key);

        return json_object_is_type(array, json_type_array) && json_object_array_length(array) > 0
                       ? array
                       : NULL;
}

static void print_settings(const struct screen *s) {
        static const struct table_column columns[] = {
                {N_("SETTING")}, {N_("VALUE")}, {N_("ORIGIN")}};
        const struct look whole = {.colour = s->look->colour};
        CLEANUP(table_freep) struct table *table = NULL;
        json_object *settings = array_of(s, "settings");

        table = settings ? table_new(columns, ARRAY_LEN(columns)) : NULL;
        if (!table)
                return;
        for (size_t i = 0; i < json_object_array_length(settings); i++) {
                json_object *setting = json_object_array_get_idx(settings, i);

                table_add(table, task_text(setting, "key"), STYLE_NONE);
                table_add(table, task_text(setting, "value"), STYLE_NONE);
                table_add(table, task_text(setting, "origin"), STYLE_DIM);
        }
        (void) fputc('\n', s->out);
        (void) table_print(table, s->out, &whole, true);
}

static void print_variables(const struct screen *s) {
        json_object *variables = json_get_object(s->task, "variables");

        if (!variables || json_object_object_length(variables) == 0)
                return;
        heading(s, _("VARIABLES"));
        json_object_object_foreach(variables, name, value) {
                text_put_plain(s->out, name);
                (void) fputc('=', s->out);
                text_put_plain(s->out, json_object_get_string(value));
                (void) fputc('\n', s->out);
        }
}

static void print_tail(const struct screen *s, const char *tail) {
        for (const char *line = tail; *line;) {
                size_t n = strcspn(line, "\n");
                CLEANUP(freep) char *copy = strndup(line, n);

                (void) fprintf(s->out, "      | ");
                text_put_plain(s->out, copy);
                (void) fputc('\n', s->out);
                line += n + (line[n] ? 1 : 0);
        }
}

static enum style run_style(const char *status) {
        if (streq(status, "done"))
                return STYLE_GOOD;
        return streq(status, "failed") || streq(status, "timeout") ? STYLE_BAD : STYLE_WARN;
}

static void print_run(const struct screen *s, json_object *run) {
        int64_t exit_status = task_number(run, "exitStatus"), signal = task_number(run, "signal");
        int64_t duration = task_number(run, "durationUsec");
        const char *status = task_text(run, "status");
        char span[TIME_TEXT_MAX];

        (void) fprintf(s->out, "  %3lld  ", (long long) task_number(run, "attempt"));
        text_put_plain(s->out, task_text(run, "hook"));
        (void) fprintf(s->out, "%s%s", _(": "), look_on(s->look, run_style(status)));
        text_put_plain(s->out, status);
        (void) fputs(look_off(s->look, run_style(status)), s->out);
        if (signal > 0)
                (void) fprintf(s->out, _(", signal %d"), (int) signal);
        else if (exit_status > 0)
                (void) fprintf(s->out, _(", exit status %d"), (int) exit_status);
        else if (*task_text(run, "signal"))
                (void) fprintf(s->out, _(", signal %.16s"), task_text(run, "signal"));
        if (duration >= 0)
                (void) fprintf(s->out, _(", took %s"),
                               timespan_format(duration < USEC_SEC
                                                       ? duration / USEC_MSEC * USEC_MSEC
                                                       : duration / USEC_SEC * USEC_SEC,
                                               span, sizeof(span)));
        if (task_time(run, "startedAt") >= 0)
                (void) fprintf(s->out, _(", %s"),
                               time_relative(task_time(run, "startedAt"), s->look->now, span));
        (void) fputc('\n', s->out);
        print_tail(s, task_text(run, "tail"));
}

static void print_runs(const struct screen *s) {
        json_object *runs = array_of(s, "runs");

        if (!runs)
                return;
        heading(s, _("HOOKS"));
        for (size_t i = 0; i < json_object_array_length(runs); i++)
                print_run(s, json_object_array_get_idx(runs, i));
}

/* What an administrator would do now. */
static void print_hint(const struct screen *s) {
        const char *delivery = task_text(s->task, "delivery");
        bool is_parked = streq(delivery, "parked");

        if (is_parked || (streq(delivery, "waiting") && task_time(s->task, "nextAttemptAt") >= 0)) {
                (void) fprintf(
                        s->out,
                        is_parked ? _("\nTry the failed hooks again: koowatchctl redeliver %s\n")
                                  : _("\nTry the failed hooks now: koowatchctl redeliver %s\n"),
                        s->name);
                (void) fprintf(s->out,
                               _("Correct Hook= or variables: koowatchctl edit %s, then redeliver "
                                 "--reread\n"),
                               s->name);
        } else if (streq(task_text(s->task, "state"), "invalid")) {
                (void) fprintf(s->out, _("\nCorrect it: koowatchctl edit %s\n"), s->name);
        }
        if (is_parked)
                (void) fprintf(s->out, _("Give it up: koowatchctl dismiss %s\n"), s->name);
}

void show_screen_print(FILE *out, const struct look *look, json_object *task) {
        CLEANUP(freep) char *name = text_plain(task_text(task, "name"));
        const struct screen s = {out, look, task, name ? name : "?"};

        print_head(&s);
        print_task(&s);
        print_polls(&s);
        print_samples(&s);
        print_delivery(&s);
        print_variables(&s);
        print_settings(&s);
        print_runs(&s);
        print_hint(&s);
}
