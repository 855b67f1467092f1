#include "koowatchd/koodrive/link.h"

#include <ctype.h>
#include <errno.h>

#include "common/url.h"
#include "common/util.h"

#define FORBIDDEN "\"<>\\^`{|}" /* what no URL may hold as it is (RFC 3986, 2) */

static bool is_blank(char c) {
        return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t scheme_length(const char *url) {
        size_t n = 0;

        while (isalnum((unsigned char) url[n]) || (url[n] && strchr("+-.", url[n])))
                n++;
        return str_after(url + n, "://") ? n : 0;
}

static void lower(char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (text[i] >= 'A' && text[i] <= 'Z')
                        text[i] = (char) (text[i] - 'A' + 'a');
}

int link_clean(const char *text, size_t length, char **ret, const char **ret_problem) {
        CLEANUP(freep) char *url = NULL;
        size_t n = 0;

        *ret = NULL;
        *ret_problem = NULL;
        while (length > 0 && is_blank(text[length - 1]))
                length--;
        while (length > 0 && is_blank(*text)) {
                text++;
                length--;
        }
        if (length == 0)
                return 0;
        if (length > LINK_MAX_LENGTH) {
                *ret_problem = "it is longer than 32 KiB";
                return 0;
        }
        url = calloc(3, length + 1); /* a blank becomes %20 */
        if (!url)
                return -ENOMEM;
        for (size_t i = 0; i < length; i++) {
                if (text[i] == ' ' || (text[i] && strchr(FORBIDDEN, text[i]))) {
                        n += (size_t) snprintf(url + n, 4, "%%%02X", (unsigned char) text[i]);
                } else if ((unsigned char) text[i] < ' ' || text[i] == 0x7f) {
                        if (is_blank(text[i]))
                                continue;
                        *ret_problem = "it contains control characters";
                        return 0;
                } else {
                        url[n++] = text[i];
                }
        }
        lower(url, scheme_length(url));
        *ret = STEAL_PTR(url);
        return 0;
}

/* Of one that is not allowed; is_url: it would be if it were https://. */
static const char *explain(const char *url, bool is_url) {
        const char *host = url + scheme_length(url);

        if (host == url)
                return *url == '/' ? "it has no scheme (https://), or no host"
                                   : "it has no scheme (https://)";
        if (!str_after(url, "https://") && !str_after(url, "http://"))
                return "its scheme is not https://";
        host += strlen("://");
        if (memchr(host, '@', strcspn(host, "/?#")))
                return "it contains a user name or a password";
        return is_url ? "it is not https:// (AllowPlainHttp=yes allows it)"
                      : "it is not a valid URL";
}

int link_check(const char *url, bool allow_plain, const char **ret_problem) {
        int r = url_check(url, allow_plain), plain = r;

        if (r == -EINVAL)
                plain = url_check(url, true);
        if (plain == -ENOMEM)
                return plain;
        *ret_problem = r < 0 ? explain(url, plain == 0) : NULL;
        return 0;
}
