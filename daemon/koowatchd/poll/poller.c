#include "koowatchd/poll/poller.h"

#include <assert.h>
#include <errno.h>

#include "common/config.h"
#include "common/random.h"
#include "koowatchd/account/post.h"
#include "koowatchd/koodrive/body.h"

/* After a failure that is the account's: soon, because the account itself paces what follows. */
#define RETRY_DELAY (2 * USEC_SEC)

struct poller_queue {
        struct poller *poller;
        LIST_ENTRY(poller_queue) queues;
        struct account *account;
        struct due_queue due;
        struct timer timer;                /* until the account lets the next one go */
        bool probing;                      /* a request is wanted before one is due */
        usec_t probed;                     /* since then */
        TAILQ_HEAD(poll_list, poll) polls; /* started ones; the first was asked about longest ago */
};

struct poller {
        struct timers *timers;
        struct http *http;
        struct poller_handler handler;
        json_tokener *tokener;
        LIST_HEAD(, poller_queue) queues;
        unsigned in_flight;
        bool draining;
        LIST_HEAD(, poll_request) requests;
};

/* A request on its way. */
struct poll_request {
        struct poller *poller;
        LIST_ENTRY(poll_request) requests;
        struct poll *poll;
        struct http_transfer *transfer;
        usec_t sent;
        uint64_t generation; /* see account_sent() */
        char trace_id[KOODRIVE_TRACE_ID_LENGTH + 1];
        bool outdated;                  /* what was asked with is not true any more */
        char task_id[65];               /* what was asked about; 64 characters at most */
        char *authorization, *kdstoken; /* as sent: an answer must not bring them into a log */
};

static void queue_pump(struct poller_queue *queue);

static void on_queue_timer(struct timer *timer, usec_t now) {
        (void) now;
        queue_pump(container_of(timer, struct poller_queue, timer));
}

/* From WAITING, where its timer is not armed any more. */
static void poll_make_due(struct poll *p, usec_t due) {
        usec_t interval = p->due.interval;

        p->due = (struct due_entry){};
        p->state = POLL_DUE;
        due_queue_add(&p->queue->due, &p->due, due, interval);
}

static void on_poll_timer(struct timer *timer, usec_t now) {
        struct poll *p = container_of(timer, struct poll, timer);

        (void) now;
        /* The node keeps its key: when it was due, however late the loop is. */
        poll_make_due(p, timer->node.key);
        queue_pump(p->queue);
}

/* The one place that arms a poll's timer. */
static void poll_arm(struct poller *poller, struct poll *p, usec_t due, usec_t interval) {
        assert(p->state != POLL_DUE);
        if (p->state != POLL_WAITING)
                timer_set(&p->timer, on_poll_timer);
        p->due.interval = MAX(interval, USEC_MSEC);
        p->state = POLL_WAITING;
        timer_arm(poller->timers, &p->timer, due);
}

static void poll_request_free(struct poll_request *req) {
        secret_free(req->authorization);
        secret_free(req->kdstoken);
        free(req);
}
DEFINE_CLEANUP(struct poll_request *, poll_request_free)

/* Nothing waits for it any more; the caller owns it. */
static struct poll_request *request_end(struct poll_request *req) {
        LIST_REMOVE(req, requests);
        req->poll->state = POLL_IDLE;
        req->poller->in_flight--;
        return req;
}

static void request_finish(struct poll_request *req) {
        poll_request_free(request_end(req));
}

static bool has_one_poll(const struct poller_queue *queue) {
        return TAILQ_FIRST(&queue->polls) == TAILQ_LAST(&queue->polls, poll_list);
}

/* A kept connection has ended, as they do: that is nobody's failure, once. */
static void retry_now(struct poll_request *req, usec_t now) {
        struct poll *p = req->poll;

        account_abandoned(p->queue->account);
        request_finish(req);
        poll_arm(p->queue->poller, p, now, p->due.interval);
}

/* By one more failure, which is not yet the account's state. */
static bool is_unreachable(const struct account *account, enum koodrive_class class) {
        return account_state(account) == ACCOUNT_OK &&
               (class == KOODRIVE_UNREACHABLE || class == KOODRIVE_MISCONFIGURED);
}

/*
 * Waking up costs more than a poll: those that are due at about the same time share an instant.
 * A hundredth of the delay, at most, keeps nobody waiting.
 */
