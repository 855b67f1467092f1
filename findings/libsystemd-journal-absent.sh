#!/bin/bash
# libsystemd: sd_journal_sendv() returns 0, success, where there is no journal at all
#
# Version: libsystemd 252 (Debian 12, libsystemd0 and libsystemd-dev 252.39-1~deb12u2).
#
# One expects -ENOENT or -ECONNREFUSED when /run/systemd/journal/socket does not exist, as in most containers and in a
# chroot, and a fallback such as "if it fails, write to standard error" is built on that. But sd_journal_sendv(),
# sd_journal_send() and sd_journal_print() drop the entry and return 0. sd_journal_print(3) does say so, in one sentence
# that is easily missed. sd_journal_stream_fd(), of the same header, returns -ENOENT there. So such a fallback has to look
# for the socket itself.
#
# Output seen:
#   socket: No such file or directory
#   sd_journal_sendv: 0
#   sd_journal_send: 0
#   sd_journal_print: 0
#   sd_journal_stream_fd: -ENOENT
#
# Needs Debian 12, gcc, libc6-dev and apt's lists (apt-get update). Where there is a journal, the program runs with an
# empty /run/systemd in a mount namespace of its own; where that cannot be had, the script exits with 77.
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

without=()
if [ -e /run/systemd/journal/socket ]; then
    # shellcheck disable=SC2016 # for the inner shell
    without=(unshare --mount --map-root-user sh -c 'mount -t tmpfs none /run/systemd && exec "$@"' sh)
    if ! "${without[@]}" true 2>/dev/null; then
        echo "skipped: there is a journal here, and no mount namespace to be without it" >&2
        exit 77
    fi
fi

apt-get -qq -o APT::Sandbox::User=root download libsystemd0=252.39-1~deb12u2 libsystemd-dev=252.39-1~deb12u2
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$(dirname "$(find "$tmp/root" -name libsystemd.so.0)")

cat >journal.c <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static void show(const char *call, int r) {
    if (r < 0)
        printf("%s: -%s\n", call, strerrorname_np(-r));
    else
        printf("%s: %d\n", call, r);
}

int main(void) {
    if (access("/run/systemd/journal/socket", F_OK) == 0)
        puts("socket: there");
    else
        printf("socket: %m\n");
    char message[] = "MESSAGE=done", priority[] = "PRIORITY=6";
    const struct iovec entry[] = {{message, strlen(message)}, {priority, strlen(priority)}};
    show("sd_journal_sendv", sd_journal_sendv(entry, 2));
    show("sd_journal_send", sd_journal_send("MESSAGE=done", "PRIORITY=6", NULL));
    show("sd_journal_print", sd_journal_print(LOG_INFO, "done"));
    show("sd_journal_stream_fd", sd_journal_stream_fd("finding", LOG_INFO, 0));
    return 0;
}
C
gcc -o journal -Iroot/usr/include journal.c "$lib/libsystemd.so.0"
"${without[@]}" env LD_LIBRARY_PATH="$lib" ./journal >seen 2>&1 || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what libsystemd returns where there is no journal, see the difference" >&2
    exit 1
fi
