#pragma once
/*
 * Membership: this node's part in a fleet that shares a store
 *
 * Tells the store which accounts can be polled here, and the registry and the deliveries what has
 * become theirs: an account when the task files of all nodes that name it are known, events that
 * nobody else delivers. Alone, all accounts are this node's.
 */
#include <stdbool.h>

#include "common/callback.h"
#include "common/util.h"

struct account;
struct accounts;
struct deliveries;
struct membership;
struct node_list;
struct registry;
struct shared_tokens;
struct store;

struct membership_modules {
        struct store *store;
        struct accounts *accounts;
        struct registry *registry;
        struct deliveries *deliveries;
        struct shared_tokens *tokens; /* NULL: none are shared */
        struct node_list *nodes;      /* is kept up to date; NULL: nobody wants to know */
        /* What can be polled here and nobody else polls is this node's from now on; comes once. */
        struct callback on_settled;
        struct callback on_status;
        /* What is under way is to end, as for a stop; then all is to begin anew. */
        struct callback on_leave;
        /* This node is no member any more: all is to begin anew. May come from inside any call of
         * the store. */
        struct callback on_over;
};

/* All is borrowed. Nothing happens before membership_start(). Returns 0 or -ENOMEM. */
int membership_new(const struct membership_modules *modules, struct membership **ret);
/* Accepts NULL. */
void membership_free(struct membership *membership);
DEFINE_CLEANUP(struct membership *, membership_free)

/* The task directories have been read. Alone, calls on_settled(). */
void membership_start(struct membership *membership);
/* The configuration is another one. */
void membership_check_accounts(struct membership *membership);

/* Whether it has a session, without which it polls nothing. Alone it needs none. */
bool membership_has_session(const struct membership *membership);
/* Whether this node polls the account. NULL: it polls all. */
bool membership_has(const struct membership *membership, const char *account);
/* Whether the account, which is configured here, is polled by no node. NULL, and alone: it is not.
 */
bool membership_is_left(const struct membership *membership, const struct account *account);
/* How many accounts it polls, of those that it could; 0 of 0 alone. */
struct membership_counts {
        unsigned held, served;
};
struct membership_counts membership_count(const struct membership *membership);
