#include "koowatchd/store-postgresql/store-postgresql.h"

#include <errno.h>

#include "koowatchd/store-postgresql/pg-conninfo.h"
#include "koowatchd/store-postgresql/pg-pipe.h"
#include "koowatchd/store-postgresql/pg-session.h"
#include "koowatchd/store/store-backend.h"
#include "koowatchd/store/store-batch.h"

struct pg_store {
        struct store store; /* first: the store is found again from it */
        struct pg_pipe *pipe;
        struct pg_session session;
        /* What it has itself is to be read: the answer to a claim may have been lost. */
        bool wants_own;
        LIST_HEAD(, pending) pending;
};

/* One call of store_each_pending(). */
struct pending {
        LIST_ENTRY(pending) link;
        struct pg_store *store;
        void (*on_row)(void *userdata, const char *event_id, const struct store_delivery *delivery);
        store_done_fn on_end;
        void *userdata;
};

static struct pg_store *pg_store_of(struct store *store) {
        return (struct pg_store *) store;
}

static void ask(struct store *store, enum pg_statement statement,
                const struct pg_callbacks *callbacks, const struct pg_arguments *arguments) {
        struct pg_job *job = pg_job_new(statement, callbacks, arguments);

        if (job)
                pg_pipe_submit(pg_store_of(store)->pipe, job);
        else
                pg_callbacks_fail(statement, callbacks, -ENOMEM);
}

static void pg_write(struct store *store, struct store_batch *taken, store_done_fn on_done,
                     void *userdata) {
        CLEANUP(store_batch_freep) struct store_batch *batch = taken;
        const struct pg_callbacks callbacks = {.done = on_done, .userdata = userdata};
        struct pg_job *job = NULL;

        if (!store_batch_is_empty(batch))
                job = pg_job_new(PG_BEGIN_BATCH, &callbacks, &(struct pg_arguments){});
        if (!job) {
                on_done(userdata, store_batch_is_empty(batch) ? 0 : -ENOMEM);
                return;
        }
        job->batch = STEAL_PTR(batch);
        pg_pipe_submit(pg_store_of(store)->pipe, job);
}

static void pg_find_task(struct store *store, const struct store_key *key, store_found_fn on_found,
                         void *userdata) {
        ask(store, PG_FIND_TASK, &(struct pg_callbacks){.on.found = on_found, .userdata = userdata},
            &(struct pg_arguments){
                    .n_texts = 3,
                    .texts = {key->account, key->share_id, key->task_id},
            });
}

static void pg_each_task(struct store *store,
                         void (*on_row)(void *userdata, const struct store_key *key),
                         store_done_fn on_end, void *userdata) {
        ask(store, PG_EACH_TASK,
            &(struct pg_callbacks){.done = on_end, .on.task = on_row, .userdata = userdata},
            &(struct pg_arguments){});
}

static void pg_get_event(struct store *store, const char *event_id, store_event_fn on_event,
                         void *userdata) {
        ask(store, PG_GET_EVENT, &(struct pg_callbacks){.on.event = on_event, .userdata = userdata},
            &(struct pg_arguments){.n_texts = 1, .texts = {event_id}});
}

static void end_pending(struct pending *pending, int error) {
        CLEANUP(freep) struct pending *ended = pending;

        LIST_REMOVE(ended, link);
        ended->on_end(ended->userdata, error);
}

static void on_own(void *userdata, const char *event_id, const struct store_delivery *delivery) {
        struct pending *pending = userdata;

        pending->on_row(pending->userdata, event_id, delivery);
}

static void on_own_end(void *userdata, int error) {
        struct pending *pending = userdata;

        pending->store->wants_own &= error < 0;
        end_pending(pending, error);
}

/* Those come among its own, too. */
static void on_claimed(void *userdata, const char *event_id,
                       const struct store_delivery *delivery) {
        struct pending *pending = userdata;

        if (!pending->store->wants_own)
                pending->on_row(pending->userdata, event_id, delivery);
}

