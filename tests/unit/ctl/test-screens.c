/* The screens of list, show, status and is-ok, at 80 and 120 columns. */
#include <locale.h>

#include "common/json.h"
#include "common/util.h"
#include "koowatchctl/list-screen.h"
#include "koowatchctl/show-screen.h"
#include "koowatchctl/status-screen.h"
#include "koowatchctl/text.h"
#include "koowatchctl/time-text.h"
#include "unit/support.h"

#define NOW "2025-05-20T10:00:00Z"

static const char tasks[] =
        "[{'name':'backup-2025-05-20','state':'running','progress':40,'description':'nightly',"
        "'registeredAt':'2025-05-20T09:50:00Z','nextPollAt':'2025-05-20T10:00:04Z'},"
        "{'name':'broken','state':'invalid','file':'/etc/koowatch/tasks.d/broken.task',"
        "'reason':'/etc/koowatch/tasks.d/broken.task:3: TaskId: expected 1 to 64 of A-Z a-z 0-9'},"
        "{'name':'photos','state':'finished','outcome':'completed','result':'succeeded',"
        "'registeredAt':'2025-05-20T07:00:00Z','delivery':'waiting','attempts':3,"
        "'nextAttemptAt':'2025-05-20T10:05:00Z','reason':'10-mail: exit status 1'},"
        "{'name':'照片','state':'pending','registeredAt':'2025-05-20T09:59:58Z'}]";

/* JSON with ' for ". */
static json_object *parse(const char *text) {
        CLEANUP(freep) char *copy = strdup(text);
        json_object *value;

        assert_non_null(copy);
        for (char *c = copy; *c; c++)
                if (*c == '\'')
                        *c = '"';
        value = json_tokener_parse(copy);
        assert_non_null(value);
        return value;
}

static struct look look_of(unsigned width) {
        return (struct look){.width = width, .now = timestamp_parse(NOW)};
}

static char *list(unsigned width, const char *columns) {
        CLEANUP(list_screen_freep) struct list_screen *screen = NULL;
        CLEANUP(json_object_putp) json_object *entries = parse(tasks);
        CLEANUP(failure_clear) struct failure failure = {};
        const struct look look = look_of(width);
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        assert_non_null(out);
        assert_int_equal(list_screen_new(columns, &screen, &failure), 0);
        assert_int_equal(list_screen_print(screen, out, &look, true, entries), 0);
        (void) fclose(out);
        return text;
}

static void test_list_at_80_columns(void **state) {
        CLEANUP(freep) char *text = list(80, LIST_COLUMNS);

        (void) state;
        assert_string_equal(
                text,
                "NAME               STATE     PROGRESS    AGE  NEXT  NOTE\n"
                "backup-2025-05-20  running        40%  10min    4s  nightly\n"
                "broken             invalid          -      -     -  broken.task:3: TaskId: expe…\n"
                "photos             finished         -     3h  5min  hooks failed: 10-mail: exit…\n"
                "照片               pending          -     2s     -\n");
}

static void test_list_at_120_columns(void **state) {
        CLEANUP(freep) char *text = list(120, LIST_COLUMNS);

        (void) state;
        assert_non_null(
                strstr(text, "hooks failed: 10-mail: exit status 1; completed: all succeeded\n"));
        assert_non_null(strstr(text, "broken.task:3: TaskId: expected 1 to 64 of A-Z a-z 0-9\n"));
}

static void test_no_line_of_a_list_is_wider_than_the_terminal(void **state) {
        (void) state;
        for (unsigned width = 60; width <= 140; width++) {
                CLEANUP(freep) char *text = list(width, LIST_COLUMNS);

                for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
                        assert_true(text_width(line) <= width);
        }
}

static void test_all_columns_can_be_chosen(void **state) {
        CLEANUP(freep) char *names = strdup(list_screen_column(0));
        CLEANUP(freep) char *text = NULL;

        (void) state;
        for (size_t i = 1; list_screen_column(i); i++) {
                CLEANUP(freep) char *before = STEAL_PTR(names);

                names = str_printf("%s,%s", before, list_screen_column(i));
        }
        text = list(0, names);
        assert_non_null(strstr(text, "DELIVERY"));
}

static char *show(const char *task) {
        CLEANUP(json_object_putp) json_object *entry = parse(task);
        const struct look look = look_of(80);
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        assert_non_null(out);
        show_screen_print(out, &look, entry);
        (void) fclose(out);
        return text;
}

