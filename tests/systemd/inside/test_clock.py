"""What the sandbox leaves of the clocks."""

import contextlib
import pathlib
import sqlite3
import sys

from service import DAEMON, STATE, systemctl


def store(statement):
    with contextlib.closing(sqlite3.connect(STATE / "state.db")) as db, db:
        return db.execute(statement).fetchall()


def test_the_time_between_two_runs_is_told_by_the_boot(service, sim):
    """The wall clock has said 1970 when the task was registered, and is right now."""
    task = sim.add_task(hold=True)
    service.add_task("photos", task, Timeout="1h")
    service.start()
    sim.wait_for(lambda s: s.polls(task) > 0)
    systemctl("stop", DAEMON)
    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")
    boot = int.from_bytes(bytes.fromhex(boot_id[:16]), sys.byteorder, signed=True)
    assert store("SELECT boot FROM task") == [(boot,)]
    store("UPDATE task SET registered = 0, confirmed = 0")
    service.start()
    asked = sim.polls(task)
    sim.wait_for(lambda s: s.polls(task) > asked + 4)
    assert not service.find("^photos: timeout")
