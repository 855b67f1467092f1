"""What waiting tasks cost: memory a watch, all of it, and CPU while nothing is due."""

import time

import bench as common
from instance import Daemon
from stub import Server

TITLE = "idle: watches that wait (a name of 24 characters, ids of 19 digits, an access token of 48, no variables)"
SECONDS = 10


def measure(bench, count):
    """Each is polled once, then waits for an hour. Returns its memory and the CPU of SECONDS."""
    with Server(bench) as server, Daemon(bench, server.url) as daemon:
        daemon.make_tasks(count)
        daemon.start()
        pid = daemon.process.pid
        common.wait_until(lambda: server.requests >= count, f"{count} first polls", daemon.process, pause=0.5)
        common.wait_idle(pid)
        before = common.own_cpu_seconds(pid)
        time.sleep(bench.size(SECONDS, 1))
        return common.memory(pid), common.own_cpu_seconds(pid) - before


def run(bench):
    sizes = [bench.size(full, small) for full, small in ((1_000, 100), (100_000, 1_000), (1_000_000, 3_000))]
    rows = {count: [] for count in sizes}
    for _ in range(min(bench.rounds, 3)):
        for count in sizes:
            rows[count].append(measure(bench, count))
    few, many, most = sizes

    def growth(more, less):
        return [(a["RssAnon"] - b["RssAnon"]) / (more - less) for (a, _), (b, _) in zip(rows[more], rows[less])]

    bench.add(f"a watch, of {many:,}", growth(many, few), "bytes", goal=180)
    bench.add(f"a watch, of {most:,}", growth(most, many), "bytes", goal=180)
    for count in sizes:
        goal = 192 if count == 1_000_000 else None
        bench.add(f"{count:,} watches: resident", [m["VmRSS"] / 2**20 for m, _ in rows[count]], "MiB", goal)
        bench.add("  at most, since the start", [m["VmHWM"] / 2**20 for m, _ in rows[count]], "MiB")
        cpu = [seconds / bench.size(SECONDS, 1) * 100 for _, seconds in rows[count]]
        bench.add("  CPU while idle", cpu, "% of a core")


def unit_cost(bench, count):
    base, _ = measure(bench, bench.size(1_000, 100))
    memory, _ = measure(bench, count)
    return (memory["RssAnon"] - base["RssAnon"]) / (count - bench.size(1_000, 100))
