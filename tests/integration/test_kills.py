"""Some kills of tests/stress/kills, with another seed each time; KOOWATCH_SEED repeats one.

When what comes at which time differs from run to run: a seed that fails is worth a few runs by hand.
"""

import os
import pathlib
import random
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "stress" / "kills"
KILLS, TASKS = 20, 40
PATIENCE = 240  # seconds


@pytest.mark.parametrize("runner", ["spawn", "socket"])
def test_some_kills(build, crash_points, runner):
    seed = os.environ.get("KOOWATCH_SEED") or 2 * random.SystemRandom().randrange(1, 10**6) + (runner == "socket")
    run = subprocess.run(
        [sys.executable, PROGRAM, str(KILLS), "--build", build, "--seed", str(seed), "--tasks", str(TASKS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert f"seed {seed}: {TASKS} tasks, {KILLS} kills" in run.stdout and " 0 failures" in run.stdout
