"""Outcomes that end together: each is committed, told and handed over."""

import contextlib
import functools
import pathlib
import subprocess
import tempfile
import time

import bench as common
import poll
from instance import Daemon
from stub import Server

TITLE = "durable: outcomes that end together, without hooks (the poll that finds each is included)"
WATCHDOG = 1.0  # seconds


@contextlib.contextmanager
def postgresql():
    """The conninfo of a server, which syncs what is committed; None where there is none."""
    script = pathlib.Path(__file__).resolve().parents[1] / "postgresql"
    with tempfile.TemporaryDirectory(prefix="koowatch-bench-") as directory:
        path = pathlib.Path(directory)
        path.chmod(0o755)
        if subprocess.run([script, "start", path / "s", "fsync=on"]).returncode != 0:
            yield None
            return
        try:
            yield (path / "s/conninfo").read_text().strip()
        finally:
            subprocess.run([script, "stop", path / "s"], check=True)


def measure(bench, count, count_turns=False, store=None):
    """All are due when the server begins to answer. Returns outcomes a second, microseconds of CPU
    for each, the longest time without a watchdog ping, and turns of the loop."""
    with Server(bench) as server, Daemon(bench, server.url, accounts=4, interval="1s") as daemon:
        daemon.settings["Daemon"]["LogLevel"] = "info"
        if store:
            daemon.settings["Store"] = store
        daemon.make_tasks(count)
        server.complete()
        server.hold()
        daemon.start(count_turns=count_turns, WATCHDOG_USEC=str(int(WATCHDOG * 1e6)))
        time.sleep(2.5)  # the first polls are spread over two seconds
        if count_turns:
            daemon.turns.restart()
        pid = daemon.process.pid
        cpu, began = common.own_cpu_seconds(pid), time.monotonic()
        server.go_on()

        def all_are_told():
            daemon.notifications.poll()  # a ping counts from when it is read
            return daemon.count_log(b": completed, ") >= count

        common.wait_until(all_are_told, f"{count} outcomes", daemon.process, pause=0.01)
        ended = time.monotonic()
        # Now, as nobody reads the pings that come while the daemon becomes idle.
        pings = [moment for moment in daemon.notifications.times("WATCHDOG=1") if began < moment < ended]
        gap = max(later - earlier for earlier, later in zip([began, *pings], [*pings, ended]))
        common.wait_idle(pid)
        cpu = common.own_cpu_seconds(pid) - cpu
        return count / (ended - began), cpu / count * 1e6, gap, daemon.turns.read() if count_turns else None


def poll_cost(bench):
    load = poll.Load(bench, bench.size(1_000, 200), 0, settle=1, seconds=5)
    with Server(bench) as server:
        return poll.measure(bench, server, poll.koowatchd, load)[0]


def paced_poll_cost(bench, store=None):
    """Of a poll that finds nothing new, as nearly all do."""
    load = poll.Load(bench, bench.size(1_000, 200), 1_000, settle=2, seconds=8)
    with Server(bench) as server:
        return poll.measure(bench, server, functools.partial(poll.koowatchd, store=store), load)[0]


def run(bench):
    count = bench.size(5_000, 200)
    rows, polls = [], []
    remote, ratios = [], []
    with postgresql() as conninfo:
        for number in range(bench.rounds):
            rows.append(measure(bench, count))
            polls.append(poll_cost(bench))
            if conninfo:
                store = {"Backend": "postgresql", "Connection": conninfo, "Fleet": f"round_{number}"}
                remote.append(measure(bench, count, store=store))
                store = {**store, "Fleet": f"polls_{number}"}
                ratios.append(paced_poll_cost(bench, store) / paced_poll_cost(bench))
    bench.add(f"{count:,} outcomes: a second", [rate for rate, _, _, _ in rows], goal=10_000, at_most=False)
    bench.add("  CPU an outcome", [cpu for _, cpu, _, _ in rows], "µs")
    bench.add("  × a poll (saturated, HTTP/1.1)", [row[1] / cost for row, cost in zip(rows, polls)], goal=2)
    gaps = [gap for _, _, gap, _ in rows]
    bench.add("  longest time without a watchdog ping, WATCHDOG_USEC=1s", gaps, "s", goal=WATCHDOG)
    if remote:
        bench.add("on PostgreSQL: a second", [rate for rate, _, _, _ in remote], goal=2_000, at_most=False)
        bench.add("  CPU an outcome, of koowatchd", [cpu for _, cpu, _, _ in remote], "µs")
        bench.add("  × SQLite's", [there[1] / here[1] for there, here in zip(remote, rows)], goal=1.5)
        bench.add("  CPU a poll, 1,000 a second: × SQLite's", ratios, goal=1.5)


def unit_cost(bench, count):
    return measure(bench, count)[1]