static void on_claimed_end(void *userdata, int error) {
        struct pending *pending = userdata;
        const struct pg_callbacks callbacks = {
                .done = on_own_end, .on.pending = on_own, .userdata = pending};

        if (error == 0 && pending->store->wants_own)
                ask(&pending->store->store, PG_EACH_OWN, &callbacks, &(struct pg_arguments){});
        else
                end_pending(pending, error);
}

static void pg_each_pending(struct store *store,
                            void (*on_row)(void *userdata, const char *event_id,
                                           const struct store_delivery *delivery),
                            store_done_fn on_end, void *userdata) {
        struct pending *pending = calloc(1, sizeof(*pending));
        const struct pg_callbacks callbacks = {
                .done = on_claimed_end, .on.pending = on_claimed, .userdata = pending};

        if (!pending) {
                on_end(userdata, -ENOMEM);
                return;
        }
        pending->store = pg_store_of(store);
        pending->on_row = on_row;
        pending->on_end = on_end;
        pending->userdata = userdata;
        LIST_INSERT_HEAD(&pending->store->pending, pending, link);
        ask(store, PG_CLAIM, &callbacks, &(struct pg_arguments){});
}

static void pg_each_latest(struct store *store, unsigned most,
                           void (*on_row)(void *userdata, const char *body), store_done_fn on_end,
                           void *userdata) {
        ask(store, PG_EACH_LATEST,
            &(struct pg_callbacks){.done = on_end, .on.body = on_row, .userdata = userdata},
            &(struct pg_arguments){.n_numbers = 1, .numbers = {most}});
}

static void pg_find_event(struct store *store, const char *event_id, store_event_found_fn on_found,
                          void *userdata) {
        ask(store, PG_FIND_EVENT,
            &(struct pg_callbacks){.on.event_found = on_found, .userdata = userdata},
            &(struct pg_arguments){.n_texts = 1, .texts = {event_id}});
}

static void pg_each_event(struct store *store, int64_t before, unsigned most,
                          store_event_row_fn on_row, store_done_fn on_end, void *userdata) {
        ask(store, PG_EACH_EVENT,
            &(struct pg_callbacks){.done = on_end, .on.event_row = on_row, .userdata = userdata},
            &(struct pg_arguments){.n_numbers = 2, .numbers = {before, most}});
}

static void pg_each_run(struct store *store, const char *event_id, store_run_fn on_row,
                        store_done_fn on_end, void *userdata) {
        ask(store, PG_EACH_RUN,
            &(struct pg_callbacks){.done = on_end, .on.run = on_row, .userdata = userdata},
            &(struct pg_arguments){.n_texts = 1, .texts = {event_id}});
}

static void pg_count(struct store *store, store_counted_fn on_counted, void *userdata) {
        ask(store, PG_COUNT, &(struct pg_callbacks){.on.counted = on_counted, .userdata = userdata},
            &(struct pg_arguments){});
}

/* ---- of a fleet ---- */

static void pg_set_handler(struct store *store, const struct fleet_handler *handler) {
        pg_session_set_handler(&pg_store_of(store)->session, handler);
}

static int pg_serve(struct store *store, const char *const accounts[], size_t n) {
        return pg_session_serve(&pg_store_of(store)->session, accounts, n);
}

static usec_t pg_trusted_until(const struct store *store) {
        return pg_lease_end(&((const struct pg_store *) store)->session.lease);
}

static void pg_leave(struct store *store, store_done_fn on_done, void *userdata) {
        pg_session_leave(&pg_store_of(store)->session, on_done, userdata);
}

static void pg_each_source(struct store *store, const char *account, store_source_fn on_row,
                           store_done_fn on_end, void *userdata) {
        ask(store, PG_EACH_SOURCE,
            &(struct pg_callbacks){.done = on_end, .on.source = on_row, .userdata = userdata},
            &(struct pg_arguments){.n_texts = 1, .texts = {account}});
}

static void pg_each_changed_source(struct store *store, store_source_fn on_row,
                                   store_done_fn on_end, void *userdata) {
        ask(store, PG_EACH_CHANGED_SOURCE,
            &(struct pg_callbacks){.done = on_end, .on.source = on_row, .userdata = userdata},
            &(struct pg_arguments){});
}

