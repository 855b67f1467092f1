#include "koowatchd/account/attribution.h"

#include <stddef.h>
#include <string.h>

#include "common/util.h"

#define UNREACHABLE_AFTER 3

void attribution_reset(struct attribution *t) {
        attribution_restart(t);
        memset(t->exempt_tasks, 0, sizeof(t->exempt_tasks));
        t->verified = false;
}

void attribution_restart(struct attribution *t) {
        attribution_answered(t);
        t->n_suspects = 0;
}

void attribution_token_changed(struct attribution *t) {
        t->n_suspects = 0;
        t->refused_last = NULL;
}

void attribution_answered(struct attribution *t) {
        t->failures = 0;
        t->failed_task = NULL;
        t->failed_two = false;
}

static size_t find_exempt(const struct attribution *t, const void *task) {
        size_t i = 0;

        while (i < ARRAY_LEN(t->exempt_tasks) && t->exempt_tasks[i] != task)
                i++;
        return i;
}

bool attribution_is_exempt(const struct attribution *t, const void *task) {
        return find_exempt(t, task) < ARRAY_LEN(t->exempt_tasks);
}

void attribution_accepted(struct attribution *t, const void *task, bool unauthorized) {
        size_t i = find_exempt(t, task);

        if (i < ARRAY_LEN(t->exempt_tasks))
                t->exempt_tasks[i] = NULL;
        if (unauthorized && t->refused_last && t->refused_last != task) {
                t->exempt_tasks[t->next_exempt++ % ARRAY_LEN(t->exempt_tasks)] = t->refused_last;
                t->refused_last = NULL;
        }
        t->n_suspects = 0;
        t->verified = true;
}

bool attribution_unreachable(struct attribution *t, const void *task, bool only_task) {
        if (!t->failed_task)
                t->failed_task = task;
        else if (t->failed_task != task)
                t->failed_two = true;
        return ++t->failures >= UNREACHABLE_AFTER && (t->failed_two || only_task);
}

bool attribution_suspect(struct attribution *t, const void *task) {
        size_t i = 0;

        while (i < t->n_suspects && t->suspects[i] != task)
                i++;
        if (i == t->n_suspects && i < ARRAY_LEN(t->suspects))
                t->suspects[t->n_suspects++] = task;
        return t->n_suspects == ARRAY_LEN(t->suspects);
}

void attribution_refused(struct attribution *t, const void *task) {
        t->refused_last = task;
}

bool attribution_may_be_settings(const struct attribution *t, bool only_task) {
        return !t->verified && !only_task;
}
