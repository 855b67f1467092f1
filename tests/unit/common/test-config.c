/*
 * The configuration, read from files in a directory of its own. Faults are traced as
 * "error FILE:LINE: text" with FILE relative to it; expectations name their beginning.
 */
#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/url.h"
#include "unit/support.h"

struct fixture {
        char directory[DIRECTORY_MAX];
        char main[96];
        char *faults; /* of the last reading */
        struct config *config;
};

static const char *host = "node.example"; /* NULL: it cannot be had */

/* Instead of libc's. */
int gethostname(char *name, size_t length) {
        if (!host)
                errno = ENAMETOOLONG;
        return host ? (void) snprintf(name, length, "%s", host), 0 : -1;
}

struct trace {
        const struct fixture *fixture;
        FILE *out;
};

/* Calls fn a row of both tables. */
static void each_key(void (*fn)(void *, const char *, const char *, const char *), void *userdata) {
        for (size_t i = 0; i < config_n_keys; i++)
                fn(userdata, config_keys[i].section, config_keys[i].name,
                   config_keys[i].default_text);
        for (size_t i = 0; i < account_keys.n_rows; i++)
                fn(userdata, account_keys.rows[i].section, account_keys.rows[i].name,
                   account_keys.rows[i].default_text);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        (void) unsetenv("STATE_DIRECTORY");
        directory_make(f->directory);
        (void) snprintf(f->main, sizeof(f->main), "%s/k.conf", f->directory);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        static const char *const names[] = {
                "k.conf.d/10-a.conf", "k.conf.d/20-b.conf", "k.conf.d/9-c.conf", "k.conf.d/.d.conf",
                "k.conf.d/e.conf~",   "k.conf.d/f.conf",    "k.conf.d",          "k.conf",
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                CLEANUP(freep) char *path = str_printf("%s/%s", f->directory, names[i]);

                (void) remove(path);
        }
        assert_int_equal(rmdir(f->directory), 0);
        (void) unsetenv("STATE_DIRECTORY");
        f->config = config_free(f->config);
        free(f->faults);
        free(f);
        return 0;
}

static void put(const struct fixture *f, const char *name, const char *text) {
        CLEANUP(freep) char *path = str_printf("%s/%s", f->directory, name);
        CLEANUP(freep) char *directory = strdup(path);

        *strrchr(directory, '/') = '\0';
        assert_int_equal(make_directories(directory, 0700), 0);
        assert_int_equal(replace_file(path, text, strlen(text), 0600), 0);
}

static void on_fault(void *userdata, bool is_error, const char *file, unsigned line,
                     const char *text) {
        struct trace *trace = userdata;
        const char *relative = str_after(file, trace->fixture->directory);

        (void) fprintf(trace->out, "%s %s:%u: %s\n", is_error ? "error" : "warning",
                       relative ? relative + 1 : file, line, text);
}

static int read_required(struct fixture *f, bool required) {
        struct trace trace = {.fixture = f};
        size_t size;
        int r;

        free(f->faults);
        f->faults = NULL;
        f->config = config_free(f->config);
        trace.out = open_memstream(&f->faults, &size);
        assert_non_null(trace.out);
        r = config_read(f->main, required, &account_keys, on_fault, &trace, &f->config);
        assert_int_equal(fclose(trace.out), 0);
        return r;
}

/* Reads the files as they are; there must be no fault. */
static const struct config *read_clean(struct fixture *f) {
        int r = read_required(f, true);

        assert_string_equal(f->faults, "");
        assert_int_equal(r, 0);
        return f->config;
}

/* The faults must be one line that starts like this. */
static void expect_one_fault(const struct fixture *f, const char *start) {
        if (!str_after(f->faults, start) || strchr(f->faults, '\n') != strrchr(f->faults, '\n'))
                fail_msg("expected one fault \"%s...\", got:\n%s", start, f->faults);
}

static void expect_error(struct fixture *f, const char *text, const char *start) {
        put(f, "k.conf", text);
        assert_int_equal(read_required(f, true), -EBADMSG);
        assert_null(f->config);
        expect_one_fault(f, start);
}

static void expect_warning(struct fixture *f, const char *text, const char *start) {
        put(f, "k.conf", text);
        assert_int_equal(read_required(f, true), 0);
        expect_one_fault(f, start);
}

static void check_defaults(const struct config *c) {
        const struct account_config *a = config_account(c, "default");

        assert_string_equal(c->task_directories, "/etc/koowatch/tasks.d:/run/koowatch/tasks.d:"
                                                 "/var/lib/koowatch/tasks.d");
        assert_string_equal(c->state_directory, "/var/lib/koowatch");
        assert_int_equal(c->log_level, LEVEL_INFO);
        assert_int_equal(c->log_target, LOG_TARGET_AUTO);
        assert_int_equal(c->download_url, DOWNLOAD_URL_FULL);
        assert_null(c->metrics_file);
        assert_int_equal(c->metrics_format, METRICS_PROMETHEUS);
        assert_true(c->history == 90 * USEC_DAY);
        assert_true(c->interval_min == 2 * USEC_SEC);
        assert_true(c->interval_max == 2 * USEC_MINUTE);
        assert_true(c->timeout == 7 * USEC_DAY);
        assert_true(c->stall_timeout == 30 * USEC_MINUTE);
        assert_string_equal(c->hook_directories,
                            "/etc/koowatch/hooks:/run/koowatch/hooks:/usr/lib/koowatch/hooks");
        assert_string_equal(c->runner, "auto");
        assert_true(c->hook_timeout == 10 * USEC_MINUTE);
        assert_int_equal(c->max_parallel, 4);
        assert_int_equal(c->attempts, 40);
        assert_int_equal(c->store_backend, BACKEND_SQLITE);
        assert_string_equal(c->store_connection, "dbname=koowatch");
        assert_string_equal(c->store_fleet, "koowatch");
        assert_string_equal(c->store_node, host);
        assert_null(c->labels);

        assert_int_equal(c->n_accounts, 1);
        assert_non_null(a);
        assert_string_equal(a->name, "default");
        assert_string_equal(a->endpoint, "https://intl.myhuaweicloud-koodrive.com");
        assert_null(a->user_id);
        assert_null(a->agent_name);
        assert_null(a->token_file);
        assert_null(a->ca_file);
        assert_null(a->proxy);
        assert_int_equal(a->token_scheme, TOKEN_SCHEME_VERBATIM);
        assert_int_equal(a->auth, AUTH_TOKEN);
        assert_int_equal(a->refresh, REFRESH_NONE);
        assert_null(a->refresh_token_file);
        assert_null(a->app_id);
        assert_null(a->app_secret_file);
        assert_string_equal(a->signed_headers, "x-date;x-user-id");
        assert_int_equal(a->string_to_sign, STRING_TO_SIGN_FORMULA);
        assert_int_equal(a->rate_limit.count, 10);
        assert_true(a->rate_limit.period == USEC_SEC);
        assert_int_equal(a->max_in_flight, 8);
        assert_false(a->allow_plain_http);
        assert_non_null(a->file);
}

