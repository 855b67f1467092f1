"""Tests around whole boots: of the boot tool itself, and of machines that are rebooted."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

# A shell starts what it puts in the background with interrupts ignored, nohup all with hang-ups; and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

BOOT = pathlib.Path(__file__).parents[1] / "boot"
TOP = pathlib.Path(__file__).parents[3]
PATIENCE = 120


class Machine:
    """Its root is kept in path from one boot to the next."""

    def __init__(self, path):
        self.path = path
        self.bound = [TOP]

    def command(self, *arguments, options=()):
        binds = [f"--bind={path}".split("=") for path in self.bound]
        return [BOOT, *sum(binds, []), "--root", self.path, *options, "--", *arguments]

    def boot(self, *arguments, options=(), **popen):
        return subprocess.run(
            self.command(*arguments, options=options),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            **popen,
        )


@pytest.fixture
def machines():
    """As many of them as are asked for: each call makes one."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(new_machine())


@pytest.fixture
def machine(machines):
    return machines()


@contextlib.contextmanager
def new_machine():
    # An overlay's upper layer cannot itself lie on an overlay.
    on_overlay = subprocess.run(["stat", "-fc", "%T", tempfile.gettempdir()], capture_output=True)
    path = tempfile.mkdtemp(dir="/dev/shm" if b"overlay" in on_overlay.stdout else None)
    yield Machine(path)
    shutil.rmtree(path)


@pytest.fixture
def build():
    path = os.environ.get("KOOWATCH_BUILD")
    if not path:
        pytest.skip("KOOWATCH_BUILD does not name a build folder")
    return path
