#pragma once
/*
 * Rescan: when what could not be read is read again
 *
 * Descriptors or memory were short, or a disk failed. It is tried again after five seconds, and as
 * long as that lasts with pauses that double to a minute: each try reads all there is. That it
 * cannot be read is said now and then.
 */
#include "common/callback.h"
#include "koowatchd/loop/timer.h"

struct rescan {
        struct timers *timers;
        struct timer timer;
        struct callback on_due;
        unsigned failures; /* in a row */
        usec_t tried;      /* clock_boot(); when on_due was called last */
        char *what;        /* was reported last */
        usec_t reported;   /* clock_boot() */
};

/* Borrows timers. Returns 0 or -ENOMEM. */
int rescan_open(struct rescan *rescan, struct timers *timers, struct callback on_due);
/* Accepts one that was not opened. */
void rescan_close(struct rescan *rescan);

/* Something could not be read: on_due() is called when it is to be tried again. */
void rescan_request(struct rescan *rescan, const char *what, const char *why);
