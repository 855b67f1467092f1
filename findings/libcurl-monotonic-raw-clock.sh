#!/bin/bash
# libcurl on Linux measures its time-outs on CLOCK_MONOTONIC_RAW, not on the CLOCK_MONOTONIC of event loops
#
# Version: libcurl 8.14.1 (Debian 13). libcurl 7.88.1 (Debian 12) asks for CLOCK_MONOTONIC.
#
# An event loop that drives a multi handle arms a timer for what CURLMOPT_TIMERFUNCTION says, on CLOCK_MONOTONIC (libev,
# libuv, timerfd). libcurl then compares with CLOCK_MONOTONIC_RAW, which no NTP slews: the two drift apart by up to 500
# parts per million, so a loop's timer may run some milliseconds before libcurl takes the time for passed, and must be
# armed again. A test that fakes the monotonic clock to make a time-out pass has to fake both.
#
# Output seen:
#   curl 8.14.1
#   libcurl asks for: CLOCK_MONOTONIC_RAW
#
# Needs Debian 13 with what its curl depends on, gcc and apt's lists (apt-get update). Nothing is sent anywhere.
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
version=$(apt-cache madison libcurl4t64 | awk '$3 ~ /^8\.14\.1-/ { print $3; exit }')
[ -n "$version" ] || { echo "libcurl4t64 8.14.1 is not to be had" >&2; exit 1; }
apt-get -qq -o APT::Sandbox::User=root download "curl=$version" "libcurl4t64=$version"
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$(dirname "$(find "$tmp/root" -name libcurl.so.4)")

# Notes which clocks are asked for by code of libcurl.so.
cat >clocks.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int asked[16];

int clock_gettime(clockid_t id, struct timespec *ret) {
        Dl_info info;

        if (id >= 0 && id < 16 && dladdr(__builtin_return_address(0), &info) &&
            strstr(info.dli_fname, "libcurl.so"))
                asked[id] = 1;
        return (int) syscall(SYS_clock_gettime, id, ret);
}

__attribute__((destructor)) static void tell(void) {
        if (asked[CLOCK_MONOTONIC])
                fputs("libcurl asks for: CLOCK_MONOTONIC\n", stderr);
        if (asked[CLOCK_MONOTONIC_RAW])
                fputs("libcurl asks for: CLOCK_MONOTONIC_RAW\n", stderr);
}
C
gcc -shared -fPIC -o clocks.so clocks.c
echo something >file
{
    LD_LIBRARY_PATH=$lib root/usr/bin/curl --version | sed -n '1s/^\(curl [0-9.]*\) .*/\1/p'
    LD_PRELOAD=$tmp/clocks.so LD_LIBRARY_PATH=$lib root/usr/bin/curl --disable --silent --max-time 10 --output body \
        "file://$tmp/file" 2>&1
} >seen || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: the clock of libcurl's time-outs, see the difference" >&2
    exit 1
fi
