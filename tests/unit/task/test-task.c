/*
 * Task files as texts
 *
 * Faults are traced as "error LINE: text"; expectations name their beginning.
 */
#include <errno.h>

#include "koowatchd/task/task.h"
#include "unit/support.h"

struct reading {
        struct task *task;
        char *faults;
        int result;
};

static void on_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        (void) fprintf(userdata, "%s %u: %s\n", is_error ? "error" : "warning", line, text);
}

static struct reading read_bytes(const char *text, size_t length) {
        struct reading r = {};
        size_t size;
        FILE *out = open_memstream(&r.faults, &size);

        assert_non_null(out);
        r.result = task_parse(text, length, on_fault, out, &r.task);
        assert_int_equal(fclose(out), 0);
        if (r.result == 0)
                assert_non_null(r.task);
        else
                assert_null(r.task);
        return r;
}

static void reading_clear(struct reading *r) {
        task_free(r->task);
        free(r->faults);
}

/* The faults must be one line that starts like this. */
static void expect_one_fault(const struct reading *r, const char *text, const char *start) {
        if (!str_after(r->faults, start) || strchr(r->faults, '\n') != strrchr(r->faults, '\n'))
                fail_msg("%s: expected one fault \"%s...\", got:\n%s", text, start, r->faults);
}

static void expect_error(const char *text, const char *start) {
        CLEANUP(reading_clear) struct reading r = read_bytes(text, strlen(text));

        expect_one_fault(&r, text, start);
        assert_int_equal(r.result, -EBADMSG);
}

static struct reading read_clean(const char *text) {
        struct reading r = read_bytes(text, strlen(text));

        if (*r.faults)
                fail_msg("%s: %s", text, r.faults);
        assert_int_equal(r.result, 0);
        return r;
}

#define IDS "TaskId=1689768877770401664\nShareId=1689765568237837824\n"
#define TASK "[Task]\n" IDS /* three lines */

static void test_everything(void **state) {
        CLEANUP(reading_clear)
        struct reading r = read_clean("# a comment\n"
                                      "[Task]\n" IDS "KdsToken=aea2968ec8cfac338cd4647f\n"
                                      "Account=eu-1\n"
                                      "Hook=fetch-package \t 20-mail\n"
                                      "RunOn= gpu  disk_1.x\n"
                                      "Timeout=2h\n"
                                      "IntervalMin=500ms\n"
                                      "IntervalMax=2min 30s\n"
                                      "Expect=20min\n"
                                      "Description=Fotos für Zoë\n"
                                      "\n"
                                      "[Variables]\n"
                                      "Destination=/srv/my packages\n"
                                      "a_1=x=y\n"
                                      "Nothing=\n");

        (void) state;
        assert_string_equal(r.task->task_id, "1689768877770401664");
        assert_string_equal(r.task->share_id, "1689765568237837824");
        assert_string_equal(r.task->kdstoken, "aea2968ec8cfac338cd4647f");
        assert_null(r.task->kdstoken_file);
        assert_string_equal(r.task->account, "eu-1");
        assert_string_equal(r.task->hooks, "fetch-package 20-mail");
        assert_string_equal(r.task->run_on, "gpu disk_1.x");
        assert_int_equal(r.task->timeout, 2 * USEC_HOUR);
        assert_int_equal(r.task->interval_min, 500 * USEC_MSEC);
        assert_int_equal(r.task->interval_max, 150 * USEC_SEC);
        assert_int_equal(r.task->expect, 20 * USEC_MINUTE);
        assert_string_equal(r.task->description, "Fotos für Zoë");
        assert_string_equal(r.task->variables[0], "Destination=/srv/my packages");
        assert_string_equal(r.task->variables[1], "a_1=x=y");
        assert_string_equal(r.task->variables[2], "Nothing=");
        assert_null(r.task->variables[3]);
}

