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
        date = curl_getdate(text, NULL);
        if (date < 0)
                return -1;
        return MIN(MAX((usec_t) MIN(date, DATE_FAR) * USEC_SEC - now, 0), RETRY_AFTER_MAX);
}

usec_t hint_date(const char *text) {
        return text ? sane_date(curl_getdate(text, NULL)) : -1;
}
