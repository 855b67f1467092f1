#pragma once
/*
 * Proxy: what messages must not show of one, and which hosts need none
 *
 * libcurl quotes a proxy's URL in some of its errors, and where that is mistyped the
 * password may stand where libcurl looks for a host, a port or a scheme.
 */
#include <stdbool.h>

/*
 * Whether text has any part of the user name or password of the proxy, or of one that the
 * environment names. Of a URL that libcurl cannot take apart any part may be one.
 * NULL: the environment's alone.
 */
bool proxy_shows_secret(const char *proxy, const char *text);

/* Whether any variable that libcurl looks at names one. */
bool proxy_is_in_environment(void);
