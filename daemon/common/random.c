#include "common/random.h"

#include <stdint.h>
#include <stdlib.h>

#include "common/util.h"

static unsigned char buffer[1024];
static size_t left;

void random_bytes(void *ret, size_t n) {
        for (unsigned char *at = ret; n > 0;) {
                size_t part;

                if (left == 0) {
                        arc4random_buf(buffer, sizeof(buffer));
                        left = sizeof(buffer);
                }
                part = MIN(n, left);
                at = mempcpy(at, buffer + sizeof(buffer) - left, part);
                left -= part;
                n -= part;
        }
}

double random_share(void) {
        uint32_t number;

        random_bytes(&number, sizeof(number));
        return (double) number / 4294967296.0;
}
