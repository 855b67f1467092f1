"""A wall clock that is wrong, or is set: no deadline follows it."""

import calendar
import os
import struct
import subprocess
import time

import pytest
from koowatch import wait_polls
from postgresql import sqlite_only
from test_app_auth import use_app
from test_refresh import log_in, wait_token

YEAR = 365 * 86400
NO_RTC = -56 * YEAR  # back to 1970

# The wall clock of a process, ahead by the seconds that are in the file $CLOCK_AHEAD.
SHIM = r"""
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;

__attribute__((constructor)) static void prepare(void) {
        const char *path = getenv("CLOCK_AHEAD");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *map = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);

        if (map != MAP_FAILED)
                ahead = map;
        close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, clock, ret);

        if (r == 0 && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                ret->tv_sec += *ahead;
        return r;
}

int gettimeofday(struct timeval *ret, void *zone) {
        struct timespec now;

        (void) zone;
        clock_gettime(CLOCK_REALTIME, &now);
        *ret = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
        return 0;
}

time_t time(time_t *ret) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        if (ret)
                *ret = now.tv_sec;
        return now.tv_sec;
}
"""


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    source = tmp_path_factory.mktemp("clock") / "clock.c"
    source.write_text(SHIM)
    library = source.with_suffix(".so")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O2", "-D_GNU_SOURCE", "-o", library, source], check=True
    )
    return library


class Machine:
    """The daemon on a machine whose wall clock is the test's."""

    def __init__(self, koowatch, shim):
        self.koowatch, self.shim = koowatch, shim
        self.file = koowatch.path / "clock"
        self.file.write_bytes(bytes(8))

    def set_clock(self, ahead):
        with self.file.open("r+b") as file:
            file.write(struct.pack("=q", ahead))

    def start(self):
        # The sanitizer wants to be the first library, which matters for what both replace.
        options = f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0".lstrip(":")
        self.koowatch.start(
            LD_PRELOAD=str(self.shim), CLOCK_AHEAD=str(self.file), ASAN_OPTIONS=options
        )

    def store(self, statement):
        return self.koowatch.query(statement)

    def reboot(self):
        """What it does to a registration; KooDrive's Date says how long it took."""
        assert self.store("SELECT count(*) FROM task WHERE boot <> 0") == [(1,)]
        self.koowatch.stop()
        self.store("UPDATE task SET boot = boot + 1")


@pytest.fixture
def machine(koowatch, shim):
    return Machine(koowatch, shim)


@pytest.fixture
def task(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("photos", task, Timeout="1h")
    return task


def assert_goes_on(koowatch, sim, task):
    wait_polls(sim, task, more=5)
    assert not koowatch.find("^photos: timeout")


@pytest.mark.parametrize("ahead", [YEAR, -YEAR])
def test_a_step_in_a_run(machine, koowatch, sim, task, ahead):
    machine.start()
    wait_polls(sim, task)
    machine.set_clock(ahead)
    assert_goes_on(koowatch, sim, task)


@pytest.mark.parametrize(
    ("before", "after"), [(NO_RTC, 0), (-YEAR, 0), (YEAR, 0), (0, YEAR), (0, NO_RTC)]
)
@pytest.mark.parametrize("date", [True, None])
def test_a_step_between_two_runs(machine, koowatch, sim, task, before, after, date):
    sim.date_header = date
    machine.set_clock(before)
    machine.start()
    wait_polls(sim, task)
    koowatch.stop()
    machine.set_clock(after)
    machine.start()
    assert_goes_on(koowatch, sim, task)


@pytest.mark.parametrize(("before", "after"), [(NO_RTC, 0), (0, YEAR), (0, NO_RTC)])
def test_a_step_while_the_machine_was_off(machine, koowatch, sim, task, before, after):
    machine.set_clock(before)
    machine.start()
    wait_polls(sim, task, more=2)
    machine.reboot()
    machine.set_clock(after)
    machine.start()
    assert_goes_on(koowatch, sim, task)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (NO_RTC, NO_RTC), (0, -YEAR)])
