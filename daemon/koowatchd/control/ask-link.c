#include "koowatchd/control/ask-link.h"

#include <errno.h>

#include "common/account-config.h"
#include "common/util.h"
#include "koowatchd/account/account.h"
#include "koowatchd/koodrive/link.h"
#include "koowatchd/koodrive/request.h"
#include "koowatchd/report/event.h"

#define PATIENCE (20 * USEC_SEC)

static void on_timer(struct timer *timer, usec_t now) {
        struct ask_link *a = container_of(timer, struct ask_link, timer);

        (void) now;
        poll_stop(a->poller, &a->poll);
        a->on_end(a, a->url,
                  a->problem ? a->problem : "KooDrive has not answered in 20 s; try again later");
}

int ask_link_begin(struct ask_link *a, struct account *account, json_object *event,
                   const char *kdstoken) {
        const char *task_id = event_string(event, "taskId"),
                   *share_id = event_string(event, "shareId");
        int r = timer_open(a->timers, &a->timer, on_timer);

        if (r == 0)
                r = poll_open(a->poller, &a->poll);
        if (r == 0)
                r = str_replace(&a->task_id, task_id ? task_id : "");
        if (r == 0)
                r = str_replace(&a->share_id, share_id ? share_id : "");
        if (r == 0)
                r = str_replace(&a->kdstoken, kdstoken);
        if (r < 0)
                return r;
        a->poll.kind = POLL_OF_QUESTION;
        timer_arm(a->timers, &a->timer, clock_boot() + PATIENCE);
        poll_start(a->poller, &a->poll, account, clock_boot(), USEC_SEC);
        return 0;
}

void ask_link_close(struct ask_link *a) {
        if (!a->timers)
                return;
        poll_close(a->poller, &a->poll);
        timer_close(a->timers, &a->timer);
        free(a->task_id);
        free(a->share_id);
        secret_free(a->kdstoken);
        free(a->url);
        free(a->problem);
}

void ask_link_on_ask(struct poll *poll, struct koodrive_query *query) {
        const struct ask_link *a = container_of(poll, struct ask_link, poll);

        query->task_id = a->task_id;
        query->share_id = a->share_id;
        query->kdstoken = a->kdstoken;
}

/* Why there is no link in the answer; NULL: there is one. Or memory is short: -ENOMEM. */
static int read_answer(const struct ask_link *a, const struct koodrive_answer *answer,
                       const char **ret_problem) {
        const struct account_config *settings = account_settings(poll_account(&a->poll));

        *ret_problem = answer->url_problem;
        if (answer->disposition.class != KOODRIVE_TASK)
                *ret_problem = answer->why;
        else if (answer->status != KOODRIVE_STATUS_COMPLETED)
                *ret_problem = "KooDrive does not say any more that it has completed";
        else if (!answer->download_url && !answer->url_problem)
                *ret_problem = "KooDrive has sent no link";
        else if (answer->download_url)
                return link_check(answer->download_url, settings->allow_plain_http, ret_problem);
        return 0;
}

usec_t ask_link_on_answer(struct poll *poll, const struct koodrive_answer *answer) {
        struct ask_link *a = container_of(poll, struct ask_link, poll);
        const char *problem;
        int r = read_answer(a, answer, &problem);

        if (r == 0)
                r = problem ? str_replace(&a->problem, problem)
                            : str_replace(&a->url, answer->download_url);
        if (r < 0)
                return USEC_SEC;
        timer_arm(a->timers, &a->timer, clock_boot() + 1); /* not from inside the poller */
        return POLL_STOP;
}
