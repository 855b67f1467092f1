/*
 * The configuration
 *
 * keys[] is the one truth: a row a key, with its parser, its place, what would be
 * valid, and its default as text. The default goes through the row's own parser,
 * both at the start and when an empty value resets the key.
 *
 * Checks between keys come after the last file has been read, as only then is it
 * known which values meet, and only when each value is good by itself, so that no
 * complaint is a mere consequence of another.
 */
#include "common/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>

#include "common/account-config.h"
#include "common/config-values.h"
#include "common/ini.h"

#define FILE_SIZE_MAX ((size_t) 1024 * 1024)
#define ACCOUNT_NAME_MAX 64
#define NAME_SHOWN_MAX 64
#define BLANKS " \t"
#define SOURCE_NONE "(built in)"

/* KooDrive ends a session after 20 idle minutes; what is left is for jitter and a repeated poll. */
#define INTERVAL_MAX_SAFE (15 * USEC_MINUTE)

/* One key. A default of "" is none: the field is a string and stays NULL. */
struct key {
        const char *section;
        const char *name;
        const char *default_text;
        int (*parse)(const char *text, void *field);
        size_t offset; /* in struct config, for [Account] in struct account_config */
        const char *expected;
        const char *environment; /* where it is set, its first element replaces the default */
};

#define SECTION_ACCOUNT "Account"
#define EXPECT_SPAN "a time span above 0 such as 90, 1500ms, 2min 30s or infinity"
#define EXPECT_INTERVAL "a time span above 0 and of at most 1d such as 90, 1500ms or 2min 30s"
#define EXPECT_PATH "an absolute path without control characters"
#define EXPECT_HEADER "1 to 256 printable ASCII characters"

#define GLOBAL(field) offsetof(struct config, field)
#define ACCOUNT(field) offsetof(struct account_config, field)

