#include "koowatchd/poll/poller.h"

#include <errno.h>

#include "common/config.h"
#include "koowatchd/account/post.h"
#include "koowatchd/koodrive/body.h"

/* After a failure that is the account's: soon, because the account itself paces what follows. */
#define AGAIN (2 * USEC_SEC)

/* As many as an account's trouble is known by. */
#define PROBES 3

struct poller_lane {
        struct poller *poller;
        LIST_ENTRY(poller_lane) lanes;
        struct account *account;
        struct due_queue queue;
        struct timer timer;                /* until the account lets the next one go */
        unsigned probes;                   /* requests that are wanted before they are due */
        usec_t probed;                     /* since then */
        TAILQ_HEAD(poll_list, poll) polls; /* started ones; the first was asked about longest ago */
};

struct poller {
        struct timers *timers;
        struct http *http;
        struct poller_handler handler;
        json_tokener *tokener;
        LIST_HEAD(, poller_lane) lanes;
        unsigned in_flight;
        bool draining;
};

/* A request on its way. */
struct flight {
        struct poller *poller;
        struct poll *poll;
        struct http_transfer *transfer;
        usec_t sent;
        uint64_t generation; /* see account_sent() */
        char trace_id[KOODRIVE_TRACE_ID_LENGTH + 1];
        bool again;                     /* what was asked with is not true any more */
        char task_id[65];               /* what was asked about; 64 characters at most */
        char *authorization, *kdstoken; /* as sent: an answer must not bring them into a log */
};

static void pump(struct poller_lane *lane);

static void on_lane_timer(struct timer *timer, usec_t now) {
        (void) now;
        pump(container_of(timer, struct poller_lane, timer));
}

static void on_poll_timer(struct timer *timer, usec_t now) {
        struct poll *p = container_of(timer, struct poll, timer);

        (void) now;
        /* The node keeps its key: when it was due, however late the loop is. */
        due_queue_add(&p->lane->queue, &p->due, timer->node.key, p->due.interval);
        pump(p->lane);
}

/* The one place that arms a poll's timer. */
static void arm(struct poller *poller, struct poll *p, usec_t due, usec_t interval) {
        p->due.interval = MAX(interval, USEC_MSEC);
        timer_arm(poller->timers, &p->timer, due);
}

static void flight_free(struct flight *f) {
        secret_free(f->authorization);
        secret_free(f->kdstoken);
        free(f);
}
DEFINE_CLEANUP(struct flight *, flight_free)

static void finish_flight(struct flight *f) {
        f->poll->flight = NULL;
        f->poller->in_flight--;
        flight_free(f);
}

static bool is_alone(const struct poller_lane *lane) {
        return TAILQ_FIRST(&lane->polls) == TAILQ_LAST(&lane->polls, poll_list);
}

/* A connection that was kept has ended, as they do: that is no trouble of anybody's, once. */
static void ask_again(struct flight *f, usec_t now) {
        struct poll *p = f->poll;

        account_abandoned(p->lane->account);
        finish_flight(f);
        arm(p->lane->poller, p, now, p->due.interval);
}

/* By one more failure, which is not yet the account's state. */
static bool is_unreachable(const struct account *account, enum koodrive_class class) {
        return account_state(account) == ACCOUNT_OK &&
               (class == KOODRIVE_UNREACHABLE || class == KOODRIVE_MISCONFIGURED);
}