static void test_defaults(void **state) {
        struct fixture *f = *state;

        put(f, "k.conf", "# nothing\n[Account]\n");
        check_defaults(read_clean(f));
        assert_int_equal(f->config->n_sources, 1);
        assert_string_equal(f->config->sources[0], f->main);
        assert_null(f->config->sources[1]);
}

static void test_missing_file(void **state) {
        struct fixture *f = *state;

        assert_int_equal(read_required(f, false), 0);
        assert_string_equal(f->faults, "");
        check_defaults(f->config);
        assert_int_equal(f->config->n_sources, 0);
        assert_null(f->config->sources[0]);
        assert_int_equal(config_account(f->config, "default")->line, 0);

        assert_int_equal(read_required(f, true), -EBADMSG);
        expect_one_fault(f, "error k.conf:0: cannot read the file: No such file");
}

static const char everything[] = "[Daemon]\n"
                                 "TaskDirectories=STATE:/srv/t//:STATE/x/:/\n"
                                 "StateDirectory=/srv/state/\n"
                                 "LogLevel=debug\n"
                                 "LogTarget=console\n"
                                 "DownloadUrl=redacted\n"
                                 "MetricsFile=/run/k.prom\n"
                                 "MetricsFormat=openmetrics\n"
                                 "History=infinity\n"
                                 "[Poll]\n"
                                 "IntervalMin=500ms\n"
                                 "IntervalMax=15min\n"
                                 "Timeout=infinity\n"
                                 "StallTimeout=1h 30min\n"
                                 "[Hooks]\n"
                                 "Directories=/a/:/b\n"
                                 "Runner=/run/r.socket\n"
                                 "Timeout=infinity\n"
                                 "MaxParallel=64\n"
                                 "Attempts=10000\n"
                                 "Labels= gpu  disk_1\n"
                                 "[Store]\n"
                                 "Backend=postgresql\n"
                                 "Connection=host=db port = 5433 dbname='my db'\n"
                                 "Fleet=blue_1\n"
                                 "Node=node-1.example\n"
                                 "[Account photo.team-1]\n"
                                 "Endpoint=http://koodrive.test:8080/prefix/\n"
                                 "AllowPlainHttp=yes\n"
                                 "UserId=u 1\n"
                                 "AgentName=agent\n"
                                 "TokenFile=/etc/t\n"
                                 "TokenScheme=Bearer\n"
                                 "Auth=app\n"
                                 "Refresh=none\n"
                                 "RefreshTokenFile=/etc/r\n"
                                 "AppId=!app-1~\n"
                                 "AppSecretFile=/etc/s//\n"
                                 "SignedHeaders=host;x-user-id;X-Date\n"
                                 "StringToSign=with-date\n"
                                 "RateLimit=100/min\n"
                                 "MaxInFlight=256\n"
                                 "CAFile=/etc/ca.pem\n"
                                 "Proxy=socks5h://user:pass@proxy:1080\n";

static void check_everything(const struct config *c) {
        assert_string_equal(c->task_directories, "/srv/state:/srv/t:/srv/state/x:/");
        assert_string_equal(c->state_directory, "/srv/state");
        assert_int_equal(c->log_level, LEVEL_DEBUG);
        assert_int_equal(c->log_target, LOG_TARGET_CONSOLE);
        assert_int_equal(c->download_url, DOWNLOAD_URL_REDACTED);
        assert_string_equal(c->metrics_file, "/run/k.prom");
        assert_int_equal(c->metrics_format, METRICS_OPENMETRICS);
        assert_true(c->history == USEC_INFINITY);
        assert_true(c->interval_min == 500 * USEC_MSEC);
        assert_true(c->interval_max == 15 * USEC_MINUTE);
        assert_true(c->timeout == USEC_INFINITY);
        assert_true(c->stall_timeout == 90 * USEC_MINUTE);
        assert_string_equal(c->hook_directories, "/a:/b");
        assert_string_equal(c->runner, "/run/r.socket");
        assert_true(c->hook_timeout == USEC_INFINITY);
        assert_int_equal(c->max_parallel, 64);
        assert_int_equal(c->attempts, 10000);
        assert_int_equal(c->store_backend, BACKEND_POSTGRESQL);
        assert_string_equal(c->store_connection, "host=db port = 5433 dbname='my db'");
        assert_string_equal(c->store_fleet, "blue_1");
        assert_string_equal(c->store_node, "node-1.example");
        assert_string_equal(c->labels, "gpu disk_1");
}

