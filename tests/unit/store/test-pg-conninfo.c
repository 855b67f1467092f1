/* PostgreSQL conninfo: what Connection= becomes before libpq gets it. */
#include <errno.h>

#include "koowatchd/store-postgresql/pg-conninfo.h"
#include "unit/support.h"

static void parse(struct pg_conninfo *c, const char *text) {
        CLEANUP(freep) char *problem = NULL;

        assert_int_equal(pg_conninfo_parse(text, c, &problem), 0);
        assert_null(problem);
}

static const char *value(const struct pg_parameters *p, const char *keyword) {
        const char *found = NULL;

        for (size_t i = 0; i < p->n; i++) {
                if (!streq(p->keywords[i], keyword))
                        continue;
                assert_null(found); /* once */
                found = p->values[i];
        }
        return found;
}

/* "NAME=VALUE;" of these, in the order of names. */
static void assert_values(const char *text, const struct pg_address *addresses, size_t n,
                          const char *expected) {
        static const char *const names[] = {"host", "hostaddr", "port", "sslmode", "sslrootcert"};
        struct pg_parameters p;
        struct pg_conninfo c;
        char got[512] = "";

        parse(&c, text);
        assert_int_equal(pg_conninfo_parameters(&c, NULL, addresses, n, &p), 0);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                const char *v = value(&p, names[i]);

                if (!str_empty(v))
                        (void) snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s=%s;",
                                        names[i], v);
        }
        assert_string_equal(got, expected);
        pg_parameters_clear(&p);
        pg_conninfo_clear(&c);
}

#define CERTIFICATES "sslrootcert=/etc/ssl/certs/ca-certificates.crt;"
#define VERIFIED "sslmode=verify-full;" CERTIFICATES

static void test_what_leaves_the_machine_is_verified(void **state) {
        static const struct pg_address one[] = {{0, "192.0.2.1"}};

        (void) state;
        assert_values("dbname=k", NULL, 0, "");
        assert_values("host=/run/postgresql", NULL, 0, "host=/run/postgresql;");
        assert_values("host=127.0.0.2", NULL, 0, "host=127.0.0.2;");
        assert_values("host=::1", NULL, 0, "host=::1;");
        assert_values("host=192.0.2.1 port=5433", NULL, 0, "host=192.0.2.1;port=5433;" VERIFIED);
        assert_values("host=db", one, 1, "host=db;hostaddr=192.0.2.1;" VERIFIED);
        assert_values("hostaddr=192.0.2.1 host=db", NULL, 0,
                      "host=db;hostaddr=192.0.2.1;" VERIFIED);
        /* Another wish of the administrator's. */
        assert_values("host=192.0.2.1 sslmode=prefer", NULL, 0, "host=192.0.2.1;sslmode=prefer;");
        assert_values("host=192.0.2.1 sslrootcert=/x", NULL, 0,
                      "host=192.0.2.1;sslmode=verify-full;sslrootcert=/x;");
        assert_values("sslmode=verify-ca", NULL, 0, "sslmode=verify-ca;" CERTIFICATES);
        /* One of several is enough. */
        assert_values("host=/run,192.0.2.1", NULL, 0,
                      "host=/run,192.0.2.1;hostaddr=,;port=,;" VERIFIED);
}

static void test_a_host_stands_once_for_each_address(void **state) {
        static const struct pg_address addresses[] = {
                {0, "192.0.2.1"}, {0, "2001:db8::1"}, {2, "192.0.2.3"}};

        (void) state;
        assert_values(
                "host=a,/run,c,lost port=1,2,3,4", addresses, 3,
                "host=a,a,/run,c;hostaddr=192.0.2.1,2001:db8::1,,192.0.2.3;port=1,1,2,3;" VERIFIED);
        assert_values("host=a,c port=7", (struct pg_address[]){{0, "192.0.2.1"}, {1, "192.0.2.2"}},
                      2, "host=a,c;hostaddr=192.0.2.1,192.0.2.2;port=7,7;" VERIFIED);
}

static void test_which_hosts_need_resolving(void **state) {
        static const struct {
                const char *text;
                bool needs_resolving;
        } cases[] = {
                {"", false},
                {"host=/run", false},
                {"host=@abstract", false},
                {"host=10.0.0.1", false},
                {"host=2001:db8::1", false},
                {"host=localhost", true},
                {"host=10.0.0.1,db", true},
                {"host=db hostaddr=10.0.0.1", false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct pg_conninfo c;

                parse(&c, cases[i].text);
                assert_int_equal(pg_conninfo_needs_resolving(&c), cases[i].needs_resolving);
                pg_conninfo_clear(&c);
        }
}

static void test_faults(void **state) {
        static const char *const faults[] = {"host", "frobnicate=1", "host='a",
                                             "host=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
                CLEANUP(freep) char *problem = NULL;
                struct pg_conninfo c;

                assert_int_equal(pg_conninfo_parse(faults[i], &c, &problem), -EINVAL);
                assert_non_null(problem);
                pg_conninfo_clear(&c);
        }
}

static void test_no_host_is_left(void **state) {
        struct pg_parameters p;
        struct pg_conninfo c;

        (void) state;
        parse(&c, "host=a,b");
        assert_int_equal(pg_conninfo_parameters(&c, NULL, NULL, 0, &p), -EINVAL);
        pg_parameters_clear(&p);
        pg_conninfo_clear(&c);
}

static void test_password_and_name(void **state) {
        CLEANUP(freep) char *name = NULL;
        struct pg_parameters p;
        struct pg_conninfo c;

        (void) state;
        parse(&c, "host=db.example port=6432 dbname=watch user=kw hostaddr=192.0.2.1");
        assert_int_equal(pg_conninfo_parameters(&c, "s3cret", NULL, 0, &p), 0);
        assert_string_equal(value(&p, "password"), "s3cret");
        assert_string_equal(value(&p, "user"), "kw");
        assert_string_equal(value(&p, "dbname"), "watch");
        assert_string_equal(value(&p, "application_name"), "koowatchd");
        assert_string_equal(value(&p, "client_encoding"), "UTF8");
        assert_string_equal(value(&p, "target_session_attrs"), "read-write");
        name = pg_conninfo_describe(&c);
        assert_string_equal(name, "postgresql://db.example:6432/watch");
        pg_parameters_clear(&p);
        pg_conninfo_clear(&c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_leaves_the_machine_is_verified),
                cmocka_unit_test(test_a_host_stands_once_for_each_address),
                cmocka_unit_test(test_which_hosts_need_resolving),
                cmocka_unit_test(test_faults),
                cmocka_unit_test(test_no_host_is_left),
                cmocka_unit_test(test_password_and_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
