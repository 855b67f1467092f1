#include "koowatchd/task/taskdir-table.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static bool file_has_name(const void *file, const void *name) {
        return streq(((const struct taskdir_file *) file)->name, name);
}

struct taskdir_file *taskdir_find(const struct taskdir *t, const char *name) {
        return index_find(&t->files, hash_text(name, HASH_START), file_has_name, name);
}

bool taskdir_task_name(const char *base, char *ret, size_t size) {
        size_t length = strlen(base);

        if (base[0] == '.' || !str_ends_with(base, TASK_SUFFIX) || length >= size)
                return false;
        length -= strlen(TASK_SUFFIX);
        memcpy(ret, base, length);
        ret[length] = '\0';
        return true;
}

void taskdir_report_missed(struct taskdir *t, const char *what, int error) {
        t->missed = true;
        t->handler.on_transient_error(t->handler.userdata, what, strerror(error));
}

void taskdir_report_stray(struct taskdir *t, const struct directory *d, const char *base) {
        CLEANUP(freep) char *path = NULL;

        if (!t->handler.on_stray || base[0] == '.')
                return;
        path = str_printf("%s/%s", d->path, base);
        if (path)
                t->handler.on_stray(t->handler.userdata, path);
}

/* is_lost: it is not in its directory any more, or not what it was. */
static void count_off(struct taskdir *t, const struct taskdir_file *file, bool is_lost) {
        t->dirs[file->dir].files--;
        t->dirs[file->dir].sync.is_needed |= is_lost;
}

/* Puts a file that was read into the table, in the place of its predecessor. */
static int put_file(struct taskdir *t, struct taskdir_file *file) {
        struct taskdir_file *old = taskdir_find(t, file->name);
        int r;

        if (old)
                index_remove(&t->files, old);
        r = index_add(&t->files, file);
        if (r < 0)
                return r; /* not with a predecessor: there is its place */
        if (old)
                count_off(t, old, !taskdir_file_is_same(old, file));
        t->dirs[file->dir].files++;
        taskdir_file_unref(old);
        (void) taskdir_file_ref(file);
        return 0;
}

void taskdir_drop(struct taskdir *t, struct taskdir_file *file) {
        index_remove(&t->files, file);
        if (file->dir < t->count)
                count_off(t, file, true);
        t->handler.on_gone(t->handler.userdata, file);
        taskdir_file_unref(file);
}

/* A change of mode or owner, or of links to it, is none that matters. */
static bool has_same_text(const struct taskdir_file *a, const struct taskdir_file *b) {
        return !a->is_removed && a->text_hash != 0 && a->text_hash == b->text_hash &&
               a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->dir == b->dir &&
               a->removes_finished == b->removes_finished;
}

/* Returns 0 or a negative errno. */
static int take_file(struct taskdir *t, struct task_file *file) {
        struct taskdir_file *known = taskdir_find(t, file->file->name), *record = file->file;
        int r;

        if (known && known->read_again == READ_AGAIN_NOT && has_same_text(known, record)) {
                known->stamp = record->stamp;
                known->scan = record->scan;
                return 0;
        }
        file->is_retry = known && known->read_again == READ_AGAIN_SOON && t->in_pieces &&
                         taskdir_file_is_same(known, record);
        r = put_file(t, record);
        if (r == 0)
                record->read_again = t->handler.on_file(t->handler.userdata, file);
        return r;
}

bool taskdir_load(struct taskdir *t, unsigned dir, int dirfd, bool root_only, const char *name) {
        CLEANUP(taskdir_file_unrefp) struct taskdir_file *record = taskdir_file_new(name);
        CLEANUP(freep) char *path = str_join(t->dirs[dir].path, "/", name, TASK_SUFFIX);
        CLEANUP(secret_freep) char *text = NULL;
        struct task_file file = {.file = record, .path = path, .root_only = root_only};
        int r = -ENOMEM;

        if (record && path) {
                record->dir = (uint8_t) dir;
                record->removes_finished = t->dirs[dir].removes_finished;
                record->scan = t->scan;
                r = task_file_load(dirfd, path + strlen(t->dirs[dir].path) + 1, &file, &text);
        }
        if (r == -ENOENT)
                return false;
        if (r == 0)
                r = take_file(t, &file);
        if (r < 0)
                taskdir_report_missed(t, path ? path : name, -r);
        return true;
}

/* Whether the file that counts under name lies in a directory, which cannot be read now. */
static bool counts_in(const struct taskdir *t, const char *name, unsigned dir) {
        const struct taskdir_file *file = taskdir_find(t, name);

        return file && file->dir == dir;
}

int taskdir_is_hidden(const struct taskdir *t, const char *name, unsigned dir) {
        for (unsigned i = 0; i < dir; i++) {
                CLEANUP(freep) char *path = str_printf("%s/%s" TASK_SUFFIX, t->dirs[i].path, name);
                struct stat st;

                if (!path)
                        return -ENOMEM;
                if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
                        return 1;
                if ((errno != ENOENT || t->dirs[i].away_since > 0) && counts_in(t, name, i))
                        return 1;
        }
        return 0;
}

/* Looks for name in one directory. Returns whether that settles which file counts. */
static bool look_into(struct taskdir *t, const char *name, unsigned dir, bool is_gone) {
        const struct directory *d = &t->dirs[dir];
        CLEANUP(closep) int fd = -1;
        struct stat st;
        int error;
        enum directory_state state = directory_open(d, &fd, &st, &error);

        if (fd >= 0 && !is_gone && taskdir_load(t, dir, fd, directory_is_root_only(&st), name)) {
                if (state == DIRECTORY_OTHER)
                        t->look_wanted = true; /* it holds a file now: it is believed */
                return true;
        }
        if (state == DIRECTORY_SAME || d->files == 0)
                return false;
        if (state == DIRECTORY_UNREADABLE && error_is_transient(error))
                taskdir_report_missed(t, d->path, error);
        if (state != DIRECTORY_UNREADABLE && d->away_since == 0)
                t->look_wanted = true;
        return counts_in(t, name, dir); /* it may be there still: nothing changes */
}

void taskdir_look_up(struct taskdir *t, const char *name, const struct directory *gone) {
        struct taskdir_file *file;

        for (unsigned i = 0; i < t->count; i++)
                if (look_into(t, name, i, &t->dirs[i] == gone))
                        return;
        file = taskdir_find(t, name);
        if (file)
                taskdir_drop(t, file);
}
