#include "unit/core/fleet.h"

static const char *const names[FLEET_MAX] = {"a", "b", "c"};

void fleet_open(struct fleet *f, unsigned n) {
        *f = (struct fleet){.n = n};
        for (unsigned i = 0; i < n; i++)
                f->nodes[i] = core_new_node(i == 0 ? NULL : f->nodes[0], names[i]);
        for (unsigned i = 0; i < n; i++) {
                core_start(f->nodes[i]);
                fake_store_begin(f->nodes[i]->store);
        }
        f->next_look = clock_boot();
        fleet_pass(f, FLEET_LOOK);
}

void fleet_close(struct fleet *f) {
        for (unsigned i = 0; i < f->n; i++)
                core_free(f->nodes[i]);
}

void fleet_settle(struct fleet *f) {
        bool goes_on = true;

        while (goes_on) {
                goes_on = false;
                for (unsigned i = 0; i < f->n; i++) {
                        core_turn(f->nodes[i]);
                        goes_on |= fake_store_pending(f->nodes[i]->store) > 0;
                        fake_store_run(f->nodes[i]->store);
                }
        }
}

static void look(struct fleet *f) {
        if (clock_boot() < f->next_look)
                return;
        f->next_look = clock_boot() + FLEET_LOOK;
        for (unsigned i = 0; i < f->n; i++)
                fake_store_look(f->nodes[i]->store);
        fleet_settle(f);
}

void fleet_pass(struct fleet *f, usec_t span) {
        while (span > 0) {
                usec_t step = MIN(span, 100 * USEC_MSEC);

                time_pass(f->nodes[0]->timers, step);
                for (unsigned i = 1; i < f->n; i++)
                        time_pass(f->nodes[i]->timers, 0);
                fleet_settle(f);
                look(f);
                span -= step;
        }
}

void fleet_scan(struct fleet *f, struct core *c) {
        registry_scan(c->registry);
        fleet_pass(f, 2 * FLEET_LOOK);
}

void fleet_give(struct fleet *f, struct core *c, const char *account) {
        fake_store_give(c->store, account);
        fleet_pass(f, FLEET_LOOK);
}

void fleet_restart(struct fleet *f, struct core *c) {
        core_restart(c);
        fleet_settle(f);
}

void fleet_begin(struct fleet *f, struct core *c) {
        fake_store_begin(c->store);
        fleet_pass(f, FLEET_LOOK);
}

void fleet_answer(struct fleet *f, struct core *c, const char *task_id, int status) {
        core_answer(c, task_id, status);
        fleet_settle(f);
}

void fleet_run_hooks(struct fleet *f) {
        while (core_run_line(0)) {
                core_end_run(HOOK_DONE);
                fleet_settle(f);
        }
        fleet_pass(f, 2 * FLEET_LOOK);
}

const struct store_source *fleet_source(struct core *c, const char *directory, const char *name) {
        CLEANUP(freep)
        char *path = str_printf("%s/%s/%s.task", c->directory, directory, name);

        return fake_store_source(c->store, fake_store_node(c->store), path);
}
