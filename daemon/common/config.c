/*
 * Reading the configuration
 *
 * Checks between keys are made only when each value is good by itself, so that no complaint is a
 * mere consequence of another.
 */
#include "common/config.h"

#include <dirent.h>
#include <errno.h>

#include "common/account-config.h"
#include "common/account-keys.h"
#include "common/config-check.h"
#include "common/config-keys.h"
#include "common/config-values.h"
#include "common/ini.h"
#include "common/settings.h"

#define FILE_SIZE_MAX ((size_t) 1024 * 1024)
#define ACCOUNT_NAME_MAX 64
#define BLANKS " \t"
#define SOURCE_NONE "(built in)"

static int reset_keys(const struct setting *keys, size_t n, void *object) {
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++)
                r = settings_reset(keys + i, object);

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
        free(config->origins);

        free(config->task_directory_list);
        free(config->task_directories);
        free(config->state_directory);
        free(config->metrics_file);
        free(config->hook_directories);
        free(config->runner);
        free(config->labels);
        free(config->store_connection);
        free(config->store_fleet);
        free(config->store_node);
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

static int add_account(struct config *config, const struct account_keys *keys, const char *name) {
        struct account_config *accounts, *account;
        int r;

        accounts = reallocarray(config->accounts, config->n_accounts + 1, sizeof(*accounts));
        if (!accounts)
                return -ENOMEM;
        config->accounts = accounts;

        account = accounts + config->n_accounts++;
        *account = (struct account_config){.file = SOURCE_NONE};

        r = str_replace(&account->name, name);
        return r < 0 ? r : reset_keys(keys->rows, keys->n_rows, account);
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

/* One reading of all files. */
struct reader {
        struct config *config;
        const struct account_keys *accounts;
        struct settings_faults faults; /* its file is borrowed from config */

        const char *section; /* of the table, or NULL: keys that follow are skipped */
        const char *account; /* the section's account; borrowed from config */
};

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
                settings_fault(
                        &reader->faults, true, line,
                        "[Account NAME]: expected a NAME of 1 to %d characters of A-Za-z0-9._- "
                        "without a leading dot",
                        ACCOUNT_NAME_MAX);
                return 0;
        }

        account = find_account(reader->config, name);
        if (!account) {
                r = add_account(reader->config, reader->accounts, name);
                if (r < 0)
                        return r;
                account = find_account(reader->config, name);
        }

        if (account->line == 0) {
                account->file = reader->faults.file;
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
                return reader->accounts ? begin_account(reader, line, account) : 0;

        reader->section = settings_section(config_keys, config_n_keys, section);
        if (!reader->section)
                settings_unknown_section(&reader->faults, line, section);
        return 0;
}

static int assign_account_key(struct reader *reader, const struct settings_line *written) {
        const struct setting *key = settings_find(reader->accounts->rows, reader->accounts->n_rows,
                                                  SECTION_ACCOUNT, written, &reader->faults);

        return key ? settings_assign(key, find_account(reader->config, reader->account), written,
                                     &reader->faults)
                   : 0;
}

/* An empty value is the default again. */
static void note_origin(struct reader *reader, const struct setting *key,
                        const struct settings_line *line) {
        reader->config->origins[key - config_keys] = (struct config_origin){
                .file = *line->value ? reader->faults.file : NULL,
                .line = line->number,
        };
}

static int on_key(void *userdata, unsigned line, const char *section, const char *name,
                  const char *value) {
        const struct settings_line written = {line, section, name, value};
        struct reader *reader = userdata;
        const struct setting *key;

        if (!*section)
                settings_fault(&reader->faults, false, line,
                               "key %s before the first section, ignored", settings_shown(name));
        if (!reader->section)
                return 0;
        if (streq(reader->section, SECTION_ACCOUNT))
                return assign_account_key(reader, &written);

        key = settings_find(config_keys, config_n_keys, reader->section, &written, &reader->faults);
        if (!key)
                return 0;
        note_origin(reader, key, &written);
        return settings_assign(key, reader->config, &written, &reader->faults);
}

static void on_error(void *userdata, unsigned line, const char *text) {
        struct reader *reader = userdata;

        settings_fault(&reader->faults, true, line, "%s", text);
}

static int read_file(struct reader *reader, const char *path, bool required) {
        const struct ini_handler handler = {
                .on_key = on_key,
                .on_section = on_section,
                .on_error = on_error,
                .userdata = reader,
        };
        CLEANUP(secret_freep) char *text = NULL;
        size_t length;
        int r;

        reader->faults.file = path;
        r = read_path(path, FILE_SIZE_MAX, &text, &length);
        if (r == -ENOMEM || (r == -ENOENT && !required))
                return r == -ENOENT ? 0 : r;
        if (r == -EFBIG) {
                settings_fault(&reader->faults, true, 0, "the file is larger than 1 MiB");
                return 0;
        }
        if (r < 0) {
                settings_fault(&reader->faults, true, 0, "cannot read the file: %s", strerror(-r));
                return error_is_transient(-r) ? r : 0;
        }

        reader->section = NULL;
        reader->faults.file = add_source(reader->config, path);
        return reader->faults.file ? ini_parse(text, length, &handler) : -ENOMEM;
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
                r = -errno;
                if (r == -ENOMEM || r == -ENOENT)
                        return r == -ENOENT ? 0 : r;
                reader->faults.file = directory;
                settings_fault(&reader->faults, true, 0, "cannot read the directory: %s",
                               strerror(-r));
                return error_is_transient(-r) ? r : 0;
        }

        for (int i = 0; i < entries.count && r == 0; i++) {
                CLEANUP(freep) char *file = NULL;

                file = str_printf("%s/%s", directory, entries.list[i]->d_name);
                r = file ? read_file(reader, file, true) : -ENOMEM;
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

static int read_all_files(struct reader *reader, const char *path, bool required) {
        int r;

        r = reset_keys(config_keys, config_n_keys, reader->config);
        if (r == -ENOMEM)
                return r;
        reader->faults.file = path;
        if (r < 0) /* a default itself is always valid */
                settings_fault(&reader->faults, true, 0,
                               "STATE_DIRECTORY in the environment: expected an absolute path");

        r = reader->accounts ? add_account(reader->config, reader->accounts, ACCOUNT_DEFAULT) : 0;
        if (r < 0)
                return r;

        r = read_file(reader, path, required);
        if (r < 0)
                return r;

        r = read_drop_ins(reader, path);
        if (r < 0 || reader->faults.failed)
                return r;

        r = config_check(reader->config, reader->accounts, &reader->faults);
        return r < 0 ? r : replace_state_word(reader->config);
}

int config_read(const char *path, bool required, const struct account_keys *accounts,
                settings_fault_fn on_fault, void *userdata, struct config **ret) {
        CLEANUP(config_freep) struct config *config = calloc(1, sizeof(*config));
        struct reader reader = {
                .config = config,
                .accounts = accounts,
                .faults = {.on_fault = on_fault, .userdata = userdata},
        };
        int r;

        if (!config)
                return -ENOMEM;

        config->sources = calloc(1, sizeof(*config->sources));
        config->origins = calloc(config_n_keys, sizeof(*config->origins));
        if (!config->sources || !config->origins)
                return -ENOMEM;

        r = read_all_files(&reader, path, required);
        if (r < 0)
                return r;
        if (reader.faults.failed)
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
