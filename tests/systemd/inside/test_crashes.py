"""A few points of integration/test_crashes.py, with the service manager's own runner and sandbox.

The programs of a build with -Dcrash-points=true, KOOWATCH_CRASH_BUILD, stand in for the installed ones.
"""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import tempfile

import pytest
import service as services
from service import DAEMON, STATE, show, systemctl

PROGRAMS = {"koowatchd": "/usr/bin", "koowatch-hook": "/usr/libexec/koowatch"}
POINTS = ["outcome-collected", "committed:2", "told", "runner-started", "hook-result-read", "file-removed"]
RUNNER_POINTS = ["hook-starting", "hook-reported"]


@pytest.fixture(scope="module")
def crashing(installed):
    build = os.environ.get("KOOWATCH_CRASH_BUILD")
    if not build:
        pytest.skip("KOOWATCH_CRASH_BUILD does not name a build with crash points")
    for name, folder in PROGRAMS.items():
        new = shutil.copy(pathlib.Path(build) / name, f"{folder}/.{name}")
        os.rename(new, f"{folder}/{name}")
    yield
    services.install()


def query(path, text):
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as db, db:
        return db.execute(text).fetchall()


def events_on_disk():
    """Of a copy: to read it would recover what the crash has left."""
    with tempfile.TemporaryDirectory() as folder:
        for path in STATE.glob("state.db*"):
            shutil.copy(path, folder)
        return [event_id for (event_id,) in query(f"{folder}/state.db", "SELECT event_id FROM event")]


def start(service, sim, point):
    """Returns the task, which finishes at once."""
    service.drop_in(DAEMON, "Restart=no")
    service.hook("echo ran $KOOWATCH_EVENT_ID")
    systemctl("set-environment", f"KOOWATCH_CRASH={point}")
    task = sim.add_task()
    (STATE / "tasks.d").mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.chown(STATE, "koowatch")
    shutil.chown(STATE / "tasks.d", "koowatch")
    service.add_task("photos", task, where=STATE / "tasks.d")
    service.write_config()
    return task


def check(service, sim, task):
    """Starts the daemon again, and once more when all is done: one outcome, under one id."""
    systemctl("unset-environment", "KOOWATCH_CRASH")
    known, polls = events_on_disk(), sim.polls(task)
    query(STATE / "state.db", "UPDATE event SET next = 0")  # as if the pause were over
    service.start()
    delivered = lambda: query(STATE / "state.db", "SELECT state, told FROM event") == [(1, 1)]  # noqa: E731
    service.wait(delivered, "the outcome, delivered and told")
    service.wait(lambda: not (STATE / "tasks.d/photos.task").exists(), "the file's removal")
    [(event_id,)] = query(STATE / "state.db", "SELECT event_id FROM event")
    assert known in ([], [event_id])
    assert sim.polls(task) == polls + (not known)

    systemctl("restart", DAEMON)
    another = sim.add_task()
    service.add_task("another", another)
    service.wait_entry("10-test ended: done", KOOWATCH_NAME="another")
    assert set(service.output("photos")) == {f"ran {event_id}"}
    told = service.find("^photos: completed", KOOWATCH_OUTCOME="completed")
    assert [entry["KOOWATCH_EVENT_ID"] for entry in told] in ([event_id], [event_id] * 2)
    assert sim.polls(task) == polls + (not known)


@pytest.fixture
def clean_environment():
    yield
    systemctl("unset-environment", "KOOWATCH_CRASH")


@pytest.mark.parametrize("point", POINTS)
def test_the_daemon(crashing, clean_environment, service, sim, point):
    task = start(service, sim, point)
    systemctl("start", DAEMON, check=False)
    service.wait(lambda: show("ActiveState") == "failed", "the crash")
    assert (show("Result"), show("ExecMainStatus")) == ("signal", "9")
    check(service, sim, task)


@pytest.mark.parametrize("point", RUNNER_POINTS)
def test_the_runner(crashing, clean_environment, service, sim, point):
    task = start(service, sim, point)
    systemctl("start", DAEMON)
    service.wait_entry("^photos: the hook runner exited before it reported")
    attempts = lambda: query(STATE / "state.db", "SELECT attempts FROM event") == [(1,)]  # noqa: E731
    service.wait(attempts, "the last write")
    systemctl("kill", "-s", "KILL", DAEMON)
    service.wait(lambda: show("ActiveState") == "failed", "its end")
    check(service, sim, task)
