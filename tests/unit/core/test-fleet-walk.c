/*
 * A fleet against its model, with random moves: files come and go on all nodes, nodes are killed,
 * sessions end before, while and after an outcome is written. Each run of a task has one outcome,
 * which is delivered, and none is forgotten.
 */
#include <errno.h>

#include "unit/core/fleet.h"
#include "unit/seeds.h"

#define NODES 2
#define DIRS 2
#define NAMES 3
#define TASKS 6 /* half of them in each directory */
#define STEPS 100
#define NONE (-1)

static const char *const dirs[DIRS] = {"low", "state"}; /* the last one is volatile */

enum model_state { ABSENT, ACTIVE, DONE };

struct game {
        struct fleet fleet;
        uint64_t seed;
        bool is_down[NODES];
        int owner;                     /* of the account; NONE: nobody */
        int files[NODES][DIRS][NAMES]; /* which task a file is about */
        enum model_state tasks[TASKS];
        unsigned outcomes;
        bool has_failed; /* the last run of a hook */
};

static unsigned roll(struct game *g, unsigned n) {
        return (unsigned) (random_next(&g->seed) >> 16) % n;
}

static void note(const char *text, int a, int b, int c) {
        if (getenv("KOOWATCH_TRACE"))
                print_message("# %s %d %d %d\n", text, a, b, c);
}

static struct core *node(struct game *g, int n) {
        return g->fleet.nodes[n];
}

static const char *id_of(int task) {
        static char text[4][16];
        static unsigned next;

        next = (next + 1) % ARRAY_LEN(text);
        (void) snprintf(text[next], sizeof(text[0]), "t%d", task);
        return text[next];
}

/* Two directories have no name in common: none hides a file of the other. */
static const char *name_of(int dir, int name) {
        static char text[16];

        (void) snprintf(text, sizeof(text), "%s%d", dirs[dir], name);
        return text;
}

/* ---- the model ---- */

static bool has_file(const struct game *g, int task) {
        for (int n = 0; n < NODES; n++)
                for (int d = 0; d < DIRS; d++)
                        for (int i = 0; i < NAMES; i++)
                                if (g->files[n][d][i] == task)
                                        return true;
        return false;
}

static void settle_task(struct game *g, int task) {
        int dir = task % DIRS;

        if (g->tasks[task] == DONE && dir == DIRS - 1)
                for (int n = 0; n < NODES; n++)
                        for (int i = 0; i < NAMES; i++)
                                if (g->files[n][dir][i] == task)
                                        g->files[n][dir][i] = NONE;
        if (!has_file(g, task))
                g->tasks[task] = ABSENT;
        else if (g->tasks[task] == ABSENT)
                g->tasks[task] = ACTIVE;
}

/* ---- the real one ---- */

static void stop(struct game *g, int n) {
        note("kill", n, 0, 0);
        core_stop(node(g, n));
        fake_store_restart(node(g, n)->store);
        g->is_down[n] = true;
        if (g->owner == n)
                g->owner = NONE;
}

static void start(struct game *g, int n) {
        note("start", n, 0, 0);
        core_start(node(g, n));
        fake_store_begin(node(g, n)->store);
        g->is_down[n] = false;
}

static void pass(struct game *g, usec_t span) {
        struct fleet alive = {.next_look = g->fleet.next_look};

        for (int n = 0; n < NODES; n++)
                if (!g->is_down[n])
                        alive.nodes[alive.n++] = node(g, n);
        fleet_pass(&alive, span);
        g->fleet.next_look = alive.next_look;
}

static void give(struct game *g, int n) {
        note("give", n, 0, 0);
        while (!fake_store_serves(node(g, n)->store, "default"))
                pass(g, FLEET_LOOK);
        fake_store_give(node(g, n)->store, "default");
        g->owner = n;
}

/* None is given up: that takes three failures in a row. */
static void end_runs(struct game *g) {
        while (core_run_line(0)) {
                g->has_failed = !g->has_failed && roll(g, 4) == 0;
                core_end_run(g->has_failed ? HOOK_FAILED : HOOK_DONE);
                pass(g, 100 * USEC_MSEC);
        }
}

