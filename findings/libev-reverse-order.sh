#!/bin/bash
# libev: watchers of one kind run in the reverse of the order in which they were started
#
# Version: libev 4.33 (Debian 12, libev4 and libev-dev 1:4.33-1). Debian 13 has the same release, 1:4.33-2.1+b1.
#
# Where several watchers of one priority are due, one expects the order in which they were started, or became due: of
# two ev_prepare watchers, one that collects and one started later that writes, the writer runs first. The last one that
# is queued is the first that is called, so it is the reverse for ev_prepare, ev_check and ev_idle, for events that are
# fed by hand, and for descriptors as epoll tells of them (the longest ready is served last). Timers due at one moment
# have no order at all: they come as the heap has them. The manual promises nothing. Priorities do order what must be in
# order.
#
# Output seen:
#   ev_prepare: C B A
#   ev_check: C B A
#   ev_idle: C B A
#   ev_feed_event: C B A
#   ev_io: C B A
#   ev_timer: A C B
#   ev_prepare, A before B before C by priority: A B C
#
# Needs Debian 12, gcc, libc6-dev and apt's lists (apt-get update).
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download libev4=1:4.33-1 libev-dev=1:4.33-1
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$(dirname "$(find "$tmp/root" -name libev.so.4)")

cat >order.c <<'C'
#define EV_COMPAT3 0
#include <ev.h>
#include <stdio.h>
#include <unistd.h>

static char *names[] = {"A", "B", "C"};

/* Each kind in a loop of its own: three watchers, started in the order of their names, and one iteration. */
#define SHOW(what, kind, prepared, started)                      \
    do {                                                         \
        struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);     \
        kind w[3];                                               \
        printf("%s:", what);                                     \
        for (int i = 0; i < 3; i++) {                            \
            ev_init(&w[i], (void (*)(struct ev_loop *, kind *, int)) called); \
            w[i].data = names[i];                                \
            prepared;                                            \
            started;                                             \
        }                                                        \
        ev_run(loop, EVRUN_NOWAIT);                              \
        puts("");                                                \
    } while (0)

static void called(struct ev_loop *loop, ev_watcher *w, int events) {
    (void) loop;
    (void) events;
    printf(" %s", (char *) w->data);
}

int main(void) {
    int pipes[3][2];
    for (int i = 0; i < 3; i++)
        if (pipe(pipes[i]) < 0 || write(pipes[i][1], "x", 1) != 1)
            return 1;
    SHOW("ev_prepare", ev_prepare, , ev_prepare_start(loop, &w[i]));
    SHOW("ev_check", ev_check, , ev_check_start(loop, &w[i]));
    SHOW("ev_idle", ev_idle, , ev_idle_start(loop, &w[i]));
    SHOW("ev_feed_event", ev_async, , ev_feed_event(loop, &w[i], EV_CUSTOM));
    SHOW("ev_io", ev_io, ev_io_set(&w[i], pipes[i][0], EV_READ), ev_io_start(loop, &w[i]));
    SHOW("ev_timer", ev_timer, ev_timer_set(&w[i], 0., 0.), ev_timer_start(loop, &w[i]));
    SHOW("ev_prepare, A before B before C by priority", ev_prepare, ev_set_priority(&w[i], 2 - i),
         ev_prepare_start(loop, &w[i]));
    return 0;
}
C
gcc -o order -Iroot/usr/include order.c "$lib/libev.so.4"
LD_LIBRARY_PATH=$lib ./order >seen 2>&1 || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: the order in which libev calls watchers, see the difference" >&2
    exit 1
fi
