#!/bin/bash
# cmocka: assert_float_equal() passes for NaN and for infinity, whatever the other number
#
# Version: cmocka 1.1.5 (Debian 12, libcmocka0 and libcmocka-dev 1.1.5-2.1). 1.1.7 (Debian 13) does the same.
#
# NaN equals nothing, so one expects assert_float_equal() to fail where a division by zero gave NaN. It passes, with any
# number on the other side, whatever the epsilon: the assertion can then not fail just where the code under test is
# wrong. Infinity passes as well, against 1 and even against the infinity of the other sign. assert_float_not_equal()
# fails for 1 and either of them.
#
# Output seen:
#   equal(1, 2): failed
#   equal(1, NaN): passed
#   equal(1, inf): passed
#   equal(-inf, inf): passed
#   not_equal(1, NaN): failed
#   not_equal(1, inf): failed
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

cat >nan.c <<'C'
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct pair {
    float a, b;
};

static void is_equal(void **state) {
    const struct pair *p = *state;
    assert_float_equal(p->a, p->b, 0.001F);
}

static void is_not_equal(void **state) {
    const struct pair *p = *state;
    assert_float_not_equal(p->a, p->b, 0.001F);
}

static void show(const char *what, CMUnitTestFunction test, float a, float b) {
    struct pair pair = {a, b};
    const struct CMUnitTest tests[] = {{what, test, NULL, NULL, &pair}};
    const int failures = cmocka_run_group_tests(tests, NULL, NULL);
    printf("%s: %s\n", what, failures ? "failed" : "passed");
}

int main(void) {
    show("equal(1, 2)", is_equal, 1, 2);
    show("equal(1, NaN)", is_equal, 1, NAN);
    show("equal(1, inf)", is_equal, 1, INFINITY);
    show("equal(-inf, inf)", is_equal, -INFINITY, INFINITY);
    show("not_equal(1, NaN)", is_not_equal, 1, NAN);
    show("not_equal(1, inf)", is_not_equal, 1, INFINITY);
    return 0;
}
C
gcc -o nan -Iroot/usr/include nan.c "$lib/libcmocka.so.0"
LD_LIBRARY_PATH=$lib ./nan 2>&1 | grep -E '^(not_)?equal' >seen || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what cmocka's float assertions make of NaN and infinity, see the difference" >&2
    exit 1
fi