/* A node has a name only where there are others. */
static void test_a_host_without_a_name(void **state) {
        static const char *const hosts[] = {"", "a b", NULL};
        struct fixture *f = *state;
        const char *before = host;

        for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
                host = hosts[i];
                put(f, "k.conf", "\n");
                assert_null(read_clean(f)->store_node);
                put(f, "k.conf", "[Store]\nBackend=postgresql\n");
                assert_int_equal(read_required(f, true), -EBADMSG);
                expect_one_fault(f,
                                 "error k.conf:2: the host name cannot name this node, set Node=");
                put(f, "k.conf", "[Store]\nBackend=postgresql\nNode=a\n");
                assert_string_equal(read_clean(f)->store_node, "a");
        }
        host = before;
}

static void test_every_key(void **state) {
        struct fixture *f = *state;
        const struct account_config *a;

        put(f, "k.conf", everything);
        check_everything(read_clean(f));

        a = config_account(f->config, "photo.team-1");
        assert_non_null(a);
        assert_string_equal(a->endpoint, "http://koodrive.test:8080/prefix");
        assert_true(a->allow_plain_http);
        assert_string_equal(a->user_id, "u 1");
        assert_string_equal(a->agent_name, "agent");
        assert_string_equal(a->token_file, "/etc/t");
        assert_int_equal(a->token_scheme, TOKEN_SCHEME_BEARER);
        assert_int_equal(a->auth, AUTH_APP);
        assert_string_equal(a->refresh_token_file, "/etc/r");
        assert_string_equal(a->app_id, "!app-1~");
        assert_string_equal(a->app_secret_file, "/etc/s");
        assert_string_equal(a->signed_headers, "host;x-date;x-user-id");
        assert_int_equal(a->string_to_sign, STRING_TO_SIGN_WITH_DATE);
        assert_int_equal(a->rate_limit.count, 100);
        assert_true(a->rate_limit.period == USEC_MINUTE);
        assert_int_equal(a->max_in_flight, 256);
        assert_string_equal(a->ca_file, "/etc/ca.pem");
        assert_string_equal(a->proxy, "socks5h://user:pass@proxy:1080");
        assert_string_equal(a->file, f->main);
        assert_int_equal(a->line, 27);
        assert_int_equal(f->config->n_accounts, 2);
        assert_null(config_account(f->config, "other"));
}

/* "Key=" for each key of the table. */
static void reset_key(void *userdata, const char *section, const char *key,
                      const char *default_text) {
        FILE *out = userdata;

        (void) default_text;
        (void) fprintf(out, "[%s%s]\n%s=\n", section, streq(section, "Account") ? " default" : "",
                       key);
}

static void test_reset_by_empty_value(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *reset = NULL, *first = NULL;
        size_t size;
        FILE *out;

        /* The same settings, but for the default account. */
        first = strdup(everything);
        memcpy(strstr(first, "photo.team-1"), "default]\n;  ", 12);
        put(f, "k.conf", first);
        check_everything(read_clean(f));
        assert_int_equal(f->config->n_accounts, 1);
        assert_string_equal(config_account(f->config, "default")->token_file, "/etc/t");

        out = open_memstream(&reset, &size);
        assert_non_null(out);
        each_key(reset_key, out);
        assert_int_equal(fclose(out), 0);
        put(f, "k.conf.d/10-a.conf", reset);
        check_defaults(read_clean(f));
}

/* The table's defaults, written out, are valid and give the defaults. */
static void write_default(void *userdata, const char *section, const char *key,
                          const char *default_text) {
        (void) fprintf(userdata, "[%s]\n%s=%s\n", section, key, default_text);
}

static void test_defaults_written_out(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *text = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        assert_non_null(out);
        each_key(write_default, out);
        assert_int_equal(fclose(out), 0);
        put(f, "k.conf", text);
        check_defaults(read_clean(f));
}

/* As the hook runner reads it: a fault of an account is the daemon's to report. */
static void test_without_accounts(void **state) {
        struct fixture *f = *state;
        struct trace trace = {.fixture = f};
        size_t size;

        put(f, "k.conf",
            "[Account]\nEndpoint=ftp://x\nNone=1\n[Account a b]\n[Hooks]\nAttempts=3\n"
            "[Account x]\nAuth=app\n");
        trace.out = open_memstream(&f->faults, &size);
        assert_non_null(trace.out);
        assert_int_equal(config_read(f->main, true, NULL, on_fault, &trace, &f->config), 0);
        assert_int_equal(fclose(trace.out), 0);
        assert_string_equal(f->faults, "");
        assert_int_equal(f->config->attempts, 3);
        assert_int_equal(f->config->n_accounts, 0);
        assert_null(config_account(f->config, "default"));
}

static void test_drop_ins(void **state) {
        struct fixture *f = *state;
        const struct config *c;

        put(f, "k.conf", "[Poll]\nIntervalMin=1\nIntervalMax=1min\nTimeout=1d\nTimeout=2d\n");
        put(f, "k.conf.d/9-c.conf", "[Poll]\nIntervalMin=9\n");
        put(f, "k.conf.d/10-a.conf", "[Poll]\nIntervalMin=10\nStallTimeout=10\n");
        put(f, "k.conf.d/20-b.conf", "[Poll]\nIntervalMin=20\nStallTimeout=20\n");
        put(f, "k.conf.d/.d.conf", "[Poll]\nIntervalMin=30\n");
        put(f, "k.conf.d/e.conf~", "[Poll]\nIntervalMin=40\n");

        c = read_clean(f);
        assert_true(c->interval_min == 9 * USEC_SEC); /* byte order: 9 comes after 20 */
        assert_true(c->stall_timeout == 20 * USEC_SEC);
        assert_true(c->interval_max == USEC_MINUTE);
        assert_true(c->timeout == 2 * USEC_DAY);
        assert_int_equal(c->n_sources, 4);
        assert_true(str_ends_with(c->sources[0], "/k.conf"));
        assert_true(str_ends_with(c->sources[1], "/10-a.conf"));
        assert_true(str_ends_with(c->sources[2], "/20-b.conf"));
        assert_true(str_ends_with(c->sources[3], "/9-c.conf"));
        assert_null(c->sources[4]);
}

