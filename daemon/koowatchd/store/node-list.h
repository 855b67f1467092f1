#pragma once
/*
 * Node list: the nodes of a fleet, as the store has told them last
 *
 * Whoever shows something of them looks here: nothing is asked for each task that is shown. Of a
 * store that is not shared there is none, and nothing is ever asked.
 */
#include <sys/queue.h>

#include "koowatchd/store/fleet.h"

struct node_list;

/* Borrows the store. Returns 0 or -ENOMEM. */
int node_list_new(struct store *store, struct node_list **ret);
/* Accepts NULL. */
void node_list_free(struct node_list *list);
DEFINE_CLEANUP(struct node_list *, node_list_free)

/* Asks, unless that was done within the last 15 s; now: clock_boot(). Accepts NULL. */
void node_list_look(struct node_list *list, usec_t now);

/* Somebody who wants to know how it is now; the caller's, until on_told() or node_list_leave(). */
struct node_list_waiter {
        LIST_ENTRY(node_list_waiter) link;
        /* error: 0 or a negative errno, for which store_error() has the words. */
        void (*on_told)(struct node_list_waiter *waiter, int error);
};
void node_list_ask(struct node_list *list, struct node_list_waiter *waiter);
/* on_told() does not come. */
void node_list_leave(struct node_list_waiter *waiter);

/* Whether it has been told once. Accepts NULL, as those below: there is no fleet. */
bool node_list_is_known(const struct node_list *list);
size_t node_list_count(const struct node_list *list);
/* In the order of their names; times are those of when it was told. Borrowed until it is again. */
const struct store_node *node_list_get(const struct node_list *list, size_t i);
/* This one; NULL: not known. */
const struct store_node *node_list_self(const struct node_list *list);
/* The living node that polls the account. NULL: none does, or that is not known. */
const struct store_node *node_list_owner(const struct node_list *list, const char *account);
/*
 * Whether nobody polls the account, nor did at the look before: it is not that its node has just
 * died, and another one is about to take it.
 */
bool node_list_is_left(const struct node_list *list, const char *account);