/* Until nothing is left to happen. */
static void quiesce(struct game *g) {
        for (int n = 0; n < NODES; n++) {
                if (!g->is_down[n] && node(g, n)->over > 0)
                        stop(g, n);
                node(g, n)->over = 0;
                if (g->is_down[n])
                        start(g, n);
        }
        if (g->owner == NONE)
                give(g, (int) roll(g, NODES));
        /* What is done elsewhere is looked up within 16 looks, and its file is seen to have gone.
         */
        for (unsigned idle = 0, turns = 0; idle < 20; idle++) {
                assert_true(turns++ < 200);
                for (int n = 0; n < NODES; n++)
                        registry_scan(node(g, n)->registry);
                pass(g, 5 * USEC_SEC);
                if (core_run_line(0))
                        idle = 0;
                end_runs(g);
        }
}

static void check_event(struct game *g, const struct store_task *row) {
        const struct store_delivery *delivery = fake_store_event(node(g, 0)->store, row->event_id);

        assert_non_null(delivery);
        assert_true(delivery->told);
        assert_int_equal(delivery->state, DELIVERY_DONE);
}

static void check_task(struct game *g, int task) {
        const struct store_task *row = core_row(node(g, 0), id_of(task));
        enum model_state is = !row || row->gone ? ABSENT : *row->event_id ? DONE : ACTIVE;

        if (is != g->tasks[task])
                fail_msg("%s: is %d in the store, the model says %d", id_of(task), is,
                         g->tasks[task]);
        if (is == DONE)
                check_event(g, row);
        for (int n = 0; n < NODES; n++)
                if (core_is_asked(node(g, n), id_of(task)) && (is != ACTIVE || n != g->owner))
                        fail_msg("%s: asked about by %d", id_of(task), n);
}

static void check(struct game *g) {
        unsigned active = 0, done = 0;
        struct registry_counts counts = registry_count(node(g, g->owner)->registry);

        for (int t = 0; t < TASKS; t++) {
                settle_task(g, t);
                check_task(g, t);
                active += g->tasks[t] == ACTIVE;
                done += g->tasks[t] == DONE;
        }
        assert_int_equal(counts.pending + counts.running, active);
        assert_int_equal(counts.finished, done);
        assert_int_equal(fake_store_events(node(g, 0)->store), g->outcomes);
        for (int n = 0; n < NODES; n++) {
                assert_int_equal(deliveries_count(node(g, n)->deliveries).pending, 0);
                for (int d = 0; d < DIRS; d++)
                        for (int i = 0; i < NAMES; i++)
                                if (core_has(node(g, n), dirs[d], name_of(d, i)) !=
                                    (g->files[n][d][i] != NONE))
                                        fail_msg("%s on %d: the model says %d", name_of(d, i), n,
                                                 g->files[n][d][i]);
        }
}

/* ---- moves ---- */

static void put_random(struct game *g) {
        int n = (int) roll(g, NODES), dir = (int) roll(g, DIRS), name = (int) roll(g, NAMES);
        int task = (int) roll(g, TASKS / DIRS) * DIRS + dir;

        note("put", n, dir * 10 + name, task);
        core_put(node(g, n), dirs[dir], name_of(dir, name), id_of(task));
        g->files[n][dir][name] = task;
}

static void remove_random(struct game *g) {
        int n = (int) roll(g, NODES), dir = (int) roll(g, DIRS), name = (int) roll(g, NAMES);

        note("remove", n, dir * 10 + name, 0);
        core_remove(node(g, n), dirs[dir], name_of(dir, name));
        g->files[n][dir][name] = NONE;
}

/* Returns the task, which is asked about, or NONE. */
static int find_asked(struct game *g) {
        int task = (int) roll(g, TASKS);

        for (int i = 0; i < 20 && !core_is_asked(node(g, g->owner), id_of(task)); i++)
                pass(g, USEC_SEC);
        assert_int_equal(core_is_asked(node(g, g->owner), id_of(task)), g->tasks[task] == ACTIVE);
        return g->tasks[task] == ACTIVE ? task : NONE;
}

