#include "koowatchd/memory-trim.h"

#include <inttypes.h>
#include <malloc.h>
#include <sys/mman.h>

#include "common/util.h"

void memory_trim_configure(void) {
        /* libcurl's resolver threads would each open an arena of their own. */
        (void) mallopt(M_ARENA_MAX, 1);
        /* Setting it also ends its growing by itself, after which memory would not go back. */
        (void) mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

/* "7f00-7f10 r-xp ...": the range, when it is text and private. Data that was relocated is not. */
static bool parse_text_range(const char *line, uintptr_t *ret_start, uintptr_t *ret_end) {
        char *at;

        *ret_start = strtoumax(line, &at, 16);
        if (*at != '-')
                return false;
        *ret_end = strtoumax(at + 1, &at, 16);
        return str_after(at, " r-xp ") && strchr(at, '/') && *ret_start < *ret_end;
}

void memory_trim(void) {
        CLEANUP(fclosep) FILE *maps = fopen("/proc/self/maps", "re");
        CLEANUP(freep) char *line = NULL;
        size_t size = 0;
        uintptr_t start, end;

        (void) malloc_trim(0);
        while (maps && getline(&line, &size, maps) >= 0)
                if (parse_text_range(line, &start, &end))
                        /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
                        (void) madvise((void *) start, end - start, MADV_DONTNEED);
}
