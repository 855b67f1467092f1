#include "koowatchd/control/page.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdint.h>

#include "common/json.h"
#include "common/util.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX 10000

const char *page_cursor(json_object *arguments) {
        json_object *cursor = json_object_array_get_idx(arguments, 1);

        return json_is_text(cursor) ? json_object_get_string(cursor) : "";
}

/* The value of a digit as hex_encode() writes it, or -1. */
static int digit(char c) {
        static const char digits[] = "0123456789abcdef";
        const char *at = c ? strchr(digits, c) : NULL;

        return at ? (int) (at - digits) : -1;
}

int page_name(json_object *arguments, char **ret) {
        const char *cursor = page_cursor(arguments);
        size_t length = strlen(cursor) / 2;
        CLEANUP(freep) char *name = calloc(length + 1, 1);

        if (!name)
                return -ENOMEM;
        if (strlen(cursor) % 2 != 0 || length > NAME_MAX)
                return -EINVAL;
        for (size_t i = 0; i < length; i++) {
                int high = digit(cursor[2 * i]), low = digit(cursor[2 * i + 1]);

                if (high < 0 || low < 0)
                        return -EINVAL;
                name[i] = (char) (16 * high + low);
                if (!name[i] || name[i] == '/')
                        return -EINVAL;
        }
        *ret = STEAL_PTR(name);
        return 0;
}

char *page_cursor_of(const char *name) {
        size_t length = strlen(name);
        char *cursor = malloc(2 * length + 1);

        if (cursor)
                hex_encode(name, length, cursor);
        return cursor;
}

size_t page_limit(json_object *arguments) {
        int64_t limit = json_object_get_int64(json_object_array_get_idx(arguments, 2));

        return limit <= 0 ? LIMIT_DEFAULT : (size_t) MIN(limit, LIMIT_MAX);
}
