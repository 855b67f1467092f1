#pragma once
/*
 * Bus call: one method call that is to be answered
 *
 * A call is answered exactly once, by bus_call_reply() or bus_call_fail(), at once or any time
 * later; that also frees it. Whoever holds one when the daemon ends answers it before bus_free().
 * If the caller or the bus has gone meanwhile, the answer goes nowhere.
 *
 * It knows no D-Bus: whoever makes it says what becomes of the answer. Tests make their own.
 */
#include <json-c/json_types.h>
#include <stdarg.h>

#include "common/util.h"

/* org.koowatch1.Error.NotFound and so on. */
enum bus_error { BUS_NOT_FOUND, BUS_EXISTS, BUS_INVALID, BUS_NOT_ALLOWED, BUS_UNAVAILABLE };

struct bus_call;

/* Whoever answers the calls of method names that the interface has; takes the call over. */
typedef void (*bus_call_fn)(void *userdata, const char *method, struct bus_call *call);

/* ---- for whoever answers ---- */

/* The arguments, an array in their order; borrowed until the call is answered. */
json_object *bus_call_arguments(const struct bus_call *call);

/*
 * Takes both over. result: the array of the out arguments; NULL: the method has none (where it
 * has some, the caller gets an error, as memory was short).
 */
void bus_call_reply(struct bus_call *call, json_object *result);
/* Takes the call over. The text is a sentence, without a full stop. */
void bus_call_fail(struct bus_call *call, enum bus_error error, const char *format, ...)
        PRINTF_LIKE(3, 4);
void bus_call_fail_va(struct bus_call *call, enum bus_error error, const char *format,
                      va_list arguments) PRINTF_LIKE(3, 0);

/* ---- for whoever makes calls ---- */

/* "org.koowatch1.Error.NotFound" for BUS_NOT_FOUND. */
const char *bus_error_name(enum bus_error error);

/*
 * Called once. error: the name of a D-Bus error, and message its sentence; NULL: none, and result
 * (may be NULL) is what was replied. All borrowed for the call.
 */
typedef void (*bus_answer_fn)(void *userdata, json_object *result, const char *error,
                              const char *message);

/*
 * Takes arguments over, an array, also where it fails; NULL fails, as memory was short. Returns 0
 * or -ENOMEM, without on_answer having been called.
 */
int bus_call_new(json_object *arguments, bus_answer_fn on_answer, void *userdata,
                 struct bus_call **ret);
