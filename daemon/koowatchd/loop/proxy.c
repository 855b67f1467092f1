#include "koowatchd/loop/proxy.h"

#include <curl/curl.h>

#include "common/util.h"

#define DELIMITERS ":/?#@[]"

static const char *const variables[] = {
        "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
};

static bool is_well_formed(const char *proxy) {
        const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME;
        CURLU *url = curl_url();
        bool well = url && curl_url_set(url, CURLUPART_URL, proxy, flags) == CURLUE_OK;

        curl_url_cleanup(url);
        return well;
}

/* The part of the proxy's URL, from its begin, that may hold what is secret. */
static size_t secret_length(const char *proxy) {
        const char *at = strrchr(proxy, '@');

        if (at)
                return (size_t) (at - proxy);
        return is_well_formed(proxy) ? 0 : strlen(proxy);
}

static bool shows(const char *proxy, const char *text) {
        const char *scheme_end = strstr(proxy, "://"), *end = proxy + secret_length(proxy), *part;
        size_t length;

        part = scheme_end && scheme_end < end ? scheme_end : proxy;
        for (; part < end; part += length) {
                part += strspn(part, DELIMITERS);
                length = strcspn(part, DELIMITERS);
                if (part < end && memmem(text, strlen(text), part, length))
                        return true;
        }
        return false;
}

bool proxy_shows_secret(const char *proxy, const char *text) {
        if (proxy && shows(proxy, text))
                return true;
        for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
                const char *value = getenv(variables[i]);

                if (value && shows(value, text))
                        return true;
        }
        return false;
}

bool proxy_is_in_environment(void) {
        for (size_t i = 0; i < ARRAY_LEN(variables); i++)
                if (!str_empty(getenv(variables[i])))
                        return true;
        return false;
}