def test_the_deadline_goes_on_without_the_machine(machine, koowatch, sim, task, before, after):
    machine.set_clock(before)
    machine.start()
    wait_polls(sim, task, more=2)
    machine.reboot()
    sim.clock_offset = 7200
    machine.set_clock(after)
    machine.start()
    assert koowatch.wait_record(outcome="timeout")["event"]["polls"] == 2


def test_a_registration_that_nobody_dated(machine, koowatch, sim, task):
    """KooDrive was away until the machine was: from then on it counts."""
    fault = sim.faults.add("502")
    machine.set_clock(NO_RTC)
    machine.start()
    sim.wait_for(lambda s: s.requests)
    machine.reboot()
    fault.clear()
    machine.set_clock(0)
    machine.start()
    assert_goes_on(koowatch, sim, task)


def test_hooks_are_told_koodrives_time(machine, koowatch, sim):
    begin = int(time.time())
    koowatch.record()
    machine.set_clock(NO_RTC)
    koowatch.add_task("photos", sim.add_task(polls=2))
    machine.start()
    event = koowatch.wait_record()["event"]
    told = [
        calendar.timegm(time.strptime(event[key], "%Y-%m-%dT%H:%M:%SZ"))
        for key in ("registeredAt", "finishedAt")
    ]
    assert begin - 1 <= told[0] <= told[1] <= time.time() + 1


@sqlite_only
def test_a_store_of_an_earlier_version(machine, koowatch, sim, task):
    machine.start()
    wait_polls(sim, task)
    koowatch.stop()
    for column in ("boot", "booted", "confirmed"):
        machine.store(f"ALTER TABLE task DROP COLUMN {column}")
    machine.start()
    assert_goes_on(koowatch, sim, task)
    assert len(koowatch.find("^photos: registered")) == 1


# Credentials and deliveries


@pytest.mark.parametrize("ahead", [YEAR, -YEAR])
@pytest.mark.parametrize("auth", ["token", "app"])
def test_requests_are_accepted_after_a_step(machine, koowatch, sim, task, auth, ahead):
    """Those that were stamped by the wrong clock are refused, and no more than these."""
    if auth == "app":
        use_app(koowatch, sim)
    machine.start()
    wait_polls(sim, task, more=2)
    for step in (ahead, 0):
        machine.set_clock(step)
        refused = sum(request.verdict != "ok" for request in sim.requests)
        wait_polls(sim, task, more=5)
        assert sum(request.verdict != "ok" for request in sim.requests) - refused <= 1
    assert not koowatch.find("^account default: unauthorized")


@pytest.mark.parametrize("ahead", [YEAR, -YEAR])
@pytest.mark.parametrize("restart", [False, True])
def test_a_refreshed_token_after_a_step(machine, koowatch, sim, ahead, restart):
    """It lasts for an hour, whatever the clock says; it may be refreshed once too often."""
    session = log_in(koowatch, sim, expires_in=3600)
    session.expire()
    task = sim.add_task(require=session, hold=True)
    koowatch.add_task("photos", task)
    machine.start()
    wait_token(sim, session)
    for step in (ahead, 0):
        if restart:
            koowatch.stop()
        machine.set_clock(step)
        if restart:
            machine.start()
        wait_polls(sim, task, more=10)
    assert session.refreshes <= 3
    assert not koowatch.find("^account default: unauthorized")


@pytest.mark.parametrize("ahead", [YEAR, -YEAR])
def test_an_attempt_that_waits(machine, koowatch, sim, ahead):
    """Its pause is not measured by the wall clock."""
    koowatch.record(exits=[75, 0])
    koowatch.add_task("photos", sim.add_task())
    machine.start()
    koowatch.wait_entry("ended: later")
    machine.set_clock(ahead)
    koowatch.wait_entry("ended: done", timeout=20)
    assert len(koowatch.records()) == 2
