#pragma once
/*
 * Times for people: how long ago, how long until, and when
 *
 * Pure. Times are wall clock.
 */
#include "common/timespan.h"

#define TIME_TEXT_MAX 48

/* One number and its unit: "45s", "12min", "5h", "3d". Negative: "0s". */
char *time_span_short(usec_t span, char buffer[static TIME_TEXT_MAX]);

/* "45s", or "now" where at is not after now; "-": at is -1. */
char *time_until(usec_t at, usec_t now, char buffer[static TIME_TEXT_MAX]);

/* "3s ago", "in 12min", "just now"; "-": at is -1. */
char *time_relative(usec_t at, usec_t now, char buffer[static TIME_TEXT_MAX]);
