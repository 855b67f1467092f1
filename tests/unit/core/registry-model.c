#include "unit/core/registry-model.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit/core-fixture.h"

#define DIRS 3
#define NAMES 6
#define TASKS 5
#define NONE (-1)
#define INVALID (-2)

static const char *const dirs[DIRS] = {"high", "low", "state"}; /* the last one is volatile */

enum model_state { ABSENT, ACTIVE, DONE };

struct model {
        int files[DIRS][NAMES]; /* which task a file is about; NONE: no file, or INVALID */
        int entries[NAMES];     /* which task a name stands for, by the last valid text */
        struct {
                enum model_state state;
                int owner;     /* the name that is watched or done for it, */
                int owner_dir; /* and where its file is */
                unsigned outcomes;
        } tasks[TASKS];
};

struct game {
        struct core *core;
        struct model model;
        const struct registry_dice *dice;
        usec_t ahead; /* what the wall clock is wrong by */
        char trace[64 * 1024];
};

static unsigned roll(struct game *g, unsigned n) {
        return g->dice->roll(g->dice->userdata, n);
}

static void note(struct game *g, const char *text, int a, int b, int c) {
        size_t n = strlen(g->trace);

        (void) snprintf(g->trace + n, sizeof(g->trace) - n, "%s %d %d %d\n", text, a, b, c);
        if (getenv("KOOWATCH_TRACE"))
                (void) fputs(g->trace + n, stderr);
}

static const char *name_of(int name) {
        static char text[4][16];
        static unsigned next;

        next = (next + 1) % 4;
        (void) snprintf(text[next], sizeof(text[0]), "n%d", name);
        return text[next];
}

static const char *id_of(int task) {
        static char text[4][16];
        static unsigned next;

        next = (next + 1) % 4;
        (void) snprintf(text[next], sizeof(text[0]), "t%d", task);
        return text[next];
}

/* ---- the model ---- */

static int dir_of(const struct model *m, int name) {
        for (int d = 0; d < DIRS; d++)
                if (m->files[d][name] != NONE)
                        return d;
        return NONE;
}

static void settle_names(struct model *m) {
        for (int n = 0; n < NAMES; n++) {
                int d = dir_of(m, n);

                if (d == NONE)
                        m->entries[n] = NONE;
                else if (m->files[d][n] != INVALID)
                        m->entries[n] = m->files[d][n];
        }
}

/* Of the names that stand for a task the one in the highest directory; the first of them. */
static int best_name(const struct model *m, int task) {
        int best = NONE;

        for (int n = 0; n < NAMES; n++)
                if (m->entries[n] == task && (best == NONE || dir_of(m, n) < dir_of(m, best)))
                        best = n;
        return best;
}

static void settle_task(struct model *m, int task) {
        int best = best_name(m, task), owner = m->tasks[task].owner, dir;

        if (best == NONE) {
                m->tasks[task].state = ABSENT;
                m->tasks[task].owner = NONE;
                return;
        }
        if (m->tasks[task].state == ABSENT) {
                m->tasks[task].state = ACTIVE;
                owner = NONE;
        }
        /* Who is watched makes room for a higher directory; who is done does not. */
        if (m->tasks[task].state == DONE && owner != NONE && m->entries[owner] == task &&
            m->files[DIRS - 1][owner] != INVALID && dir_of(m, owner) == DIRS - 1 &&
            m->tasks[task].owner_dir != DIRS - 1)
                m->tasks[task].state = ACTIVE; /* another file, where that is a registration */
        if (owner == NONE || m->entries[owner] != task ||
            (m->tasks[task].state == ACTIVE && dir_of(m, best) < dir_of(m, owner)))
                owner = best;
        m->tasks[task].owner = owner;
        dir = dir_of(m, owner);
        if (dir != NONE && m->files[dir][owner] != INVALID)
                m->tasks[task].owner_dir = dir;
}

