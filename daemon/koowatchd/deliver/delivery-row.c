#include "koowatchd/deliver/delivery-row.h"

#include <errno.h>
#include <json-c/json.h>

#include "common/json.h"
#include "koowatchd/store/store-batch.h"

/* *ret NULL: there is nothing that a hook runner would take. Returns 0 or -ENOMEM. */
static int read_settled(const char *text, json_object **ret) {
        static const struct json_rules rules = {.depth = 2, .containers = 1, .values = 100000};
        char fault[JSON_FAULT_MAX];

        if (json_read(text, strlen(text), &rules, NULL, ret, fault) == -ENOMEM)
                return -ENOMEM;
        if (!json_is_text_array(*ret))
                json_object_put(STEAL_PTR(*ret));
        return 0;
}

int delivery_row_read(struct delivery_row *row, const struct store_delivery *stored) {
        row->state = stored->state;
        row->attempts = (struct attempts){
                .made = stored->attempts,
                .futile = stored->futile,
                .since = stored->finished,
        };
        row->next = stored->next;
        row->told = stored->told;
        return stored->settled ? read_settled(stored->settled, &row->settled) : 0;
}

int delivery_row_write(const struct delivery_row *row, struct store_batch *batch) {
        struct store_delivery stored = {
                .state = row->state,
                .attempts = row->attempts.made,
                .futile = row->attempts.futile,
                .next = row->next,
                .told = row->told,
        };

        int r;

        if (row->settled) {
                stored.settled = json_text(row->settled, JSON_C_TO_STRING_PLAIN);
                if (!stored.settled)
                        return -ENOMEM;
        }
        r = store_batch_put_delivery(batch, row->id, &stored);
        return r < 0 ? r : hook_runs_write(&row->runs, row->id, batch);
}

void delivery_row_clear(struct delivery_row *row) {
        json_object_put(STEAL_PTR(row->settled));
        hook_runs_clear(&row->runs);
}

bool delivery_row_settle(struct delivery_row *row, const char *hook) {
        json_object *entry;

        if (json_array_has(row->settled, hook))
                return false;
        if (!row->settled)
                row->settled = json_object_new_array();
        entry = json_object_new_string(hook);
        if (!row->settled || !entry || json_object_array_add(row->settled, entry) < 0)
                json_object_put(entry); /* no memory: it may run again */
        return true;
}
