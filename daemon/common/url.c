#include "common/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <strings.h>

#include "common/util.h"

static void url_freep(CURLU **url) {
        curl_url_cleanup(*url);
}

static int url_error(CURLUcode code) {
        if (code == CURLUE_OK)
                return 0;
        return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

/* Takes a URL apart; -EINVAL: libcurl refuses it, or it has blanks or control characters. */
static int url_open(const char *text, unsigned flags, CURLU **ret) {
        CLEANUP(url_freep) CURLU *url = NULL;
        int r;

        /* Blanks and control characters, those of two bytes (U+0080 to U+009F) included. */
        for (const unsigned char *c = (const unsigned char *) text; *c; c++)
                if (*c <= ' ' || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
                        return -EINVAL;

        url = curl_url();
        if (!url)
                return -ENOMEM;
        r = url_error(curl_url_set(url, CURLUPART_URL, text, flags));
        if (r < 0)
                return r;

        *ret = STEAL_PTR(url);
        return 0;
}

/* The scheme or host; never empty when libcurl has accepted the URL. */
static int url_part(CURLU *url, CURLUPart part, char **ret) {
        char *text;
        int r;

        r = url_error(curl_url_get(url, part, &text, 0));
        if (r < 0)
                return r;

        r = str_replace(ret, text);
        curl_free(text);
        return r;
}

static bool host_is_loopback(char *host) {
        size_t n = strlen(host);
        struct in6_addr in6;
        struct in_addr in;

        if (strcasecmp(host, "localhost") == 0)
                return true;
        if (inet_pton(AF_INET, host, &in) == 1)
                return ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;

        if (n < 2 || host[0] != '[' || host[n - 1] != ']')
                return false;

        host[n - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
}

int url_check(const char *url, bool allow_plain) {
        CLEANUP(url_freep) CURLU *parsed = NULL;
        CLEANUP(freep) char *scheme = NULL, *host = NULL;
        int r;

        r = url_open(url, CURLU_DISALLOW_USER, &parsed);
        if (r == 0)
                r = url_part(parsed, CURLUPART_SCHEME, &scheme);
        if (r == 0)
                r = url_part(parsed, CURLUPART_HOST, &host);
        if (r != 0 || streq(scheme, "https"))
                return r;

        return streq(scheme, "http") && (allow_plain || host_is_loopback(host)) ? 0 : -EINVAL;
}

int url_is_loopback(const char *url) {
        CLEANUP(url_freep) CURLU *parsed = NULL;
        CLEANUP(freep) char *host = NULL;
        int r;

        r = url_open(url, 0, &parsed);
        if (r == 0)
                r = url_part(parsed, CURLUPART_HOST, &host);
        if (r != 0)
                return r == -ENOMEM ? r : 0;

        return host_is_loopback(host);
}

/* Whether plain HTTP is fine here is decided when AllowPlainHttp is known as well. */
int config_parse_endpoint(const char *text, void *field) {
        CLEANUP(url_freep) CURLU *url = NULL;
        CLEANUP(freep) char *normal = NULL;
        int r;

        if (!str_is_printable(text) || strpbrk(text, "?#"))
                return -EINVAL;

        r = url_check(text, true);
        if (r == 0)
                r = url_open(text, 0, &url);
        if (r < 0)
                return r;
        r = url_part(url, CURLUPART_URL, &normal);
        if (r < 0)
                return r;

        str_cut_slashes(normal);
        return str_replace(field, normal);
}

int config_parse_proxy(const char *text, void *field) {
        static const char *const schemes[] = {"http",    "https",  "socks4",
                                              "socks4a", "socks5", "socks5h"};
        CLEANUP(url_freep) CURLU *url = NULL;
        CLEANUP(freep) char *scheme = NULL, *path = NULL;
        int r;

        /* One of these in a password would end the host's part: it is to be percent-encoded. */
        if (strpbrk(text, "#?\\"))
                return -EINVAL;
        r = url_open(text, CURLU_NON_SUPPORT_SCHEME, &url);
        if (r < 0)
                return r;
        r = url_part(url, CURLUPART_SCHEME, &scheme);
        if (r < 0)
                return r;

        r = url_part(url, CURLUPART_PATH, &path);
        if (r < 0)
                return r;
        if (*path && !streq(path, "/"))
                return -EINVAL;

        for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
                if (streq(schemes[i], scheme))
                        return str_replace(field, text);
        return -EINVAL;
}
