#include "koowatchctl/config-origins.h"

#include "common/account-keys.h"
#include "common/ini.h"
#include "common/json.h"

#define FILE_SIZE_MAX ((size_t) 1024 * 1024)
#define BLANKS " \t"

struct reader {
        json_object *found; /* "SECTION\nACCOUNT\nKEY": [value, origin] */
        const char *file;
};

/* The account of "Account NAME", "default" for "Account", "" for another section. */
static const char *account_of(const char *section) {
        const char *rest = str_after(section, SECTION_ACCOUNT);

        if (!rest || !strchr(BLANKS, *rest))
                return "";
        rest += strspn(rest, BLANKS);
        return *rest ? rest : ACCOUNT_DEFAULT;
}

static char *make_id(const char *section, const char *account, const char *key) {
        return str_printf("%s\n%s\n%s", *account ? SECTION_ACCOUNT : section, account, key);
}

static int on_key(void *userdata, unsigned line, const char *section, const char *key,
                  const char *value) {
        CLEANUP(freep) char *id = make_id(section, account_of(section), key);
        CLEANUP(freep) char *origin = NULL;
        struct reader *r = userdata;
        json_object *pair;

        if (!id)
                return 0;
        if (!*value) { /* the default again */
                json_object_object_del(r->found, id);
                return 0;
        }
        origin = str_printf("%s:%u", r->file, line);
        pair = json_object_new_array();
        if (!pair || !origin)
                return 0;
        (void) json_object_array_add(pair, json_object_new_string(value));
        (void) json_object_array_add(pair, json_object_new_string(origin));
        (void) json_object_object_add(r->found, id, pair);
        return 0;
}

static void on_error(UNUSED void *userdata, UNUSED unsigned line, UNUSED const char *text) {
}

static void read_file(struct reader *r, const char *path) {
        const struct ini_handler handler = {.on_key = on_key, .on_error = on_error, .userdata = r};
        CLEANUP(secret_freep) char *text = NULL;
        size_t length;

        r->file = path;
        if (read_path(path, FILE_SIZE_MAX, &text, &length) == 0)
                (void) ini_parse(text, length, &handler);
}

/* "http://user:password@host" becomes "http://…@host". */
static char *without_password(const char *value) {
        const char *at = strrchr(value, '@'), *scheme = strstr(value, "://");
        size_t head = scheme ? (size_t) (scheme - value) + 3 : 0;

        return at ? str_printf("%.*s…%s", (int) head, value, at) : strdup(value);
}

static void put(json_object *row, const char *key, const char *value) {
        if (value)
                (void) json_object_object_add(row, key, json_object_new_string(value));
}

static void add_row(const struct reader *r, json_object *to, const struct setting *setting,
                    const char *account) {
        CLEANUP(freep) char *id = make_id(setting->section, account, setting->name);
        CLEANUP(freep) char *shown = NULL;
        json_object *pair = id ? json_object_object_get(r->found, id) : NULL;
        json_object *row = json_object_new_object();
        const char *environment = setting->environment ? getenv(setting->environment) : NULL;
        const char *value = setting->default_text, *origin = "default";

        if (!row)
                return;
        if (pair) {
                value = json_object_get_string(json_object_array_get_idx(pair, 0));
                origin = json_object_get_string(json_object_array_get_idx(pair, 1));
        } else if (!str_empty(environment)) {
                value = environment;
                origin = "environment";
        }
        shown = value && streq(setting->name, "Proxy") ? without_password(value) : NULL;
        put(row, "section", setting->section);
        put(row, "account", *account ? account : NULL);
        put(row, "key", setting->name);
        put(row, "value", shown ? shown : str_empty(value) ? NULL : value);
        put(row, "origin", origin);
        (void) json_object_array_add(to, row);
}

json_object *config_origins(const struct config *config) {
        CLEANUP(json_object_putp) json_object *found = json_object_new_object();
        struct reader r = {.found = found};
        json_object *rows = json_object_new_array();

        if (!found || !rows) {
                json_object_put(rows);
                return NULL;
        }
        for (size_t i = 0; i < config->n_sources; i++)
                read_file(&r, config->sources[i]);
        for (size_t i = 0; i < config_n_keys; i++)
                add_row(&r, rows, config_keys + i, "");
        for (size_t a = 0; a < config->n_accounts; a++)
                for (size_t i = 0; i < account_keys.n_rows; i++)
                        add_row(&r, rows, account_keys.rows + i, config->accounts[a].name);
        return rows;
}
