/*
 * What state.db says when somebody else has written there: values of any type and size in each
 * column. What comes back is what the rest of the daemon can reckon with.
 */
#include <sqlite3.h>
#include <sys/stat.h>

#include "common/json.h"
#include "fuzz/fuzz.h"
#include "koowatchd/deliver/attempts.h"
#include "koowatchd/deliver/delivery-row.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/sqlite-store.h"
#include "koowatchd/task/registration.h"

#define WALL (1747708152 * USEC_SEC)

/* What a column might hold, or what of it another one does. */
static const char *const likely_texts[] = {
        "{\"event\":\"finished\",\"eventId\":\"e\",\"name\":\"n\",\"hooks\":[\"a\"]}",
        "{\"hooks\":{},\"taskResultCode\":[2]}",
        "[\"finished.d/a\"]",
        "[1,[],{}]",
        "null",
        "",
        "0123456789abcdef0123456789abcdef",
        "1e999",
};

static const char *const task_columns[] = {
        "account", "share_id", "task_id", "name", "registered", "inode",     "mtime_ns", "event_id",
        "gone",    "refusals", "refused", "boot", "booted",     "confirmed", "away",
};
static const char *const event_columns[] = {
        "event_id", "finished", "body", "state", "attempts", "next", "settled", "futile", "told",
};

static char directory[64], path[80];
static struct store *store;
static sqlite3 *db;
static sqlite3_stmt *put_task, *put_event;

/* Nothing here must outlive the machine. */
int fsync(int fd) {
        (void) fd;
        return 0;
}

int fdatasync(int fd) {
        (void) fd;
        return 0;
}

static void execute(const char *commands) {
        REQUIRE(sqlite3_exec(db, commands, NULL, NULL, NULL) == SQLITE_OK);
}

static void remove_files(void) {
        static const char *const suffixes[] = {"", "-wal", "-shm"};

        store_close(STEAL_PTR(store));
        (void) sqlite3_finalize(put_task);
        (void) sqlite3_finalize(put_event);
        (void) sqlite3_close(db);
        for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
                CLEANUP(freep) char *file = str_printf("%s%s", path, suffixes[i]);

                (void) unlink(file);
        }
        (void) rmdir(directory);
}

static sqlite3_stmt *prepare(const char *table, const char *const *columns, size_t n) {
        CLEANUP(freep) char *text = str_printf("INSERT OR IGNORE INTO %s (", table);
        sqlite3_stmt *q;

        for (size_t i = 0; i < 2 * n; i++) {
                CLEANUP(freep) char *before = STEAL_PTR(text);

                text = str_printf("%s%s%s", before,
                                  i == n       ? ") VALUES ("
                                  : i % n == 0 ? ""
                                               : ",",
                                  i < n ? columns[i] : "?");
        }
        {
                CLEANUP(freep) char *before = STEAL_PTR(text);

                text = str_printf("%s)", before);
        }
        REQUIRE(sqlite3_prepare_v2(db, text, -1, &q, NULL) == SQLITE_OK);
        return q;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        (void) argc;
        (void) argv;
        (void) snprintf(directory, sizeof(directory), "%s/koowatch-fuzz-%d",
                        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int) getpid());
        (void) snprintf(path, sizeof(path), "%s/state.db", directory);
        REQUIRE(mkdir(directory, 0700) == 0);
        REQUIRE(sqlite_store_open(path, NULL, &store) == 0);
        REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
        execute("PRAGMA synchronous = OFF");
        put_task = prepare("task", task_columns, ARRAY_LEN(task_columns));
        put_event = prepare("event", event_columns, ARRAY_LEN(event_columns));
        return atexit(remove_files);
}

/* ---- rows out of an input ---- */

/* A value of any type; short texts meet each other in keys. */
static void bind(sqlite3_stmt *q, int column, struct bytes *b) {
        unsigned what = take(b, 10);
        double real = 0;
        uint64_t bits;

        if (what < 4) {
                size_t n = take_byte(b);

                n = MIN(n, b->left);

                if (what == 0)
                        (void) sqlite3_bind_blob(q, column, b->at, (int) n, SQLITE_TRANSIENT);
                else
                        (void) sqlite3_bind_text(q, column, n ? (const char *) b->at : "", (int) n,
                                                 SQLITE_TRANSIENT);
                b->at += n;
                b->left -= n;
        } else if (what == 4) {
                bits = (uint64_t) take_int64(b);
                memcpy(&real, &bits, sizeof(real));
                (void) sqlite3_bind_double(q, column, real);
        } else if (what == 5) {
                (void) sqlite3_bind_int64(q, column, take_int64(b));
        } else if (what == 6) {
                (void) sqlite3_bind_null(q, column);
        } else if (what == 7) {
                (void) sqlite3_bind_text(q, column, likely_texts[take(b, ARRAY_LEN(likely_texts))],
                                         -1, SQLITE_STATIC);
        } else {
                (void) sqlite3_bind_int(q, column, take_byte(b));
        }
}

static void put_row(sqlite3_stmt *q, size_t n_columns, struct bytes *b) {
        for (int i = 1; i <= (int) n_columns; i++)
                bind(q, i, b);
        (void) sqlite3_step(q);
        (void) sqlite3_reset(q);
}

/* ---- what comes back ---- */

static void require_time(usec_t time) {
        REQUIRE(time >= 0 && time <= STORE_TIME_MAX);
}

static void on_event(void *userdata, int error, const char *body) {
        json_object **event = userdata;

        REQUIRE((error == 0) == (body != NULL));
        if (body)
                (void) event_parse(body, event);
}

