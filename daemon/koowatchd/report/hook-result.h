#pragma once
/*
 * Hook result: how one hook of an event has ended
 *
 * In the words of koowatch-hook's protocol, which are the hooks' exit statuses by name. Parsed
 * once, where the words come in; everybody else compares the enum.
 */
#include <stdbool.h>

enum hook_result {
        HOOK_DONE,
        HOOK_LATER,    /* not now: to be run again, and no attempt that failed */
        HOOK_PROGRESS, /* not finished, but further than before: to be run again */
        HOOK_SKIPPED,  /* it has nothing to do with this event: as good as done */
        HOOK_FAILED,
        HOOK_RESULTS
};

/* A hook's end. Strings are borrowed for the call. */
struct hook_end {
        const char *hook; /* "finished.d/10-mail" */
        enum hook_result result;
        const char *reason; /* why it was not run at all; NULL: it was */
        int status, signal; /* -1: not said */
        bool timed_out;
        double seconds;   /* 0: not said */
        const char *tail; /* the last of what it has printed; NULL: nothing */
};

/* "done", "later", "progress", "skipped", "failed". */
const char *hook_result_name(enum hook_result result);

/* The result of that name. HOOK_FAILED for any other name and for NULL. */
enum hook_result hook_result_parse(const char *name);

/* Whether the hook need not run again for this event. */
bool hook_result_is_final(enum hook_result result);
