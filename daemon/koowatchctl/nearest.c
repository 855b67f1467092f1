#include "koowatchctl/nearest.h"

#include <limits.h>

#include "common/json.h"
#include "common/util.h"

#define LENGTH_MAX 128

unsigned nearest_distance(const char *a, const char *b) {
        unsigned rows[3][LENGTH_MAX + 1];
        size_t n = strlen(a), m = strlen(b);

        if (n > LENGTH_MAX || m > LENGTH_MAX)
                return UINT_MAX;
        for (size_t j = 0; j <= m; j++)
                rows[0][j] = (unsigned) j;
        for (size_t i = 1; i <= n; i++) {
                unsigned *row = rows[i % 3];
                const unsigned *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

                row[0] = (unsigned) i;
                for (size_t j = 1; j <= m; j++) {
                        unsigned cost = a[i - 1] == b[j - 1] ? 0 : 1;

                        row[j] = MIN(MIN(row[j - 1], last[j]) + 1, last[j - 1] + cost);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                row[j] = MIN(row[j], before[j - 2] + 1);
                }
        }
        return rows[n % 3][m];
}

const char *nearest_name(const char *name, json_object *entries) {
        unsigned best = (unsigned) MIN(strlen(name) / 3 + 1, (size_t) 4) + 1;
        const char *found = NULL;

        for (size_t i = 0; i < json_object_array_length(entries); i++) {
                const char *other = json_get_string(json_object_array_get_idx(entries, i), "name");
                unsigned distance = other ? nearest_distance(name, other) : UINT_MAX;

                if (distance < best) {
                        best = distance;
                        found = other;
                }
        }
        return found;
}
