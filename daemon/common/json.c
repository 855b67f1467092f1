#include "common/json.h"

#include <errno.h>

#include "common/json-parse.h"
#include "common/json-scan.h"
#include "common/utf16.h"
#include "common/util.h"

static int parse(const struct json_scan *s, const char *text, size_t length, json_tokener *tokener,
                 json_object **ret, char *ret_fault) {
        const struct json_counts counts = {
                .values = s->values,
                .bytes = s->bytes,
                .is_exact = !s->escaped && !s->repaired,
        };

        const char *fault;
        int r = json_parse(text, length, &counts, tokener, ret, &fault);

        if (r == -EBADMSG)
                (void) snprintf(ret_fault, JSON_FAULT_MAX, "%s", fault);
        return r;
}

static int read_repaired(struct json_scan *s, json_tokener *tokener, json_object **ret,
                         char *fault) {
        CLEANUP(freep) char *text = malloc(JSON_GROWTH * s->plain_length + 1);

        if (!text)
                return -ENOMEM;
        s->out = text;
        (void) json_scan(s, fault);
        return parse(s, text, s->out_length, tokener, ret, fault);
}

/* Takes marks of the encoding off; *ret_owned is what the text was recoded to, if it was. */
static int decode(struct json_scan *s, char **ret_owned) {
        const unsigned char *t = (const unsigned char *) s->text;
        size_t length = s->length;
        bool big, little;

        if (!s->rules->repair || length < 2)
                return 0;
        if (length >= 3 && memcmp(t, "\xef\xbb\xbf", 3) == 0) {
                s->text += 3;
                s->length -= 3;
                return 0;
        }
        big = (t[0] == 0xfe && t[1] == 0xff) || (t[0] == 0 && t[1] != 0);
        little = (t[0] == 0xff && t[1] == 0xfe) || (t[0] != 0 && t[1] == 0);
        if (!big && !little)
                return 0;
        if (t[0] >= 0xfe) {
                t += 2;
                length -= 2;
        }
        *ret_owned = utf16_to_utf8(t, length, big, &s->length);
        if (!*ret_owned)
                return -ENOMEM;
        s->text = *ret_owned;
        return 0;
}

static void tokener_freep(json_tokener **tokener) {
        if (*tokener)
                json_tokener_free(*tokener);
}

int json_read(const char *text, size_t length, const struct json_rules *rules,
              json_tokener *tokener, json_object **ret, char fault[JSON_FAULT_MAX]) {
        CLEANUP(tokener_freep) json_tokener *own = NULL;
        CLEANUP(freep) char *recoded = NULL;
        struct json_scan s = {.text = text, .length = length, .rules = rules};
        int r;

        if (!tokener) {
                own = json_tokener_new_ex((int) rules->depth + 1);
                if (!own)
                        return -ENOMEM;
                tokener = own;
        }
        r = decode(&s, &recoded);
        if (r < 0)
                return r;
        r = json_scan(&s, fault);
        if (r < 0)
                return r;
        if (s.repaired)
                return read_repaired(&s, tokener, ret, fault);
        return parse(&s, s.text, s.plain_length, tokener, ret, fault);
}

const char *json_text(json_object *object, int flags) {
        const char *text;

        errno = 0;
        text = json_object_to_json_string_ext(object, flags);
        return errno == ENOMEM ? NULL : text;
}

bool json_is_text(json_object *value) {
        return json_object_is_type(value, json_type_string) &&
               strlen(json_object_get_string(value)) == (size_t) json_object_get_string_len(value);
}

bool json_is_text_array(json_object *value) {
        if (!json_object_is_type(value, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(value); i++)
                if (!json_is_text(json_object_array_get_idx(value, i)))
                        return false;
        return true;
}

const char *json_get_string(json_object *object, const char *key) {
        json_object *value = json_object_object_get(object, key);

        return json_is_text(value) ? json_object_get_string(value) : NULL;
}

int json_get_int(json_object *object, const char *key, int otherwise) {
        json_object *value = json_object_object_get(object, key);

        return json_object_is_type(value, json_type_int) ? json_object_get_int(value) : otherwise;
}

bool json_get_bool(json_object *object, const char *key) {
        return json_object_get_boolean(json_object_object_get(object, key));
}

json_object *json_get_object(json_object *object, const char *key) {
        json_object *value = json_object_object_get(object, key);

        return json_object_is_type(value, json_type_object) ? value : NULL;
}

bool json_array_has(json_object *array, const char *text) {
        for (size_t i = 0; array && i < json_object_array_length(array); i++) {
                const char *entry = json_object_get_string(json_object_array_get_idx(array, i));

                if (entry && streq(entry, text))
                        return true;
        }
        return false;
}
