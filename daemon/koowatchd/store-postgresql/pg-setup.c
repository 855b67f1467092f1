#include "koowatchd/store-postgresql/pg-setup.h"

#include <errno.h>
#include <stdarg.h>

#include "common/util.h"
#include "koowatchd/store-postgresql/pg-schema.h"
#include "koowatchd/store/store-module.h"

static const char *const templates[PG_SETUP_STEPS] = {
        [PG_INSPECT] = pg_schema_inspect,   [PG_VERSION] = pg_schema_version,
        [PG_MIGRATE] = pg_schema_migrate,   [PG_LISTEN] = pg_schema_listen,
        [PG_TIMELINE] = pg_schema_timeline, [PG_TAKE] = pg_schema_take,
        [PG_KEEP] = pg_schema_keep,         [PG_HOLDER] = pg_schema_holder,
};

int pg_setup_open(struct pg_setup *s, const struct store_module_settings *settings) {
        *s = (struct pg_setup){
                .node = strdup(settings->node),
                .host = strdup(settings->host),
                .version = strdup(settings->version),
                .labels = strdup(settings->labels),
                .incarnation = settings->incarnation,
        };
        s->identity.node = s->node;
        s->identity.labels = s->labels;
        if (!s->node || !s->host || !s->version || !s->labels)
                return -ENOMEM;
        if (str_empty(s->incarnation->id))
                event_id_make(s->incarnation->id);
        for (size_t i = 0; i < PG_SETUP_STEPS; i++) {
                s->sql[i] = pg_schema_sql(settings->fleet, templates[i]);
                if (!s->sql[i])
                        return -ENOMEM;
        }
        return 0;
}

void pg_setup_close(struct pg_setup *s) {
        for (size_t i = 0; i < PG_SETUP_STEPS; i++)
                free(s->sql[i]);
        free(s->node);
        free(s->host);
        free(s->version);
        free(s->labels);
}

static void add_parameters(const struct pg_setup *s, struct pg_values *values) {
        switch (s->step) {
        case PG_TAKE:
                pg_values_add_text(values, s->node);
                pg_values_add_text(values, s->incarnation->id);
                pg_values_add_text(values, s->incarnation->has_taken ? "f" : "t");
                pg_values_add_number(values, s->incarnation->session);
                pg_values_add_text(values, s->host);
                pg_values_add_text(values, s->version);
                pg_values_add_text(values, s->labels);
                break;
        case PG_KEEP:
                pg_values_add_number(values, s->identity.session);
                pg_values_add_text(values, s->node);
                pg_values_add_number(values, s->identity.writes);
                break;
        case PG_HOLDER:
                pg_values_add_text(values, s->node);
                break;
        default:
                break;
        }
}

static int send_step(struct pg_setup *s, PGconn *conn, enum pg_setup_step step,
                     struct pg_error *ret_error) {
        struct pg_values values = {};
        int sent = 0;

        s->step = step;
        s->has_row = s->is_refused = false;
        if (step == PG_TAKE || step == PG_KEEP)
                s->asked = clock_boot();
        add_parameters(s, &values);
        if (values.failed)
                pg_error_set(ret_error, -ENOMEM, NULL);
        else if (values.n > 0)
                sent = PQsendQueryParams(conn, s->sql[step], values.n, NULL, values.at, NULL, NULL,
                                         0);
        else /* may be several statements */
                sent = PQsendQuery(conn, s->sql[step]);
        if (sent != 1 && !values.failed)
                pg_error_of_connection(conn, ret_error);
        pg_values_clear(&values);
        return sent == 1 ? 0 : ret_error->number;
}

int pg_setup_begin(struct pg_setup *s, PGconn *conn, struct pg_error *ret_error) {
        s->is_made = false;
        s->identity.base = s->identity.seen = 0;
        return send_step(s, conn, PG_INSPECT, ret_error);
}

/* ---- what comes back ---- */

static int refuse(struct pg_error *error, int number, const char *format, ...) PRINTF_LIKE(3, 4);

static int refuse(struct pg_error *error, int number, const char *format, ...) {
        char text[PG_ERROR_MAX];
        va_list args;

        va_start(args, format);
        (void) vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        pg_error_set(error, number, text);
        return number;
}

static int on_inspected(struct pg_setup *s, const PGresult *row, struct pg_error *error) {
        const char *encoding = PQgetvalue(row, 0, 0);

        if (strtol(PQgetvalue(row, 0, 1), NULL, 10) < PG_SERVER_MIN)
                return refuse(error, -EPROTONOSUPPORT, "the server is older than PostgreSQL %s",
                              PG_SERVER_MIN_TEXT);
        if (!streq(encoding, "UTF8"))
                return refuse(error, -EILSEQ,
                              "the database's encoding is %.32s; create one with UTF8", encoding);
        s->is_made = streq(PQgetvalue(row, 0, 2), "t");
        return 0;
}

