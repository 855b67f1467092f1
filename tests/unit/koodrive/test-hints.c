/*
 * Hints in headers and texts
 */
#include <curl/curl.h>
#include <dlfcn.h>

#include "koowatchd/koodrive/hints.h"
#include "unit/koodrive/answers.h"

static void test_retry_after(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {"30", 30 * USEC_SEC},
                {"0", 0},
                {"3600", USEC_HOUR},
                {"3601", USEC_HOUR},
                {"18446744073709551617", USEC_HOUR},
                {"Tue, 20 May 2025 02:29:42 GMT", 30 * USEC_SEC},
                {"Tuesday, 20-May-25 02:29:42 GMT", 30 * USEC_SEC},
                {"Tue May 20 02:29:42 2025", 30 * USEC_SEC},
                {"Tue, 20 May 2025 02:29:00 GMT", 0},
                {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
                {"Fri, 31 Dec 9999 23:59:59 GMT", USEC_HOUR},
                {"", -1},
                {"soon", -1},
                {"-5", -1},
                {"5s", -1},
                {"1.5", USEC_SEC},
                {"30, 60", 30 * USEC_SEC},
                {"1.", -1},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct http_header header = {"retry-after", cases[i].text};
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_headers(*state, 429, THROTTLED, &header, 1);

                assert_int_equal(a.disposition.class, KOODRIVE_THROTTLED);
                if (a.retry_after != cases[i].expected)
                        fail_msg("Retry-After: %s is %jd", cases[i].text, (intmax_t) a.retry_after);
        }
}

/* Whoever refuses may say when to come back; a window is that of a limit. */
static void test_hints(void **state) {
        static const struct http_header headers[] = {
                {"Retry-After", "30"},
                {"X-Apig-Ratelimit-Api", "remain:0,limit:100,time:1 minute"},
        };
        static const struct {
                long status;
                const char *body;
                bool refused, throttled;
        } cases[] = {
                {429, "", true, true},
                {200, THROTTLED, true, true},
                {400, THROTTLED, true, true},
                {200, RUNNING, false, false},
                {301, "", true, false},
                {400, "{\"code\":1,\"msg\":\"limit:20,time:1 second\"}", true, false},
                {401, "{\"error_msg\":\"limit:20,time:1 second\"}", true, false},
                {408, "", true, false},
                {418, "", true, false},
                {500, "{\"code\":13000201}", true, false},
                {502, "", true, false},
                {503, "{\"msg\":\"limit:20,time:1 second\"}", true, false},
                {504, "", true, false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_headers(*state, cases[i].status, cases[i].body,
                                                        headers, ARRAY_LEN(headers));

                assert_int_equal(a.disposition.class == KOODRIVE_THROTTLED, cases[i].throttled);
                assert_int_equal(a.retry_after, cases[i].refused ? 30 * USEC_SEC : -1);
                assert_int_equal(a.window, cases[i].throttled ? USEC_MINUTE : -1);
        }
}

/* Whether that is a date differs between libcurls: it must not overflow where it is one. */
static void test_retry_after_for_ever(void **state) {
        static const struct http_header header = {"Retry-After",
                                                  "Fri, 31 Dec 2147483000 23:59:59 GMT"};
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_headers(*state, 503, "", &header, 1);

        assert_true(a.retry_after == USEC_HOUR || a.retry_after == -1);
}

/* A date counts from the answer's own: this machine's clock may be wrong. */
static void test_retry_after_by_the_servers_clock(void **state) {
        static const struct http_header headers[] = {
                {"Date", "Tue, 20 May 2025 04:00:00 GMT"},
                {"Retry-After", "Tue, 20 May 2025 04:00:30 GMT"},
        };
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_headers(*state, 503, "", headers, ARRAY_LEN(headers));

        assert_int_equal(a.retry_after, 30 * USEC_SEC);
}

static void test_window_of_message(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {"policy user over ratelimit,limit:20,time:1 second", USEC_SEC},
                {"limit:100,time:1 minute", USEC_MINUTE},
                {"limit:100,time:1 hour", USEC_HOUR},
                {"limit:100,time:1 day", USEC_DAY},
                {"limit:100,time:15 seconds", 15 * USEC_SEC},
                {"response time:5ms,limit:20,time:1 minute", USEC_MINUTE},
                {"limit:100,time:3 days.", 3 * USEC_DAY},
                {"limit:100,time:1000 second", 1000 * USEC_SEC},
                {"", -1},
                {"too many", -1},
                {"limit:20", -1},
                {"time:1 second", -1},
                {"limit:20,time:", -1},
                {"limit:20,time:1", -1},
                {"limit:20,time:1 ", -1},
                {"limit:20,time:second", -1},
                {"limit:20,time:1second", -1},
                {"limit:20,time:1,second", -1},
                {"limit:20,time:1.5 second", -1},
                {"limit:20,time:1 week", -1},
                {"limit:20,time:1 Second", -1},
                {"limit:20,time:0 second", -1},
                {"limit:20,time:-1 second", -1},
                {"limit:20,time:1001 second", -1},
                {"limit:20,time:99999999999999999999 day", -1},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"error_code\":\"APIG.0308\",\"error_msg\":\"%s\"}",
                                        cases[i].text);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, 429, body);

                assert_int_equal(a.retry_after, -1);
                if (a.window != cases[i].expected)
                        fail_msg("\"%s\" is %jd", cases[i].text, (intmax_t) a.window);
        }
}

