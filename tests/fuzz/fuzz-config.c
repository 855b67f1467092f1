/* koowatch.conf: what is taken is within its bounds; a refusal says why, without a value. */
#include <errno.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/url.h"
#include "fuzz/faults.h"

#define SEPARATOR "\n%%\n" /* between koowatch.conf and a drop-in */

static char path[64], folder[64], drop_in[80];

static void remove_files(void) {
        (void) unlink(drop_in);
        (void) rmdir(folder);
        (void) unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        (void) argc;
        (void) argv;
        (void) unsetenv("STATE_DIRECTORY");
        (void) snprintf(path, sizeof(path), "%s/koowatch-fuzz-%d",
                        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int) getpid());
        (void) snprintf(folder, sizeof(folder), "%s.d", path);
        (void) snprintf(drop_in, sizeof(drop_in), "%s/a.conf", folder);
        REQUIRE(mkdir(folder, 0700) == 0);
        return atexit(remove_files);
}

static void write_file(const char *name, const void *data, size_t size) {
        CLEANUP(fclosep) FILE *f = fopen(name, "we");

        REQUIRE(f && fwrite(data, 1, size, f) == size);
}

static void on_fault(void *userdata, bool is_error, const char *from, unsigned line,
                     const char *text) {
        REQUIRE(from);
        faults_take(userdata, is_error, line, text);
}

static int read_text(const void *text, size_t size, struct faults *faults, struct config **ret) {
        const char *end = memmem(text, size, SEPARATOR, strlen(SEPARATOR));
        const char *rest = end ? end + strlen(SEPARATOR) : NULL;

        write_file(path, text, end ? (size_t) (end + 1 - (const char *) text) : size);
        if (rest)
                write_file(drop_in, rest, size - (size_t) (rest - (const char *) text));
        else
                (void) unlink(drop_in);
        return config_read(path, true, &account_keys, on_fault, faults, ret);
}

/* Each element of a list of directories. */
static void check_directories(const char *list) {
        for (const char *at = list; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL)
                REQUIRE(*at == '/');
}

static void check_account(const struct account_config *a) {
        struct account_config copy = {};

        REQUIRE(name_is_valid(a->name, 1, 64, "._-", true));
        REQUIRE(a->endpoint && *a->endpoint && !str_ends_with(a->endpoint, "/"));
        REQUIRE(url_check(a->endpoint, a->allow_plain_http) == 0);
        REQUIRE(a->rate_limit.count >= 1 && a->rate_limit.period > 0);
        REQUIRE(a->max_in_flight >= 1 && a->max_in_flight <= 256);
        REQUIRE(a->auth == AUTH_TOKEN || a->auth == AUTH_APP);
        REQUIRE((a->auth == AUTH_APP) == (a->app_id != NULL));
        REQUIRE(a->signed_headers && *a->signed_headers);
        REQUIRE(!a->user_id || str_is_printable(a->user_id));
        REQUIRE(!a->agent_name || str_is_printable(a->agent_name));
        REQUIRE(account_config_copy(a, &copy) == 0);
        REQUIRE(account_config_is_same(a, &copy));
        account_config_clear(&copy);
}

static void check_config(const struct config *c) {
        REQUIRE(c->interval_min > 0 && c->interval_min <= c->interval_max);
        REQUIRE(c->interval_max <= USEC_INTERVAL_MAX);
        REQUIRE(c->timeout > 0 && c->stall_timeout > 0 && c->history >= 0 && c->hook_timeout > 0);
        REQUIRE(c->max_parallel >= 1 && c->max_parallel <= 64);
        REQUIRE(c->attempts >= 1 && c->attempts <= 10000);
        REQUIRE(*c->state_directory == '/');
        REQUIRE(streq(c->runner, "auto") || streq(c->runner, "spawn") || *c->runner == '/');
        check_directories(c->task_directories);
        check_directories(c->hook_directories);
        REQUIRE(config_account(c, ACCOUNT_DEFAULT));
        for (size_t i = 0; i < c->n_accounts; i++) {
                REQUIRE(config_account(c, c->accounts[i].name) == &c->accounts[i]);
                check_account(&c->accounts[i]);
        }
}

/* The text once more with other ends of lines, which is the same configuration. */
static void check_crlf(const uint8_t *data, size_t size, const struct config *c) {
        char *text = calloc(2, size + 1), *out = text;
        struct config *again = NULL;
        struct faults faults = {};

        REQUIRE(text);
        for (size_t i = 0; i < size; i++) {
                if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
                        *out++ = '\r';
                *out++ = (char) data[i];
        }
        REQUIRE(read_text(text, (size_t) (out - text), &faults, &again) == 0);
        REQUIRE(c->n_accounts == again->n_accounts && c->timeout == again->timeout);
        REQUIRE(streq(c->task_directories, again->task_directories));
        for (size_t i = 0; i < c->n_accounts; i++)
                REQUIRE(account_config_is_same(&c->accounts[i], &again->accounts[i]));
        config_free(again);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct faults faults = {.data = data, .size = size};
        struct config *config = NULL;
        int r = read_text(data, size, &faults, &config);

        REQUIRE(r == 0 || (r == -EBADMSG && faults.errors > 0));
        if (r < 0)
                return 0;
        REQUIRE(faults.errors == 0);
        check_config(config);
        if (!memmem(data, size, "%%", 2))
                check_crlf(data, size, config);
        config_free(config);
        return 0;
}
