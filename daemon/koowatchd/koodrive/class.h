#pragma once
/*
 * Classes of answers: what a refusal means, and for whom
 *
 * Pure: three tables and the order in which they are asked. The code in the body
 * comes first, as HTTP 400 stands for every business error, and the status second.
 * Only a code of KooDrive or its gateway ever rejects a task: whatever else comes is not
 * its word but that of a firewall, proxy or balancer in front of it, and is waited out.
 * Rows follow the KooDrive API reference, "Error codes" and "Status codes", and for
 * codes that begin with APIG the error codes of Huawei Cloud's API gateway.
 */
#include <stdbool.h>

#include "common/timespan.h"
#include "koowatchd/loop/http-answer.h"

enum koodrive_class {
        KOODRIVE_TASK,          /* the task's state; no refusal */
        KOODRIVE_TRANSIENT,     /* the task's own: ask again, for as long as it takes */
        KOODRIVE_RETRY_LIMITED, /* the task's own: ask again a few times, then REJECTED */
        KOODRIVE_REJECTED,      /* this task's: it will never be answered */
        KOODRIVE_UNREACHABLE,   /* the account's: nobody there, or nobody who can answer */
        KOODRIVE_MISCONFIGURED, /* the account's: its settings lead nowhere */
        KOODRIVE_THROTTLED,     /* the account's: too many requests */
        KOODRIVE_UNAUTHORIZED,  /* the account's: the credential is refused */
        KOODRIVE_CLASSES
};

/* A refusal of one task may be of its account, which shows when other tasks get it too. */
enum koodrive_account_doubt {
        KOODRIVE_NOT_ACCOUNT,
        KOODRIVE_MAYBE_CREDENTIAL, /* also what a dead token may look like */
        KOODRIVE_MAYBE_SETTINGS,   /* a request without a header that is wanted looks so too */
};

/* Strings are static. */
struct koodrive_disposition {
        enum koodrive_class class;
        enum koodrive_account_doubt may_be_account;
        bool listed;        /* the code is in a table */
        bool by_koodrive;   /* the code is KooDrive's own: what is in front of it has let us pass */
        bool overdue;       /* not waited for past the task's deadline, when it goes on */
        unsigned tries;     /* KOODRIVE_RETRY_LIMITED: so many refusals in a row at least, ... */
        usec_t span;        /* ... over at least so long, make it KOODRIVE_REJECTED */
        usec_t pause;       /* the account's silence at least; 0: its own rule */
        const char *text;   /* what has happened: "the file is in the recycle bin"; never NULL */
        const char *advice; /* what an administrator can do: "restore it, ..."; NULL: nothing */
};

enum koodrive_body {
        KOODRIVE_BODY_OTHER, /* nothing, or what is neither of these */
        KOODRIVE_BODY_JSON,  /* an object with members as KooDrive has them */
        KOODRIVE_BODY_FOREIGN_JSON,
        KOODRIVE_BODY_PAGE,
        KOODRIVE_BODY_FIREWALL, /* Huawei Cloud's own, CloudWAF, says that it has blocked */
};

/*
 * What an answer with this HTTP status (0: none), this code in its body ("": none) and such
 * a body means, if it is not a task's state. Codes of KooDrive are eight digits that begin
 * with 13 ("13000309"), its gateway's are "APIG.0303", also "APIGW.0303"; one that quotes an
 * HTTP status ("401") is read as that status. Any other one is not KooDrive's.
 */
struct koodrive_disposition koodrive_classify(long http_status, const char *code,
                                              enum koodrive_body body);

/* No answer at all, or none that could be read: any outcome but HTTP_ANSWERED. */
struct koodrive_disposition koodrive_classify_failure(enum http_outcome outcome);

/* Whether the code says that all is well: "0", "200", "success", ... */
bool koodrive_code_is_success(const char *code);
/* Whether it is one of KooDrive's own or of its gateway, documented or not. */
bool koodrive_code_is_own(const char *code);

/* "task", "transient", "doubtful", "rejected", ... */
const char *koodrive_class_name(enum koodrive_class class);
/* Whether what failed is the account's; the others are about the task. */
bool koodrive_class_is_of_account(enum koodrive_class class);
