"""What is on disk before what: the system calls of the daemon, as strace sees them.

After a power failure, what was not synced may be missing, in any order.
"""

import contextlib
import re
import shutil
import sqlite3
import subprocess

import pytest
from koowatch import wait_polls
from postgresql import sqlite_only

pytestmark = sqlite_only

CALLS = "mkdir,unlinkat,renameat,renameat2,rename,fsync,fdatasync,pwrite64,write,writev"


class Trace:
    """The calls, one a line; positions are those of lines."""

    def __init__(self, path):
        self.lines = [line for line in path.read_text(errors="replace").splitlines() if " = -1 " not in line]

    def find(self, call, argument):
        """All positions of successful calls that have the argument somewhere."""
        return [i for i, line in enumerate(self.lines) if re.search(rf"\b(?:{call})\(", line) and argument in line]

    def sync(self, path):
        return self.find("fsync|fdatasync", f"<{path}>")


@pytest.fixture
def trace(koowatch):
    """Starts the daemon, and returns its trace when it is stopped by trace()."""
    path = koowatch.path / "trace"
    strace = ["strace", "-D", "-y", "-s", "200", "-e", f"trace={CALLS}", "-o", str(path)]
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    tried = subprocess.run([*strace, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"strace may not trace: {tried.stderr}")
    koowatch.wrapper = strace
    koowatch.start(ASAN_OPTIONS="exitcode=99:abort_on_error=0:detect_leaks=0")  # which wants to trace, too

    def stop():
        koowatch.stop()
        koowatch.wait(lambda: "+++ exited" in path.read_text(errors="replace"), "the end of the trace")
        return Trace(path)

    return stop


def wal(koowatch):
    return f"{koowatch.state}/state.db-wal"


def live_tasks(koowatch):
    with contextlib.closing(sqlite3.connect(koowatch.state / "state.db", timeout=30)) as db:
        return db.execute("SELECT name FROM task WHERE gone = 0").fetchall()


def test_an_outcome_is_on_disk_before_it_is_told(koowatch, sim, trace):
    koowatch.add_task("photos", sim.add_task())
    koowatch.wait_entry("^photos: completed")
    calls = trace()
    [told] = calls.find("write|writev", "photos: completed")
    written = max(i for i in calls.find("pwrite64", f"<{wal(koowatch)}>") if i < told)
    assert [i for i in calls.sync(wal(koowatch)) if written < i < told]
    # The database's log is a new file; that it is there has to be on disk, too.
    assert [i for i in calls.sync(koowatch.state) if i < told]


@pytest.fixture
def without_state(koowatch):
    shutil.rmtree(koowatch.state)


def test_a_directory_that_was_made_is_on_disk_before_what_is_in_it(koowatch, without_state, trace):
    calls = trace()
    for made in (koowatch.state, koowatch.spool):
        [at] = calls.find("mkdir", f'"{made}"')
        written = min(calls.find("pwrite64", f"<{wal(koowatch)}>"))
        assert [i for i in calls.sync(made.parent) if at < i < written]


def check_order(koowatch, calls, removed, directory):
    """That the file has gone is on disk before anything else is written, and then the task goes."""
    synced = min(i for i in calls.sync(directory) if i > removed)
    written = [i for i in calls.find("pwrite64", f"<{wal(koowatch)}>") if i > removed]
    assert written and synced < written[0]
    assert [i for i in calls.sync(wal(koowatch)) if i > written[0]]


def test_that_a_finished_file_was_removed_is_on_disk_before_its_task_is_forgotten(koowatch, sim, trace):
    path = koowatch.add_task("photos", sim.add_task(), where=koowatch.spool)
    koowatch.wait(lambda: not path.exists() and not live_tasks(koowatch), "the end of the task")
    calls = trace()
    [removed] = calls.find("unlinkat", "photos.finished")
    delivered = max(i for i in calls.sync(wal(koowatch)) if i < removed)
    assert max(i for i in calls.find("pwrite64", f"<{wal(koowatch)}>") if i < removed) < delivered
    check_order(koowatch, calls, removed, koowatch.spool)


def test_that_somebody_removed_a_file_is_on_disk_before_its_task_is_forgotten(koowatch, sim, trace):
    task = sim.add_task(hold=True)
    path = koowatch.add_task("photos", task)
    wait_polls(sim, task, 2)  # it is registered, and that is written
    path.unlink()
    koowatch.wait(lambda: not live_tasks(koowatch), "the end of the task")
    calls = trace()
    removed = max(calls.find("write|writev", "photos: "))
    check_order(koowatch, calls, removed, koowatch.low)
