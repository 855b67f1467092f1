#include "koowatchd/deliver/attempts.h"

#include "common/backoff.h"
#include "common/util.h"

#define PAUSE_FIRST (10 * USEC_SEC)
#define PAUSE_MAX USEC_HOUR

void attempts_begin(struct attempts *a) {
        a->incomplete = a->failed = a->progressed = false;
}

void attempts_note(struct attempts *a, enum hook_result result) {
        if (hook_result_is_final(result))
                return;
        a->incomplete = true;
        a->progressed |= result == HOOK_PROGRESS;
        a->failed |= result == HOOK_FAILED;
}

/* What the attempt under way makes of futile. */
static unsigned futile_then(const struct attempts *a) {
        return a->progressed && !a->failed ? 0 : a->futile + 1;
}

bool attempts_is_last(const struct attempts *a, const struct attempt_limits *limits, usec_t wall) {
        if (futile_then(a) >= limits->futile)
                return true;
        /* A clock that was set wrong must not give an event up before its attempts are made. */
        return a->made + 1 >= limits->futile && a->since > 0 &&
               wall > usec_add(a->since, limits->history);
}

usec_t attempts_pause(const struct attempts *a) {
        return backoff_pause(MAX(futile_then(a), 1U), PAUSE_FIRST, PAUSE_MAX);
}

void attempts_end(struct attempts *a) {
        a->futile = futile_then(a);
        a->made++;
}
