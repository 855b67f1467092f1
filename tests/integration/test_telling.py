"""Nobody who is told something is waited for: a manager, a journal, a console that does not read."""

import contextlib
import fcntl
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import termios
import time
import tty

import pytest
from conftest import needs_root
from koowatch import PATIENCE

SOON = 6  # seconds in which a stop is over; it has no request to wait for
HOOKS = 3  # of hook runners each waits a moment for the log
CROWD = 60


def stop_in_time(koowatch):
    process, koowatch.process = koowatch.process, None
    begin = time.monotonic()
    process.terminate()
    try:
        assert process.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    assert time.monotonic() - begin < SOON


def finish(koowatch, sim, hooks=HOOKS):
    """CROWD tasks that have ended, and were polled; of the first ones a hook has run."""
    tasks = [sim.add_task() for _ in range(CROWD)]
    for number, task in enumerate(tasks):
        keys = {"Hook": "record"} if number < hooks else {}
        koowatch.add_task(f"t{number}", task, **keys)
    koowatch.wait(lambda: all(sim.polls(task) for task in tasks), "polls of all tasks")
    names = lambda: {record["event"]["name"] for record in koowatch.records()}  # noqa: E731
    koowatch.wait(lambda: names() >= {f"t{n}" for n in range(hooks)}, "the hooks")


# The service manager


@pytest.fixture
def manager(koowatch):
    """A socket of a service manager; nobody reads it but the test."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(koowatch.path / "manager"))
        yield manager


def test_a_manager_that_does_not_read(koowatch, sim, manager):
    koowatch.record("named.d/record")
    koowatch.start(wait=False, NOTIFY_SOCKET=str(koowatch.path / "manager"), WATCHDOG_USEC="100000")
    finish(koowatch, sim)
    koowatch.wait_entry("^t[0-9]+: completed", count=CROWD)
    stop_in_time(koowatch)


def test_a_manager_that_reads_late(koowatch, sim, manager):
    koowatch.record("named.d/record")
    koowatch.start(wait=False, NOTIFY_SOCKET=str(koowatch.path / "manager"))
    finish(koowatch, sim)
    koowatch.wait_entry("^t[0-9]+: completed", count=CROWD)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    koowatch.process.send_signal(signal.SIGHUP)
    koowatch.wait_entry("configuration reloaded")
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    told = []
    manager.settimeout(PATIENCE)
    while told.count("READY=1") < 2 or not any(f" {CROWD} finished" in text for text in told):
        told.append(manager.recv(65536).decode())
    events = [text for text in told if not text.startswith("STATUS=")]
    assert [text.split("\n")[0] for text in events] == ["READY=1", "RELOADING=1", "READY=1"]
    assert before <= int(re.search(r"MONOTONIC_USEC=(\d+)", events[1])[1]) <= after
    assert all(text.count("STATUS=") <= 1 for text in told)
    assert len(told) < CROWD


# The console


@contextlib.contextmanager
def pipe():
    """(stderr, what reads it, what lets it go on)"""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield writer, reader, lambda: None
    os.close(reader)
    os.close(writer)


@contextlib.contextmanager
def terminal():
    """One that ^S has stopped."""
    leader, follower = os.openpty()
    tty.setraw(follower)
    termios.tcflow(follower, termios.TCOOFF)
    yield follower, leader, lambda: termios.tcflow(follower, termios.TCOON)
    os.close(leader)
    os.close(follower)


consoles = pytest.mark.parametrize("console", [pipe, terminal])


@consoles
def test_a_console_that_is_not_read(koowatch, sim, console):
    koowatch.record("named.d/record")
    with console() as (stderr, _, _):
        koowatch.start(stderr=stderr)
        finish(koowatch, sim)
        koowatch.wait_status(f".* {CROWD} finished.*")
        stop_in_time(koowatch)
        assert not fcntl.fcntl(stderr, fcntl.F_GETFL) & os.O_NONBLOCK


@consoles
def test_a_console_that_is_read_late(koowatch, sim, console):
    """Without hooks: what their runners write goes between, on a terminal into the daemon's lines."""
    with console() as (stderr, reader, go_on):
        koowatch.start(stderr=stderr)
        finish(koowatch, sim, hooks=0)
        koowatch.wait_status(f".* {CROWD} finished.*")
        go_on()
        text = b""
        while len(re.findall(rb"\ninfo t\d+: completed, all.*(?=\n)", text)) < CROWD:
            assert select.select([reader], [], [], PATIENCE)[0]
            text += os.read(reader, 65536)
        stop_in_time(koowatch)
        go_on()
    lines = text.decode().split("\n")[:-1]
    assert [line for line in lines if not re.match("(debug|info|notice|warning|error) ", line)] == []
    for number in range(CROWD):
        own = [line for line in lines if re.search(rf" KOOWATCH_NAME=t{number} ", line)]
        messages = [line.split("  ")[0] for line in own]
        registered = messages.index(f"info t{number}: registered")
        assert registered < messages.index(f"info t{number}: completed, all succeeded")


