/* A task file: what is taken is within its bounds, and is the same when it is written again. */
#include <errno.h>

#include "common/timespan.h"
#include "fuzz/faults.h"
#include "koowatchd/task/task.h"

static void on_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        faults_take(userdata, is_error, line, text);
}

static void check_id(const char *id) {
        REQUIRE(id && name_is_valid(id, 1, 64, "_-", false));
}

static void check_spans(const struct task *t) {
        REQUIRE(t->timeout >= 0 && t->interval_min >= 0 && t->interval_max >= 0);
        REQUIRE(t->interval_min <= USEC_INTERVAL_MAX && t->interval_max <= USEC_INTERVAL_MAX);
        if (t->interval_min > 0 && t->interval_max > 0)
                REQUIRE(t->interval_min <= t->interval_max);
}

/* Hooks get them as environment variables of these names: each once, in any case. */
static void check_variables(const struct task *t) {
        size_t n = 0;

        for (char *const *v = t->variables; v && *v; v++, n++) {
                size_t length = strcspn(*v, "=");

                REQUIRE((*v)[length] == '=' && length >= 1 && length <= 128);
                for (char *const *w = t->variables; w < v; w++)
                        REQUIRE(strncasecmp(*v, *w, length + 1) != 0);
        }
        REQUIRE(n <= 256);
}

static void check_task(const struct task *t) {
        check_id(t->task_id);
        check_id(t->share_id);
        check_spans(t);
        check_variables(t);
        REQUIRE(!t->kdstoken || str_is_printable(t->kdstoken));
        REQUIRE(!t->kdstoken_file || *t->kdstoken_file == '/');
        REQUIRE(!(t->kdstoken && t->kdstoken_file));
        REQUIRE(!t->account || name_is_valid(t->account, 1, 64, "._-", true));
        REQUIRE(!t->hooks || (*t->hooks && !strstr(t->hooks, "  ") && !strchr(t->hooks, '/')));
        REQUIRE(!t->run_on || (*t->run_on && !strstr(t->run_on, "  ")));
        REQUIRE(!t->description || utf8_is_valid(t->description, strlen(t->description)));
}

static void put(FILE *f, const char *key, const char *value) {
        if (value)
                (void) fprintf(f, "%s=%s\r\n", key, value);
}

static void put_span(FILE *f, const char *key, usec_t span) {
        if (span == USEC_INFINITY)
                put(f, key, "infinity");
        else if (span > 0)
                (void) fprintf(f, "%s=%jdus\r\n", key, (intmax_t) span);
}

static char *write_task(const struct task *t) {
        size_t length;
        char *text = NULL;
        FILE *f = open_memstream(&text, &length);

        REQUIRE(f);
        (void) fputs("[Task]\r\n", f);
        put(f, "TaskId", t->task_id);
        put(f, "ShareId", t->share_id);
        put(f, "KdsToken", t->kdstoken);
        put(f, "KdsTokenFile", t->kdstoken_file);
        put(f, "Account", t->account);
        put(f, "Hook", t->hooks);
        put(f, "RunOn", t->run_on);
        put(f, "Description", t->description);
        put_span(f, "Timeout", t->timeout);
        put_span(f, "IntervalMin", t->interval_min);
        put_span(f, "IntervalMax", t->interval_max);
        (void) fputs("[Variables]\r\n", f);
        for (char *const *v = t->variables; v && *v; v++)
                (void) fprintf(f, "%s\r\n", *v);
        REQUIRE(fclose(f) == 0);
        return text;
}

static void check_again(const struct task *t) {
        CLEANUP(freep) char *text = write_task(t);
        CLEANUP(freep) char *same = NULL;
        struct faults faults = {};
        struct task *again;

        REQUIRE(task_parse(text, strlen(text), on_fault, &faults, &again) == 0);
        REQUIRE(faults.count == 0);
        same = write_task(again);
        REQUIRE(streq(text, same));
        task_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct faults faults = {.data = data, .size = size};
        struct task *task = NULL;
        int r = task_parse((const char *) data, size, on_fault, &faults, &task);

        REQUIRE(r == 0 || (r == -EBADMSG && faults.errors > 0 && !task));
        if (r < 0)
                return 0;
        REQUIRE(faults.errors == 0);
        check_task(task);
        check_again(task);
        task_free(task);
        return 0;
}
