"""How long other tasks have taken decides when a task is asked about, also after a restart."""

import contextlib
import json
import sqlite3

from koowatch import PATIENCE, wait_polls
from postgresql import sqlite_only


def remember(koowatch, count):
    """The one event in the store becomes so many, whose tasks have taken an hour."""
    with contextlib.closing(sqlite3.connect(koowatch.state / "state.db")) as db, db:
        event_id, body, finished = db.execute("SELECT event_id, body, finished FROM event").fetchone()
        event = json.loads(body)
        event |= {"registeredAt": "2025-05-20T02:00:00Z", "finishedAt": "2025-05-20T03:00:00Z"}
        for i in range(count):
            row = f"{i:02}{event_id[:-2]}", finished, json.dumps(event | {"polls": 30})
            db.execute("INSERT INTO event (event_id, finished, body, state) VALUES (?, ?, ?, 1)", row)


@sqlite_only
def test_learnt_durations_outlive_a_restart(koowatch, sim):
    koowatch.settings["Poll"]["IntervalMax"] = "1h"
    koowatch.start()
    koowatch.add_task("first", sim.add_task(polls=2, task_type=2))
    koowatch.wait_entry("^first: completed")
    koowatch.stop()
    remember(koowatch, 20)  # beside the first, which has not taken as long
    koowatch.start()

    known = sim.add_task(hold=True, task_type=2)
    other = sim.add_task(hold=True, task_type=1)
    koowatch.add_task("known", known)
    sim.wait_for(lambda s: s.polls(known), PATIENCE)  # which may have come already
    koowatch.add_task("other", other)
    wait_polls(sim, other, 6)
    assert sim.polls(known) == 1


def test_expect_in_a_file(koowatch, sim):
    koowatch.settings["Poll"]["IntervalMax"] = "1h"
    koowatch.start()
    known, other = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.add_task("known", known, Expect="1h")
    sim.wait_for(lambda s: s.polls(known), PATIENCE)  # which may have come already
    koowatch.add_task("other", other)
    wait_polls(sim, other, 6)
    assert sim.polls(known) == 1