static void test_show_of_a_parked_delivery(void **state) {
        CLEANUP(freep)
        char *text =
                show("{'name':'photos','state':'finished','account':'default','taskId':'11',"
                     "'shareId':'22','outcome':'completed','result':'partial','taskResultCode':2,"
                     "'registeredAt':'2025-05-20T07:00:00Z','finishedAt':'2025-05-20T09:00:00Z',"
                     "'eventId':'e1','polls':12,'delivery':'parked','attempts':40,"
                     "'reason':'10-mail: exit status 1',"
                     "'settings':[{'key':'Timeout','value':'2h','origin':'task file'}],"
                     "'variables':{'To':'me'},"
                     "'runs':[{'hook':'finished.d/10-mail','attempt':40,'status':'failed',"
                     "'exitStatus':1,'durationUsec':1500000,'startedAt':'2025-05-20T09:59:00Z',"
                     "'tail':'no route\\nto host\\n'}]}");

        (void) state;
        assert_string_equal(
                text,
                "photos\n"
                "       State: finished, completed: partially failed\n"
                "        Task: 11 of share 22\n"
                "     Account: default\n"
                "  Registered: 2025-05-20T07:00:00Z (3h ago)\n"
                "    Finished: 2025-05-20T09:00:00Z (60min ago)\n"
                " Result code: 2\n"
                "       Event: e1\n"
                "       Polls: 12\n"
                "    Delivery: parked, 40 attempts\n"
                "     Trouble: 10-mail: exit status 1\n"
                "\n"
                "VARIABLES\n"
                "To=me\n"
                "\n"
                "SETTING  VALUE  ORIGIN\n"
                "Timeout  2h     task file\n"
                "\n"
                "HOOKS\n"
                "   40  finished.d/10-mail: failed, exit status 1, took 1s, 60s ago\n"
                "      | no route\n"
                "      | to host\n"
                "\n"
                "Try the failed hooks again: koowatchctl redeliver photos\n"
                "Correct Hook= or variables: koowatchctl edit photos, then redeliver --reread\n"
                "Give it up: koowatchctl dismiss photos\n");
}

static void test_show_of_next_to_nothing(void **state) {
        CLEANUP(freep) char *text = show("{'name':'x','state':'invalid','reason':'no TaskId='}");

        (void) state;
        assert_string_equal(text, "x\n"
                                  "       State: invalid\n"
                                  "     Invalid: no TaskId=\n"
                                  "\n"
                                  "Correct it: koowatchctl edit x\n");
}

static void test_show_says_when_the_next_poll_is(void **state) {
        CLEANUP(freep)
        char *text = show("{'name':'x','state':'running','progress':7,'polls':3,"
                          "'intervalUsec':4049999,"
                          "'nextPollAt':'2025-05-20T10:00:04Z'}");

        (void) state;
        assert_non_null(strstr(text, "Progress: 7%\n"));
        assert_non_null(strstr(text, "Polls: 3, every 4s, the next in 4s\n"));
}

static int monitor(const char *status, char **ret) {
        CLEANUP(json_object_putp) json_object *object = parse(status);
        size_t length;
        FILE *out = open_memstream(ret, &length);
        int verdict;

        assert_non_null(out);
        verdict = status_screen_monitor(out, object);
        (void) fclose(out);
        return verdict;
}

static void test_the_worst_counts_for_the_monitor(void **state) {
        static const struct {
                const char *status;
                int verdict;
        } cases[] = {
                {"{'properties':{'Trouble':[]},'accounts':[{'state':'ok'}]}", 0},
                {"{'properties':{'Trouble':['x']},'accounts':[]}", 1},
                {"{'properties':{'BehindUsec':60000000},'accounts':[]}", 1},
                {"{'properties':{},'accounts':[{'state':'ok'},{'state':'throttled'}]}", 1},
                {"{'properties':{},'accounts':[{'state':'unreachable'}]}", 1},
                {"{'properties':{},'accounts':[{'state':'unauthorized'}]}", 2},
                {"{'properties':{'DeliveriesParked':1},'accounts':[{'state':'throttled'}]}", 2},
                {"{'properties':{'Trouble':['x','the store cannot be written: full']}}", 2},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *text = NULL;

                assert_int_equal(monitor(cases[i].status, &text), cases[i].verdict);
                assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
                assert_ptr_equal(strchr(text, '|'), strrchr(text, '|'));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_list_at_80_columns),
                cmocka_unit_test(test_list_at_120_columns),
                cmocka_unit_test(test_no_line_of_a_list_is_wider_than_the_terminal),
                cmocka_unit_test(test_all_columns_can_be_chosen),
                cmocka_unit_test(test_show_of_a_parked_delivery),
                cmocka_unit_test(test_show_of_next_to_nothing),
                cmocka_unit_test(test_show_says_when_the_next_poll_is),
                cmocka_unit_test(test_the_worst_counts_for_the_monitor),
        };

        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
