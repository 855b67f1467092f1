#include "koowatchd/deliver/redelivery.h"

#include <errno.h>
#include <json-c/json.h>

#include "common/json.h"
#include "koowatchd/deliver/delivery-table.h"
#include "koowatchd/deliver/redelivery-order.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/fleet.h"

struct redelivery {
        LIST_ENTRY(redelivery) link; /* deliveries::orders */
        struct deliveries *owner;
        struct redelivery_request request; /* its event_id is the own one */
        bool is_dismissal;
        char event_id[EVENT_ID_LENGTH + 1];
};

static void end_order(struct redelivery *order, enum redelivery_result result, int error) {
        const struct redelivery_request request = order->request;

        LIST_REMOVE(order, link);
        free(order);
        request.on_done(request.userdata, result, error);
}

void redelivery_written(struct delivery *v) {
        if (v->order && (v->reopens_in_commit || v->is_over))
                end_order(STEAL_PTR(v->order), REDELIVERY_DONE, 0);
        if (!v->reopens_in_commit)
                return;
        v->reopens = v->reopens_in_commit = v->new_body = false;
        delivery_make_ready(v);
}

void redeliveries_clear(struct deliveries *d) {
        struct redelivery *order;

        while ((order = LIST_FIRST(&d->orders))) {
                LIST_REMOVE(order, link);
                free(order);
        }
}

/* Something of it is under way that cannot be taken back. */
static bool is_busy(const struct delivery *v) {
        return v->order || v->is_running || v->uncommitted || v->in_commit ||
               (v->row.state != DELIVERY_PENDING && !v->is_over);
}

/* One that is over, and told, is not in memory any more. NULL when that is short. */
static struct delivery *take_up(struct deliveries *d, const struct store_event *stored) {
        struct delivery *v = delivery_new(d, stored->event_id);

        if (!v)
                return NULL;
        if (delivery_row_read(&v->row, &stored->delivery) < 0) {
                delivery_free(v);
                return NULL;
        }
        v->told_on_disk = stored->delivery.told;
        delivery_set_over(v, stored->delivery.state != DELIVERY_PENDING);
        return v;
}

static void reopen(struct delivery *v) {
        if (v->row.state == DELIVERY_DONE)
                json_object_put(STEAL_PTR(v->row.settled));
        v->row.state = DELIVERY_PENDING;
        v->row.attempts.futile = 0;
        v->row.next = 0;
        v->deferrals = 0;
        v->reopens = true;
}

static void carry_out(struct redelivery *order, struct delivery *v, json_object *event) {
        delivery_stop_waiting(v);
        delivery_set_over(v, false);
        delivery_count_failing(v, false);
        json_object_put(v->run.event);
        v->run.event = event;
        v->order = order;
        if (order->is_dismissal)
                v->row.state = DELIVERY_DONE;
        else
                reopen(v);
        delivery_judge(v);
        v->new_body = !order->is_dismissal && order->request.change;
        delivery_mark_dirty(v);
}

static void on_found(void *userdata, int found, const struct store_event *stored) {
        CLEANUP(json_object_putp) json_object *event = NULL;
        struct redelivery *order = userdata;
        const struct redelivery_request *request = &order->request;
        struct delivery *v = delivery_find(order->owner, order->event_id);
        int r = found < 0 ? found : 0;

        if (found <= 0 || (v && is_busy(v))) {
                end_order(order,
                          v            ? REDELIVERY_BUSY
                          : found == 0 ? REDELIVERY_UNKNOWN
                                       : REDELIVERY_FAILED,
                          r);
                return;
        }
        if (store_is_shared(order->owner->with.store) && !stored->is_mine && stored->node &&
            stored->delivery.state == DELIVERY_PENDING) {
                end_order(order, REDELIVERY_ELSEWHERE, 0);
                return;
        }
        if (order->is_dismissal && (v ? v->row.state : stored->delivery.state) == DELIVERY_DONE) {
                end_order(order, REDELIVERY_OVER, 0);
                return;
        }
        r = event_parse(stored->body, &event);
        if (r == 0 && !order->is_dismissal && request->change)
                r = request->change(request->userdata, event);
        if (r == 0 && !v)
                v = take_up(order->owner, stored);
        if (r == 0 && v)
                carry_out(order, v, STEAL_PTR(event));
        else
                end_order(order, REDELIVERY_FAILED, r < 0 ? r : -ENOMEM);
}

static void begin(struct deliveries *d, const struct redelivery_request *request,
                  bool is_dismissal) {
        struct redelivery *order = calloc(1, sizeof(*order));

        if (!order) {
                request->on_done(request->userdata, REDELIVERY_FAILED, -ENOMEM);
                return;
        }
        order->owner = d;
        order->request = *request;
        order->is_dismissal = is_dismissal;
        (void) snprintf(order->event_id, sizeof(order->event_id), "%s", request->event_id);
        LIST_INSERT_HEAD(&d->orders, order, link);
        store_find_event(d->with.store, order->event_id, on_found, order);
}

void deliveries_redeliver(struct deliveries *d, const struct redelivery_request *request) {
        begin(d, request, false);
}

void deliveries_dismiss(struct deliveries *d, const struct redelivery_request *request) {
        begin(d, request, true);
}
