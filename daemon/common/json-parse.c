#include "common/json-parse.h"

#include <errno.h>
#include <json-c/json_visit.h>

#include "common/json-owned.h"
#include "common/util.h"

static int parse_once(const char *text, size_t length, json_tokener *tokener, json_object **ret,
                      const char **ret_fault) {
        CLEANUP(json_object_putp) json_object *root = NULL;
        enum json_tokener_error error;

        json_tokener_reset(tokener);
        errno = 0;
        root = json_tokener_parse_ex(tokener, text, (int) length);
        error = json_tokener_get_error(tokener);
        if (errno == ENOMEM || (error == json_tokener_success && !root))
                return -ENOMEM;
        if (error != json_tokener_success) {
                *ret_fault = json_tokener_error_desc(error);
                return -EBADMSG;
        }
        *ret = STEAL_PTR(root);
        return 0;
}

static int count_value(json_object *value, int flags, json_object *parent, const char *key,
                       size_t *index, void *userdata) {
        struct json_counts *counts = userdata;

        (void) parent;
        (void) index;
        if (flags & JSON_C_VISIT_SECOND)
                return JSON_C_VISIT_RETURN_CONTINUE;
        counts->values++;
        if (key)
                counts->bytes += strlen(key);
        if (json_object_is_type(value, json_type_string))
                counts->bytes += (size_t) json_object_get_string_len(value);
        return JSON_C_VISIT_RETURN_CONTINUE;
}

/* Whether nothing is missing, as far as can be told by counting. */
static bool is_whole(json_object *root, const struct json_counts *counts) {
        struct json_counts found = {};

        return counts->is_exact && json_c_visit(root, 0, count_value, &found) >= 0 &&
               found.values == counts->values && found.bytes == counts->bytes;
}

/*
 * Before 0.17 json-c goes on without a member, or the rest of a string, for which it has no
 * memory, and a number behind it resets errno. It does not do so twice in the same place.
 */
int json_parse(const char *text, size_t length, const struct json_counts *counts,
               json_tokener *tokener, json_object **ret, const char **ret_fault) {
        CLEANUP(json_object_putp) json_object *root = NULL, *again = NULL;
        int r;

        r = parse_once(text, length, tokener, &root, ret_fault);
        if (r == 0 && json_c_version_num() < (17 << 8) && !is_whole(root, counts)) {
                r = parse_once(text, length, tokener, &again, ret_fault);
                if (r == 0 && !json_object_equal(root, again))
                        r = -ENOMEM;
        }
        if (r == 0)
                *ret = STEAL_PTR(root);
        return r;
}