static void assert_origin(const struct config *c, const char *key, const char *file,
                          unsigned line) {
        struct config_origin origin = config_origin(c, "Poll", key);

        assert_true(origin.file && str_ends_with(origin.file, file));
        assert_int_equal(origin.line, line);
}

static void test_origins(void **state) {
        struct fixture *f = *state;
        const struct config *c;

        put(f, "k.conf", "[Poll]\nIntervalMin=1\nIntervalMax=1min\nTimeout=1d\nTimeout=2d\n");
        put(f, "k.conf.d/10-a.conf", "[Hooks]\nTimeout=3\n[Poll]\n\nIntervalMin=10\n");
        put(f, "k.conf.d/20-b.conf", "[Poll]\nIntervalMax=\n");
        c = read_clean(f);
        assert_origin(c, "IntervalMin", "/10-a.conf", 5);
        assert_origin(c, "Timeout", "/k.conf", 5);
        assert_null(config_origin(c, "Poll", "IntervalMax").file); /* the default again */
        assert_null(config_origin(c, "Poll", "StallTimeout").file);
        assert_null(config_origin(c, "Poll", "None").file);
}

static void test_drop_ins_without_main(void **state) {
        struct fixture *f = *state;

        put(f, "k.conf.d/10-a.conf", "[Hooks]\nAttempts=3\n");
        assert_int_equal(read_required(f, false), 0);
        assert_int_equal(f->config->attempts, 3);
}

static void test_accounts_merge(void **state) {
        struct fixture *f = *state;
        const struct account_config *a, *d;

        put(f, "k.conf",
            "[Account a]\nUserId=one\nAgentName=agent\n"
            "[Account]\nUserId=d\n"
            "[Account   a]\nMaxInFlight=3\n");
        put(f, "k.conf.d/10-a.conf",
            "[Account b]\n[Account default]\nMaxInFlight=4\n[Account a]\nUserId=two\n");

        assert_int_equal(read_clean(f)->n_accounts, 3);
        a = config_account(f->config, "a");
        assert_string_equal(a->user_id, "two");
        assert_string_equal(a->agent_name, "agent");
        assert_int_equal(a->max_in_flight, 3);
        assert_true(str_ends_with(a->file, "/k.conf"));
        assert_int_equal(a->line, 1);

        d = config_account(f->config, "default");
        assert_string_equal(d->user_id, "d");
        assert_int_equal(d->max_in_flight, 4);
        assert_int_equal(d->line, 4);

        assert_string_equal(config_account(f->config, "b")->endpoint,
                            "https://intl.myhuaweicloud-koodrive.com");
        assert_true(str_ends_with(config_account(f->config, "b")->file, "/10-a.conf"));
}

static void test_unknown(void **state) {
        struct fixture *f = *state;

        expect_warning(f, "[Poll]\n\nInterval=1\n",
                       "warning k.conf:3: unknown key Interval in [Poll]");
        expect_warning(f, "[Poll]\nintervalmin=1\n", "warning k.conf:2: unknown key intervalmin");
        expect_warning(f, "[Daemon]\nTimeout=1\n",
                       "warning k.conf:2: unknown key Timeout in [Daemon]");
        expect_warning(f, "[Nope]\na=1\nb=2\n", "warning k.conf:1: unknown section [Nope]");
        expect_warning(f, "[Accounts]\na=1\n", "warning k.conf:1: unknown section [Accounts]");
        expect_warning(f, "[poll]\n", "warning k.conf:1: unknown section [poll]");
        expect_warning(f, "LogLevel=debug\n",
                       "warning k.conf:1: key LogLevel before the first section");
        assert_int_equal(f->config->log_level, LEVEL_INFO);
        expect_warning(f, "[Poll]\ns3cr\xC3\xA9t+/==\n",
                       "warning k.conf:2: unknown key (not a name)");
}

/* A section of one file does not reach into the next. */
static void test_section_ends_with_file(void **state) {
        struct fixture *f = *state;

        put(f, "k.conf", "[Daemon]\n");
        put(f, "k.conf.d/10-a.conf", "LogLevel=debug\n");
        assert_int_equal(read_required(f, true), 0);
        expect_one_fault(f, "warning k.conf.d/10-a.conf:1: key LogLevel before");
        assert_int_equal(f->config->log_level, LEVEL_INFO);
}

