#pragma once
/*
 * The keys of [Account NAME]: what they are, in one table, and what must agree among them
 *
 * Apart from config-keys.c, so that the hook runner, which needs no account, starts without
 * libcurl: some thirty libraries to load for each event.
 */
#include <stddef.h>

#include "common/settings.h"

struct account_config;

#define SECTION_ACCOUNT "Account"

struct account_keys {
        const struct setting *rows; /* the fields are those of struct account_config */
        size_t n_rows;
        /*
         * Checks values that are good by themselves, and takes back what others make void (AppId
         * of an account without Auth=app). Returns 0 or -ENOMEM.
         */
        int (*check)(struct account_config *account, struct settings_faults *faults);
};

extern const struct account_keys account_keys;
