#!/bin/bash
# cmocka: a group teardown that fails is printed as failed, and the program still exits with 0
#
# Version: cmocka 1.1.5 (Debian 12, libcmocka0 and libcmocka-dev 1.1.5-2.1). 1.1.7 (Debian 13) does the same.
#
# The teardown of a group is where one looks for what the tests left behind (files, processes, locks), and a result
# other than 0 means that it failed. cmocka prints "[  FAILED  ] GROUP TEARDOWN", but cmocka_run_group_tests() returns
# 0, which is what main() hands on: meson, make and CI take the program for passed. A group setup that fails and a
# test's own teardown that fails are counted. So such a check belongs in a last test, or main() keeps the teardown's
# result.
#
# Output seen:
#   group setup fails: exit 1
#   group teardown fails: exit 0, FAILED is printed
#   a test's teardown fails: exit 1
#
# Needs Debian 12, gcc, libc6-dev and apt's lists (apt-get update).
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download libcmocka0=1.1.5-2.1 libcmocka-dev=1.1.5-2.1
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$(dirname "$(find "$tmp/root" -name libcmocka.so.0)")

cat >group.c <<'C'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int fails(void **state) {
    (void) state;
    return -1;
}

static void passes(void **state) {
    (void) state;
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest plain[] = {cmocka_unit_test(passes)};
    const struct CMUnitTest with_teardown[] = {cmocka_unit_test_teardown(passes, fails)};
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "setup") == 0)
        return cmocka_run_group_tests(plain, fails, NULL);
    if (strcmp(what, "teardown") == 0)
        return cmocka_run_group_tests(plain, NULL, fails);
    return cmocka_run_group_tests(with_teardown, NULL, NULL);
}
C
gcc -o group -Iroot/usr/include group.c "$lib/libcmocka.so.0"

try() { # WHAT ARGUMENT
    local rc=0
    LD_LIBRARY_PATH=$lib ./group "$2" >out 2>&1 || rc=$?
    echo "$1: exit $rc$(! grep -q 'FAILED.*GROUP TEARDOWN' out || echo ', FAILED is printed')"
}
{
    try "group setup fails" setup
    try "group teardown fails" teardown
    try "a test's teardown fails" test
} >seen 2>&1 || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what becomes of a failed group teardown, see the difference" >&2
    exit 1
fi
