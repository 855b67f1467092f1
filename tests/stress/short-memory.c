/*
 * Lets one allocation of koowatchd fail, as a library that is loaded before all others
 *
 * Calls are counted for each place in the program that makes them, named by its offset in hex;
 * all that libraries make are one place, "0". SHORT_MEMORY="PLACE:N" lets the Nth call from PLACE
 * fail, SHORT_MEMORY_COUNTS=FILE gets a line "PLACE COUNT" of each at the end.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES 4096

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static uintptr_t base, end; /* of the program; 0: not known yet, or it is another one */
static uintptr_t failing_place = UINTPTR_MAX;
static unsigned failing_call;
static struct {
        atomic_uintptr_t place; /* 0: free */
        atomic_uint calls;
} places[PLACES]; /* the last one: libraries */

static void *failed_from[32];
static int failed_depth;

/* A crash shows where it happened, and which allocation has failed. */
static void on_crash(int number) {
        void *from[32];
        int depth = backtrace(from, 32);

        backtrace_symbols_fd(from, depth, 2);
        (void) !write(2, "failed:\n", 8);
        backtrace_symbols_fd(failed_from, failed_depth, 2);
        (void) signal(number, SIG_DFL);
        (void) raise(number);
}

static int find_program(struct dl_phdr_info *info, size_t size, void *userdata) {
        (void) size;
        (void) userdata;
        base = info->dlpi_addr;
        for (unsigned i = 0; i < info->dlpi_phnum; i++)
                if (info->dlpi_phdr[i].p_type == PT_LOAD) {
                        uintptr_t after =
                                base + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;

                        end = after > end ? after : end;
                }
        return 1; /* it is the first */
}

__attribute__((constructor)) static void open_shim(void) {
        const char *what = getenv("SHORT_MEMORY");

        if (strcmp(program_invocation_short_name, "koowatchd") != 0)
                return;
        if (what) {
                char *rest;

                failing_place = strtoul(what, &rest, 16);
                failing_call = (unsigned) strtoul(rest + 1, NULL, 10);
        }
        (void) backtrace(failed_from, 1); /* loads what it needs */
        (void) signal(SIGSEGV, on_crash);
        (void) signal(SIGABRT, on_crash);
        (void) signal(SIGQUIT, on_crash); /* whoever finds that it hangs */
        (void) dl_iterate_phdr(find_program, NULL);
}

__attribute__((destructor)) static void close_shim(void) {
        const char *path = getenv("SHORT_MEMORY_COUNTS");
        FILE *file;

        if (end == 0 || !path)
                return;
        end = 0;
        file = fopen(path, "we");
        if (!file)
                return;
        for (unsigned i = 0; i < PLACES; i++)
                if (places[i].calls > 0)
                        (void) fprintf(file, "%lx %u\n", (unsigned long) places[i].place,
                                       places[i].calls);
        (void) fclose(file);
}

static unsigned slot_of(uintptr_t place) {
        unsigned at = (unsigned) (place * 2654435761U) % (PLACES - 1);

        if (place == 0)
                return PLACES - 1;
        for (;; at = (at + 1) % (PLACES - 1)) {
                uintptr_t free_one = 0;

                if (atomic_load(&places[at].place) == place ||
                    atomic_compare_exchange_strong(&places[at].place, &free_one, place) ||
                    free_one == place)
                        return at;
        }
}

/* Whether the call that returns to caller is the one that fails. */
static int fails(const void *caller) {
        uintptr_t at = (uintptr_t) caller, place = at >= base && at < end ? at - base : 0;

        if (end == 0)
                return 0;
        if (atomic_fetch_add(&places[slot_of(place)].calls, 1) + 1 != failing_call ||
            place != failing_place)
                return 0;
        failed_depth = backtrace(failed_from, 32);
        errno = ENOMEM;
        return 1;
}

#define FAILS() fails(__builtin_return_address(0))

void *malloc(size_t size) {
        return FAILS() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
        return FAILS() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
        return FAILS() ? NULL : __libc_realloc(memory, size);
}

void *reallocarray(void *memory, size_t count, size_t size) {
        size_t bytes;

        if (__builtin_mul_overflow(count, size, &bytes)) {
                errno = ENOMEM;
                return NULL;
        }
        return FAILS() ? NULL : __libc_realloc(memory, bytes);
}

char *strndup(const char *text, size_t most) {
        size_t length = strnlen(text, most);
        char *copy = FAILS() ? NULL : __libc_malloc(length + 1);

        if (!copy)
                return NULL;
        memcpy(copy, text, length);
        copy[length] = '\0';
        return copy;
}

char *strdup(const char *text) {
        size_t size = strlen(text) + 1;
        char *copy = FAILS() ? NULL : __libc_malloc(size);

        return copy ? memcpy(copy, text, size) : NULL;
}

int vasprintf(char **ret, const char *format, va_list args) {
        static int (*original)(char **ret, const char *format, va_list args);

        if (FAILS())
                return -1;
        if (!original)
                *(void **) &original = dlsym(RTLD_NEXT, "vasprintf");
        return original(ret, format, args);
}
