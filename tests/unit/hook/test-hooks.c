/* The hooks of an event: which ones run, in which order, and what is said of each. */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "koowatch-hook/hooks.h"
#include "unit/hook/hook-support.h"

struct fixture {
        char directory[DIRECTORY_MAX];
        struct config config;
        int signal_fd;
};

static int set_up(void **state) {
        static const char *const names[] = {"finished.d", "named.d"};
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                CLEANUP(freep) char *path = str_printf("%s/%s", f->directory, names[i]);

                assert_int_equal(mkdir(path, 0755), 0);
        }
        f->config = (struct config){.hook_directories = f->directory, .hook_timeout = USEC_MINUTE};
        f->signal_fd = eventfd(0, EFD_CLOEXEC);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        (void) close(f->signal_fd);
        directory_remove(f->directory);
        free(f);
        return 0;
}

static void put(const struct fixture *f, const char *name, const char *text, mode_t mode) {
        CLEANUP(freep) char *path = str_printf("%s/%s", f->directory, name);
        CLEANUP(freep) char *script = str_printf("#!/bin/sh\n%s\n", text);

        assert_int_equal(replace_file(path, script, strlen(script), mode), 0);
}

/* What is said of an event with these members more: "+HOOK" a start, "HOOK=RESULT" an end. */
static char *run(const struct fixture *f, const char *members, int expected) {
        CLEANUP(event_clear) struct event event = event_with(members);
        struct stop stop = {.signal_fd = f->signal_fd, .peer = -1, .timer_fd = -1};
        struct stdout_capture capture = stdout_capture_begin();
        int r = hooks_run(&f->config, &event, &stop);
        CLEANUP(freep) char *lines = stdout_capture_end(&capture);
        char *said = strdup(""), *rest = NULL;

        assert_int_equal(r, expected);
        for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                json_object *json = json_tokener_parse(line), *hook, *result;
                CLEANUP(freep) char *before = said;

                if (json_object_object_get_ex(json, "start", &hook))
                        said = str_printf("%s+%s ", before, json_object_get_string(hook));
                else if (json_object_object_get_ex(json, "end", &hook) &&
                         json_object_object_get_ex(json, "result", &result))
                        said = str_printf("%s%s=%s ", before, json_object_get_string(hook),
                                          json_object_get_string(result));
                else
                        fail_msg("%s", line);
                json_object_put(json);
        }
        return said;
}

static void expect(const struct fixture *f, const char *members, const char *expected) {
        CLEANUP(freep) char *said = run(f, members, 0);

        assert_string_equal(said, expected);
}

static void test_none(void **state) {
        expect(*state, "", "");
}

static void test_in_their_order_whatever_becomes_of_them(void **state) {
        struct fixture *f = *state;

        put(f, "finished.d/20-b", "exit 75", 0700);
        put(f, "finished.d/10-a", "exit 1", 0700);
        put(f, "finished.d/30-c", "exit 0", 0700);
        put(f, "named.d/z", "exit 79", 0700);
        put(f, "named.d/y", "exit 77", 0700);
        put(f, "named.d/unasked", "exit 0", 0700);
        expect(f, ",\"hooks\":[\"z\",\"y\"]",
               "+finished.d/10-a finished.d/10-a=failed +finished.d/20-b finished.d/20-b=later "
               "+finished.d/30-c finished.d/30-c=done +named.d/z named.d/z=progress "
               "+named.d/y named.d/y=skipped ");
}

static void test_none_twice_and_none_that_has_ended_well(void **state) {
        struct fixture *f = *state;

        put(f, "finished.d/a", "exit 0", 0700);
        put(f, "finished.d/b", "exit 0", 0700);
        put(f, "named.d/x", "exit 1", 0700);
        put(f, "named.d/y", "exit 0", 0700);
        expect(f,
               ",\"hooks\":[\"x\",\"y\",\"x\"],\"settled\":[\"finished.d/a\",\"named.d/y\",\"gone\"]",
               "+finished.d/b finished.d/b=done +named.d/x named.d/x=failed ");
}

/* In the event's directory it is something else that lies there; a name is a wish. */
static void test_a_file_that_is_no_hook(void **state) {
        struct fixture *f = *state;

        put(f, "finished.d/README", "", 0600);
        put(f, "named.d/x", "", 0600);
        expect(f, ",\"hooks\":[\"x\",\"missing\",\"../finished.d/README\"]",
               "finished.d/README=skipped named.d/x=failed named.d/missing=failed "
               "named.d/../finished.d/README=failed ");
}

static void test_a_file_that_others_may_write(void **state) {
        struct fixture *f = *state;

        put(f, "finished.d/a", "exit 0", 0777);
        put(f, "finished.d/b", "exit 0", 0700);
        expect(f, "", "finished.d/a=failed +finished.d/b finished.d/b=done ");
}

static void test_what_cannot_be_executed(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/finished.d/a", f->directory);

        assert_int_equal(replace_file(path, "#!/nonexistent\n", 15, 0700), 0);
        expect(f, "", "finished.d/a=failed "); /* and has not started */
}

static void test_told_to_stop(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *said = NULL;

        put(f, "finished.d/a", "exit 0", 0700);
        assert_int_equal(eventfd_write(f->signal_fd, 1), 0);
        said = run(f, "", -EINTR);
        assert_string_equal(said, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_none),
                TEST(test_in_their_order_whatever_becomes_of_them),
                TEST(test_none_twice_and_none_that_has_ended_well),
                TEST(test_a_file_that_is_no_hook),
                TEST(test_a_file_that_others_may_write),
                TEST(test_what_cannot_be_executed),
                TEST(test_told_to_stop),
        };

        log_set_level(LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
