"""Start, reload, stop, and what happens when something dies."""

import contextlib
import fcntl
import os
import pathlib
import signal
import socket
import struct
import subprocess

from service import DAEMON, ETC, show, systemctl, write_file

QUICKLY = "RestartSec=100ms"
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def test_ready_once_the_directories_have_been_read(service, sim):
    names = [f"t{number}" for number in range(100)]
    for name in names:
        service.add_task(name, sim.add_task(hold=True))
    service.start()
    service.wait_entry("^koowatchd .* started: 100 watched")  # which READY=1 follows
    before = [entry["MESSAGE"] for entry in service.entries()]
    del before[next(i for i, text in enumerate(before) if " started: " in text) :]
    assert [name for name in names if f"{name}: registered" not in before] == []


def test_a_reload_applies_the_configuration(service, sim):
    service.add_task("photos", sim.add_task(hold=True))
    service.start()
    pid = service.pid
    service.settings["Account"]["UserId"] = "17"
    service.reload()
    sim.wait_for(lambda s: s.requests and s.requests[-1].header("X-User-Id") == "17")
    service.wait_entry("configuration reloaded", _SYSTEMD_UNIT=DAEMON)
    service.wait(lambda: show("ActiveState") == "active")
    assert service.pid == pid


def test_a_bad_configuration_keeps_the_old_one(service, sim):
    task = sim.add_task(hold=True)
    service.add_task("photos", task)
    service.start()
    good = dict(service.settings["Poll"])
    service.settings["Poll"]["IntervalMin"] = "soon"
    service.settings["Account"]["UserId"] = "17"
    service.write_config()
    assert subprocess.run(["systemctl", "reload", DAEMON], stderr=subprocess.DEVNULL).returncode == 1
    service.wait_entry(r"^koowatchctl: .*50-test\.conf:2: .*IntervalMin", _SYSTEMD_UNIT=DAEMON)
    service.wait_status("configuration has errors")
    service.wait_entry(r"50-test\.conf:2: .*IntervalMin", PRIORITY=3)
    service.wait_entry("not reloaded")
    polls = sim.polls(task)
    sim.wait_for(lambda s: s.polls(task) > polls + 1)
    assert sim.requests[-1].header("X-User-Id") is None
    assert show("ActiveState") == "active"
    service.settings["Poll"] = good
    service.reload()
    service.wait(lambda: "errors" not in show("StatusText"))


def test_a_stopped_loop_is_killed_and_started_anew(service, sim):
    service.drop_in(DAEMON, "WatchdogSec=1s", QUICKLY)
    service.start()
    pid = service.pid
    os.kill(pid, signal.SIGSTOP)
    service.wait_entry("Watchdog timeout", UNIT=DAEMON)
    service.wait_restarted(pid)
    service.add_task("photos", sim.add_task())
    service.wait_entry("^photos: completed")


def test_the_loop_feeds_the_watchdog(service, sim):
    service.drop_in(DAEMON, "WatchdogSec=400ms")
    task = sim.add_task(hold=True)
    service.add_task("photos", task)
    service.start()
    fed = {show("WatchdogTimestampMonotonic")}
    service.wait(lambda: fed.add(show("WatchdogTimestampMonotonic")) or len(fed) >= 5, "pings")
    assert show("NRestarts") == "0"


def test_a_kill_is_survived(service, sim):
    service.drop_in(DAEMON, QUICKLY)
    task = sim.add_task(hold=True)
    service.add_task("photos", task)
    service.start()
    for _ in range(3):
        pid = service.pid
        os.kill(pid, signal.SIGKILL)
        service.wait_restarted(pid)
    task.complete()
    service.wait_entry("^photos: completed")
    assert show("NRestarts") == "3"


def test_an_unusable_configuration_is_not_tried_again(service):
    service.drop_in(DAEMON, QUICKLY)
    service.settings["Poll"]["IntervalMin"] = "soon"
    service.write_config()
    systemctl("start", DAEMON, check=False)
    service.wait(lambda: show("SubState") == "failed", "the end")
    assert (show("ExecMainStatus"), show("NRestarts")) == ("78", "0")
    service.wait_entry(r"50-test\.conf:2: .*IntervalMin")


def test_a_stop_does_not_wait_for_a_hanging_request(service, sim):
    sim.faults.add("hang")
    service.add_task("photos", sim.add_task())
    service.start()
    sim.wait_for(lambda s: s.requests)
    systemctl("stop", DAEMON)
    begin = service.wait_entry("^Stopping koowatchd.service")
    end = service.wait_entry("koowatchd.service: (Deactivated successfully|Failed with)")
    assert "successfully" in end["MESSAGE"]
    took = int(end["__MONOTONIC_TIMESTAMP"]) - int(begin["__MONOTONIC_TIMESTAMP"])
    assert took < 6_000_000  # microseconds: 5 s for the request, and a little to end


def test_waits_go_on_during_a_suspend(service, sim):
    """No clock can be moved here: the timers say themselves that they run on CLOCK_BOOTTIME."""
    service.add_task("photos", sim.add_task(hold=True))
    service.start()
    process = pathlib.Path(f"/proc/{service.pid}")
    clocks = [
        (process / "fdinfo" / path.name).read_text().split("clockid: ")[1].split()[0]
        for path in (process / "fd").iterdir()
        if os.readlink(path) == "anon_inode:[timerfd]"
    ]
    assert "7" in clocks and "1" not in clocks  # 0 is libev's own, which watches the wall clock


@contextlib.contextmanager
def loopback_down():
    def set_flags(change):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sh14x", b"lo", 0)
            request = fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
            (flags,) = struct.unpack_from("h", request, 16)
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", change(flags)))

    set_flags(lambda flags: flags & ~IFF_UP)
    try:
        yield
    finally:
        set_flags(lambda flags: flags | IFF_UP)


def test_no_network_is_no_failure(service, sim):
    service.settings["Account"]["Endpoint"] = "https://koodrive.invalid"
    for number in range(3):
        service.add_task(f"t{number}", sim.add_task())
    with loopback_down():
        service.start()
        service.wait_entry("^account default: unreachable: .*koodrive.invalid")
        service.wait_status("account default unreachable")
    assert (show("ActiveState"), show("NRestarts")) == ("active", "0")


def test_registrations_of_the_administrator_survive_a_restart(service, sim):
    task = sim.add_task(hold=True)
    path = service.add_task("photos", task)
    service.start()
    sim.wait_for(lambda s: s.polls(task))
    systemctl("restart", DAEMON)
    task.complete()
    service.wait_entry("^photos: completed")
    assert path.exists()


def test_settings_are_read_from_etc(service):
    write_file(ETC / "koowatch.conf.d/10-typo.conf", "[Daemon]\nLogLevle=debug\n")
    service.start()
    service.wait_entry(r"10-typo\.conf:2: .*LogLevle", PRIORITY=4, _SYSTEMD_UNIT=DAEMON)
