"""What "meson install" leaves behind, and how well it is locked."""

import grp
import pathlib
import pwd
import re
import stat

import pytest
from koodrive_simulator import DEFAULT_TOKEN
from service import CREDENTIALS, DAEMON, ETC, RUN, SOCKET, run, show, systemctl, task_text, write_file

UNITS = [DAEMON, "koowatch-hook.socket", "koowatch-hook@x.service"]


def test_an_account_is_all_that_is_missing(installed, service, sim):
    """By hand, as an administrator would; the fixture is here to clean up."""
    task = sim.add_task()
    write_file(ETC / "koowatch.conf.d/account.conf", f"[Account]\nEndpoint={sim.url}\n")
    write_file(CREDENTIALS / "default.token", DEFAULT_TOKEN, mode=0o600)
    write_file(ETC / "hooks/finished.d/10-tell", "#!/bin/sh\necho $KOOWATCH_OUTCOME\n", mode=0o755)
    systemctl("enable", "--now", "koowatchd")
    write_file(ETC / "tasks.d/photos.task", task_text(task))
    service.wait_output("completed")
    assert systemctl("is-enabled", DAEMON) == "enabled"
    systemctl("disable", DAEMON)


def test_verify_has_nothing_to_say(installed):
    units = run("systemctl", "show", "-P", "FragmentPath", *UNITS).split()
    assert len(units) == len(UNITS)
    # The manual pages are set aside: where scdoc is missing, they are not installed.
    assert run("systemd-analyze", "verify", "--man=no", *UNITS) == ""


@pytest.mark.parametrize("program", ["/usr/bin/koowatchd", "/usr/libexec/koowatch/koowatch-hook"])
def test_no_crash_points(installed, program):
    assert b"KOOWATCH_CRASH" not in pathlib.Path(program).read_bytes()


@pytest.mark.parametrize(("unit", "most"), [(DAEMON, 1.2), ("koowatch-hook@x.service", 6.0)])
def test_exposure(installed, unit, most):
    said = run("systemd-analyze", "security", "--no-pager", unit)
    assert float(re.search(r"exposure level for \S+ ([0-9.]+)", said)[1]) <= most, said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Type", "notify"),
        ("Restart", "on-failure"),
        ("RestartUSec", "5s"),
        ("RestartPreventExitStatus", "78"),
        ("StartLimitIntervalUSec", "0"),
        ("LimitNOFILE", "16384"),
    ],
)
def test_policy_of_the_unit(installed, name, value):
    assert show(name) == value


def test_a_watchdog_is_set(service):
    service.start()
    assert show("WatchdogUSec") not in ("", "0", "infinity")


def test_users(installed):
    daemon, hook = pwd.getpwnam("koowatch"), pwd.getpwnam("koowatch-hook")
    registrants = grp.getgrnam("koowatch")
    assert daemon.pw_gid != registrants.gr_gid
    assert "koowatch-hook" not in registrants.gr_mem and hook.pw_gid != registrants.gr_gid
    assert len({0, daemon.pw_uid, hook.pw_uid}) == 3
    assert hook.pw_gid != daemon.pw_gid


@pytest.mark.parametrize("name", ["credentials", "credentials.encrypted"])
def test_credentials_are_root_s_alone(installed, name):
    status = (ETC / name).stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o700)


def test_the_socket_is_the_daemon_s(service):
    service.start()
    status = SOCKET.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert pathlib.Path(SOCKET).owner() == "koowatch"


def test_the_directory_for_registrations(installed):
    status = (RUN / "tasks.d").stat()
    assert status.st_gid == grp.getgrnam("koowatch").gr_gid
    assert status.st_mode & stat.S_IWGRP and not status.st_mode & stat.S_IRWXO
