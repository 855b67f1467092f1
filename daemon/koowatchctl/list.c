#include "koowatchctl/list.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "common/json.h"
#include "koowatchctl/language.h"
#include "koowatchctl/list-screen.h"
#include "koowatchctl/text.h"

#define REDRAW_EVERY 1 /* second */
/* The first page is small, so that it is there at once; for each the daemon looks at all tasks. */
#define PAGE_MAX 10000
#define CLEAR_TO_END "\033[J"
#define CLEAR_LINE "\033[K"
#define HOME "\033[H"

const struct option_row list_options[] = {
        {"state", "STATE", N_("only pending, running, finished or invalid ones"), 0, false},
        {"account", "ACCOUNT", N_("only those of this account"), 0, false},
        {"outcome", "OUTCOME", N_("only completed, canceled, timeout or rejected ones"), 0, false},
        {"delivery", "DELIVERY", N_("only those whose delivery is none, waiting or parked"), 0,
         false},
        {"sort", "COLUMN", N_("sort by a column instead of by name"), 0, false},
        {"output", "COLUMNS", N_("these columns, commas between; help: lists them"), 'o', false},
        {"watch", NULL, N_("show it again each second, in place"), 0, false},
        {"full", NULL, N_("cut nothing to the width of the terminal"), 0, false},
        {"no-legend", NULL, N_("without titles and the sum"), 0, false},
        {"history", NULL, N_("finished tasks, also those whose file is gone"), 0, false},
        {},
};

struct listing {
        struct ctl *ctl;
        const struct options *options;
        const char *method; /* List or History */
        json_object *filter;
        struct list_screen *screen;
        struct look look;
        bool legend;
        size_t count;
};

static void listing_clear(struct listing *l) {
        json_object_put(l->filter);
        list_screen_freep(&l->screen);
}

static json_object *make_filter(const struct options *options) {
        static const char *const keys[] = {"state", "account", "outcome", "delivery"};
        json_object *filter = json_object_new_object();

        for (size_t i = 0; filter && i < ARRAY_LEN(keys); i++) {
                const char *value = options_get(options, keys[i]);

                if (value)
                        (void) json_object_object_add(filter, keys[i],
                                                      json_object_new_string(value));
        }
        if (filter && options->n_arguments > 0)
                (void) json_object_object_add(filter, "name",
                                              json_object_new_string(options->arguments[0]));
        return filter;
}

/* Prints one page. */
static int print_page(struct listing *l, FILE *out, json_object *page) {
        bool first = l->count == 0;

        l->count += json_object_array_length(page);
        if (l->ctl->json != JSON_LINES)
                return list_screen_print(l->screen, out, &l->look, l->legend && first, page);
        for (size_t i = 0; i < json_object_array_length(page); i++)
                ctl_json_line(json_object_array_get_idx(page, i));
        return 0;
}

/* Reads a page and prints it. *cursor becomes that of the next one, NULL behind the last. */
static int print_next(struct listing *l, FILE *out, char **cursor, struct failure *failure) {
        CLEANUP(json_object_putp) json_object *page = NULL;
        CLEANUP(freep) char *here = STEAL_PTR(*cursor);
        unsigned limit = *here ? PAGE_MAX : 0;

        if (client_page(l->ctl->client, l->method, l->filter, here, limit, &page, cursor, failure) <
            0)
                return -1;
        if (json_object_array_length(page) > 0 && print_page(l, out, page) < 0)
                return failure_set(failure, "Failed", "%s", strerror(ENOMEM));
        return 0;
}

/* A page after the other, each printed when it is there. */
static int print_pages(struct listing *l, FILE *out, struct failure *failure) {
        CLEANUP(freep) char *cursor = strdup("");
        int r = 0;

        while (r == 0 && cursor)
                r = print_next(l, out, &cursor, failure);
        return r;
}

static int print_sorted(struct listing *l, FILE *out, struct failure *failure) {
        CLEANUP(json_object_putp) json_object *all = NULL;

        if (client_list(l->ctl->client, l->method, l->filter, &all, failure) < 0 ||
            list_screen_sort(all, options_get(l->options, "sort"), failure) < 0)
                return -1;
        if (json_object_array_length(all) > 0 && print_page(l, out, all) < 0)
                return failure_set(failure, "Failed", "%s", strerror(ENOMEM));
        return 0;
}

static void print_sum(const struct listing *l, FILE *out) {
        (void) fputs(look_on(&l->look, STYLE_DIM), out);
        (void) fprintf(out, ngettext("%zu task", "%zu tasks", l->count), l->count);
        (void) fprintf(out, "%s\n", look_off(&l->look, STYLE_DIM));
}

static int print_table(struct listing *l, FILE *out, struct failure *failure) {
        int r = options_has(l->options, "sort") ? print_sorted(l, out, failure)
                                                : print_pages(l, out, failure);

        if (r < 0)
                return r;
        if (l->legend && l->ctl->json == JSON_NONE) {
                if (l->count == 0)
                        (void) fputs(_("No tasks.\n"), out);
                else
                        print_sum(l, out);
        }
        return 0;
}

