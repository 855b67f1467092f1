"""The longest turn of the loop while much happens; waits for the disk apart."""

import bench as common
import durable
import hooks
import rescan
import start
import storm

TITLE = "stall: the longest turn of the loop (CPU of its thread)"
GOAL = 20  # milliseconds


def after_ready(bench, count):
    with start.make(bench, count) as daemon:
        daemon.start(count_turns=True)
        daemon.turns.restart()
        common.wait_idle(daemon.process.pid)
        return daemon.turns.read()


def run(bench):
    files, some, outcomes = bench.size(100_000, 1_000), bench.size(10_000, 300), bench.size(5_000, 200)
    events = bench.size(500, 20)
    parts = {
        f"start, after READY=1, {files:,} files": lambda: after_ready(bench, files),
        f"storm, {some:,} files": lambda: storm.measure(bench, some, count_turns=True)[2],
        f"durable, {outcomes:,} outcomes": lambda: durable.measure(bench, outcomes, count_turns=True)[3],
        f"hooks, {events:,} events, spawned": lambda: hooks.measure(bench, events).turns,
        f"hooks, {events:,} events, by a socket": lambda: hooks.measure(bench, events, "socket").turns,
    }
    for name, part in parts.items():
        turns = [part() for _ in range(bench.rounds)]
        bench.add(f"{name}: CPU", [t["cpu_max"] / 1e6 for t in turns], "ms", goal=GOAL)
        bench.add("  wall clock, without the disk", [t["wall_max"] / 1e6 for t in turns], "ms")
        bench.add("  the disk", [t["disk_max"] / 1e6 for t in turns], "ms")
    longest = [rescan.measure(bench, files)[1] for _ in range(bench.rounds)]
    bench.add(f"rescan, {files:,} files: CPU", longest, "ms", goal=GOAL)
