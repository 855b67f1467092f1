#include "koowatchd/import.h"

#include <errno.h>
#include <ev.h>
#include <sysexits.h>

#include "common/config.h"
#include "common/log.h"
#include "koowatchd/database.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/state-directory.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/sqlite-store.h"
#include "koowatchd/store/store-batch.h"

#define BATCH_MAX 100 /* events or tasks in a transaction */
#define EVENTS_AT_ONCE 1000

struct key {
        char *account, *share_id, *task_id;
};

/*
 * All names are read first, then what belongs to each is fetched and written, one after the other:
 * events in the order in which they were put.
 */
struct import {
        struct store *from, *to;
        struct ev_loop *loop;
        const char *from_name, *to_name;
        char (*ids)[EVENT_ID_LENGTH + 1]; /* the last first */
        struct key *keys;
        size_t n_ids, n_keys; /* that are left */
        int64_t before;       /* of the event that was read last */
        struct store_batch *batch;
        unsigned in_batch;
        unsigned events, tasks, known; /* moved; there already */
        bool is_reached, is_running, is_waiting, has_left, is_over;
        int error;
};

static void fail(struct import *im, const char *name, int error, const char *why) {
        if (!im->is_over)
                log_error("%s: %s; what has been moved is left alone when this is run again", name,
                          str_empty(why) ? strerror(-error) : why);
        im->error = error;
        im->is_over = true;
}

/* ---- names ---- */

static void on_event_name(void *userdata, const struct store_event *event) {
        struct import *im = userdata;
        void *grown = im->ids;

        if (im->error < 0)
                return;
        if (im->n_ids % EVENTS_AT_ONCE == 0)
                grown = reallocarray(im->ids, im->n_ids + EVENTS_AT_ONCE, sizeof(*im->ids));
        if (!grown) {
                im->error = -ENOMEM;
                return;
        }
        im->ids = grown;
        (void) snprintf(im->ids[im->n_ids++], sizeof(*im->ids), "%s", event->event_id);
        im->before = event->number;
}

static void on_key(void *userdata, const struct store_key *key) {
        struct import *im = userdata;
        struct key *grown = im->keys;

        if (im->error < 0)
                return;
        if (im->n_keys % EVENTS_AT_ONCE == 0)
                grown = reallocarray(im->keys, im->n_keys + EVENTS_AT_ONCE, sizeof(*grown));
        if (!grown) {
                im->error = -ENOMEM;
                return;
        }
        im->keys = grown;
        grown += im->n_keys++;
        *grown = (struct key){strdup(key->account), strdup(key->share_id), strdup(key->task_id)};
        if (!grown->account || !grown->share_id || !grown->task_id)
                im->error = -ENOMEM;
}

static void on_names_end(void *userdata, int error) {
        struct import *im = userdata;

        if (error < 0)
                im->error = error;
}

static void read_names(struct import *im) {
        size_t before;

        im->before = INT64_MAX;
        do {
                before = im->n_ids;
                store_each_event(im->from, im->before, EVENTS_AT_ONCE, on_event_name, on_names_end,
                                 im);
        } while (im->error == 0 && im->n_ids > before);
        if (im->error == 0)
                sqlite_store_each_known(im->from, on_key, on_names_end, im);
        if (im->error < 0)
                fail(im, im->from_name, im->error, store_error(im->from));
}

/* ---- what belongs to them, read at once ---- */

static void note(struct import *im, int error) {
        if (error < 0)
                fail(im, im->from_name, error, error == -ENOMEM ? "" : store_error(im->from));
}

static void on_run(void *userdata, const struct store_run *run) {
        struct import *im = userdata;

        note(im, store_batch_put_run(im->batch, im->ids[im->n_ids], run));
}

static void on_runs_end(void *userdata, int error) {
        note(userdata, error);
}

