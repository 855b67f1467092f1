#include "koowatchctl/nodes-screen.h"

#include "common/json.h"
#include "common/util.h"
#include "koowatchctl/language.h"
#include "koowatchctl/table.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/text.h"
#include "koowatchctl/time-text.h"

#define SILENT_MIN (10 * USEC_SEC) /* a node beats every 4 s, and is given up after 20 s */
#define LABEL_WIDTH 12

/* ---- nodes ---- */

/* "a,b", or "-". The caller frees it; NULL when memory is short. */
static char *words(json_object *node, const char *key) {
        json_object *array = json_object_object_get(node, key);
        size_t n =
                json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
        char *text = strdup(n > 0 ? "" : "-");

        for (size_t i = 0; text && i < n; i++) {
                char *longer =
                        str_printf("%s%s%s", text, i > 0 ? "," : "",
                                   json_object_get_string(json_object_array_get_idx(array, i)));

                free(text);
                text = longer;
        }
        return text;
}

static void add_state(struct table *table, json_object *node) {
        if (!json_get_bool(node, "alive"))
                table_add(table, "gone", STYLE_BAD);
        else if (task_number(node, "silentUsec") >= SILENT_MIN)
                table_add(table, "silent", STYLE_WARN);
        else
                table_add(table, "alive", STYLE_GOOD);
}

static void add_node(struct table *table, const struct look *look, json_object *node) {
        CLEANUP(freep)
        char *name = str_printf("%s%s", task_text(node, "name"),
                                json_get_bool(node, "isSelf") ? " *" : "");
        CLEANUP(freep) char *accounts = words(node, "accounts"), *labels = words(node, "labels");
        int64_t silent = task_number(node, "silentUsec"),
                deliveries = task_number(node, "pendingDeliveries");
        usec_t since = task_time(node, "since");
        char text[TIME_TEXT_MAX];

        table_add(table, name ? name : "?", STYLE_NONE);
        add_state(table, node);
        table_add(table, accounts ? accounts : "?", STYLE_NONE);
        table_add(table, labels ? labels : "?", STYLE_NONE);
        table_add(table, since < 0 ? "-" : time_span_short(look->now - since, text), STYLE_NONE);
        table_add(table, silent < 0 ? "-" : time_span_short(silent, text), STYLE_NONE);
        (void) snprintf(text, sizeof(text), "%lld", (long long) MAX(deliveries, (int64_t) 0));
        table_add(table, text, STYLE_NONE);
}

void nodes_screen_print(FILE *out, const struct look *look, json_object *nodes) {
        static const struct table_column columns[] = {
                {N_("NODE"), false, 0},      {N_("STATE"), false, 0}, {N_("ACCOUNTS"), false, 12},
                {N_("LABELS"), false, 8},    {N_("SINCE"), true, 0},  {N_("LAST-BEAT"), true, 0},
                {N_("DELIVERIES"), true, 0},
        };
        CLEANUP(table_freep) struct table *table = table_new(columns, ARRAY_LEN(columns));

        for (size_t i = 0; table && i < json_object_array_length(nodes); i++)
                add_node(table, look, json_object_array_get_idx(nodes, i));
        if (table)
                (void) table_print(table, out, look, true);
}

/* ---- the store ---- */

/* name: N_() */
static void label(FILE *out, const char *name) {
        text_put(out, _(name), LABEL_WIDTH, true);
        (void) fputs(_(": "), out);
}

static void row(FILE *out, const char *name, const char *text) {
        if (str_empty(text))
                return;
        label(out, name);
        text_put_plain(out, text);
        (void) fputc('\n', out);
}

static void print_state(FILE *out, const struct look *look, json_object *store) {
        const char *state = task_text(store, "state");
        enum style style = streq(state, "ok") ? STYLE_GOOD : STYLE_BAD;
        usec_t since = task_time(store, "since");
        char text[TIME_TEXT_MAX];

        label(out, N_("State"));
        (void) fputs(look_on(look, style), out);
        text_put_plain(out, *state ? state : "-");
        (void) fputs(look_off(look, style), out);
        if (since >= 0) {
                CLEANUP(freep) char *when = text_plain(task_text(store, "since"));

                (void) fprintf(out, _(", since %s (%s)"), when ? when : "?",
                               time_relative(since, look->now, text));
        }
        (void) fputc('\n', out);
        row(out, N_("Reason"), task_text(store, "reason"));
}

void store_screen_print(FILE *out, const struct look *look, json_object *store) {
        int64_t served = task_number(store, "accountsServed");

        row(out, N_("Backend"), task_text(store, "backend"));
        row(out, N_("Where"), task_text(store, "name"));
        print_state(out, look, store);
        if (served < 0)
                return;
        row(out, N_("Node"), task_text(store, "node"));
        row(out, N_("Session"),
            json_get_bool(store, "session") ? _("yes") : _("no, this node polls nothing"));
        label(out, N_("Accounts"));
        (void) fprintf(out, _("polls %lld of %lld\n"),
                       (long long) task_number(store, "accountsHeld"), (long long) served);
}
