"""What koowatchd is on D-Bus, on a bus of the test's own."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree

import pytest
from koowatch import PATIENCE, Koowatch, descriptors, wait_polls
from postgresql import IS_STORE, sqlite_only

TOP = pathlib.Path(__file__).resolve().parents[2]
NAME, PATH, INTERFACE = "org.koowatch1", "/org/koowatch1", "org.koowatch1.Manager"
BUS_CONFIG = """<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
HERE = r"^on the system bus as org\.koowatch1$"

pytestmark = pytest.mark.skipif(
    not shutil.which("dbus-daemon") or not shutil.which("busctl"), reason="needs dbus-daemon and busctl"
)


class CallFailed(Exception):
    """name: of the error; str(): its sentence."""

    def __init__(self, name, sentence):
        super().__init__(sentence)
        self.name = name


class Bus:
    """A dbus-daemon, and what is seen on it."""

    def __init__(self, path):
        self.socket = path / "bus"
        self.address = f"unix:path={self.socket}"
        self.config = path / "bus.conf"
        self.config.write_text(BUS_CONFIG.format(socket=self.socket))
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": self.address}
        self.process = None
        self.monitors = []

    def start(self):
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile", "--nosyslog", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout.readline()  # it listens
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.socket.unlink(missing_ok=True)
        self.process = None

    def close(self):
        for monitor in self.monitors:
            monitor.kill()
            monitor.wait()
        if self.process:
            self.kill()

    def busctl(self, *arguments):
        return subprocess.run(
            ["busctl", f"--address={self.address}", "--json=short", *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def call(self, method, *arguments, interface=INTERFACE):
        """Returns what it answers, variants taken off."""
        done = self.busctl("call", NAME, PATH, interface, method, *arguments)
        if done.returncode != 0:
            raise CallFailed(None, done.stderr.strip().removeprefix("Call failed: "))
        return [plain(value) for value in json.loads(done.stdout)["data"]] if done.stdout.strip() else []

    def error_name(self, method, *arguments):
        """What only dbus-send shows."""
        done = subprocess.run(
            ["dbus-send", f"--bus={self.address}", "--print-reply", f"--dest={NAME}", PATH, f"{INTERFACE}.{method}"]
            + list(arguments),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.stderr.startswith("Error "), done
        return done.stderr.split()[1].rstrip(":")

    def properties(self):
        return self.call("GetAll", "s", INTERFACE, interface="org.freedesktop.DBus.Properties")[0]

    def has_name(self):
        return self.busctl("status", NAME).returncode == 0

    def monitor(self):
        """A list that grows by the daemon's signals: (member, arguments)."""
        ready = threading.Event()
        monitor = subprocess.Popen(
            ["busctl", f"--address={self.address}", "--json=short", "--match", f"type='signal',path='{PATH}'", "monitor"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.monitors.append(monitor)
        signals = []

        def read():
            for line in monitor.stdout:
                message = json.loads(line)
                if message["member"] == "Ready":
                    ready.set()
                    continue
                signals.append((message["member"], [plain(value) for value in message["payload"]["data"]]))

        threading.Thread(target=read, daemon=True).start()
        deadline = time.monotonic() + PATIENCE
        while not ready.wait(0.2):  # not each busctl says that it has begun
            assert monitor.poll() is None and time.monotonic() < deadline
            assert self.busctl("emit", PATH, "org.koowatch1.Test", "Ready").returncode == 0
        return signals


def plain(value):
    """JSON as busctl writes it, without the types of variants."""
    if isinstance(value, dict):
        if set(value) == {"type", "data"}:
            return plain(value["data"])
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture
def bus(tmp_path):
    bus = Bus(tmp_path)
    yield bus.start()
    bus.close()


@pytest.fixture
def on_bus(koowatch, bus):
    """The daemon, started and on the bus."""
    koowatch.start("--bus", "system", **bus.environment)
    koowatch.wait_entry(HERE)
    return koowatch


def interface_of(text):
    """{(kind, name): what it has} of the interface in XML."""
    members = {}
    root = ElementTree.fromstring(text)
    for member in root.find(f"interface[@name='{INTERFACE}']"):
        arguments = [
            (arg.get("name"), arg.get("type"), arg.get("direction", "out")) for arg in member.findall("arg")
        ]
        constant = any(
            annotation.get("name").endswith(".EmitsChangedSignal") and annotation.get("value") == "const"
            for annotation in member.findall("annotation")
        )
        kept = (member.tag, member.get("name"))
        assert kept not in members
        members[kept] = (arguments, member.get("type"), member.get("access"), constant)
    return members


def test_the_interface_is_the_documented_one(on_bus, bus):
    done = bus.busctl("--xml-interface", "introspect", NAME, PATH)
    documented = (TOP / "systemd/org.koowatch1.Manager.xml").read_text()
    assert interface_of(done.stdout) == interface_of(documented)
    assert len(interface_of(documented)) >= 25


def test_properties_and_their_changes(on_bus, bus, sim):
    signals = bus.monitor()
    assert bus.properties()["Pending"] == 0
    on_bus.add_task("photos", sim.add_task(hold=True))
    on_bus.add_task("broken", text="[Task]\n")

    def changed():
        merged = {}
        for member, arguments in list(signals):
            if member == "PropertiesChanged":
                assert arguments[0] == INTERFACE and not arguments[2]
                merged.update(arguments[1])
        return merged.get("Running", 0) + merged.get("Pending", 0) == 1 and merged.get("Invalid") == 1

    on_bus.wait(changed, "changes of Pending or Running, and Invalid")
    now = bus.properties()
    assert (now["Pending"] + now["Running"], now["Invalid"], now["Finished"]) == (1, 1, 0)
    assert len(now["Trouble"]) == 1 and re.match("1 invalid task file: .*broken", now["Trouble"][0])
    version = subprocess.run([on_bus.build / "koowatchd", "--version"], capture_output=True, text=True).stdout
    assert version.strip() == f"koowatchd {now['Version']}"


def test_an_account_that_fails_is_a_signal(on_bus, bus, sim):
    signals = bus.monitor()
    on_bus.set_token("Bearer other")
    on_bus.add_task("photos", sim.add_task(hold=True))
    states = lambda: [a[0] for m, a in list(signals) if m == "AccountChanged"]  # noqa: E731
    first = on_bus.wait(states, "AccountChanged")[0]
    assert (first["name"], first["state"]) == ("default", "unauthorized")
    assert first["reason"]
    [accounts] = bus.call("ListAccounts")
    assert accounts[0]["name"] == "default" and accounts[0]["state"] == "unauthorized"
    now = on_bus.wait(lambda: (p := bus.properties())["AccountsFailing"] == 1 and p, "AccountsFailing")
    assert now["Trouble"] == [f"account default unauthorized: {first['reason']}"]


def test_there_are_no_nodes_without_a_database(on_bus, bus):
    if IS_STORE:
        [nodes] = bus.call("Nodes")
        assert [(node["alive"], node["isSelf"], node["accounts"]) for node in nodes] == [(True, True, ["default"])]
        return
    with pytest.raises(CallFailed, match=r"Backend=postgresql.*koowatch-nodes\(7\)"):
        bus.call("Nodes")
    assert bus.error_name("Nodes") == "org.koowatch1.Error.NotAllowed"


def test_a_delivery_that_was_given_up(koowatch, bus, sim):
    koowatch.settings["Hooks"]["Attempts"] = 1
    koowatch.hook("finished.d/10-fail", "exit 1")
    koowatch.start("--bus", "system", **bus.environment)
    koowatch.wait_entry(HERE)
    koowatch.add_task("photos", sim.add_task())
    now = koowatch.wait(lambda: (p := bus.properties())["DeliveriesParked"] == 1 and p, "DeliveriesParked")
    assert now["Trouble"] == ["1 delivery was given up"]
    assert (now["Finished"], now["DeliveriesWaiting"]) == (1, 0)


def test_reload_answers_with_the_first_error(on_bus, bus):
    assert bus.call("Reload") == []
    on_bus.wait_entry("^configuration reloaded")
    on_bus.settings["Daemon"]["History"] = "for ever"
    on_bus.settings["Poll"]["Timeout"] = "soon"
    text = on_bus.write_config()
    line = text.splitlines().index("History=for ever") + 1
    with pytest.raises(CallFailed, match=rf"^{on_bus.config_path}:{line}: .*History"):
        bus.call("Reload")
    assert bus.error_name("Reload") == "org.koowatch1.Error.Invalid"
    on_bus.wait_entry("not reloaded", count=2)
    assert bus.properties()["Trouble"] == ["the configuration has errors, the old one is in effect"]
    del on_bus.settings["Daemon"]["History"], on_bus.settings["Poll"]["Timeout"]
    on_bus.write_config()
    assert bus.call("Reload") == []
    assert bus.properties()["Trouble"] == []


def test_an_argument_of_a_type_that_nothing_has(on_bus, bus):
    with pytest.raises(CallFailed, match="^Odd: unexpected type a"):
        bus.call("Add", "sa{sv}", "photos", "1", "Odd", "ai", "1", "5")


def test_the_bus_is_restarted(on_bus, bus, sim):
    task = sim.add_task(hold=True)
    on_bus.add_task("photos", task)
    wait_polls(sim, task)
    before = descriptors(on_bus.process.pid)
    bus.kill()
    on_bus.wait_entry("^lost the system bus .*running without it, trying again")
    wait_polls(sim, task)
    bus.start()
    on_bus.wait_entry(HERE, count=2)
    assert bus.properties()["Pending"] + bus.properties()["Running"] == 1
    assert descriptors(on_bus.process.pid) == before
    assert len(on_bus.find(" system bus")) == 3


def test_the_bus_comes_later(koowatch, bus, sim):
    bus.kill()
    koowatch.start("--bus", "system", **bus.environment)
    entry = koowatch.wait_entry("^cannot reach the system bus .No such file or directory.; running without it, trying again")
    assert entry.level == "notice"
    task = sim.add_task()
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.wait_record()
    bus.start()
    koowatch.wait_entry(HERE)
    assert bus.call("ListAccounts")
    assert len(koowatch.find(" system bus")) == 2


def test_the_name_is_taken(on_bus, bus, build, sim):
    other = Koowatch(build, sim.url)
    try:
        other.start("--bus", "system", **bus.environment)
        entry = other.wait_entry("^cannot be org.koowatch1 on the system bus .somebody else has that name.; running without")
        assert entry.level == "notice"
        on_bus.stop()
        other.wait_entry(HERE)
        assert bus.call("ListAccounts")
        assert len(other.find(" system bus")) == 2
    finally:
        other.close()


def test_the_session_bus(koowatch, bus):
    koowatch.start("--bus", "session", DBUS_SESSION_BUS_ADDRESS=bus.address)
    koowatch.wait_entry("^on the session bus as org.koowatch1$")
    assert bus.call("ListAccounts")


def test_there_is_no_session_bus(koowatch):
    koowatch.start("--bus", "session")
    koowatch.wait_entry("^cannot reach the session bus .DBUS_SESSION_BUS_ADDRESS is not set.")


def test_none_is_no_bus(koowatch, bus):
    koowatch.start("--bus", "none", **bus.environment)
    koowatch.stop()
    assert not koowatch.find(" system bus")


@contextlib.contextmanager
def nobody_answers(path):
    """A bus that is being started, or hangs: its socket listens."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield listener


def test_a_bus_that_never_answers(koowatch, sim, tmp_path):
    task = sim.add_task()
    koowatch.record()
    koowatch.add_task("photos", task)
    with nobody_answers(tmp_path / "bus") as listener:
        koowatch.start("--bus", "system", DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={tmp_path}/bus")
        connection, _ = listener.accept()  # it has come
        with connection:
            koowatch.wait_record()
            koowatch.stop()


def test_a_bus_that_stops_reading(on_bus, bus, sim):
    """Nothing that is told waits for it, nor does the end."""
    bus.process.send_signal(signal.SIGSTOP)
    on_bus.record()
    for number in range(20):
        on_bus.add_task(f"photos{number}", sim.add_task())
    on_bus.wait_record(count=20)
    on_bus.reload()
    begin = time.monotonic()
    on_bus.stop()
    assert time.monotonic() - begin < 10
    bus.process.send_signal(signal.SIGCONT)


def test_a_listener_that_does_not_read(on_bus, bus, sim):
    bus.monitor()
    os.kill(bus.monitors[0].pid, signal.SIGSTOP)
    on_bus.record()
    on_bus.add_task("photos", sim.add_task())
    on_bus.wait_record()
    assert bus.call("ListAccounts")
    on_bus.stop()
    os.kill(bus.monitors[0].pid, signal.SIGCONT)


STRACE = ["strace", "-D", "-qq", "--signal=none", "-o", "/dev/null"]


@pytest.mark.parametrize(
    "calls, error, trouble",
    [
        ("connect", "EAGAIN:when=1", "Resource temporarily unavailable"),  # its backlog is full
        ("connect", "EACCES:when=1", "Permission denied"),
        ("recvmsg", "EIO:when=1", "Input/output error"),
        ("recvmsg", "ENOMEM:when=4", "Cannot allocate memory"),
        ("sendmsg", "EIO:when=1", "Input/output error"),
        ("setsockopt", "ENOMEM:when=1..4", None),
        ("epoll_ctl", "ENOMEM:when=3..9", None),
    ],
)
@sqlite_only
def test_a_call_to_the_system_that_fails(koowatch, bus, sim, calls, error, trouble):
    """The daemon does without the bus, and is on it when it can."""
    if subprocess.run([*STRACE, "true"], capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")
    koowatch.record()
    koowatch.add_task("photos", sim.add_task())
    koowatch.start(
        *("--bus", "system"),
        wrapper=[*STRACE, "-e", f"inject={calls}:error={error}"],
        # LeakSanitizer cannot look at a process that is traced.
        ASAN_OPTIONS="exitcode=99:abort_on_error=0:detect_leaks=0",
        **bus.environment,
    )
    koowatch.wait_entry(HERE)
    koowatch.wait_record()
    troubles = koowatch.find("^cannot reach the system bus")
    assert [trouble in entry.message for entry in troubles] == ([True] if trouble else [])
    assert bus.call("ListAccounts")
