#include "koowatchd/bus/bus-json.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <math.h>

#include "common/json.h"
#include "koowatchd/bus/bus-text.h"

/* About what a text costs besides its bytes, or with the number that it is the key of. */
#define ELEMENT_SIZE 32

/* A container that is being written. */
struct frame {
        json_object *value;
        struct lh_entry *entry; /* of an object: the next one */
        size_t index;           /* of an array: the next one */
        unsigned closes;        /* so many containers of the message end with it */
};

struct bus_writer {
        sd_bus_message *message;
        const char *signature; /* of the values that are left */
        json_object *values;
        size_t index; /* of the next one */
        struct frame frames[BUS_JSON_DEPTH];
        unsigned depth; /* how many frames there are */
        size_t size;    /* of what is written, about */
};

/* ---- single values ---- */

static int put_text(struct bus_writer *w, const char *text, size_t length) {
        CLEANUP(freep) char *copy = NULL;

        w->size += length + ELEMENT_SIZE;
        if (w->size > BUS_JSON_SIZE_MAX)
                return -EMSGSIZE;
        text = bus_text(text, length, &copy);
        return text ? sd_bus_message_append_basic(w->message, 's', text) : -ENOMEM;
}

static int put_string(struct bus_writer *w, json_object *value) {
        return put_text(w, json_object_get_string(value),
                        (size_t) json_object_get_string_len(value));
}

static int put_number(struct bus_writer *w, char type, json_object *value) {
        const double d = json_object_get_double(value);
        const uint64_t t = json_object_get_uint64(value);
        const int64_t x = json_object_get_int64(value);
        const uint32_t u = (uint32_t) MIN(t, UINT32_MAX);
        const int b = json_object_get_boolean(value);

        switch (type) {
        case 'd':
                return sd_bus_message_append_basic(w->message, type, &d);
        case 't':
                return sd_bus_message_append_basic(w->message, type, &t);
        case 'x':
                return sd_bus_message_append_basic(w->message, type, &x);
        case 'u':
                return sd_bus_message_append_basic(w->message, type, &u);
        default:
                return sd_bus_message_append_basic(w->message, 'b', &b);
        }
}

static int put_basic(struct bus_writer *w, char type, json_object *value) {
        return type == 's' ? put_string(w, value) : put_number(w, type, value);
}

static int put_strings(struct bus_writer *w, json_object *array) {
        int r = sd_bus_message_open_container(w->message, 'a', "s");

        for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++)
                r = put_string(w, json_object_array_get_idx(array, i));
        return r < 0 ? r : sd_bus_message_close_container(w->message);
}

static int put_texts_by_key(struct bus_writer *w, json_object *object) {
        int r = sd_bus_message_open_container(w->message, 'a', "{ss}");

        json_object_object_foreach(object, key, value) {
                if (r < 0)
                        break;
                r = sd_bus_message_open_container(w->message, 'e', "ss");
                if (r >= 0)
                        r = put_text(w, key, strlen(key));
                if (r >= 0)
                        r = put_string(w, value);
                if (r >= 0)
                        r = sd_bus_message_close_container(w->message);
        }
        return r < 0 ? r : sd_bus_message_close_container(w->message);
}

/* ---- which type ---- */

static bool all_are(json_object *array, json_type type) {
        for (size_t i = 0; i < json_object_array_length(array); i++)
                if (!json_object_is_type(json_object_array_get_idx(array, i), type))
                        return false;
        return true;
}

static bool has_only_strings(json_object *object) {
        json_object_object_foreach(object, key, value) {
                (void) key;
                if (!json_object_is_type(value, json_type_string))
                        return false;
        }
        return true;
}

static const char *type_of_object(json_object *object, const char *key) {
        if (json_object_object_length(object) == 0)
                return NULL;
        if (streq(key, "answer"))
                return "s";
        if (!streq(key, "variables"))
                return "a{sv}";
        return has_only_strings(object) ? "a{ss}" : NULL;
}

static const char *type_of_array(json_object *array, const char *key) {
        if (json_object_array_length(array) == 0)
                return NULL;
        if (streq(key, "answer"))
                return "s";
        if (all_are(array, json_type_string))
                return "as";
        return all_are(array, json_type_object) ? "aa{sv}" : NULL;
}

/* Of the variant; NULL: the value is left out. */
static const char *type_of(json_object *value, const char *key) {
        switch (json_object_get_type(value)) {
        case json_type_string:
                return json_object_get_string_len(value) > 0 ? "s" : NULL;
        case json_type_int:
                return "x";
        case json_type_boolean:
                return "b";
        case json_type_double:
                return isfinite(json_object_get_double(value)) ? "d" : NULL;
        case json_type_object:
                return type_of_object(value, key);
        case json_type_array:
                return type_of_array(value, key);
        default:
                return NULL;
        }
}

static bool is_basic(const char *type) {
        return type[1] == '\0';
}

static bool has_frame(const char *type) {
        return streq(type, "a{sv}") || streq(type, "aa{sv}");
}

/* ---- containers ---- */

/* Opens the container of a value of type, within which there are closes - 1 more to be closed. */
static int push(struct bus_writer *w, const char *type, json_object *value, unsigned closes) {
        int r = sd_bus_message_open_container(w->message, 'a', type + 1);

        if (r < 0)
                return r;
        w->frames[w->depth++] = (struct frame){
                .value = value,
                .entry = json_object_is_type(value, json_type_object)
                                 ? json_object_get_object(value)->head
                                 : NULL,
                .closes = closes,
        };
        return 0;
}

