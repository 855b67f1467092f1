#pragma once
/*
 * Shared tokens: what Refresh= has obtained goes with the account from node to node
 *
 * Refresh tokens may be good for one use: whoever takes an account needs what the node before it
 * has obtained last. That is kept in the store, sealed with the credential store.key, which all
 * nodes have. Without that credential it stays on its node.
 */
#include <stdbool.h>

#include "common/callback.h"
#include "common/util.h"

struct account;
struct accounts;
struct shared_tokens;
struct store;
struct store_batch;

/* fleet: copied. on_dirty: there is something to write. Returns 0 or -ENOMEM. */
int shared_tokens_new(struct store *store, struct accounts *accounts, const char *fleet,
                      struct callback on_dirty, struct shared_tokens **ret);
/* Accepts NULL. */
void shared_tokens_free(struct shared_tokens *tokens);
DEFINE_CLEANUP(struct shared_tokens *, shared_tokens_free)

/*
 * The account, which accounts has, is this node's: reads what another one has left, and lets it be
 * used, or warns. What fails for a moment is to be asked for again. NULL: nothing is shared.
 */
void shared_tokens_read(struct shared_tokens *tokens, const char *account);
/* Whether that is over. NULL: it is. */
bool shared_tokens_are_known(const struct shared_tokens *tokens, const char *account);

/* A refresh has brought new ones: they are written until they are in the store. */
void shared_tokens_refreshed(struct shared_tokens *tokens, const struct account *account);

/* As registry_collect() and registry_committed(). NULL: there is nothing. */
int shared_tokens_collect(struct shared_tokens *tokens, struct store_batch *batch);
void shared_tokens_committed(struct shared_tokens *tokens, bool written);
