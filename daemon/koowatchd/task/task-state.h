#pragma once
/*
 * Task state: what is known of one task, and what an answer makes of it
 *
 * Pure. Decides from one valid answer whether the task has ended, when to ask
 * again, and what of it is worth telling. All times are on one clock.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/timespan.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/report/outcome.h"
#include "koowatchd/task/poll-interval.h"

/* A task's memory; the owner embeds it. */
struct task_state {
        struct poll_interval interval;
        usec_t registered;
        int32_t changed;   /* when status or progress last moved, in s, rounded up */
        int32_t refused;   /* when the first of the refusals came, likewise */
        unsigned polls;    /* answers about the task */
        unsigned faults;   /* answers that were none, since the last good one */
        unsigned refusals; /* those of them that speak against the task itself */
        signed char status, progress;
        unsigned char url_waits; /* polls spent waiting for a downloadUrl */
        bool stalled : 1;        /* reported already */
        bool overdue : 1;        /* the last answer that counts came after the deadline */
        bool unknown_status : 1; /* an undocumented taskStatus was reported already */
        unsigned char type : 5;  /* taskType; 0: no answer has said it, or it does not fit */
};

struct task_limits {
        struct poll_interval_limits interval;
        usec_t timeout;       /* from the registration; may be USEC_INFINITY */
        usec_t stall_timeout; /* may be USEC_INFINITY */
};

struct task_verdict {
        enum outcome outcome;
        usec_t delay;        /* until the next poll, when there is no outcome */
        bool status_changed; /* another taskStatus than before */
        bool stalled;        /* nothing has moved for stall_timeout: tell it, once */
        bool unknown_status; /* a taskStatus that the API does not document: tell it, once */
};

void task_state_init(struct task_state *state, usec_t registered, usec_t now);

/* The registration was at another time than was thought. */
void task_state_set_registered(struct task_state *state, usec_t registered);

/*
 * A valid answer about the task at now: OUTCOME_TIMEOUT where it is not the first one after the
 * deadline. random: uniform in [0, 1).
 */
struct task_verdict task_state_update(struct task_state *state, const struct task_limits *limits,
                                      usec_t now, const struct koodrive_answer *answer,
                                      double random);

/*
 * An answer at now that was no state of the task, and is its own failure: OUTCOME_REJECTED
 * where it says for good that there will be no other, or has been repeated for long enough;
 * OUTCOME_TIMEOUT where it is KooDrive's word all the same and goes on past the deadline.
 */
struct task_verdict task_state_fail(struct task_state *state, const struct task_limits *limits,
                                    usec_t now, const struct koodrive_answer *answer,
                                    double random);

/* When status or progress last moved, give or take a second. */
usec_t task_state_changed(const struct task_state *state);

/*
 * How long after its end it was seen, of a task that was seen to have ended, and no later than now;
 * -1: not known. ended: when it ended, as KooDrive says, which counts from the answer before on;
 * -1: it does not say. Without that it is since the answer before: the end came later.
 */
usec_t task_state_detection_delay(const struct task_state *state, usec_t ended, usec_t now);

/* So many refusals in a row were counted before, the first of them at refused. */
void task_state_set_refusals(struct task_state *state, unsigned refusals, usec_t refused);
/* When the first of them came, give or take a second. */
usec_t task_state_refused(const struct task_state *state);

/* What was wrong may have been corrected: failures are counted from zero. */
void task_state_reset_failures(struct task_state *state);
