#include "koowatchd/control/page.h"

#include <json-c/json.h>
#include <stdint.h>

#include "common/json.h"
#include "common/util.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX 10000

const char *page_cursor(json_object *arguments) {
        json_object *cursor = json_object_array_get_idx(arguments, 1);

        return json_is_text(cursor) ? json_object_get_string(cursor) : "";
}

size_t page_limit(json_object *arguments) {
        int64_t limit = json_object_get_int64(json_object_array_get_idx(arguments, 2));

        return limit <= 0 ? LIMIT_DEFAULT : (size_t) MIN(limit, LIMIT_MAX);
}
