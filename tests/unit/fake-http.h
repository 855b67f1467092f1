#pragma once
/*
 * HTTP that a test answers itself
 *
 * fake-http.c takes the place of loop/http.c: a request waits until the test says what comes
 * of it. http_new() wants no loop, and http_free() no request that waits.
 */
#include "koowatchd/loop/http.h"

/* How many requests there have been. They are numbered from 0 on. */
unsigned fake_http_posted(const struct http *http);
/* How many of them wait. */
unsigned fake_http_waiting(const struct http *http);
/* Whether this one waits; no longer when it was answered or cancelled. */
bool fake_http_waits(const struct http *http, unsigned number);
/* The number of the one that has waited for longest; there must be one. */
unsigned fake_http_oldest(const struct http *http);
/* The words of http_fail(); NULL: it was posted. It must wait. */
const char *fake_http_failure(const struct http *http, unsigned number);
/* The next http_post() finds no memory. */
void fake_http_fail_next(struct http *http);
/* Ends one that waits. */
void fake_http_answer(struct http *http, unsigned number, const struct http_answer *answer);
