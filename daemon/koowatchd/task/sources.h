#pragma once
/*
 * Sources: the task files of this node, made known to those that share its store
 *
 * What the store has of them is told once at the start; from then on each file that is valid is
 * written there when it has changed, and forgotten when it is gone. One with a KdsToken= stays
 * here: no token is put into a database.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/callback.h"

struct entries;
struct store_batch;
struct store_source;
struct taskdir;
struct taskdir_file;

struct sources {
        struct taskdir *taskdir;
        const struct entries *entries;
        struct callback on_dirty; /* there is something to write */
        STAILQ_HEAD(source_changes, source_change) changes;
        struct source_changes in_doubt; /* their files may have gone, or could not be removed */
        bool are_known;                 /* what the store has of this node */
        bool has_missed;                /* a change, for lack of memory: all is to begin anew */
};

/* Borrows all. */
void sources_init(struct sources *sources, struct taskdir *taskdir, const struct entries *entries);
void sources_clear(struct sources *sources);

/*
 * The store has this one of this node. It is removed if it is done; what is no file of ours, or
 * cannot be removed, is in doubt.
 */
void sources_found(struct sources *sources, const struct store_source *source);
/* All directories have been read: what is in doubt and not in one that is there has gone, and what
 * could not be removed is tried again. */
void sources_judge(struct sources *sources);
/* That was all: what it does not have as it is follows. */
void sources_all_found(struct sources *sources);

/* A file was read, or has gone. */
void sources_note(struct sources *sources, struct taskdir_file *file);
void sources_forget(struct sources *sources, const struct taskdir_file *file);
/* Its task is done: the node that has the file is to remove it. */
void sources_finish(struct sources *sources, struct taskdir_file *remote);

/*
 * As registry_collect() and registry_committed(). *ret_drops is set when another node may forget a
 * task then, else left alone.
 */
int sources_collect(struct sources *sources, struct store_batch *batch, bool *ret_drops);
void sources_committed(struct sources *sources, bool written);