/* The account goes to the next node; the old one may not know. */
static void move_account(struct game *g) {
        int from = g->owner;

        if (roll(g, 2) == 0)
                fake_store_expire(node(g, from)->store);
        else
                fake_store_end(node(g, from)->store, "lost");
        if (roll(g, 2) == 0)
                give(g, (from + 1) % NODES);
        else
                g->owner = NONE;
        if (roll(g, 2) == 0)
                pass(g, FLEET_LOOK);
        node(g, from)->over = 1; /* it is started anew in the end */
}

/* Its session ends before the outcome is written: it has none yet. */
static void finish_too_late(struct game *g, int task) {
        int old = g->owner;

        note("too late", task, 0, 0);
        move_account(g);
        if (core_is_asked(node(g, old), id_of(task)))
                core_answer(node(g, old), id_of(task), 2);
        pass(g, USEC_SEC);
}

static void finish_random(struct game *g) {
        int task = find_asked(g);

        if (task == NONE)
                return;
        switch (roll(g, 5)) {
        case 0:
                finish_too_late(g, task);
                return;
        case 1: /* handed over, and lost on the way */
                note("lost", task, 0, 0);
                core_answer(node(g, g->owner), id_of(task), 2);
                stop(g, g->owner);
                return;
        default:
                break;
        }
        note("finish", task, 0, 0);
        core_answer(node(g, g->owner), id_of(task), 2);
        fake_store_run(node(g, g->owner)->store);
        g->tasks[task] = DONE;
        g->outcomes++;
        if (roll(g, 2) == 0) { /* before, or while its hooks run */
                if (roll(g, 2) == 0)
                        pass(g, USEC_SEC);
                if (roll(g, 2) == 0)
                        stop(g, g->owner);
                else
                        move_account(g);
                pass(g, FLEET_LOOK * roll(g, 3));
        }
}

static void step(struct game *g) {
        int down = roll(g, 4) == 0 ? (int) roll(g, NODES) : NONE;

        if (down != NONE && roll(g, 2) == 0)
                stop(g, down);
        else if (roll(g, 4) == 0 && g->owner != NONE)
                move_account(g);
        if (roll(g, 8) == 0)
                fake_store_fail_next(node(g, (int) roll(g, NODES))->store, -EIO);
        if (roll(g, 2) == 0)
                put_random(g);
        else
                remove_random(g);
        for (int n = 0; n < NODES; n++)
                if (!g->is_down[n])
                        registry_scan(node(g, n)->registry);
        for (unsigned i = roll(g, 4); i > 0; i--)
                if (!g->is_down[i % NODES])
                        (void) fake_store_step(node(g, (int) i % NODES)->store);
        if (roll(g, 3) == 0)
                pass(g, FLEET_LOOK * roll(g, 3));
        quiesce(g);
        check(g);
        if (roll(g, 3) == 0) {
                finish_random(g);
                quiesce(g);
                check(g);
        }
}

/* No directory is ever empty: one would be taken for one that is not mounted. */
static void fill(struct game *g, int n) {
        static const char *const all[] = {"high", "low", "state"};

        for (size_t i = 0; i < ARRAY_LEN(all); i++)
                core_put_text(node(g, n), all[i], all[i],
                              "[Task]\nTaskId=1\nShareId=8\nAccount=other\n");
}

static void play(uint64_t seed) {
        static struct game g;

        g = (struct game){.seed = seed, .owner = NONE};
        for (int n = 0; n < NODES; n++)
                for (int d = 0; d < DIRS; d++)
                        for (int i = 0; i < NAMES; i++)
                                g.files[n][d][i] = NONE;
        fleet_open(&g.fleet, NODES);
        for (int n = 0; n < NODES; n++)
                fill(&g, n);
        for (int i = 0; i < STEPS; i++)
                step(&g);
        fleet_close(&g.fleet);
}

static void test_against_the_model(void **state) {
        (void) state;
        play_seeds(play);
}

int main(void) {
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_model)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