/* Finished files in the volatile directory go, those of duplicates too. */
static bool remove_finished(struct model *m, int task) {
        int owner = m->tasks[task].owner;

        if (m->tasks[task].state != DONE || dir_of(m, owner) != DIRS - 1 ||
            m->files[DIRS - 1][owner] == INVALID)
                return false;
        for (int n = 0; n < NAMES; n++)
                if (m->entries[n] == task && dir_of(m, n) == DIRS - 1 &&
                    m->files[DIRS - 1][n] != INVALID)
                        m->files[DIRS - 1][n] = NONE;
        return true;
}

static void settle(struct model *m) {
        bool again = true;

        while (again) {
                again = false;
                settle_names(m);
                for (int t = 0; t < TASKS; t++) {
                        settle_task(m, t);
                        again = again || remove_finished(m, t);
                }
        }
}

/* ---- the real one ---- */

/* Until nothing is left to happen. */
static void quiesce(struct game *g) {
        for (int i = 0; i < 12; i++) {
                fake_store_run(g->core->store);
                core_pass(g->core, USEC_SEC);
                core_scan(g->core);
                while (core_run_line(0))
                        core_end_run(HOOK_DONE);
                core_turn(g->core);
        }
        assert_int_equal(fake_store_pending(g->core->store), 0);
}

static void check_task(struct game *g, int task) {
        const struct store_task *row = core_row(g->core, id_of(task));
        enum model_state is = !row || row->gone ? ABSENT : *row->event_id ? DONE : ACTIVE;
        char text[32];
        unsigned outcomes = 0;

        if (is != g->model.tasks[task].state)
                fail_msg("%s: is %d in the store, the model says %d", id_of(task), is,
                         g->model.tasks[task].state);
        (void) snprintf(text, sizeof(text), "%s:completed ", id_of(task));
        for (const char *at = g->core->finished; (at = strstr(at, text)); at++)
                outcomes++;
        if (outcomes != g->model.tasks[task].outcomes)
                fail_msg("%s: %u outcomes, the model says %u", id_of(task), outcomes,
                         g->model.tasks[task].outcomes);
}

static void check_tasks(struct game *g) {
        struct registry_counts counts = registry_count(g->core->registry);
        unsigned active = 0, done = 0, visible = 0;

        for (int t = 0; t < TASKS; t++) {
                check_task(g, t);
                active += g->model.tasks[t].state == ACTIVE;
                done += g->model.tasks[t].state == DONE;
        }
        for (int n = 0; n < NAMES; n++)
                visible += dir_of(&g->model, n) != NONE;
        assert_int_equal(counts.pending + counts.running, active);
        assert_int_equal(counts.finished, done);
        assert_int_equal(counts.invalid, visible - active - done);
}

static void check(struct game *g) {
        check_tasks(g);
        for (int n = 0; n < NAMES; n++)
                for (int d = 0; d < DIRS; d++)
                        if (core_has(g->core, dirs[d], name_of(n)) !=
                            (g->model.files[d][n] != NONE))
                                fail_msg("%s in %s: the model says %d", name_of(n), dirs[d],
                                         g->model.files[d][n]);
}

/* ---- moves ---- */

static void put(struct game *g, int dir, int name, int task) {
        note(g, "put", dir, name, task);
        if (task == INVALID)
                core_put_text(g->core, dirs[dir], name_of(name), "[Task]\nTaskId=?\n");
        else
                core_put(g->core, dirs[dir], name_of(name), id_of(task));
        g->model.files[dir][name] = task;
}

static void move_random(struct game *g) {
        int from = (int) roll(g, DIRS), name = (int) roll(g, NAMES);
        int to = (int) roll(g, DIRS), other = (int) roll(g, NAMES);
        char a[256], b[256];
        bool visible;
        int task;

        if ((name == other && from == to) || g->model.files[from][name] < 0 ||
            g->model.files[to][other] != NONE)
                return;
        note(g, "move", from * 10 + name, to * 10 + other, g->model.files[from][name]);
        (void) snprintf(a, sizeof(a), "%s/%s/%s.task", g->core->directory, dirs[from],
                        name_of(name));
        (void) snprintf(b, sizeof(b), "%s/%s/%s.task", g->core->directory, dirs[to],
                        name_of(other));
        assert_int_equal(rename(a, b), 0);
        visible = dir_of(&g->model, name) == from;
        g->model.files[to][other] = g->model.files[from][name];
        g->model.files[from][name] = NONE;
        task = g->model.files[to][other];
        if (name == other && visible && g->model.tasks[task].owner == name)
                g->model.tasks[task].owner_dir = dir_of(&g->model, name); /* the very file */
}