static void on_done(void *userdata, const struct http_answer *http) {
        struct flight *f = userdata;
        struct poller *poller = f->poller;
        struct poll *p = f->poll;
        struct poller_lane *lane = p->lane;
        usec_t now = clock_boot(), interval = p->due.interval, delay = 0;
        const struct koodrive_query query = {
                .who.authorization = f->authorization,
                .task_id = f->task_id,
                .kdstoken = f->kdstoken,
        };
        struct koodrive_answer answer;
        enum account_verdict verdict;
        bool again = f->again, dropped = http->outcome == HTTP_DROPPED && !p->dropped;

        p->dropped = dropped;
        if (dropped) {
                ask_again(f, now);
                pump(lane);
                return;
        }
        koodrive_answer_read(http, &query, poller->tokener, clock_wall(), &answer);
        poller->handler.on_polled(poller->handler.userdata, p, &answer, f->trace_id, http->seconds);
        verdict = account_answered(lane->account, &(struct account_reply){
                                                          .generation = f->generation,
                                                          .received = now,
                                                          .answer = &answer,
                                                          .task = p,
                                                          .only_task = is_alone(lane),
                                                          .random = random_share(),
                                                  });
        if (f->sent >= lane->probed && !is_unreachable(lane->account, answer.disposition.class))
                lane->probes = 0;
        finish_flight(f);

        if (verdict == ACCOUNT_VERDICT_NOT_ACCOUNT &&
            (!again || answer.disposition.class == KOODRIVE_TASK))
                delay = poller->handler.on_answer(poller->handler.userdata, p, &answer, now);
        else if (verdict == ACCOUNT_VERDICT_BACKOFF)
                delay = MIN(interval, AGAIN);
        if (delay == POLL_STOP)
                poll_stop(poller, p);
        else
                arm(poller, p, now + delay,
                    verdict == ACCOUNT_VERDICT_NOT_ACCOUNT ? delay : interval);
        koodrive_answer_clear(&answer);
        pump(lane);
}

static int send_request(struct poll *p, struct flight *f, usec_t now) {
        const struct account_config *settings = account_settings(p->lane->account);
        struct koodrive_query query = {
                .who = account_identity(p->lane->account),
                .date = account_date(p->lane->account, now, clock_wall()),
        };
        struct koodrive_request request;
        int r;

        arc4random_buf(query.trace_seed, sizeof(query.trace_seed));
        f->poller->handler.on_ask(f->poller->handler.userdata, p, &query);
        if (str_replace(&f->authorization, query.who.authorization) < 0 ||
            str_replace(&f->kdstoken, query.kdstoken) < 0)
                return -ENOMEM;
        (void) snprintf(f->task_id, sizeof(f->task_id), "%s", query.task_id);
        f->sent = now;
        r = koodrive_request_task(&query, &request);
        if (r == -EINVAL)
                return http_fail(f->poller->http, "the request cannot be built", on_done, f,
                                 &f->transfer);
        if (r < 0)
                return r;
        memcpy(f->trace_id, request.trace_id, sizeof(f->trace_id));
        r = account_post(f->poller->http, settings, &request, on_done, f, &f->transfer);
        koodrive_request_clear(&request);
        return r;
}

static int take_off(struct poll *p, usec_t now) {
        struct poller *poller = p->lane->poller;
        CLEANUP(flight_freep) struct flight *f = calloc(1, sizeof(*f));
        int r;

        if (!f)
                return -ENOMEM;
        f->poller = poller;
        f->poll = p;
        r = send_request(p, f, now);
        if (r < 0)
                return r;
        f->generation = account_sent(p->lane->account, now);
        p->lane->probes -= p->lane->probes > 0;
        TAILQ_REMOVE(&p->lane->polls, p, peers);
        TAILQ_INSERT_TAIL(&p->lane->polls, p, peers);
        poller->in_flight++;
        p->flight = STEAL_PTR(f);
        return 0;
}

static struct due_entry *next_in_turn(const struct poller_lane *lane, usec_t now) {
        return account_is_probing(lane->account) ? due_queue_oldest(&lane->queue)
                                                 : due_queue_first(&lane->queue, now);
}

/* Nobody is due for long, but a request is wanted: whoever waits longest is asked about. */
static void keep_alive(struct poller_lane *lane, usec_t now) {
        bool probe = lane->probes > 0 && account_in_flight(lane->account) == 0;
        struct poll *p = TAILQ_FIRST(&lane->polls);

        while (p && probe && !timer_is_armed(&p->timer))
                p = TAILQ_NEXT(p, peers);
        if (p && timer_is_armed(&p->timer) && !due_queue_oldest(&lane->queue) &&
            (probe || account_keepalive(lane->account) <= now)) {
                timer_disarm(lane->poller->timers, &p->timer);
                due_queue_add(&lane->queue, &p->due, now, p->due.interval);
        }
}

/* Lets go whoever can go now. Returns when the next one can, if one is due. */
static usec_t send_due(struct poller_lane *lane, usec_t now) {
        struct due_entry *first;

        while ((first = next_in_turn(lane, now))) {
                struct poll *p = container_of(first, struct poll, due);
                usec_t next = account_next(lane->account);

                if (next > now)
                        return next;
                due_queue_remove(&lane->queue, first);
                if (take_off(p, now) < 0) /* memory is short */
                        arm(lane->poller, p, now + MAX(p->due.interval, USEC_SEC), p->due.interval);
        }
        return USEC_INFINITY;
}

