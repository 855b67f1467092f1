#include "koowatchctl/edit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/config.h"
#include "common/json.h"
#include "koowatchctl/check-run.h"
#include "koowatchctl/config-verb.h"
#include "koowatchctl/language.h"
#include "koowatchctl/show.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/text.h"

#define FILE_MAX ((size_t) 64 * 1024)
#define EDITOR_WORDS_MAX 32

/* A folder of our own, with the file to edit and a configuration to check it by. */
struct bench {
        char *folder, *file, *tasks, *config, *drop_ins, *last;
        bool keep; /* what was written is not to be lost */
};

/* An editor may have left files of its own. */
static void remove_folder(const char *path) {
        DIR *dir = path ? opendir(path) : NULL;
        const struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                (void) unlinkat(dirfd(dir), entry->d_name, 0);
        if (dir)
                (void) closedir(dir);
        if (path)
                (void) rmdir(path);
}

static void bench_clear(struct bench *b) {
        if (b->folder && !b->keep) {
                remove_folder(b->drop_ins);
                remove_folder(b->tasks);
                remove_folder(b->folder);
        }
        free(b->folder);
        free(b->file);
        free(b->tasks);
        free(b->config);
        free(b->drop_ins);
        free(b->last);
}

/*
 * All sources of the configuration in their order, and a last one with the directory: accounts
 * and hooks that the file names are those that there are.
 */
static int link_sources(const struct bench *b, const struct config *config) {
        for (size_t i = 0; i < config->n_sources; i++) {
                CLEANUP(freep) char *link = str_printf("%s/%06zu.conf", b->drop_ins, i);

                if (!link || symlink(config->sources[i], link) < 0)
                        return -errno;
        }
        return 0;
}

static int write_file(const char *path, const char *text, size_t length) {
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : write_all(fd, text, length);
}

static int bench_open(struct bench *b, const struct config *config, const char *name) {
        CLEANUP(freep) char *last = NULL;
        const char *tmp = getenv("TMPDIR");
        int r;

        b->folder = str_printf("%s/koowatch-edit-XXXXXX", str_empty(tmp) ? "/tmp" : tmp);
        if (!b->folder || !mkdtemp(b->folder)) {
                r = b->folder ? -errno : -ENOMEM;
                free(STEAL_PTR(b->folder));
                return r;
        }
        b->tasks = str_printf("%s/tasks", b->folder);
        b->file = str_printf("%s/tasks/%s.task", b->folder, name);
        b->config = str_printf("%s/check.conf", b->folder);
        b->drop_ins = str_printf("%s/check.conf.d", b->folder);
        b->last = str_printf("%s/check.conf.d/zz.conf", b->folder);
        last = str_printf("[Daemon]\nTaskDirectories=%s/tasks\n", b->folder);
        if (!b->tasks || !b->file || !b->config || !b->drop_ins || !b->last || !last)
                return -ENOMEM;
        if (mkdir(b->tasks, 0700) < 0 || mkdir(b->drop_ins, 0700) < 0)
                return -errno;
        r = write_file(b->config, "", 0);
        if (r == 0)
                r = link_sources(b, config);
        return r < 0 ? r : write_file(b->last, last, strlen(last));
}

/* Its words, split at blanks, and the file. */
static void exec_editor(const char *editor, const char *file) {
        CLEANUP(freep) char *words = strdup(editor);
        const char *arguments[EDITOR_WORDS_MAX + 2];
        char *at = words, *word;
        size_t n = 0;

        while ((word = strsep(&at, " ")) && n < EDITOR_WORDS_MAX)
                if (*word)
                        arguments[n++] = word;
        arguments[n++] = file;
        arguments[n] = NULL;
        (void) execvp(arguments[0], (char *const *) arguments);
}

/* What Ctrl-C and Ctrl-\ did before. */
struct interrupts {
        struct sigaction interrupt, quit;
};

