#include "koowatchd/task/enrollment-walk.h"

#include <errno.h>

#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/enrollment.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

#define LOOK_PARTS (INDEX_PARTS / 16)

/* The order in which a scan finds files: it decides which of two stands for a task. */
static int compare_files(const void *a, const void *b) {
        const struct taskdir_file *x = (*(struct entry *const *) a)->is.file;
        const struct taskdir_file *y = (*(struct entry *const *) b)->is.file;

        if (x->dir != y->dir)
                return x->dir < y->dir ? -1 : 1;
        if (x->mtime_ns != y->mtime_ns)
                return x->mtime_ns < y->mtime_ns ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* Those that wait for an account that this node has. Returns how many. */
static size_t list_ours(struct enrollment *en, struct entry **ret) {
        struct entry *e;
        size_t at = 0, n = 0;

        while ((e = entries_next(&en->entries, &at)))
                if (e->state == ENTRY_ELSEWHERE && enrollment_is_ours(e))
                        ret[n++] = e;
        qsort(ret, n, sizeof(*ret), compare_files);
        return n;
}

int enrollment_take_account(struct enrollment *en) {
        CLEANUP(freep)
        struct entry **ours =
                calloc(en->entries.counts[ENTRY_ELSEWHERE] + 1, sizeof(struct entry *));
        size_t n;

        if (!ours)
                return -ENOMEM;
        n = list_ours(en, ours);
        en->scanning = true;
        en->started = 0;
        store_begin_reading(en->store);
        for (size_t i = 0; i < n; i++)
                enrollment_enroll(ours[i]);
        store_end_reading(en->store);
        en->scanning = false;
        return 0;
}

/*
 * Given up or not: any node may redeliver it. Not what is known to be delivered, whose file cannot
 * be removed yet, or not here.
 */
static bool awaits_delivery(const struct entry *e) {
        const struct taskdir_file *file = e->is.file;

        return e->state == ENTRY_FINISHED && !e->watch && !e->has_left_file &&
               file->removes_finished && !file->is_removed &&
               !(file->is_remote && file->is_published) && !e->in_commit && !e->is_dirty;
}

void enrollment_look_at_finished(struct enrollment *en) {
        struct entry *e;

        for (unsigned i = 0; i < LOOK_PARTS; i++, en->looked++) {
                size_t at = 0;

                while ((e = index_next_in(&en->entries.by_name, en->looked % INDEX_PARTS, &at))) {
                        if (!awaits_delivery(e))
                                continue;
                        free(STEAL_PTR(e->end));
                        entry_set_state(e, ENTRY_LOOKUP);
                        enrollment_look_up(e);
                }
        }
}

bool enrollment_misses_remote(const struct enrollment *en) {
        const struct entry *e;
        size_t at = 0;

        if (en->entries.counts[ENTRY_INVALID] == 0)
                return false;
        while ((e = entries_next(&en->entries, &at)))
                if (e->is.file->is_remote && entry_is_left(e))
                        return true;
        return false;
}

static void check_polling(struct entry *e) {
        const struct account *account = enrollment_account(e);
        bool has_account = account_is_configured(account);
        bool may_poll = has_account && !taskdir_is_suspended(enrollment_of(e)->taskdir, e->is.file);

        if (may_poll == watch_is_started(e->watch))
                return;
        if (may_poll) {
                enrollment_start_polling(e);
                return;
        }
        if (!has_account)
                log_warning("%s: [Account %s] is no longer configured, waiting until it is",
                            e->is.file->name, account_name(account));
        watch_stop(e->watch);
}

void enrollment_check_polling(struct enrollment *en) {
        struct entry *e;
        size_t at = 0;

        while ((e = entries_next(&en->entries, &at)))
                if (e->state == ENTRY_ACTIVE)
                        check_polling(e);
}