static void remove_random(struct game *g) {
        int dir = (int) roll(g, DIRS), name = (int) roll(g, NAMES);

        note(g, "remove", dir, name, 0);
        core_remove(g->core, dirs[dir], name_of(name));
        g->model.files[dir][name] = NONE;
}

/* What is invalid has settings that the registry alone remembers: not over a restart or an end. */
static void repair(struct game *g) {
        for (int d = 0; d < DIRS; d++)
                for (int n = 0; n < NAMES; n++)
                        if (g->model.files[d][n] == INVALID)
                                put(g, d, n, MAX(g->model.entries[n], 0));
        core_scan(g->core);
        settle(&g->model);
        quiesce(g);
        check(g);
}

static bool wait_asked(struct game *g, int task) {
        for (int i = 0; i < 20 && !core_is_asked(g->core, id_of(task)); i++)
                core_pass(g->core, USEC_SEC);
        return core_is_asked(g->core, id_of(task));
}

/* A year more or less on the wall clock ends nothing: a day's deadline has not passed. */
static void set_clock(struct game *g) {
        usec_t ahead = ((int) roll(g, 3) - 1) * 365 * USEC_DAY;
        int task = (int) roll(g, TASKS);

        note(g, "clock", (int) (ahead / USEC_DAY), task, 0);
        time_step(ahead - g->ahead);
        g->ahead = ahead;
        for (int i = 0; i < 3 && wait_asked(g, task); i++)
                core_answer(g->core, id_of(task), 1);
}

/* Returns the task, or NONE: it is not watched. */
static int finish_random(struct game *g) {
        int task = (int) roll(g, TASKS);

        repair(g);
        if (!wait_asked(g, task))
                return NONE;
        note(g, "finish", task, 0, 0);
        assert_int_equal(g->model.tasks[task].state, ACTIVE);
        core_answer(g->core, id_of(task), 2);
        g->model.tasks[task].state = DONE;
        g->model.tasks[task].outcomes++;
        return task;
}

/* As best_name(), but within the directory the one that was written first. */
static int oldest_name(const struct game *g, int task) {
        const struct model *m = &g->model;
        int best = best_name(m, task), dir = best == NONE ? NONE : dir_of(m, best);
        struct timespec oldest = {};

        for (int n = 0; n < NAMES; n++) {
                char path[256];
                struct stat st;

                if (m->entries[n] != task || dir_of(m, n) != dir)
                        continue;
                (void) snprintf(path, sizeof(path), "%s/%s/%s.task", g->core->directory, dirs[dir],
                                name_of(n));
                assert_int_equal(stat(path, &st), 0);
                if (oldest.tv_sec == 0 || st.st_mtim.tv_sec < oldest.tv_sec ||
                    (st.st_mtim.tv_sec == oldest.tv_sec && st.st_mtim.tv_nsec < oldest.tv_nsec)) {
                        oldest = st.st_mtim;
                        best = n;
                }
        }
        return best;
}

static void on_counted(void *userdata, int error, const struct store_counts *counts) {
        (void) userdata;
        (void) error;
        (void) counts;
}

static void restart_now(struct game *g) {
        note(g, "restart", 0, 0, 0);
        fake_store_set_immediate(g->core->store, true);
        if (roll(g, 2) == 0)
                core_reboot(g->core, USEC_MINUTE);
        else
                core_restart(g->core);
        /* Who comes first in a directory may be another one now. */
        for (int t = 0; t < TASKS; t++) {
                int owner = oldest_name(g, t);

                g->model.tasks[t].owner = owner;
                g->model.tasks[t].owner_dir = owner == NONE ? NONE : dir_of(&g->model, owner);
        }
}

