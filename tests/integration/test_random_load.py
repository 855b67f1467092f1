"""A few seconds of tests/stress/random-load, with another seed each time.

KOOWATCH_SEED repeats one. What it does depends on time as well: a seed that fails is worth a few
runs by hand, `tests/run --all` has longer ones.
"""

import os
import pathlib
import random
import subprocess
import sys

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "stress" / "random-load"
SECONDS = 6
PATIENCE = 180  # seconds, with all that is waited for after the load


def test_a_few_seconds_of_random_load(build):
    seed = os.environ.get("KOOWATCH_SEED") or str(random.SystemRandom().randrange(1, 10**6))
    run = subprocess.run(
        [sys.executable, PROGRAM, seed, "--build", build, "--seconds", str(SECONDS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, f"seed {seed}:\n{run.stdout}"
    assert f"seed {seed}: " in run.stdout and "0 failures" in run.stdout
