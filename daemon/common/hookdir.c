/*
 * Hook directories
 *
 * All entries of all directories are collected, with the rank of the directory
 * that each comes from, and sorted by name and rank: of each name the first one
 * counts, and a mask only drops out once it has hidden what is below it.
 */
#include "common/hookdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/hook-file.h"

struct candidate {
        struct hook hook;
        size_t rank;
        bool masked;
};

struct scan {
        struct candidate *candidates;
        size_t count;
        size_t allocated;
        char *problem; /* what a directory holds could not be seen */
};

static void scan_clear(struct scan *scan) {
        for (size_t i = 0; i < scan->count; i++) {
                free(scan->candidates[i].hook.name);
                free(scan->candidates[i].hook.path);
        }
        free(scan->candidates);
        free(scan->problem);
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* What editors, package managers and careful people leave beside a file, also numbered. */
static bool is_leftover(const char *name) {
        static const char *const parts[] = {".dpkg-", ".ucf-", ".rpm", ".pac"};
        static const char *const endings[] = {".bak", ".orig", ".save", ".old",
                                              ".new", ".swp",  ".swo",  ".tmp",
                                              ".rej", ".part", ".copy", ".disabled"};
        size_t n = strlen(name);

        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
                if (strstr(name, parts[i]))
                        return true;
        if (name[n - 1] == '~' || (name[0] == '#' && name[n - 1] == '#'))
                return true;
        while (n > 0 && strchr("0123456789.-_", name[n - 1]))
                n--;
        for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
                size_t k = strlen(endings[i]);

                if (n > k && strncasecmp(name + n - k, endings[i], k) == 0)
                        return true;
        }
        return false;
}

bool hook_name_is_valid(const char *name) {
        size_t n = strlen(name);

        return n > 0 && n <= NAME_MAX && name[0] != '.' && !strchr(name, '/') &&
               !is_leftover(name) && utf8_is_valid(name, n);
}

static bool is_mask(const struct stat *st) {
        return (S_ISREG(st->st_mode) && st->st_size == 0) ||
               (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3)); /* /dev/null */
}

/* Splits off the next non-empty element of the colon-separated *list; NULL at its end. */
static char *next_directory(const char **list, const char *subdirectory) {
        const char *start = *list + strspn(*list, ":");
        size_t n = strcspn(start, ":");

        *list = start + n;
        return str_printf("%.*s/%s", (int) n, start, subdirectory);
}

static bool at_end(const char *list) {
        return list[strspn(list, ":")] == '\0';
}

