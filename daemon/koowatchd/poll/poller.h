#pragma once
/*
 * Poller: who is asked about when
 *
 * A poll waits in a heap until it is due, then in its account's queue until the
 * account lets it go, then it is in flight. A waiting poll costs no descriptor,
 * no easy handle and no libev timer. What an answer means for a task is the
 * owner's business: it gets each one that concerns the task and says when to ask
 * again.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "common/timespan.h"
#include "koowatchd/account/account.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/loop/http.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/poll/due-queue.h"

struct poller;
struct poller_queue; /* an account's queue */

enum poll_state {
        POLL_CLOSED,
        POLL_IDLE,
        POLL_WAITING, /* until it is due */
        POLL_DUE,     /* until its account lets it go */
        POLL_IN_FLIGHT,
};

/* Who owns a poll, for the handler's functions. */
enum poll_kind {
        POLL_OF_WATCH,
        POLL_OF_QUESTION, /* of an administrator */
};

/*
 * Embedded in its owner, zeroed; only the poller looks inside. There may be a million: what waits
 * and what is due share their memory, and a request knows its poll, not the other way round.
 */
struct poll {
        union {
                struct timer timer;   /* WAITING */
                struct due_entry due; /* DUE; its interval is valid always */
        };
        struct poller_queue *queue; /* IDLE: NULL */
        TAILQ_ENTRY(poll) peers;    /* of the same account */
        enum poll_state state : 8;
        enum poll_kind kind : 8; /* the owner's, POLL_OF_WATCH after poll_open() */
        bool dropped;            /* the last request got no answer, through nobody's fault */
};
static_assert(offsetof(struct due_entry, interval) >= sizeof(struct timer),
              "the interval is kept while a poll waits");

#define POLL_STOP ((usec_t) -1)

struct poller_handler {
        /* Fills task_id, share_id and kdstoken; they live until the next call. */
        void (*on_ask)(void *userdata, struct poll *poll, struct koodrive_query *query);
        /*
         * An answer came at now that is not a failure of the account.
         * Returns the delay until the next poll, or POLL_STOP; it must not remove the poll.
         */
        usec_t (*on_answer)(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                            usec_t now);
        /*
         * The account is unauthorized, and a request is about to go: as accounts_prepare_attempt().
         */
        usec_t (*on_attempt)(void *userdata, struct account *account);
        /* It is time for a new token: accounts_refresh() is to be called. Returns as that. */
        usec_t (*on_refresh_due)(void *userdata, struct account *account);
        /* Every answer, also those that concern the account, for the records. */
        void (*on_polled)(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                          const char *trace_id, double seconds);
        void *userdata;
};

/* Borrows timers and http. Returns 0 or a negative errno. */
int poller_new(struct timers *timers, struct http *http, const struct poller_handler *handler,
               struct poller **ret);
/* All accounts must have been removed. Accepts NULL. */
void poller_free(struct poller *poller);
DEFINE_CLEANUP(struct poller *, poller_free)

/* Makes a queue for the account (borrowed until it is removed). Returns 0 or -ENOMEM. */
int poller_add_account(struct poller *poller, struct account *account);
/* All polls for the account must have been stopped. One that was not added is left alone. */
void poller_remove_account(struct poller *poller, struct account *account);
/* The account's state, token or limits may have changed: looks who can go now. */
void poller_kick(struct poller *poller, struct account *account);

/* Reserves what the poll needs; it is idle then. Returns 0 or -ENOMEM. */
int poll_open(struct poller *poller, struct poll *poll);
/* Ends it, an open request included. A poll that is all zero is left alone. */
void poll_close(struct poller *poller, struct poll *poll);

/* Asks for the account at due, again and again until stopped. interval: the expected one. */
void poll_start(struct poller *poller, struct poll *poll, struct account *account, usec_t due,
                usec_t interval);
/* An idle poll is left alone. */
void poll_stop(struct poller *poller, struct poll *poll);
static inline bool poll_is_started(const struct poll *poll) {
        return poll->queue;
}
/* When it is due, on clock_boot(); 0: it is in flight, or not started. */
usec_t poll_due(const struct poll *poll);
/* Of a started one, between its polls. */
static inline usec_t poll_interval_of(const struct poll *poll) {
        return poll->due.interval;
}
/* The account that a started poll asks. */
struct account *poll_account(const struct poll *poll);
/*
 * What is asked with has changed: the next request is brought forward to now. A fault that
 * the one in flight has is not reported; the next one follows at once then.
 */
void poll_now(struct poller *poller, struct poll *poll, usec_t now);

/*
 * Other settings hold for the account: unless a poll goes anyway, the one that was asked about
 * longest ago goes as soon as the account lets it, and then the next one, until somebody answers
 * or the account is not ok.
 */
void poller_probe(struct poller *poller, struct account *account);

/* No further request is started. */
void poller_drain(struct poller *poller);
unsigned poller_in_flight(const struct poller *poller);

/* How long the longest-waiting poll has been due. */
usec_t poller_lag(const struct poller *poller, usec_t now);
/* Likewise of one account. */
usec_t poller_lag_of(const struct poller *poller, const struct account *account, usec_t now);
/*
 * Which account's polls are the furthest behind, and by how much, although its state is ok: they
 * are more than it may send. NULL: none is behind.
 */
const struct account *poller_overloaded(const struct poller *poller, usec_t now, usec_t *ret_lag);