# The journal


class Journal:
    """A journal's socket below another /run, which wrapper() lets a command see as its own."""

    def __init__(self, path):
        self.run = path / "run"
        (self.run / "systemd/journal").mkdir(parents=True)
        self.socket = None
        self.open()

    def open(self):
        address = self.run / "systemd/journal/socket"
        address.unlink(missing_ok=True)
        if self.socket:
            self.socket.close()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(address))
        self.socket.settimeout(PATIENCE)
        address.chmod(0o666)

    def wrapper(self):
        return (
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", "-c", 'mount --bind "$0" /run && exec "$@"', self.run),
        )

    def read(self):
        """The fields of the next entry; an empty datagram, which is none, is passed over."""
        while not (entry := self.socket.recv(1 << 20)):
            pass
        return dict(line.split("=", 1) for line in entry.decode().splitlines() if line)


def can_unshare():
    return not subprocess.run(["unshare", "--mount", "true"], check=False).returncode


@pytest.fixture
def journal(koowatch):
    if not shutil.which("unshare") or not can_unshare():
        pytest.skip("needs a mount namespace")
    koowatch.settings["Daemon"]["LogTarget"] = "journal"
    journal = Journal(koowatch.path)
    yield journal
    journal.socket.close()


@needs_root
def test_a_journal_that_does_not_read(koowatch, sim, journal):
    koowatch.record("named.d/record")
    koowatch.start(wrapper=journal.wrapper())
    finish(koowatch, sim)
    koowatch.wait_status(f".* {CROWD} finished.*")
    stop_in_time(koowatch)
    assert koowatch.entries == []


@needs_root
def test_a_journal_that_reads_late(koowatch, sim, journal):
    koowatch.record("named.d/record")
    koowatch.start(wrapper=journal.wrapper())
    finish(koowatch, sim)
    koowatch.wait_status(f".* {CROWD} finished.*")
    entries = []
    completed = lambda: [e for e in entries if e.get("KOOWATCH_OUTCOME") and "MESSAGE_ID" in e]  # noqa: E731
    while len({e["KOOWATCH_NAME"] for e in completed()}) < CROWD:
        entries.append(journal.read())
    mine = [e for e in entries if e["SYSLOG_IDENTIFIER"] == "koowatchd"]
    for number in range(CROWD):
        own = [e["MESSAGE"] for e in mine if e.get("KOOWATCH_NAME") == f"t{number}"]
        registered = own.index(f"t{number}: registered")
        assert registered < own.index(f"t{number}: completed, all succeeded")
    assert koowatch.entries == []


@needs_root
def test_a_journal_that_is_made_anew(koowatch, sim, journal):
    koowatch.start(wrapper=journal.wrapper())
    koowatch.add_task("one", sim.add_task())
    koowatch.wait_status(".* 1 finished.*")
    journal.open()
    koowatch.add_task("two", sim.add_task())
    while journal.read().get("MESSAGE") != "two: completed, all succeeded":
        pass
    assert koowatch.entries == []
