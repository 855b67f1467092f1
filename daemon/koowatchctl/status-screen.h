#pragma once
/*
 * The screens of `status`, `account` and `status --monitor`. Pure
 *
 * status is an object: "properties" as the bus has them, "accounts", "deliveries" (entries of
 * List whose delivery waits or is parked; not for --monitor).
 */
#include <json-c/json.h>

#include "koowatchctl/look.h"

enum { MONITOR_OK = 0, MONITOR_WARNING = 1, MONITOR_CRITICAL = 2, MONITOR_UNKNOWN = 3 };

void status_screen_print(FILE *out, const struct look *look, json_object *status);

/* One line, as Nagios and Icinga read it. Returns its exit status. */
int status_screen_monitor(FILE *out, json_object *status);

/* The accounts as a table. */
void status_screen_accounts(FILE *out, const struct look *look, json_object *accounts);

/* All that is known of one account. */
void status_screen_account(FILE *out, const struct look *look, json_object *account);