static usec_t share_instant(usec_t due, usec_t delay) {
        usec_t step = 1;

        while (step <= delay / 200)
                step *= 2;
        return usec_add(due, step - 1) & -step;
}

static void on_done(void *userdata, const struct http_answer *http) {
        CLEANUP(poll_request_freep) UNUSED struct poll_request *ended = NULL;
        struct poll_request *req = userdata;
        struct poller *poller = req->poller;
        struct poll *p = req->poll;
        struct poller_queue *queue = p->queue;
        usec_t now = clock_boot(), interval = p->due.interval, delay = 0;
        const struct koodrive_query query = {
                .who.authorization = req->authorization,
                .task_id = req->task_id,
                .kdstoken = req->kdstoken,
        };
        struct koodrive_answer answer;
        enum account_verdict verdict;
        bool outdated = req->outdated, dropped = http->outcome == HTTP_DROPPED && !p->dropped;

        p->dropped = dropped;
        if (dropped) {
                retry_now(req, now);
                queue_pump(queue);
                return;
        }
        koodrive_answer_read(http, &query, poller->tokener, clock_wall(), &answer);
        poller->handler.on_polled(poller->handler.userdata, p, &answer, req->trace_id,
                                  http->seconds);
        verdict = account_answered(queue->account, &(struct account_reply){
                                                           .generation = req->generation,
                                                           .received = now,
                                                           .answer = &answer,
                                                           .task = p,
                                                           .only_task = has_one_poll(queue),
                                                           .random = random_share(),
                                                   });
        if (req->sent >= queue->probed && !is_unreachable(queue->account, answer.disposition.class))
                queue->probing = false;
        ended = request_end(req); /* query borrows from it */

        if (verdict == ACCOUNT_VERDICT_NOT_ACCOUNT &&
            (!outdated || answer.disposition.class == KOODRIVE_TASK))
                delay = poller->handler.on_answer(poller->handler.userdata, p, &answer, now);
        else if (verdict == ACCOUNT_VERDICT_BACKOFF)
                delay = MIN(interval, RETRY_DELAY);
        if (delay == POLL_STOP)
                poll_stop(poller, p);
        else
                poll_arm(poller, p, share_instant(now + delay, delay),
                         verdict == ACCOUNT_VERDICT_NOT_ACCOUNT ? delay : interval);
        koodrive_answer_clear(&answer);
        queue_pump(queue);
}

static int send_request(struct poll *p, struct poll_request *req, usec_t now) {
        const struct account_config *settings = account_settings(p->queue->account);
        struct koodrive_query query = {
                .who = account_identity(p->queue->account),
                .date = account_date(p->queue->account, now, clock_wall()),
        };
        struct koodrive_request request;
        int r;

        random_bytes(query.trace_seed, sizeof(query.trace_seed));
        req->poller->handler.on_ask(req->poller->handler.userdata, p, &query);
        if (str_replace(&req->authorization, query.who.authorization) < 0 ||
            str_replace(&req->kdstoken, query.kdstoken) < 0)
                return -ENOMEM;
        (void) snprintf(req->task_id, sizeof(req->task_id), "%s", query.task_id);
        req->sent = now;
        r = koodrive_request_task(&query, &request);
        if (r == -EINVAL)
                return http_fail(req->poller->http, "the request cannot be built", on_done, req,
                                 &req->transfer);
        if (r < 0)
                return r;
        memcpy(req->trace_id, request.trace_id, sizeof(req->trace_id));
        r = account_post(req->poller->http, settings, &request, on_done, req, &req->transfer);
        koodrive_request_clear(&request);
        return r;
}

static int start_request(struct poll *p, usec_t now) {
        struct poller *poller = p->queue->poller;
        CLEANUP(poll_request_freep) struct poll_request *req = calloc(1, sizeof(*req));
        int r;

        if (!req)
                return -ENOMEM;
        req->poller = poller;
        req->poll = p;
        r = send_request(p, req, now);
        if (r < 0)
                return r;
        req->generation = account_sent(p->queue->account, now);
        TAILQ_REMOVE(&p->queue->polls, p, peers);
        TAILQ_INSERT_TAIL(&p->queue->polls, p, peers);
        poller->in_flight++;
        p->state = POLL_IN_FLIGHT;
        LIST_INSERT_HEAD(&poller->requests, req, requests);
        req = NULL;
        return 0;
}

