#include "koowatchd/control/poll-router.h"

#include "koowatchd/control/ask-link.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/task/watch.h"

void poll_router_on_ask(void *userdata, struct poll *poll, struct koodrive_query *query) {
        if (poll->kind == POLL_OF_QUESTION)
                ask_link_on_ask(poll, query);
        else
                watch_on_ask(userdata, poll, query);
}

usec_t poll_router_on_answer(void *userdata, struct poll *poll,
                             const struct koodrive_answer *answer, usec_t now) {
        return poll->kind == POLL_OF_QUESTION ? ask_link_on_answer(poll, answer)
                                              : watch_on_answer(userdata, poll, answer, now);
}

void poll_router_on_polled(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                           const char *trace_id, double seconds) {
        if (poll->kind != POLL_OF_QUESTION) /* an administrator's is told to whoever asks */
                watch_on_polled(userdata, poll, answer, trace_id, seconds);
}
