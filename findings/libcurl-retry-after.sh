#!/bin/bash
# libcurl: CURLINFO_RETRY_AFTER is negative for a date that has passed, and of two headers the last one counts
#
# Version: libcurl 7.88.1 (Debian 12, libcurl4 and libcurl4-openssl-dev 7.88.1-10+deb12u15).
#
# The number of seconds to wait, or zero if there is no header or none that can be read, is what the manual says of it.
# For a date in the past, as a slow answer or a clock that is ahead makes it, it is the distance, below zero: as an
# unsigned number, or as the argument of poll(), which waits for ever, that is the opposite of "now". It also does not
# tell "retry at once" from "no header", a number of 20 digits is zero as well, and there is no upper bound. libcurl
# 8.14.1 (Debian 13) gives zero for such a date (curl/curl, pull request 15833) and at most six hours, 21600; of two
# headers the last one counts there too.
#
# Output seen:
#   none: zero
#   0: zero
#   120: 120
#   5 and 9, two headers: 9
#   5, 9 in one: 5
#   99999999: 99999999
#   99999999999999999999: zero
#   a date in 2020: negative
#
# Needs Debian 12 with what its libcurl depends on, gcc, libc6-dev, python3 and apt's lists (apt-get update). All
# traffic is on 127.0.0.1.
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" || true; rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download libcurl4=7.88.1-10+deb12u15 libcurl4-openssl-dev=7.88.1-10+deb12u15
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$(dirname "$(find "$tmp/root" -name libcurl.so.4)")
unset http_proxy all_proxy ALL_PROXY

cat >server.py <<'PYTHON'
import http.server
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        for value in urllib.parse.parse_qs(self.path[2:]).get("v", []):
            self.send_header("Retry-After", value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


httpd = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(httpd.server_port, flush=True)
httpd.serve_forever()
PYTHON
mkfifo port
timeout 60 python3 server.py >port &
server=$!
read -r number <port

cat >after.c <<'C'
#include <curl/curl.h>
#include <stdio.h>

int main(int argc, char *argv[]) {
    CURL *easy = curl_easy_init();
    for (int i = 1; i + 2 < argc; i += 2) {
        char url[256];
        snprintf(url, sizeof(url), "http://127.0.0.1:%s/?%s", argv[argc - 1], argv[i + 1]);
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
        curl_off_t wait = 0;
        const CURLcode code = curl_easy_perform(easy);
        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait);
        printf("%s: ", argv[i]);
        if (code != CURLE_OK)
            puts(curl_easy_strerror(code));
        else if (wait > 0)
            printf("%lld\n", (long long) wait);
        else
            puts(wait < 0 ? "negative" : "zero");
    }
    curl_easy_cleanup(easy);
    return 0;
}
C
gcc -o after -I"$(dirname "$(find root -path '*/curl/curl.h')")/.." after.c "$lib/libcurl.so.4"
LD_LIBRARY_PATH=$lib ./after none "" 0 v=0 120 v=120 "5 and 9, two headers" "v=5&v=9" "5, 9 in one" v=5,+9 \
    99999999 v=99999999 99999999999999999999 v=99999999999999999999 \
    "a date in 2020" v=Wed,+01+Jan+2020+00:00:00+GMT "$number" >seen 2>&1 || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what CURLINFO_RETRY_AFTER gives, see the difference" >&2
    exit 1
fi
