#include "koowatchd/task/sources.h"

#include <errno.h>
#include <limits.h>

#include "common/log.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/store-batch.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

/* So many at once keep a batch small. */
#define BATCH_MAX 500

enum change {
        CHANGE_PUT,
        CHANGE_DROP,
        CHANGE_FINISH,
        CHANGE_REMOVE, /* only in doubt: a file of ours that is done */
};

struct source_change {
        STAILQ_ENTRY(source_change) link;
        enum change kind;
        struct taskdir_file *file; /* PUT, FINISH, REMOVE */
        char *path;                /* DROP */
        bool in_commit;
        bool was_put;
        bool is_done; /* DROP in doubt: it was to be removed */
};

static void change_free(struct source_change *c) {
        taskdir_file_unref(c->file);
        free(c->path);
        free(c);
}

void sources_init(struct sources *s, struct taskdir *taskdir, const struct entries *entries) {
        *s = (struct sources){.taskdir = taskdir, .entries = entries};
        STAILQ_INIT(&s->changes);
        STAILQ_INIT(&s->in_doubt);
}

void sources_clear(struct sources *s) {
        struct source_change *c;

        STAILQ_CONCAT(&s->changes, &s->in_doubt);
        while ((c = STAILQ_FIRST(&s->changes))) {
                STAILQ_REMOVE_HEAD(&s->changes, link);
                change_free(c);
        }
}

/* path: taken over. Returns NULL when memory is short. */
static struct source_change *add_to(struct sources *s, struct source_changes *list,
                                    enum change kind, struct taskdir_file *file, char *path) {
        struct source_change *c = file || path ? calloc(1, sizeof(*c)) : NULL;

        if (!c) {
                free(path);
                s->has_missed = true;
                return NULL;
        }
        c->kind = kind;
        c->file = file ? taskdir_file_ref(file) : NULL;
        c->path = path;
        STAILQ_INSERT_TAIL(list, c, link);
        return c;
}

static void add(struct sources *s, enum change kind, struct taskdir_file *file, char *path) {
        (void) add_to(s, &s->changes, kind, file, path);
        callback_call(&s->on_dirty);
}

void sources_note(struct sources *s, struct taskdir_file *file) {
        file->is_published = false;
        if (s->are_known)
                add(s, CHANGE_PUT, file, NULL);
}

void sources_forget(struct sources *s, const struct taskdir_file *file) {
        if (s->are_known)
                add(s, CHANGE_DROP, NULL, taskdir_path(s->taskdir, file));
}

void sources_finish(struct sources *s, struct taskdir_file *remote) {
        remote->is_published = true;
        add(s, CHANGE_FINISH, remote, NULL);
}

/* ---- what the store has ---- */

/* *ret: the entry whose file it is, or NULL. Returns 0, or -ENOMEM when that cannot be told. */
static int find_path(const struct sources *s, const char *path, const struct entry **ret) {
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        CLEANUP(freep) char *found = NULL;
        char name[NAME_MAX + 1];
        const struct entry *e;

        *ret = NULL;
        if (!str_ends_with(base, TASK_SUFFIX) || strlen(base) >= sizeof(name))
                return 0;
        (void) snprintf(name, sizeof(name), "%.*s", (int) (strlen(base) - strlen(TASK_SUFFIX)),
                        base);
        e = entries_find_name(s->entries, name);
        if (!e)
                return 0;
        found = taskdir_path(s->taskdir, e->is.file);
        if (!found)
                return -ENOMEM;
        *ret = streq(found, path) ? e : NULL;
        return 0;
}

/* Returns whether it is there still, and may be removed later. */
static bool is_left(struct sources *s, struct taskdir_file *file, int *ret_error) {
        *ret_error = taskdir_remove(s->taskdir, file);
        return *ret_error < 0 && *ret_error != -ESTALE && *ret_error != -ENOENT;
}

static void remove_done(struct sources *s, struct taskdir_file *file, const char *path) {
        int error;

        if (!is_left(s, file, &error))
                return;
        log_warning("%s: its file %s is finished but cannot be removed (%s), retrying; the task is "
                    "remembered as done",
                    file->name, path, strerror(-error));
        (void) add_to(s, &s->in_doubt, CHANGE_REMOVE, file, NULL);
}

void sources_found(struct sources *s, const struct store_source *source) {
        const struct entry *e;

        if (source->is_gone)
                return;
        if (find_path(s, source->path, &e) < 0) {
                s->has_missed = true;
                return;
        }
        if (!e) {
                struct source_change *c =
                        add_to(s, &s->in_doubt, CHANGE_DROP, NULL, strdup(source->path));

                if (c)
                        c->is_done = source->is_done;
                return;
        }
        if (e->is.file->inode != source->inode || e->is.file->mtime_ns != source->mtime_ns)
                return;
        e->is.file->is_published = true;
        if (source->is_done)
                remove_done(s, e->is.file, source->path);
}

