#pragma once
/*
 * Test event: what the hook runner is given to try hooks. Pure
 */
#include <json-c/json.h>

#include "common/event-id.h"

/*
 * Of a task, as Get or History have it. finished: one that has not ended is made out to be
 * completed, all succeeded, at now (RFC 3339). The id is a new one: nothing takes it for the real
 * event. The caller owns it; NULL when memory is short.
 */
json_object *test_event_of_task(const char *event, const char *id, json_object *task,
                                const char *now);

/* Of an account, as ListAccounts has it. */
json_object *test_event_of_account(const char *id, json_object *account);
