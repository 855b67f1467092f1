#include "koowatchctl/list-screen.h"

#include <errno.h>

#include "common/json.h"
#include "koowatchctl/language.h"
#include "koowatchctl/table.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/time-text.h"

enum kind { TEXT, NUMBER, PROGRESS, AGE, NEXT, NOTE };

/* clang-format off */
static const struct column {
        const char *name, *key, *help;
        enum kind kind;
        struct table_column look;
} columns[] = {
        { "name", "name", N_("the task's name"),
          TEXT, { N_("NAME"), false, 12 } },
        { "state", "state", N_("pending, running, finished or invalid"),
          TEXT, { N_("STATE"), false, 0 } },
        { "progress", "progress", N_("per cent"),
          PROGRESS, { N_("PROGRESS"), true, 0 } },
        { "age", "registeredAt", N_("time since its registration"),
          AGE, { N_("AGE"), true, 0 } },
        { "next", "nextPollAt", N_("time until the next poll, or attempt of its hooks"),
          NEXT, { N_("NEXT"), true, 0 } },
        { "note", NULL, N_("outcome, last trouble, or description"),
          NOTE, { N_("NOTE"), false, 8 } },
        { "account", "account", N_("the account it is polled with"),
          TEXT, { N_("ACCOUNT"), false, 0 } },
        { "node", "node", N_("the node that polls it, if another one does"),
          TEXT, { N_("NODE"), false, 0 } },
        { "task-id", "taskId", N_("KooDrive's taskId"),
          TEXT, { N_("TASK-ID"), false, 0 } },
        { "share-id", "shareId", N_("KooDrive's shareId"),
          TEXT, { N_("SHARE-ID"), false, 0 } },
        { "description", "description", N_("Description= of its file"),
          TEXT, { N_("DESCRIPTION"), false, 8 } },
        { "polls", "polls", N_("answers received"),
          NUMBER, { N_("POLLS"), true, 0 } },
        { "outcome", "outcome", N_("completed, canceled, timeout or rejected"),
          TEXT, { N_("OUTCOME"), false, 0 } },
        { "result", "result", N_("succeeded, partial, failed or unknown"),
          TEXT, { N_("RESULT"), false, 0 } },
        { "delivery", "delivery", N_("none, waiting or parked"),
          TEXT, { N_("DELIVERY"), false, 0 } },
        { "attempts", "attempts", N_("attempts of its hooks"),
          NUMBER, { N_("ATTEMPTS"), true, 0 } },
        { "reason", "reason", N_("the last trouble"),
          TEXT, { N_("REASON"), false, 8 } },
        { "registered", "registeredAt", N_("when it was registered"),
          TEXT, { N_("REGISTERED"), false, 0 } },
        { "finished", "finishedAt", N_("when its end was learnt"),
          TEXT, { N_("FINISHED"), false, 0 } },
        { "event-id", "eventId", N_("the id of its outcome"),
          TEXT, { N_("EVENT-ID"), false, 0 } },
        { "file", "file", N_("its file"),
          TEXT, { N_("FILE"), false, 12 } },
};
/* clang-format on */

struct list_screen {
        struct table *table;
        struct table_column looks[TABLE_COLUMNS_MAX];
        const struct column *columns[TABLE_COLUMNS_MAX];
        size_t n_columns;
};

static const struct column *find_column(const char *name, size_t length) {
        for (size_t i = 0; i < ARRAY_LEN(columns); i++)
                if (strlen(columns[i].name) == length && memcmp(columns[i].name, name, length) == 0)
                        return columns + i;
        return NULL;
}

static int fail_column(const char *name, size_t length, struct failure *failure) {
        return failure_set(failure, "Usage", _("no such column: %.*s; list -o help shows them"),
                           (int) length, name);
}

struct list_screen *list_screen_free(struct list_screen *screen) {
        if (screen)
                (void) table_free(screen->table);
        free(screen);
        return NULL;
}