static void test_at_least(void **state) {
        static const char *const texts[] = {
                TASK,
                "\xEF\xBB\xBF[Task]\r\nTaskId=1689768877770401664\r\n"
                "ShareId=1689765568237837824",
                "[Task]\nShareId=1689765568237837824\n[Variables]\n[Task]\n"
                "TaskId = 1689768877770401664 \n",
                /* An empty value takes a setting back. */
                TASK
                "KdsToken=x\nKdsToken=\nKdsTokenFile=/x\nKdsTokenFile=\nAccount=a\nAccount=\n"
                "Hook=h\nHook=\nTimeout=1\nTimeout=\nIntervalMin=5\nIntervalMin=\n"
                "IntervalMax=1\nIntervalMax=\nExpect=1\nExpect=\nDescription=d\nDescription=\n",
                TASK "Account=default\nHook= \nRunOn=a\nRunOn=\n",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                CLEANUP(reading_clear) struct reading r = read_clean(texts[i]);

                assert_string_equal(r.task->task_id, "1689768877770401664");
                assert_string_equal(r.task->share_id, "1689765568237837824");
                assert_null(r.task->kdstoken);
                assert_null(r.task->kdstoken_file);
                assert_null(r.task->account);
                assert_null(r.task->hooks);
                assert_null(r.task->run_on);
                assert_null(r.task->description);
                assert_null(r.task->variables);
                assert_int_equal(r.task->timeout, 0);
                assert_int_equal(r.task->interval_min, 0);
                assert_int_equal(r.task->interval_max, 0);
                assert_int_equal(r.task->expect, 0);
        }
}

static void test_last_one_wins(void **state) {
        CLEANUP(reading_clear)
        struct reading r = read_clean(TASK "TaskId=Ab_-9\nTimeout=1h\nTimeout=infinity\n"
                                           "[Variables]\nA=1\nB=2\nA=3\n");

        (void) state;
        assert_string_equal(r.task->task_id, "Ab_-9");
        assert_int_equal(r.task->timeout, USEC_INFINITY);
        assert_string_equal(r.task->variables[0], "A=3");
        assert_string_equal(r.task->variables[1], "B=2");
        assert_null(r.task->variables[2]);
}

#define S64 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define SPAN_MIN "error 4: bad value of IntervalMin in [Task]: expected a time span of at most"
#define ID "error 2: bad value of TaskId in [Task]: expected 1 to 64 of"

