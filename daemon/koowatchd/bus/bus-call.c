#include "koowatchd/bus/bus-call.h"

#include <errno.h>
#include <json-c/json_object.h>
#include <stdarg.h>

struct bus_call {
        json_object *arguments;
        bus_answer_fn on_answer;
        void *userdata;
};

const char *bus_error_name(enum bus_error error) {
        static const char *const names[] = {
                [BUS_NOT_FOUND] = "org.koowatch1.Error.NotFound",
                [BUS_EXISTS] = "org.koowatch1.Error.Exists",
                [BUS_INVALID] = "org.koowatch1.Error.Invalid",
                [BUS_NOT_ALLOWED] = "org.koowatch1.Error.NotAllowed",
                [BUS_UNAVAILABLE] = "org.koowatch1.Error.Unavailable",
        };

        return names[error];
}

int bus_call_new(json_object *arguments, bus_answer_fn on_answer, void *userdata,
                 struct bus_call **ret) {
        struct bus_call *call = arguments ? malloc(sizeof(*call)) : NULL;

        if (!call) {
                json_object_put(arguments);
                return -ENOMEM;
        }
        *call = (struct bus_call){
                .arguments = arguments,
                .on_answer = on_answer,
                .userdata = userdata,
        };
        *ret = call;
        return 0;
}

json_object *bus_call_arguments(const struct bus_call *call) {
        return call->arguments;
}

static void answer(struct bus_call *call, json_object *result, const char *error,
                   const char *message) {
        call->on_answer(call->userdata, result, error, message);
        json_object_put(call->arguments);
        free(call);
}

void bus_call_reply(struct bus_call *call, json_object *result) {
        answer(call, result, NULL, NULL);
        json_object_put(result);
}

void bus_call_fail_va(struct bus_call *call, enum bus_error error, const char *format,
                      va_list arguments) {
        CLEANUP(freep) char *message = NULL;

        if (vasprintf(&message, format, arguments) < 0)
                message = NULL;
        answer(call, NULL, bus_error_name(error), message ? message : "out of memory");
}

void bus_call_fail(struct bus_call *call, enum bus_error error, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        bus_call_fail_va(call, error, format, arguments);
        va_end(arguments);
}
