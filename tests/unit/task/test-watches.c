/* Watches with task directories and a store of their own; nothing is asked. */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "koowatchd/loop/http.h"
#include "koowatchd/task/watches.h"
#include "unit/support.h"

#define WALL (1747708152 * USEC_SEC)

struct fixture {
        char directory[DIRECTORY_MAX];
        char spool[DIRECTORY_MAX + 16], database[DIRECTORY_MAX + 16];
        struct ev_loop *loop;
        struct timers *timers;
        struct http *http;
        struct poller *poller;
        struct store *store;
        struct account *account;
        struct watches *watches;
        struct taskdir *taskdir;
};

static const struct store_key photos = {ACCOUNT_DEFAULT, "s1", "t1"};

static void on_changed(void *userdata, struct account *account, unsigned held) {
        (void) userdata;
        (void) account;
        (void) held;
}

static struct account *find_account(void *userdata, const char *name) {
        struct fixture *f = userdata;

        return streq(name, ACCOUNT_DEFAULT) ? f->account : NULL;
}

static void on_registered(void *userdata, struct watch *watch) {
        (void) userdata;
        fail_msg("%s: registered", watch_name(watch));
}

static void on_invalid(void *userdata, const char *name, const char *text, bool running) {
        (void) userdata;
        (void) name;
        (void) running;
        fail_msg("%s", text);
}

static void on_hook_problem(void *userdata, const char *name, const char *path,
                            const char *problem) {
        (void) userdata;
        (void) name;
        fail_msg("%s: %s", path, problem);
}

static void on_stray(void *userdata, const char *path) {
        (void) userdata;
        fail_msg("%s", path);
}

static void on_dirty(void *userdata) {
        (void) userdata;
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        (void) userdata;
        fail_msg("%s: %s", what, why);
}

static void open_account(struct fixture *f) {
        static char name[] = ACCOUNT_DEFAULT, endpoint[] = "http://127.0.0.1:9";
        const struct account_config settings = {
                .name = name,
                .endpoint = endpoint,
                .rate_limit = {1, USEC_SEC},
                .max_in_flight = 1,
        };

        assert_int_equal(account_new(&settings, USEC_MINUTE, on_changed, NULL, &f->account), 0);
        assert_int_equal(poller_add_account(f->poller, f->account), 0);
}

static void open_watches(struct fixture *f) {
        const struct watches_handler handler = {
                .find_account = find_account,
                .on_registered = on_registered,
                .on_invalid = on_invalid,
                .on_hook_problem = on_hook_problem,
                .on_dirty = on_dirty,
                .on_stray = on_stray,
                .on_transient_error = on_transient_error,
                .userdata = f,
        };
        struct taskdir_handler files;

        assert_int_equal(watches_new(f->timers, f->store, f->poller, &handler, &f->watches), 0);
        files = watches_taskdir_handler(f->watches);
        assert_int_equal(taskdir_new(NULL, f->spool, f->spool, &files, &f->taskdir), 0);
        watches_set_taskdir(f->watches, f->taskdir);
}

static int set_up(void **state) {
        static const struct poller_handler handler = {};
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        (void) snprintf(f->spool, sizeof(f->spool), "%s/tasks.d", f->directory);
        (void) snprintf(f->database, sizeof(f->database), "%s/state.db", f->directory);
        assert_int_equal(mkdir(f->spool, 0700), 0);
        f->loop = ev_default_loop(EVFLAG_AUTO);
        assert_int_equal(timers_new(f->loop, &f->timers), 0);
        assert_int_equal(http_new(f->loop, 4096, &f->http), 0);
        assert_int_equal(poller_new(f->timers, f->http, &handler, &f->poller), 0);
        assert_int_equal(store_open(f->database, &f->store), 0);
        open_account(f);
        open_watches(f);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        taskdir_free(f->taskdir);
        watches_free(f->watches);
        poller_remove_account(f->poller, f->account);
        poller_free(f->poller);
        account_free(f->account);
        store_close(f->store);
        http_free(f->http);
        timers_free(f->timers);
        directory_remove(f->directory);
        free(f);
        return 0;
}

/* A file of photos in the spool, which the store knows to have ended as event "e1". */
static void make_finished(const struct fixture *f, char path[static DIRECTORY_MAX + 32]) {
        static const char text[] = "[Task]\nTaskId=t1\nShareId=s1\n";
        struct store_task task = {.registered = WALL, .event_id = "e1"};
        struct stat st;

        (void) snprintf(path, DIRECTORY_MAX + 32, "%s/photos.task", f->spool);
        assert_int_equal(replace_file(path, text, strlen(text), 0600), 0);
        assert_int_equal(stat(path, &st), 0);
        task.inode = st.st_ino;
        task.mtime_ns = (int64_t) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        assert_int_equal(store_put_task(f->store, &photos, "photos", &task), 0);
        assert_int_equal(store_put_event(f->store, "e1", "{}", WALL), 0);
}

static void put_delivery(const struct fixture *f, enum delivery_state state) {
        const struct store_delivery delivery = {.state = state};

        assert_int_equal(store_put_delivery(f->store, "e1", &delivery), 0);
}

static void test_a_finished_file_goes_when_its_delivery_is_over(void **state) {
        struct fixture *f = *state;
        char path[DIRECTORY_MAX + 32];

        make_finished(f, path);
        put_delivery(f, DELIVERY_DONE);
        taskdir_scan(f->taskdir);
        assert_int_equal(watches_count(f->watches).finished, 1);
        assert_int_equal(access(path, F_OK), -1);
}

static void test_a_finished_file_stays_while_its_delivery_is_pending(void **state) {
        struct fixture *f = *state;
        char path[DIRECTORY_MAX + 32];

        make_finished(f, path);
        taskdir_scan(f->taskdir);
        assert_int_equal(watches_count(f->watches).finished, 1);
        assert_int_equal(access(path, F_OK), 0);
}

/* It may be pending: without the file, its outcome could be asked for by nobody. */
static void test_a_finished_file_stays_when_the_store_cannot_tell(void **state) {
        struct fixture *f = *state;
        char path[DIRECTORY_MAX + 32];
        sqlite3 *db = NULL;

        make_finished(f, path);
        assert_int_equal(sqlite3_open(f->database, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "DROP TABLE event", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        taskdir_scan(f->taskdir);
        assert_int_equal(watches_count(f->watches).finished, 1);
        assert_int_equal(access(path, F_OK), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_finished_file_goes_when_its_delivery_is_over),
                TEST(test_a_finished_file_stays_while_its_delivery_is_pending),
                TEST(test_a_finished_file_stays_when_the_store_cannot_tell),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
