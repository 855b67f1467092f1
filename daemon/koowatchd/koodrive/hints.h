#pragma once
/*
 * Hints: when to come back, and what the server's clock says
 *
 * Pure. Each returns -1 where there is no hint. The gateway's words and headers follow the
 * error codes of Huawei Cloud's API gateway; Retry-After and Date are HTTP's.
 */
#include <stdbool.h>

#include "common/timespan.h"

struct http_answer;

/* The wall clock of the server, of a Date header (NULL: there is none). */
usec_t hint_date(const char *text);

/*
 * The pause of a Retry-After header: seconds or a date (RFC 9110, 10.2.3), which counts from
 * now; an hour at most. Not documented by KooDrive, honoured where sent.
 */
usec_t hint_retry_after(const char *text, usec_t now);

/* "limit:20,time:1 second" in the gateway's message: the limit's period. */
usec_t hint_window(const char *message);
/* Of "X-Apig-Ratelimit-Api: remain:0,limit:100,time:1 minute" and its like, the longest one. */
usec_t hint_rate_headers(const struct http_answer *http);

/*
 * "signature expired, signature time:...,server time:20230527T020608Z": whether X-Date was
 * outside the server's window; *ret_server_time is left alone when the message does not tell.
 */
bool hint_stamp_refused(const char *message, usec_t *ret_server_time);