/* What has changed is seen at a reload, or by a look in pieces. */
static void notice(struct game *g) {
        if (roll(g, 2) == 0) {
                core_scan(g->core);
                return;
        }
        registry_look(g->core->registry);
        core_pass(g->core, 200 * USEC_MSEC);
}

/* A directory goes for a while, or an empty one takes its place: nothing is forgotten. */
static void leave_and_come_back(struct game *g) {
        const char *dir = dirs[roll(g, DIRS)];
        char path[256], aside[256];

        note(g, "away", 0, 0, 0);
        (void) snprintf(path, sizeof(path), "%s/%s", g->core->directory, dir);
        (void) snprintf(aside, sizeof(aside), "%s/aside", g->core->directory);
        assert_int_equal(rename(path, aside), 0);
        if (roll(g, 2) == 0)
                assert_int_equal(mkdir(path, 0755), 0);
        notice(g);
        quiesce(g);
        check_tasks(g);
        (void) rmdir(path);
        assert_int_equal(rename(aside, path), 0);
        notice(g);
        quiesce(g);
        check(g);
}

static void forget_error(struct game *g) {
        store_count(g->core->store, on_counted, NULL); /* takes one that is left over */
}

static void restart(struct game *g) {
        forget_error(g);
        repair(g);
        restart_now(g);
}

/* Of the task, in any directory; older than its others, so that it is read before these. */
static void put_old_duplicate(struct game *g, int task) {
        int dir = (int) roll(g, DIRS), name = (int) roll(g, NAMES);
        const struct timespec times[2] = {{1, 0}, {1, 0}};
        char path[256];

        if (dir_of(&g->model, name) != NONE)
                return;
        put(g, dir, name, task);
        (void) snprintf(path, sizeof(path), "%s/%s/%s.task", g->core->directory, dirs[dir],
                        name_of(name));
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        settle_names(&g->model);
}

/* An outcome is on disk, and its delivery is not over: its file is there, and those of others. */
static void restart_in_mid_delivery(struct game *g) {
        int task;

        forget_error(g);
        fake_store_set_immediate(g->core->store, true);
        task = finish_random(g);
        if (task == NONE)
                return;
        put_old_duplicate(g, task);
        restart_now(g);
}

static void step(struct game *g) {
        fake_store_set_immediate(g->core->store, roll(g, 2));
        g->core->says_time = roll(g, 2);
        if (roll(g, 5) == 0)
                set_clock(g);
        if (roll(g, 20) == 0)
                fake_store_fail_next(g->core->store, -EIO);
        if (roll(g, 15) == 0)
                leave_and_come_back(g);
        switch (roll(g, 10)) {
        case 0:
                if (roll(g, 2) == 0)
                        restart_in_mid_delivery(g);
                else
                        (void) finish_random(g);
                break;
        case 1:
                restart(g);
                break;
        case 2:
        case 3:
                remove_random(g);
                break;
        case 4:
        case 5:
                move_random(g);
                break;
        case 6:
                if (roll(g, 3) == 0) {
                        put(g, (int) roll(g, DIRS), (int) roll(g, NAMES), INVALID);
                        break;
                }
                __attribute__((fallthrough));
        default:
                put(g, (int) roll(g, DIRS), (int) roll(g, NAMES), (int) roll(g, TASKS));
                break;
        }
        notice(g);
        for (unsigned i = roll(g, 4); i > 0; i--)
                (void) fake_store_step(g->core->store);
        settle(&g->model);
        quiesce(g);
        check(g);
}

void registry_model_play(const struct registry_dice *dice, unsigned steps) {
        static struct game g;

        g = (struct game){.core = core_new(), .dice = dice};
        for (int d = 0; d < DIRS; d++)
                for (int n = 0; n < NAMES; n++)
                        g.model.files[d][n] = NONE;
        for (int n = 0; n < NAMES; n++)
                g.model.entries[n] = NONE;
        for (int t = 0; t < TASKS; t++)
                g.model.tasks[t].owner = NONE;
        core_start(g.core);
        for (unsigned i = 0; i < steps; i++)
                step(&g);
        core_free(g.core);
}
