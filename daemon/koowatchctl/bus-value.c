#include "koowatchctl/bus-value.h"

#include <errno.h>

#include "common/json.h"
#include "common/util.h"

#define DEPTH_MAX 32

#define KEY_OF_JSON "answer"

/* A container of the message that has been entered. */
struct frame {
        char type;          /* SD_BUS_TYPE_ARRAY, _DICT_ENTRY, _VARIANT */
        json_object *value; /* of an array: what its elements go to; borrowed from its parent */
        char *key;          /* of an entry, once it has been read */
};

struct reader {
        sd_bus_message *message;
        struct frame frames[DEPTH_MAX];
        size_t depth;
};

static void reader_clear(struct reader *r) {
        for (size_t i = 0; i < r->depth; i++)
                free(r->frames[i].key);
}

/* "answer" travels as text. What cannot be read is the text. */
static json_object *parse_text(const char *text) {
        const struct json_rules rules = {.depth = 64, .containers = 100000, .values = 1000000};
        char fault[JSON_FAULT_MAX];
        json_object *value = NULL;

        if (json_read(text, strlen(text), &rules, NULL, &value, fault) < 0)
                return NULL;
        return value;
}

/* Puts a value, which it takes over, where the reader stands. */
static int put(struct reader *r, json_object *value) {
        const char *key = NULL;
        size_t i = r->depth - 1;

        if (!value)
                return -ENOMEM;
        if (r->frames[i].type == SD_BUS_TYPE_VARIANT)
                i--;
        if (r->frames[i].type == SD_BUS_TYPE_DICT_ENTRY)
                key = r->frames[i--].key;
        if (key && json_object_is_type(r->frames[i].value, json_type_object)) {
                json_object *parsed = NULL;

                if (streq(key, KEY_OF_JSON) && json_object_is_type(value, json_type_string))
                        parsed = parse_text(json_object_get_string(value));
                if (parsed) {
                        json_object_put(value);
                        value = parsed;
                }
                if (json_object_object_add(r->frames[i].value, key, value) == 0)
                        return 0;
        } else if (json_object_is_type(r->frames[i].value, json_type_array)) {
                if (json_object_array_add(r->frames[i].value, value) == 0)
                        return 0;
        }
        json_object_put(value);
        return -EBADMSG;
}

union basic {
        const char *s;
        uint8_t y;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
        double d;
};

static json_object *make_basic(char type, union basic value) {
        switch (type) {
        case SD_BUS_TYPE_STRING:
        case SD_BUS_TYPE_OBJECT_PATH:
        case SD_BUS_TYPE_SIGNATURE:
                return json_object_new_string(value.s);
        case SD_BUS_TYPE_BOOLEAN:
                return json_object_new_boolean(value.i != 0);
        case SD_BUS_TYPE_BYTE:
                return json_object_new_int(value.y);
        case SD_BUS_TYPE_INT16:
                return json_object_new_int(value.n);
        case SD_BUS_TYPE_UINT16:
                return json_object_new_int(value.q);
        case SD_BUS_TYPE_INT32:
                return json_object_new_int(value.i);
        case SD_BUS_TYPE_UINT32:
                return json_object_new_int64(value.u);
        case SD_BUS_TYPE_INT64:
                return json_object_new_int64(value.x);
        case SD_BUS_TYPE_UINT64:
                return json_object_new_int64((int64_t) MIN(value.t, (uint64_t) INT64_MAX));
        case SD_BUS_TYPE_DOUBLE:
                return json_object_new_double(value.d);
        default:
                return NULL;
        }
}

static int read_basic(struct reader *r, char type) {
        struct frame *top = r->frames + r->depth - 1;
        union basic value = {.t = 0};
        int n;

        n = sd_bus_message_read_basic(r->message, type, &value);
        if (n <= 0)
                return n < 0 ? n : -EBADMSG;
        if (top->type == SD_BUS_TYPE_DICT_ENTRY && !top->key) {
                if (type != SD_BUS_TYPE_STRING)
                        return -EBADMSG;
                top->key = strdup(value.s);
                return top->key ? 0 : -ENOMEM;
        }
        return put(r, make_basic(type, value));
}