static int print_json(struct listing *l, struct failure *failure) {
        json_object *all = NULL;

        if (client_list(l->ctl->client, l->method, l->filter, &all, failure) < 0)
                return ctl_fail(l->ctl, failure);
        if (options_has(l->options, "sort") &&
            list_screen_sort(all, options_get(l->options, "sort"), failure) < 0) {
                json_object_put(all);
                return ctl_fail(l->ctl, failure);
        }
        return ctl_json(l->ctl, ctl_object("tasks", all));
}

/*
 * Writes a screen in place of the last one, what of it fits. A line is cleared before it is
 * written: when it has filled the last column, clearing its end would clear that.
 */
static void redraw(const char *text, size_t length) {
        unsigned rows = look_rows(STDOUT_FILENO), columns = look_columns(STDOUT_FILENO);
        const char *end = text + length;

        (void) fputs(HOME, stdout);
        for (const char *line = text; line < end && rows > 1; rows--) {
                size_t n = strcspn(line, "\n");

                (void) fputs(CLEAR_LINE, stdout);
                text_put_line(stdout, line, n, columns);
                line += n + 1;
        }
        (void) fputs(CLEAR_TO_END, stdout);
        (void) fflush(stdout);
}

static int watch_once(struct listing *l, struct failure *failure) {
        CLEANUP(freep) char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);
        int r;

        if (!out)
                return failure_set(failure, "Failed", "%s", strerror(errno));
        list_screen_freep(&l->screen);
        l->screen = NULL;
        l->count = 0;
        l->look.now = clock_wall();
        if (l->ctl->look.width > 0)
                l->look.width = look_columns(STDOUT_FILENO);
        r = list_screen_new(options_get(l->options, "output") ? options_get(l->options, "output")
                                                              : LIST_COLUMNS,
                            &l->screen, failure);
        if (r == 0)
                r = print_table(l, out, failure);
        (void) fclose(out);
        if (r == 0)
                redraw(text, length);
        return r;
}

static void on_resize(UNUSED int number) {
}

/* From now on a change of the terminal's size is noticed in ppoll() alone, by the mask in *ret. */
static void catch_resize(sigset_t *ret) {
        const struct sigaction action = {.sa_handler = on_resize};
        sigset_t resize;

        (void) sigemptyset(&resize);
        (void) sigaddset(&resize, SIGWINCH);
        (void) sigprocmask(SIG_BLOCK, &resize, ret);
        (void) sigdelset(ret, SIGWINCH);
        (void) sigaction(SIGWINCH, &action, NULL);
}

/* A daemon that is restarted is waited for; Ctrl-C ends it. */
static int watch(struct listing *l, struct failure *failure) {
        const struct timespec pause = {.tv_sec = REDRAW_EVERY};
        sigset_t mask;

        catch_resize(&mask);
        (void) fputs(HOME CLEAR_TO_END, stdout);
        for (;;) {
                if (watch_once(l, failure) < 0 && !failure_is(failure, "NotRunning") &&
                    !failure_is(failure, "Unavailable"))
                        return ctl_fail(l->ctl, failure);
                if (failure->text) {
                        redraw(failure->text, strlen(failure->text));
                        failure_clear(failure);
                }
                if (ferror(stdout))
                        return ctl_end();
                (void) ppoll(NULL, 0, &pause, &mask);
        }
}

int list_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(listing_clear)
        struct listing l = {
                .ctl = ctl,
                .options = options,
                .method = options_has(options, "history") ? "History" : "List",
                .filter = make_filter(options),
                .look = ctl->look,
                .legend = !options_has(options, "no-legend"),
        };
        const char *columns = options_get(options, "output");

        if (!l.legend) /* a script's question, as the manual has it */
                language_stop();
        if (columns && streq(columns, "help") && ctl->json != JSON_NONE)
                return ctl_usage(ctl, _("-o help goes without --json"));
        if (columns && streq(columns, "help")) {
                list_screen_print_columns(stdout);
                return ctl_end();
        }
        if (options_has(options, "watch") && (ctl->json != JSON_NONE || !isatty(STDOUT_FILENO)))
                return ctl_usage(ctl, _("--watch needs a terminal, and goes without --json"));
        if (options_has(options, "full"))
                l.look.width = 0;
        if (list_screen_new(columns ? columns : LIST_COLUMNS, &l.screen, &failure) < 0)
                return ctl_fail(ctl, &failure);
        if (ctl->json == JSON_OBJECT)
                return print_json(&l, &failure);
        if (options_has(options, "watch"))
                return watch(&l, &failure);
        if (print_table(&l, stdout, &failure) < 0)
                return ctl_fail(ctl, &failure);
        return ctl_end();
}
