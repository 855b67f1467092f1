#include "koowatchd/koodrive/redact.h"

#include <curl/curl.h>
#include <errno.h>
#include <json-c/json_visit.h>

#include "common/util.h"

struct secrets redact_secrets(const struct koodrive_identity *who, const char *own) {
        const char *whole = who->authorization ? who->authorization : "", *word;

        whole += strspn(whole, " "); /* which a server does not see */
        word = strpbrk(whole, " +");
        return (struct secrets){{whole, word ? word + 1 : NULL, own}};
}

/* How long the secret is that text begins with; 0: it begins with none. */
static size_t secret_at(const char *text, const struct secrets *secrets) {
        size_t longest = 0;

        for (size_t i = 0; i < ARRAY_LEN(secrets->list); i++) {
                const char *secret = secrets->list[i];
                size_t length = secret ? strlen(secret) : 0;

                if (length > longest && strncmp(text, secret, length) == 0)
                        longest = length;
        }
        return longest;
}

void redact_copy(char *ret, size_t size, const char *text, const struct secrets *secrets) {
        bool is_utf8 = utf8_is_valid(text, strlen(text));
        size_t n = 0;

        while (*text && n + 1 < size) {
                unsigned char c = (unsigned char) *text;
                size_t length = secret_at(text, secrets);

                if (length > 0) {
                        ret[n++] = '*';
                        text += length;
                } else if (c == 0xc2 && is_utf8 && (unsigned char) text[1] < 0xa0) {
                        ret[n++] = '?'; /* C1: a terminal would obey it */
                        text += 2;
                } else {
                        ret[n++] = c < ' ' || c == 0x7f || (c >= 0x80 && !is_utf8) ? '?' : *text;
                        text++;
                }
        }
        ret[is_utf8 ? utf8_whole(ret, n) : n] = '\0';
}

static bool holds_secret(const char *text, size_t length, const struct secrets *secrets) {
        for (size_t i = 0; i < ARRAY_LEN(secrets->list); i++)
                if (!str_empty(secrets->list[i]) &&
                    memmem(text, length, secrets->list[i], strlen(secrets->list[i])))
                        return true;
        return false;
}

static int look_for_secret(json_object *value, int flags, json_object *parent, const char *key,
                           size_t *index, void *userdata) {
        bool is_string = json_object_is_type(value, json_type_string);
        const char *text = "";

        (void) flags;
        (void) parent;
        (void) index;
        if (is_string || json_object_is_type(value, json_type_int) ||
            json_object_is_type(value, json_type_double))
                text = json_object_get_string(value);
        if (!text) /* no memory for a number's: it may be one */
                return JSON_C_VISIT_RETURN_ERROR;
        if (holds_secret(text,
                         is_string ? (size_t) json_object_get_string_len(value) : strlen(text),
                         userdata) ||
            (key && holds_secret(key, strlen(key), userdata)))
                return JSON_C_VISIT_RETURN_ERROR;
        return JSON_C_VISIT_RETURN_CONTINUE;
}

bool redact_is_needed(json_object *root, const char *text, size_t length,
                      const struct secrets *secrets) {
        struct secrets copy = *secrets; /* json_c_visit() takes no pointer to const */
        bool is_plain = !memchr(text, '\\', length) && !memchr(text, '\0', length); /* UTF-16 */

        if (is_plain && !holds_secret(text, length, secrets))
                return false;
        return json_c_visit(root, 0, look_for_secret, &copy) < 0;
}

bool redact_finds(const char *text, const struct secrets *secrets) {
        return holds_secret(text, strlen(text), secrets);
}

int redact_finds_in_url(const char *url, const struct secrets *secrets) {
        bool found = redact_finds(url, secrets);
        char *decoded;
        int length;

        if (found || !strchr(url, '%'))
                return found;
        decoded = curl_easy_unescape(NULL, url, 0, &length);
        if (!decoded)
                return -ENOMEM;
        found = holds_secret(decoded, (size_t) length, secrets);
        curl_free(decoded);
        return found;
}