static void on_event(void *userdata, int found, const struct store_event *event) {
        struct import *im = userdata;
        int r = found;

        if (found > 0)
                r = store_batch_put_event(im->batch, event->event_id, event->body, NULL,
                                          event->delivery.finished);
        if (found > 0 && r == 0)
                r = store_batch_put_delivery(im->batch, event->event_id, &event->delivery);
        if (found > 0 && r == 0 && event->samples)
                r = store_batch_put_samples(im->batch, event->event_id, event->samples);
        note(im, r);
        im->events += found > 0;
}

static struct store_key key_of(const struct key *key) {
        return (struct store_key){key->account, key->share_id, key->task_id};
}

static void on_task(void *userdata, int found, const struct store_task *task) {
        struct import *im = userdata;
        const struct store_key key = key_of(&im->keys[im->n_keys]);
        int r = found;

        if (found > 0)
                r = store_batch_put_task(im->batch, &key, task->name, task);
        if (found > 0 && r == 0 && task->gone)
                r = task->is_away ? store_batch_miss_task(im->batch, &key, clock_wall())
                                  : store_batch_drop_task(im->batch, &key, clock_wall());
        note(im, r);
        im->tasks += found > 0;
}

/* ---- to the other store ---- */

static void run(struct import *im);

/* From a callback of the other store: it may have come at once, or from the loop. */
static void go_on(struct import *im) {
        im->is_waiting = false;
        if (!im->is_running)
                run(im);
}

static void on_written(void *userdata, int error) {
        struct import *im = userdata;

        if (error < 0)
                fail(im, im->to_name, error, store_error(im->to));
        go_on(im);
}

static void on_event_known(void *userdata, int found, const struct store_event *event) {
        struct import *im = userdata;
        const char *id = im->ids[im->n_ids];

        (void) event;
        if (found < 0)
                fail(im, im->to_name, found, store_error(im->to));
        im->known += found > 0;
        if (found == 0) {
                store_find_event(im->from, id, on_event, im);
                store_each_run(im->from, id, on_run, on_runs_end, im);
                im->in_batch++;
        }
        go_on(im);
}

static void on_task_known(void *userdata, int found, const struct store_task *task) {
        struct import *im = userdata;
        const struct store_key key = key_of(&im->keys[im->n_keys]);

        (void) task;
        if (found < 0)
                fail(im, im->to_name, found, store_error(im->to));
        im->known += found > 0;
        if (found == 0) {
                store_find_task(im->from, &key, on_task, im);
                im->in_batch++;
        }
        go_on(im);
}

static void on_counted(void *userdata, int error, const struct store_counts *counts) {
        struct import *im = userdata;

        (void) counts;
        if (error < 0)
                fail(im, im->to_name, error, store_error(im->to));
        im->is_reached = true;
        go_on(im);
}

/* Or what has been moved waits until this is known to be gone. */
static void on_left(void *userdata, int error) {
        struct import *im = userdata;

        (void) error;
        im->has_left = true;
        go_on(im);
}

static void step(struct import *im) {
        struct store_key key;

        im->is_waiting = true;
        if (!im->is_reached) { /* also where there is nothing to move */
                store_count(im->to, on_counted, im);
        } else if (im->in_batch >= BATCH_MAX || (im->n_ids + im->n_keys == 0 && im->in_batch > 0)) {
                struct store_batch *batch = im->batch;

                im->in_batch = 0;
                im->batch = store_batch_new();
                store_write(im->to, batch, on_written, im);
                if (!im->batch)
                        note(im, -ENOMEM);
        } else if (im->n_ids > 0) {
                im->n_ids--;
                store_find_event(im->to, im->ids[im->n_ids], on_event_known, im);
        } else if (im->n_keys > 0) {
                im->n_keys--;
                key = key_of(&im->keys[im->n_keys]);
                store_find_task(im->to, &key, on_task_known, im);
        } else if (!im->has_left && store_is_shared(im->to)) {
                store_leave(im->to, on_left, im);
        } else {
                im->is_over = true;
        }
}

