#pragma once
/*
 * Database: the store on a server, as the configuration names it
 *
 * Its module is loaded and opened here, and the password is read, which is the service manager's.
 */
#include <stdbool.h>

struct config;
struct ev_loop;
struct store;
struct timers;

struct database {
        bool has_warned; /* of a password that is none */
};

/* Says so when there is a state.db, which nothing reads any more. */
void database_report_unused(const struct config *config);

/*
 * Opens what config says, which is a server. *ret_name: as messages call it; the caller frees it.
 * The database is borrowed while the store is open. Returns 0 or a negative errno, with the reason
 * logged.
 */
int database_open(struct database *database, const struct config *config, struct ev_loop *loop,
                  struct timers *timers, struct store **ret, char **ret_name);
