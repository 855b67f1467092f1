#pragma once
/*
 * A SQLite store in a directory of its own
 */
#include "unit/store/sync-store.h"
#include "unit/support.h"

struct sqlite_fixture {
        char directory[DIRECTORY_MAX];
        char path[DIRECTORY_MAX + 16];
        struct sync_store sync;
};

/* For cmocka. */
int sqlite_set_up(void **state);
int sqlite_tear_down(void **state);

void sqlite_close_store(struct sqlite_fixture *fixture);
/* Opens it anew; what that returns. */
int sqlite_reopen(struct sqlite_fixture *fixture);
