/*
 * Spans and stamps as text, and the two clocks
 *
 * A span is a sum of terms, each a number with an optional decimal fraction and
 * an optional unit. All arithmetic is on integers, so that "0.1s" is what it says
 * and nothing wraps around: a sum that does not fit is refused.
 */
#include "common/timespan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/util.h"

#define BLANKS " \t"
#define DIGITS "0123456789"

#define USEC_MONTH ((usec_t) 2629800 * USEC_SEC) /* a twelfth of a year */
#define USEC_YEAR (12 * USEC_MONTH)              /* 365.25 days */

struct unit {
        const char *name;
        usec_t length;
};

static const struct unit units[] = {
        {"", USEC_SEC},
        {"usec", 1},
        {"us", 1},
        {"\xC2\xB5s", 1}, /* U+00B5, micro sign */
        {"\xCE\xBCs", 1}, /* U+03BC, mu */
        {"msec", USEC_MSEC},
        {"ms", USEC_MSEC},
        {"seconds", USEC_SEC},
        {"second", USEC_SEC},
        {"sec", USEC_SEC},
        {"s", USEC_SEC},
        {"minutes", USEC_MINUTE},
        {"minute", USEC_MINUTE},
        {"min", USEC_MINUTE},
        {"m", USEC_MINUTE},
        {"hours", USEC_HOUR},
        {"hour", USEC_HOUR},
        {"hr", USEC_HOUR},
        {"h", USEC_HOUR},
        {"days", USEC_DAY},
        {"day", USEC_DAY},
        {"d", USEC_DAY},
        {"weeks", 7 * USEC_DAY},
        {"week", 7 * USEC_DAY},
        {"w", 7 * USEC_DAY},
        {"months", USEC_MONTH},
        {"month", USEC_MONTH},
        {"M", USEC_MONTH},
        {"years", USEC_YEAR},
        {"year", USEC_YEAR},
        {"y", USEC_YEAR},
};

static usec_t clock_read(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts); /* cannot fail for the clocks in use */
        return (usec_t) ts.tv_sec * USEC_SEC + ts.tv_nsec / 1000;
}

usec_t clock_boot(void) {
        return clock_read(CLOCK_BOOTTIME);
}

usec_t clock_wall(void) {
        return clock_read(CLOCK_REALTIME);
}

usec_t clock_running(void) {
        return clock_read(CLOCK_MONOTONIC);
}

usec_t usec_add(usec_t a, usec_t b) {
        usec_t sum;

        return __builtin_add_overflow(a, b, &sum) ? USEC_INFINITY : sum;
}

static const struct unit *find_unit(const char *name, size_t length) {
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
                if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0)
                        return units + i;

        return NULL;
}

/* What whole and fraction (strings of digits) of a unit are in microseconds; the rest is cut. */
static int scale(const char *whole, size_t n_whole, const char *fraction, size_t n_fraction,
                 usec_t unit, usec_t *ret) {
        usec_t value = 0;

        for (size_t i = 0; i < n_whole; i++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, whole[i] - '0', &value))
                        return -ERANGE;

        if (__builtin_mul_overflow(value, unit, &value))
                return -ERANGE;

        for (size_t i = 0; i < n_fraction && unit > 0; i++) {
                unit /= 10;
                if (__builtin_add_overflow(value, (fraction[i] - '0') * unit, &value))
                        return -ERANGE;
        }

        *ret = value;
        return 0;
}

/* Reads one term and moves *text behind it and the blanks that follow. */
static int parse_term(const char **text, usec_t *ret) {
        const char *whole = *text, *fraction, *name;
        size_t n_whole = strspn(whole, DIGITS), n_fraction = 0, n_name;
        const struct unit *unit;

        fraction = whole + n_whole;
        if (*fraction == '.') {
                fraction++;
                n_fraction = strspn(fraction, DIGITS);
                if (n_fraction == 0)
                        return -EINVAL;
        }
        name = fraction + n_fraction;
        if (n_whole + n_fraction == 0 || *name == '.')
                return -EINVAL;

        name += strspn(name, BLANKS);
        n_name = strcspn(name, BLANKS DIGITS ".");

        unit = find_unit(name, n_name);
        if (!unit)
                return -EINVAL;

        *text = name + n_name + strspn(name + n_name, BLANKS);
        return scale(whole, n_whole, fraction, n_fraction, unit->length, ret);
}

static bool is_infinity(const char *text) {
        const char *rest = str_after(text, "infinity");

        return rest && rest[strspn(rest, BLANKS)] == '\0';
}

int timespan_parse(const char *text, usec_t *ret) {
        usec_t sum = 0, term;
        int r;

        text += strspn(text, BLANKS);
        if (is_infinity(text)) {
                *ret = USEC_INFINITY;
                return 0;
        }

        do {
                r = parse_term(&text, &term);
                if (r < 0)
                        return r;
                if (__builtin_add_overflow(sum, term, &sum) || sum == USEC_INFINITY)
                        return -ERANGE;
        } while (*text);

        *ret = sum;
        return 0;
}

char *timespan_format(usec_t span, char *buffer, size_t size) {
        static const struct unit parts[] = {
                {"d", USEC_DAY}, {"h", USEC_HOUR},  {"min", USEC_MINUTE},
                {"s", USEC_SEC}, {"ms", USEC_MSEC}, {"us", 1},
        };
        size_t used = 0;

        if (span == USEC_INFINITY || span <= 0) {
                (void) snprintf(buffer, size, "%s", span > 0 ? "infinity" : "0s");
                return buffer;
        }

        for (size_t i = 0; i < ARRAY_LEN(parts) && used < size; i++) {
                usec_t count = span / parts[i].length;

                span %= parts[i].length;
                if (count > 0)
                        used += (size_t) snprintf(buffer + used, size - used, "%s%" PRId64 "%s",
                                                  used > 0 ? " " : "", count, parts[i].name);
        }

        return buffer;
}

char *timestamp_format(usec_t wall, char *buffer, size_t size) {
        time_t seconds = (time_t) (wall / USEC_SEC);
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || strftime(buffer, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
                buffer[0] = '\0';

        return buffer;
}

usec_t timestamp_parse(const char *text) {
        struct tm tm = {};
        const char *rest;
        usec_t fraction = 0, unit = USEC_SEC / 10;

        rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
        if (!rest)
                return -1;
        if (*rest == '.')
                for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
                        fraction += (*rest - '0') * unit;
        if (!streq(rest, "Z"))
                return -1;
        return (usec_t) timegm(&tm) * USEC_SEC + fraction;
}