static void test_bad_values(void **state) {
        static const char *const cases[] = {
                "[Daemon]\nTaskDirectories=tasks.d",
                "[Daemon]\nTaskDirectories=/a:",
                "[Daemon]\nTaskDirectories=/a::/b",
                "[Daemon]\nTaskDirectories=STATES/x",
                "[Daemon]\nTaskDirectories=STATE/\x01",
                "[Daemon]\nStateDirectory=state",
                "[Daemon]\nStateDirectory=/a:/b",
                "[Daemon]\nStateDirectory=/a\x7F",
                "[Daemon]\nLogLevel=loud",
                "[Daemon]\nLogLevel=INFO",
                "[Daemon]\nLogTarget=syslog",
                "[Daemon]\nDownloadUrl=none",
                "[Daemon]\nMetricsFile=metrics",
                "[Daemon]\nMetricsFormat=text",
                "[Daemon]\nHistory=-1",
                "[Daemon]\nHistory=soon",
                "[Poll]\nIntervalMin=0",
                "[Poll]\nIntervalMin=infinity",
                "[Poll]\nIntervalMax=infinity",
                "[Poll]\nIntervalMax=1d 1us",
                "[Poll]\nIntervalMax=200000y",
                "[Account]\nProxy=http://svc:pa#55wd@127.0.0.1:3128",
                "[Account]\nProxy=http://svc:12#55wd@127.0.0.1:3128",
                "[Account]\nProxy=http://svc:12?55wd@127.0.0.1:3128",
                "[Account]\nProxy=http://svc:12/55wd@127.0.0.1:3128",
                "[Poll]\nTimeout=0",
                "[Poll]\nTimeout=99999999999999999999",
                "[Poll]\nStallTimeout=0s",
                "[Hooks]\nDirectories=STATE/hooks",
                "[Hooks]\nRunner=maybe",
                "[Hooks]\nTimeout=0",
                "[Hooks]\nMaxParallel=0",
                "[Hooks]\nMaxParallel=65",
                "[Hooks]\nMaxParallel=4 ;",
                "[Store]\nBackend=mysql",
                "[Store]\nConnection=host=db password=s3cret",
                "[Store]\nConnection=passfile=/x",
                "[Store]\nConnection=postgresql://db/koowatch",
                "[Store]\nFleet=Blue",
                "[Store]\nFleet=1st",
                "[Store]\nFleet=a-b",
                "[Store]\nFleet=pg_x",
                "[Store]\nNode=a b",
                "[Store]\nNode=.a",
                "[Store]\nNode=0123456789012345678901234567890123456789012345678901234567890123x",
                "[Hooks]\nLabels=a,b",
                "[Hooks]\nAttempts=0",
                "[Hooks]\nAttempts=10001",
                "[Hooks]\nAttempts=4294967297",
                "[Account]\nEndpoint=intl.example.com",
                "[Account]\nEndpoint=ftp://example.com",
                "[Account]\nEndpoint=file:///etc/passwd",
                "[Account]\nEndpoint=https://",
                "[Account]\nEndpoint=https://user@example.com",
                "[Account]\nEndpoint=https://u:s3cret@example.com",
                "[Account]\nEndpoint=https://example.com/?a=b",
                "[Account]\nEndpoint=https://example.com?",
                "[Account]\nEndpoint=https://example.com/#x",
                "[Account]\nEndpoint=https://example.com/a b",
                "[Account]\nEndpoint=https://example.com:99999",
                "[Account]\nEndpoint=https://ex\xC3\xA4mple.com",
                "[Account]\nAllowPlainHttp=maybe",
                "[Account]\nUserId=\xC3\xA4",
                "[Account]\nUserId=a\tb",
                "[Account]\nTokenFile=token",
                "[Account]\nTokenScheme=bearer",
                "[Account]\nAuth=App",
                "[Account]\nAuth=hmac",
                "[Account]\nRefresh=yes",
                "[Account]\nRefresh=Session",
                "[Account]\nRefreshTokenFile=s3cret",
                "[Account]\nAppId=s3cret app",
                "[Account]\nAppId=s3cret,app",
                "[Account]\nAppId=s3cret;app",
                "[Account]\nAppId=s3cret=app",
                "[Account]\nAppId=s3cret\tapp",
                "[Account]\nAppId=s3cret\x7F",
                "[Account]\nAppId=s3cret\xC3\xA4",
                "[Account]\nAppSecretFile=s3cret",
                "[Account]\nAppSecretFile=/s3cret\x01",
                "[Account]\nSignedHeaders=s3cret",
                "[Account]\nSignedHeaders=authorization",
                "[Account]\nSignedHeaders=x-date;",
                "[Account]\nSignedHeaders=;x-date",
                "[Account]\nSignedHeaders=x-date;;x-user-id",
                "[Account]\nSignedHeaders=x-date,x-user-id",
                "[Account]\nSignedHeaders=x-date; x-user-id",
                "[Account]\nSignedHeaders=x-dat",
                "[Account]\nSignedHeaders=x-dates",
                "[Account]\nStringToSign=date",
                "[Account]\nStringToSign=Formula",
                "[Account]\nRateLimit=0/s",
                "[Account]\nRateLimit=10001",
                "[Account]\nRateLimit=10/",
                "[Account]\nRateLimit=/s",
                "[Account]\nRateLimit=10/day",
                "[Account]\nRateLimit=10/s/s",
                "[Account]\nRateLimit=1.5/s",
                "[Account]\nMaxInFlight=257",
                "[Account]\nCAFile=ca.pem",
                "[Account]\nProxy=proxy:3128",
                "[Account]\nProxy=gopher://u:s3cret@proxy",
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *text = str_printf("%s\n", cases[i]);
                CLEANUP(freep) char *section = strdup(cases[i]);
                CLEANUP(freep) char *start = NULL;
                char *key = strchr(section, '\n');

                *key++ = '\0';
                *strchr(key, '=') = '\0';
                start = str_printf("error k.conf:2: bad value of %s in %s: expected ", key,
                                   section);
                expect_error(f, text, start);
                assert_null(strstr(f->faults, "s3cret"));
        }
}

static void test_every_fault_is_told(void **state) {
        struct fixture *f = *state;

        put(f, "k.conf",
            "[Daemon]\nLogLevel=loud\nLogTarget=x\nnonsense\n[Hooks]\nAttempts=x\nNo=1\n");
        assert_int_equal(read_required(f, true), -EBADMSG);
        assert_string_equal(
                f->faults,
                "error k.conf:2: bad value of LogLevel in [Daemon]: expected debug, info, notice, "
                "warning or error\n"
                "error k.conf:3: bad value of LogTarget in [Daemon]: expected auto, journal or "
                "console\n"
                "error k.conf:4: expected Key=Value, [Section] or a comment\n"
                "error k.conf:6: bad value of Attempts in [Hooks]: expected a whole number from 1 "
                "to 10000\n"
                "warning k.conf:7: unknown key No in [Hooks], ignored\n");
}

static void test_account_names(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *longest = NULL, *too_long = NULL;
        char name[66] = {0};

        memset(name, 'n', 65);
        longest = str_printf("[Account %s]\n", name + 1);
        too_long = str_printf("[Account %s]\nUserId=x\n", name);

        put(f, "k.conf", longest);
        assert_non_null(config_account(read_clean(f), name + 1));
        expect_error(f, too_long, "error k.conf:1: [Account NAME]: expected");
        expect_error(f, "\n[Account .x]\nNope=1\n", "error k.conf:2: [Account NAME]: expected");
        expect_error(f, "[Account a b]\n", "error k.conf:1: [Account NAME]: expected");
        expect_error(f, "[Account a/b]\n", "error k.conf:1: [Account NAME]: expected");
}

