#pragma once
/*
 * Callback: a function to call when something has happened, with whom it is for
 */
#include <stddef.h>

struct callback {
        void (*fn)(void *userdata); /* NULL: nobody wants to know */
        void *userdata;
};

static inline void callback_call(const struct callback *callback) {
        if (callback->fn)
                callback->fn(callback->userdata);
}
