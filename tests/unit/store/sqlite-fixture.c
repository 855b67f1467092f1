#include "unit/store/sqlite-fixture.h"

#include "koowatchd/store/sqlite-store.h"

int sqlite_set_up(void **state) {
        struct sqlite_fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        (void) snprintf(f->path, sizeof(f->path), "%s/state.db", f->directory);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        *state = f;
        return 0;
}

int sqlite_tear_down(void **state) {
        struct sqlite_fixture *f = *state;

        store_close(f->sync.store);
        directory_remove(f->directory);
        free(f);
        return 0;
}

void sqlite_close_store(struct sqlite_fixture *f) {
        store_close(STEAL_PTR(f->sync.store));
}

int sqlite_reopen(struct sqlite_fixture *f) {
        sqlite_close_store(f);
        return sqlite_store_open(f->path, NULL, &f->sync.store);
}
