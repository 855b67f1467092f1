#pragma once
/*
 * Fleet: what the daemons that share a store, its nodes, agree on
 *
 * Each has a session, which lasts while it beats in time. The accounts that it polls and the events
 * that it delivers are tied to its session: nobody else has them meanwhile, and once it is over
 * nothing of it can be written any more. One that is over does not come back: its daemon begins
 * anew. All times are the store's, but for the trust in a session, which ends on this machine's
 * clock_boot() before anybody else may take what it has.
 *
 * Only a store on a server is shared: of another one store_is_shared() is false, and nothing else
 * here is to be called.
 */
#include "koowatchd/store/store.h"

bool store_is_shared(const struct store *store);

/* None is called from inside a function of the store, but for on_over(), in which it may be closed
 * as little as in the others. */
struct fleet_handler {
        /* It has a session, without any accounts so far. Comes once. */
        void (*on_begun)(void *userdata);
        /* The account is this node's from now on, until the session is over or it is released. */
        void (*on_account)(void *userdata, const char *account);
        /* Somebody else's sources or events may have changed: every 3 s, and when that is known. */
        void (*on_look)(void *userdata);
        /*
         * The session is over, for the reason in words: nothing of it is to go on. Comes once; what
         * has not been written by then fails after that with -ESTALE, as all that is written later,
         * and what is read does not end any more. Without a handler it is told as
         * store_set_on_reach() says.
         */
        void (*on_over)(void *userdata, const char *why);
        void *userdata;
};

/* Copied. What has happened before it is told now, in the next turn of the loop. */
void store_set_fleet_handler(struct store *store, const struct fleet_handler *handler);

/*
 * The accounts that this node can poll: those that nobody has are taken, now and later; one that it
 * has and that is not among them any more is released. Copied. Returns 0 or -ENOMEM with the old
 * ones in force.
 */
int store_serve(struct store *store, const char *const accounts[], size_t n);

/*
 * Until when, on clock_boot(), this node may act in its session, as far as is known; 0: it has
 * none. Nobody else takes what it has before 7 s have passed after that.
 */
usec_t store_trusted_until(const struct store *store);

/*
 * The end of the session, which others hear of at once; behind all writes. on_done comes in any
 * case, on_over() does not.
 */
void store_leave(struct store *store, store_done_fn on_done, void *userdata);

/* ---- sources: the task files of all nodes ---- */

/* Identified by node and path. See also store_batch_put_source() and those that follow it. */
struct store_source {
        const char *node; /* only read */
        const char *path;
        const char *account;
        const char *text; /* of the file, without secrets; "" of one that is gone */
        uint64_t inode;
        int64_t mtime_ns;
        bool removes_finished; /* its file is to be removed when its task is done */
        bool is_mine;          /* of this node; only read */
        bool is_done;          /* it may be removed now: by its node; only read */
        bool is_gone;          /* only read */
};

typedef void (*store_source_fn)(void *userdata, const struct store_source *source);

/* The sources of other nodes that name the account, then the end. As store_each_task(). */
void store_each_source(struct store *store, const char *account, store_source_fn on_row,
                       store_done_fn on_end, void *userdata);
/*
 * What has changed since the last call that ended well: own sources (the first time all of them),
 * and those of others that name an account that this node has, or did before. Some may come once
 * more, and all of them after the connection was lost. As store_each_task().
 */
void store_each_changed_source(struct store *store, store_source_fn on_row, store_done_fn on_end,
                               void *userdata);

/* ---- secrets: of an account, sealed, for whichever node has it ---- */

/* error: 0, or a negative errno with sealed NULL; -ENOENT: there is none. */
typedef void (*store_secret_fn)(void *userdata, int error, const char *sealed);
/* As store_batch_put_secret() has put it. */
void store_find_secret(struct store *store, const char *account, store_secret_fn on_found,
                       void *userdata);

/* ---- nodes ---- */

struct store_node {
        const char *name, *version;
        const char *accounts; /* that it has: space-separated */
        const char *labels;   /* likewise */
        usec_t since;         /* its session began so long ago */
        usec_t silent;        /* its last beat is so long ago */
        unsigned pending;     /* deliveries that it has */
        bool is_alive, is_mine;
};

typedef void (*store_node_fn)(void *userdata, const struct store_node *node);
/* In the order of their names, then the end. As store_each_task(). */
void store_each_node(struct store *store, store_node_fn on_row, store_done_fn on_end,
                     void *userdata);
