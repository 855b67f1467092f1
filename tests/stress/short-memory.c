/*
 * Lets one allocation of a program fail, as a library that is loaded before all others
 *
 * Calls are counted for each place in the program that makes them, named by its offset in hex, and
 * for each library, named by its file. SHORT_MEMORY="PLACE:N" lets the Nth call from PLACE fail,
 * SHORT_MEMORY_COUNTS=FILE gets a line "PLACE COUNT" of each at the end.
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
#define OBJECTS 128

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

/* The program, which is the first one, and its libraries. */
static struct object {
        uintptr_t base, end;
        char name[64];
        atomic_uint calls;
} objects[OBJECTS];
static unsigned n_objects; /* 0: not known yet, or not any more */
static struct {
        atomic_uintptr_t place; /* in the program; 0: free */
        atomic_uint calls;
} places[PLACES];

static char failing_name[64]; /* "": none */
static unsigned failing_call;

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

static int note_object(struct dl_phdr_info *info, size_t size, void *userdata) {
        unsigned *count = userdata;
        struct object *object = &objects[*count];
        const char *slash = strrchr(info->dlpi_name, '/');

        (void) size;
        object->base = info->dlpi_addr;
        (void) snprintf(object->name, sizeof(object->name), "%s",
                        slash ? slash + 1 : info->dlpi_name);
        for (unsigned i = 0; i < info->dlpi_phnum; i++)
                if (info->dlpi_phdr[i].p_type == PT_LOAD) {
                        uintptr_t after = object->base + info->dlpi_phdr[i].p_vaddr +
                                          info->dlpi_phdr[i].p_memsz;

                        object->end = after > object->end ? after : object->end;
                }
        return ++*count == OBJECTS;
}

__attribute__((constructor)) static void open_shim(void) {
        const char *what = getenv("SHORT_MEMORY");
        unsigned count = 0;

        if (what)
                (void) sscanf(what, "%63[^:]:%u", failing_name, &failing_call);
        (void) backtrace(failed_from, 1); /* loads what it needs */
        (void) signal(SIGSEGV, on_crash);
        (void) signal(SIGABRT, on_crash);
        (void) signal(SIGQUIT, on_crash); /* whoever finds that it hangs */
        (void) dl_iterate_phdr(note_object, &count);
        n_objects = count;
}

__attribute__((destructor)) static void close_shim(void) {
        const char *path = getenv("SHORT_MEMORY_COUNTS");
        unsigned count = n_objects;
        FILE *file;

        if (count == 0 || !path)
                return;
        n_objects = 0;
        file = fopen(path, "we");
        if (!file)
                return;
        for (unsigned i = 0; i < PLACES; i++)
                if (places[i].calls > 0)
                        (void) fprintf(file, "%lx %u\n", (unsigned long) places[i].place,
                                       places[i].calls);
        for (unsigned i = 1; i < count; i++)
                if (objects[i].calls > 0)
                        (void) fprintf(file, "%s %u\n", objects[i].name, objects[i].calls);
        (void) fclose(file);
}

static unsigned slot_of(uintptr_t place) {
        unsigned at = (unsigned) (place * 2654435761U) % PLACES;

        for (;; at = (at + 1) % PLACES) {
                uintptr_t free_one = 0;

                if (atomic_load(&places[at].place) == place ||
                    atomic_compare_exchange_strong(&places[at].place, &free_one, place) ||
                    free_one == place)
                        return at;
        }
}

/* Whether the call that returns to caller is the one that fails. */
static int fails(const void *caller) {
        uintptr_t at = (uintptr_t) caller;
        unsigned i = 0, calls;
        char place[32];

        while (i < n_objects && (at < objects[i].base || at >= objects[i].end))
                i++;
        if (i == n_objects) /* what was loaded later */
                return 0;
        calls = i == 0 ? atomic_fetch_add(&places[slot_of(at - objects[0].base)].calls, 1) + 1
                       : atomic_fetch_add(&objects[i].calls, 1) + 1;
        if (calls != failing_call)
                return 0;
        (void) snprintf(place, sizeof(place), "%lx", (unsigned long) (at - objects[0].base));
        if (strcmp(i == 0 ? place : objects[i].name, failing_name) != 0)
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