/* clang-format off */
static const struct key keys[] = {
        { .section = "Daemon", .name = "TaskDirectories",
          .default_text = "/etc/koowatch/tasks.d:/run/koowatch/tasks.d:STATE/tasks.d",
          .parse = config_parse_task_directories, .offset = GLOBAL(task_directory_list),
          .expected = "absolute paths or STATE/..., separated by colons" },
        { .section = "Daemon", .name = "StateDirectory",
          .default_text = "/var/lib/koowatch", .environment = "STATE_DIRECTORY",
          .parse = config_parse_state_directory, .offset = GLOBAL(state_directory),
          .expected = "an absolute path without colons or control characters" },
        { .section = "Daemon", .name = "LogLevel", .default_text = "info",
          .parse = config_parse_log_level, .offset = GLOBAL(log_level),
          .expected = "debug, info, notice, warning or error" },
        { .section = "Daemon", .name = "LogTarget", .default_text = "auto",
          .parse = config_parse_log_target, .offset = GLOBAL(log_target),
          .expected = "auto, journal or console" },
        { .section = "Daemon", .name = "DownloadUrl", .default_text = "full",
          .parse = config_parse_download_url, .offset = GLOBAL(download_url),
          .expected = "full or redacted" },
        { .section = "Daemon", .name = "MetricsFile", .default_text = "",
          .parse = config_parse_path, .offset = GLOBAL(metrics_file), .expected = EXPECT_PATH },
        { .section = "Daemon", .name = "History", .default_text = "90d",
          .parse = config_parse_span_or_zero, .offset = GLOBAL(history),
          .expected = "a time span such as 0, 36h, 90d or infinity" },

        { .section = "Poll", .name = "IntervalMin", .default_text = "2s",
          .parse = config_parse_interval, .offset = GLOBAL(interval_min),
          .expected = EXPECT_INTERVAL },
        { .section = "Poll", .name = "IntervalMax", .default_text = "2min",
          .parse = config_parse_interval, .offset = GLOBAL(interval_max),
          .expected = EXPECT_INTERVAL },
        { .section = "Poll", .name = "Timeout", .default_text = "7d",
          .parse = config_parse_span, .offset = GLOBAL(timeout), .expected = EXPECT_SPAN },
        { .section = "Poll", .name = "StallTimeout", .default_text = "30min",
          .parse = config_parse_span, .offset = GLOBAL(stall_timeout), .expected = EXPECT_SPAN },

        { .section = "Hooks", .name = "Directories",
          .default_text = "/etc/koowatch/hooks:/run/koowatch/hooks:/usr/lib/koowatch/hooks",
          .parse = config_parse_directories, .offset = GLOBAL(hook_directories),
          .expected = "absolute paths, separated by colons" },
        { .section = "Hooks", .name = "Runner", .default_text = "auto",
          .parse = config_parse_runner, .offset = GLOBAL(runner),
          .expected = "auto, spawn or the absolute path of a socket, 107 bytes at most" },
        { .section = "Hooks", .name = "Timeout", .default_text = "10min",
          .parse = config_parse_span, .offset = GLOBAL(hook_timeout), .expected = EXPECT_SPAN },
        { .section = "Hooks", .name = "MaxParallel", .default_text = "4",
          .parse = config_parse_max_parallel, .offset = GLOBAL(max_parallel),
          .expected = "a whole number from 1 to 64" },
        { .section = "Hooks", .name = "Attempts", .default_text = "40",
          .parse = config_parse_attempts, .offset = GLOBAL(attempts),
          .expected = "a whole number from 1 to 10000" },

        { .section = SECTION_ACCOUNT, .name = "Endpoint",
          .default_text = "https://intl.myhuaweicloud-koodrive.com",
          .parse = config_parse_endpoint, .offset = ACCOUNT(endpoint),
          .expected = "https://HOST, where needed with :PORT and /PREFIX, "
                      "without user name, query and fragment" },
        { .section = SECTION_ACCOUNT, .name = "AllowPlainHttp", .default_text = "no",
          .parse = config_parse_bool_field, .offset = ACCOUNT(allow_plain_http),
          .expected = "yes, no, true, false, 1 or 0" },
        { .section = SECTION_ACCOUNT, .name = "UserId", .default_text = "",
          .parse = config_parse_header_value, .offset = ACCOUNT(user_id),
          .expected = EXPECT_HEADER },
        { .section = SECTION_ACCOUNT, .name = "AgentName", .default_text = "",
          .parse = config_parse_header_value, .offset = ACCOUNT(agent_name),
          .expected = EXPECT_HEADER },
        { .section = SECTION_ACCOUNT, .name = "TokenFile", .default_text = "",
          .parse = config_parse_path, .offset = ACCOUNT(token_file), .expected = EXPECT_PATH },
        { .section = SECTION_ACCOUNT, .name = "TokenScheme", .default_text = "verbatim",
          .parse = config_parse_token_scheme, .offset = ACCOUNT(token_scheme),
          .expected = "verbatim, Bearer or AT" },
        { .section = SECTION_ACCOUNT, .name = "Auth", .default_text = "token",
          .parse = config_parse_auth, .offset = ACCOUNT(auth), .expected = "token or app" },
        { .section = SECTION_ACCOUNT, .name = "Refresh", .default_text = "none",
          .parse = config_parse_refresh, .offset = ACCOUNT(refresh),
          .expected = "none, carrier or session" },
        { .section = SECTION_ACCOUNT, .name = "RefreshTokenFile", .default_text = "",
          .parse = config_parse_path, .offset = ACCOUNT(refresh_token_file),
          .expected = EXPECT_PATH },
        { .section = SECTION_ACCOUNT, .name = "AppId", .default_text = "",
          .parse = config_parse_app_id, .offset = ACCOUNT(app_id),
          .expected = EXPECT_HEADER " without blank, comma, semicolon and equals sign" },
        { .section = SECTION_ACCOUNT, .name = "AppSecretFile", .default_text = "",
          .parse = config_parse_path, .offset = ACCOUNT(app_secret_file),
          .expected = EXPECT_PATH },
        { .section = SECTION_ACCOUNT, .name = "SignedHeaders",
          .default_text = "x-date;x-user-id",
          .parse = config_parse_signed_headers, .offset = ACCOUNT(signed_headers),
          .expected = "names separated by semicolons, of content-type, host, x-date, "
                      "x-hw-agentname, x-traceid and x-user-id" },
        { .section = SECTION_ACCOUNT, .name = "StringToSign", .default_text = "formula",
          .parse = config_parse_string_to_sign, .offset = ACCOUNT(string_to_sign),
          .expected = "formula or with-date" },
        { .section = SECTION_ACCOUNT, .name = "RateLimit", .default_text = "10/s",
          .parse = config_parse_rate_limit, .offset = ACCOUNT(rate_limit),
          .expected = "a whole number from 1 to 10000, then /s, /min or /h" },
        { .section = SECTION_ACCOUNT, .name = "MaxInFlight", .default_text = "8",
          .parse = config_parse_max_in_flight, .offset = ACCOUNT(max_in_flight),
          .expected = "a whole number from 1 to 256" },
        { .section = SECTION_ACCOUNT, .name = "CAFile", .default_text = "",
          .parse = config_parse_path, .offset = ACCOUNT(ca_file), .expected = EXPECT_PATH },
        { .section = SECTION_ACCOUNT, .name = "Proxy", .default_text = "",
          .parse = config_parse_proxy, .offset = ACCOUNT(proxy),
          .expected = "a URL with http, https, socks4, socks4a, socks5 or socks5h, in whose "
                      "user name and password # is written %23, ? %3F, / %2F and @ %40" },
};
/* clang-format on */

