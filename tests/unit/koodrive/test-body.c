/*
 * Bodies that nobody should send
 */
#include "koowatchd/koodrive/body.h"
#include "unit/koodrive/answers.h"

static void check_no_json(json_tokener *tokener, const char *body, size_t length) {
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_bytes(tokener, 200, body, length);
        CLEANUP(koodrive_answer_clear) struct koodrive_answer next = {};

        if (a.disposition.class != KOODRIVE_TRANSIENT)
                fail_msg("%.*s: %s", (int) MIN(length, 100U), body,
                         koodrive_class_name(a.disposition.class));
        assert_non_null(strstr(a.why, "an answer that cannot be parsed: "));
        assert_int_equal(a.disposition.overdue, length > 0 && *body == '{');

        next = read_text(tokener, 200, RUNNING);
        assert_int_equal(next.disposition.class, KOODRIVE_TASK);
}

static void test_no_json(void **state) {
        static const char *const bodies[] = {
                "",
                " \n",
                "OK",
                "{",
                "null",
                "[]",
                "\"taskStatus\"",
                "[{\"jobInfo\":{\"taskStatus\":2}}]",
                "{\"jobInfo\":{\"taskStatus\":1,}}",
                "{\"jobInfo\":{\"taskStatus\":1}/**/}",
                "{\"jobInfo\":{\"taskStatus\":1},\"msg\":\"\\ud83d\"",
        };

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                check_no_json(*state, bodies[i], strlen(bodies[i]));
}

static void test_other_json(void **state) {
        static const struct fault_case cases[] = {
                {200, "{}", KOODRIVE_UNREACHABLE, "not from KooDrive"},
                {200, "{\"error\":\"blocked\"}", KOODRIVE_UNREACHABLE, "not from KooDrive"},
                {200, "<html></html>", KOODRIVE_UNREACHABLE, "a web page"},
                {200, " \n<?xml version=\"1.0\"?><Error/>", KOODRIVE_UNREACHABLE, "a web page"},
        };

        check_faults(*state, cases, ARRAY_LEN(cases));
}

/* By its type, whatever it begins with. */
static void test_web_page_by_type(void **state) {
        static const struct {
                const char *type;
                bool is_page;
        } cases[] = {
                {"text/html", true},
                {"TEXT/HTML;charset=UTF-8", true},
                {"text/htm", false},
                {"text/plain", false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct http_header header = {"content-type", cases[i].type};
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_headers(*state, 403, "no", &header, 1);

                assert_int_equal(strstr(a.why, "a web page") != NULL, cases[i].is_page);
        }
}

/* What is clear in spite of it. */
static void test_repaired(void **state) {
        static const struct task_case cases[] = {
                {RUNNING "x", 1, .progress = 70, .type = 1},
                {RUNNING RUNNING, 1, .progress = 70, .type = 1},
                {RUNNING "]", 1, .progress = 70, .type = 1},
                {"\xef\xbb\xbf" RUNNING, 1, .progress = 70, .type = 1},
                {"{\"jobInfo\":{\"taskStatus\":1}} // done", 1, .progress = -1},
                {JOB("\"taskStatus\":1,\"progress\":99999999999999999999999"), 1, .progress = -1},
                {JOB("\"taskStatus\":1,\"taskType\":007"), 1, .progress = -1},
                {JOB("\"taskStatus\":2,\"x\":\"\xff\""), 2, .progress = -1},
                {JOB("\"taskStatus\":2,\"x\":\"\xed\xa0\x80\""), 2, .progress = -1},
        };

        check_tasks(*state, cases, ARRAY_LEN(cases));
        check_faults(*state,
                     (struct fault_case[]){
                             {400, "\xef\xbb\xbf{\"code\":13000306}", KOODRIVE_REJECTED,
                              "code 13000306", "13000306"},
                             {400, "{\"code\":13000306,\"msg\":\"caf\xe9\"}", KOODRIVE_REJECTED,
                              "code 13000306", "13000306", "caf\xef\xbf\xbd"},
                     },
                     2);
}

static void test_firewall(void **state) {
        static const struct http_header headers[] = {{"Server", "CloudWAF"},
                                                     {"Content-Type", "text/html"}};
        static const long statuses[] = {200, 403, 405, 418};

        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_headers(*state, statuses[i], "<html>blocked</html>",
                                                        headers, ARRAY_LEN(headers));

                assert_int_equal(a.disposition.class, KOODRIVE_UNREACHABLE);
                assert_non_null(strstr(a.why, "firewall"));
        }
        /* It names itself in what it lets pass as well. */
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_headers(*state, 200, RUNNING, headers, 1);
        assert_int_equal(a.disposition.class, KOODRIVE_TASK);
}

