#!/bin/bash
# curl --fail: a proxy that refuses CONNECT gives exit code 22, which seems to be the server's answer
#
# Version: curl 7.88.1 (Debian 12, curl and libcurl4 7.88.1-10+deb12u15).
#
# Exit code 22 (CURLE_HTTP_RETURNED_ERROR) is commonly read as "the server was reached and answered 400 or more". With
# --fail (CURLOPT_FAILONERROR) it is also what comes of a proxy that refuses the tunnel, with 407, 403 or 502, when not a
# byte has gone to the server. Without --fail, and with --fail-with-body too, the code is 56 and the message names the
# tunnel; with --fail the message, "The requested URL returned error: 407", gives no hint. %{http_code}, which is 000,
# tells the two apart, and %{http_connect} has the proxy's status.
#
# Output seen:
#   curl 7.88.1
#   407: exit 56, http_code 000, http_connect 407, curl: (56) CONNECT tunnel failed, response 407
#   407 --fail-with-body: exit 56, http_code 000, http_connect 407, curl: (56) CONNECT tunnel failed, response 407
#   407 --fail: exit 22, http_code 000, http_connect 407, curl: (22) The requested URL returned error: 407
#   403 --fail: exit 22, http_code 000, http_connect 403, curl: (22) The requested URL returned error: 403
#   502 --fail: exit 22, http_code 000, http_connect 502, curl: (22) The requested URL returned error: 502
#
# Needs Debian 12 with what its curl depends on, python3 and apt's lists (apt-get update). All traffic is on 127.0.0.1.
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" || true; rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download curl=7.88.1-10+deb12u15 libcurl4=7.88.1-10+deb12u15
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$(dirname "$(find "$tmp/root" -name libcurl.so.4)")
unset no_proxy NO_PROXY

cat >proxy.py <<'PYTHON'
import http.server


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self):
        status = int(self.path.split(".")[0])  # 407.example:443
        self.send_response(status)
        if status == 407:
            self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(httpd.server_port, flush=True)
httpd.serve_forever()
PYTHON
mkfifo port
timeout 60 python3 proxy.py >port &
server=$!
read -r proxy <port

try() { # STATUS CURL-OPTION...
    local status=$1 rc=0 codes
    shift
    codes=$(LD_LIBRARY_PATH=$lib root/usr/bin/curl --disable --silent --show-error --max-time 10 "$@" \
        --write-out 'http_code %{http_code}, http_connect %{http_connect}' --output body \
        --proxy "http://127.0.0.1:$proxy" "https://$status.example/" 2>errors) || rc=$?
    echo "$status${*:+ $*}: exit $rc, $codes, $(cat errors)"
}
{
    LD_LIBRARY_PATH=$lib root/usr/bin/curl --version | sed -n '1s/^\(curl [0-9.]*\) .*/\1/p'
    try 407
    try 407 --fail-with-body
    try 407 --fail
    try 403 --fail
    try 502 --fail
} >seen 2>&1 || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: how curl --fail reports a proxy that refuses CONNECT, see the difference" >&2
    exit 1
fi
