#pragma once
/*
 * KooDrive's requests: what is sent, to the last header
 *
 * Pure: no input or output, no clock, no random numbers of its own. Paths, names
 * and formats follow the KooDrive API reference: "Querying a task" (getBatchTask),
 * "Refreshing a token" (RefreshToken), "Refreshing a session" (refreshSession).
 */
#include "common/config-values.h"
#include "common/timespan.h"
#include "common/util.h"

#define KOODRIVE_TRACE_ID_LENGTH 58 /* the Chinese page: the length must be 58 positions */
#define KOODRIVE_TRACE_SEED_LENGTH (KOODRIVE_TRACE_ID_LENGTH / 2)

/* Who asks, and how that is shown. All borrowed. */
struct koodrive_identity {
        const char *endpoint;   /* no slash at the end */
        const char *user_id;    /* NULL: not sent */
        const char *agent_name; /* NULL: not sent */

        const char *authorization; /* sent byte for byte; NULL: signed with what follows */
        const char *app_id, *app_secret;
        const char *signed_headers; /* lower case, sorted, a semicolon between */
        enum string_to_sign string_to_sign;
};

/* All borrowed for the call. */
struct koodrive_query {
        struct koodrive_identity who;
        const char *task_id, *share_id;
        const char *kdstoken; /* NULL: the share has no access code */
        usec_t date;          /* X-Date, as the server's clock will see it */
        unsigned char trace_seed[KOODRIVE_TRACE_SEED_LENGTH]; /* random */
};

struct koodrive_request {
        char *url;
        char *body;        /* "" where there is none to send */
        char *headers[10]; /* NULL-terminated */
        char trace_id[KOODRIVE_TRACE_ID_LENGTH + 1];
};

/* POST share/taskDetail. Returns 0, -EINVAL for headers that cannot be signed, or -ENOMEM. */
int koodrive_request_task(const struct koodrive_query *query, struct koodrive_request *ret);

/*
 * POST auth/refreshToken (REFRESH_CARRIER, secret being the refresh token) or session/refresh
 * (REFRESH_SESSION, secret being the session id). who must have an authorization.
 * trace_seed: KOODRIVE_TRACE_SEED_LENGTH random bytes. Returns 0 or -ENOMEM.
 */
int koodrive_request_refresh(const struct koodrive_identity *who, enum refresh_kind kind,
                             const char *secret, const unsigned char *trace_seed,
                             struct koodrive_request *ret);

/* Blanks out the headers and the body, which hold secrets. */
void koodrive_request_clear(struct koodrive_request *request);
