#include "koowatchd/report/hook-result.h"

#include "common/util.h"

static const char *const names[HOOK_RESULTS] = {
        [HOOK_DONE] = "done",       [HOOK_LATER] = "later",   [HOOK_PROGRESS] = "progress",
        [HOOK_SKIPPED] = "skipped", [HOOK_FAILED] = "failed",
};

const char *hook_result_name(enum hook_result result) {
        return names[result];
}

enum hook_result hook_result_parse(const char *name) {
        for (int i = 0; name && i < HOOK_RESULTS; i++)
                if (streq(names[i], name))
                        return (enum hook_result) i;
        return HOOK_FAILED;
}

bool hook_result_is_final(enum hook_result result) {
        return result == HOOK_DONE || result == HOOK_SKIPPED;
}