static int scan_add(struct scan *scan, const char *directory, size_t rank, const char *name,
                    bool masked) {
        struct candidate candidate = {.rank = rank, .masked = masked};

        if (scan->count == scan->allocated) {
                size_t allocated = MAX((size_t) 16, scan->allocated * 2);
                struct candidate *grown;

                grown = reallocarray(scan->candidates, allocated, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                scan->candidates = grown;
                scan->allocated = allocated;
        }

        candidate.hook.name = strdup(name);
        candidate.hook.path = str_printf("%s/%s", directory, name);
        scan->candidates[scan->count++] = candidate;

        return candidate.hook.name && candidate.hook.path ? 0 : -ENOMEM;
}

/* The first one is kept. Returns 0 or -ENOMEM. */
static int scan_note(struct scan *scan, const char *directory, int error) {
        if (!scan->problem)
                scan->problem = str_printf("%s cannot be read: %s", directory, strerror(error));
        return scan->problem ? 0 : -ENOMEM;
}

static int scan_directory(struct scan *scan, const char *directory, size_t rank) {
        CLEANUP(closedirp) DIR *d = NULL;
        struct dirent *entry;
        struct stat st;
        int r;

        d = opendir(directory);
        if (!d)
                return errno == ENOENT ? 0 : scan_note(scan, directory, errno);

        for (errno = 0; (entry = readdir(d)); errno = 0) {
                if (!hook_name_is_valid(entry->d_name))
                        continue;

                /* What cannot be looked at is kept: it is refused, with a reason, when opened. */
                if (fstatat(dirfd(d), entry->d_name, &st, 0) < 0)
                        st = (struct stat){0};

                r = scan_add(scan, directory, rank, entry->d_name, is_mask(&st));
                if (r < 0)
                        return r;
        }

        return errno == 0 ? 0 : scan_note(scan, directory, errno);
}

static int compare(const void *a, const void *b) {
        const struct candidate *x = a, *y = b;
        int order = strcmp(x->hook.name, y->hook.name);

        return order != 0 ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

/* Moves what is not hidden and not masked from the scan to the list. */
static int scan_choose(struct scan *scan, struct hook_list *ret) {
        struct hook_list list = {0};
        const char *previous = NULL;

        if (scan->count == 0) {
                *ret = list;
                return 0;
        }

        list.hooks = calloc(scan->count, sizeof(*list.hooks));
        if (!list.hooks)
                return -ENOMEM;

        qsort(scan->candidates, scan->count, sizeof(*scan->candidates), compare);

        for (size_t i = 0; i < scan->count; i++) {
                struct candidate *c = scan->candidates + i;
                bool hidden = previous && streq(previous, c->hook.name);

                previous = c->hook.name;
                if (hidden || c->masked)
                        continue;

                list.hooks[list.count].name = STEAL_PTR(c->hook.name);
                list.hooks[list.count++].path = STEAL_PTR(c->hook.path);
        }

        *ret = list;
        return 0;
}

static int scan_all(struct scan *scan, const char *directories, const char *subdirectory) {
        int r;

        for (size_t rank = 0; !at_end(directories); rank++) {
                CLEANUP(freep) char *directory = next_directory(&directories, subdirectory);

                if (!directory)
                        return -ENOMEM;

                r = scan_directory(scan, directory, rank);
                if (r < 0)
                        return r;
        }

        return 0;
}

int hookdir_list(const char *directories, const char *subdirectory, struct hook_list *ret) {
        CLEANUP(scan_clear) struct scan scan = {0};
        int r;

        r = scan_all(&scan, directories, subdirectory);
        if (r < 0)
                return r;

        r = scan_choose(&scan, ret);
        if (r == 0)
                ret->problem = STEAL_PTR(scan.problem);
        return r;
}

void hook_list_clear(struct hook_list *list) {
        for (size_t i = 0; i < list->count; i++) {
                free(list->hooks[i].name);
                free(list->hooks[i].path);
        }
        free(list->hooks);
        free(list->problem);
        *list = (struct hook_list){0};
}

bool hookdir_has_any(const char *directories, const char *subdirectory) {
        CLEANUP(scan_clear) struct scan scan = {0};
        CLEANUP(hook_list_clear) struct hook_list list = {0};

        if (scan_all(&scan, directories, subdirectory) < 0 || scan_choose(&scan, &list) < 0)
                return true;

        return scan.problem || list.count > 0;
}

static int problem(int error, char *text, char **ret) {
        *ret = text;
        return text ? error : -ENOMEM;
}

/* Looks into one directory. Returns 1 with *ret_path, 0: not there, or as hookdir_find(). */
static int find_in(const char *directory, const char *name, char **ret_path, char **ret_problem) {
        CLEANUP(freep) char *path = str_printf("%s/%s", directory, name);
        struct stat st = {0};

        if (!path)
                return -ENOMEM;
        /* A dangling link is there as well, and hides: hence the second look. */
        if (stat(path, &st) < 0 && lstat(path, &st) < 0)
                return errno == ENOENT
                               ? 0
                               : problem(-errno, str_printf("%s cannot be accessed: %m", path),
                                         ret_problem);
        if (is_mask(&st))
                return problem(-ENOENT, str_printf("%s masks it", path), ret_problem);
        *ret_path = STEAL_PTR(path);
        return 1;
}

int hookdir_find(const char *directories, const char *subdirectory, const char *name,
                 char **ret_path, char **ret_problem) {
        const char *all = directories;

        if (!hook_name_is_valid(name))
                return problem(-ENOENT, strdup("its name is not valid for a hook"), ret_problem);
        while (!at_end(directories)) {
                CLEANUP(freep) char *directory = next_directory(&directories, subdirectory);
                int r = directory ? find_in(directory, name, ret_path, ret_problem) : -ENOMEM;

                if (r != 0)
                        return r > 0 ? 0 : r;
        }
        return problem(-ENOENT, str_printf("no such hook in %s of %s", subdirectory, all),
                       ret_problem);
}

int hook_find_named(const char *directories, const char *name, char **ret_problem) {
        CLEANUP(freep) char *path = NULL;
        CLEANUP(freep) char *why = NULL;
        int r;

        r = hookdir_find(directories, "named.d", name, &path, ret_problem);
        if (r < 0)
                return r;
        r = hook_file_check(path, true, &why);
        if (r < 0)
                return problem(r, why ? str_printf("%s: %s", path, why) : NULL, ret_problem);
        return 0;
}
