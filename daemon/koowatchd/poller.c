#include "koowatchd/poller.h"

#include <errno.h>

/* After a failure that is the account's: soon, because the account itself paces what follows. */
#define AGAIN (2 * USEC_SEC)

struct poller_lane {
        struct poller *poller;
        struct poller_lane *next;
        struct account *account;
        struct due_queue queue;
        struct timer timer; /* until the account lets the next one go */
        unsigned polls;     /* started ones */
};

struct poller {
        struct timers *timers;
        struct http *http;
        struct poller_handler handler;
        json_tokener *tokener;
        struct poller_lane *lanes;
        unsigned in_flight;
        bool draining;
};

/* A request on its way. */
struct flight {
        struct poller *poller;
        struct poll *poll;
        struct http_transfer *transfer;
        usec_t sent;
        char trace_id[KOODRIVE_TRACE_ID_LENGTH + 1];
        char task_id[65]; /* what was asked about; 64 characters at most */
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

static void finish_flight(struct flight *f) {
        f->poll->flight = NULL;
        f->poller->in_flight--;
        free(f);
}

static void on_done(void *userdata, const struct http_answer *http) {
        struct flight *f = userdata;
        struct poller *poller = f->poller;
        struct poll *p = f->poll;
        struct poller_lane *lane = p->lane;
        struct koodrive_answer answer;
        usec_t now = clock_boot(), wall = clock_wall();
        usec_t interval = p->due.interval, delay;
        bool concerns_task;

        koodrive_answer_read(http, f->task_id, poller->tokener, wall, &answer);
        if (answer.date >= 0)
                account_learn_date(lane->account, answer.date, now);
        poller->handler.on_polled(poller->handler.userdata, p, &answer, f->trace_id, http->seconds);
        concerns_task = account_answered(lane->account, now, f->sent, &answer, p, lane->polls == 1);
        finish_flight(f);

        /* As long as the account is well, the trouble is counted as this task's own. */
        if (!concerns_task && account_state(lane->account) != ACCOUNT_OK) {
                arm(poller, p, now + MIN(interval, AGAIN), interval);
        } else {
                delay = poller->handler.on_answer(poller->handler.userdata, p, &answer, now);
                if (delay == POLL_STOP)
                        poll_stop(poller, p);
                else
                        arm(poller, p, now + delay, delay);
        }
        koodrive_answer_clear(&answer);
        pump(lane);
}

static int send_request(struct poll *p, struct flight *f, usec_t now) {
        struct account *account = p->lane->account;
        const struct account_config *settings = account_settings(account);
        struct koodrive_query query = {
                .endpoint = settings->endpoint,
                .authorization = account_authorization(account),
                .user_id = settings->user_id,
                .agent_name = settings->agent_name,
                .date = account_date(account, now, clock_wall()),
        };
        struct koodrive_request request;
        int r;

        arc4random_buf(query.trace_seed, sizeof(query.trace_seed));
        f->poller->handler.on_ask(f->poller->handler.userdata, p, &query);
        r = koodrive_request_build(&query, &request);
        if (r < 0)
                return r;
        (void) snprintf(f->task_id, sizeof(f->task_id), "%s", query.task_id);
        memcpy(f->trace_id, request.trace_id, sizeof(f->trace_id));
        f->sent = now;
        r = http_post(f->poller->http,
                      &(struct http_request){
                              .url = request.url,
                              .headers = (const char *const *) request.headers,
                              .body = request.body,
                              .body_length = strlen(request.body),
                              .ca_file = settings->ca_file,
                              .proxy = settings->proxy,
                      },
                      on_done, f, &f->transfer);
        koodrive_request_clear(&request);
        return r;
}

static int take_off(struct poll *p, usec_t now) {
        struct poller *poller = p->lane->poller;
        CLEANUP(freep) struct flight *f = calloc(1, sizeof(*f));
        int r;

        if (!f)
                return -ENOMEM;
        f->poller = poller;
        f->poll = p;
        r = send_request(p, f, now);
        if (r < 0)
                return r;
        account_sent(p->lane->account, now);
        poller->in_flight++;
        p->flight = STEAL_PTR(f);
        return 0;
}

static struct due_entry *next_in_turn(const struct poller_lane *lane, usec_t now) {
        return account_is_probing(lane->account) ? due_queue_oldest(&lane->queue)
                                                 : due_queue_first(&lane->queue, now);
}

/* Lets go whoever can go now; for the next one the lane's timer is set. */
static void pump(struct poller_lane *lane) {
        struct poller *poller = lane->poller;
        usec_t now = clock_boot(), next = USEC_INFINITY;
        struct due_entry *first;

        while (!poller->draining && (first = next_in_turn(lane, now))) {
                struct poll *p = container_of(first, struct poll, due);

                next = account_next(lane->account);
                if (next > now)
                        break;
                due_queue_remove(&lane->queue, first);
                if (take_off(p, now) < 0) /* memory is short, or libcurl refuses the settings */
                        arm(poller, p, now + MAX(p->due.interval, USEC_SEC), p->due.interval);
                next = USEC_INFINITY;
        }
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
        struct poller_lane *lane;

        if (!poller)
                return;
        while ((lane = poller->lanes)) {
                poller->lanes = lane->next;
                timer_close(poller->timers, &lane->timer);
                free(lane);
        }
        if (poller->tokener)
                json_tokener_free(poller->tokener);
        free(poller);
}

static struct poller_lane *find_lane(const struct poller *poller, const struct account *account) {
        struct poller_lane *lane = poller->lanes;

        while (lane && lane->account != account)
                lane = lane->next;
        return lane;
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
        lane->next = poller->lanes;
        poller->lanes = lane;
        return 0;
}

void poller_kick(struct poller *poller, struct account *account) {
        struct poller_lane *lane = find_lane(poller, account);

        if (lane)
                pump(lane);
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
        p->lane->polls++;
        arm(poller, p, due, interval);
}

void poll_stop(struct poller *poller, struct poll *p) {
        struct poller_lane *lane = p->lane;

        if (!lane)
                return;
        timer_disarm(poller->timers, &p->timer);
        due_queue_remove(&lane->queue, &p->due);
        p->lane = NULL;
        lane->polls--;
        if (p->flight) {
                http_cancel(p->flight->transfer);
                account_abandoned(lane->account);
                finish_flight(p->flight);
                pump(lane);
        }
}

void poll_now(struct poller *poller, struct poll *p, usec_t now) {
        if (p->lane && timer_is_armed(&p->timer))
                timer_arm(poller->timers, &p->timer, now);
}

void poller_drain(struct poller *poller) {
        poller->draining = true;
}

unsigned poller_in_flight(const struct poller *poller) {
        return poller->in_flight;
}

usec_t poller_lag(const struct poller *poller, usec_t now) {
        usec_t lag = 0;

        for (struct poller_lane *lane = poller->lanes; lane; lane = lane->next)
                lag = MAX(lag, due_queue_lag(&lane->queue, now));
        return lag;
}
