#!/bin/bash
# sd-bus: what waits to be written costs time by the square of its number
#
# Version: libsystemd 252.39 (Debian 12, libsystemd0 252.39-1~deb12u2).
#
# One expects a queue to cost the same for each message, however many wait. But the messages that do not fit into the
# socket stand in an array, and for each one that has been written the whole rest is moved by a place (dispatch_wqueue()
# in sd-bus.c): by the time that the last one is out, a message has cost 5 µs of CPU where 10,000 waited, and 22 µs where
# 320,000 did (sd-bus takes 393,216). It pays to stop long before that, as nothing else tells that a peer does not read.
#
# Output seen:
#   10000 wait: all written, all read
#   320000 wait: all written, all read
#   a message costs more than twice as much: True
#
# Needs Debian 12, python3 and apt's lists (apt-get update).
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download libsystemd0=252.39-1~deb12u2
dpkg -x libsystemd0_*.deb root
lib=$(find "$tmp/root" -name 'libsystemd.so.0')

python3 - "$lib" >seen 2>&1 <<'PYTHON' || true
import ctypes
import os
import socket
import sys
import time

sd = ctypes.CDLL(sys.argv[1])
for name in ("process", "get_n_queued_write", "emit_signal", "set_fd", "set_server", "start", "is_ready"):
    getattr(sd, f"sd_bus_{name}").restype = ctypes.c_int


class Id128(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint8 * 16)]


def end(fd, is_server):
    bus = ctypes.c_void_p()
    assert sd.sd_bus_new(ctypes.byref(bus)) >= 0
    assert sd.sd_bus_set_fd(bus, fd, fd) >= 0
    if is_server:
        assert sd.sd_bus_set_server(bus, 1, Id128((ctypes.c_uint8 * 16)(1))) >= 0
    assert sd.sd_bus_start(bus) >= 0
    return bus


def queued(bus):
    count = ctypes.c_uint64()
    assert sd.sd_bus_get_n_queued_write(bus, ctypes.byref(count)) >= 0
    return count.value


def cost(wanted):
    """CPU seconds a message of so many that wait, until the last one is written."""
    ours, theirs = socket.socketpair()
    for one in (ours, theirs):
        one.setblocking(False)
    client, server = end(ours.fileno(), False), end(theirs.fileno(), True)
    while sd.sd_bus_is_ready(client) == 0 or sd.sd_bus_is_ready(server) == 0:
        sd.sd_bus_process(client, None)
        sd.sd_bus_process(server, None)
    while queued(client) < wanted:
        assert sd.sd_bus_emit_signal(client, b"/a", b"a.b", b"C", b"s", b"photos") >= 0
    written = read = 0
    began = time.process_time()
    while queued(client) > 0:
        try:
            while os.read(theirs.fileno(), 1 << 20):
                pass
        except BlockingIOError:
            pass
        assert sd.sd_bus_process(client, None) >= 0
    print(f"{wanted} wait: all written, all read", flush=True)
    return (time.process_time() - began) / wanted


few, many = cost(10000), cost(320000)
print("a message costs more than twice as much:", many > 2 * few)
PYTHON
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what a long queue costs, see the difference" >&2
    exit 1
fi
