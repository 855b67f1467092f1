#include "koowatchd/store-postgresql/pg-setup.h"

#include <errno.h>
#include <stdarg.h>

#include "common/util.h"
#include "koowatchd/store-postgresql/pg-schema.h"

static const char *const templates[PG_SETUP_STEPS] = {
        [PG_INSPECT] = pg_schema_inspect, [PG_VERSION] = pg_schema_version,
        [PG_MIGRATE] = pg_schema_migrate, [PG_TAKE] = pg_schema_take,
        [PG_WRITER] = pg_schema_writer,
};

int pg_setup_open(struct pg_setup *s, const char *fleet, const char *host) {
        *s = (struct pg_setup){.host = strdup(host)};
        if (!s->host)
                return -ENOMEM;
        event_id_make(s->incarnation);
        for (size_t i = 0; i < PG_SETUP_STEPS; i++) {
                s->sql[i] = pg_schema_sql(fleet, templates[i]);
                if (!s->sql[i])
                        return -ENOMEM;
        }
        return 0;
}

void pg_setup_close(struct pg_setup *s) {
        for (size_t i = 0; i < PG_SETUP_STEPS; i++)
                free(s->sql[i]);
        free(s->host);
}

static int send_step(struct pg_setup *s, PGconn *conn, enum pg_setup_step step,
                     struct pg_error *ret_error) {
        const char *const parameters[] = {s->incarnation, s->has_taken ? "f" : "t", s->host,
                                          s->has_taken ? s->session : "0"};
        int sent;

        s->step = step;
        s->has_row = false;
        sent = step == PG_TAKE ? PQsendQueryParams(conn, s->sql[step], ARRAY_LEN(parameters), NULL,
                                                   parameters, NULL, NULL, 0)
                               : PQsendQuery(conn, s->sql[step]);
        if (sent == 1)
                return 0;
        pg_error_of_connection(conn, ret_error);
        return ret_error->number;
}

int pg_setup_begin(struct pg_setup *s, PGconn *conn, struct pg_error *ret_error) {
        s->is_made = false;
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

/* The first row of a step. */
static int on_row(struct pg_setup *s, const PGresult *row, struct pg_error *error) {
        s->has_row = true;
        switch (s->step) {
        case PG_INSPECT:
                return on_inspected(s, row, error);
        case PG_VERSION:
                return on_version(s, row, error);
        case PG_TAKE:
                (void) snprintf(s->session, sizeof(s->session), "%s", PQgetvalue(row, 0, 0));
                s->has_taken = true;
                return 0;
        case PG_WRITER:
                return refuse(error, -ESTALE,
                              "the koowatchd of %.64s has taken over; stop one of the two and "
                              "restart the other",
                              PQgetvalue(row, 0, 0));
        default:
                return 0;
        }
}

/* All results of a step are there. */
static enum pg_setup_end on_step_end(struct pg_setup *s, PGconn *conn, struct pg_error *error) {
        enum pg_setup_step next = PG_TAKE;

        if (s->step == PG_TAKE && s->has_row)
                return PG_SETUP_DONE;
        if (s->step == PG_INSPECT)
                next = s->is_made ? PG_VERSION : PG_MIGRATE;
        else if (s->step == PG_VERSION)
                next = s->is_made ? PG_TAKE : PG_MIGRATE;
        else if (s->step == PG_TAKE)
                next = PG_WRITER;
        else if (s->step == PG_WRITER)
                next = PG_TAKE; /* none: its row has gone meanwhile */
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
                        return PG_SETUP_FAILED;
                return PG_SETUP_GOES_ON;
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
                return PG_SETUP_GOES_ON;
        default:
                pg_error_of_result(result, ret_error);
                return PG_SETUP_FAILED;
        }
}
