/* Conninfo: which connection strings may stand in a file that everybody can read. */
#include "common/conninfo.h"
#include "unit/support.h"

static void test_allowed(void **state) {
        static const char *const good[] = {
                "",
                "  ",
                "dbname=koowatch",
                " host = db  port=5432 ",
                "host='a b' user=''",
                "user='it\\'s' dbname=a\\ b",
                "host=",
                "dbname='password=x'",
                "dbname=password",
                "application_name=service\tuser=x",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(good); i++)
                if (!conninfo_is_allowed(good[i]))
                        fail_msg("refused: %s", good[i]);
}

static void test_refused(void **state) {
        static const char *const bad[] = {
                "password=x",
                "host=db password = x",
                "host='db'password=x",
                "passfile=/x",
                "service=x",
                "servicefile=/x",
                "sslpassword=x",
                "replication=1",
                "postgresql://user:x@db/name",
                "postgres://db?dbname=x",
                "host",
                "host db",
                "=x",
                "host='db",
                "host='db\\'",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                if (conninfo_is_allowed(bad[i]))
                        fail_msg("allowed: %s", bad[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_allowed),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
