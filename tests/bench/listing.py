"""Pages of List over many tasks through the bus: how long a caller waits, and the loop's longest turn."""

import contextlib
import shutil
import subprocess
import time

import bench as common
import start

TITLE = "listing: pages of List over D-Bus (wall clock of busctl; CPU of the loop's longest turn)"
INTERFACE = ("org.koowatch1", "/org/koowatch1", "org.koowatch1.Manager")
CONFIG = """<busconfig>
  <type>system</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
"""
FIRST = ("List", "a{sv}su", "0", "", "0")
PAGES = {
    "the first page, 1,000 tasks": FIRST,
    "a page of 10,000 tasks": ("List", "a{sv}su", "0", "", "10000"),
    "the last of a name's pattern": ("List", "a{sv}su", "1", "name", "s", "*99", b"a-task-of-24-char-0".hex(), "100"),
    "accounts": ("ListAccounts",),
}


@contextlib.contextmanager
def message_bus(directory):
    """Yields its address."""
    socket = directory / "bus"
    common.write(directory / "bus.conf", CONFIG.format(socket))
    command = ["dbus-daemon", f"--config-file={directory}/bus.conf", "--nofork", "--nopidfile", "--nosyslog"]
    bus = subprocess.Popen([*command, "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        bus.stdout.readline()  # it listens
        yield f"unix:path={socket}"
    finally:
        bus.kill()
        bus.wait()
        bus.stdout.close()


def call(address, *arguments):
    """Returns seconds."""
    command = ["busctl", f"--address={address}", "--quiet", "call", *INTERFACE, *arguments]
    began = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return time.monotonic() - began


def has_name(address):
    done = subprocess.run(["busctl", f"--address={address}", "status", INTERFACE[0]], capture_output=True)
    return done.returncode == 0


def measure(bench, daemon, address):
    """{page: ([seconds], [milliseconds of CPU of the longest turn])}"""
    found = {}
    for name, arguments in PAGES.items():
        seconds, turns = [], []
        for _ in range(bench.rounds):
            common.wait_idle(daemon.process.pid)
            daemon.turns.restart()
            seconds.append(call(address, *arguments))
            turns.append(daemon.turns.read()["cpu_max"] / 1e6)
        found[name] = seconds, turns
    return found


def run(bench):
    count = bench.size(100_000, 2_000)
    if not shutil.which("dbus-daemon") or not shutil.which("busctl"):
        bench.note("left out: it needs dbus-daemon and busctl")
        return
    with start.make(bench, count) as daemon, message_bus(daemon.path) as address:
        daemon.start(count_turns=True, bus="system", DBUS_SYSTEM_BUS_ADDRESS=address)
        common.wait_until(lambda: has_name(address), "the name on the bus", daemon.process)
        for name, (seconds, turns) in measure(bench, daemon, address).items():
            goal = {"goal": 0.1} if name.startswith("the first") else {}
            bench.add(f"{count:,} tasks, {name}", seconds, "s", **goal)
            bench.add("  the longest turn: CPU", turns, "ms", goal=20)