/* Whether it stays in doubt. *ret_has_gone: it is to be dropped. */
static bool judge(struct sources *s, const struct source_change *c, bool *ret_has_gone) {
        const struct entry *e;
        int r;

        *ret_has_gone = false;
        if (c->kind == CHANGE_REMOVE)
                return is_left(s, c->file, &r);
        r = find_path(s, c->path, &e);
        /* One that is done has most likely been removed, as the last one there. */
        if (r < 0 || (!e && !c->is_done && taskdir_may_have(s->taskdir, c->path)))
                return true;
        *ret_has_gone = !e;
        return false;
}

void sources_judge(struct sources *s) {
        struct source_changes in_doubt = STAILQ_HEAD_INITIALIZER(in_doubt);
        struct source_change *c;
        bool has_gone;

        STAILQ_CONCAT(&in_doubt, &s->in_doubt);
        while ((c = STAILQ_FIRST(&in_doubt))) {
                STAILQ_REMOVE_HEAD(&in_doubt, link);
                if (judge(s, c, &has_gone)) {
                        STAILQ_INSERT_TAIL(&s->in_doubt, c, link);
                } else if (has_gone) {
                        STAILQ_INSERT_TAIL(&s->changes, c, link);
                        callback_call(&s->on_dirty);
                } else {
                        change_free(c);
                }
        }
}

void sources_all_found(struct sources *s) {
        const struct entry *e;
        size_t at = 0;

        s->are_known = true;
        while ((e = entries_next(s->entries, &at)))
                if (e->is.task && !e->is.file->is_remote && !e->is.file->is_published)
                        add(s, CHANGE_PUT, e->is.file, NULL);
}

/* ---- what is to be written ---- */

struct put {
        struct store_batch *batch;
        struct source_change *change;
        const char *account;
        int error;
};

static void on_file(void *userdata, const struct task_file *file) {
        struct put *put = userdata;
        const struct taskdir_file *wanted = put->change->file;
        const struct store_source source = {
                .path = file->path,
                .account = put->account,
                .text = file->text,
                .inode = wanted->inode,
                .mtime_ns = wanted->mtime_ns,
                .removes_finished = wanted->removes_finished,
        };

        /* Another one by now is read, and noted, on its own. */
        if (!file->text || file->file->inode != wanted->inode ||
            file->file->mtime_ns != wanted->mtime_ns)
                return;
        put->error = store_batch_put_source(put->batch, &source);
        put->change->was_put = put->error == 0;
}

static int collect_put(struct sources *s, struct store_batch *batch, struct source_change *c) {
        const struct entry *e = entries_find_file(s->entries, c->file);
        struct put put = {.batch = batch, .change = c};
        struct task_view view;
        int r;

        c->was_put = false;
        if (!e || e->is.file != c->file || !e->is.task || e->file_invalid)
                return 0;
        task_record_view(e->is.task, &view);
        if (view.kdstoken || view.kdstoken_file) {
                CLEANUP(freep) char *path = taskdir_path(s->taskdir, c->file);

                return path ? store_batch_drop_source(batch, path) : -ENOMEM;
        }
        put.account = view.account;
        r = taskdir_read(s->taskdir, c->file, on_file, &put);
        if (r < 0 && r != -ENOENT)
                c->file->read_again = READ_AGAIN_SOON; /* and noted again */
        return put.error;
}

static int collect_change(struct sources *s, struct store_batch *batch, struct source_change *c) {
        switch (c->kind) {
        case CHANGE_PUT:
                return collect_put(s, batch, c);
        case CHANGE_REMOVE:
                break;
        case CHANGE_DROP:
                return store_batch_drop_source(batch, c->path);
        case CHANGE_FINISH:
                return store_batch_finish_source(batch,
                                                 &(struct store_source){
                                                         .node = taskdir_file_node(c->file),
                                                         .path = taskdir_file_remote_path(c->file),
                                                         .inode = c->file->inode,
                                                         .mtime_ns = c->file->mtime_ns,
                                                 });
        }
        return 0;
}

int sources_collect(struct sources *s, struct store_batch *batch, bool *ret_drops) {
        struct source_change *c;
        unsigned n = 0;

        STAILQ_FOREACH(c, &s->changes, link) {
                int r;

                if (n++ >= BATCH_MAX) {
                        callback_call(&s->on_dirty);
                        break;
                }
                r = collect_change(s, batch, c);
                if (r < 0) {
                        sources_committed(s, false);
                        return r;
                }
                c->in_commit = true;
                *ret_drops |= c->kind != CHANGE_FINISH; /* others may forget what was there */
        }
        return 0;
}

void sources_committed(struct sources *s, bool written) {
        struct source_change *c;

        STAILQ_FOREACH(c, &s->changes, link)
        c->in_commit &= written;
        while ((c = STAILQ_FIRST(&s->changes)) && c->in_commit) {
                STAILQ_REMOVE_HEAD(&s->changes, link);
                if (c->was_put)
                        c->file->is_published = true;
                change_free(c);
        }
}