void config_each_key(void (*fn)(void *userdata, const char *section, const char *key,
                                const char *default_text),
                     void *userdata) {
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                fn(userdata, keys[i].section, keys[i].name, keys[i].default_text);
}

static int set_field(const struct key *key, void *object, const char *text) {
        void *field = (char *) object + key->offset;

        return *text ? key->parse(text, field) : str_replace(field, NULL);
}

static int set_default(const struct key *key, void *object) {
        const char *environment = key->environment ? getenv(key->environment) : NULL;
        CLEANUP(freep) char *first = NULL;

        if (!environment || !*environment)
                return set_field(key, object, key->default_text);

        first = strndup(environment, strcspn(environment, ":"));
        if (!first)
                return -ENOMEM;

        return key->parse(first, (char *) object + key->offset); /* even when it is empty */
}

static bool is_account_key(const struct key *key) {
        return streq(key->section, SECTION_ACCOUNT);
}

static int set_defaults(void *object, bool of_account) {
        int r = 0;

        for (size_t i = 0; i < ARRAY_LEN(keys) && r == 0; i++)
                if (is_account_key(keys + i) == of_account)
                        r = set_default(keys + i, object);

        return r;
}

struct config *config_free(struct config *config) {
        if (!config)
                return NULL;

        for (size_t i = 0; i < config->n_accounts; i++)
                account_config_clear(config->accounts + i);
        free(config->accounts);

        for (size_t i = 0; i < config->n_sources; i++)
                free(config->sources[i]);
        free(config->sources);

        free(config->task_directory_list);
        free(config->task_directories);
        free(config->state_directory);
        free(config->metrics_file);
        free(config->hook_directories);
        free(config->runner);
        free(config);
        return NULL;
}

static struct account_config *find_account(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->n_accounts; i++)
                if (streq(config->accounts[i].name, name))
                        return config->accounts + i;

        return NULL;
}

const struct account_config *config_account(const struct config *config, const char *name) {
        return find_account(config, name);
}

static int add_account(struct config *config, const char *name) {
        struct account_config *accounts, *account;
        int r;

        accounts = reallocarray(config->accounts, config->n_accounts + 1, sizeof(*accounts));
        if (!accounts)
                return -ENOMEM;
        config->accounts = accounts;

        account = accounts + config->n_accounts++;
        *account = (struct account_config){.file = SOURCE_NONE};

        r = str_replace(&account->name, name);
        return r < 0 ? r : set_defaults(account, true);
}

