#include "koowatchd/descriptors.h"

#include <limits.h>

#include "common/config.h"
#include "common/log.h"
#include "common/util.h"

/* The store, directories, files that are read, the loop's own and the log's. */
#define OWN 64
/* At most: to look a name up takes three for a moment, to connect two. */
#define EACH_REQUEST 3

unsigned descriptors_for_requests(rlim_t limit, const struct config *config) {
        /* A spawned runner has a socket of two ends. Each account may refresh its token. */
        rlim_t others = OWN + 2 * (rlim_t) config->max_parallel + config->n_accounts;

        if (limit <= others + EACH_REQUEST)
                return 1;
        return (unsigned) MIN((limit - others) / EACH_REQUEST, (rlim_t) INT_MAX);
}

unsigned descriptors_share(rlim_t limit, const struct config *config) {
        unsigned most = descriptors_for_requests(limit, config), wanted = 0, shared = 0;

        for (size_t i = 0; i < config->n_accounts; i++)
                wanted += config->accounts[i].max_in_flight;
        if (wanted <= most)
                return wanted;
        log_warning("MaxInFlight= of all accounts together is %u, but the limit of %llu open files "
                    "allows %u: each account gets its part; raise LimitNOFILE= of the unit, or "
                    "lower MaxInFlight=",
                    wanted, (unsigned long long) limit, most);
        for (size_t i = 0; i < config->n_accounts; i++) {
                unsigned *own = &config->accounts[i].max_in_flight;

                *own = MAX((unsigned) ((uint64_t) *own * most / wanted), 1U);
                shared += *own;
        }
        return shared;
}
