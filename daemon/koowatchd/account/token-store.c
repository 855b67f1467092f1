#include "koowatchd/account/token-store.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>

#include "common/json.h"
#include "common/util.h"

#define FILE_SIZE_MAX (256 * 1024)

static void stored_secret_clear(struct stored_secret *s) {
        secret_free(s->text);
        *s = (struct stored_secret){};
}

void stored_tokens_clear(struct stored_tokens *t) {
        stored_secret_clear(&t->token);
        stored_secret_clear(&t->refresh);
        t->serial = 0;
}

/* Returns 0, also where there is none, -EBADMSG or -ENOMEM. */
static int secret_read(json_object *root, const char *key, struct stored_secret *ret) {
        const char *text, *source;
        json_object *entry;

        if (!json_object_object_get_ex(root, key, &entry))
                return 0;
        text = json_get_string(entry, "secret");
        source = json_get_string(entry, "source");
        if (!text || !source)
                return -EBADMSG;
        ret->text = strdup(text);
        if (!ret->text)
                return -ENOMEM;
        (void) snprintf(ret->source, sizeof(ret->source), "%s", source);
        return secret_trim(ret->text, strlen(ret->text)) ? 0 : -EBADMSG;
}

int stored_tokens_read(const char *text, size_t length, struct stored_tokens *ret) {
        static const struct json_rules rules = {.depth = 8, .containers = 16, .values = 64};
        CLEANUP(json_object_putp) json_object *root = NULL;
        char fault[JSON_FAULT_MAX];
        int r;

        *ret = (struct stored_tokens){};
        r = json_read(text, length, &rules, NULL, &root, fault);
        if (r < 0)
                return r;
        if (!json_object_is_type(root, json_type_object))
                return -EBADMSG;
        ret->serial = (unsigned) MAX(json_get_int(root, "serial", 0), 0);
        r = secret_read(root, "token", &ret->token);
        if (r == 0)
                r = secret_read(root, "refresh", &ret->refresh);
        if (r < 0)
                stored_tokens_clear(ret);
        return r;
}

int token_store_load(const char *directory, const char *account, struct stored_tokens *ret) {
        CLEANUP(freep) char *path = str_printf("%s/%s.json", directory, account);
        CLEANUP(secret_freep) char *text = NULL;
        size_t length;
        int r;

        *ret = (struct stored_tokens){};
        if (!path)
                return -ENOMEM;
        r = read_path(path, FILE_SIZE_MAX, &text, &length);
        return r < 0 ? r : stored_tokens_read(text, length, ret);
}

static bool member_add(json_object *object, const char *key, json_object *value) {
        if (value && json_object_object_add(object, key, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

static bool secret_add(json_object *root, const char *key, const struct stored_secret *s) {
        json_object *entry;

        if (!s->text)
                return true;
        entry = json_object_new_object();
        return member_add(root, key, entry) &&
               member_add(entry, "secret", json_object_new_string(s->text)) &&
               member_add(entry, "source", json_object_new_string(s->source));
}

int stored_tokens_write(const struct stored_tokens *tokens, char **ret) {
        CLEANUP(json_object_putp) json_object *root = json_object_new_object();
        const char *text = NULL;

        if (root &&
            member_add(root, "serial", json_object_new_int((int) MIN(tokens->serial, INT_MAX))) &&
            secret_add(root, "token", &tokens->token) &&
            secret_add(root, "refresh", &tokens->refresh))
                text = json_text(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
        *ret = text ? strdup(text) : NULL;
        return *ret ? 0 : -ENOMEM;
}

int token_store_save(const char *directory, const char *account,
                     const struct stored_tokens *tokens) {
        CLEANUP(freep) char *path = str_printf("%s/%s.json", directory, account);
        CLEANUP(secret_freep) char *text = NULL;
        int r = path ? stored_tokens_write(tokens, &text) : -ENOMEM;

        if (r == 0)
                r = make_directories(directory, 0700);
        return r < 0 ? r : replace_file_durably(path, text, strlen(text), 0600);
}
