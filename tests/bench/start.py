"""From the start to READY=1, with many task files; beside what reading them costs at least."""

import pathlib
import shutil
import subprocess
import time

import bench as common
from bench import cores, on
from instance import Daemon

TITLE = "start: task files to READY=1 (first: nothing is known of them; again: all are in the store)"
NOWHERE = "http://127.0.0.1:9"  # nothing listens


def drop_caches():
    """Returns why it is not possible, or None."""
    try:
        subprocess.run(["sync"], check=True)
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError as error:
        return f"cold: left out, as the page cache cannot be dropped ({error.strerror})"
    return None


def floor(bench, how, directory):
    """Returns microseconds of CPU and of wall clock a file."""
    command = [bench.program("bench-floor"), how, directory]
    done = subprocess.run(command, **on(cores()[0]), stdout=subprocess.PIPE, text=True, check=True)
    _, cpu, wall = done.stdout.split()
    return float(cpu), float(wall)


def make(bench, count):
    daemon = Daemon(bench, NOWHERE, rate="1/h")
    daemon.make_tasks(count)
    return daemon


class Start:
    """One start, to READY=1; then the daemon is stopped."""

    def __init__(self, daemon, count, again=False):
        if not again:
            shutil.rmtree(daemon.path / "state")
            (daemon.path / "state").mkdir(0o700)
        began = time.monotonic()
        daemon.start()
        pid = daemon.process.pid
        self.wall = time.monotonic() - began
        self.cpu = common.own_cpu_seconds(pid) / count * 1e6
        said = [began, *(moment for moment, _ in daemon.notifications.messages), began + self.wall]
        self.silence = max(later - earlier for earlier, later in zip(said, said[1:]))
        common.wait_idle(pid)
        self.resident = common.memory(pid)["VmRSS"] / 2**20
        daemon.stop()
        self.state_db = daemon.state_db_bytes / 2**20


def run_many(bench, count):
    """The daemon's starts beside the floor, with everything in the page cache."""
    with make(bench, count) as daemon:
        floors, first, again, cold, cold_floor = [], [], [], [], []
        for _ in range(bench.rounds):
            floors.append(floor(bench, "read", daemon.tasks))
            first.append(Start(daemon, count))
            again.append(Start(daemon, count, again=True))
            if bench.smoke:
                continue
            if why := drop_caches():
                bench.note(why)
                continue
            cold_floor.append(floor(bench, "ahead", daemon.tasks))
            drop_caches()
            cold.append(Start(daemon, count))
    bench.add(f"{count:,} files, warm, the floor: CPU a file", [cpu for cpu, _ in floors], "µs")
    for name, starts in (("first", first), ("again", again)):
        bench.add(f"{count:,} files, warm, {name}: CPU a file", [s.cpu for s in starts], "µs", goal=10)
        bench.add("  wall clock", [s.wall for s in starts], "s")
        bench.add("  wall clock, × the floor", [s.wall / count * 1e6 / f for s, (_, f) in zip(starts, floors)])
    if cold:
        bench.add(f"{count:,} files, cold, the floor with read-ahead", [f * count / 1e6 for _, f in cold_floor], "s")
        bench.add(f"{count:,} files, cold, first: wall clock", [s.wall for s in cold], "s")
        ratios = [s.wall / count * 1e6 / f for s, (_, f) in zip(cold, cold_floor)]
        bench.add("  × the floor with read-ahead", ratios, goal=1.5)


def run_most(bench, count):
    with make(bench, count) as daemon:
        pairs = [(Start(daemon, count), Start(daemon, count, again=True)) for _ in range(min(bench.rounds, 3))]
    for name, starts in zip(("first", "again"), zip(*pairs)):
        bench.add(f"{count:,} files, warm, {name}: wall clock", [s.wall for s in starts], "s", goal=15)
        bench.add("  CPU a file", [s.cpu for s in starts], "µs")
        bench.add("  longest silence towards the service manager", [s.silence for s in starts], "s", goal=90)
        bench.add("  resident afterwards", [s.resident for s in starts], "MiB", goal=192 if count == 10**6 else None)
        bench.add("  state.db", [s.state_db for s in starts], "MiB")


def run(bench):
    run_many(bench, bench.size(100_000, 1_000))
    run_most(bench, bench.size(1_000_000, 3_000))


def unit_cost(bench, count):
    with make(bench, count) as daemon:
        return Start(daemon, count).cpu
