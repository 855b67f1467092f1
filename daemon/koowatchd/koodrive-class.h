#pragma once
/*
 * Classes of answers: what a refusal means, and for whom
 *
 * Pure: three tables and the order in which they are asked. The code in the body
 * comes first, as HTTP 400 stands for every business error, and the status second.
 * Rows follow the KooDrive API reference, "Error codes" and "Status codes", and for
 * codes that begin with APIG the error codes of Huawei Cloud's API gateway.
 */
#include <stdbool.h>

#include "common/timespan.h"

enum koodrive_class {
        KOODRIVE_TASK,          /* the task's state; no refusal */
        KOODRIVE_TRANSIENT,     /* this task's trouble: ask again, for as long as it takes */
        KOODRIVE_DOUBTFUL,      /* this task's trouble: ask again a few times, then REJECTED */
        KOODRIVE_REJECTED,      /* this task's: it will never be answered */
        KOODRIVE_UNREACHABLE,   /* the account's: nobody there, or nobody who can answer */
        KOODRIVE_MISCONFIGURED, /* the account's: its settings lead nowhere */
        KOODRIVE_THROTTLED,     /* the account's: too many requests */
        KOODRIVE_UNAUTHORIZED,  /* the account's: the credential is refused */
        KOODRIVE_CLASSES
};

/* A task's trouble may in truth be its account's, which shows when other tasks meet it too. */
enum koodrive_suspicion {
        KOODRIVE_NO_SUSPICION,
        KOODRIVE_SUSPECT_CREDENTIAL, /* also what a dead token may look like */
        KOODRIVE_SUSPECT_SETTINGS,   /* a request without a header that is wanted looks so too */
};

/* Strings are static. */
struct koodrive_meaning {
        enum koodrive_class class;
        enum koodrive_suspicion suspicion;
        bool listed;        /* the code is in a table */
        bool by_koodrive;   /* the code is KooDrive's own: what is in front of it has let us pass */
        unsigned tries;     /* KOODRIVE_DOUBTFUL: so many refusals in a row at least, ... */
        usec_t span;        /* ... over at least so long, make it KOODRIVE_REJECTED */
        usec_t pause;       /* the account's silence at least; 0: its own rule */
        const char *text;   /* what has happened: "the file is in the recycle bin"; never NULL */
        const char *advice; /* what an administrator can do: "restore it, ..."; NULL: nothing */
};

/*
 * What an answer with this HTTP status (0: none) and this code in its body ("" or "0": none)
 * means, if it is not a task's state. Codes are numbers (KooDrive's own, "13000309") or the
 * gateway's ("APIG.0303", also "APIGW.0303"). A code of any other form counts as one of
 * KooDrive's that no table has.
 */
struct koodrive_meaning koodrive_classify(long http_status, const char *code);

/* "task", "transient", "doubtful", "rejected", ... */
const char *koodrive_class_name(enum koodrive_class class);
