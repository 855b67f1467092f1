#pragma once
/*
 * Registry handler: what the registry reports upwards, and asks for
 */
#include <stdbool.h>

#include "common/callback.h"

struct account;

enum registry_change {
        REGISTRY_ADDED, /* there is a task of this name from now on, valid or not */
        REGISTRY_CHANGED,
        REGISTRY_REMOVED,
};

struct registry_handler {
        /* There is something to write. */
        struct callback on_dirty;
        /* What the status line shows has changed. */
        struct callback on_status;
        /* The account of that name, configured or not; NULL: there is none. */
        struct account *(*find_account)(void *userdata, const char *name);
        /* Whether this node polls the account; NULL: there is no other one. */
        bool (*is_ours)(void *userdata, const char *account);
        /* A file was refused and nothing is watched for it; text names file and line. */
        void (*on_invalid)(void *userdata, const char *text);
        /* Something could not be read that may be readable in a moment: scan again then. */
        void (*on_transient_error)(void *userdata, const char *what, const char *why);
        /* What is shown of the task of that name has changed; borrowed. NULL: nobody looks. */
        void (*on_task)(void *userdata, enum registry_change change, const char *name);
        void *userdata;
};

static inline bool registry_handler_is_ours(const struct registry_handler *handler,
                                            const char *account) {
        return !handler->is_ours || handler->is_ours(handler->userdata, account);
}
