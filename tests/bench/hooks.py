"""Events whose hook runs: how many a second, and for how long each holds the loop up."""

import contextlib
import statistics
import subprocess
import sys
import time

import bench as common
from bench import TOP
from instance import Daemon
from stub import Server

sys.path.insert(0, str(TOP / "tests" / "integration"))
from runner_socket import RunnerSocket  # noqa: E402

TITLE = "hooks: outcomes with a hook of one line of sh"


class Result:
    def __init__(self, rate, cpu, turns, is_spawning):
        self.rate, self.cpu, self.turns = rate, cpu, turns
        if is_spawning:
            # turns in which a runner is started, with all that they do but wait for the disk; beside
            # what the start itself takes there and then, with hooks running on all cores
            self.blocked = statistics.median(turn for turn, _ in turns["spawn_turns"]) / 1e3
            self.ratio = statistics.median(turn / spawn for turn, spawn in turns["spawn_turns"])


def measure(bench, count, runner="spawn", waiting=0):
    """waiting: other tasks, which do not end, of an account that asks no more."""
    with Server(bench) as server, Daemon(bench, server.url, interval="1s") as daemon, contextlib.ExitStack() as stack:
        done = daemon.path / "done"
        daemon.hook("finished.d/10-note", f"echo >>{done}")
        if runner == "socket":
            daemon.config_path = daemon.path / "conf"  # what RunnerSocket asks for
            daemon.settings["Hooks"]["Runner"] = stack.enter_context(RunnerSocket(daemon)).path
        if waiting:
            daemon.settings["Account idle"] = {**daemon.settings["Account"], "RateLimit": "1/h"}
            daemon.make_tasks(waiting, first=count, keys="Account=idle\n")
        daemon.make_tasks(count)
        server.complete()
        server.hold()
        daemon.start(count_turns=True, is_pinned=False)
        time.sleep(2.5)  # the first polls are spread over two seconds
        daemon.turns.restart()
        pid = daemon.process.pid
        cpu, began = common.own_cpu_seconds(pid), time.monotonic()
        server.go_on()
        common.wait_until(
            lambda: done.exists() and done.stat().st_size >= count, f"{count} hooks", daemon.process, pause=0.01
        )
        took = time.monotonic() - began
        cpu = (common.own_cpu_seconds(pid) - cpu) / count * 1e6
        return Result(count / took, cpu, daemon.turns.read(), runner == "spawn")


def posix_spawn(bench, mib):
    """Microseconds for which a process of that size is blocked, the median of some hundred."""
    command = [bench.program("bench-floor"), "spawn", str(bench.size(300, 20)), str(mib)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[2])


def run(bench):
    count, waiting = bench.size(500, 20), bench.size(100_000, 1_000)
    spawned, large, socket, floors = [], [], [], []
    for _ in range(bench.rounds):
        floors.append(posix_spawn(bench, 0))
        spawned.append(measure(bench, count))
        large.append(measure(bench, count, waiting=waiting))
        socket.append(measure(bench, count, "socket"))
    bench.add("posix_spawn of /bin/true", floors, "µs")
    bench.add("the same in a process of 1 GiB", [posix_spawn(bench, 1024) for _ in floors], "µs")
    for name, rows in (
        ("runner spawned", spawned),
        (f"runner spawned, {waiting:,} others wait", large),
        ("runner behind a socket", socket),
    ):
        bench.add(f"{name}: events a second", [r.rate for r in rows])
        bench.add("  CPU of koowatchd an event", [r.cpu for r in rows], "µs")
        if rows is not socket:
            bench.add("  loop held up by an event", [r.blocked for r in rows], "µs")
            bench.add("  × its posix_spawn", [r.ratio for r in rows], goal=1.5)


def unit_cost(bench, count):
    return measure(bench, count).cpu
