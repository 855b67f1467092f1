#pragma once
/*
 * KooDrive: one taskDetail request out, its answer as a typed result in
 *
 * Pure: no input or output, no clock, no random numbers of its own. Field names
 * and meanings follow the KooDrive API reference, "Querying a task" (getBatchTask).
 * Its pages contradict each other and the service, so answers are read by value,
 * not by declared type; what is tolerated is said at each field.
 */
#include <json-c/json.h>
#include <stdbool.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/http.h"

#define KOODRIVE_TRACE_ID_LENGTH 58 /* the Chinese page: the length must be 58 positions */
#define KOODRIVE_TRACE_SEED_LENGTH (KOODRIVE_TRACE_ID_LENGTH / 2)
#define KOODRIVE_ANSWER_MAX (1024 * 1024)

/* All borrowed for the call. */
struct koodrive_query {
        const char *endpoint;      /* no slash at the end */
        const char *authorization; /* sent byte for byte */
        const char *user_id;       /* NULL: not sent */
        const char *agent_name;    /* NULL: not sent */
        const char *task_id, *share_id;
        const char *kdstoken; /* NULL: the share has no access code */
        usec_t date;          /* X-Date, as the server's clock will see it */
        unsigned char trace_seed[KOODRIVE_TRACE_SEED_LENGTH]; /* random */
};

struct koodrive_request {
        char *url;
        char *body;
        char *headers[8]; /* NULL-terminated */
        char trace_id[KOODRIVE_TRACE_ID_LENGTH + 1];
};

/* Returns 0 or -ENOMEM. */
int koodrive_request_build(const struct koodrive_query *query, struct koodrive_request *ret);
/* Blanks out the headers and the body, which hold secrets. */
void koodrive_request_clear(struct koodrive_request *request);

/* What an answer means for who asked: the task, or all that its account does. */
enum koodrive_class {
        KOODRIVE_TASK,         /* the task's state; all fields are valid */
        KOODRIVE_TRANSIENT,    /* this task's trouble: ask again after a pause */
        KOODRIVE_UNREACHABLE,  /* the account's: nobody there, or nobody who can answer */
        KOODRIVE_THROTTLED,    /* the account's: too many requests; see retry_after */
        KOODRIVE_UNAUTHORIZED, /* the account's: the credential is refused */
        KOODRIVE_CLASSES
};

enum koodrive_status {
        KOODRIVE_STATUS_UNKNOWN = -1, /* a number the API does not document: not an end */
        KOODRIVE_STATUS_PENDING = 0,
        KOODRIVE_STATUS_RUNNING = 1,
        KOODRIVE_STATUS_COMPLETED = 2,
        KOODRIVE_STATUS_CANCELED = 3,
};

/* 0 is "the answer did not say": completed all the same. */
enum koodrive_result {
        KOODRIVE_RESULT_UNKNOWN = 0,
        KOODRIVE_RESULT_SUCCEEDED = 1,
        KOODRIVE_RESULT_PARTIAL = 2,
        KOODRIVE_RESULT_FAILED = 3,
};

#define KOODRIVE_TYPE_PACKAGE 1 /* taskType of a package download */

struct koodrive_answer {
        enum koodrive_class class;
        char why[160]; /* unless KOODRIVE_TASK: in words, printable, without what was sent */

        usec_t date;        /* wall clock of the server, or -1 */
        usec_t retry_after; /* pause asked for, or -1 */

        enum koodrive_status status;
        long raw_status; /* what KOODRIVE_STATUS_UNKNOWN stands for */
        enum koodrive_result result;
        int progress;       /* 0 to 100, clamped; -1: not said */
        int type;           /* taskType; 0: not said */
        char *download_url; /* NULL: none, or one with control characters */
        json_object *json;  /* the whole answer; NULL unless KOODRIVE_TASK */
};

/*
 * Reads an answer to a question about task_id; an answer about another task is a
 * transient fault. tokener is reused from call to call (json_tokener_new_ex()).
 * now is wall clock, for a Retry-After that names a date. Never fails: what cannot
 * be read has a class too.
 */
void koodrive_answer_read(const struct http_answer *http, const char *task_id,
                          json_tokener *tokener, usec_t now, struct koodrive_answer *ret);
void koodrive_answer_clear(struct koodrive_answer *answer);

/* A tokener with the limits that answers are read with. NULL when memory is short. */
json_tokener *koodrive_tokener_new(void);

const char *koodrive_class_name(enum koodrive_class class);
/* "pending", "running", "completed", "canceled", "unknown". */
const char *koodrive_status_name(enum koodrive_status status);
/* "succeeded", "partial", "failed", "unknown". */
const char *koodrive_result_name(enum koodrive_result result);
/* "all succeeded", "partially failed", "all failed", "result unknown". */
const char *koodrive_result_text(enum koodrive_result result);