static struct due_entry *queue_next(const struct poller_queue *queue, usec_t now) {
        return account_is_probing(queue->account) ? due_queue_oldest(&queue->due)
                                                  : due_queue_first(&queue->due, now);
}

/* Nobody is due for long, but a request is wanted: whoever waits longest is asked about. */
static void queue_keep_alive(struct poller_queue *queue, usec_t now) {
        bool probe = queue->probing && account_in_flight(queue->account) == 0;
        struct poll *p = TAILQ_FIRST(&queue->polls);

        while (p && probe && p->state != POLL_WAITING)
                p = TAILQ_NEXT(p, peers);
        if (p && p->state == POLL_WAITING && !due_queue_oldest(&queue->due) &&
            (probe || account_keepalive(queue->account) <= now)) {
                timer_disarm(queue->poller->timers, &p->timer);
                poll_make_due(p, now);
        }
}

/* When a request may go. Before an attempt while unauthorized the credential is looked at. */
static usec_t queue_next_request(struct poller_queue *queue, usec_t now) {
        const struct poller_handler *handler = &queue->poller->handler;
        usec_t next = account_next(queue->account);

        if (next > now || account_state(queue->account) != ACCOUNT_UNAUTHORIZED)
                return next;
        next = handler->on_attempt(handler->userdata, queue->account);
        return next > now ? next : account_next(queue->account);
}

/* Lets go whoever can go now. Returns when the next one can, if one is due. */
static usec_t queue_send_due(struct poller_queue *queue, usec_t now) {
        struct due_entry *first;

        while ((first = queue_next(queue, now))) {
                struct poll *p = container_of(first, struct poll, due);
                usec_t next = queue_next_request(queue, now);

                if (next > now)
                        return next;
                due_queue_remove(&queue->due, first);
                p->state = POLL_IDLE;
                if (start_request(p, now) < 0) /* memory is short */
                        poll_arm(queue->poller, p, now + MAX(p->due.interval, USEC_SEC),
                                 p->due.interval);
        }
        return USEC_INFINITY;
}

/* Does what is due for the account; for what is next the queue's timer is set. */
static void queue_pump(struct poller_queue *queue) {
        struct poller *poller = queue->poller;
        usec_t now = clock_boot(), next, refresh = 0;

        if (poller->draining)
                return;
        if (account_refresh_at(queue->account) <= now)
                refresh = poller->handler.on_refresh_due(poller->handler.userdata, queue->account);
        queue_keep_alive(queue, now);
        next = queue_send_due(queue, now);
        next = MIN(next, MAX(refresh, account_refresh_at(queue->account)));
        if (!TAILQ_EMPTY(&queue->polls))
                next = MIN(next, MAX(account_keepalive(queue->account), now + USEC_SEC));
        timer_arm(poller->timers, &queue->timer, next);
}

int poller_new(struct timers *timers, struct http *http, const struct poller_handler *handler,
               struct poller **ret) {
        CLEANUP(poller_freep) struct poller *poller = calloc(1, sizeof(*poller));

        if (!poller)
                return -ENOMEM;
        poller->timers = timers;
        poller->http = http;
        poller->handler = *handler;
        poller->tokener = koodrive_tokener_new();
        if (!poller->tokener)
                return -ENOMEM;
        *ret = STEAL_PTR(poller);
        return 0;
}

void poller_free(struct poller *poller) {
        if (!poller)
                return;
        if (poller->tokener)
                json_tokener_free(poller->tokener);
        free(poller);
}

static struct poller_queue *find_queue(const struct poller *poller, const struct account *account) {
        struct poller_queue *queue;

        LIST_FOREACH(queue, &poller->queues, queues) {
                if (queue->account == account)
                        return queue;
        }
        return NULL;
}

int poller_add_account(struct poller *poller, struct account *account) {
        struct poller_queue *queue = calloc(1, sizeof(*queue));
        int r;

        if (!queue)
                return -ENOMEM;
        r = timer_open(poller->timers, &queue->timer, on_queue_timer);
        if (r < 0) {
                free(queue);
                return r;
        }
        queue->poller = poller;
        queue->account = account;
        TAILQ_INIT(&queue->polls);
        due_queue_init(&queue->due);
        LIST_INSERT_HEAD(&poller->queues, queue, queues);
        return 0;
}