static void test_truncated_anywhere(void **state) {
        static const char *const bodies[] = {PACKED, STRINGY, OF_2024};

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                for (size_t length = 0; length < strlen(bodies[i]); length++)
                        check_no_json(*state, bodies[i], length);
}

static void test_nul_bytes(void **state) {
        static const char between[] = "{\"jobInfo\":\0{\"taskStatus\":1}}";
        static const char behind[] = "{\"jobInfo\":{\"taskStatus\":1}}\0{";
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_bytes(*state, 200, behind, sizeof(behind) - 1);

        assert_int_equal(a.disposition.class, KOODRIVE_TASK);
        check_no_json(*state, between, sizeof(between) - 1);
        check_no_json(*state, "\0\0\0", 3);
}

static void test_depth(void **state) {
        static const struct {
                const char *opening, *closing;
        } cases[] = {{"[", "]"}, {"{\"a\":", "}"}, {"{\"jobInfo\":[", "]}"}};
        enum { DEPTH = 100000 };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                size_t open = strlen(cases[i].opening), close = strlen(cases[i].closing);
                CLEANUP(freep) char *body = malloc(DEPTH * (open + close) + 1);
                char *at = body;

                for (size_t k = 0; k < DEPTH; k++, at += open)
                        memcpy(at, cases[i].opening, open);
                check_no_json(*state, body, (size_t) (at - body));
                *at++ = '1';
                for (size_t k = 0; k < DEPTH; k++, at += close)
                        memcpy(at, cases[i].closing, close);
                check_no_json(*state, body, (size_t) (at - body));
        }
}

/* A task's state, and an array of so many values that nobody asked for. */
static struct koodrive_answer read_many(json_tokener *tokener, const char *value, size_t n) {
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        FILE *f = open_memstream(&text, &length);

        assert_non_null(f);
        (void) fprintf(f, "%.*s,\"x\":[", (int) strlen(RUNNING) - 1, RUNNING);
        while (n-- > 0)
                (void) fprintf(f, "%s,", value);
        (void) fprintf(f, "\"[{,\\\"[{,\"]}");
        assert_int_equal(fclose(f), 0);
        return read_bytes(tokener, 200, text, length);
}

/* A few bytes of text each, and up to a kilobyte of memory. */
static void test_too_many_values(void **state) {
        static const struct {
                const char *value;
                size_t good, bad;
        } cases[] = {{"[]", 9900, 10000}, {"{}", 9900, 10000}, {"0", 49900, 50000}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer good = read_many(*state, cases[i].value, cases[i].good);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer bad = read_many(*state, cases[i].value, cases[i].bad);

                assert_int_equal(good.disposition.class, KOODRIVE_TASK);
                assert_int_equal(bad.disposition.class, KOODRIVE_TRANSIENT);
        }
}

static void test_too_long(void **state) {
        CLEANUP(freep)
        char *body =
                str_printf("%s%*s", RUNNING, (int) (KOODRIVE_ANSWER_MAX + 1 - strlen(RUNNING)), "");
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer fits = read_bytes(*state, 200, body, KOODRIVE_ANSWER_MAX);

        assert_int_equal(fits.disposition.class, KOODRIVE_TASK);
        check_no_json(*state, body, KOODRIVE_ANSWER_MAX + 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_json),          cmocka_unit_test(test_other_json),
                cmocka_unit_test(test_web_page_by_type), cmocka_unit_test(test_repaired),
                cmocka_unit_test(test_firewall),         cmocka_unit_test(test_truncated_anywhere),
                cmocka_unit_test(test_nul_bytes),        cmocka_unit_test(test_depth),
                cmocka_unit_test(test_too_many_values),  cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
