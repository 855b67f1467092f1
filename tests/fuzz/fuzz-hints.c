/* When to come back, and what time it is at the server: of any header, and of those that are good.
 */
#include <time.h>

#include "fuzz/fuzz.h"
#include "koowatchd/koodrive/hints.h"
#include "koowatchd/loop/http-answer.h"

#define NOW (1747708152 * USEC_SEC)
#define DATE_MIN 1577836800L
#define DATE_MAX 4102444800L

static void check_any(const char *text) {
        const struct http_header header = {"x-apig-ratelimit-api", text};
        const struct http_answer answer = {.headers = &header, .n_headers = 1};
        usec_t date = hint_date(text), pause = hint_retry_after(text, NOW);
        usec_t window = hint_window(text), of_headers = hint_rate_headers(&answer), server = -2;

        REQUIRE(date == -1 || (date >= DATE_MIN * USEC_SEC && date <= DATE_MAX * USEC_SEC));
        REQUIRE(pause >= -1 && pause <= USEC_HOUR);
        REQUIRE(window == -1 || (window >= USEC_SEC && window <= 1000 * USEC_DAY));
        REQUIRE(of_headers == -1 || of_headers == window);
        if (!hint_stamp_refused(text, &server))
                REQUIRE(server == -2);
        else
                REQUIRE(server == -2 || server == -1 ||
                        (server >= DATE_MIN * USEC_SEC && server <= DATE_MAX * USEC_SEC));
        if (date >= 0) /* a date is a pause as well, and never one that has passed */
                REQUIRE(pause == MIN(MAX(date - NOW, 0), USEC_HOUR) ||
                        (*text >= '0' && *text <= '9'));
}

static void check_seconds(uint32_t seconds) {
        char text[64];

        (void) snprintf(text, sizeof(text), "%u", seconds);
        REQUIRE(hint_retry_after(text, NOW) == MIN((usec_t) seconds * USEC_SEC, USEC_HOUR));
        (void) snprintf(text, sizeof(text), "%u.5, 7", seconds);
        REQUIRE(hint_retry_after(text, NOW) == MIN((usec_t) seconds * USEC_SEC, USEC_HOUR));
}

/* The three forms of RFC 9110, and KooDrive's own. */
static void check_date(uint32_t offset) {
        static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y",
                                            "%A, %d-%b-%y %H:%M:%S GMT"};
        time_t at =
                DATE_MIN + (time_t) offset % (2000000000 - DATE_MIN); /* two digits: until 2033 */
        usec_t server = -1;
        char text[96];
        struct tm tm;

        REQUIRE(gmtime_r(&at, &tm));
        for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
                (void) strftime(text, sizeof(text), forms[i], &tm);
                REQUIRE(hint_date(text) == at * USEC_SEC);
        }
        (void) strftime(text, sizeof(text), "signature expired,server time:%Y%m%dT%H%M%SZ", &tm);
        REQUIRE(hint_stamp_refused(text, &server) && server == at * USEC_SEC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct bytes b = {data, size};
        uint32_t number = (uint32_t) take_int64(&(struct bytes){data, size});
        size_t length;
        CLEANUP(freep) char *text = take_rest(&b, &length);

        check_any(text);
        check_seconds(number);
        check_date(number);
        return 0;
}
