#include "koowatchd/control/pending.h"

#include <stdarg.h>

void pending_add(struct pendings *pendings, struct pending *p, struct bus_call *call,
                 void (*fn)(struct pending *pending)) {
        p->call = call;
        p->free = fn;
        LIST_INSERT_HEAD(pendings, p, link);
}

/* The caller answers the call. */
static struct bus_call *take_call(struct pending *p) {
        struct bus_call *call = p->call;

        LIST_REMOVE(p, link);
        return call;
}

void pending_reply(struct pending *p, json_object *result) {
        bus_call_reply(take_call(p), result);
        p->free(p);
}

void pending_fail(struct pending *p, enum bus_error error, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        bus_call_fail_va(take_call(p), error, format, arguments);
        va_end(arguments);
        p->free(p);
}

void pendings_end(struct pendings *pendings) {
        struct pending *p;

        while ((p = LIST_FIRST(pendings)))
                pending_fail(p, BUS_UNAVAILABLE, "koowatchd is stopping");
}
