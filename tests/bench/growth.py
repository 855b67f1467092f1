"""Whether a unit costs more where there are more of them: each benchmark at three sizes."""

import durable
import hooks
import idle
import rescan
import start
import storm

TITLE = "growth: what a unit costs at three sizes, and the last beside the first"
GOAL = 1.3

# For polls see `instructions`, which counts them at 1,000 and 1,000,000 watches.
PARTS = (
    ("idle: a watch", "bytes", idle.unit_cost, (10_000, 100_000, 1_000_000), (500, 1_000, 2_000)),
    ("start: CPU a file", "µs", start.unit_cost, (10_000, 100_000, 1_000_000), (300, 1_000, 3_000)),
    ("storm: CPU a file", "µs", storm.unit_cost, (1_000, 10_000, 100_000), (100, 300, 1_000)),
    ("rescan: CPU a file", "µs", rescan.unit_cost, (10_000, 100_000, 1_000_000), (300, 1_000, 3_000)),
    ("durable: CPU an outcome", "µs", durable.unit_cost, (2_000, 5_000, 20_000), (100, 200, 300)),
    ("hooks: CPU an event", "µs", hooks.unit_cost, (200, 500, 2_000), (10, 20, 30)),
)


def run(bench):
    for name, unit, unit_cost, full, small in PARTS:
        sizes = [bench.size(*pair) for pair in zip(full, small)]
        rows = [[unit_cost(bench, count) for count in sizes] for _ in range(min(bench.rounds, 3))]
        for count, costs in zip(sizes, zip(*rows)):
            bench.add(f"{name}, of {count:,}", costs, unit)
        bench.add("  the last, × the first", [row[-1] / row[0] for row in rows], goal=GOAL)
