#pragma once
/*
 * Events: what hooks get, as one JSON object (schema 1)
 *
 * Pure. The object is made once, stored as text, and handed to hooks as it was
 * committed. Further keys are for the hook runner alone, which takes them out:
 * "hooks", the names that the task asks for, "settled", the hooks that need not
 * run again, and "runUntil", see struct event_attempt.
 */
#include <json-c/json.h>
#include <stdbool.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/report/outcome.h"

#define EVENT_SCHEMA 1

#define EVENT_FINISHED "finished"
#define EVENT_STALLED "stalled"
#define EVENT_ACCOUNT "account"

/* All borrowed; NULL strings are left out. */
struct event_task {
        const char *name, *account, *task_id, *share_id, *file;
        const char *description;      /* NULL: none */
        const char *hooks;            /* bare names, one blank between */
        const char *run_on;           /* labels, likewise; NULL: none */
        const char *const *variables; /* "Name=value", NULL-terminated; or NULL */
        usec_t registered, finished;  /* wall clock; finished 0: it has not */
        unsigned polls;
        int type;               /* taskType; 0: not known */
        usec_t detection_delay; /* from its end until that was seen; -1: not known */
        enum outcome outcome;   /* OUTCOME_NONE: stalled */
        const struct koodrive_answer *answer;
        const char *download_url; /* NULL: none that hooks may have */
};

/* type is EVENT_FINISHED or EVENT_STALLED. The caller owns the object; NULL when memory is short.
 */
json_object *event_of_task(const char *type, const char *id, const struct event_task *task);
json_object *event_of_account(const char *id, const char *account, const char *state,
                              const char *reason);

/* Back from the text that it was stored as. Returns 0; -EBADMSG: that is none; or -ENOMEM. */
int event_parse(const char *text, json_object **ret);

/* A string member, or NULL. Borrowed from the event. */
const char *event_string(json_object *event, const char *key);
/* An integer member, or -1. */
int event_integer(json_object *event, const char *key);
/* A time, as wall clock, or -1. */
usec_t event_time(json_object *event, const char *key);
/* Of a task that has completed; KOODRIVE_RESULT_UNKNOWN where it is not documented or not there. */
enum koodrive_result event_result(json_object *event);

/*
 * Other hooks, labels and variables, as in struct event_task, than the event was made with.
 * Returns 0, or -ENOMEM with some of them changed.
 */
int event_set_hooks(json_object *event, const char *hooks, const char *run_on,
                    const char *const *variables);

/* The labels of RunOn=, a blank between. The caller frees it. Returns 0, with NULL in *ret for
 * none, or -ENOMEM. */
int event_run_on(json_object *event, char **ret);

/* Whether a node with these labels (one blank between; NULL: none) may run the event's hooks. */
bool event_runs_on(json_object *event, const char *labels);
/* Whether the task asks for hooks of its own. */
bool event_names_hooks(json_object *event);

/* What an attempt to run the hooks adds to the event; all borrowed. */
struct event_attempt {
        unsigned number;      /* 1: the first */
        json_object *settled; /* hooks that need not run again; NULL: none */
        const char *node;     /* that runs them; NULL: there is only one */
        int64_t fence;        /* which rises with each claim of the event; 0: there is none */
        usec_t run_until;     /* they end by then, on clock_boot(); 0: by themselves */
};

/* The line that the hook runner reads. The caller frees it; NULL when memory is short. */
char *event_line(json_object *event, const struct event_attempt *attempt);