/* Returns the copy, which the config owns, or NULL. */
static const char *add_source(struct config *config, const char *path) {
        char **sources, *copy;

        sources = reallocarray(config->sources, config->n_sources + 2, sizeof(*sources));
        if (!sources)
                return NULL;
        config->sources = sources;

        copy = strdup(path);
        sources[config->n_sources] = copy;
        if (!copy)
                return NULL;

        sources[++config->n_sources] = NULL;
        return copy;
}

struct origin {
        const char *file;
        unsigned line;
};

/* One reading of all files. */
struct reader {
        struct config *config;
        config_fault_fn on_fault;
        void *userdata;
        bool failed;
        struct origin origins[ARRAY_LEN(keys)]; /* where each key outside [Account] was last set */

        const char *file;    /* the one being read; borrowed from config */
        const char *section; /* of keys[], or NULL: keys that follow are skipped */
        const char *account; /* the section's account; borrowed from config */
};

static void fault(struct reader *reader, bool is_error, const char *file, unsigned line,
                  const char *format, ...) PRINTF_LIKE(5, 6);

static void fault(struct reader *reader, bool is_error, const char *file, unsigned line,
                  const char *format, ...) {
        CLEANUP(freep) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);

        reader->on_fault(reader->userdata, is_error, file, line, text ? text : format);
        reader->failed = reader->failed || is_error;
}

/* A name from a file for a message: it might as well be a secret in the wrong place. */
static const char *shown(const char *name) {
        return name_is_valid(name, 1, NAME_SHOWN_MAX, "._- ", false) ? name : "(not a name)";
}

/* The NAME of "Account NAME", "default" for "Account", NULL for any other section. */
static const char *account_of_section(const char *section) {
        const char *rest = str_after(section, SECTION_ACCOUNT);

        if (!rest || !strchr(BLANKS, *rest)) /* which also finds the end of the string */
                return NULL;

        rest += strspn(rest, BLANKS);
        return *rest ? rest : ACCOUNT_DEFAULT;
}

static int begin_account(struct reader *reader, unsigned line, const char *name) {
        struct account_config *account;
        int r;

        if (!name_is_valid(name, 1, ACCOUNT_NAME_MAX, "._-", true)) {
                fault(reader, true, reader->file, line,
                      "[Account NAME]: expected a NAME of 1 to %d characters of A-Za-z0-9._- "
                      "without a leading dot",
                      ACCOUNT_NAME_MAX);
                return 0;
        }

        account = find_account(reader->config, name);
        if (!account) {
                r = add_account(reader->config, name);
                if (r < 0)
                        return r;
                account = find_account(reader->config, name);
        }

        if (account->line == 0) {
                account->file = reader->file;
                account->line = line;
        }

        reader->section = SECTION_ACCOUNT;
        reader->account = account->name;
        return 0;
}

static int on_section(void *userdata, unsigned line, const char *section) {
        struct reader *reader = userdata;
        const char *account = account_of_section(section);

        reader->section = NULL;
        if (account)
                return begin_account(reader, line, account);

        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (streq(keys[i].section, section)) {
                        reader->section = keys[i].section;
                        return 0;
                }

        fault(reader, false, reader->file, line, "unknown section [%s], ignored with its keys",
              shown(section));
        return 0;
}

static int find_key(const char *section, const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (streq(keys[i].section, section) && streq(keys[i].name, name))
                        return (int) i;

        return -ENOENT;
}

static int on_key(void *userdata, unsigned line, const char *section, const char *name,
                  const char *value) {
        struct reader *reader = userdata;
        const struct key *key;
        void *object;
        int i, r;

        if (!*section)
                fault(reader, false, reader->file, line, "key %s before the first section, ignored",
                      shown(name));
        if (!reader->section)
                return 0;

        i = find_key(reader->section, name);
        if (i < 0) {
                fault(reader, false, reader->file, line, "unknown key %s in [%s], ignored",
                      shown(name), section);
                return 0;
        }

        key = keys + i;
        reader->origins[i] = (struct origin){reader->file, line};
        object = is_account_key(key) ? (void *) find_account(reader->config, reader->account)
                                     : (void *) reader->config;

        r = *value ? set_field(key, object, value) : set_default(key, object);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                fault(reader, true, reader->file, line, "bad value of %s in [%s]: expected %s",
                      name, section, key->expected);
        return 0;
}

