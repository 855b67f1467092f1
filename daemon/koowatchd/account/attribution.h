#pragma once
/*
 * Attribution: whether a failure is one task's own or the account's
 *
 * Pure. One answer does not always say so; whom else it happens to does:
 *
 *   no answer          the account's from the third in a row on, when two tasks had one of
 *                      them, or there is only one task
 *   suspect refusal    one that a dead token causes as well as a bad share: the account's
 *                      when three tasks in a row get it and no request is accepted between
 *   bad parameter      the account's settings, until a request was accepted with them; never
 *                      where there is only one task, whose own it is then
 *   refused token      the account's, unless other tasks are accepted with the same token:
 *                      then the task is exempt, and its refusals count as its own
 *
 * A request is accepted when KooDrive itself has looked at it, whatever it then says of the
 * task. A task is any pointer that tells it from others.
 */
#include <stdbool.h>

#define ATTRIBUTION_SUSPECTS 3
#define ATTRIBUTION_EXEMPT_MAX 8

/* Zeroed: nothing has happened yet. */
struct attribution {
        unsigned failures;       /* requests without an answer, in a row */
        const void *failed_task; /* whose was the first of them */
        bool failed_two;         /* another task's was one of them */

        const void *suspects[ATTRIBUTION_SUSPECTS]; /* tasks with a suspect refusal, in a row */
        unsigned n_suspects;

        const void *refused_last; /* the token was, for this task; or NULL */
        const void *exempt_tasks[ATTRIBUTION_EXEMPT_MAX]; /* ring */
        unsigned next_exempt;

        bool verified; /* a request was accepted since settings or secret changed */
};

/* Settings or secrets have changed, which may have corrected anything. */
void attribution_reset(struct attribution *attribution);
/* The account is in another state: what is counted in a row begins again. */
void attribution_restart(struct attribution *attribution);
/* Another token is used from now on. */
void attribution_token_changed(struct attribution *attribution);

/* There was an answer, be it from whomever. */
void attribution_answered(struct attribution *attribution);
/* A request of the task was accepted; unauthorized: after the token had been refused. */
void attribution_accepted(struct attribution *attribution, const void *task, bool unauthorized);

/* A request of the task had no answer. Returns whether that is the account's failure. */
bool attribution_unreachable(struct attribution *attribution, const void *task, bool only_task);
/* A request of the task got a suspect refusal. Returns whether that is the account's failure. */
bool attribution_suspect(struct attribution *attribution, const void *task);
/* The token was refused to the task: if another task is accepted next, this one is exempt. */
void attribution_refused(struct attribution *attribution, const void *task);

bool attribution_is_exempt(const struct attribution *attribution, const void *task);
/* Whether a bad parameter may be the account's. */
bool attribution_may_be_settings(const struct attribution *attribution, bool only_task);
