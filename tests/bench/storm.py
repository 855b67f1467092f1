"""Many task files that appear at once while the daemon runs."""

import time

import bench as common
from instance import Daemon
from start import NOWHERE

TITLE = "storm: task files that appear while the daemon runs, until all are watched"


def measure(bench, count, count_turns=False):
    """Returns microseconds of CPU a file, seconds until all were watched, and turns of the loop."""
    with Daemon(bench, NOWHERE, rate="1/h") as daemon:
        aside = daemon.path / "aside"
        aside.mkdir()
        daemon.make_tasks(count, directory=aside)
        daemon.start(count_turns=count_turns)
        pid = daemon.process.pid
        common.wait_idle(pid)
        if count_turns:
            daemon.turns.restart()
        cpu, began = common.own_cpu_seconds(pid), time.monotonic()
        for path in aside.iterdir():
            path.rename(daemon.tasks / path.name)
        watched = f"watching {count} "
        common.wait_until(lambda: daemon.status().startswith(watched), watched, daemon.process)
        took = time.monotonic() - began
        common.wait_idle(pid)
        cpu = common.own_cpu_seconds(pid) - cpu
        return cpu / count * 1e6, took, daemon.turns.read() if count_turns else None


def run(bench):
    count = bench.size(10_000, 300)
    rows = [measure(bench, count) for _ in range(bench.rounds)]
    bench.add(f"{count:,} files: CPU a file", [cpu for cpu, _, _ in rows], "µs")
    bench.add("  until STATUS= shows them all", [took for _, took, _ in rows], "s")


def unit_cost(bench, count):
    return measure(bench, count)[0]