static int enter(struct reader *r, char type, const char *contents) {
        struct frame frame = {.type = type};
        int n;

        if (r->depth == DEPTH_MAX)
                return -EBADMSG;
        if (type == SD_BUS_TYPE_ARRAY) {
                frame.value = *contents == '{' ? json_object_new_object() : json_object_new_array();
                n = put(r, frame.value);
                if (n < 0)
                        return n;
        } else if (type != SD_BUS_TYPE_VARIANT && type != SD_BUS_TYPE_DICT_ENTRY) {
                return -EBADMSG;
        }
        n = sd_bus_message_enter_container(r->message, type, contents);
        if (n <= 0)
                return n < 0 ? n : -EBADMSG;
        r->frames[r->depth++] = frame;
        return 0;
}

static int leave(struct reader *r) {
        int n = sd_bus_message_exit_container(r->message);

        free(r->frames[--r->depth].key);
        return n < 0 ? n : 0;
}

static bool is_container(char type) {
        return type == SD_BUS_TYPE_ARRAY || type == SD_BUS_TYPE_DICT_ENTRY ||
               type == SD_BUS_TYPE_VARIANT || type == SD_BUS_TYPE_STRUCT;
}

int bus_value_read(sd_bus_message *message, json_object **ret) {
        CLEANUP(reader_clear) struct reader r = {.message = message, .depth = 1};
        json_object *array = json_object_new_array();
        const char *contents;
        char type;
        int n = array ? 0 : -ENOMEM;

        r.frames[0] = (struct frame){.type = SD_BUS_TYPE_ARRAY, .value = array};
        while (n >= 0) {
                n = sd_bus_message_peek_type(message, &type, &contents);
                if (n == 0 && r.depth == 1)
                        break;
                if (n == 0)
                        n = leave(&r);
                else if (n > 0)
                        n = is_container(type) ? enter(&r, type, contents) : read_basic(&r, type);
        }
        if (n < 0) {
                json_object_put(array);
                return n;
        }
        *ret = array;
        return 0;
}

static int append_texts(sd_bus_message *m, json_object *object) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "a{ss}");

        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{ss}");
        if (r < 0)
                return r;
        json_object_object_foreach(object, name, value) {
                r = sd_bus_message_append(m, "{ss}", name, json_object_get_string(value));
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_variant(sd_bus_message *m, json_object *value) {
        switch (json_object_get_type(value)) {
        case json_type_string:
                return sd_bus_message_append(m, "v", "s", json_object_get_string(value));
        case json_type_boolean:
                return sd_bus_message_append(m, "v", "b", (int) json_object_get_boolean(value));
        case json_type_int:
                return sd_bus_message_append(m, "v", "x", json_object_get_int64(value));
        case json_type_object:
                return append_texts(m, value);
        default:
                return -EINVAL;
        }
}

static int append_object(sd_bus_message *m, json_object *object) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");

        if (r < 0)
                return r;
        json_object_object_foreach(object, name, value) {
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
                if (r >= 0)
                        r = sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, name);
                if (r >= 0)
                        r = append_variant(m, value);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(m);
}

int bus_value_append(sd_bus_message *message, const char *types, json_object *arguments) {
        size_t i = 0;
        int r = 0;

        for (const char *t = types; *t && r >= 0; i++) {
                json_object *value = json_object_array_get_idx(arguments, i);

                if (*t == 's')
                        r = sd_bus_message_append(message, "s", json_object_get_string(value));
                else if (*t == 'u')
                        r = sd_bus_message_append(message, "u",
                                                  (uint32_t) json_object_get_int64(value));
                else
                        r = append_object(message, value);
                t += *t == 'a' ? strlen("a{sv}") : 1;
        }
        return r < 0 ? r : 0;
}