int list_screen_new(const char *names, struct list_screen **ret, struct failure *failure) {
        CLEANUP(list_screen_freep) struct list_screen *screen = calloc(1, sizeof(*screen));

        if (!screen)
                return failure_set(failure, "Failed", "%s", strerror(ENOMEM));
        for (const char *name = names; name;) {
                size_t length = strcspn(name, ",");
                const struct column *column = find_column(name, length);

                if (!column)
                        return fail_column(name, length, failure);
                if (screen->n_columns == TABLE_COLUMNS_MAX)
                        return failure_set(failure, "Usage", _("-o: at most %d columns"),
                                           TABLE_COLUMNS_MAX);
                screen->looks[screen->n_columns] = column->look;
                screen->columns[screen->n_columns++] = column;
                name = name[length] ? name + length + 1 : NULL;
        }
        screen->table = table_new(screen->looks, screen->n_columns);
        if (!screen->table)
                return failure_set(failure, "Failed", "%s", strerror(ENOMEM));
        *ret = STEAL_PTR(screen);
        return 0;
}

static const char *number_text(int64_t number, char buffer[static TIME_TEXT_MAX]) {
        if (number < 0)
                return "-";
        (void) snprintf(buffer, TIME_TEXT_MAX, "%lld", (long long) number);
        return buffer;
}

static void add_cell(struct table *table, const struct column *column, const struct look *look,
                     json_object *entry) {
        CLEANUP(freep) char *note = NULL;
        char buffer[TIME_TEXT_MAX];
        const char *text;
        usec_t at;

        switch (column->kind) {
        case NOTE:
                note = task_note(entry);
                text = note;
                break;
        case PROGRESS:
                text = task_progress(entry, buffer);
                break;
        case AGE:
                at = task_time(entry, column->key);
                text = at < 0 ? "-" : time_span_short(look->now - at, buffer);
                break;
        case NEXT:
                text = time_until(task_next(entry), look->now, buffer);
                break;
        case NUMBER:
                text = number_text(task_number(entry, column->key), buffer);
                break;
        default:
                text = task_text(entry, column->key);
                if (!*text && !streq(column->name, "description"))
                        text = "-";
        }
        table_add(table, text, streq(column->name, "state") ? task_style(entry) : STYLE_NONE);
}

int list_screen_print(struct list_screen *screen, FILE *out, const struct look *look, bool legend,
                      json_object *entries) {
        for (size_t i = 0; i < json_object_array_length(entries); i++)
                for (size_t j = 0; j < screen->n_columns; j++)
                        add_cell(screen->table, screen->columns[j], look,
                                 json_object_array_get_idx(entries, i));
        return table_print(screen->table, out, look, legend);
}

void list_screen_print_columns(FILE *out) {
        for (size_t i = 0; i < ARRAY_LEN(columns); i++)
                (void) fprintf(out, "%-12s %s\n", columns[i].name, _(columns[i].help));
}

const char *list_screen_column(size_t i) {
        return i < ARRAY_LEN(columns) ? columns[i].name : NULL;
}

/* What qsort() compares by: json_object_array_sort() hands nothing over. */
static const struct column *sort_column;

static int compare(const void *a, const void *b) {
        json_object *x = *(json_object *const *) a, *y = *(json_object *const *) b;
        const struct column *by = sort_column;
        int64_t n = 0, m = 0;
        int order;

        if (by->kind == NUMBER || by->kind == PROGRESS) {
                n = task_number(x, by->key);
                m = task_number(y, by->key);
        } else if (by->kind == AGE) { /* the youngest first */
                n = -task_time(x, by->key);
                m = -task_time(y, by->key);
        } else if (by->kind == NEXT) { /* what has none last */
                n = task_next(x) < 0 ? INT64_MAX : task_next(x);
                m = task_next(y) < 0 ? INT64_MAX : task_next(y);
        }
        order = (n > m) - (n < m);
        if (order == 0 && by->kind == NOTE)
                order = strcmp(task_text(x, "outcome"), task_text(y, "outcome"));
        if (order == 0 && by->kind == NOTE)
                order = strcmp(task_text(x, "result"), task_text(y, "result"));
        if (order == 0 && by->kind == TEXT)
                order = strcmp(task_text(x, by->key), task_text(y, by->key));
        return order != 0 ? order : strcmp(task_text(x, "name"), task_text(y, "name"));
}

int list_screen_sort(json_object *entries, const char *column, struct failure *failure) {
        sort_column = find_column(column, strlen(column));
        if (!sort_column)
                return fail_column(column, strlen(column), failure);
        json_object_array_sort(entries, compare);
        return 0;
}
