#include "common/texts.h"

#include <string.h>

size_t texts_size(const char **const texts[], size_t n) {
        size_t size = 0;

        for (size_t i = 0; i < n; i++)
                size += *texts[i] ? strlen(*texts[i]) + 1 : 0;
        return size;
}

void texts_copy(char *to, const char **const texts[], size_t n) {
        for (size_t i = 0; i < n; i++) {
                size_t size = *texts[i] ? strlen(*texts[i]) + 1 : 0;

                if (size == 0)
                        continue;
                *texts[i] = memcpy(to, *texts[i], size);
                to += size;
        }
}
