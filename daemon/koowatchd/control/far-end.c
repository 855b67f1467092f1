#include "koowatchd/control/far-end.h"

#include "koowatchd/control/control-state.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/task-facts.h"
#include "koowatchd/task/taskdir-file.h"

/*
 * The node that polls it judges likewise: another file, where those that have finished are removed,
 * is to be watched anew, unless it corrects one whose delivery was given up.
 */
static bool is_its_end(const struct far_end *end, const struct store_task *stored) {
        bool is_other = stored->inode != end->inode || stored->mtime_ns != end->mtime_ns;

        if (!*stored->event_id || (stored->gone && (is_other || !stored->is_away)))
                return false;
        return !is_other || !end->removes_finished || stored->delivery == DELIVERY_PARKED;
}

static void on_found(void *userdata, int found, const struct store_task *stored) {
        struct far_end *end = userdata;

        if (found > 0 && is_its_end(end, stored)) {
                memcpy(end->event_id, stored->event_id, sizeof(end->event_id));
                end->registered = stored->registered;
                end->on_end(end, 1);
        } else {
                end->on_end(end, found < 0 ? found : 0);
        }
}

void far_end_find(struct far_end *end, const struct control *control,
                  const struct task_facts *facts) {
        const struct control_modules *with = &control->with;
        const struct taskdir_file *file = facts->entry->is.file;
        const struct store_key key = {facts->view.account, facts->view.share_id,
                                      facts->view.task_id};

        if (with->is_store_away && with->is_store_away(with->store_userdata)) {
                end->on_end(end, 0);
                return;
        }
        end->inode = file->inode;
        end->mtime_ns = file->mtime_ns;
        end->removes_finished = file->removes_finished;
        end->is_valid = facts->file_is_valid;
        store_find_task(with->store, &key, on_found, end);
}