static void pg_find_secret(struct store *store, const char *account, store_secret_fn on_found,
                           void *userdata) {
        ask(store, PG_FIND_SECRET,
            &(struct pg_callbacks){.on.secret = on_found, .userdata = userdata},
            &(struct pg_arguments){.n_texts = 1, .texts = {account}});
}

static void pg_each_node(struct store *store, store_node_fn on_row, store_done_fn on_end,
                         void *userdata) {
        ask(store, PG_EACH_NODE,
            &(struct pg_callbacks){.done = on_end, .on.node = on_row, .userdata = userdata},
            &(struct pg_arguments){});
}

/* ---- the whole ---- */

static const char *pg_error(const struct store *store) {
        return pg_pipe_error(((const struct pg_store *) store)->pipe);
}

bool postgresql_store_is_idle(const struct store *store) {
        return pg_pipe_is_idle(((const struct pg_store *) store)->pipe);
}

static void pg_close(struct store *store) {
        struct pg_store *s = pg_store_of(store);
        struct pending *pending;

        pg_pipe_free(s->pipe);
        pg_session_close(&s->session);
        while ((pending = LIST_FIRST(&s->pending))) {
                LIST_REMOVE(pending, link);
                free(pending);
        }
        free(s);
}

static void on_reach(void *userdata, int error) {
        store_report_reach(userdata, error);
}

static void on_ready(void *userdata, usec_t asked) {
        struct pg_store *s = userdata;

        s->wants_own = true;
        pg_session_ready(&s->session, asked);
}

static void on_notified(void *userdata) {
        pg_session_notified(&((struct pg_store *) userdata)->session);
}

static void on_over(void *userdata, const char *why) {
        pg_session_over(&((struct pg_store *) userdata)->session, why);
}

static int open_parts(struct pg_store *s, const struct store_module_settings *settings,
                      char **ret_name, char **ret_problem) {
        const struct pg_pipe_handler handler = {on_reach, on_ready, on_notified, on_over, s};
        int r = pg_pipe_new(settings, &handler, &s->pipe, ret_name, ret_problem);

        s->session = (struct pg_session){
                .timers = settings->timers, .pipe = s->pipe, .store = &s->store};
        return r < 0 ? r : pg_session_open(&s->session);
}

int koowatch_store_check(const char *connection, char **ret_problem) {
        struct pg_conninfo conninfo;
        int r = pg_conninfo_parse(connection, &conninfo, ret_problem);

        pg_conninfo_clear(&conninfo);
        return r;
}

int koowatch_store_open(const struct store_module_settings *settings, struct store **ret,
                        char **ret_name, char **ret_problem) {
        static const struct store_fleet_backend fleet = {
                .set_handler = pg_set_handler,
                .serve = pg_serve,
                .trusted_until = pg_trusted_until,
                .leave = pg_leave,
                .each_source = pg_each_source,
                .each_changed_source = pg_each_changed_source,
                .find_secret = pg_find_secret,
                .each_node = pg_each_node,
        };
        static const struct store_backend backend = {
                .error = pg_error,
                .close = pg_close,
                .write = pg_write,
                .find_task = pg_find_task,
                .each_task = pg_each_task,
                .get_event = pg_get_event,
                .each_pending = pg_each_pending,
                .each_latest = pg_each_latest,
                .find_event = pg_find_event,
                .each_event = pg_each_event,
                .each_run = pg_each_run,
                .count = pg_count,
                .fleet = &fleet,
        };
        CLEANUP(store_closep) struct store *store = NULL;
        struct pg_store *s;
        int r;

        if (!streq(settings->version, KOOWATCH_VERSION)) {
                *ret_problem = str_printf("the module is of version %s, koowatchd of %s",
                                          KOOWATCH_VERSION, settings->version);
                return -ELIBBAD;
        }
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->store.backend = &backend;
        store = &s->store;
        r = open_parts(s, settings, ret_name, ret_problem);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(store);
        return 0;
}
