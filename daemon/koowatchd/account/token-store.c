#include "koowatchd/account/token-store.h"

#include <errno.h>
#include <json-c/json.h>

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

int token_store_load(const char *directory, const char *account, struct stored_tokens *ret) {
        static const struct json_rules rules = {.depth = 8, .containers = 16, .values = 64};
        CLEANUP(freep) char *path = str_printf("%s/%s.json", directory, account);
        CLEANUP(json_object_putp) json_object *root = NULL;
        CLEANUP(secret_freep) char *text = NULL;
        char fault[JSON_FAULT_MAX];
        size_t length;
        int r;

        *ret = (struct stored_tokens){};
        if (!path)
                return -ENOMEM;
        r = read_path(path, FILE_SIZE_MAX, &text, &length);
        if (r < 0)
                return r;
        r = json_read(text, length, &rules, NULL, &root, fault);
        if (r < 0)
                return r;
        if (!json_object_is_type(root, json_type_object))
                return -EBADMSG;
        r = secret_read(root, "token", &ret->token);
        if (r == 0)
                r = secret_read(root, "refresh", &ret->refresh);
        if (r < 0)
                stored_tokens_clear(ret);
        return r;
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

int token_store_save(const char *directory, const char *account,
                     const struct stored_tokens *tokens) {
        CLEANUP(freep) char *path = str_printf("%s/%s.json", directory, account);
        CLEANUP(json_object_putp) json_object *root = json_object_new_object();
        const char *text = NULL;
        int r;

        if (path && root && secret_add(root, "token", &tokens->token) &&
            secret_add(root, "refresh", &tokens->refresh))
                text = json_text(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text)
                return -ENOMEM;
        r = make_directories(directory, 0700);
        return r < 0 ? r : replace_file_durably(path, text, strlen(text), 0600);
}
