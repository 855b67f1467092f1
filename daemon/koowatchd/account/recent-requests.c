#include "koowatchd/account/recent-requests.h"

#include <string.h>

#include "common/util.h"

void recent_requests_add(struct recent_requests *r, usec_t now) {
        usec_t second = now / USEC_SEC;

        if (second - r->second >= RECENT_SECONDS)
                memset(r->counts, 0, sizeof(r->counts));
        else
                while (r->second < second)
                        r->counts[++r->second % RECENT_SECONDS] = 0;
        r->second = MAX(r->second, second);
        r->counts[r->second % RECENT_SECONDS]++;
}

unsigned recent_requests_count(const struct recent_requests *r, usec_t now) {
        usec_t from = MAX(now / USEC_SEC - RECENT_SECONDS + 1, (usec_t) 0);
        unsigned sum = 0;

        for (usec_t second = from; second <= r->second; second++)
                sum += r->counts[second % RECENT_SECONDS];
        return sum;
}
