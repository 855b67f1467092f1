"""What the benchmarks share: figures and their tables, processes and what they need.

A benchmark is a module with a TITLE and a run(bench) that reports figures: bench.add(name, values,
unit, goal). Ratios are taken within a round, as a machine drifts between rounds. Nothing leaves
the loopback interface.
"""

import contextlib
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
PATIENCE = 3600  # seconds until a benchmark that waits for something gives up
TOKEN = ("Bearer " + "6ebb6266dd5cdefa1d7126af2eb6173c" * 8)[:256]
KDSTOKEN = "0123456789abcdef" * 3


class Figure:
    """One line of a table. goal: the most (at_most) or the least that it should be, or None."""

    def __init__(self, name, values, unit="", goal=None, at_most=True):
        self.name, self.values, self.unit, self.goal, self.at_most = name, values, unit, goal, at_most

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def is_met(self):
        if self.goal is None:
            return None
        return self.median <= self.goal if self.at_most else self.median >= self.goal

    def as_json(self):
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": self.values,
            "goal": self.goal,
            "goal_is": None if self.goal is None else "at most" if self.at_most else "at least",
            "met": self.is_met,
        }

    def cells(self):
        middle = number(self.median)
        if len(self.values) > 1:
            middle += f" ({number(min(self.values))}–{number(max(self.values))})"
        goal = "" if self.goal is None else f"{'≤' if self.at_most else '≥'} {number(self.goal)}"
        verdict = {None: "", True: "met", False: "missed"}[self.is_met]
        return [self.name, f"{middle} {self.unit}".rstrip(), goal, verdict]


def number(value):
    if isinstance(value, int) or value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def format_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


class Bench:
    """One run of one benchmark: its options, its figures and notes, a folder that goes away."""

    def __init__(self, build, rounds, smoke=False, against=None):
        self.build, self.rounds, self.smoke, self.against = build, 1 if smoke else rounds, smoke, against
        self.figures, self.notes = [], []
        self.text = ""  # a table in a benchmark's own form
        self.path = None

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="koowatch-bench-"))
        self.path.chmod(0o755)
        return self

    def __exit__(self, *exception):
        # rmtree() takes minutes for a million files; rm does not
        subprocess.run(["rm", "-rf", self.path], check=True)

    def size(self, full, small):
        """How many of a thing there are; a smoke test takes few."""
        return small if self.smoke else full

    def add(self, name, values, unit="", goal=None, at_most=True):
        self.figures.append(Figure(name, list(values), unit, goal, at_most))

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def program(self, name):
        """One of the bench's own, below the build."""
        return self.build / "tests" / name

    def table(self):
        if not self.figures:
            return self.text.rstrip()
        head = ["", "median (min–max)", "goal", ""]
        return self.text + format_table([head, *(figure.cells() for figure in self.figures)])

    def as_json(self):
        return {"figures": [figure.as_json() for figure in self.figures], "notes": self.notes, "text": self.text}


def machine():
    """What the figures depend on."""
    versions = {}
    for name, command in {
        "nginx": ["nginx", "-v"],
        "wrk": ["wrk", "-v"],
        "h2load": ["h2load", "--version"],
        "go": ["go", "version"],
        "valgrind": ["valgrind", "--version"],
        "curl": ["curl", "--version"],
    }.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            versions[name] = (done.stdout + done.stderr).strip().split("\n")[0]
    with contextlib.suppress(OSError):
        models = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        versions["processor"] = models[0].partition(":")[2].strip()
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return {"cores": len(os.sched_getaffinity(0)), "kernel": platform.release(), "system": release, **versions}


# Processes


def cores():
    """The core of what is measured, and the one of the server."""
    all_cores = sorted(os.sched_getaffinity(0))
    return all_cores[0], all_cores[-1]


def on(core):
    """For Popen() and run(): the process keeps to that core."""
    return {"preexec_fn": lambda: os.sched_setaffinity(0, {core})}


def own_cpu_seconds(pid):
    """Of a process that lives, all of its threads: the kernel's count, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)


def cpu_seconds(pid):
    """Of a process and of its descendants, those that have ended and been waited for included."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    reaped = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    living = 0.0
    for child in children:
        with contextlib.suppress(OSError):
            living += cpu_seconds(int(child))
    return own_cpu_seconds(pid) + reaped + living


def memory(pid):
    """In bytes."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {key: int(fields[key].split()[0]) * 1024 for key in ("VmRSS", "RssAnon", "RssFile", "VmHWM")}


def wait_until(predicate, what, process=None, patience=PATIENCE, pause=0.02):
    """Returns the first true value of predicate()."""
    deadline = time.monotonic() + patience
    while not (value := predicate()):
        if process is not None and process.poll() is not None:
            sys.exit(f"{process.args[0]} has ended, waiting for {what}")
        if time.monotonic() > deadline:
            sys.exit(f"not within {patience} s: {what}")
        time.sleep(pause)
    return value


def wait_idle(pid, patience=PATIENCE):
    """Until a process has taken next to no CPU for a second."""
    before = own_cpu_seconds(pid)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        time.sleep(1)
        after = own_cpu_seconds(pid)
        if after - before < 0.005:
            return
        before = after
    sys.exit(f"process {pid} does not become idle")


def end(process):
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def write(path, text, mode=0o600):
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)


def age(path):
    """As if it had been written a while ago: a start waits for a young secret to settle."""
    written = time.time() - 60
    os.utime(path, (written, written))