static void on_error(void *userdata, unsigned line, const char *text) {
        struct reader *reader = userdata;

        fault(reader, true, reader->file, line, "%s", text);
}

static int read_one(struct reader *reader, const char *path, bool required) {
        const struct ini_handler handler = {
                .on_key = on_key,
                .on_section = on_section,
                .on_error = on_error,
                .userdata = reader,
        };
        CLEANUP(secret_freep) char *text = NULL;
        size_t length;
        int r;

        r = read_path(path, FILE_SIZE_MAX, &text, &length);
        if (r == -ENOMEM || (r == -ENOENT && !required))
                return r == -ENOENT ? 0 : r;
        if (r == -EFBIG) {
                fault(reader, true, path, 0, "the file is larger than 1 MiB");
                return 0;
        }
        if (r < 0) {
                fault(reader, true, path, 0, "cannot read the file: %s", strerror(-r));
                return 0;
        }

        reader->section = NULL;
        reader->file = add_source(reader->config, path);
        return reader->file ? ini_parse(text, length, &handler) : -ENOMEM;
}

static int is_drop_in(const struct dirent *entry) {
        return entry->d_name[0] != '.' && str_ends_with(entry->d_name, ".conf");
}

/* Not alphasort(), which follows the locale. */
static int compare_entries(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

struct entries {
        struct dirent **list;
        int count;
};

static void entries_clear(struct entries *entries) {
        for (int i = 0; i < entries->count; i++)
                free(entries->list[i]);
        free(entries->list);
}

static int read_drop_ins(struct reader *reader, const char *path) {
        CLEANUP(entries_clear) struct entries entries = {0};
        CLEANUP(freep) char *directory = str_printf("%s.d", path);
        int r = 0;

        if (!directory)
                return -ENOMEM;

        entries.count = scandir(directory, &entries.list, is_drop_in, compare_entries);
        if (entries.count < 0) {
                if (errno == ENOMEM)
                        return -ENOMEM;
                if (errno != ENOENT)
                        fault(reader, true, directory, 0, "cannot read the directory: %s",
                              strerror(errno));
                return 0;
        }

        for (int i = 0; i < entries.count && r == 0; i++) {
                CLEANUP(freep) char *file = NULL;

                file = str_printf("%s/%s", directory, entries.list[i]->d_name);
                r = file ? read_one(reader, file, true) : -ENOMEM;
        }

        return r;
}

/* Puts the state directory where a list says STATE. */
static int replace_state_word(struct config *config) {
        CLEANUP(freep) char *copy = strdup(config->task_directory_list);
        CLEANUP(freep) char *list = NULL;
        char *rest = copy, *element;

        if (!copy)
                return -ENOMEM;

        while ((element = strsep(&rest, ":"))) {
                CLEANUP(freep) char *before = STEAL_PTR(list);
                const char *below = config_after_state(element);

                list = str_printf("%s%s%s%s", before ? before : "", before ? ":" : "",
                                  below ? config->state_directory : "", below ? below : element);
                if (!list)
                        return -ENOMEM;
        }

        free(config->task_directories);
        config->task_directories = STEAL_PTR(list);
        return 0;
}

int config_set_state_directory(struct config *config, const char *path) {
        int r = str_replace(&config->state_directory, path);

        return r < 0 ? r : replace_state_word(config);
}

static struct origin origin_of(const struct reader *reader, const char *section, const char *name) {
        int i = find_key(section, name);

        return i < 0 ? (struct origin){0} : reader->origins[i];
}

static void check_intervals(struct reader *reader) {
        const struct config *config = reader->config;
        struct origin min = origin_of(reader, "Poll", "IntervalMin");
        struct origin max = origin_of(reader, "Poll", "IntervalMax");
        struct origin at = max.file ? max : min; /* both cannot be at their defaults */
        char min_text[64], max_text[64];

        (void) timespan_format(config->interval_min, min_text, sizeof(min_text));
        (void) timespan_format(config->interval_max, max_text, sizeof(max_text));

        if (config->interval_min > config->interval_max)
                fault(reader, true, at.file, at.line,
                      "IntervalMin (%s) is above IntervalMax (%s) in [Poll]: expected it to be at most "
                      "as long",
                      min_text, max_text);
        else if (config->interval_max > INTERVAL_MAX_SAFE)
                fault(reader, false, at.file, at.line,
                      "IntervalMax (%s) in [Poll] is above 15min: KooDrive drops a token after 20 "
                      "idle minutes, so one task of its account is asked about every 14min all "
                      "the same",
                      max_text);
}

static void check_endpoint(struct reader *reader, const struct account_config *account) {
        if (!url_is_allowed(account->endpoint, account->allow_plain_http))
                fault(reader, true, account->file, account->line,
                      "Endpoint of account %s: expected https:// as the host is not this "
                      "machine, or AllowPlainHttp=yes to send the token unencrypted",
                      account->name);
}

/* Resets what Auth leaves unused, so that nobody comes to use it. */
static void check_auth(struct reader *reader, struct account_config *account) {
        if (account->auth != AUTH_APP) {
                (void) str_replace(&account->app_id, NULL); /* none: it cannot fail */
                return;
        }

        if (!account->app_id)
                fault(reader, true, account->file, account->line,
                      "AppId of account %s: expected one, as it has Auth=app", account->name);
        if (!account->user_id)
                fault(reader, true, account->file, account->line,
                      "UserId of account %s: expected one, as Auth=app signs it", account->name);
        if (!account->agent_name && strstr(account->signed_headers, "x-hw-agentname"))
                fault(reader, true, account->file, account->line,
                      "AgentName of account %s: expected one, as SignedHeaders has x-hw-agentname",
                      account->name);

        if (account->refresh != REFRESH_NONE)
                fault(reader, false, account->file, account->line,
                      "Refresh of account %s: ignored, as Auth=app has no token to refresh",
                      account->name);
        account->refresh = REFRESH_NONE;
}

static void check_accounts(struct reader *reader) {
        for (size_t i = 0; i < reader->config->n_accounts; i++) {
                check_endpoint(reader, reader->config->accounts + i);
                check_auth(reader, reader->config->accounts + i);
        }
}

static int read_all_files(struct reader *reader, const char *path, bool required) {
        int r;

        r = set_defaults(reader->config, false);
        if (r == -ENOMEM)
                return r;
        if (r < 0) /* a default itself is always valid */
                fault(reader, true, path, 0,
                      "STATE_DIRECTORY in the environment: expected an absolute path");

        r = add_account(reader->config, ACCOUNT_DEFAULT);
        if (r < 0)
                return r;

        r = read_one(reader, path, required);
        if (r < 0)
                return r;

        r = read_drop_ins(reader, path);
        if (r < 0 || reader->failed)
                return r;

        check_intervals(reader);
        check_accounts(reader);
        return replace_state_word(reader->config);
}

int config_read(const char *path, bool required, config_fault_fn on_fault, void *userdata,
                struct config **ret) {
        CLEANUP(config_freep) struct config *config = calloc(1, sizeof(*config));
        struct reader reader = {.config = config, .on_fault = on_fault, .userdata = userdata};
        int r;

        if (!config)
                return -ENOMEM;

        config->sources = calloc(1, sizeof(*config->sources));
        if (!config->sources)
                return -ENOMEM;

        r = read_all_files(&reader, path, required);
        if (r < 0)
                return r;
        if (reader.failed)
                return -EBADMSG;

        *ret = STEAL_PTR(config);
        return 0;
}

void config_log_fault(UNUSED void *userdata, bool is_error, const char *file, unsigned line,
                      const char *text) {
        enum log_level level = is_error ? LEVEL_ERROR : LEVEL_WARNING;

        if (line > 0)
                log_entry(level, NULL, NULL, 0, "%s:%u: %s", file, line, text);
        else
                log_entry(level, NULL, NULL, 0, "%s: %s", file, text);
}