/* The line that its hook runner gets. */
static void use_event(const char *event_id, const struct delivery_row *row) {
        CLEANUP(freep) char *line = NULL;
        json_object *event = NULL;

        store_get_event(store, event_id, on_event, &event);
        if (!event)
                return;
        (void) event_string(event, "name");
        (void) event_integer(event, "polls");
        (void) event_names_hooks(event);
        (void) event_result(event);
        line = event_line(event, &(struct event_attempt){.number = row->attempts.made + 1,
                                                         .settled = row->settled});
        REQUIRE(line);
        json_object_put(event);
}

static void use_attempts(struct attempts attempts) {
        static const struct attempt_limits limits = {40, 90 * USEC_DAY};

        attempts_begin(&attempts);
        attempts_note(&attempts, HOOK_FAILED);
        REQUIRE(attempts_pause(&attempts) > 0 && attempts_pause(&attempts) <= USEC_HOUR);
        if (attempts.futile + 1 >= limits.futile || attempts.futile > attempts.futile + 1)
                REQUIRE(attempts_is_last(&attempts, &limits, WALL));
        attempts_end(&attempts);
        REQUIRE(attempts.made > 0);
}

/* Deliveries ask for their events later; so does this, as the statement is under way. */
struct pending {
        char id[EVENT_ID_LENGTH + 1];
        struct delivery_row row;
};

struct all_pending {
        struct pending list[8];
        size_t count;
        unsigned ends;
};

static void on_pending(void *userdata, const char *event_id,
                       const struct store_delivery *delivery) {
        struct all_pending *all = userdata;
        struct pending *p = &all->list[all->count];

        REQUIRE(all->ends == 0 && event_id && all->count < ARRAY_LEN(all->list));
        REQUIRE((unsigned) delivery->state <= DELIVERY_PARKED);
        require_time(delivery->finished);
        require_time(delivery->next);
        all->count++;
        (void) snprintf(p->id, sizeof(p->id), "%s", event_id);
        delivery_row_read(&p->row, delivery);
        for (size_t i = 0; p->row.settled && i < json_object_array_length(p->row.settled); i++)
                REQUIRE(json_is_text(json_object_array_get_idx(p->row.settled, i)));
}

static void on_end(void *userdata, int error) {
        struct all_pending *all = userdata;

        REQUIRE(error == 0);
        all->ends++;
}

static void read_pending(void) {
        struct all_pending all = {};

        store_each_pending(store, on_pending, on_end, &all);
        REQUIRE(all.ends == 1);
        for (size_t i = 0; i < all.count; i++) {
                use_attempts(all.list[i].row.attempts);
                (void) delivery_row_settle(&all.list[i].row, "finished.d/a");
                REQUIRE(json_array_has(all.list[i].row.settled, "finished.d/a"));
                use_event(all.list[i].id, &all.list[i].row);
                delivery_row_clear(&all.list[i].row);
        }
}

static void on_found(void *userdata, int found, const struct store_task *task) {
        struct registration r;

        (void) userdata;
        REQUIRE(found >= 0 && (found == 1) == (task != NULL));
        if (!task)
                return;
        require_time(task->registered);
        require_time(MAX(task->booted, -task->booted)); /* may lie before the boot */
        require_time(task->refused);
        REQUIRE(task->name && (unsigned) task->delivery <= DELIVERY_PARKED);
        r = registration_read(task, task->boot, WALL, USEC_HOUR);
        (void) registration_learn(&r, WALL, USEC_HOUR);
        (void) registration_read_time(task, task->refused, task->boot, USEC_HOUR);
        (void) registration_write_time(&r, USEC_HOUR);
}

struct all_tasks {
        char *keys[8][3];
        size_t count;
        unsigned ends;
};

static void on_task(void *userdata, const struct store_key *key) {
        struct all_tasks *all = userdata;
        char **texts = all->keys[all->count];

        REQUIRE(all->ends == 0 && all->count < ARRAY_LEN(all->keys));
        REQUIRE(key->account && key->share_id && key->task_id);
        all->count++;
        texts[0] = strdup(key->account);
        texts[1] = strdup(key->share_id);
        texts[2] = strdup(key->task_id);
}

static void on_tasks_end(void *userdata, int error) {
        struct all_tasks *all = userdata;

        REQUIRE(error == 0);
        all->ends++;
}

static void read_tasks(void) {
        struct all_tasks all = {};

        store_each_task(store, on_task, on_tasks_end, &all);
        REQUIRE(all.ends == 1);
        for (size_t i = 0; i < all.count; i++) {
                char **texts = all.keys[i];

                store_find_task(store, &(struct store_key){texts[0], texts[1], texts[2]}, on_found,
                                NULL);
                for (size_t k = 0; k < 3; k++)
                        free(texts[k]);
        }
}

static void on_counted(void *userdata, int error, const struct store_counts *counts) {
        (void) userdata;
        REQUIRE(error == 0 && counts && counts->finished <= 8 && counts->parked <= 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct bytes b = {data, size};

        execute("BEGIN; DELETE FROM task; DELETE FROM event");
        for (unsigned i = 0; b.left > 0 && i < 8; i++) {
                if (take(&b, 2))
                        put_row(put_task, ARRAY_LEN(task_columns), &b);
                else
                        put_row(put_event, ARRAY_LEN(event_columns), &b);
        }
        execute("COMMIT");
        read_tasks();
        read_pending();
        store_count(store, on_counted, NULL);
        return 0;
}
