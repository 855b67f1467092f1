"""What the store's file can suffer: damage, a disk that is full or read-only, others that use it."""

import contextlib
import os
import sqlite3
import subprocess
import time

import pytest
from conftest import needs_root
from koowatch import wait_polls
from postgresql import sqlite_only

pytestmark = sqlite_only

PAGE = 4096


def database(koowatch):
    return koowatch.state / "state.db"


def overwrite(path, first, count=1):
    with open(path, "r+b") as file:
        file.seek(first * PAGE)
        file.write(b"\xa5" * PAGE * count)


def finished_once(koowatch, sim):
    """A task that has finished; its file stays."""
    koowatch.record()
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record()
    koowatch.stop()


def damaged_files(koowatch):
    return sorted(path.name for path in koowatch.state.glob("state.db.damaged-*"))


DAMAGE = {
    "header": lambda path: path.write_bytes(b"no database" + path.read_bytes()[11:]),
    "no database": lambda path: path.write_bytes(b"no database" * 1000),
    "schema": lambda path: overwrite(path, 0),
    "page": lambda path: overwrite(path, 1, 5),
    "truncated": lambda path: os.truncate(path, 5000),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_store_is_moved_aside(koowatch, sim, kind):
    finished_once(koowatch, sim)
    DAMAGE[kind](database(koowatch))
    damaged = database(koowatch).read_bytes()
    koowatch.start()
    entry = koowatch.wait_entry("state.db: damaged .*, moved to .*state.db.damaged-[0-9TZ]+; ")
    assert entry.level == "error" and "no longer known" in entry.message
    assert (koowatch.state / damaged_files(koowatch)[0]).read_bytes() == damaged
    koowatch.wait_record(count=2)  # it is registered anew, from its file
    koowatch.restart()
    assert len(koowatch.find("state.db: damaged")) == 1
    assert len(koowatch.records()) == 2


def test_damage_that_shows_while_it_runs(koowatch, sim):
    """Outcomes are held; the next start begins anew and delivers them."""
    task, other = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.add_task("music", other)
    koowatch.start()
    wait_polls(sim, task)
    wait_polls(sim, other)
    with contextlib.closing(sqlite3.connect(database(koowatch), timeout=30)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with db:
            db.execute("CREATE TABLE other (x)")  # the daemon's cache does not hold any more
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = database(koowatch).stat().st_size // PAGE
    overwrite(database(koowatch), 1, pages - 1)
    task.complete()
    koowatch.wait_entry("state.db: damaged .*; outcomes wait; restart koowatchd")
    wait_polls(sim, other)  # polling goes on
    assert not koowatch.find(": completed") and not koowatch.records()

    koowatch.restart()
    koowatch.wait_entry("state.db: damaged .*, moved to")
    koowatch.wait_record()
    assert len(koowatch.find("restart koowatchd")) == 1
    assert len(koowatch.records()) == 1


def test_something_else_in_its_place(koowatch):
    database(koowatch).mkdir()
    koowatch.start(wait=False)
    assert koowatch.end() == 1
    koowatch.wait_entry("state.db: cannot open .*Is a directory.*; move away what is in its place")


# Disks


def in_namespace(koowatch, *commands):
    """Commands that prepare $1, the state directory, where only the daemon sees it."""
    script = " && ".join([*commands, "shift", 'exec "$@"'])
    wrapper = ["unshare", "--mount", "sh", "-c", script, "sh", str(koowatch.state)]
    probe = subprocess.run([*wrapper, "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {probe.stderr.strip()}")
    return wrapper


READ_ONLY = ('mount --bind "$1" "$1"', 'mount -o remount,bind,ro "$1"')
FULL = (
    'cp -a "$1" "$1.copy"',
    'mount -t tmpfs -o size=1m tmpfs "$1"',
    'cp -a "$1.copy/." "$1"',
    'rm -r "$1.copy"',
    '{ cat /dev/zero >"$1/rest" 2>/dev/null || :; }',
)


@needs_root
@pytest.mark.parametrize("how, advice", [(READ_ONLY, "make it writable"), (FULL, "free some disk space")])
def test_a_disk_that_takes_nothing(koowatch, sim, how, advice):
    finished_once(koowatch, sim)
    koowatch.start(wait=False, wrapper=in_namespace(koowatch, *how))
    assert koowatch.end() == 1
    assert advice in koowatch.wait_entry("state.db: cannot open").message
    assert not damaged_files(koowatch)
    koowatch.start()  # it is as it was
    assert len(koowatch.records()) == 1


# Others that use it


def test_one_that_has_it_locked_is_waited_for(koowatch, sim):
    """For a second; then the service manager starts it again."""
    finished_once(koowatch, sim)
    with contextlib.closing(sqlite3.connect(database(koowatch))) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("SELECT count(*) FROM task").fetchone()
        started = time.monotonic()
        koowatch.start(wait=False)
        assert koowatch.end() == 1
        assert time.monotonic() - started >= 1
    assert "another program is writing to it" in koowatch.wait_entry("state.db: cannot open .*locked").message
    koowatch.start()
    assert len(koowatch.records()) == 1


def test_a_backup_and_a_vacuum_beside(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    copy = koowatch.path / "copy.db"
    for command in (f".backup {copy}", "VACUUM"):
        subprocess.run(["sqlite3", "-cmd", ".timeout 30000", database(koowatch), command], check=True)
    task.complete()
    koowatch.wait_record()
    koowatch.restart()
    assert len(koowatch.records()) == 1
    assert not koowatch.find("state.db: (damaged|cannot)")
