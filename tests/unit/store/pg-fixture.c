#include "unit/store/pg-fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "koowatchd/loop/timer.h"
#include "koowatchd/store-postgresql/pg-schema.h"
#include "koowatchd/store-postgresql/store-postgresql.h"
#include "unit/loop-until.h"

static struct {
        char directory[DIRECTORY_MAX]; /* "": there is none */
        char *data, *conninfo;
        unsigned fleets;
} server;

/* Of the store that settles, which does not know it: all of a test have the same. */
static struct ev_loop *current;

/* ---- the server ---- */

static int run_script(const char *what) {
        const char *script = getenv("KOOWATCH_POSTGRESQL_SERVER");
        pid_t pid;
        int status;

        if (!script)
                return 77;
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) execl(script, script, what, server.data, NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

int pg_server_start(void **state) {
        CLEANUP(freep) char *path = NULL;
        size_t length;
        int status;

        (void) state;
        directory_make(server.directory);
        assert_int_equal(chmod(server.directory, 0755), 0);
        server.data = str_printf("%s/s", server.directory);
        status = run_script("start");
        if (status == 77) {
                (void) fprintf(stderr, "# no PostgreSQL server: what needs one is skipped\n");
                directory_remove(server.directory);
                *server.directory = '\0';
                return 0;
        }
        assert_int_equal(status, 0);
        path = str_printf("%s/conninfo", server.data);
        assert_int_equal(read_path(path, 4096, &server.conninfo, &length), 0);
        server.conninfo[strcspn(server.conninfo, "\n")] = '\0';
        return 0;
}

int pg_server_stop(void **state) {
        (void) state;
        if (*server.directory) {
                (void) run_script("stop");
                directory_remove(server.directory);
        }
        free(server.data);
        free(server.conninfo);
        return 0;
}

bool pg_server_is_there(void) {
        return *server.directory;
}

const char *pg_server_conninfo(void) {
        return server.conninfo;
}

void pg_server_do(const char *what) {
        assert_int_equal(run_script(what), 0);
}

/* All of a server's processes are of its process group, and of its session. */
void pg_server_signal(int number) {
        CLEANUP(freep) char *path = str_printf("%s/data/postmaster.pid", server.data);
        CLEANUP(freep) char *text = NULL;
        CLEANUP(freep) char *children = NULL;
        size_t length;
        pid_t pid;
        char *at;

        assert_int_equal(read_path(path, 4096, &text, &length), 0);
        pid = (pid_t) strtol(text, NULL, 10);
        assert_true(pid > 1);
        free(STEAL_PTR(path));
        path = str_printf("/proc/%d/task/%d/children", pid, pid);
        assert_int_equal(read_path(path, 65536, &children, &length), 0);
        assert_int_equal(kill(pid, number), 0);
        for (at = children; *at; at += strspn(at, " "))
                (void) kill((pid_t) strtol(at, &at, 10), number);
}

/* ---- the store ---- */

static char *password(void *userdata) {
        const struct pg_fixture *f = userdata;

        return f->password ? strdup(f->password) : NULL;
}

static void on_reach(void *userdata, int error) {
        struct pg_fixture *f = userdata;

        f->error = error;
        f->reached += error == 0;
        f->lost += error < 0;
}

int pg_open(struct pg_fixture *f) {
        const struct store_module_settings settings = {
                .version = KOOWATCH_VERSION,
                .loop = f->loop,
                .timers = f->timers,
                .connection = f->connection ? f->connection : server.conninfo,
                .fleet = f->fleet,
                .host = "here",
                .node = f->node ? f->node : "here",
                .labels = f->labels ? f->labels : "",
                .incarnation = &f->incarnation,
                .password = password,
                .userdata = f,
        };
        CLEANUP(freep) char *name = NULL;
        int r;

        if (!f->goes_on)
                f->incarnation = (struct store_incarnation){};
        free(STEAL_PTR(f->problem));
        r = koowatch_store_open(&settings, &f->sync.store, &name, &f->problem);
        assert_int_equal(r == 0, f->sync.store != NULL);
        if (r == 0)
                store_set_on_reach(f->sync.store, on_reach, f);
        current = f->loop;
        f->sync.settle = pg_settle;
        return r;
}

void pg_close_store(struct pg_fixture *f) {
        store_close(STEAL_PTR(f->sync.store));
}

void pg_reopen(struct pg_fixture *f) {
        pg_close_store(f);
        assert_int_equal(pg_open(f), 0);
}

void pg_open_other(const struct pg_fixture *f, struct pg_fixture *other, const char *node,
                   const char *labels) {
        *other = (struct pg_fixture){
                .loop = f->loop, .timers = f->timers, .node = node, .labels = labels};
        memcpy(other->fleet, f->fleet, sizeof(other->fleet));
        assert_int_equal(pg_open(other), 0);
}

void pg_settle(struct store *store) {
        LOOP_UNTIL(current, postgresql_store_is_idle(store));
}

int pg_set_up(void **state) {
        struct pg_fixture *f;

        if (!pg_server_is_there())
                return 0;
        f = calloc(1, sizeof(*f));
        assert_non_null(f);
        f->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(f->loop);
        assert_int_equal(timers_new(f->loop, &f->timers), 0);
        (void) snprintf(f->fleet, sizeof(f->fleet), "fleet_%u", ++server.fleets);
        *state = f;
        return 0;
}

int pg_tear_down(void **state) {
        struct pg_fixture *f = *state;

        if (!f)
                return 0;
        pg_close_store(f);
        timers_free(f->timers);
        ev_loop_destroy(f->loop);
        free(f->connection);
        free(f->password);
        free(f->problem);
        free(f);
        return 0;
}

/* ---- another client ---- */

char *pg_query(const struct pg_fixture *f, const char *query) {
        CLEANUP(freep) char *sql = pg_schema_sql(f->fleet, query);
        PGconn *conn = PQconnectdb(server.conninfo);
        PGresult *result = PQexec(conn, sql);
        char *value = NULL;

        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
                value = strdup(PQgetvalue(result, 0, 0));
        else if (PQresultStatus(result) != PGRES_COMMAND_OK)
                fail_msg("%s: %s", sql, PQerrorMessage(conn));
        PQclear(result);
        PQfinish(conn);
        return value;
}
