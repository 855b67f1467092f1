#include "common/hook-file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/util.h"

#define LINKS_MAX 40 /* as the kernel's */
#define HEAD_MAX 256 /* of what the kernel looks at in a script */

/* Where the walk along a path has come to. */
struct walk {
        int fd;     /* a directory */
        char *rest; /* of the path */
        unsigned links;
        bool outside;
        char **ret_why;
};

static void walk_clear(struct walk *w) {
        closep(&w->fd);
        free(w->rest);
}

static int say(struct walk *w, int error, const char *why) {
        *w->ret_why = strdup(why);
        return error;
}

/* The directory by its name, which the kernel knows. */
static int refuse_directory(struct walk *w, const char *why) {
        char link[32], name[PATH_MAX];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", w->fd);
        n = readlink(link, name, sizeof(name) - 1);
        name[MAX(n, (ssize_t) 0)] = '\0';
        *w->ret_why = str_printf("its directory %s is %s", name, why);
        return -EPERM;
}

static int cannot(struct walk *w, const char *what) {
        int error = -errno;

        *w->ret_why = str_printf("%s: %s", what, strerror(-error));
        return error;
}

static bool is_trusted(const struct walk *w, const struct stat *st) {
        return w->outside || st->st_uid == 0 || st->st_uid == geteuid();
}

/* Whether nobody can put something else in the place of the entry. */
static int check_directory(struct walk *w, const struct stat *entry, bool is_last) {
        struct stat st;

        if (fstat(w->fd, &st) < 0)
                return cannot(w, "its directory cannot be checked");
        if (!is_trusted(w, &st))
                return refuse_directory(w, "owned by neither root nor the runner's user");
        if (!(st.st_mode & (S_IWGRP | S_IWOTH)))
                return 0;
        if (!is_last && (st.st_mode & S_ISVTX) && is_trusted(w, entry))
                return 0;
        return refuse_directory(w, "writable by group or others");
}

static int check_file(struct walk *w, int fd, const struct stat *st) {
        struct statvfs fs;

        if (!S_ISREG(st->st_mode))
                return say(w, -ENOEXEC, "it is not a regular file");
        if (!(st->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
                return say(w, -ENOEXEC, "it is not executable (chmod +x makes it a hook)");
        if (!is_trusted(w, st))
                return say(w, -EPERM, "it is owned by neither root nor the runner's user");
        if (st->st_mode & (S_ISUID | S_ISGID))
                return say(w, -EPERM, "it is set-user-id or set-group-id");
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                return say(w, -EPERM, "it is writable by group or others");
        if (!w->outside && fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOEXEC))
                return say(w, -EPERM, "its file system is mounted noexec");
        return 0;
}

/* Puts the link's target before the rest. */
static int follow(struct walk *w, int link) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
        char *rest;

        if (n < 0)
                return cannot(w, "a link on its path cannot be read");
        if (++w->links > LINKS_MAX) {
                errno = ELOOP;
                return cannot(w, "it cannot be opened");
        }
        target[n] = '\0';
        rest = str_printf("%s/%s", target, w->rest);
        if (!rest)
                return -ENOMEM;
        free(w->rest);
        w->rest = rest;
        return 0;
}

/* Takes the next name off the rest, "" at its end. NULL when memory is short. */
static char *next_name(struct walk *w) {
        char *start = w->rest + strspn(w->rest, "/");
        size_t n = strcspn(start, "/");
        char *name = strndup(start, n);

        start += n;
        start += strspn(start, "/");
        memmove(w->rest, start, strlen(start) + 1);
        return name;
}

static int go_to_root(struct walk *w) {
        closep(&w->fd);
        w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return w->fd < 0 ? cannot(w, "/ cannot be opened") : 0;
}

/* One name further. Returns 1 to go on, 0 at the end with all well, or a negative errno. */
static int step(struct walk *w) {
        CLEANUP(freep) char *name = next_name(w);
        CLEANUP(closep) int fd = -1;
        bool is_last = w->rest[0] == '\0';
        struct stat st;
        int r;

        if (!name)
                return -ENOMEM;
        if (!*name)
                return say(w, -ENOEXEC, "it is not a regular file");
        fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return cannot(w, w->links > 0 ? "the link's target cannot be opened"
                                              : "it cannot be opened");
        r = check_directory(w, &st, is_last);
        if (r < 0)
                return r;
        if (S_ISLNK(st.st_mode)) {
                r = follow(w, fd);
                if (r == 0 && w->rest[0] == '/')
                        r = go_to_root(w);
                return r < 0 ? r : 1;
        }
        if (is_last)
                return check_file(w, fd, &st);
        (void) close(w->fd);
        w->fd = STEAL_FD(fd);
        return 1;
}

int hook_file_check(const char *path, bool outside, char **ret_why) {
        CLEANUP(walk_clear)
        struct walk w = {.fd = -1, .outside = outside, .ret_why = ret_why};
        int r;

        *ret_why = NULL;
        if (*path != '/')
                return say(&w, -EINVAL, "its path is not absolute");
        w.rest = strdup(path);
        if (!w.rest)
                return -ENOMEM;
        r = go_to_root(&w);
        if (r < 0)
                return r;
        do
                r = step(&w);
        while (r > 0);
        return r;
}

/* The interpreter that a script names, cut out of its head; NULL: it is no script. */
static char *interpreter_of(char *head) {
        char *at = head + 2;

        if (!str_after(head, "#!"))
                return NULL;
        at += strspn(at, " \t");
        at[strcspn(at, " \t\n")] = '\0';
        return at;
}

static char *explain_interpreter(const char *interpreter, int error) {
        if (strchr(interpreter, '\r'))
                return strdup("its first line ends in a carriage return, as on Windows; end lines "
                              "with a newline only");
        if (!*interpreter)
                return strdup("its first line has no interpreter after #!");
        if (error == ENOENT)
                return str_printf("its interpreter %s does not exist", interpreter);
        return str_printf("its interpreter %s cannot be executed: %s", interpreter,
                          strerror(error));
}

static char *explain_format(const char *head, int error) {
        bool is_program = str_after(head, "\177ELF");

        if (is_program && error == ENOENT)
                return strdup("its ELF interpreter (dynamic loader) does not exist");
        if (is_program)
                return strdup("it is not a program for this machine");
        if (str_after(head, "\xEF\xBB\xBF#!"))
                return strdup("it starts with a byte order mark; its first bytes must be #!");
        return strdup("it is neither a program nor a script (a script starts with a line such as "
                      "#!/bin/sh)");
}

char *hook_file_explain(const char *path, int error) {
        CLEANUP(closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        char head[HEAD_MAX + 1] = "";
        char *interpreter;

        if (fd >= 0 && read(fd, head, HEAD_MAX) < 0)
                head[0] = '\0';
        if (error == EACCES && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
                return str_printf("user %u, which runs the hooks, may not execute it",
                                  (unsigned) geteuid());
        interpreter = interpreter_of(head);
        if (interpreter && (error == ENOENT || error == EACCES || error == ENOEXEC))
                return explain_interpreter(interpreter, error);
        if (error == ENOEXEC || (error == ENOENT && *head))
                return explain_format(head, error);
        return str_printf("it cannot be executed: %s", strerror(error));
}
