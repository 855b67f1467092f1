"""What polls cost and what delay they leave, on the reference workload in simulated time."""

import subprocess

TITLE = "pace: polls a task, and seconds from its end to the poll that finds it"


def run(bench):
    command = [bench.program("bench-poll-interval")]
    bench.text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
