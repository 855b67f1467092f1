#include "koowatchd/task/stale-tasks.h"

#include "common/log.h"
#include "koowatchd/store/store-batch.h"
#include "koowatchd/task/entry.h"

struct stale_task {
        STAILQ_ENTRY(stale_task) link;
        char *account, *share_id, *task_id;
        bool in_commit;
};

static void stale_task_free(struct stale_task *t) {
        free(t->account);
        free(t->share_id);
        free(t->task_id);
        free(t);
}

static struct store_key stale_key(const struct stale_task *t) {
        return (struct store_key){t->account, t->share_id, t->task_id};
}

void stale_tasks_init(struct stale_tasks *s, const struct entries *entries, struct store *store) {
        *s = (struct stale_tasks){.entries = entries, .store = store};
        STAILQ_INIT(&s->list);
        STAILQ_INIT(&s->in_doubt);
}

static void list_clear(struct stale_list *list) {
        struct stale_task *t;

        while ((t = STAILQ_FIRST(list))) {
                STAILQ_REMOVE_HEAD(list, link);
                stale_task_free(t);
        }
}

void stale_tasks_clear(struct stale_tasks *s) {
        list_clear(&s->list);
        list_clear(&s->in_doubt);
}

/* Takes it over. */
static void judge(struct stale_tasks *s, struct stale_task *t) {
        const struct store_key key = stale_key(t);

        if (entries_find_key(s->entries, &key))
                stale_task_free(t);
        else if (s->entries->counts[ENTRY_INVALID] > 0) /* not forgotten for a slip of the pen */
                STAILQ_INSERT_TAIL(&s->in_doubt, t, link);
        else
                STAILQ_INSERT_TAIL(&s->list, t, link);
}

static void on_row(void *userdata, const struct store_key *key) {
        struct stale_tasks *s = userdata;
        struct stale_task *t;

        if (!s->is_ours(s->userdata, key->account) || entries_find_key(s->entries, key))
                return;
        t = calloc(1, sizeof(*t));
        if (!t)
                return;
        t->account = strdup(key->account);
        t->share_id = strdup(key->share_id);
        t->task_id = strdup(key->task_id);
        if (t->account && t->share_id && t->task_id)
                judge(s, t);
        else
                stale_task_free(t);
}

static void on_end(void *userdata, int error) {
        struct stale_tasks *s = userdata;

        if (error < 0)
                log_error("cannot read from the store which registrations have lost their files "
                          "(%s), retrying at the next start",
                          store_error(s->store));
        if (!STAILQ_EMPTY(&s->list))
                callback_call(&s->on_dirty);
}

void stale_tasks_set_wanted(struct stale_tasks *s, bool wanted) {
        s->are_wanted = wanted;
}

void stale_tasks_find(struct stale_tasks *s, bool has_gaps) {
        if (!s->are_wanted)
                return;
        s->has_gaps = has_gaps;
        s->are_wanted = false;
        store_each_task(s->store, on_row, on_end, s);
}

void stale_tasks_judge(struct stale_tasks *s) {
        struct stale_list in_doubt = STAILQ_HEAD_INITIALIZER(in_doubt);
        struct stale_task *t;

        STAILQ_CONCAT(&in_doubt, &s->in_doubt);
        while ((t = STAILQ_FIRST(&in_doubt))) {
                STAILQ_REMOVE_HEAD(&in_doubt, link);
                judge(s, t);
        }
        if (!STAILQ_EMPTY(&s->list))
                callback_call(&s->on_dirty);
}

int stale_tasks_collect(struct stale_tasks *s, struct store_batch *batch, bool *ret_drops) {
        struct stale_task *t;

        STAILQ_FOREACH(t, &s->list, link) {
                struct store_key key = stale_key(t);
                int r;

                t->in_commit = true;
                /* Its file may have come while the store could not be written. */
                if (entries_find_key(s->entries, &key))
                        continue;
                *ret_drops = true;
                r = s->has_gaps ? store_batch_miss_task(batch, &key, clock_wall())
                                : store_batch_drop_task(batch, &key, clock_wall());
                if (r < 0)
                        return r;
        }
        return 0;
}

void stale_tasks_committed(struct stale_tasks *s, bool written) {
        struct stale_task *t;

        while (written && (t = STAILQ_FIRST(&s->list)) && t->in_commit) {
                STAILQ_REMOVE_HEAD(&s->list, link);
                stale_task_free(t);
        }
}
