"""Instructions a poll, libraries included, counted by callgrind: what other programs do is no noise."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time

import bench as common
import poll
from stub import PROTOCOLS, Server

TITLE = "instructions: of a poll, with 64 requests open all the time (callgrind)"
VALGRIND = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]


def control(bench, process, *option):
    command = ["callgrind_control", f"--vgdb-prefix={bench.path}/vgdb", *option, str(process.pid)]
    subprocess.run(command, check=True, capture_output=True)


def dump_counts(bench, process, server, out):
    """Returns the polls until then, and the file. On a busy machine a command can be lost."""
    for _ in range(10):
        polls = server.requests
        control(bench, process, "-d")
        for _ in range(100):
            if dumps := list(out.parent.glob(out.name + ".*")):
                return polls, min(dumps, key=lambda path: path.stat().st_mtime_ns)
            time.sleep(0.1)
    sys.exit("callgrind writes no dump")


def measure(bench, protocol, who, watches, polls):
    """Returns instructions a poll, when the first ones are done."""
    load = poll.Load(bench, watches, 0, settle=0, seconds=0)
    out = bench.path / f"callgrind-{time.monotonic_ns()}"
    valgrind = [*VALGRIND, f"--vgdb-prefix={bench.path}/vgdb", f"--callgrind-out-file={out}"]
    with Server(bench, protocol) as server, contextlib.ExitStack() as stack:
        if who == "bare":
            command = [*valgrind, *poll.poller(bench, server, load, [bench.program("bench-bare")])]
            process = stack.enter_context(poll.program(bench, command))
        else:
            process = stack.enter_context(poll.koowatchd(bench, server, load, wrapper=valgrind))
        warm = bench.size(2_000, 200)
        common.wait_until(lambda: server.requests > warm, "polls", process, pause=0.1)
        control(bench, process, "-i", "on")
        began = server.requests
        common.wait_until(lambda: server.requests > began + polls, "polls", process, pause=0.1)
        polls, dump = dump_counts(bench, process, server, out)
        polls -= began
    text = dump.read_text()
    if keep := os.environ.get("KEEP"):
        shutil.copy(dump, f"{keep}/callgrind.{who}.{protocol.replace('/', '-')}.{watches}")
    return int(re.search(r"^totals: (\d+)", text, re.MULTILINE)[1]) / polls


def run(bench):
    if not shutil.which("valgrind"):
        bench.text = "left out: valgrind is not installed\n"
        return
    few, most, polls = bench.size(1_000, 200), bench.size(1_000_000, 2_000), bench.size(10_000, 500)
    rounds = range(min(bench.rounds, 2))  # repeats differ by half a percent
    for protocol in PROTOCOLS:
        mine = [measure(bench, protocol, "koowatchd", few, polls) for _ in rounds]
        bare = [measure(bench, protocol, "bare", few, polls) for _ in rounds]
        bench.add(f"{protocol}: koowatchd", mine, "instructions")
        bench.add(f"{protocol}: bare", bare, "instructions")
        bench.add("  koowatchd, × bare", [a / b for a, b in zip(mine, bare)], goal=1.0)
        if protocol == "HTTP/1.1":
            first = mine
    large = measure(bench, "HTTP/1.1", "koowatchd", most, polls)
    bench.add(f"HTTP/1.1: koowatchd with {most:,} watches, not {few:,}", [large], "instructions")
    bench.add("  × as many", [large / first[0]], goal=1.3)