static void test_intervals(void **state) {
        struct fixture *f = *state;

        expect_error(
                f, "[Poll]\nIntervalMin=3min\n",
                "error k.conf:2: IntervalMin (3min) in [Poll] is longer than IntervalMax (2min)");
        expect_error(f, "[Poll]\nIntervalMax=1\n",
                     "error k.conf:2: IntervalMin (2s) in [Poll] is longer than IntervalMax (1s)");
        expect_warning(
                f, "[Poll]\nIntervalMin=1\nIntervalMax=15min 1s\n",
                "warning k.conf:3: IntervalMax (15min 1s) in [Poll] is longer than 15min: KooDrive "
                "drops a token after 20 idle minutes, so one task of each account is still polled "
                "every 14min\n");

        put(f, "k.conf", "[Poll]\nIntervalMin=3min\n");
        put(f, "k.conf.d/10-a.conf", "[Poll]\nIntervalMax=3min\n");
        (void) read_clean(f);
}

static void test_plain_http(void **state) {
        struct fixture *f = *state;

        expect_error(f, "\n[Account x]\nEndpoint=http://example.com\n",
                     "error k.conf:2: Endpoint of account x: expected https://");
        assert_non_null(strstr(f->faults, "AllowPlainHttp=yes"));

        put(f, "k.conf.d/10-a.conf", "[Account x]\nAllowPlainHttp=true\n");
        (void) read_clean(f);

        put(f, "k.conf", "[Account]\nEndpoint=http://127.0.0.1:8080\n");
        (void) read_clean(f);
}

static void test_refresh(void **state) {
        static const struct {
                const char *text;
                enum refresh_kind refresh;
        } cases[] = {
                {"Refresh=none", REFRESH_NONE},
                {"Refresh=carrier", REFRESH_CARRIER},
                {"Refresh=session", REFRESH_SESSION},
                {"Refresh=session\nRefresh=", REFRESH_NONE},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *text = str_printf("[Account]\n%s\n", cases[i].text);

                put(f, "k.conf", text);
                assert_int_equal(config_account(read_clean(f), "default")->refresh,
                                 cases[i].refresh);
        }
}

static void test_string_to_sign(void **state) {
        struct fixture *f = *state;

        put(f, "k.conf", "[Account]\nStringToSign=with-date\nStringToSign=formula\n");
        assert_int_equal(config_account(read_clean(f), "default")->string_to_sign,
                         STRING_TO_SIGN_FORMULA);
}

static void test_signed_headers(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"x-date", "x-date;x-user-id"},
                {"x-user-id", "x-date;x-user-id"},
                {"x-user-id;x-date", "x-date;x-user-id"},
                {"host", "host;x-date;x-user-id"},
                {"X-Hw-Agentname;HOST", "host;x-date;x-hw-agentname;x-user-id"},
                {"Host;host;X-Date;HOST", "host;x-date;x-user-id"},
                {"x-user-id;x-traceid;x-hw-agentname;x-date;host;content-type",
                 "content-type;host;x-date;x-hw-agentname;x-traceid;x-user-id"},
                {"", "x-date;x-user-id"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *text = str_printf("[Account]\nSignedHeaders=content-type\nSignedHeaders=%s\n",
                                        cases[i].text);

                put(f, "k.conf", text);
                assert_string_equal(config_account(read_clean(f), "default")->signed_headers,
                                    cases[i].expected);
        }
}

/* What a message may name is the account and its keys, not what the keys hold. */
static void expect_app_error(struct fixture *f, const char *keys, const char *start) {
        CLEANUP(freep) char *text = str_printf("\n[Account x]\nAuth=app\n%s\n", keys);

        expect_error(f, text, start);
        assert_null(strstr(f->faults, "s3cret"));
}

static void test_app_is_complete(void **state) {
        struct fixture *f = *state;
        const struct account_config *a;

        expect_app_error(f, "UserId=s3cret", "error k.conf:2: AppId of account x: required");
        expect_app_error(f, "AppId=s3cret", "error k.conf:2: UserId of account x: required");
        expect_app_error(f, "AppId=s3cret\nUserId=s3cret\nSignedHeaders=x-hw-agentname",
                         "error k.conf:2: AgentName of account x: required");

        put(f, "k.conf", "[Account x]\nAuth=app\n");
        assert_int_equal(read_required(f, true), -EBADMSG);
        assert_non_null(strstr(f->faults, "error k.conf:1: AppId "));
        assert_non_null(strstr(f->faults, "error k.conf:1: UserId "));

        /* The rest may come from another file. */
        put(f, "k.conf.d/10-a.conf",
            "[Account x]\nAppId=a\nUserId=u\nSignedHeaders=x-hw-agentname\nAgentName=c\n");
        a = config_account(read_clean(f), "x");
        assert_int_equal(a->auth, AUTH_APP);
        assert_string_equal(a->app_id, "a");
        assert_null(a->app_secret_file);
        assert_string_equal(a->signed_headers, "x-date;x-hw-agentname;x-user-id");
}

/* Without Auth=app its keys may stand there, incomplete too, and mean nothing. */
static void test_app_keys_without_app(void **state) {
        struct fixture *f = *state;
        const struct account_config *a;

        put(f, "k.conf",
            "[Account]\nAppId=a\nSignedHeaders=x-hw-agentname\n"
            "[Account b]\nAuth=app\nAppId=b\nUserId=u\nAuth=token\n");
        a = config_account(read_clean(f), "default");
        assert_int_equal(a->auth, AUTH_TOKEN);
        assert_null(a->app_id);
        assert_null(a->user_id);
        assert_null(config_account(f->config, "b")->app_id);
}

