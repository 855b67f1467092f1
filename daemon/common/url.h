#pragma once
/*
 * URLs: which ones are taken where
 *
 * Every URL goes through libcurl's parser, the one that will read it for the request as well.
 */
#include <stdbool.h>

/*
 * Whether url is https://, or http:// to a loopback host (localhost, 127.0.0.0/8,
 * [::1]), or http:// and allow_plain; control characters and user:password@ never.
 * Returns 0 when it is, else -EINVAL, or -ENOMEM: nothing is known of it.
 */
int url_check(const char *url, bool allow_plain);
/* Whether its host is one of those loopback hosts: 1, 0, or -ENOMEM. */
int url_is_loopback(const char *url);

/*
 * Parsers as in config-values.h, into a char *. The endpoint is left without a slash at its end,
 * and may be plain HTTP to any host: only the caller can know whether that is allowed, see
 * url_check(). The proxy is kept as it is written.
 */
int config_parse_endpoint(const char *text, void *field);
int config_parse_proxy(const char *text, void *field);
