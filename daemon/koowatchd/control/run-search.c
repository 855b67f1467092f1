#include "koowatchd/control/run-search.h"

#include <errno.h>

#include "koowatchd/control/build.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/store.h"

static bool is_of_name(const struct run_search *s, const struct store_event *stored) {
        CLEANUP(json_object_putp) json_object *event = NULL;
        const char *name;

        if (!strstr(stored->body, s->member) || event_parse(stored->body, &event) < 0)
                return false;
        name = event_string(event, "name");
        return name && streq(name, s->name);
}

static bool on_event(struct event_walk *walk, const struct store_event *stored) {
        struct run_search *s = container_of(walk, struct run_search, walk);

        if (!is_of_name(s, stored))
                return true;
        (void) snprintf(s->event_id, sizeof(s->event_id), "%s", stored->event_id);
        return false;
}

static void on_end(struct event_walk *walk, int error) {
        struct run_search *s = container_of(walk, struct run_search, walk);

        s->on_end(s, error == 0 && !*s->event_id ? -ENOENT : error);
}

int run_search_open(struct run_search *s, struct timers *timers) {
        s->walk.before = INT64_MAX;
        s->walk.on_event = on_event;
        s->walk.on_end = on_end;
        s->member = str_printf("\"name\":\"%s\"", s->name);
        return s->member ? event_walk_open(&s->walk, timers) : -ENOMEM;
}

void run_search_close(struct run_search *s) {
        event_walk_close(&s->walk);
        free(s->member);
}

void run_search_begin(struct run_search *s) {
        event_walk_begin(&s->walk);
}
