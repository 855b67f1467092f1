"""The service on the system bus, by dbus-daemon and by dbus-broker, with the policy that is installed."""

import json
import pathlib
import subprocess

import pytest
from service import DAEMON, PATIENCE, run, show, systemctl

NAME, PATH, INTERFACE = "org.koowatch1", "/org/koowatch1", "org.koowatch1.Manager"
HERE = r"^on the system bus as org\.koowatch1$"
BROKER = pathlib.Path("/lib/systemd/system/dbus-broker.service")


def as_user(user):
    """What runs a command as that one; None: as root."""
    group = "nogroup" if user == "nobody" else user
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups"] if user else []


def busctl(*arguments, user=None):
    return subprocess.run(
        [*as_user(user), "busctl", "--system", "--json=short", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def call(method, *arguments, user=None):
    return busctl("call", NAME, PATH, INTERFACE, method, *arguments, user=user)


def get(name, user=None):
    return busctl("get-property", NAME, PATH, INTERFACE, name, user=user)


@pytest.fixture(params=["dbus-daemon", "dbus-broker"])
def broker(request, service):
    """The system bus is this one's, from the start of a boot or another start."""
    if request.param == "dbus-broker" and not BROKER.exists():
        pytest.skip("dbus-broker is not installed")
    unit = "dbus-broker.service" if request.param == "dbus-broker" else "dbus.service"
    systemctl("stop", "dbus.service", "dbus-broker.service", "dbus.socket", check=False)
    if request.param == "dbus-broker":
        systemctl("enable", "dbus-broker.service")  # under the name dbus.service
    systemctl("start", "dbus.socket")
    systemctl("start", "dbus.service")
    assert show("Id", "dbus.service") == unit
    yield request.param
    if request.param == "dbus-broker":
        systemctl("stop", "dbus.service", "dbus.socket", check=False)
        systemctl("disable", "dbus-broker.service")
        systemctl("start", "dbus.socket")


@pytest.fixture(scope="module")
def member(installed):
    """A user that is in the group koowatch besides its own."""
    name = "koowatch-test"
    run("systemd-sysusers", "-", input=f"u {name} -\nm {name} koowatch\n")
    return name


def test_root_and_the_group_may_call(service, broker, member):
    service.start()
    service.wait_entry(HERE)
    for user in (None, member):
        done = call("ListAccounts", user=user)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data"][0][0]["name"]["data"] == "default"
        assert json.loads(get("Version", user=user).stdout)["data"]


def test_nobody_else_may(service, broker, member):
    service.start()
    service.wait_entry(HERE)
    for user in ("nobody", "koowatch-hook"):
        for done in (call("ListAccounts", user=user), call("Reload", user=user), get("Version", user=user)):
            assert done.returncode != 0
            assert "denied" in done.stderr.lower(), done.stderr
    assert not service.find("^configuration reloaded")


def test_nobody_else_gets_the_name(service, broker, member):
    for user in ("nobody", member):
        done = subprocess.run(
            [
                *as_user(user),
                *("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"),
                *("org.freedesktop.DBus.RequestName", f"string:{NAME}", "uint32:4"),
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode != 0 and "AccessDenied" in done.stderr, done.stdout


def test_the_bus_is_restarted(service, broker):
    service.start()
    service.wait_entry(HERE)
    pid = service.pid
    systemctl("restart", "dbus.service")
    service.wait_entry("^lost the system bus")
    service.wait_entry(HERE, count=2)
    assert call("ListAccounts").returncode == 0
    assert service.pid == pid and show("NRestarts") == "0"


def test_the_service_starts_before_the_bus(service, broker, sim):
    systemctl("stop", "dbus.service", "dbus.socket")
    service.start()
    service.wait_entry("^cannot reach the system bus")
    service.add_task("photos", sim.add_task())
    service.wait_entry("^photos: completed")
    systemctl("start", "dbus.socket")
    service.wait_entry(HERE)
    assert call("ListAccounts").returncode == 0


def test_the_interface_is_there_to_be_read(installed):
    directory = pathlib.Path("/usr/share/dbus-1")
    assert INTERFACE in (directory / f"interfaces/{INTERFACE}.xml").read_text()
    assert (directory / f"system.d/{NAME}.conf").exists()
    assert not list(directory.glob(f"*services/{NAME}*"))


def test_a_call_starts_no_daemon(service, broker):
    service.start()
    service.wait_entry(HERE)
    systemctl("stop", DAEMON)
    assert call("ListAccounts").returncode != 0
    assert show("ActiveState") == "inactive"


def test_a_reload_with_errors_says_the_first(service, broker):
    service.start()
    service.wait_entry(HERE)
    assert call("Reload").returncode == 0
    service.wait_entry("^configuration reloaded")
    service.settings["Daemon"] = {"History": "for ever"}
    service.write_config()
    done = call("Reload")
    assert done.returncode != 0
    assert "/etc/koowatch/koowatch.conf.d/50-test.conf:" in done.stderr and "History" in done.stderr
