#pragma once
/*
 * PostgreSQL conninfo: Connection=, and what is added to it
 *
 * Pure: nothing is connected or resolved here. A host that is neither a socket nor this machine is
 * verified by its certificate unless Connection= has another sslmode; names are left to somebody
 * who may wait for an answer, as libpq would resolve them in the middle of the loop.
 */
#include <libpq-fe.h>

#include "common/util.h"

#define PG_HOSTS_MAX 16

struct pg_host {
        char *name; /* of a host, or the directory of a socket; "": libpq's default */
        char *port; /* "": the default */
        bool needs_resolving;
};

struct pg_conninfo {
        PQconninfoOption *options;
        struct pg_host hosts[PG_HOSTS_MAX];
        size_t n_hosts;
};

/* An address of a host of pg_conninfo. */
struct pg_address {
        size_t host;
        char text[64]; /* numeric */
};

/*
 * Returns 0 or a negative errno, with what is wrong in *ret_problem (the caller's; NULL: memory is
 * short). *ret is to be cleared in any case.
 */
int pg_conninfo_parse(const char *text, struct pg_conninfo *ret, char **ret_problem);
void pg_conninfo_clear(struct pg_conninfo *conninfo);

/* "postgresql://HOST:PORT/DATABASE" for messages: the caller frees it; NULL: memory is short. */
char *pg_conninfo_describe(const struct pg_conninfo *conninfo);

bool pg_conninfo_needs_resolving(const struct pg_conninfo *conninfo);

/* Arguments for PQconnectStartParams(), and what they point to. */
struct pg_parameters {
        const char *keywords[64], *values[64];
        size_t n;
        char *lists[3]; /* of host, hostaddr, port */
};

/*
 * password: NULL: none; addresses: of the hosts that need resolving, in their order; one without
 * any is left out. All but the lists is borrowed. Returns 0, -ENOMEM, or -EINVAL: there are too
 * many of them. *ret is to be cleared in any case.
 */
int pg_conninfo_parameters(const struct pg_conninfo *conninfo, const char *password,
                           const struct pg_address *addresses, size_t n_addresses,
                           struct pg_parameters *ret);
void pg_parameters_clear(struct pg_parameters *parameters);
