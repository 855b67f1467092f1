#include "koowatchctl/wait-screen.h"

#include "koowatchctl/language.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/text.h"

#define BAR_MAX 40
#define BAR_MIN 10
#define NAME_MAX_WIDTH 32
#define BEYOND_BAR 14 /* gaps, brackets and the state */
#define BEYOND_NAME 9 /* a gap and the longest state, "pending", where there is no bar */

static enum style style_of(const struct wait_task *task) {
        if (task->phase != WAIT_ENDED)
                return STYLE_NONE;
        if (task->code == WAIT_SUCCEEDED)
                return STYLE_GOOD;
        return task->code == WAIT_PARTIAL ? STYLE_WARN : STYLE_BAD;
}

static void put_end(FILE *out, const struct wait_task *task) {
        if (!task->why) {
                (void) fputs(task_outcome(task->entry), out);
                if (task->code == WAIT_REJECTED && *task_text(task->entry, "errorMessage")) {
                        (void) fputs(_(": "), out);
                        text_put_plain(out, task_text(task->entry, "errorMessage"));
                }
                return;
        }
        (void) fputs(_(task->why), out);
        if (streq(task->why, "invalid") && *task_text(task->entry, "reason")) {
                (void) fputs(_(": "), out);
                text_put_plain(out, task_text(task->entry, "reason"));
        }
}

void wait_screen_line(FILE *out, const struct look *look, const struct wait_task *task) {
        static const char *const phases[] = {[WAIT_UNREAD] = "...",
                                             [WAIT_ABSENT] = N_("not registered yet"),
                                             [WAIT_PENDING] = "pending",
                                             [WAIT_RUNNING] = "running"};

        text_put_plain(out, task->name);
        (void) fprintf(out, "%s%s", _(": "), look_on(look, style_of(task)));
        if (task->phase == WAIT_ENDED)
                put_end(out, task);
        else
                (void) fputs(_(phases[task->phase]), out);
        (void) fprintf(out, "%s\n", look_off(look, style_of(task)));
}

static size_t count_phase(const struct wait *wait, enum wait_phase phase) {
        size_t n = 0;

        for (size_t i = 0; i < wait_count(wait); i++)
                n += wait_task(wait, i)->phase == phase;
        return n;
}

/* What there is room for; bar 0: no bar. */
struct layout {
        unsigned name, bar;
        bool has_state;
};

static void put_bar(FILE *out, unsigned width, int64_t progress) {
        unsigned full = (unsigned) ((int64_t) width * MAX(MIN(progress, 100), 0) / 100);

        if (width == 0)
                return;
        (void) fputc('[', out);
        for (unsigned i = 0; i < width; i++)
                (void) fputc(i < full ? '#' : '-', out);
        (void) fputs("] ", out);
}

static void put_state(FILE *out, const struct wait_task *task, int64_t progress) {
        char buffer[8];

        if (task->phase == WAIT_ABSENT || task->phase == WAIT_UNREAD)
                (void) fputs(task->phase == WAIT_ABSENT ? _("absent") : "...", out);
        else if (task->phase == WAIT_RUNNING || progress > 0)
                (void) fprintf(out, "%4s", task_progress(task->entry, buffer));
        else
                (void) fputs("pending", out);
}

static void put_task(FILE *out, const struct wait_task *task, const struct layout *layout) {
        CLEANUP(freep) char *name = text_plain(task->name);
        int64_t progress = task_number(task->entry, "progress");

        text_put(out, name ? name : "?", layout->name, false);
        if (layout->has_state) {
                (void) fputs("  ", out);
                put_bar(out, layout->bar, progress);
                put_state(out, task, progress);
        }
        (void) fputc('\n', out);
}

static void put_sum(FILE *out, const struct look *look, unsigned width, const struct wait *wait,
                    bool is_away) {
        CLEANUP(freep)
        char *sum = str_printf(_("%zu of %zu ended, %zu running, %zu pending%s"),
                               count_phase(wait, WAIT_ENDED), wait_count(wait),
                               count_phase(wait, WAIT_RUNNING), count_phase(wait, WAIT_PENDING),
                               is_away ? _("; waiting for koowatchd") : "");
        const char *text = sum ? sum : "?";

        (void) fputs(look_on(look, STYLE_DIM), out);
        text_put(out, text, MIN(text_width(text), width), false);
        (void) fprintf(out, "%s\n", look_off(look, STYLE_DIM));
}

static unsigned widest_name(const struct wait *wait) {
        unsigned widest = 1;

        for (size_t i = 0; i < wait_count(wait); i++) {
                CLEANUP(freep) char *name = text_plain(wait_task(wait, i)->name);

                if (wait_task(wait, i)->phase != WAIT_ENDED && name)
                        widest = MAX(widest, text_width(name));
        }
        return MIN(widest, (unsigned) NAME_MAX_WIDTH);
}

static struct layout lay_out(const struct wait *wait, unsigned width) {
        unsigned name = widest_name(wait);

        if (width <= BEYOND_NAME)
                return (struct layout){.name = MIN(name, width)};
        if (width <= BEYOND_BAR + BAR_MIN)
                return (struct layout){.name = MIN(name, width - BEYOND_NAME), .has_state = true};
        name = MIN(name, width - BEYOND_BAR - BAR_MIN); /* it gives way before the bar does */
        return (struct layout){
                .name = name,
                .bar = MIN(width - name - BEYOND_BAR, (unsigned) BAR_MAX),
                .has_state = true,
        };
}

unsigned wait_screen_bars(FILE *out, const struct look *look, unsigned rows,
                          const struct wait *wait, bool is_away) {
        static const enum wait_phase order[] = {WAIT_RUNNING, WAIT_PENDING, WAIT_ABSENT,
                                                WAIT_UNREAD};
        unsigned width = look->width > 0 ? look->width : 80, most = rows > 2 ? rows - 2 : 1;
        const struct layout layout = lay_out(wait, width);
        unsigned lines = 0;

        for (size_t o = 0; o < ARRAY_LEN(order); o++)
                for (size_t i = 0; i < wait_count(wait) && lines < most; i++)
                        if (wait_task(wait, i)->phase == order[o]) {
                                put_task(out, wait_task(wait, i), &layout);
                                lines++;
                        }
        put_sum(out, look, width, wait, is_away);
        return lines + 1;
}
