#include "koowatchd/control/failed-runs.h"

#include <errno.h>

#include "common/util.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/task-view.h"
#include "koowatchd/store/store.h"

static void on_run(void *userdata, const struct store_run *run) {
        struct failed_runs *s = userdata;

        /* NULL from when memory was short. */
        if (s->runs && !build_append(s->runs, view_of_run(run)))
                json_object_put(STEAL_PTR(s->runs));
}

static void on_runs_end(void *userdata, int error) {
        struct failed_runs *s = userdata;
        CLEANUP(json_object_putp) json_object *runs = STEAL_PTR(s->runs);

        if (error == 0 && (!runs || !view_add_failed_runs(s->view, runs)))
                error = -ENOMEM;
        s->on_end(s, error);
}

void failed_runs_read(struct failed_runs *s, const char *event_id, json_object *view) {
        s->view = view;
        s->runs = json_object_new_array();
        store_each_run(s->store, event_id, on_run, on_runs_end, s);
}

void failed_runs_close(struct failed_runs *s) {
        json_object_put(STEAL_PTR(s->runs));
}
