"""System calls of the daemon that fail, by strace; tests/stress/failing-calls has each of them."""

import subprocess

import pytest
from koowatch import wait_polls
from postgresql import sqlite_only

STRACE = ["strace", "-D", "-qq", "--signal=none", "-o", "/dev/null"]
# LeakSanitizer cannot look at a process that is traced.
ENVIRONMENT = {"ASAN_OPTIONS": "exitcode=99:abort_on_error=0:detect_leaks=0"}


@pytest.fixture
def start_failing(koowatch):
    """Starts the daemon with calls that fail; with a path, where they concern that."""
    if subprocess.run([*STRACE, "true"], capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")

    def start(calls, error, path=None):
        paths = ("-P", path) if path else ()
        wrapper = [*STRACE, *paths, "-e", f"inject={calls}:error={error}"]
        koowatch.start(wait=False, wrapper=wrapper, **ENVIRONMENT)

    return start


def test_an_event_loop_that_cannot_be_made(koowatch, start_failing):
    """libev itself would call abort()."""
    start_failing("eventfd2,pipe2", "EMFILE")
    assert koowatch.end() == 1
    koowatch.wait_entry("^event loop: .*Too many open files; a restart goes on")


@pytest.mark.parametrize(
    "error, advice", [("ENOSPC", "free some disk space"), ("EDQUOT", "free some disk space"), ("EROFS", "make it writable")]
)
@sqlite_only
def test_a_disk_that_takes_nothing_any_more(koowatch, sim, start_failing, error, advice):
    """Polls go on; what is to be done is said."""
    task = sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.stop()
    start_failing("pwrite64,pwritev,ftruncate,fallocate", error, koowatch.state / "state.db-wal")
    wait_polls(sim, task)
    task.complete()
    entry = koowatch.wait_entry("state.db: cannot write .*; outcomes wait until it is writable")
    assert advice in entry.message
    assert not koowatch.records()
    koowatch.kill()
    koowatch.start()
    koowatch.wait_record()


@pytest.mark.parametrize("error, status", [("EMFILE", 1), ("EIO", 1), ("ENOMEM", 1), ("EACCES", 78)])
def test_a_configuration_that_cannot_be_read(koowatch, start_failing, error, status):
    """Only what lasts keeps the service manager from starting it again."""
    start_failing("openat", error, koowatch.config_path)
    assert koowatch.end() == status
    koowatch.wait_entry("koowatch.conf: the configuration (cannot be read|is invalid)")
