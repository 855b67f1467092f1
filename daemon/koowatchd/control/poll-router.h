#pragma once
/*
 * Poll router: takes what the poller reports to whoever a poll is of, a watch or a question
 *
 * The poller's handlers, see poller.h; userdata is not used.
 */
#include "common/timespan.h"

struct koodrive_answer;
struct koodrive_query;
struct poll;

void poll_router_on_ask(void *userdata, struct poll *poll, struct koodrive_query *query);
usec_t poll_router_on_answer(void *userdata, struct poll *poll,
                             const struct koodrive_answer *answer, usec_t now);
void poll_router_on_polled(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                           const char *trace_id, double seconds);
