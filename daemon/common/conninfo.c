#include "common/conninfo.h"

#include "common/util.h"

#define BLANKS " \t\r\n\v\f"

/* Secrets, files and services that may hold them, and what would be no client's connection. */
static const char *const refused[] = {"password",    "passfile",    "service",
                                      "servicefile", "sslpassword", "replication"};

static bool is_refused(const char *keyword, size_t length) {
        for (size_t i = 0; i < ARRAY_LEN(refused); i++)
                if (strlen(refused[i]) == length && strncmp(refused[i], keyword, length) == 0)
                        return true;
        return false;
}

/* What follows the value at text; NULL: it has no end. */
static const char *skip_value(const char *text) {
        const bool is_quoted = *text == '\'';

        text += is_quoted;
        while (*text && (is_quoted ? *text != '\'' : !strchr(BLANKS, *text)))
                text += *text == '\\' && text[1] ? 2 : 1;
        if (!is_quoted)
                return text;
        return *text ? text + 1 : NULL;
}

bool conninfo_is_allowed(const char *text) {
        text += strspn(text, BLANKS);
        while (text && *text) {
                size_t length = strcspn(text, "=" BLANKS);
                const char *keyword = text;

                text += length + strspn(text + length, BLANKS);
                if (length == 0 || *text != '=' || is_refused(keyword, length) ||
                    memchr(keyword, ':', length)) /* a URI, in which a password may stand */
                        return false;
                text++;
                text = skip_value(text + strspn(text, BLANKS));
                if (text)
                        text += strspn(text, BLANKS);
        }
        return text;
}
