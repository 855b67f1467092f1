#!/bin/bash
# libseccomp: of a rule for some arguments and one for all, only the latter is left, in either order, and both return 0
#
# Version: libseccomp 2.5.4 (Debian 12, libseccomp2 and libseccomp-dev 2.5.4-1+deb12u1). 2.6.0 (Debian 13) does the
# same.
#
# Where a call should fail with ENOSYS for one argument and with EPERM for all others, one expects the more specific
# rule to win, or the first, or the last, or -EEXIST, which seccomp_rule_add(3) has for a rule that exists. But a rule
# without comparisons replaces those with comparisons for that call, and one with comparisons is dropped where there is
# one without; seccomp_rule_add() and seccomp_rule_add_exact() return 0. Of two rules without comparisons it is the
# first that counts. A negated comparison in the second rule, instead of none, gives what was meant.
#
# Output seen:
#   ENOSYS for 2, then EPERM: 0 0; for 1: EPERM, for 2: EPERM
#   EPERM, then ENOSYS for 2: 0 0; for 1: EPERM, for 2: EPERM
#   EPERM, then ENOSYS: 0 0; for 1: EPERM, for 2: EPERM
#   ENOSYS for 2, then EPERM for all but 2: 0 0; for 1: EPERM, for 2: ENOSYS
#
# Needs Debian 12, gcc, libc6-dev, a kernel with seccomp and apt's lists (apt-get update).
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download libseccomp2=2.5.4-1+deb12u1 libseccomp-dev=2.5.4-1+deb12u1
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$(dirname "$(find "$tmp/root" -name libseccomp.so.2)")

cat >rules.c <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct rule {
    int error;
    bool compares;
    enum scmp_compare with_two;
};

static int add(scmp_filter_ctx filter, const struct rule *rule) {
    const struct scmp_arg_cmp compare = {.arg = 0, .op = rule->with_two, .datum_a = 2};
    return seccomp_rule_add_exact_array(filter, SCMP_ACT_ERRNO(rule->error), SCMP_SYS(alarm), rule->compares, &compare);
}

static const char *outcome(unsigned seconds) {
    return syscall(SYS_alarm, seconds) < 0 ? strerrorname_np(errno) : "success";
}

static void show(const char *what, struct rule first, struct rule second) {
    fflush(stdout);
    if (fork() == 0) { // a filter cannot be taken off again
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        const int one = add(filter, &first), two = add(filter, &second);
        if (seccomp_load(filter) < 0)
            printf("%s: the filter cannot be loaded\n", what);
        else
            printf("%s: %d %d; for 1: %s, for 2: %s\n", what, one, two, outcome(1), outcome(2));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

int main(void) {
    const struct rule enosys_for_2 = {ENOSYS, true, SCMP_CMP_EQ}, enosys = {ENOSYS, false, 0};
    const struct rule eperm = {EPERM, false, 0}, eperm_but_2 = {EPERM, true, SCMP_CMP_NE};
    show("ENOSYS for 2, then EPERM", enosys_for_2, eperm);
    show("EPERM, then ENOSYS for 2", eperm, enosys_for_2);
    show("EPERM, then ENOSYS", eperm, enosys);
    show("ENOSYS for 2, then EPERM for all but 2", enosys_for_2, eperm_but_2);
    return 0;
}
C
gcc -o rules -Iroot/usr/include rules.c "$lib/libseccomp.so.2"
LD_LIBRARY_PATH=$lib ./rules >seen 2>&1 || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what libseccomp makes of two rules for one call, see the difference" >&2
    exit 1
fi