static void run(struct import *im) {
        im->is_running = true;
        while (!im->is_over && !im->is_waiting)
                step(im);
        im->is_running = false;
        if (im->is_over)
                ev_break(im->loop, EVBREAK_ALL);
}

static void on_reach(void *userdata, int error) {
        struct import *im = userdata;

        if (error == 0)
                return;
        fail(im, im->to_name, error, store_error(im->to));
        ev_break(im->loop, EVBREAK_ALL);
}

/* ---- the whole ---- */

static void import_clear(struct import *im) {
        free(im->ids);
        for (size_t i = 0; im->keys && i < im->n_keys; i++) {
                free(im->keys[i].account);
                free(im->keys[i].share_id);
                free(im->keys[i].task_id);
        }
        free(im->keys);
        store_batch_free(im->batch);
}

static int move_all(struct import *im) {
        const size_t n_keys = im->n_keys;

        store_set_on_reach(im->to, on_reach, im);
        im->batch = store_batch_new();
        if (!im->batch)
                fail(im, im->from_name, -ENOMEM, "");
        run(im);
        if (!im->is_over)
                (void) ev_run(im->loop, 0);
        im->n_keys = n_keys; /* all of them are there yet */
        return im->error;
}

static int finish(struct import *im) {
        CLEANUP(freep) char *aside = str_printf("%s.imported", im->from_name);

        store_close(STEAL_PTR(im->from)); /* with which its log is emptied */
        if (!aside || rename(im->from_name, aside) < 0) {
                log_error("%s: all of it was moved, but it cannot be renamed (%m); move it away",
                          im->from_name);
                return -errno;
        }
        (void) printf("%u outcomes and %u tasks moved from %s to %s, %u were there already; it is "
                      "%s now\n",
                      im->events, im->tasks, im->from_name, im->to_name, im->known, aside);
        return 0;
}

static int open_both(struct import *im, struct database *database, struct timers *timers,
                     const struct config *config, const char *path, char **ret_name) {
        int r = access(path, R_OK) < 0 ? -errno : sqlite_store_open(path, NULL, &im->from);

        if (r < 0) {
                log_error("%s: cannot open (%s)%s", path,
                          im->from ? store_error(im->from) : strerror(-r), store_advice(r));
                return r;
        }
        return database_open(database, config, im->loop, timers, &im->to, ret_name);
}

static int import_with(const struct config *config, const char *path) {
        struct import im = {.from_name = path, .loop = ev_default_loop(EVFLAG_AUTO)};
        CLEANUP(freep) char *name = NULL;
        struct database database = {};
        struct timers *timers = NULL;
        int r;

        r = im.loop ? timers_new(im.loop, &timers) : -ENOMEM;
        if (r < 0)
                log_error("cannot import: %s", strerror(-r));
        else
                r = open_both(&im, &database, timers, config, path, &name);
        if (r == 0) {
                im.to_name = name;
                read_names(&im);
                r = im.error;
        }
        if (r == 0)
                r = move_all(&im);
        if (r == 0)
                r = finish(&im);
        import_clear(&im);
        store_close(im.to);
        store_close(im.from);
        timers_free(timers);
        return r;
}

int import_store(const char *config_path, bool config_required, const char *path) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct state_directory state = {.fd = -1};
        int r;

        r = config_read(config_path, config_required, &account_keys, config_log_fault, NULL,
                        &config);
        if (r < 0)
                return r == -EBADMSG ? EX_CONFIG : EXIT_FAILURE;
        if (config->store_backend == BACKEND_SQLITE) {
                log_error("%s: there is nothing to move to: set Backend=postgresql in [Store]",
                          config_path);
                return EX_CONFIG;
        }
        r = state_directory_open(config->state_directory, false, &state); /* no daemon runs */
        if (r == 0)
                r = import_with(config, path);
        state_directory_close(&state);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
