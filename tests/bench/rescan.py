"""What it costs to look at the task directories again when nothing has changed."""

import re
import subprocess

from bench import cores, on

TITLE = "rescan: a look at task directories in which nothing has changed"


def measure(bench, count):
    """Returns microseconds of CPU a file, and milliseconds of the longest turn, of the best of three looks."""
    command = [bench.program("bench-rescan"), str(count)]
    text = subprocess.run(command, **on(cores()[0]), stdout=subprocess.PIPE, text=True, check=True).stdout
    looks = re.findall(r": ([\d.]+) s of CPU a round, ([\d.]+) ms at most a turn, 0 read", text)
    return min((float(cpu) / count * 1e6, float(turn)) for cpu, turn in looks)


def run(bench):
    count = bench.size(100_000, 1_000)
    rows = [measure(bench, count) for _ in range(bench.rounds)]
    bench.add(f"{count:,} files: CPU a file", [cpu for cpu, _ in rows], "µs")
    bench.add("  longest turn of the loop", [turn for _, turn in rows], "ms", goal=20)


def unit_cost(bench, count):
    return measure(bench, count)[0]
