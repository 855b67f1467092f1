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

#include "common/log.h"

struct candidate {
        struct hook hook;
        size_t rank;
        bool masked;
};

struct scan {
        struct candidate *candidates;
        size_t count;
        size_t allocated;
        bool quiet;
        bool unreadable; /* what a directory holds could not be seen */
};

static void scan_clear(struct scan *scan) {
        for (size_t i = 0; i < scan->count; i++) {
                free(scan->candidates[i].hook.name);
                free(scan->candidates[i].hook.path);
        }
        free(scan->candidates);
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

bool hook_name_is_valid(const char *name) {
        size_t n = strlen(name);

        return n > 0 && n <= NAME_MAX && name[0] != '.' && !strchr(name, '/') &&
               !str_ends_with(name, "~") && !strstr(name, ".dpkg-") && !strstr(name, ".rpm") &&
               utf8_is_valid(name, n);
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

/* Opens a directory of hooks for a look into it; *ret NULL when there is nothing to see. */
static void scan_open(struct scan *scan, const char *directory, DIR **ret) {
        DIR *d = opendir(directory);

        if (!d && errno != ENOENT) {
                scan->unreadable = true;
                if (!scan->quiet)
                        log_warning("%s: cannot be read, its hooks are not run now: %m", directory);
        }
        *ret = d;
}

static int scan_directory(struct scan *scan, const char *directory, size_t rank) {
        CLEANUP(closedirp) DIR *d = NULL;
        struct dirent *entry;
        struct stat st;
        int r;

        scan_open(scan, directory, &d);
        if (!d)
                return 0;

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

        return -errno;
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
        ret->unreadable = scan.unreadable;
        return r;
}

void hook_list_clear(struct hook_list *list) {
        for (size_t i = 0; i < list->count; i++) {
                free(list->hooks[i].name);
                free(list->hooks[i].path);
        }
        free(list->hooks);
        *list = (struct hook_list){0};
}

bool hookdir_has_any(const char *directories, const char *subdirectory) {
        CLEANUP(scan_clear) struct scan scan = {.quiet = true};
        CLEANUP(hook_list_clear) struct hook_list list = {0};

        if (scan_all(&scan, directories, subdirectory) < 0 || scan_choose(&scan, &list) < 0)
                return true;

        return scan.unreadable || list.count > 0;
}

int hookdir_find(const char *directories, const char *subdirectory, const char *name, char **ret) {
        if (!hook_name_is_valid(name))
                return -ENOENT;

        while (!at_end(directories)) {
                CLEANUP(freep) char *directory = next_directory(&directories, subdirectory);
                CLEANUP(freep) char *path = NULL;
                struct stat st = {0};

                path = directory ? str_printf("%s/%s", directory, name) : NULL;
                if (!path)
                        return -ENOMEM;

                /* A dangling link is there as well, and hides: hence the second look. */
                if (stat(path, &st) < 0 && lstat(path, &st) < 0) {
                        if (errno != ENOENT)
                                log_warning("%s: cannot be looked at, passed over: %m", path);
                        continue;
                }
                if (is_mask(&st))
                        return -ENOENT;

                *ret = STEAL_PTR(path);
                return 0;
        }

        return -ENOENT;
}

static int refuse(const char *why, const char **ret_why) {
        *ret_why = why;
        return -EPERM;
}

static int cannot_open(const char *why, const char **ret_why) {
        *ret_why = why;
        return -errno;
}

static bool is_trusted(uid_t owner) {
        return owner == 0 || owner == geteuid();
}

static int check_directory(int fd, const char **ret_why) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return cannot_open("its directory cannot be examined", ret_why);
        if (!is_trusted(st.st_uid))
                return refuse("its directory is owned by neither root nor the runner's user",
                              ret_why);
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return refuse("its directory is writable by group or others", ret_why);

        return 0;
}

static int check_file(int fd, const char **ret_why) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return cannot_open("it cannot be examined", ret_why);
        if (!S_ISREG(st.st_mode))
                return refuse("it is not a regular file", ret_why);
        if (!is_trusted(st.st_uid))
                return refuse("it is owned by neither root nor the runner's user", ret_why);
        if (st.st_mode & (S_ISUID | S_ISGID))
                return refuse("it is set-user-id or set-group-id", ret_why);
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return refuse("it is writable by group or others", ret_why);
        if (!(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
                return refuse("it is not executable", ret_why);

        return 0;
}

int hook_open_checked(const char *path, const char **ret_why) {
        CLEANUP(freep) char *directory = NULL;
        CLEANUP(closep) int dir_fd = -1, fd = -1;
        const char *slash = strrchr(path, '/');
        int r;

        if (!slash || !slash[1]) {
                *ret_why = "its path names no file in a directory";
                return -EINVAL;
        }

        directory = strndup(path, MAX((size_t) (slash - path), (size_t) 1));
        if (!directory) {
                *ret_why = "out of memory";
                return -ENOMEM;
        }

        dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return cannot_open("its directory cannot be opened", ret_why);
        r = check_directory(dir_fd, ret_why);
        if (r < 0)
                return r;

        fd = openat(dir_fd, slash + 1, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return cannot_open("it cannot be opened", ret_why);
        r = check_file(fd, ret_why);
        if (r < 0)
                return r;

        return STEAL_FD(fd);
}

static int problem(int error, char *text, char **ret) {
        *ret = text;
        return text ? error : -ENOMEM;
}

int hook_find_named(const char *directories, const char *name, char **ret_problem) {
        CLEANUP(freep) char *path = NULL;
        CLEANUP(closep) int fd = -1;
        const char *why = NULL;
        int r;

        r = hookdir_find(directories, "named.d", name, &path);
        if (r == -ENOENT)
                return problem(r, str_printf("no such hook in named.d of %s", directories),
                               ret_problem);
        if (r < 0)
                return r;
        fd = hook_open_checked(path, &why);
        if (fd < 0)
                return problem(fd, str_printf("%s is refused: %s", path, why), ret_problem);
        return 0;
}
