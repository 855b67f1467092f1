#pragma once
/*
 * Settling: which state of a file was read, and when another one may be
 *
 * A file that is being written is half of what it will be. A state that differs from the one
 * that was read is believed when it has been the same for half a second, or when it came by a
 * rename. At the first reading a file that was written half a second ago will do, so that a
 * start need not wait: later its times are only compared, never believed. One that has not
 * rested for ten seconds is believed as it is: whatever touches it does not write it.
 *
 * Pure: time is an argument, on clock_boot() as now and on clock_wall() as wall.
 */
#include <stdbool.h>

#include "common/file-state.h"
#include "common/timespan.h"

/* Embedded in its owner; all zero: nothing was read yet. */
struct settling {
        struct file_state read;    /* at the last reading */
        struct file_state seen;    /* at the last look */
        struct file_state renamed; /* when it came by a rename */
        usec_t since;              /* seen has been the same; 0: there was no look */
        usec_t restless;           /* since when it is waited for; 0: it is not */
        usec_t again;              /* the file may have changed since with no other time */
        bool is_read, is_renamed;
};

/* The state came by a rename: it is whole. */
void settling_renamed(struct settling *settling, const struct file_state *state);

/*
 * This state is there now. is_whole: at the first reading it is, whatever its times say. Returns
 * when it may be read: a time that has passed means at once, USEC_INFINITY that it was.
 */
usec_t settling_look(struct settling *settling, const struct file_state *state, bool is_whole,
                     usec_t now, usec_t wall);

/* This state was read, or could not be: error says why. */
void settling_read(struct settling *settling, const struct file_state *state, usec_t now,
                   usec_t wall);