static int on_version(struct pg_setup *s, const PGresult *row, struct pg_error *error) {
        long version = strtol(PQgetvalue(row, 0, 0), NULL, 10);

        s->is_made = version == PG_SCHEMA_VERSION;
        if (version > PG_SCHEMA_VERSION)
                return refuse(error, -EPROTO,
                              "it has schema %ld, this koowatchd knows %d; a later version wrote "
                              "it, run that version",
                              version, PG_SCHEMA_VERSION);
        return 0;
}

/* NULL: another one has the name. */
static void on_taken(struct pg_setup *s, const PGresult *row) {
        s->is_refused = PQgetisnull(row, 0, 0);
        if (s->is_refused)
                return;
        s->identity.session = strtoll(PQgetvalue(row, 0, 0), NULL, 10);
        s->identity.writes = 0;
        s->incarnation->session = s->identity.session;
        s->incarnation->has_taken = true;
}

/* The first eight digits are the timeline. */
static int64_t fence_base(const char *wal_file) {
        char digits[9];

        (void) snprintf(digits, sizeof(digits), "%.8s", wal_file);
        return (int64_t) (strtoul(digits, NULL, 16) & INT32_MAX) << 32;
}

/* The first row of a step. */
static int on_row(struct pg_setup *s, const PGresult *row, struct pg_error *error) {
        s->has_row = true;
        switch (s->step) {
        case PG_INSPECT:
                return on_inspected(s, row, error);
        case PG_VERSION:
                return on_version(s, row, error);
        case PG_TIMELINE:
                s->identity.base = fence_base(PQgetvalue(row, 0, 0));
                return 0;
        case PG_TAKE:
                on_taken(s, row);
                return 0;
        case PG_KEEP:
                s->is_refused = *PQgetvalue(row, 0, 0) != 't';
                if (s->is_refused)
                        return refuse(error, -ESTALE, "%s", PQgetvalue(row, 0, 1));
                s->identity.writes = strtoll(PQgetvalue(row, 0, 2), NULL, 10);
                return 0;
        case PG_HOLDER:
                return refuse(error, -ESTALE,
                              "another koowatchd with Node=%.64s has taken over, on %.64s; stop "
                              "one of the two, or give it another Node=",
                              s->node, PQgetvalue(row, 0, 0));
        default:
                return 0;
        }
}

static enum pg_setup_step next_step(const struct pg_setup *s) {
        const enum pg_setup_step take = s->identity.session ? PG_KEEP : PG_TAKE;

        switch (s->step) {
        case PG_INSPECT:
                return s->is_made ? PG_VERSION : PG_MIGRATE;
        case PG_VERSION:
                return s->is_made ? PG_LISTEN : PG_MIGRATE;
        case PG_MIGRATE:
                return PG_LISTEN;
        case PG_LISTEN:
                return PG_TIMELINE;
        case PG_TAKE: /* refused */
                return PG_HOLDER;
        default: /* TIMELINE; HOLDER: its row has gone meanwhile */
                return take;
        }
}

/* All results of a step are there. */
static enum pg_setup_end on_step_end(struct pg_setup *s, PGconn *conn, struct pg_error *error) {
        enum pg_setup_step next;

        if ((s->step == PG_TAKE || s->step == PG_KEEP) && s->has_row && !s->is_refused)
                return PG_SETUP_DONE;
        next = next_step(s);
        if (send_step(s, conn, next, error) < 0)
                return PG_SETUP_FAILED;
        return next == PG_MIGRATE ? PG_SETUP_MIGRATES : PG_SETUP_GOES_ON;
}

enum pg_setup_end pg_setup_advance(struct pg_setup *s, PGconn *conn, const PGresult *result,
                                   struct pg_error *ret_error) {
        if (!result)
                return on_step_end(s, conn, ret_error);
        switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
                if (PQntuples(result) > 0 && !s->has_row && on_row(s, result, ret_error) < 0)
                        return s->step == PG_KEEP ? PG_SETUP_OVER : PG_SETUP_FAILED;
                return PG_SETUP_GOES_ON;
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
                return PG_SETUP_GOES_ON;
        default:
                if (s->step == PG_LISTEN || s->step == PG_TIMELINE)
                        return PG_SETUP_GOES_ON;
                pg_error_of_result(result, ret_error);
                return PG_SETUP_FAILED;
        }
}
