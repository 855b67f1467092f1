"""Resources that run out, or vanish, while the daemon runs: disks, descriptors, watches."""

import pathlib
import resource
import shutil
import subprocess

import pytest
from conftest import needs_root
from koodrive_simulator import DEFAULT_TOKEN
from koowatch import age, wait_polls
from postgresql import sqlite_only
from test_store_faults import in_namespace
from test_without_events import in_its_mounts


def add_and_start(koowatch, sim):
    """Tasks, one that will finish and one that is watched on; the daemon runs."""
    tasks = [sim.add_task(hold=True) for _ in range(2)]
    for name, task in zip(("photos", "music"), tasks):
        koowatch.add_task(name, task)
    koowatch.start()
    for task in tasks:
        wait_polls(sim, task, 2)
    return tasks


@pytest.fixture
def tasks(koowatch, sim):
    koowatch.record()
    return add_and_start(koowatch, sim)


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
@sqlite_only
def test_a_state_directory_that_vanishes(koowatch, sim, tasks, vanish):
    """What is written to files without a name would be lost: outcomes wait for the next start."""
    vanish(koowatch.state)
    finish_and_wait(koowatch, sim, tasks, "state.db: cannot write .*removed or moved away.*restart koowatchd")
    koowatch.kill()
    koowatch.start()
    check_delivered_once(koowatch, sim, tasks)


@sqlite_only
def test_a_state_directory_that_is_put_back(koowatch, sim, tasks):
    koowatch.state.rename(koowatch.path / "moved")
    finish_and_wait(koowatch, sim, tasks, "state.db: cannot write .*removed or moved away")
    (koowatch.path / "moved").rename(koowatch.state)
    koowatch.wait_entry("state.db: writable again")
    check_delivered_once(koowatch, sim, tasks)


# Descriptors

ACCOUNTS, TASKS = 50, 24  # of each account: more at once than there are descriptors
DESCRIPTORS = 1024


@pytest.fixture
def many_descriptors():
    """For the simulator, which lives in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4 * DESCRIPTORS:
        pytest.skip(f"a limit of {hard} descriptors is too low for the simulator")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_requests_than_descriptors(koowatch, sim, many_descriptors):
    """They take turns: no account is unreachable, and hooks run and tokens are read beside them."""
    sim.tokens = {f"Bearer token-of-{number}" for number in range(ACCOUNTS)} | {DEFAULT_TOKEN}
    for number in range(ACCOUNTS):
        token = koowatch.path / f"token-{number}"
        token.write_text(f"Bearer token-of-{number}\n")
        token.chmod(0o600)
        age(token)
        section = {"TokenFile": token, "MaxInFlight": "32"}
        koowatch.settings[f"Account a{number}"] = koowatch.settings["Account"] | section
    tasks = [sim.add_task(hold=True) for _ in range(ACCOUNTS * TASKS)]
    for number, task in enumerate(tasks):
        koowatch.add_task(f"t{number}", task, Account=f"a{number % ACCOUNTS}")
    koowatch.record()
    sim.faults.add("delay", seconds=1)
    koowatch.start(wrapper=["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"])
    sim.wait_for(lambda s: s.in_flight_max > DESCRIPTORS // 5)
    koowatch.add_task("photos", sim.add_task())
    koowatch.wait_record(name="photos")
    sim.wait_for(lambda s: all(s.polls(task) for task in tasks), timeout=60)
    warnings = [entry.message for entry in koowatch.entries if entry.level in ("warning", "error")]
    assert [message[:54] for message in warnings] == ["MaxInFlight= of all accounts together is 1608, but the"]


# Disks


@needs_root
@sqlite_only
def test_a_disk_that_fills_up(koowatch, sim):
    """While the daemon runs. What has been freed is used."""
    koowatch.wrapper = in_namespace(koowatch, 'mount -t tmpfs -o size=1m tmpfs "$1"')
    full = koowatch.state / "full"
    koowatch.record()
    tasks = add_and_start(koowatch, sim)
    in_its_mounts(koowatch, "sh", "-c", f"cat /dev/zero >{full} 2>/dev/null || :")
    finish_and_wait(koowatch, sim, tasks, "state.db: cannot write .*(full|space)")
    in_its_mounts(koowatch, "rm", full)
    koowatch.wait_entry("state.db: writable again")
    koowatch.wait_entry("^photos: .* ended: done")
    assert len(koowatch.records()) == len(koowatch.find("^photos: completed")) == 1


# Watches of inotify


def test_watches_are_used_up_and_free_again(koowatch, sim):
    """While the daemon runs. Reloads stand for the looks that it takes every two minutes."""
    koowatch.wrapper = ["unshare", "--user", "--map-root-user"]
    if subprocess.run([*koowatch.wrapper, "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespace of its own")

    def allow(number):
        enter = ["nsenter", f"--user=/proc/{koowatch.process.pid}/ns/user", "--preserve-credentials"]
        write = f"echo {number} >/proc/sys/user/max_inotify_watches"
        if subprocess.run([*enter, "sh", "-c", write]).returncode != 0:
            pytest.skip("the limit of a user namespace cannot be set")

    add_and_start(koowatch, sim)
    allow(0)
    shutil.rmtree(koowatch.low)
    koowatch.low.mkdir()
    entry = koowatch.wait_entry(f"^{koowatch.low}: cannot watch for changes .*max_user_watches")
    assert entry.level == "warning"
    koowatch.add_task("late", sim.add_task())
    koowatch.reload()
    koowatch.wait_entry("^late: completed")
    allow(1000)
    koowatch.reload()
    koowatch.add_task("later", sim.add_task())
    koowatch.wait_entry("^later: completed")
    assert len(koowatch.find("max_user_watches")) == 1
