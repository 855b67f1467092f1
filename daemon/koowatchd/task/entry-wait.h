#pragma once
/*
 * Entry wait: what an entry waits for, the store's answer or the return of its file
 */
#include <sys/queue.h>

#include "koowatchd/loop/timer.h"

struct entry;

/* Reached through entry::wait as long as the entry waits. */
struct entry_wait {
        LIST_ENTRY(entry_wait) link;
        struct entry_waits *owner;
        struct entry *entry; /* NULL: it waits no more */
        struct timer timer;
};

struct entry_waits {
        LIST_HEAD(, entry_wait) list;
        struct timers *timers;                      /* borrowed */
        void (*on_grace_over)(struct entry *entry); /* it does not wait any more */
};

void entry_waits_init(struct entry_waits *waits, struct timers *timers,
                      void (*on_grace_over)(struct entry *entry));
void entry_waits_clear(struct entry_waits *waits);

/* Its file is gone: on_grace_over() comes in half a second. Returns 0 or -ENOMEM. */
int entry_wait_grace(struct entry_waits *waits, struct entry *entry);
/* The store will answer, with the wait that is returned. NULL when memory is short. */
struct entry_wait *entry_wait_lookup(struct entry_waits *waits, struct entry *entry);
/* It has. Frees the wait; returns the entry, or NULL when that waits no more. */
struct entry *entry_wait_end(struct entry_wait *wait);

/* It waits no more, if it did. */
void entry_stop_waiting(struct entry *entry);
