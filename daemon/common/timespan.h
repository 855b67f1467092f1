#pragma once
/*
 * Time: one type for points and spans (microseconds), the clocks in use, and
 * the text form that systemd.time(7) gives spans.
 *
 * Waits are measured on CLOCK_BOOTTIME, which goes on during suspend; what is
 * stored or shown is wall clock. Modules that decide take the time as an
 * argument; only adapters call the clock_ functions.
 */
#include <stddef.h>
#include <stdint.h>

typedef int64_t usec_t;

#define USEC_MSEC ((usec_t) 1000)
#define USEC_SEC (1000 * USEC_MSEC)
#define USEC_MINUTE (60 * USEC_SEC)
#define USEC_HOUR (60 * USEC_MINUTE)
#define USEC_DAY (24 * USEC_HOUR)
/* The most that an interval between polls can be set to: what doubles up to it never overflows. */
#define USEC_INTERVAL_MAX USEC_DAY
#define USEC_INFINITY INT64_MAX

usec_t clock_boot(void);
usec_t clock_wall(void);
/* Without the time of a suspend: for what a process may take in which it could run. */
usec_t clock_running(void);

/* a + b for a, b >= 0, where USEC_INFINITY stays what it is and nothing overflows. */
usec_t usec_add(usec_t a, usec_t b);

/*
 * Reads a span as systemd.time(7) writes it: "90" (seconds), "1500ms",
 * "2min 30s", "1.5h", "infinity". Returns 0, -EINVAL for anything else
 * (negative and empty included) or -ERANGE.
 */
int timespan_parse(const char *text, usec_t *ret);

/* Writes "2min 30s" into buffer and returns it; 64 bytes are always enough. */
char *timespan_format(usec_t span, char *buffer, size_t size);

/* Writes "2025-05-20T02:29:12Z" (UTC) into buffer and returns it; 32 bytes are enough. */
char *timestamp_format(usec_t wall, char *buffer, size_t size);
/* Back, also with a fraction of a second; -1: it is none, or NULL. */
usec_t timestamp_parse(const char *text);
