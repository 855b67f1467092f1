#!/bin/bash
# curl --config: an option that curl does not know is passed over, and the request goes out without it
#
# Version: curl 7.88.1 (Debian 12, curl and libcurl4 7.88.1-10+deb12u15).
#
# On the command line a mistyped option ends curl at once, with exit code 2 and no request. In a file read with --config
# it is worth a warning on standard error and no more: the rest of the file applies, the request is made, and the exit
# code is the transfer's, 0. With a mistyped "proxxy" the request hence goes straight to the server. And --silent drops
# the warning, also with --show-error, which is how scripts mostly run curl: then nothing tells of it.
#
# Output seen:
#   curl 7.88.1
#   proxy in the file: answered by the proxy, exit 0
#   proxxy in the file: answered by the server, exit 0
#     Warning: FILE:1: warning: 'proxxy' is unknown
#   proxxy in the file, --silent --show-error: answered by the server, exit 0
#   --proxxy on the command line: not answered, exit 2
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
unset http_proxy all_proxy ALL_PROXY no_proxy NO_PROXY

cat >servers.py <<'PYTHON'
import http.server
import threading


def serve(name):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"answered by the {name}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever).start()
    return httpd.server_port


print(serve("server"), serve("proxy"), flush=True)
PYTHON
mkfifo ports
timeout 60 python3 servers.py >ports &
server=$!
read -r port proxy <ports

try() { # WHAT CURL-ARGUMENT...
    local what=$1 rc=0 answer
    shift
    answer=$(LD_LIBRARY_PATH=$lib root/usr/bin/curl --disable --max-time 10 "$@" \
        "http://127.0.0.1:$port/" 2>errors) || rc=$?
    echo "$what: ${answer:-not answered}, exit $rc"
    sed -n 's/^Warning: [^ :]*:/  Warning: FILE:/p' errors
}
{
    LD_LIBRARY_PATH=$lib root/usr/bin/curl --version | sed -n '1s/^\(curl [0-9.]*\) .*/\1/p'
    echo "proxy = http://127.0.0.1:$proxy" >right
    echo "proxxy = http://127.0.0.1:$proxy" >mistyped
    try "proxy in the file" --config right
    try "proxxy in the file" --config mistyped
    try "proxxy in the file, --silent --show-error" --silent --show-error --config mistyped
    try "--proxxy on the command line" --proxxy "http://127.0.0.1:$proxy"
} >seen 2>&1 || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what curl does about an unknown option in a config file, see the difference" >&2
    exit 1
fi
