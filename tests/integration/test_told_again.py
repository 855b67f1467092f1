"""One outcome, one id, told at least once: crashes between disk and journal, and two files."""

import contextlib
import os
import sqlite3

from koowatch import wait_polls
from postgresql import sqlite_only

FINISHED = "^photos: completed"


def wait_told(koowatch):
    koowatch.wait(
        lambda: koowatch.query("SELECT state, told FROM event") == [(1, 1)], "the last write"
    )


def wait_for_another(koowatch, sim):
    """The daemon has gone on by then."""
    task = sim.add_task(hold=True)
    koowatch.add_task("another", task)
    wait_polls(sim, task, 2)


def test_what_a_crash_kept_from_the_journal_is_told_after_the_start(koowatch, sim):
    task = sim.add_task()
    koowatch.add_task("photos", task)
    koowatch.start()
    first = koowatch.wait_entry(FINISHED)
    wait_told(koowatch)
    koowatch.kill()
    koowatch.query("UPDATE event SET told = '0'")  # as if it had died a moment earlier
    koowatch.record()
    koowatch.start()
    second = koowatch.wait_entry(FINISHED, count=2)
    assert second.line == first.line
    assert second.fields["KOOWATCH_EVENT_ID"]
    wait_told(koowatch)
    koowatch.kill()

    koowatch.start()
    wait_for_another(koowatch, sim)
    assert len(koowatch.find(FINISHED)) == 2
    assert not koowatch.records()
    assert sim.polls(task) == 1


def test_after_a_crash_it_is_told_again_before_its_hooks_run(koowatch, sim):
    koowatch.record(gated=True)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record()
    koowatch.kill()
    koowatch.release()
    koowatch.start()
    koowatch.wait_record(count=2)
    koowatch.release()
    wait_told(koowatch)
    lines = [
        entry.message.partition(",")[0]
        for entry in koowatch.find("^photos: (completed|hook .* started)")
    ]
    assert lines == ["photos: completed", "photos: hook finished.d/10-record started"] * 2
    assert len({entry.fields["KOOWATCH_EVENT_ID"] for entry in koowatch.find(FINISHED)}) == 1


def test_after_an_orderly_end_it_is_not_told_again(koowatch, sim):
    koowatch.record(gated=True)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record()
    koowatch.restart()
    koowatch.wait_record(count=2)
    koowatch.release()
    wait_told(koowatch)
    assert len(koowatch.find(FINISHED)) == 1


@sqlite_only
def test_a_database_that_was_dumped_and_restored(koowatch, sim):
    task = sim.add_task()
    koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry(FINISHED)
    wait_told(koowatch)
    koowatch.stop()
    with contextlib.closing(sqlite3.connect(koowatch.state / "state.db")) as db:
        dump = "\n".join(db.iterdump())
    for path in koowatch.state.glob("state.db*"):
        path.unlink()
    with contextlib.closing(sqlite3.connect(koowatch.state / "state.db")) as db:
        db.executescript(dump)
        assert db.execute("PRAGMA user_version").fetchall() == [(0,)]

    koowatch.start()
    wait_for_another(koowatch, sim)
    koowatch.wait_status("watching 1 .*, 1 finished.*")
    assert len(koowatch.find(FINISHED)) == 1
    assert sim.polls(task) == 1


def test_two_files_of_one_task_across_a_restart(koowatch, sim):
    task = sim.add_task()
    koowatch.record(gated=True)
    first = koowatch.add_task("first", task, where=koowatch.spool)
    koowatch.start()
    before = koowatch.wait_record()
    second = koowatch.add_task("second", task, where=koowatch.spool)
    koowatch.wait_entry("duplicate of", KOOWATCH_NAME="second")
    os.utime(second, (1, 1))  # it is read before the other now
    koowatch.restart()
    after = koowatch.wait_record(count=2)
    koowatch.release(2)
    koowatch.wait(lambda: not first.exists() and not second.exists(), "the removal of both")
    assert after["event"]["eventId"] == before["event"]["eventId"]
    assert koowatch.query("SELECT count(*) FROM event") == [(1,)]
    assert sim.polls(task) == 1
