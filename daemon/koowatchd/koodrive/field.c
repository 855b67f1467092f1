#include "koowatchd/koodrive/field.h"

#include <errno.h>

#include "common/json.h"
#include "common/util.h"

/* "12", "12.0", "12,5 ": the integer part, and what is behind it; NULL when it is no number. */
static const char *parse_number(const char *text, int64_t *ret, bool *ret_is_whole) {
        char *end;

        errno = 0;
        *ret = strtoll(text, &end, 10);
        *ret_is_whole = true;
        if (errno != 0 || end == text)
                return NULL;
        if (*end == '.' || *end == ',') {
                end++;
                *ret_is_whole = strspn(end, "0") == strspn(end, "0123456789");
                end += strspn(end, "0123456789");
        }
        return end + strspn(end, " \t\r\n");
}

bool field_integer(json_object *object, const char *key, int64_t *ret) {
        json_object *value;

        if (!json_object_object_get_ex(object, key, &value))
                return false;

        switch (json_object_get_type(value)) {
        case json_type_int:
                *ret = json_object_get_int64(value);
                return *ret < 0 || (uint64_t) *ret == json_object_get_uint64(value);
        case json_type_double: {
                double d = json_object_get_double(value);

                if (!(d >= -1e15 && d <= 1e15) || d != (double) (int64_t) d)
                        return false;
                *ret = (int64_t) d;
                return true;
        }
        case json_type_string: {
                bool whole;
                const char *end = parse_number(json_object_get_string(value), ret, &whole);

                return end && !*end && whole;
        }
        default:
                return false;
        }
}

bool field_percent(json_object *object, const char *key, int64_t *ret) {
        json_object *value = json_object_object_get(object, key);
        const char *end;
        bool whole;
        double d;

        switch (json_object_get_type(value)) {
        case json_type_int:
                *ret = json_object_get_int64(value);
                return true;
        case json_type_double:
                d = json_object_get_double(value);
                *ret = d < 0 ? 0 : d > 100 ? 100 : (int64_t) d;
                return true;
        case json_type_string:
                end = parse_number(json_object_get_string(value), ret, &whole);
                if (end && *end == '%')
                        end += 1 + strspn(end + 1, " \t\r\n");
                return end && !*end;
        default:
                return false;
        }
}

bool field_is_other_id(json_object *object, const char *key, const char *expected) {
        json_object *value;

        if (!json_object_object_get_ex(object, key, &value) ||
            (!json_object_is_type(value, json_type_string) &&
             !json_object_is_type(value, json_type_int)))
                return false;
        return !streq(json_object_get_string(value), expected);
}
