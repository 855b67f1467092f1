#include <errno.h>
#include <fcntl.h>

#include "koowatchd/report/metrics.h"
#include "unit/support.h"

static const struct metrics_account accounts[] = {
        {.name = "default", .state = ACCOUNT_OK, .in_flight = 3},
        {.name = "office", .state = ACCOUNT_UNAUTHORIZED},
};

static const struct metrics_gauges gauges = {
        .invalid = 1,
        .accounts = accounts,
        .n_accounts = ARRAY_LEN(accounts),
        .config_valid = true,
        .written = 1764374400 * USEC_SEC + 500 * USEC_MSEC,
};

/* The caller frees it. */
static char *text_of(const struct metrics *m, const struct metrics_gauges *g,
                     enum metrics_format format) {
        char directory[DIRECTORY_MAX];
        CLEANUP(freep) char *path = NULL;
        CLEANUP(closep) int fd = -1;
        char *text = NULL;
        size_t length;

        directory_make(directory);
        path = str_printf("%s/metrics", directory);
        assert_int_equal(metrics_write(m, g, format, path), 0);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(read_all(fd, 1U << 20, &text, &length), 0);
        directory_remove(directory);
        return text;
}

static void expect(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("no %s in %s", part, text);
}

static void expect_none(const char *text, const char *part) {
        if (strstr(text, part))
                fail_msg("%s in %s", part, text);
}

/* Alone there is nothing to say of it. */
static void test_a_node_of_a_fleet(void **state) {
        static const struct metrics_account left[] = {{.name = "default"},
                                                      {.name = "office", .is_left = true}};
        struct metrics_gauges g = gauges;
        CLEANUP(freep) char *alone = text_of(*state, &g, METRICS_PROMETHEUS);
        CLEANUP(freep) char *text = NULL;

        expect_none(alone, "koowatch_node_");
        expect_none(alone, "koowatch_account_polled");
        g.accounts = left;
        g.is_node = true;
        g.held = 1;
        g.served = 2;
        text = text_of(*state, &g, METRICS_PROMETHEUS);
        expect(text, "koowatch_node_session 0\n");
        expect(text, "koowatch_node_accounts{state=\"held\"} 1\n"
                     "koowatch_node_accounts{state=\"served\"} 2\n");
        expect(text, "koowatch_account_polled{account=\"default\"} 1\n"
                     "koowatch_account_polled{account=\"office\"} 0\n");
}

static int setup(void **state) {
        return metrics_new((struct metrics **) state);
}

static int teardown(void **state) {
        metrics_free(*state);
        return 0;
}

static void test_prometheus_knows_names_of_samples_and_four_types(void **state) {
        CLEANUP(freep) char *text = text_of(*state, &gauges, METRICS_PROMETHEUS);

        expect(text, "# TYPE koowatch_polls_total counter\n");
        expect(text, "# TYPE koowatch_build_info gauge\n");
        expect(text, "# TYPE koowatch_account_state gauge\n");
        expect(text, "_bucket{le=\"1\"} 0\n");
        expect_none(text, "# UNIT");
        expect_none(text, "# EOF");
}

static void test_openmetrics_knows_families_and_an_end(void **state) {
        CLEANUP(freep) char *text = text_of(*state, &gauges, METRICS_OPENMETRICS);

        expect(text, "# TYPE koowatch_polls counter\n");
        expect(text, "# TYPE koowatch_build info\n");
        expect(text, "# TYPE koowatch_account_state stateset\n");
        expect(text, "# UNIT koowatch_poll_lag_seconds seconds\n");
        expect(text, "_bucket{le=\"0.5\"} 0\n");
        expect(text, "_bucket{le=\"1.0\"} 0\n");
        expect(text, "_bucket{le=\"2.5\"} 0\n");
        expect(text, "_bucket{le=\"30.0\"} 0\n");
        assert_true(str_ends_with(text, "\n# EOF\n"));
}

static void test_gauges_are_as_given(void **state) {
        CLEANUP(freep) char *text = text_of(*state, &gauges, METRICS_PROMETHEUS);

        expect(text, "koowatch_watches{state=\"invalid\"} 1\n");
        expect(text, "koowatch_account_state{account=\"office\","
                     "koowatch_account_state=\"unauthorized\"} 1\n");
        expect(text, "koowatch_requests_in_flight{account=\"default\"} 3\n");
        expect(text, "koowatch_store_writable 0\n");
        expect(text, "koowatch_config_last_reload_successful 1\n");
        expect(text, "koowatch_written_timestamp_seconds 1764374400.500\n");
}

static void test_times_are_absent_until_there_is_one(void **state) {
        const struct metrics_gauges waiting = {.oldest_delivery = 1764370800 * USEC_SEC};
        CLEANUP(freep) char *none = text_of(*state, &gauges, METRICS_PROMETHEUS);
        CLEANUP(freep) char *one = text_of(*state, &waiting, METRICS_PROMETHEUS);

        expect_none(none, "\nkoowatch_oldest_delivery");
        expect_none(none, "\nkoowatch_account_last_");
        expect(one, "\nkoowatch_oldest_delivery_timestamp_seconds 1764370800.000\n");
}

static void test_what_is_of_a_task_is_no_failure_of_its_account(void **state) {
        static const struct {
                enum koodrive_class class;
                const char *last; /* "success", "failure" or neither */
        } cases[] = {
                {KOODRIVE_TASK, "success"},        {KOODRIVE_TRANSIENT, NULL},
                {KOODRIVE_RETRY_LIMITED, NULL},    {KOODRIVE_REJECTED, NULL},
                {KOODRIVE_UNREACHABLE, "failure"}, {KOODRIVE_MISCONFIGURED, "failure"},
                {KOODRIVE_THROTTLED, "failure"},   {KOODRIVE_UNAUTHORIZED, "failure"},
        };

        (void) state;
        assert_int_equal(ARRAY_LEN(cases), KOODRIVE_CLASSES);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(metrics_freep) struct metrics *m = NULL;
                CLEANUP(freep) char *text = NULL, *sample = NULL;

                assert_int_equal(metrics_new(&m), 0);
                metrics_polled(m, "office", cases[i].class, 0.1, 1764370800 * USEC_SEC);
                text = text_of(m, &gauges, METRICS_PROMETHEUS);
                if (!cases[i].last) {
                        expect_none(text, "\nkoowatch_account_last_");
                        continue;
                }
                sample = str_printf("\nkoowatch_account_last_%s_timestamp_seconds"
                                    "{account=\"office\"} 1764370800.000\n",
                                    cases[i].last);
                expect(text, sample);
        }
}

static void test_a_directory_that_is_not_there(void **state) {
        assert_int_equal(metrics_write(*state, &gauges, METRICS_PROMETHEUS, "/nowhere/metrics"),
                         -ENOENT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_prometheus_knows_names_of_samples_and_four_types),
                TEST(test_openmetrics_knows_families_and_an_end),
                TEST(test_gauges_are_as_given),
                TEST(test_a_node_of_a_fleet),
                TEST(test_times_are_absent_until_there_is_one),
                TEST(test_what_is_of_a_task_is_no_failure_of_its_account),
                TEST(test_a_directory_that_is_not_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
