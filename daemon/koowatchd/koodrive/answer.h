#pragma once
/*
 * KooDrive's answers: a typed result out of whatever came back
 *
 * Pure. Field names and meanings follow the KooDrive API reference, "Querying a
 * task" (getBatchTask). Its pages contradict each other and the service, so answers
 * are read by value, not by declared type; what is tolerated is said at each field.
 */
#include <json-c/json.h>
#include <stdbool.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/koodrive/class.h"
#include "koowatchd/koodrive/request.h"

struct http_answer;
struct secrets;

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
#define KOODRIVE_TYPES 3        /* that are told apart: 0 is not said, or another one; 2 a dump */

struct koodrive_answer {
        struct koodrive_disposition disposition;
        long http_status; /* 0: there is none */

        /* Unless KOODRIVE_TASK. All three are printable and hold nothing of what was sent. */
        char why[448];     /* in words, code and message included */
        char code[40];     /* "" where the answer has none */
        char message[256]; /* KooDrive's own; "" where it says nothing */

        usec_t date;        /* wall clock of the server, or -1 */
        usec_t retry_after; /* pause asked for, an hour at most, or -1 */
        usec_t window;      /* the period of the limit that was exceeded, or -1 */
        bool stamp_refused; /* X-Date is outside the server's window */
        usec_t server_time; /* and this is what its clock says, or -1 */

        enum koodrive_status status;
        long raw_status; /* what KOODRIVE_STATUS_UNKNOWN stands for */
        enum koodrive_result result;
        int progress;            /* 0 to 100, clamped; -1: not said */
        int type;                /* taskType; 0: not said */
        usec_t ended;            /* endTime, taken as UTC, which nobody documents; -1: not said */
        char *download_url;      /* as link_clean() leaves it; NULL: none */
        const char *url_problem; /* static: why there is none although KooDrive has sent one */
        json_object *json;       /* as koodrive_answer_json() gives it, unless unread */
        /* Of an answer of which only the task's state was read; borrowed. */
        const struct http_answer *unread;
        const struct koodrive_query *query;
};

/*
 * Reads the answer to a query; one about another task is a transient fault. tokener is
 * reused from call to call (koodrive_tokener_new()). now is wall clock, for a Retry-After
 * that names a date in an answer that does not tell the server's. Never fails: what cannot be read
 * has a class too. http and query are borrowed until the answer is cleared.
 */
void koodrive_answer_read(const struct http_answer *http, const struct koodrive_query *query,
                          json_tokener *tokener, usec_t now, struct koodrive_answer *ret);
/* The same, and all of it at once, also where a shorter look would do. */
void koodrive_answer_read_whole(const struct http_answer *http, const struct koodrive_query *query,
                                json_tokener *tokener, usec_t now, struct koodrive_answer *ret);
void koodrive_answer_clear(struct koodrive_answer *answer);

/*
 * The whole answer, which the caller owns; NULL where it is no object, or repeats a secret. Returns
 * 0 or -ENOMEM.
 */
int koodrive_answer_json(const struct koodrive_answer *answer, json_object **ret);

/*
 * What all answers have in common, for koodrive_answer_read() and its like: everything but the
 * task's fields. Returns the body, which the caller owns, or NULL when it is not an object. The
 * class is KOODRIVE_TRANSIENT when nothing speaks against the answer.
 */
json_object *koodrive_answer_begin(const struct http_answer *http, const struct secrets *secrets,
                                   json_tokener *tokener, usec_t now, struct koodrive_answer *ret);
/* Makes it a transient fault; what was read of it, and whether it may become overdue, is kept. */
void koodrive_answer_fault(struct koodrive_answer *answer, const char *text);

/* taskType as an answer that was stored says it; 0: it does not. */
int koodrive_answer_type(json_object *answer);

/* "pending", "running", "completed", "canceled", "unknown". */
const char *koodrive_status_name(enum koodrive_status status);
/* "succeeded", "partial", "failed", "unknown". */
const char *koodrive_result_name(enum koodrive_result result);
/* "all succeeded", "partially failed", "all failed", "result unknown". */
const char *koodrive_result_text(enum koodrive_result result);