static void test_app_has_no_refresh(void **state) {
        struct fixture *f = *state;

        expect_warning(f, "\n[Account x]\nAuth=app\nAppId=s3cret\nUserId=u\nRefresh=carrier\n",
                       "warning k.conf:2: Refresh of account x: ignored");
        assert_null(strstr(f->faults, "s3cret"));
        assert_int_equal(config_account(f->config, "x")->refresh, REFRESH_NONE);

        put(f, "k.conf", "[Account]\nAuth=app\nAppId=a\nUserId=u\n[Account b]\nRefresh=session\n");
        assert_int_equal(config_account(read_clean(f), "b")->refresh, REFRESH_SESSION);
}

static void test_rate_limit_units(void **state) {
        static const struct {
                const char *text;
                usec_t period;
        } cases[] = {
                {"7", USEC_SEC},        {"7/s", USEC_SEC},      {"7/sec", USEC_SEC},
                {"7/second", USEC_SEC}, {"7/min", USEC_MINUTE}, {"7/minute", USEC_MINUTE},
                {"7/h", USEC_HOUR},     {"7/hour", USEC_HOUR},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *text = str_printf("[Account]\nRateLimit=%s\n", cases[i].text);

                put(f, "k.conf", text);
                assert_int_equal(config_account(read_clean(f), "default")->rate_limit.count, 7);
                assert_true(config_account(f->config, "default")->rate_limit.period ==
                            cases[i].period);
        }
}

static void test_longest_values(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *fits = NULL, *too_long = NULL, *socket = NULL, *long_socket = NULL;
        CLEANUP(freep) char *app = NULL, *long_app = NULL;
        char value[258];

        memset(value, 'x', sizeof(value) - 1);
        value[257] = '\0';
        fits = str_printf("[Account]\nUserId=%s\n", value + 1);
        too_long = str_printf("[Account]\nUserId=%s\n", value);
        app = str_printf("[Account]\nAuth=app\nUserId=u\nAppId=%s\n", value + 1);
        long_app = str_printf("[Account]\nAppId=%s\n", value);
        socket = str_printf("[Hooks]\nRunner=/%.106s\n", value);
        long_socket = str_printf("[Hooks]\nRunner=/%.107s\n", value);

        put(f, "k.conf", fits);
        assert_int_equal(strlen(config_account(read_clean(f), "default")->user_id), 256);
        expect_error(f, too_long, "error k.conf:2: bad value of UserId");
        put(f, "k.conf", app);
        assert_int_equal(strlen(config_account(read_clean(f), "default")->app_id), 256);
        expect_error(f, long_app, "error k.conf:2: bad value of AppId");
        put(f, "k.conf", socket);
        assert_int_equal(strlen(read_clean(f)->runner), 107);
        expect_error(f, long_socket, "error k.conf:2: bad value of Runner");
}

static void test_state_directory_from_environment(void **state) {
        struct fixture *f = *state;

        put(f, "k.conf", "[Daemon]\nTaskDirectories=STATE/t\n");
        assert_int_equal(setenv("STATE_DIRECTORY", "/srv/one/:/srv/two", 1), 0);
        assert_string_equal(read_clean(f)->state_directory, "/srv/one");
        assert_string_equal(f->config->task_directories, "/srv/one/t");

        put(f, "k.conf", "[Daemon]\nStateDirectory=/srv/three\n");
        assert_string_equal(read_clean(f)->state_directory, "/srv/three");
        put(f, "k.conf", "[Daemon]\nStateDirectory=/srv/three\nStateDirectory=\n");
        assert_string_equal(read_clean(f)->state_directory, "/srv/one");

        assert_int_equal(setenv("STATE_DIRECTORY", "", 1), 0);
        assert_string_equal(read_clean(f)->state_directory, "/var/lib/koowatch");

        assert_int_equal(setenv("STATE_DIRECTORY", "relative", 1), 0);
        expect_error(f, "", "error k.conf:0: STATE_DIRECTORY in the environment");
        assert_int_equal(setenv("STATE_DIRECTORY", ":/srv/two", 1), 0);
        expect_error(f, "", "error k.conf:0: STATE_DIRECTORY in the environment");
}

static void test_unreadable(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/k.conf.d/f.conf", f->directory);
        CLEANUP(freep) char *big = malloc(1024 * 1024 + 2);

        put(f, "k.conf", "");
        assert_int_equal(make_directories(path, 0700), 0);
        assert_int_equal(read_required(f, true), -EBADMSG);
        expect_one_fault(f, "error k.conf.d/f.conf:0: cannot read the file: Is a directory");
        assert_int_equal(rmdir(path), 0);

        assert_non_null(big);
        memset(big, '\n', 1024 * 1024 + 1);
        big[1024 * 1024 + 1] = '\0';
        expect_error(f, big, "error k.conf:0: the file is larger than 1 MiB");
        big[1024 * 1024] = '\0';
        put(f, "k.conf", big);
        (void) read_clean(f);
}

static void test_drop_in_directory_is_a_file(void **state) {
        struct fixture *f = *state;

        put(f, "k.conf", "");
        put(f, "k.conf.d", "");
        assert_int_equal(read_required(f, true), -EBADMSG);
        expect_one_fault(f, "error k.conf.d:0: cannot read the directory: Not a directory");
}

static void test_bad_bytes(void **state) {
        struct fixture *f = *state;

        expect_error(f, "[Poll]\nTimeout=\xFF\n", "error k.conf:2: the line is not UTF-8 text");
        put(f, "k.conf", "\xEF\xBB\xBF[Poll]\r\nTimeout=1\\\r\n# comment\r\n2\r\n");
        assert_true(read_clean(f)->timeout == 3 * USEC_SEC);
}

