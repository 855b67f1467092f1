#include "koowatchd/bus/bus-arguments.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>

#include "common/json.h"
#include "common/util.h"

struct reader {
        sd_bus_message *message;
        char *fault; /* BUS_FAULT_MAX */
};

/* key: NULL: an argument itself. */
static int unknown_type(const struct reader *r, const char *key, char type, const char *contents) {
        (void) snprintf(r->fault, BUS_FAULT_MAX, "%.60s: unexpected type %c%.40s",
                        key ? key : "an argument", type, contents ? contents : "");
        return -EINVAL;
}

/* NULL when memory is short. */
static json_object *new_basic(char type, const void *value) {
        switch (type) {
        case 's':
        case 'o':
        case 'g':
                return json_object_new_string(*(const char *const *) value);
        case 'b':
                return json_object_new_boolean(*(const int *) value);
        case 'y':
                return json_object_new_int64(*(const uint8_t *) value);
        case 'n':
                return json_object_new_int64(*(const int16_t *) value);
        case 'q':
                return json_object_new_int64(*(const uint16_t *) value);
        case 'i':
                return json_object_new_int64(*(const int32_t *) value);
        case 'u':
                return json_object_new_int64(*(const uint32_t *) value);
        case 'x':
                return json_object_new_int64(*(const int64_t *) value);
        case 't':
                return json_object_new_uint64(*(const uint64_t *) value);
        default:
                return json_object_new_double(*(const double *) value);
        }
}

static int read_basic(const struct reader *r, char type, json_object **ret) {
        union {
                uint64_t number;
                double d;
                const char *text;
        } value = {0};
        int e = sd_bus_message_read_basic(r->message, type, &value);

        if (e < 0)
                return e;
        if (type == 'd' && !isfinite(value.d)) {
                (void) snprintf(r->fault, BUS_FAULT_MAX, "a number is not finite");
                return -EINVAL;
        }
        *ret = new_basic(type, &value);
        return *ret ? 0 : -ENOMEM;
}

static bool is_basic(char type) {
        return strchr("sogbynqiuxtd", type) != NULL;
}

static int read_strings(const struct reader *r, json_object **ret) {
        CLEANUP(json_object_putp) json_object *array = json_object_new_array();
        const char *text;
        int e = sd_bus_message_enter_container(r->message, 'a', "s");

        if (!array)
                return -ENOMEM;
        while (e >= 0 && (e = sd_bus_message_read_basic(r->message, 's', &text)) > 0) {
                json_object *string = json_object_new_string(text);

                if (!string || json_object_array_add(array, string) < 0) {
                        json_object_put(string);
                        return -ENOMEM;
                }
        }
        if (e >= 0)
                e = sd_bus_message_exit_container(r->message);
        if (e < 0)
                return e;
        *ret = STEAL_PTR(array);
        return 0;
}

/* Takes value over. */
static int put(json_object *object, const char *key, json_object *value) {
        if (json_object_object_add(object, key, value) == 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

typedef int (*read_fn)(const struct reader *r, const char *key, json_object **ret);

static int read_text(const struct reader *r, const char *key, json_object **ret) {
        (void) key;
        return read_basic(r, 's', ret);
}

/* The entries of a dictionary, each value by read_value; entry: their type without braces. */
static int read_entries(const struct reader *r, const char *entry, read_fn read_value,
                        json_object **ret) {
        CLEANUP(json_object_putp) json_object *object = json_object_new_object();
        int e;

        if (!object)
                return -ENOMEM;
        while ((e = sd_bus_message_enter_container(r->message, 'e', entry)) > 0) {
                json_object *value = NULL;
                const char *key = NULL;

                e = sd_bus_message_read_basic(r->message, 's', &key);
                if (e >= 0)
                        e = read_value(r, key, &value);
                if (e >= 0)
                        e = put(object, key, value);
                if (e >= 0)
                        e = sd_bus_message_exit_container(r->message);
                if (e < 0)
                        return e;
        }
        if (e < 0)
                return e;
        *ret = STEAL_PTR(object);
        return 0;
}

static int read_texts_by_key(const struct reader *r, json_object **ret) {
        int e = sd_bus_message_enter_container(r->message, 'a', "{ss}");

        if (e >= 0)
                e = read_entries(r, "ss", read_text, ret);
        return e < 0 ? e : sd_bus_message_exit_container(r->message);
}

/* Those that an argument and a variant may be. */
static int read_simple(const struct reader *r, const char *key, json_object **ret) {
        const char *contents;
        char type;
        int e = sd_bus_message_peek_type(r->message, &type, &contents);

        if (e < 0)
                return e;
        if (is_basic(type))
                return read_basic(r, type, ret);
        if (type == 'a' && streq(contents, "s"))
                return read_strings(r, ret);
        if (type == 'a' && streq(contents, "{ss}"))
                return read_texts_by_key(r, ret);
        return unknown_type(r, key, type, contents);
}

static int read_variant(const struct reader *r, const char *key, json_object **ret) {
        const char *contents;
        char type;
        int e = sd_bus_message_peek_type(r->message, &type, &contents);

        if (e >= 0)
                e = sd_bus_message_enter_container(r->message, 'v', contents);
        if (e >= 0)
                e = read_simple(r, key, ret);
        return e < 0 ? e : sd_bus_message_exit_container(r->message);
}

static int read_argument(const struct reader *r, char type, const char *contents,
                         json_object **ret) {
        int e;

        if (type != 'a' || !streq(contents, "{sv}"))
                return read_simple(r, NULL, ret);
        e = sd_bus_message_enter_container(r->message, type, contents);
        if (e >= 0)
                e = read_entries(r, "sv", read_variant, ret);
        return e < 0 ? e : sd_bus_message_exit_container(r->message);
}

int bus_arguments_read(sd_bus_message *message, json_object **ret, char fault[BUS_FAULT_MAX]) {
        CLEANUP(json_object_putp) json_object *array = json_object_new_array();
        const struct reader r = {message, fault};
        const char *contents;
        char type;
        int e;

        fault[0] = '\0';
        if (!array)
                return -ENOMEM;
        while ((e = sd_bus_message_peek_type(message, &type, &contents)) > 0) {
                json_object *value = NULL;

                e = read_argument(&r, type, contents, &value);
                if (e >= 0 && json_object_array_add(array, value) < 0)
                        e = -ENOMEM;
                if (e < 0) {
                        json_object_put(value);
                        return e;
                }
        }
        if (e < 0)
                return e;
        *ret = STEAL_PTR(array);
        return 0;
}
