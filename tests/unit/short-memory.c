#include "unit/short-memory.h"

#include <curl/curl.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned left; /* allocations until the one that fails, with it; 0: none does */
static bool has_failed;

void memory_fail(unsigned n) {
        left = n;
        has_failed = false;
}

unsigned memory_left(void) {
        return left;
}

bool memory_end(void) {
        left = 0;
        return has_failed;
}

static bool fails(void) {
        if (left == 0 || --left > 0)
                return false;
        has_failed = true;
        errno = ENOMEM;
        return true;
}

#define FAILING(type, name, parameters, arguments)               \
        type __real_##name parameters;                           \
        type __wrap_##name parameters;                           \
        type __wrap_##name parameters {                          \
                return fails() ? NULL : __real_##name arguments; \
        }

FAILING(void *, calloc, (size_t count, size_t size), (count, size))
FAILING(void *, malloc, (size_t size), (size))
FAILING(void *, realloc, (void *memory, size_t size), (memory, size))
FAILING(void *, reallocarray, (void *memory, size_t count, size_t size), (memory, count, size))
FAILING(char *, strdup, (const char *s), (s))
FAILING(char *, strndup, (const char *s, size_t n), (s, n))
FAILING(FILE *, open_memstream, (char **text, size_t *size), (text, size))
FAILING(CURLU *, curl_url, (void), ())
FAILING(json_tokener *, json_tokener_new_ex, (int depth), (depth))
FAILING(json_object *, json_object_new_array, (void), ())
FAILING(json_object *, json_object_new_boolean, (json_bool value), (value))
FAILING(json_object *, json_object_new_double_s, (double value, const char *text), (value, text))
FAILING(json_object *, json_object_new_int, (int32_t value), (value))
FAILING(json_object *, json_object_new_int64, (int64_t value), (value))
FAILING(json_object *, json_object_new_object, (void), ())
FAILING(json_object *, json_object_new_string, (const char *s), (s))

int __real_vasprintf(char **ret, const char *format, va_list args);
int __wrap_vasprintf(char **ret, const char *format, va_list args);
int __wrap_vasprintf(char **ret, const char *format, va_list args) {
        return fails() ? -1 : __real_vasprintf(ret, format, args);
}
