"""The daemon, or a hook runner, dies at each point of an outcome's way; then the daemon is started.

What was on disk at that moment says what may happen afterwards: an outcome that is there is not
asked for again and keeps its id, a hook that is known to have ended well does not run again, and
each outcome is told and delivered at least once. The points are those of CRASH_POINT() in daemon/.
"""

import contextlib
import json
import pathlib
import re
import shutil
import signal
import sqlite3
import tempfile

import pytest
from koowatch import wait_polls
from runner_socket import RunnerSocket

DAEMON = pathlib.Path(__file__).resolve().parents[2] / "daemon"
HOOK = "finished.d/10-record"

POINTS = [
    *("answer-read", "outcome-collected", "telling", "told", "runner-started", "hook-result-read"),
    *("delivery-ended", "delivery-committed"),
    *(f"{point}:{number}" for number in (1, 2, 3) for point in ("commit", "committed")),
]
# Where the file of a task that has finished is removed.
REMOVAL_POINTS = ["file-set-aside", "file-removed", "directory-synced", "task-dropped", "commit:4", "committed:4"]
# Where the bus adds a task: test_control.py has the crashes there.
ADD_POINTS = ["task-written", "task-published"]
RUNNER_POINTS = ["hook-starting", "hook-ended", "hook-reporting", "hook-reported"]


@pytest.fixture(params=["spawn", "socket"])
def runner(request, koowatch, crash_points):
    """A way to start hook runners: its environment is theirs, where they are not the daemon's."""
    if request.param == "spawn":
        yield None
        return
    koowatch.settings["Hooks"]["Runner"] = koowatch.path / "runner"
    with RunnerSocket(koowatch) as socket:
        yield socket


def query(path, text):
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as db, db:
        return db.execute(text).fetchall()


class Disk:
    """What was on disk when the daemon died: of a copy, as reading it would recover the original."""

    EVENTS, GONE = "SELECT event_id, state, settled FROM event", "SELECT 1 FROM task WHERE gone > 0"

    def __init__(self, koowatch):
        if koowatch.server:
            self.events, self.gone = koowatch.query(self.EVENTS), koowatch.query(self.GONE)
            return
        with tempfile.TemporaryDirectory() as folder:
            for path in koowatch.state.glob("state.db*"):
                shutil.copy(path, folder)
            path = pathlib.Path(folder) / "state.db"
            self.events = query(path, self.EVENTS)
            self.gone = query(path, self.GONE)

    def needs_hook(self):
        return not any(state == 1 or HOOK in json.loads(settled or "[]") for _, state, settled in self.events)


def finished(koowatch):
    return koowatch.find("^photos: completed", KOOWATCH_OUTCOME="completed")


def wait_for_another(koowatch, sim, name):
    """The daemon has gone on by then."""
    task = sim.add_task(hold=True)
    koowatch.add_task(name, task)
    wait_polls(sim, task, 2)


def check(koowatch, sim, task, path):
    """Starts the daemon after a crash, and once more when all is done."""
    disk, polls, runs = Disk(koowatch), sim.polls(task), len(koowatch.records())
    koowatch.start()
    koowatch.wait(
        lambda: koowatch.query("SELECT state, told FROM event") == [(1, 1)],
        "the outcome, delivered and told",
    )
    if path.parent == koowatch.spool:
        koowatch.wait(lambda: not path.exists(), "the file's removal")
    wait_for_another(koowatch, sim, "another")
    story = len(finished(koowatch)), len(koowatch.records()), sim.polls(task)
    assert story[0] in (1, 2)
    assert story[1] == runs + disk.needs_hook()
    assert story[2] == polls + (not disk.events)

    koowatch.restart()
    wait_for_another(koowatch, sim, "yet-another")
    assert (len(finished(koowatch)), len(koowatch.records()), sim.polls(task)) == story
    [(event_id,)] = koowatch.query("SELECT event_id FROM event")
    assert [known for known, _, _ in disk.events] in ([], [event_id])
    assert {entry.fields["KOOWATCH_EVENT_ID"] for entry in finished(koowatch)} == {event_id}
    assert {record["event"]["eventId"] for record in koowatch.records()} == {event_id}
    assert path.exists() == (path.parent != koowatch.spool)
    assert not list(koowatch.spool.glob(".*"))
    return disk


def crash(koowatch, sim, where, point):
    """The daemon dies at the point."""
    koowatch.record(HOOK)
    task = sim.add_task()
    path = koowatch.add_task("photos", task, where=where)
    koowatch.start(wait=False, KOOWATCH_CRASH=point)
    assert koowatch.end() == -signal.SIGKILL
    return check(koowatch, sim, task, path)


@pytest.mark.parametrize("point", POINTS)
def test_a_file_that_stays(koowatch, sim, runner, point):
    crash(koowatch, sim, koowatch.low, point)


@pytest.mark.parametrize("point", POINTS + REMOVAL_POINTS)
def test_a_file_that_is_removed(koowatch, sim, runner, point):
    disk = crash(koowatch, sim, koowatch.spool, point)
    assert bool(disk.gone) == (point == "task-dropped") or point == "committed:4"


@pytest.mark.parametrize("point", RUNNER_POINTS)
def test_the_runner(koowatch, sim, runner, point):
    koowatch.record(HOOK)
    task = sim.add_task()
    path = koowatch.add_task("photos", task, where=koowatch.spool)
    if runner:
        runner.environment["KOOWATCH_CRASH"] = point
    koowatch.start(KOOWATCH_CRASH=point)
    koowatch.wait_entry("^photos: the hook runner exited before it reported")
    koowatch.wait(lambda: koowatch.query("SELECT attempts FROM event") == [(1,)], "the last write")
    koowatch.kill()
    if runner:
        runner.environment.clear()
    koowatch.query("UPDATE event SET next = 0")  # as if the pause were over
    check(koowatch, sim, task, path)


def test_no_point_is_left_out():
    found = {
        name
        for path in DAEMON.rglob("*.c")
        for name in re.findall(r'\bCRASH_POINT\("([\w-]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert found == {point.partition(":")[0] for point in POINTS + REMOVAL_POINTS + ADD_POINTS + RUNNER_POINTS}
