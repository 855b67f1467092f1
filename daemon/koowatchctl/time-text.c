#include "koowatchctl/time-text.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/util.h"
#include "koowatchctl/language.h"

char *time_span_short(usec_t span, char buffer[static TIME_TEXT_MAX]) {
        static const struct {
                const char *name;
                usec_t length, most;
        } units[] = {
                {"s", USEC_SEC, 100 * USEC_SEC},
                {"min", USEC_MINUTE, 100 * USEC_MINUTE},
                {"h", USEC_HOUR, 48 * USEC_HOUR},
                {"d", USEC_DAY, USEC_INFINITY},
        };
        size_t i = 0;

        span = MAX(span, (usec_t) 0);
        while (span >= units[i].most && i + 1 < ARRAY_LEN(units))
                i++;
        (void) snprintf(buffer, TIME_TEXT_MAX, "%" PRId64 "%s", span / units[i].length,
                        units[i].name);
        return buffer;
}

char *time_until(usec_t at, usec_t now, char buffer[static TIME_TEXT_MAX]) {
        if (at >= 0 && at > now)
                return time_span_short(at - now + USEC_SEC - 1, buffer);
        (void) snprintf(buffer, TIME_TEXT_MAX, "%s", at < 0 ? "-" : _("now"));
        return buffer;
}

char *time_relative(usec_t at, usec_t now, char buffer[static TIME_TEXT_MAX]) {
        char span[TIME_TEXT_MAX];

        if (at < 0)
                (void) snprintf(buffer, TIME_TEXT_MAX, "-");
        else if (at > now)
                (void) snprintf(buffer, TIME_TEXT_MAX, _("in %.32s"),
                                time_span_short(at - now + USEC_SEC - 1, span));
        else if (now - at < USEC_SEC)
                (void) snprintf(buffer, TIME_TEXT_MAX, "%s", _("just now"));
        else
                (void) snprintf(buffer, TIME_TEXT_MAX, _("%.32s ago"),
                                time_span_short(now - at, span));
        return buffer;
}
