#include "koowatchd/store-postgresql/pg-error.h"

#include <errno.h>

#include "common/util.h"

/* What is not here is -EIO: the words say more than a number could. */
static const struct {
        const char *prefix; /* of the SQLSTATE */
        int number;
        bool ends_connection;
} states[] = {
        {"KW001", -ESTALE, true},                              /* this node's session is over */
        {"08", -ENOTCONN, true},      {"25006", -EROFS, true}, /* a standby, or it has become one */
        {"25", -ENOTCONN, true},      /* the transaction is not where it should be */
        {"26", -ENOTCONN, true},      /* a pooler has changed the connection below us */
        {"28", -EPERM, true},         /* authentication */
        {"53100", -ENOSPC, false},    /* disk full */
        {"53200", -ENOMEM, false},    /* memory */
        {"53300", -EAGAIN, true},     /* too many connections */
        {"55P03", -ETIMEDOUT, false}, /* a lock */
        {"57014", -ETIMEDOUT, false}, /* statement_timeout */
        {"57P", -ENOTCONN, true},     /* it is stopped, or not up yet */
        {"58030", -EIO, true},
};

int pg_error_number(const char *state, bool *ret_ends_connection) {
        *ret_ends_connection = !state;
        for (size_t i = 0; state && i < ARRAY_LEN(states); i++) {
                if (!str_after(state, states[i].prefix))
                        continue;
                *ret_ends_connection = states[i].ends_connection;
                return states[i].number;
        }
        return state ? -EIO : -ENOTCONN;
}

/* The first line, in one piece and plain. */
static void set_text(struct pg_error *e, const char *text) {
        size_t length = strcspn(text, "\r\n");

        (void) snprintf(e->text, sizeof(e->text), "%.*s", (int) MIN(length, PG_ERROR_MAX - 1),
                        text);
        e->text[utf8_whole(e->text, strlen(e->text))] = '\0';
        str_make_plain(e->text);
}

void pg_error_set(struct pg_error *e, int number, const char *text) {
        e->number = number;
        e->ends_connection = true;
        set_text(e, text ? text : strerror(-number));
}

void pg_error_of_connection(const PGconn *connection, struct pg_error *ret) {
        const char *text = PQerrorMessage(connection);

        pg_error_set(ret, -ENOTCONN, str_empty(text) ? "the connection was lost" : text);
}

void pg_error_of_result(const PGresult *result, struct pg_error *ret) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

        ret->number = pg_error_number(state, &ret->ends_connection);
        if (str_empty(text))
                text = PQresultErrorMessage(result);
        set_text(ret, str_empty(text) ? "the server has failed without a reason" : text);
}