#define API "X-Apig-Ratelimit-Api"
#define ALL API "-Allenv"

static void test_window_of_headers(void **state) {
        static const struct {
                const char *message;
                struct http_header headers[3];
                size_t n;
                usec_t expected;
        } cases[] = {
                {"", {{API, "remain:0,limit:100,time:1 minute"}}, 1, USEC_MINUTE},
                {"", {{"x-apig-ratelimit-user", "remain:0,limit:9,time:1 hour"}}, 1, USEC_HOUR},
                {"",
                 {{"Date", NOW_TEXT},
                  {API, "remain:0,limit:100,time:1 minute"},
                  {ALL, "remain:0,limit:100,time:1 day"}},
                 3,
                 USEC_DAY},
                {"",
                 {{API, "remain:0,limit:100,time:1 day"}, {ALL, "remain:0,limit:9,time:1 second"}},
                 2,
                 USEC_DAY},
                /* One that is not used up is not the one. */
                {"",
                 {{API, "remain:0,limit:100,time:1 minute"},
                  {ALL, "remain:7,limit:9000,time:1 day"}},
                 2,
                 USEC_MINUTE},
                {"", {{API, "remain:99,limit:100,time:1 minute"}}, 1, -1},
                {"", {{API, "remain:01,limit:100,time:1 minute"}}, 1, -1},
                {"", {{API, "limit:100,time:1 minute"}}, 1, -1},
                {"", {{API, "remain:0,limit:100,time:1 fortnight"}}, 1, -1},
                {"", {{API, "remain:0,"}}, 1, -1},
                {"", {{API, ""}}, 1, -1},
                {"", {{"X-Ratelimit-Api", "remain:0,limit:100,time:1 minute"}}, 1, -1},
                /* Beside the message, the longer of the two. */
                {"limit:20,time:1 second", {{API, "remain:0,limit:9,time:1 hour"}}, 1, USEC_HOUR},
                {"limit:20,time:1 day", {{API, "remain:0,limit:9,time:1 hour"}}, 1, USEC_DAY},
                {"limit:20,time:1 second", {{API, "remain:5,limit:9,time:1 hour"}}, 1, USEC_SEC},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"error_code\":\"APIG.0308\",\"error_msg\":\"%s\"}",
                                        cases[i].message);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a =
                        read_headers(*state, 429, body, cases[i].headers, cases[i].n);

                if (a.window != cases[i].expected)
                        fail_msg("row %zu is %jd", i, (intmax_t) a.window);
        }
}