static void ignore_interrupts(struct interrupts *ret) {
        const struct sigaction ignore = {.sa_handler = SIG_IGN};

        (void) sigaction(SIGINT, &ignore, &ret->interrupt);
        (void) sigaction(SIGQUIT, &ignore, &ret->quit);
}

static void restore_interrupts(const struct interrupts *interrupts) {
        (void) sigaction(SIGINT, &interrupts->interrupt, NULL);
        (void) sigaction(SIGQUIT, &interrupts->quit, NULL);
}

/*
 * $VISUAL or $EDITOR, which may have arguments. The terminal sends Ctrl-C to both of us; until it
 * has ended it is the editor's, and what was written is not lost.
 */
static int run_editor(const char *file, struct failure *failure) {
        const char *editor = getenv("VISUAL");
        struct interrupts before;
        int status = 0;
        pid_t pid;

        if (str_empty(editor))
                editor = getenv("EDITOR");
        if (str_empty(editor))
                editor = access("/usr/bin/editor", X_OK) == 0 ? "editor" : "vi";
        ignore_interrupts(&before);
        pid = fork();
        if (pid == 0) {
                restore_interrupts(&before);
                exec_editor(editor, file);
                _exit(127);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        break;
        restore_interrupts(&before);
        if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return failure_set(failure, "Failed", _("%s has failed, nothing is changed"),
                                   editor);
        return 0;
}

/* Prints what is wrong with the edited file. Returns 1 for an error, 0, or -1. */
static int check_edited(const struct bench *b, const char *path, struct failure *failure) {
        CLEANUP(json_object_putp) json_object *faults = NULL;
        int found = 0;

        if (check_run_daemon(b->config, false, &faults, failure) < 0)
                return -1;
        for (size_t i = 0; i < json_object_array_length(faults); i++) {
                json_object *fault = json_object_array_get_idx(faults, i);

                if (!streq(task_text(fault, "file"), b->file))
                        continue;
                (void) fprintf(stderr, "%s:%d: ", path, (int) MAX(task_number(fault, "line"), 0));
                text_put_plain(stderr, task_text(fault, "message"));
                (void) fputc('\n', stderr);
                if (streq(task_text(fault, "severity"), "error"))
                        found = 1;
        }
        return found;
}

static bool wants_again(void) {
        char answer[16] = "";

        if (!isatty(STDIN_FILENO))
                return false;
        (void) fputs(_("Edit it again? [Y/n] "), stderr);
        return fgets(answer, sizeof(answer), stdin) && *answer != 'n' && *answer != 'N';
}

/*
 * Of a task that has finished: in a directory where finished files are removed, another file, by
 * inode or mtime, would be another registration, and the task would be watched again.
 */
static int rewrite(const char *path, const char *text, size_t length, const struct stat *old) {
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, old->st_mtim};
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_ino != old->st_ino || st.st_dev != old->st_dev)
                return -ESTALE;
        r = write_all(fd, text, length);
        if (r == 0 &&
            (ftruncate(fd, (off_t) length) < 0 || futimens(fd, times) < 0 || fsync(fd) < 0))
                r = -errno;
        return r;
}

/* Puts the new text in the place of the old one, whole, with its owner and mode. */
static int publish(const char *path, const char *text, size_t length, const struct stat *old) {
        const char *slash = strrchr(path, '/');
        CLEANUP(freep)
        char *beside = str_printf("%.*s/.%s.edit", (int) (slash ? slash - path : 1),
                                  slash ? path : ".", slash ? slash + 1 : path);
        CLEANUP(closep) int fd = -1;
        int r;

        if (!beside)
                return -ENOMEM;
        (void) unlink(beside); /* of an edit that was killed */
        fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, length);
        if (r == 0 && fchown(fd, old->st_uid, old->st_gid) < 0 && geteuid() == 0)
                r = -errno;
        if (r == 0 &&
            (fchmod(fd, old->st_mode & 07777) < 0 || fsync(fd) < 0 || rename(beside, path) < 0))
                r = -errno;
        if (r < 0)
                (void) unlink(beside);
        return r;
}