/* A value that has no frame. */
static int put_whole(struct bus_writer *w, const char *type, json_object *value) {
        const char *text;

        if (streq(type, "as"))
                return put_strings(w, value);
        if (streq(type, "a{ss}"))
                return put_texts_by_key(w, value);
        if (!streq(type, "s") || json_object_is_type(value, json_type_string))
                return put_basic(w, *type, value);
        text = json_text(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        return text ? put_text(w, text, strlen(text)) : -ENOMEM;
}

static int close_containers(struct bus_writer *w, unsigned n) {
        int r = 0;

        while (r >= 0 && n-- > 0)
                r = sd_bus_message_close_container(w->message);
        return r;
}

/* A member of an a{sv}: its entry, its variant, and what is in that. */
static int put_entry(struct bus_writer *w, const char *key, json_object *value) {
        const char *type = type_of(value, key);
        int r;

        if (!type || (has_frame(type) && w->depth == BUS_JSON_DEPTH))
                return 0;
        r = sd_bus_message_open_container(w->message, 'e', "sv");
        if (r >= 0)
                r = put_text(w, key, strlen(key));
        if (r >= 0)
                r = sd_bus_message_open_container(w->message, 'v', type);
        if (r < 0)
                return r;
        if (has_frame(type))
                return push(w, type, value, 3);
        r = put_whole(w, type, value);
        return r < 0 ? r : close_containers(w, 2);
}

/* ---- step by step ---- */

static int pop(struct bus_writer *w) {
        return close_containers(w, w->frames[--w->depth].closes);
}

/* The next value in the innermost container, or its end. */
static int step_inside(struct bus_writer *w) {
        struct frame *f = w->frames + w->depth - 1;
        struct lh_entry *entry;
        json_object *value;

        if (json_object_is_type(f->value, json_type_object)) {
                entry = f->entry;
                if (!entry)
                        return pop(w);
                f->entry = lh_entry_next(entry);
                return put_entry(w, lh_entry_k(entry), (json_object *) lh_entry_v(entry));
        }
        if (f->index == json_object_array_length(f->value))
                return pop(w);
        /* Freed one by one: a whole page of them at once would hold up the loop. */
        if (f->index > 0)
                (void) json_object_array_put_idx(f->value, f->index - 1, NULL);
        value = json_object_array_get_idx(f->value, f->index++);
        return w->depth == BUS_JSON_DEPTH ? 0 : push(w, "a{sv}", value, 1);
}

static bool matches(const char *type, json_object *value) {
        json_type is = json_object_get_type(value);

        if (streq(type, "s"))
                return is == json_type_string;
        if (streq(type, "b"))
                return is == json_type_boolean;
        if (streq(type, "d"))
                return is == json_type_int || is == json_type_double;
        if (is_basic(type))
                return is == json_type_int;
        if (streq(type, "as") || streq(type, "aa{sv}"))
                return is == json_type_array &&
                       all_are(value, streq(type, "as") ? json_type_string : json_type_object);
        return is == json_type_object && (streq(type, "a{sv}") || has_only_strings(value));
}

static size_t count_values(const struct bus_writer *w) {
        return w->values ? json_object_array_length(w->values) : 0;
}

/* Begins with the next complete type of the signature. */
static int step_outside(struct bus_writer *w) {
        static const char *const types[] = {"aa{sv}", "a{sv}", "a{ss}", "as", "s",
                                            "x",      "t",     "u",     "b",  "d"};

        for (size_t i = 0; w->index < count_values(w) && i < ARRAY_LEN(types); i++) {
                const char *rest = str_after(w->signature, types[i]);
                json_object *value = json_object_array_get_idx(w->values, w->index);

                if (!rest)
                        continue;
                if (!matches(types[i], value))
                        return -EINVAL;
                w->signature = rest;
                w->index++;
                return has_frame(types[i]) ? push(w, types[i], value, 1)
                                           : put_whole(w, types[i], value);
        }
        return -EINVAL;
}

static bool is_done(const struct bus_writer *w) {
        return w->depth == 0 && !*w->signature && w->index == count_values(w);
}

int bus_writer_run(struct bus_writer *w, unsigned max) {
        while (!is_done(w)) {
                int r;

                if (max-- == 0)
                        return 0;
                r = w->depth > 0 ? step_inside(w) : step_outside(w);
                if (r < 0)
                        return r;
        }
        return 1;
}

int bus_writer_new(sd_bus_message *message, const char *signature, json_object *values,
                   struct bus_writer **ret) {
        struct bus_writer *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        w->message = sd_bus_message_ref(message);
        w->signature = signature;
        w->values = json_object_get(values);
        *ret = w;
        return 0;
}

void bus_writer_free(struct bus_writer *w) {
        if (!w)
                return;
        sd_bus_message_unref(w->message);
        json_object_put(w->values);
        free(w);
}

int bus_json_write(sd_bus_message *message, const char *signature, json_object *values) {
        CLEANUP(bus_writer_freep) struct bus_writer *w = NULL;
        int r = bus_writer_new(message, signature, values, &w);

        if (r == 0)
                r = bus_writer_run(w, UINT_MAX);
        if (r == 0) /* more of them than anybody has */
                return -EMSGSIZE;
        return MIN(r, 0);
}
