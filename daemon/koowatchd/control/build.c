#include "koowatchd/control/build.h"

bool build_append(json_object *array, json_object *value) {
        if (value && json_object_array_add(array, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

bool build_add(json_object *object, const char *key, json_object *value) {
        if (value && json_object_object_add(object, key, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

bool build_add_string(json_object *object, const char *key, const char *value) {
        return str_empty(value) || build_add(object, key, json_object_new_string(value));
}

bool build_add_integer(json_object *object, const char *key, int64_t value) {
        return build_add(object, key, json_object_new_int64(value));
}

bool build_add_known(json_object *object, const char *key, int value) {
        return value < 0 || build_add_integer(object, key, value);
}

bool build_add_time(json_object *object, const char *key, usec_t wall) {
        char text[32];

        if (wall <= 0 || wall == USEC_INFINITY)
                return true;
        return build_add_string(object, key, timestamp_format(wall, text, sizeof(text)));
}

bool build_add_boot_time(json_object *object, const char *key, usec_t boot) {
        return boot <= 0 || boot == USEC_INFINITY ||
               build_add_time(object, key, clock_wall() + (boot - clock_boot()));
}

bool build_add_words(json_object *object, const char *key, const char *words) {
        CLEANUP(freep) char *copy = strdup(words ? words : "");
        CLEANUP(json_object_putp) json_object *array = json_object_new_array();
        char *at = copy, *word;

        if (!copy || !array)
                return false;
        while ((word = strsep(&at, " ")))
                if (*word && !build_append(array, json_object_new_string(word)))
                        return false;
        return json_object_array_length(array) == 0 || build_add(object, key, STEAL_PTR(array));
}

bool build_share(json_object *object, json_object *from, const char *const *names) {
        for (; *names; names++) {
                json_object *value = json_object_object_get(from, *names);

                if (value && !build_add(object, *names, json_object_get(value)))
                        return false;
        }
        return true;
}

json_object *build_reply(json_object *first, json_object *second) {
        CLEANUP(json_object_putp) json_object *array = json_object_new_array();
        bool is_complete = array && build_append(array, first);

        if (!array)
                json_object_put(first);
        if (is_complete)
                return build_append(array, second) ? STEAL_PTR(array) : NULL;
        json_object_put(second);
        return NULL;
}

json_object *build_reply_of(json_object *only) {
        CLEANUP(json_object_putp) json_object *array = json_object_new_array();

        if (!array) {
                json_object_put(only);
                return NULL;
        }
        return build_append(array, only) ? STEAL_PTR(array) : NULL;
}
