#include "koowatchd/store/sqlite-damage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "common/util.h"

#define SMALL (4 * 1024 * 1024) /* bytes: checked in some 20 ms */

static char *suspicion_path(const char *path) {
        return str_printf("%s.suspect", path);
}

void sqlite_damage_suspect(const char *path) {
        CLEANUP(freep) char *suspicion = suspicion_path(path);
        int fd = suspicion ? open(suspicion, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

        closep(&fd);
}

static void clear_suspicion(const char *path) {
        CLEANUP(freep) char *suspicion = suspicion_path(path);

        if (suspicion)
                (void) unlink(suspicion);
}

static bool is_suspected(const char *path) {
        CLEANUP(freep) char *suspicion = suspicion_path(path);

        return suspicion && access(suspicion, F_OK) == 0;
}

static bool is_small(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && st.st_size <= SMALL;
}

/* What the first row of the check says. A page that could not be read is none that is damaged. */
static int judge(const char *text, bool *ret_is_sound) {
        *ret_is_sound = text && streq(text, "ok");
        return !text || *ret_is_sound || strstr(text, "to get page") ||
                               strstr(text, "to get the page")
                       ? SQLITE_OK
                       : SQLITE_CORRUPT;
}

int sqlite_damage_check(sqlite3 *db, const char *path) {
        bool is_sound = false, suspected = is_suspected(path);
        sqlite3_stmt *q = NULL;
        int code, result = SQLITE_OK;

        if (!suspected && !is_small(path))
                return SQLITE_OK;
        code = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &q, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(q);
        if (code == SQLITE_ROW)
                result = judge((const char *) sqlite3_column_text(q, 0), &is_sound);
        else if ((code & 0xff) == SQLITE_CORRUPT)
                result = SQLITE_CORRUPT;
        (void) sqlite3_finalize(q);
        if (is_sound && suspected)
                clear_suspicion(path);
        return result;
}

/* One that is not there is none to be moved. */
static int move_companion(const char *path, const char *aside, const char *suffix) {
        CLEANUP(freep) char *from = str_printf("%s%s", path, suffix);
        CLEANUP(freep) char *to = str_printf("%s%s", aside, suffix);

        if (!from || !to)
                return -ENOMEM;
        return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

int sqlite_damage_move_aside(const char *path, usec_t now, char **ret) {
        /* The database first: without it, SQLite drops a log that is left. */
        static const char *const suffixes[] = {"", "-wal", "-shm"};
        CLEANUP(freep) char *aside = NULL;
        time_t seconds = now / USEC_SEC;
        char stamp[32];
        struct tm tm;
        int r = 0;

        if (!gmtime_r(&seconds, &tm) || strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0)
                return -EINVAL;
        aside = str_printf("%s.damaged-%s", path, stamp);
        if (!aside)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(suffixes); i++)
                r = move_companion(path, aside, suffixes[i]);
        if (r == 0)
                r = sync_directory_of(path);
        if (r < 0)
                return r;
        clear_suspicion(path);
        *ret = STEAL_PTR(aside);
        return 0;
}
