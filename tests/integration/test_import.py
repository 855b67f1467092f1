"""koowatchd --import: what a state.db holds goes to a server, and nothing is done twice."""

import sqlite3

import pytest
from koowatch import wait_polls
from postgresql import IS_STORE

pytestmark = pytest.mark.skipif(IS_STORE, reason="begins with SQLite, and asks for PostgreSQL itself")


def run_import(koowatch, path=None):
    koowatch.write_config()
    return koowatch.run("--config", koowatch.config_path, "--import", path or koowatch.state / "state.db")


def test_nothing_is_forgotten_or_done_twice(koowatch, postgresql, sim):
    done, failing, running = sim.add_task(), sim.add_task(), sim.add_task(hold=True)
    koowatch.record(exits=[0])
    koowatch.hook("named.d/fails", "exit 1")
    koowatch.add_task("done", done)
    koowatch.add_task("failing", failing, Hook="fails")
    koowatch.add_task("running", running)
    koowatch.start()
    koowatch.wait_entry("^done: hook finished.d/10-record ended: done")  # a stop in its midst would repeat it
    koowatch.wait_entry("^failing: hook named.d/fails ended: failed")
    wait_polls(sim, running)
    koowatch.stop()
    [(registered,)] = koowatch.query("SELECT registered FROM task WHERE name = 'running'")
    runs = koowatch.query("SELECT hook, status FROM hook_run ORDER BY event_id, number")
    events = koowatch.query("SELECT event_id, body, state, attempts, finished FROM event ORDER BY id")
    polls = sim.polls(done), sim.polls(failing)

    koowatch.use_postgresql(postgresql)
    moved = run_import(koowatch)
    assert moved.returncode == 0, moved.stderr
    assert moved.stdout.startswith("2 outcomes and 3 tasks moved from ")
    assert not (koowatch.state / "state.db").exists()
    assert (koowatch.state / "state.db.imported").exists()
    assert koowatch.query("SELECT event_id, body, state, attempts, finished FROM event ORDER BY id") == events
    assert koowatch.query("SELECT hook, status FROM hook_run ORDER BY event_id, number") == runs
    assert koowatch.query("SELECT registered FROM task WHERE name = 'running'") == [(registered,)]
    assert koowatch.query("SELECT alive FROM node") == [(0,)]  # nobody waits until it is silent

    koowatch.hook("named.d/fails", "exit 0")
    koowatch.start()
    koowatch.wait_entry("^failing: hook named.d/fails ended: done")  # it was to be tried again
    running.complete()
    koowatch.wait_record(name="running")
    assert (sim.polls(done), sim.polls(failing)) == polls
    assert len(koowatch.records(name="done")) == 1


def test_again_after_an_interruption(koowatch, postgresql, sim):
    tasks = [sim.add_task() for _ in range(3)]
    for number, task in enumerate(tasks):
        koowatch.add_task(f"task-{number}", task)
    koowatch.start()
    koowatch.wait_status("watching 0 .*, 3 finished.*")
    koowatch.stop()
    copy = (koowatch.state / "state.db").read_bytes()
    koowatch.use_postgresql(postgresql)
    assert run_import(koowatch).returncode == 0
    koowatch.query("DELETE FROM event WHERE id = 2")
    koowatch.query("UPDATE event SET attempts = 7")  # newer than what is moved once more
    (koowatch.state / "state.db").write_bytes(copy)
    moved = run_import(koowatch)
    assert moved.stdout.startswith("1 outcomes and 0 tasks moved"), moved.stderr
    assert ", 5 were there already" in moved.stdout
    assert sorted(koowatch.query("SELECT attempts FROM event")) == [(0,), (7,), (7,)]


def test_tasks_whose_files_have_gone(koowatch, postgresql, sim):
    """One whose directory has gone with it is known when that comes back."""
    koowatch.start()
    koowatch.stop()
    with sqlite3.connect(koowatch.state / "state.db") as db:
        insert = (
            "INSERT INTO task (account, share_id, task_id, name, registered, inode, mtime_ns, event_id, gone, away) "
            "VALUES ('default', 's', ?, 'n', 1, 2, 3, 'e', 4, ?)"
        )
        db.executemany(insert, [("gone", 0), ("away", 1)])
    db.close()
    koowatch.use_postgresql(postgresql)
    assert run_import(koowatch).returncode == 0
    rows = koowatch.query("SELECT task_id, gone > 0, away FROM task ORDER BY task_id")
    assert rows == [("away", 1, 1), ("gone", 1, 0)]


def test_what_is_refused(koowatch, postgresql, sim):
    koowatch.start()
    koowatch.stop()
    refused = run_import(koowatch)
    assert refused.returncode == 78
    assert "nothing to move to: set Backend=postgresql" in refused.stderr

    koowatch.use_postgresql(postgresql)
    refused = run_import(koowatch, "/nowhere/state.db")
    assert refused.returncode == 1
    assert "/nowhere/state.db: cannot open (No such file" in refused.stderr

    koowatch.start()
    refused = run_import(koowatch)
    assert refused.returncode == 1
    assert "in use by another koowatchd" in refused.stderr
    koowatch.stop()

    koowatch.settings["Store"]["Connection"] = "host=/nowhere"
    refused = run_import(koowatch)
    assert refused.returncode == 1
    assert "postgresql:///nowhere/: " in refused.stderr
    assert (koowatch.state / "state.db").exists()
