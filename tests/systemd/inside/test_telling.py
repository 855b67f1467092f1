"""A journald that hangs: the service goes on, and what it has to say comes later."""

import pathlib
import time

import pytest
from service import DAEMON, show, systemctl

SEEN = pathlib.Path("/var/lib/koowatch-hook/seen")
NAMES = [f"t{number}" for number in range(8)]


@pytest.fixture
def stopped_journal(service):
    """Stops journald when it is called, and lets it go on when it is called again."""
    stopped = False

    def toggle():
        nonlocal stopped
        stopped = not stopped
        systemctl("kill", "-s", "STOP" if stopped else "CONT", "systemd-journald")

    SEEN.unlink(missing_ok=True)
    service.settings["Daemon"] = {"LogLevel": "debug"}  # more than any queue of the kernel holds
    service.hook(f"seq 200; echo $KOOWATCH_NAME >>{SEEN}")
    yield toggle
    if stopped:
        toggle()
    SEEN.unlink(missing_ok=True)


def seen():
    return SEEN.read_text().split() if SEEN.exists() else []


def finish(service, sim):
    """One task after the other, so that the order is known."""
    for number, name in enumerate(NAMES):
        service.add_task(name, sim.add_task())
        service.wait(lambda: len(seen()) > number, f"the hook for {name}")  # noqa: B023
    assert seen() == NAMES


def test_a_journal_that_hangs_for_a_while(service, sim, stopped_journal):
    held = sim.add_task(hold=True)
    service.add_task("held", held)
    service.start()
    service.wait_entry("^held: registered")
    stopped_journal()
    polls = sim.polls(held)
    finish(service, sim)
    service.wait_status(f"{len(NAMES)} finished")
    sim.wait_for(lambda s: s.polls(held) > polls + 20)
    assert service.find("^t[0-9]: completed,") == []
    stopped_journal()
    service.wait_entry(f"^{NAMES[-1]}: hook finished.d/10-test ended: done")
    messages = [entry["MESSAGE"] for entry in service.find("^t[0-9]: ", SYSLOG_IDENTIFIER="koowatchd")]
    completed = [text for text in messages if ": completed," in text]
    assert completed == [f"{name}: completed, all succeeded" for name in NAMES]
    for name in NAMES:
        own = [text for text in messages if text.startswith(f"{name}: ")]
        story = ["registered", "completed,", "hook finished.d/10-test started", "hook finished.d/10-test ended"]
        places = [next(i for i, text in enumerate(own) if f": {word}" in text) for word in story]
        assert places == sorted(places)
    assert service.find("log entries were lost") == []


def test_a_stop_does_not_wait_for_the_journal(service, sim, stopped_journal):
    service.add_task("held", sim.add_task(hold=True))
    service.start()
    stopped_journal()
    finish(service, sim)
    begin = time.monotonic()
    systemctl("stop", DAEMON)
    assert time.monotonic() - begin < 10
    assert show("Result") == "success"