void poller_remove_account(struct poller *poller, struct account *account) {
        struct poller_queue *queue = find_queue(poller, account);

        if (!queue)
                return;
        LIST_REMOVE(queue, queues);
        timer_close(poller->timers, &queue->timer);
        free(queue);
}

void poller_kick(struct poller *poller, struct account *account) {
        struct poller_queue *queue = find_queue(poller, account);

        if (queue)
                queue_pump(queue);
}

void poller_probe(struct poller *poller, struct account *account) {
        struct poller_queue *queue = find_queue(poller, account);

        if (queue) {
                queue->probing = true;
                queue->probed = clock_boot();
                queue_pump(queue);
        }
}

int poll_open(struct poller *poller, struct poll *p) {
        int r;

        *p = (struct poll){};
        r = timer_open(poller->timers, &p->timer, on_poll_timer);
        if (r == 0)
                p->state = POLL_IDLE;
        return r;
}

void poll_close(struct poller *poller, struct poll *p) {
        if (p->state == POLL_CLOSED)
                return;
        poll_stop(poller, p);
        timer_set(&p->timer, on_poll_timer);
        timer_close(poller->timers, &p->timer);
        p->state = POLL_CLOSED;
}

void poll_start(struct poller *poller, struct poll *p, struct account *account, usec_t due,
                usec_t interval) {
        poll_stop(poller, p);
        p->queue = find_queue(poller, account);
        TAILQ_INSERT_TAIL(&p->queue->polls, p, peers);
        poll_arm(poller, p, due, interval);
}

static struct poll_request *request_of(const struct poller *poller, const struct poll *p) {
        struct poll_request *req;

        LIST_FOREACH(req, &poller->requests, requests)
        if (req->poll == p)
                break;
        return req;
}

static void request_abandon(struct poll_request *req, struct poller_queue *queue) {
        http_cancel(req->transfer);
        account_abandoned(queue->account);
        request_finish(req);
        queue_pump(queue);
}

void poll_stop(struct poller *poller, struct poll *p) {
        struct poller_queue *queue = p->queue;

        if (!queue)
                return;
        if (p->state == POLL_WAITING)
                timer_disarm(poller->timers, &p->timer);
        else if (p->state == POLL_DUE)
                due_queue_remove(&queue->due, &p->due);
        TAILQ_REMOVE(&queue->polls, p, peers);
        p->queue = NULL;
        if (p->state == POLL_IN_FLIGHT)
                request_abandon(request_of(poller, p), queue);
        p->state = POLL_IDLE;
}

usec_t poll_due(const struct poll *p) {
        if (p->state == POLL_WAITING)
                return p->timer.node.key;
        return p->state == POLL_DUE ? p->due.due : 0;
}

struct account *poll_account(const struct poll *p) {
        return p->queue->account;
}

void poll_now(struct poller *poller, struct poll *p, usec_t now) {
        if (p->state == POLL_IN_FLIGHT)
                request_of(poller, p)->outdated = true;
        else if (p->state == POLL_WAITING)
                timer_arm(poller->timers, &p->timer, now);
}

void poller_drain(struct poller *poller) {
        poller->draining = true;
}

unsigned poller_in_flight(const struct poller *poller) {
        return poller->in_flight;
}

usec_t poller_lag(const struct poller *poller, usec_t now) {
        const struct poller_queue *queue;
        usec_t lag = 0;

        LIST_FOREACH(queue, &poller->queues, queues) {
                lag = MAX(lag, due_queue_lag(&queue->due, now));
        }
        return lag;
}

usec_t poller_lag_of(const struct poller *poller, const struct account *account, usec_t now) {
        const struct poller_queue *queue = find_queue(poller, account);

        return queue ? due_queue_lag(&queue->due, now) : 0;
}

const struct account *poller_overloaded(const struct poller *poller, usec_t now, usec_t *ret_lag) {
        const struct poller_queue *queue;
        const struct account *account = NULL;

        *ret_lag = 0;
        LIST_FOREACH(queue, &poller->queues, queues) {
                usec_t lag = due_queue_lag(&queue->due, now);

                if (lag > *ret_lag && account_state(queue->account) == ACCOUNT_OK) {
                        *ret_lag = lag;
                        account = queue->account;
                }
        }
        return account;
}
