"""Hooks where other nodes may run them: they end when their daemon is not heard of.

What the runner does by itself is in test_hook_runner.py.
"""

import contextlib
import os
import select
import signal
import time

import pytest
from koowatch import PATIENCE
from postgresql import IS_STORE
from runner_socket import RunnerSocket

pytestmark = pytest.mark.skipif(IS_STORE, reason="names its store")

RUN_FOR = 13  # seconds, from the last word of the daemon's
EVERY = 4


@pytest.fixture(params=["spawn", "socket"])
def fleet(request, koowatch, postgresql):
    """A daemon that shares its store, and starts its runners or finds them behind a socket."""
    koowatch.use_postgresql(postgresql)
    koowatch.settings["Store"]["Node"] = "alpha.example"
    with contextlib.ExitStack() as stack:
        if request.param == "socket":
            koowatch.settings["Hooks"]["Runner"] = koowatch.path / "runner"
            stack.enter_context(RunnerSocket(koowatch))
        yield koowatch


class Held:
    """A hook that waits, and the sight of its end. Each attempt is noted."""

    def __init__(self, koowatch):
        self._koowatch = koowatch
        self._fifo = koowatch.path / "held"
        self._attempts = koowatch.path / "attempts"
        self._attempts.touch()
        self._attempts.chmod(0o666)
        os.mkfifo(self._fifo, 0o666)
        self._fd = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)
        koowatch.hook(
            "finished.d/10-held",
            f"exec 9>'{self._fifo}'; echo $KOOWATCH_ATTEMPT >>'{self._attempts}'; sleep 1000 & wait",
        )

    def wait_start(self, count=1):
        self._koowatch.wait(lambda: len(self.attempts()) == count, f"attempt {count} of the hook")

    def attempts(self):
        return self._attempts.read_text().split()

    def has_gone(self, within):
        """Nobody has the FIFO open for writing any more."""
        poll = select.poll()
        poll.register(self._fd, 0)
        return bool(poll.poll(within * 1000))

    def close(self):
        os.close(self._fd)


@pytest.fixture
def held(fleet):
    held = Held(fleet)
    yield held
    held.close()


def start(koowatch, sim):
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()


def test_hooks_go_on_with_their_daemon(fleet, sim):
    """For longer than they may without it."""
    fleet.hook("finished.d/10-long", f"sleep {RUN_FOR + EVERY}")
    fleet.record()
    start(fleet, sim)
    fleet.wait_entry("finished.d/10-long ended: done")
    record = fleet.wait_record()
    assert record["env"]["KOOWATCH_NODE"] == record["event"]["node"] == "alpha.example"
    assert "runUntil" not in record["event"]


def test_hooks_end_with_their_daemon(fleet, held, sim):
    start(fleet, sim)
    held.wait_start()
    fleet.kill()
    assert held.has_gone(EVERY)
    fleet.start()
    held.wait_start(2)  # and the next one runs them
    assert held.attempts() == ["1", "1"]


def test_hooks_end_when_their_daemon_stops(fleet, held, sim):
    start(fleet, sim)
    held.wait_start()
    fleet.stop()
    assert held.has_gone(EVERY)
    fleet.start()
    held.wait_start(2)
    assert held.attempts() == ["1", "1"]


def test_hooks_end_when_nothing_is_heard_of_their_daemon(fleet, held, sim):
    start(fleet, sim)
    held.wait_start()
    fleet.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    assert held.has_gone(PATIENCE)
    assert RUN_FOR - EVERY - 1 < time.monotonic() - stopped < RUN_FOR + EVERY
    fleet.process.send_signal(signal.SIGCONT)
    held.wait_start(2)  # it is tried again


def test_alone_hooks_go_on(koowatch, sim):
    koowatch.hook("finished.d/10-go", f"read line <'{koowatch.gate}'; touch '{koowatch.path}/ended'")
    koowatch.record("finished.d/05-record")
    start(koowatch, sim)
    record = koowatch.wait_record()
    assert not {"node", "fence", "runUntil"} & record["event"].keys()
    assert not {"KOOWATCH_NODE", "KOOWATCH_FENCE"} & record["env"].keys()
    koowatch.kill()
    with open(koowatch.gate, "w") as gate:
        gate.write("\n")
    koowatch.wait((koowatch.path / "ended").exists, "the end of the hook")