#define SERVER_TIME (1685153168 * USEC_SEC) /* 2023-05-27 02:06:08 */

static void test_stamp_refused(void **state) {
        static const struct {
                long status;
                const char *body;
                bool refused;
                usec_t server_time;
        } cases[] = {
                {401, SIGNATURE_EXPIRED, true, SERVER_TIME},
                {400, SIGNATURE_EXPIRED, true, SERVER_TIME},
                {400, "{\"code\":400,\"msg\":\"signature expired,server time:20230527T020608Z\"}",
                 true, SERVER_TIME},
                {401, "{\"code\":401,\"msg\":\"signature expired,server time:20230527T020608Z\"}",
                 true, SERVER_TIME},
                {401, "{\"msg\":\"signature expired\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:soon\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:20230527\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:20231327T020608Z\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:20230527T0206\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:99991231T235959Z\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:19700101T000000Z\"}", true, -1},
                {401, "{\"msg\":\"token expired,server time:20230527T020608Z\"}", false, -1},
                {401, "{\"error_msg\":\"app not found\",\"error_code\":\"APIG.0303\"}", false, -1},
                {401, "", false, -1},
                /* What is not about the credential is not about the stamp. */
                {400, "{\"code\":13000311,\"msg\":\"signature expired\"}", false, -1},
                {429, "{\"msg\":\"signature expired,server time:20230527T020608Z\"}", false, -1},
                {200, RUNNING, false, -1},
        };

        assert_int_equal(setenv("TZ", "XXX-8", 1), 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, cases[i].status, cases[i].body);

                if (a.stamp_refused != cases[i].refused || a.server_time != cases[i].server_time)
                        fail_msg("%s: %d, %jd", cases[i].body, a.stamp_refused,
                                 (intmax_t) a.server_time);
        }
        assert_int_equal(unsetenv("TZ"), 0);
}

/* libcurl's own, and how often it was asked: the form that RFC 9110 wants is read without it. */
static unsigned asked_libcurl;

time_t curl_getdate(const char *text, const time_t *unused) {
        static time_t (*original)(const char *text, const time_t *unused);

        if (!original)
                *(void **) &original = dlsym(RTLD_NEXT, "curl_getdate");
        asked_libcurl++;
        return original(text, unused);
}

static void test_usual_form(void **state) {
        static const struct {
                const char *text;
                time_t expected;
        } usual[] = {
                {"Wed, 01 Jan 2025 00:00:00 GMT", 1735689600},
                {"Fri, 28 Feb 2025 23:59:59 GMT", 1740787199},
                {"Mon, 31 Mar 2025 01:00:00 GMT", 1743382800},
                {"Wed, 30 Apr 2025 00:01:00 GMT", 1745971260},
                {"Sat, 31 May 2025 00:00:01 GMT", 1748649601},
                {"Mon, 30 Jun 2025 19:20:29 GMT", 1751311229},
                {"Thu, 31 Jul 2025 09:08:07 GMT", 1753952887},
                {"Sun, 31 Aug 2025 00:00:00 GMT", 1756598400},
                {"Tue, 30 Sep 2025 00:00:00 GMT", 1759190400},
                {"Fri, 31 Oct 2025 00:00:00 GMT", 1761868800},
                {"Sun, 30 Nov 2025 00:00:00 GMT", 1764460800},
                {"Wed, 31 Dec 2025 23:59:60 GMT", 1767225600}, /* a leap second */
        };
        static const char *const others[] = {
                "Tue. 20 May 2025 02:29:12 GMT", "Tue, 20 May 2025 02.29:12 GMT",
                "Tue, 20 May 2025 02:29.12 GMT", "Tue, 20 May 2025 02:29:12 UTC",
                "Tue, 20 Mai 2025 02:29:12 GMT", "Tue, 00 May 2025 02:29:12 GMT",
                "Tue, 32 May 2025 02:29:12 GMT", "Tue, 2x May 2025 02:29:12 GMT",
                "Tue, 20 May 20x5 02:29:12 GMT", "Tue, 20 May 2025 24:29:12 GMT",
                "Tue, 20 May 2025 x2:29:12 GMT", "Tue, 20 May 2025 02:60:12 GMT",
                "Tue, 20 May 2025 02:x9:12 GMT", "Tue, 20 May 2025 02:29:61 GMT",
                "Tue, 20 May 2025 02:29:1x GMT", "Tue, 20 May 2025 02:29:12  GMT",
                "Tue, 20 May 2025 02:29:/2 GMT", "Tue, 20 May 2025 02:29:1: GMT",
        };

        (void) state;
        asked_libcurl = 0;
        for (size_t i = 0; i < ARRAY_LEN(usual); i++)
                if (hint_date(usual[i].text) != usual[i].expected * USEC_SEC || asked_libcurl > 0)
                        fail_msg("%s", usual[i].text);
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
                usec_t date = hint_date(others[i]);

                if (asked_libcurl != i + 1)
                        fail_msg("%s: %jd without libcurl", others[i], (intmax_t) date);
        }
}