struct edit {
        const char *name, *path;
        bool has_finished;
        struct bench bench;
        struct stat old;
        char *text, *edited;
        size_t length, edited_length;
};

static void edit_clear(struct edit *e) {
        bench_clear(&e->bench);
        secret_free(e->text);
        secret_free(e->edited);
}

static int begin(const struct ctl *ctl, struct edit *e, struct failure *failure) {
        CLEANUP(config_freep) struct config *config = NULL;
        int r;

        if (config_load(ctl, &config, failure) < 0)
                return -1;
        /* In a directory that others write to, it might lead anywhere. */
        if (lstat(e->path, &e->old) == 0 && !S_ISREG(e->old.st_mode))
                return failure_set(failure, "NotAllowed",
                                   _("%s is not a regular file; edit what it leads to"), e->path);
        r = lstat(e->path, &e->old) < 0 ? -errno
                                        : read_path(e->path, FILE_MAX, &e->text, &e->length);
        if (r == 0)
                r = bench_open(&e->bench, config, e->name);
        if (r == 0)
                r = write_file(e->bench.file, e->text, e->length);
        return r < 0 ? failure_set(failure, "NotAllowed", _("%s: cannot edit it: %s"), e->path,
                                   strerror(-r))
                     : 0;
}

/* Returns 1 when there is something to publish, 0: nothing was changed, or -1. */
static int let_edit(struct edit *e, struct failure *failure) {
        int r;

        do {
                if (run_editor(e->bench.file, failure) < 0)
                        return -1;
                secret_freep(&e->edited);
                e->edited = NULL;
                r = read_path(e->bench.file, FILE_MAX, &e->edited, &e->edited_length);
                if (r < 0)
                        return failure_set(failure, "Failed", "%s: %s", e->bench.file,
                                           strerror(-r));
                if (e->edited_length == e->length && memcmp(e->edited, e->text, e->length) == 0)
                        return 0;
                r = check_edited(&e->bench, e->path, failure);
        } while (r == 1 && wants_again());
        if (r == 1) {
                e->bench.keep = true;
                return failure_set(failure, "Invalid",
                                   _("%s is not changed; what you have written is in %s"), e->path,
                                   e->bench.file);
        }
        return r < 0 ? -1 : 1;
}

int edit_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *task = NULL;
        CLEANUP(edit_clear) struct edit e = {.name = options->arguments[0]};
        const char *delivery;
        int r;

        if (show_find(ctl, e.name, &task, &failure) < 0)
                return ctl_fail(ctl, &failure);
        e.path = json_get_string(task, "file");
        e.has_finished = streq(task_text(task, "state"), "finished");
        delivery = task_text(task, "delivery");
        if (e.path && *e.path != '/') {
                (void) failure_set(&failure, "NotAllowed",
                                   _("the file is on another node, edit it there: %s"), e.path);
                return ctl_fail(ctl, &failure);
        }
        if (!e.path || access(e.path, F_OK) < 0) {
                (void) failure_set(&failure, "NotFound",
                                   _("%s has no file any more that you can see"), e.name);
                return ctl_fail(ctl, &failure);
        }
        r = begin(ctl, &e, &failure);
        if (r == 0)
                r = let_edit(&e, &failure);
        if (r == 1) {
                int error = e.has_finished ? rewrite(e.path, e.edited, e.edited_length, &e.old)
                                           : publish(e.path, e.edited, e.edited_length, &e.old);

                e.bench.keep = error < 0;
                if (error < 0)
                        r = failure_set(
                                &failure, "NotAllowed",
                                _("%s: cannot replace it: %s; what you have written is in %s"),
                                e.path, strerror(-error), e.bench.file);
        }
        if (r < 0)
                return ctl_fail(ctl, &failure);
        if (r == 1 && (streq(delivery, "waiting") || streq(delivery, "parked")))
                return ctl_done(
                        ctl, _("%s: changed; koowatchctl redeliver %s --reread delivers with it"),
                        e.name, e.name);
        return ctl_done(ctl, r == 0 ? _("%s: not changed") : _("%s: changed"), e.name);
}