/* Does what is due for the account; for what is next the lane's timer is set. */
static void pump(struct poller_lane *lane) {
        struct poller *poller = lane->poller;
        usec_t now = clock_boot(), next;

        if (poller->draining)
                return;
        if (account_refresh_at(lane->account) <= now)
                poller->handler.on_refresh_due(poller->handler.userdata, lane->account);
        keep_alive(lane, now);
        next = MIN(send_due(lane, now), account_refresh_at(lane->account));
        if (!TAILQ_EMPTY(&lane->polls))
                next = MIN(next, MAX(account_keepalive(lane->account), now + USEC_SEC));
        timer_arm(poller->timers, &lane->timer, next);
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

static struct poller_lane *find_lane(const struct poller *poller, const struct account *account) {
        struct poller_lane *lane;

        LIST_FOREACH(lane, &poller->lanes, lanes) {
                if (lane->account == account)
                        return lane;
        }
        return NULL;
}

int poller_add_account(struct poller *poller, struct account *account) {
        struct poller_lane *lane = calloc(1, sizeof(*lane));
        int r;

        if (!lane)
                return -ENOMEM;
        r = timer_open(poller->timers, &lane->timer, on_lane_timer);
        if (r < 0) {
                free(lane);
                return r;
        }
        lane->poller = poller;
        lane->account = account;
        TAILQ_INIT(&lane->polls);
        due_queue_init(&lane->queue);
        LIST_INSERT_HEAD(&poller->lanes, lane, lanes);
        return 0;
}

void poller_remove_account(struct poller *poller, struct account *account) {
        struct poller_lane *lane = find_lane(poller, account);

        if (!lane)
                return;
        LIST_REMOVE(lane, lanes);
        timer_close(poller->timers, &lane->timer);
        free(lane);
}

void poller_kick(struct poller *poller, struct account *account) {
        struct poller_lane *lane = find_lane(poller, account);

        if (lane)
                pump(lane);
}

void poller_probe(struct poller *poller, struct account *account) {
        struct poller_lane *lane = find_lane(poller, account);

        if (lane) {
                lane->probes = PROBES;
                lane->probed = clock_boot();
                pump(lane);
        }
}

int poll_open(struct poller *poller, struct poll *p) {
        *p = (struct poll){};
        return timer_open(poller->timers, &p->timer, on_poll_timer);
}

void poll_close(struct poller *poller, struct poll *p) {
        if (p->lane)
                poll_stop(poller, p);
        timer_close(poller->timers, &p->timer);
}

void poll_start(struct poller *poller, struct poll *p, struct account *account, usec_t due,
                usec_t interval) {
        poll_stop(poller, p);
        p->lane = find_lane(poller, account);
        TAILQ_INSERT_TAIL(&p->lane->polls, p, peers);
        arm(poller, p, due, interval);
}

void poll_stop(struct poller *poller, struct poll *p) {
        struct poller_lane *lane = p->lane;

        if (!lane)
                return;
        timer_disarm(poller->timers, &p->timer);
        due_queue_remove(&lane->queue, &p->due);
        TAILQ_REMOVE(&lane->polls, p, peers);
        p->lane = NULL;
        if (p->flight) {
                http_cancel(p->flight->transfer);
                account_abandoned(lane->account);
                finish_flight(p->flight);
                pump(lane);
        }
}

void poll_now(struct poller *poller, struct poll *p, usec_t now) {
        if (p->flight)
                p->flight->again = true;
        else if (p->lane && timer_is_armed(&p->timer))
                timer_arm(poller->timers, &p->timer, now);
}

void poller_drain(struct poller *poller) {
        poller->draining = true;
}

unsigned poller_in_flight(const struct poller *poller) {
        return poller->in_flight;
}

usec_t poller_lag(const struct poller *poller, usec_t now) {
        const struct poller_lane *lane;
        usec_t lag = 0;

        LIST_FOREACH(lane, &poller->lanes, lanes) {
                lag = MAX(lag, due_queue_lag(&lane->queue, now));
        }
        return lag;
}
