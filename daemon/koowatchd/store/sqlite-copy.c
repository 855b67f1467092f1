#include "koowatchd/store/sqlite-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/util.h"

static int vacuum_into(struct sqlite_store *s, const char *path) {
        sqlite3_stmt *q = NULL;
        int code, r;

        code = sqlite3_prepare_v2(s->db, "VACUUM INTO ?1", -1, &q, NULL);
        if (code == SQLITE_OK) {
                (void) sqlite3_bind_text(q, 1, path, -1, SQLITE_STATIC);
                code = sqlite3_step(q);
        }
        r = code == SQLITE_DONE ? 0 : sqlite_note_failure(s, code);
        (void) sqlite3_finalize(q);
        return r;
}

/* SQLite takes an empty file; what it makes itself others can read. It promises no sync. */
static int make_copy(struct sqlite_store *s, const char *path) {
        CLEANUP(closep) int fd = -1;
        int r;

        if (unlink(path) < 0 && errno != ENOENT) /* of a start that was cut off */
                return -errno;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = vacuum_into(s, path);
        return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

int sqlite_copy_keep(struct sqlite_store *s) {
        CLEANUP(freep) char *kept = str_printf("%s.previous", s->path);
        CLEANUP(freep) char *new = str_printf("%s.previous.new", s->path);
        int r;

        r = kept && new ? make_copy(s, new) : -ENOMEM;
        if (r == 0)
                r = rename(new, kept) < 0 ? -errno : sync_directory_of(s->path);
        if (r == 0)
                return 0;
        if (new)
                (void) unlink(new);
        if (r != -EUCLEAN) /* what is damaged is the database */
                (void) snprintf(s->error, sizeof(s->error),
                                "its copy for an earlier version, %s, cannot be written: %s",
                                kept ? kept : "", strerror(-r));
        return r;
}
