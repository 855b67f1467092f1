#pragma once
/*
 * Memory trim: what a daemon that mostly waits need not keep resident
 *
 * libcurl, libsystemd and what they need are some forty libraries, whose start-up
 * touches five times as much code as polling ever does again.
 */

/* Tells the allocator that there is one thread that matters. Call it first. */
void memory_trim_configure(void);

/*
 * Gives back free heap, and the pages of program text that start-up has mapped; what is
 * still needed comes back from the page cache. Costs some microseconds. Never fails.
 */
void memory_trim(void);
