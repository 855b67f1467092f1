#pragma once
/*
 * A run of koowatchd --check, its lines taken apart
 */
#include <json-c/json.h>

#include "koowatchctl/failure.h"

/*
 * Runs it on a configuration (NULL: the default one), as the user of the service when we are
 * root and as_service. *ret: an array of {"severity": "error" or "warning", "file", "line",
 * "message"}, owned by the caller. Returns 0 or -1.
 */
int check_run_daemon(const char *config, bool as_service, json_object **ret,
                     struct failure *failure);

/* Adds a fault of that form; line 0: of the file as a whole. */
void check_add(json_object *faults, bool is_error, const char *file, unsigned line,
               const char *message);

/* Whether there is an error among them. */
bool check_has_error(json_object *faults);