static void test_url_check(void **state) {
        static const struct {
                const char *url;
                bool allowed, allowed_plain;
        } cases[] = {
                {"https://example.com", true, true},
                {"HTTPS://example.com/x?y=z#f", true, true},
                {"https://[2001:db8::1]:443/", true, true},
                {"http://localhost:8080/x", true, true},
                {"http://LOCALHOST", true, true},
                {"http://127.0.0.1", true, true},
                {"http://127.200.3.4:1", true, true},
                {"http://[::1]:8080/", true, true},
                {"http://[0:0:0:0:0:0:0:1]/", true, true},
                {"http://example.com", false, true},
                {"http://localhost.example.com", false, true},
                {"http://127.0.0.1.example.com", false, true},
                {"http://128.0.0.1", false, true},
                {"http://10.0.0.1", false, true},
                {"http://[::2]/", false, true},
                {"https://user@example.com", false, false},
                {"https://user:password@example.com", false, false},
                {"https://@example.com", false, false},
                {"https://:@example.com", false, false},
                {"http://127.0.0.1@example.com", false, false},
                {"https://exa\nmple.com", false, false},
                {"https://example.com/\x7F", false, false},
                {"https://example.com/\xC2\x85", false, false},
                {" https://example.com", false, false},
                {"example.com", false, false},
                {"//example.com", false, false},
                {"https:/", false, false},
                {"ftp://localhost", false, false},
                {"file:///etc/passwd", false, false},
                {"", false, false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (url_check(cases[i].url, false) != (cases[i].allowed ? 0 : -EINVAL) ||
                    url_check(cases[i].url, true) != (cases[i].allowed_plain ? 0 : -EINVAL))
                        fail_msg("\"%s\"", cases[i].url);
}

/* libcurl's allocations until one fails; 0: none does. */
static unsigned until_short;

static bool is_short(void) {
        return until_short > 0 && --until_short == 0;
}

static void *short_malloc(size_t size) {
        return is_short() ? NULL : malloc(size);
}

static void *short_calloc(size_t count, size_t size) {
        return is_short() ? NULL : calloc(count, size);
}

static void *short_realloc(void *memory, size_t size) {
        return is_short() ? NULL : realloc(memory, size);
}

static char *short_strdup(const char *text) {
        return is_short() ? NULL : strdup(text);
}

/* Whichever allocation fails, it is neither a fault of the file nor another answer. */
static void test_short_memory_in_libcurl(void **state) {
        struct fixture *f = *state;
        int read = 0, loopback, allowed;

        assert_int_equal(curl_global_init_mem(CURL_GLOBAL_DEFAULT, short_malloc, free,
                                              short_realloc, short_strdup, short_calloc),
                         CURLE_OK);
        put(f, "k.conf", "[Account]\nEndpoint=https://example.com/x/\nProxy=http://p:8080\n");
        for (unsigned n = 1; n == 1 || until_short == 0; n++) {
                until_short = n;
                allowed = url_check("http://127.0.0.1:8080/x", false);
                assert_true(allowed == -ENOMEM || (n > 1 && allowed == 0));
                until_short = n;
                loopback = url_is_loopback("http://127.0.0.1:8080/x");
                assert_true(loopback == -ENOMEM || (n > 1 && loopback == 1));
                until_short = n;
                read = read_required(f, true);
                assert_true(read == -ENOMEM || (n > 1 && read == 0));
                assert_string_equal(f->faults, "");
        }
        assert_int_equal(read, 0); /* the last one had all that it wanted */
        until_short = 0;
        (void) read_clean(f);
        curl_global_cleanup();
}

static void test_parse_bool(void **state) {
        static const char *const yes[] = {"yes", "true", "1", "Yes", "TRUE"};
        static const char *const no[] = {"no", "false", "0", "No"};
        static const char *const neither[] = {"", "on", "y", "2", "yes ", "truee"};
        bool value;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
                value = false;
                assert_int_equal(parse_bool(yes[i], &value), 0);
                assert_true(value);
        }
        for (size_t i = 0; i < ARRAY_LEN(no); i++) {
                value = true;
                assert_int_equal(parse_bool(no[i], &value), 0);
                assert_false(value);
        }
        for (size_t i = 0; i < ARRAY_LEN(neither); i++)
                assert_int_equal(parse_bool(neither[i], &value), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void test_url_is_loopback(void **state) {
        static const struct {
                const char *url;
                int expected;
        } cases[] = {
                {"http://localhost", 1},   {"https://LOCALHOST:8080/a", 1},
                {"http://127.0.0.1", 1},   {"http://127.255.255.254/", 1},
                {"http://[::1]:80/a", 1},  {"http://u:p@localhost/", 1},
                {"http://128.0.0.1", 0},   {"http://126.255.255.255", 0},
                {"http://[::2]", 0},       {"http://localhost.example.com", 0},
                {"http://example.com", 0}, {"http://", 0},
                {"localhost", 0},          {"", 0},
                {"http://local host/", 0}, {"http://[::1", 0},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (url_is_loopback(cases[i].url) != cases[i].expected)
                        fail_msg("\"%s\"", cases[i].url);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_defaults),
                TEST(test_missing_file),
                TEST(test_every_key),
                TEST(test_a_host_without_a_name),
                TEST(test_reset_by_empty_value),
                TEST(test_defaults_written_out),
                TEST(test_without_accounts),
                TEST(test_drop_ins),
                TEST(test_origins),
                TEST(test_drop_ins_without_main),
                TEST(test_accounts_merge),
                TEST(test_unknown),
                TEST(test_section_ends_with_file),
                TEST(test_bad_values),
                TEST(test_every_fault_is_told),
                TEST(test_account_names),
                TEST(test_intervals),
                TEST(test_plain_http),
                TEST(test_refresh),
                TEST(test_string_to_sign),
                TEST(test_signed_headers),
                TEST(test_app_is_complete),
                TEST(test_app_keys_without_app),
                TEST(test_app_has_no_refresh),
                TEST(test_rate_limit_units),
                TEST(test_longest_values),
                TEST(test_state_directory_from_environment),
                TEST(test_unreadable),
                TEST(test_drop_in_directory_is_a_file),
                TEST(test_bad_bytes),
                cmocka_unit_test(test_url_check),
                TEST(test_short_memory_in_libcurl),
                cmocka_unit_test(test_parse_bool),
                cmocka_unit_test(test_url_is_loopback),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
