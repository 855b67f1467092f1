"""Resources that run out, or vanish, while the daemon runs: disks, descriptors, watches."""

import shutil

import pytest
from koowatch import wait_polls


@pytest.fixture
def tasks(koowatch, sim):
    """One that will finish, and one that is watched on; the daemon runs."""
    koowatch.record()
    tasks = [sim.add_task(hold=True) for _ in range(2)]
    for name, task in zip(("photos", "music"), tasks):
        koowatch.add_task(name, task)
    koowatch.start()
    for task in tasks:
        wait_polls(sim, task, 2)
    return tasks


def finish_and_wait(koowatch, sim, tasks, message):
    """The outcome cannot be written: that is said, nothing is delivered, and polling goes on."""
    tasks[0].complete()
    entry = koowatch.wait_entry(message)
    assert entry.level == "error"
    wait_polls(sim, tasks[1], 5)
    assert not koowatch.find("^photos: completed") and not koowatch.records()
    assert len(koowatch.find("state.db: cannot write")) == 1


def check_delivered_once(koowatch, sim, tasks):
    koowatch.wait_entry("^photos: .* ended: done")
    wait_polls(sim, tasks[1], 2)  # that has been written by then
    koowatch.restart()
    wait_polls(sim, tasks[1], 2)
    assert len(koowatch.records()) == len(koowatch.find("^photos: completed")) == 1


# The state directory


def remove(path):
    shutil.rmtree(path)


def move_away(path):
    path.rename(path.with_name("moved"))


def remove_and_make(path):
    shutil.rmtree(path)
    path.mkdir(mode=0o700)


def remove_the_database(path):
    for file in path.glob("state.db*"):
        file.unlink()


def remove_the_log(path):
    (path / "state.db-wal").unlink()


@pytest.mark.parametrize(
    "vanish", [remove, move_away, remove_and_make, remove_the_database, remove_the_log]
)
def test_a_state_directory_that_vanishes(koowatch, sim, tasks, vanish):
    """What is written to files without a name would be lost: outcomes wait for the next start."""
    vanish(koowatch.state)
    finish_and_wait(koowatch, sim, tasks, "state.db: cannot write .*removed or moved away.*restart koowatchd")
    koowatch.kill()
    koowatch.start()
    check_delivered_once(koowatch, sim, tasks)


def test_a_state_directory_that_is_put_back(koowatch, sim, tasks):
    koowatch.state.rename(koowatch.path / "moved")
    finish_and_wait(koowatch, sim, tasks, "state.db: cannot write .*removed or moved away")
    (koowatch.path / "moved").rename(koowatch.state)
    koowatch.wait_entry("state.db: writable again")
    check_delivered_once(koowatch, sim, tasks)
