/* The bars of wait. */
#include <locale.h>

#include "common/json.h"
#include "koowatchctl/text.h"
#include "koowatchctl/wait-screen.h"
#include "unit/support.h"

static const char *const names[] = {"照片-2025", "b", "c", "d", "e"};

static void on_change(UNUSED void *userdata, UNUSED const struct wait_task *task) {
}

static struct wait *make_wait(void) {
        static const char *const entries[] = {
                "{\"state\":\"pending\"}",
                "{\"state\":\"finished\",\"outcome\":\"completed\",\"result\":\"partial\"}",
                "{\"state\":\"running\",\"progress\":40}",
                "{\"state\":\"running\",\"progress\":100}",
                NULL,
        };
        const struct wait_rules rules = {.create = true, .until = USEC_INFINITY};
        struct wait *wait = wait_new(names, ARRAY_LEN(names), &rules, on_change, NULL);

        assert_non_null(wait);
        for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
                CLEANUP(json_object_putp)
                json_object *entry = entries[i] ? json_tokener_parse(entries[i]) : NULL;

                if (i == 1) { /* with create only a signal ends it at once */
                        (void) json_object_object_add(entry, "name", json_object_new_string("b"));
                        wait_on_signal(wait, "TaskFinished", entry);
                } else {
                        assert_int_equal(wait_on_read(wait, i, entry, NULL, 0), 0);
                }
        }
        return wait;
}

static char *draw(unsigned width, unsigned rows, bool is_away, unsigned *ret_lines) {
        CLEANUP(wait_freep) struct wait *wait = make_wait();
        const struct look look = {.width = width};
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        assert_non_null(out);
        *ret_lines = wait_screen_bars(out, &look, rows, wait, is_away);
        (void) fclose(out);
        return text;
}

static void test_running_tasks_come_first(void **state) {
        CLEANUP(freep) char *text = NULL;
        unsigned lines;

        (void) state;
        text = draw(80, 24, false, &lines);
        assert_int_equal(lines, 5);
        assert_string_equal(text, "c          [################------------------------]  40%\n"
                                  "d          [########################################] 100%\n"
                                  "照片-2025  [----------------------------------------] pending\n"
                                  "e          [----------------------------------------] absent\n"
                                  "1 of 5 ended, 2 running, 1 pending\n");
}

static void test_a_small_terminal_has_room_for_two_less_than_its_rows(void **state) {
        CLEANUP(freep) char *text = NULL;
        unsigned lines;

        (void) state;
        text = draw(80, 4, true, &lines);
        assert_int_equal(lines, 3);
        assert_non_null(
                strstr(text, "1 of 5 ended, 2 running, 1 pending; waiting for koowatchd\n"));
        assert_null(strstr(text, "pending\nabsent"));
}

static void test_no_bar_is_wider_than_the_terminal(void **state) {
        (void) state;
        for (unsigned width = 1; width < 100; width++) {
                CLEANUP(freep) char *text = NULL;
                unsigned lines, counted = 0;

                text = draw(width, 24, true, &lines); /* or the cursor would not find back */
                for (char *rest = text, *line; (line = strsep(&rest, "\n")); counted++)
                        assert_true(text_width(line) <= width);
                assert_int_equal(lines, 5);
                assert_int_equal(counted, lines + 1);
        }
}

static void assert_drawn(unsigned width, const char *expected) {
        CLEANUP(freep) char *text = NULL;
        unsigned lines;

        text = draw(width, 24, false, &lines);
        assert_string_equal(text, expected);
}

static void test_a_narrow_terminal_has_no_bars(void **state) {
        (void) state;
        assert_drawn(25, "c  [####------]  40%\n"
                         "d  [##########] 100%\n"
                         "…  [----------] pending\n"
                         "e  [----------] absent\n"
                         "1 of 5 ended, 2 running,…\n");
        assert_drawn(17, "c          40%\n"
                         "d         100%\n"
                         "照片-20…  pending\n"
                         "e         absent\n"
                         "1 of 5 ended, 2 …\n");
        assert_drawn(9, "c        \n"
                        "d        \n"
                        "照片-2025\n"
                        "e        \n"
                        "1 of 5 e…\n");
        assert_drawn(1, "c\nd\n…\ne\n…\n");
}

static void assert_line(size_t i, const char *expected) {
        CLEANUP(wait_freep) struct wait *wait = make_wait();
        CLEANUP(freep) char *text = NULL;
        const struct look look = {.width = 0};
        size_t length;
        FILE *out = open_memstream(&text, &length);

        assert_non_null(out);
        wait_screen_line(out, &look, wait_task(wait, i));
        (void) fclose(out);
        assert_string_equal(text, expected);
}

static void test_a_change_is_a_line(void **state) {
        (void) state;
        assert_line(0, "照片-2025: pending\n");
        assert_line(1, "b: completed: partially failed\n");
        assert_line(2, "c: running\n");
        assert_line(4, "e: not registered yet\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_running_tasks_come_first),
                cmocka_unit_test(test_a_small_terminal_has_room_for_two_less_than_its_rows),
                cmocka_unit_test(test_no_bar_is_wider_than_the_terminal),
                cmocka_unit_test(test_a_narrow_terminal_has_no_bars),
                cmocka_unit_test(test_a_change_is_a_line),
        };

        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