static void test_bad_values(void **state) {
        static const struct {
                const char *text, *fault;
        } cases[] = {
                {"[Task]\nTaskId=\nShareId=1\n", ID},
                {"[Task]\nTaskId=1 2\nShareId=1\n", ID},
                {"[Task]\nTaskId=1/2\nShareId=1\n", ID},
                {"[Task]\nTaskId=1.5\nShareId=1\n", ID},
                {"[Task]\nTaskId=\"1\"\nShareId=1\n", ID},
                {"[Task]\nTaskId=é\nShareId=1\n", ID},
                {"[Task]\nTaskId=" S64 "x\nShareId=1\n", ID},
                {"[Task]\nTaskId=1\n\n# comment\nShareId=a:b\n",
                 "error 5: bad value of ShareId in [Task]"},
                {TASK "KdsToken=a\tb\n", "error 4: bad value of KdsToken in [Task]"},
                {TASK "KdsToken=é\n", "error 4: bad value of KdsToken in [Task]"},
                {TASK "KdsTokenFile=token\n", "error 4: bad value of KdsTokenFile in [Task]"
                                              ": expected an absolute path"},
                {TASK "Account=.hidden\n", "error 4: bad value of Account in [Task]"},
                {TASK "Account=a b\n", "error 4: bad value of Account in [Task]"},
                {TASK "Account=" S64 "x\n", "error 4: bad value of Account in [Task]"},
                {TASK "Hook=/usr/bin/true\n", "error 4: bad value of Hook in [Task]"},
                {TASK "Hook=good ../bad\n", "error 4: bad value of Hook in [Task]"},
                {TASK "Hook=.bad\n", "error 4: bad value of Hook in [Task]"},
                {TASK "RunOn=a,b\n", "error 4: bad value of RunOn in [Task]: expected labels of"},
                {TASK "RunOn=" S64 "x\n", "error 4: bad value of RunOn in [Task]"},
                {TASK "Timeout=soon\n", "error 4: bad value of Timeout in [Task]: "
                                        "expected a time span such as 90"},
                {TASK "Timeout=0\n", "error 4: bad value of Timeout in [Task]"},
                {TASK "Timeout=-1\n", "error 4: bad value of Timeout in [Task]"},
                {TASK "Timeout=99999999999999999999y\n", "error 4: bad value of Timeout in [Task]"},
                {TASK "IntervalMin=infinity\n", SPAN_MIN},
                {TASK "IntervalMin=0\n", SPAN_MIN},
                {TASK "IntervalMin=2 s s\n", SPAN_MIN},
                {TASK "Expect=infinity\n", "error 4: bad value of Expect in [Task]"},
                {TASK "Expect=0\n", "error 4: bad value of Expect in [Task]"},
                {TASK "IntervalMax=infinity\n", "error 4: bad value of IntervalMax in [Task]"},
                {TASK "IntervalMax=1d 1us\n", "error 4: bad value of IntervalMax in [Task]"
                                              ": expected a time span of at most 1d"},
                {TASK "IntervalMin=290000y\n", SPAN_MIN},
                {TASK "[Variables]\n1st=x\n", "error 5: a variable's name is a letter"},
                {TASK "[Variables]\n_a=x\n", "error 5: a variable's name is a letter"},
                {TASK "[Variables]\na-b=x\n", "error 5: a variable's name is a letter"},
                {TASK "[Variables]\na b=x\n", "error 5: a variable's name is a letter"},
                {TASK "[Variables]\nPATH\n", "error 5: "},
                {"TaskId=1\n" TASK, "error 1: a key before the first section"},
                {TASK "[Task\nTimeout=1h\n", "error 4: "},
                {TASK "Timeout\n", "error 4: "},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                expect_error(cases[i].text, cases[i].fault);
}

static void test_missing(void **state) {
        CLEANUP(reading_clear) struct reading r = {};

        (void) state;
        expect_error("[Task]\nShareId=1\n", "error 0: TaskId= is missing");
        expect_error("[Task]\nTaskId=1\n", "error 0: ShareId= is missing");
        r = read_bytes("", 0);
        assert_int_equal(r.result, -EBADMSG);
        assert_string_equal(r.faults, "error 0: TaskId= is missing in [Task]\n"
                                      "error 0: ShareId= is missing in [Task]\n");
}

static void test_contradictions(void **state) {
        (void) state;
        expect_error(TASK "KdsToken=a\nKdsTokenFile=/b\n",
                     "error 0: KdsToken= and KdsTokenFile= exclude each other");
        expect_error(TASK "IntervalMin=10s\nIntervalMax=9s\n",
                     "error 0: IntervalMin= is longer than IntervalMax=");
}

static void test_intervals_may_be_equal(void **state) {
        CLEANUP(reading_clear)
        struct reading r = read_clean(TASK "IntervalMin=10s\nIntervalMax=10s\n");

        (void) state;
        assert_int_equal(r.task->interval_min, r.task->interval_max);
}

/* All of them at once, so that one round of editing is enough. */
static void test_every_fault_is_told(void **state) {
        static const char text[] = "[Task]\nTaskId=!\nShareId=!\nTimeout=x\n[Variables]\n1=2\n";
        CLEANUP(reading_clear) struct reading r = read_bytes(text, strlen(text));
        unsigned lines = 0;

        (void) state;
        for (const char *c = r.faults; *c; c++)
                lines += *c == '\n';
        assert_int_equal(lines, 4);
        assert_non_null(strstr(r.faults, "error 2: bad value of TaskId "));
        assert_non_null(strstr(r.faults, "error 3: bad value of ShareId "));
        assert_non_null(strstr(r.faults, "error 4: bad value of Timeout "));
        assert_non_null(strstr(r.faults, "error 6: "));
}

static void test_unknown_warns(void **state) {
        static const struct {
                const char *text, *fault;
        } cases[] = {
                {TASK "Retries=5\n", "warning 4: unknown key Retries in [Task]"},
                {TASK "timeout=5\n", "warning 4: unknown key timeout in [Task]"},
                {TASK "[Extra]\nTaskId=!\n", "warning 4: unknown section [Extra], ignored"},
                {TASK "[task]\nTaskId=!\n", "warning 4: unknown section [task], ignored"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(reading_clear)
                struct reading r = read_bytes(cases[i].text, strlen(cases[i].text));

                expect_one_fault(&r, cases[i].text, cases[i].fault);
                assert_int_equal(r.result, 0);
                assert_string_equal(r.task->task_id, "1689768877770401664");
        }
}

/* Hooks see them in upper case. */
static void test_names_differ_in_case(void **state) {
        CLEANUP(reading_clear) struct reading r = {};

        (void) state;
        expect_error(TASK "[Variables]\nDest=a\ndest=b\n", "error 6: ");
        expect_error(TASK "[Variables]\nDest=a\nOther=b\n[Variables]\nDEST=a\n", "error 8: ");
        r = read_clean(TASK "[Variables]\nDest=a\nDest2=b\nDes=c\n");
        assert_string_equal(r.task->variables[2], "Des=c");
}

/* Whatever is wrong, no message repeats a value: it may be a secret. */
static void test_values_are_not_repeated(void **state) {
        static const char *const keys[] = {
                "TaskId", "ShareId", "KdsToken",    "KdsTokenFile", "Account",
                "Hook",   "Timeout", "IntervalMin", "IntervalMax",  "Unknown",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                CLEANUP(freep) char *text = str_printf(TASK "%s=/se\tcret\x7f/\n", keys[i]);
                CLEANUP(reading_clear) struct reading r = read_bytes(text, strlen(text));

                if (!streq(keys[i], "KdsTokenFile"))
                        assert_true(strlen(r.faults) > 0);
                assert_null(strstr(r.faults, "cret"));
        }
}

static char *repeated(const char *before, char c, size_t n, const char *after) {
        CLEANUP(freep) char *middle = malloc(n + 1);

        memset(middle, c, n);
        middle[n] = '\0';
        return str_printf("%s%s%s", before, middle, after);
}

static void test_sizes(void **state) {
        static const struct {
                const char *before;
                size_t most;
                const char *after, *fault;
        } cases[] = {
                {TASK "TaskId=", 64, "\n", "error 4: bad value of TaskId "},
                {TASK "ShareId=", 64, "\n", "error 4: bad value of ShareId "},
                {TASK "Account=", 64, "\n", "error 4: bad value of Account "},
                {TASK "KdsToken=", 4096, "\n", "error 4: bad value of KdsToken "},
                {TASK "[Variables]\n", 128, "=x\n", "error 5: a variable's name"},
                {TASK "Description=", 64 * 1024 - 12, "\n", "error 4: the line is longer"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *good = repeated(cases[i].before, 'a', cases[i].most, cases[i].after);
                CLEANUP(freep)
                char *bad = repeated(cases[i].before, 'a', cases[i].most + 1, cases[i].after);
                CLEANUP(reading_clear) struct reading r = {};

                r = read_clean(good);
                expect_error(bad, cases[i].fault);
        }
}

static void test_number_of_variables(void **state) {
        (void) state;
        for (unsigned n = 256; n <= 257; n++) {
                CLEANUP(freep) char *text = NULL;
                CLEANUP(reading_clear) struct reading r = {};
                size_t size;
                FILE *out = open_memstream(&text, &size);

                (void) fprintf(out, TASK "[Variables]\n");
                for (unsigned i = 0; i < n; i++)
                        (void) fprintf(out, "v%u=%u\n", i, i);
                assert_int_equal(fclose(out), 0);
                r = read_bytes(text, size);
                if (n == 256)
                        assert_string_equal(r.faults, "");
                else
                        expect_one_fault(&r, "257 variables", "error 261: too many variables");
        }
}

static void test_bytes_that_are_no_text(void **state) {
        static const char nul[] = TASK "Description=a\0b\n";
        CLEANUP(reading_clear) struct reading r = read_bytes(nul, sizeof(nul) - 1);

        (void) state;
        expect_one_fault(&r, "NUL", "error 4: ");
        assert_int_equal(r.result, -EBADMSG);
        expect_error(TASK "Description=\xff\n", "error 4: ");
        expect_error(TASK "[Variables]\nA=\xc0\x80\n", "error 5: ");
}

static void test_names(void **state) {
        static const struct {
                const char *name;
                bool valid;
        } cases[] = {
                {"photos", true},     {"a", true},     {"A.b_c@d-9", true}, {S64 S64, true},
                {S64 S64 "x", false}, {"", false},     {".hidden", false},  {"a/b", false},
                {"a b", false},       {"a\nb", false}, {"é", false},        {"a~", false},
                {"a.", true},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (task_name_is_valid(cases[i].name) != cases[i].valid)
                        fail_msg("%s", cases[i].name);
}

static void test_free_nothing(void **state) {
        (void) state;
        task_free(NULL);
}

/* The smallest that can be said, and what is beside it. */
static void test_least_spans(void **state) {
        CLEANUP(reading_clear)
        struct reading r = read_clean(TASK "Timeout=1us\nIntervalMin=1us\nIntervalMax=1us\n");

        (void) state;
        assert_int_equal(r.task->timeout, 1);
        assert_int_equal(r.task->interval_min, 1);
        assert_int_equal(r.task->interval_max, 1);
        expect_error(TASK "Timeout=0\n", "error 4: ");
        expect_error(TASK "IntervalMin=2us\nIntervalMax=1us\n",
                     "error 0: IntervalMin= is longer than IntervalMax=");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_at_least),
                cmocka_unit_test(test_last_one_wins),
                cmocka_unit_test(test_bad_values),
                cmocka_unit_test(test_missing),
                cmocka_unit_test(test_contradictions),
                cmocka_unit_test(test_intervals_may_be_equal),
                cmocka_unit_test(test_every_fault_is_told),
                cmocka_unit_test(test_unknown_warns),
                cmocka_unit_test(test_names_differ_in_case),
                cmocka_unit_test(test_values_are_not_repeated),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_number_of_variables),
                cmocka_unit_test(test_bytes_that_are_no_text),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_free_nothing),
                cmocka_unit_test(test_least_spans),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