static void test_date(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {NOW_TEXT, NOW},
                {"Sat, 29 Feb 2020 23:59:59 GMT", 1583020799 * USEC_SEC},
                {"Thu, 30 Apr 2026 12:00:00 GMT", 1777550400 * USEC_SEC},
                {"Mon, 31 Aug 2026 00:00:00 GMT", 1788134400 * USEC_SEC},
                {"Thu, 31 Dec 2026 09:08:07 GMT", 1798708087 * USEC_SEC},
                /* Older forms. */
                {"Tuesday, 20-May-25 02:29:12 GMT", NOW},
                {"Tue May 20 02:29:12 2025", NOW},
                {"Tue, 20 May 2025 02:29:12 +0000", NOW},
                {"20 May 2025 02:29:12 GMT", NOW},
                /* No time at all. */
                {"Tue, 20 Mai 2025 02:29:12 GMT", -1},
                {"Tue, 20 May 2025 24:00:00 GMT", -1},
                {"Tue, 20 May 2025 02:60:12 GMT", -1},
                {"Tue, 20 May 2025 02:29:61 GMT", -1},
                {"Tue, 32 May 2025 02:29:12 GMT", -1},
                {"Wed, 01 Jan 2020 00:00:00 GMT", 1577836800 * USEC_SEC},
                {"Fri, 01 Jan 2100 00:00:00 GMT", 4102444800 * USEC_SEC},
                /* No clock that counts. */
                {"Thu, 01 Jan 1970 00:00:00 GMT", -1},
                {"Thu, 01 Jan 1970 00:00:01 GMT", -1},
                {"Tue, 31 Dec 2019 23:59:59 GMT", -1},
                {"Fri, 01 Jan 2100 00:00:01 GMT", -1},
                {"Fri, 31 Dec 9999 23:59:59 GMT", -1},
                {"", -1},
                {"yesterday", -1},
                {"20250520T022912Z", -1},
        };
        static const long statuses[] = {200, 401, 503};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                for (size_t k = 0; k < ARRAY_LEN(statuses); k++) {
                        const struct http_header headers[] = {
                                {"server", "x"}, {"date", cases[i].text}, {"Date", "yesterday"}};
                        CLEANUP(koodrive_answer_clear)
                        struct koodrive_answer a = read_headers(*state, statuses[k], RUNNING,
                                                                headers, ARRAY_LEN(headers));

                        if (a.date != cases[i].expected)
                                fail_msg("Date: %s is %jd", cases[i].text, (intmax_t) a.date);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_retry_after),
                cmocka_unit_test(test_hints),
                cmocka_unit_test(test_retry_after_for_ever),
                cmocka_unit_test(test_retry_after_by_the_servers_clock),
                cmocka_unit_test(test_window_of_message),
                cmocka_unit_test(test_window_of_headers),
                cmocka_unit_test(test_stamp_refused),
                cmocka_unit_test(test_usual_form),
                cmocka_unit_test(test_date),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
