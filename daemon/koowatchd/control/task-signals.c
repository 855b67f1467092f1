#include "koowatchd/control/task-signals.h"

#include <errno.h>
#include <sys/queue.h>

#include "common/index.h"
#include "common/json.h"
#include "koowatchd/bus/bus.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/slice.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-facts.h"

/* Until the bus has read what it was sent before. */
#define PAUSE (10 * USEC_MSEC)

struct note {
        TAILQ_ENTRY(note) link;
        const char *signal;
        json_object *facts; /* NULL: those of when it is told */
        bool is_latest;     /* of its name, and so in the index */
        char name[];
};

struct task_signals {
        struct bus *bus;
        const struct registry *registry;
        struct slice slice;
        TAILQ_HEAD(note_list, note) notes;
        struct index latest;
};

static uint64_t note_hash(const void *note) {
        return hash_text(((const struct note *) note)->name, HASH_START);
}

static bool is_of_name(const void *note, const void *name) {
        return streq(((const struct note *) note)->name, name);
}

static void forget_latest(struct task_signals *s, struct note *note) {
        if (note && note->is_latest)
                index_remove(&s->latest, note);
        if (note)
                note->is_latest = false;
}

static void note_free(struct task_signals *s, struct note *note) {
        forget_latest(s, note);
        TAILQ_REMOVE(&s->notes, note, link);
        json_object_put(note->facts);
        free(note);
}

static json_object *facts_of(const struct task_signals *s, const char *name) {
        CLEANUP(json_object_putp) json_object *view = json_object_new_object();
        struct task_facts facts;

        if (!view || !build_add_string(view, "name", name))
                return NULL;
        if (task_facts_find(registry_enrollment(s->registry), name, &facts) &&
            (!build_add_string(view, "state", task_shown_name(facts.state)) ||
             (facts.is_watched && !build_add_known(view, "progress", facts.watch.progress))))
                return NULL;
        return STEAL_PTR(view);
}

static enum slice_step step(struct slice *slice) {
        struct task_signals *s = container_of(slice, struct task_signals, slice);
        struct note *first = TAILQ_FIRST(&s->notes);
        json_object *facts;

        if (!first)
                return SLICE_WAIT;
        if (bus_is_behind(s->bus)) {
                slice_run_later(&s->slice, PAUSE);
                return SLICE_WAIT;
        }
        if (bus_is_heard(s->bus)) {
                facts = first->facts ? STEAL_PTR(first->facts) : facts_of(s, first->name);
                bus_emit(s->bus, first->signal, facts ? build_reply_of(facts) : NULL);
        }
        note_free(s, first);
        return SLICE_GO_ON;
}

/* Takes facts over. Without memory it is not told. */
static void add(struct task_signals *s, const char *signal, const char *name, json_object *facts) {
        struct note *note = calloc(1, sizeof(*note) + strlen(name) + 1);

        if (!note) {
                json_object_put(facts);
                return;
        }
        note->signal = signal;
        note->facts = facts;
        memcpy(note->name, name, strlen(name) + 1);
        forget_latest(s, index_find(&s->latest, note_hash(note), is_of_name, name));
        note->is_latest = index_add(&s->latest, note) == 0;
        TAILQ_INSERT_TAIL(&s->notes, note, link);
        slice_run_later(&s->slice, 0);
}

void task_signals_note(struct task_signals *s, enum registry_change change, const char *name) {
        static const char *const names[] = {
                [REGISTRY_ADDED] = "TaskAdded",
                [REGISTRY_CHANGED] = "TaskChanged",
                [REGISTRY_REMOVED] = "TaskRemoved",
        };
        const struct note *latest;

        if (!bus_is_heard(s->bus))
                return;
        latest = index_find(&s->latest, hash_text(name, HASH_START), is_of_name, name);
        if (change == REGISTRY_CHANGED && latest && !latest->facts &&
            latest->signal != names[REGISTRY_REMOVED])
                return; /* that will tell it */
        add(s, names[change], name, NULL);
}

void task_signals_finished(struct task_signals *s, json_object *event) {
        static const char *const names[] = {"name",   "progress",       "outcome",
                                            "result", "taskResultCode", NULL};
        const char *name = json_get_string(event, "name");
        json_object *facts;

        if (!name || !bus_is_heard(s->bus))
                return;
        facts = json_object_new_object();
        if (facts && build_share(facts, event, names) &&
            build_add_string(facts, "state", task_shown_name(TASK_FINISHED)))
                add(s, "TaskFinished", name, facts);
        else
                json_object_put(facts);
}

int task_signals_new(struct timers *timers, struct bus *bus, const struct registry *registry,
                     struct task_signals **ret) {
        struct task_signals *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->bus = bus;
        s->registry = registry;
        TAILQ_INIT(&s->notes);
        index_init(&s->latest, note_hash);
        r = slice_open(&s->slice, timers, step);
        if (r < 0)
                free(s);
        else
                *ret = s;
        return r;
}

void task_signals_free(struct task_signals *s) {
        if (!s)
                return;
        while (!TAILQ_EMPTY(&s->notes))
                note_free(s, TAILQ_FIRST(&s->notes));
        index_clear(&s->latest);
        slice_close(&s->slice);
        free(s);
}
