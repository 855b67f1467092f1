#include "koowatchd/koodrive/hints.h"

#include <curl/curl.h>
#include <strings.h>
#include <time.h>

#include "common/util.h"
#include "koowatchd/loop/http-answer.h"

#define RETRY_AFTER_MAX USEC_HOUR
#define DATE_MIN 1577836800L /* 2020 and 2100: a clock outside is no clock */
#define DATE_MAX 4102444800L
#define DATE_FAR 253402300799L /* the end of 9999: enough for any pause, and no overflow */

static usec_t unit_of(const char *text) {
        static const struct {
                const char *name;
                usec_t span;
        } units[] = {
                {"second", USEC_SEC},
                {"minute", USEC_MINUTE},
                {"hour", USEC_HOUR},
                {"day", USEC_DAY},
        };

        for (size_t i = 0; i < ARRAY_LEN(units); i++)
                if (str_after(text, units[i].name))
                        return units[i].span;
        return 0;
}

usec_t hint_window(const char *text) {
        const char *limit = strstr(text, "limit:"), *at = limit ? strstr(limit, "time:") : NULL;
        long count;
        char *end;

        if (!at)
                return -1;
        count = strtol(at + strlen("time:"), &end, 10);
        if (count < 1 || count > 1000 || *end != ' ' || unit_of(end + 1) == 0)
                return -1;
        return count * unit_of(end + 1);
}

usec_t hint_rate_headers(const struct http_answer *http) {
        usec_t window = -1;

        for (size_t i = 0; i < http->n_headers; i++)
                if (strncasecmp(http->headers[i].name, "X-Apig-Ratelimit-", 17) == 0 &&
                    str_after(http->headers[i].value, "remain:0,"))
                        window = MAX(window, hint_window(http->headers[i].value));
        return window;
}

static usec_t sane_date(time_t date) {
        return date < DATE_MIN || date > DATE_MAX ? -1 : (usec_t) date * USEC_SEC;
}

bool hint_stamp_refused(const char *message, usec_t *ret_server_time) {
        const char *at = strstr(message, "server time:");
        struct tm tm = {};

        if (!strstr(message, "signature expired"))
                return false;
        if (at && strptime(at + strlen("server time:"), "%Y%m%dT%H%M%SZ", &tm))
                *ret_server_time = sane_date(timegm(&tm));
        return true;
}

/* n digits of text as a number; -1: others are among them. */
static int read_digits(const char *text, size_t n) {
        int number = 0;

        for (size_t i = 0; i < n; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return -1;
                number = 10 * number + (text[i] - '0');
        }
        return number;
}

/*
 * "Tue, 20 May 2025 02:29:42 GMT", which RFC 9110 has servers write: libcurl reads it as well,
 * at thirty times the cost. -1: it is another form.
 */
static time_t read_usual_date(const char *text) {
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        struct tm tm = {};

        if (strlen(text) != 29 || text[3] != ',' || text[19] != ':' || text[22] != ':' ||
            !streq(text + 25, " GMT"))
                return -1;
        while (tm.tm_mon < 12 && memcmp(text + 8, months + 3 * tm.tm_mon, 3) != 0)
                tm.tm_mon++;
        tm.tm_mday = read_digits(text + 5, 2);
        tm.tm_year = read_digits(text + 12, 4) - 1900;
        tm.tm_hour = read_digits(text + 17, 2);
        tm.tm_min = read_digits(text + 20, 2);
        tm.tm_sec = read_digits(text + 23, 2);
        if (tm.tm_mon == 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_year < 0 ||
            tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
            tm.tm_sec > 60)
                return -1;
        return timegm(&tm);
}

static time_t read_date(const char *text) {
        time_t date = read_usual_date(text);

        return date < 0 ? curl_getdate(text, NULL) : date;
}

usec_t hint_retry_after(const char *text, usec_t now) {
        unsigned long seconds;
        time_t date;
        char *end;

        if (str_empty(text))
                return -1;
        if (*text >= '0' && *text <= '9') {
                seconds = strtoul(text, &end, 10);
                if (*end == '.' && end[1])
                        end += 1 + strspn(end + 1, "0123456789");
                if (*end && *end != ',') /* two headers that were joined: the first counts */
                        return -1;
                return seconds > RETRY_AFTER_MAX / USEC_SEC ? RETRY_AFTER_MAX
                                                            : (usec_t) seconds * USEC_SEC;
        }
        date = read_date(text);
        if (date < 0)
                return -1;
        return MIN(MAX((usec_t) MIN(date, DATE_FAR) * USEC_SEC - now, 0), RETRY_AFTER_MAX);
}

usec_t hint_date(const char *text) {
        return text ? sane_date(read_date(text)) : -1;
}
