"""A private bus, and org.koowatch1 on it as a file says (fake-manager.c)."""

import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading

PATIENCE = 30

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>{policy}</policy>
</busconfig>
"""


class Bus:
    """A dbus-daemon of its own."""

    def __init__(self, policy=""):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="koowatch-bus-"))
        self.policy = policy
        self.address = f"unix:path={self.path}/bus"
        self.process = None
        self.start()

    def start(self):
        config = self.path / "bus.conf"
        config.write_text(CONFIG.format(path=self.path / "bus", policy=self.policy))
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout.readline()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.path)


class Manager:
    """fake-manager on a bus; what it is called with is in `calls` as it comes."""

    def __init__(self, build, bus, **content):
        self.build, self.bus = pathlib.Path(build), bus
        self.file = bus.path / "manager.json"
        self.lines = queue.Queue()
        self.process = None
        self.content = {
            "tasks": [],
            "history": [],
            "accounts": [],
            "nodes": [],
            "properties": {
                "Version": "0.1.0",
                "Pending": 0,
                "Running": 0,
                "Finished": 0,
                "Invalid": 0,
                "DeliveriesWaiting": 0,
                "DeliveriesParked": 0,
                "AccountsFailing": 0,
                "BehindUsec": 0,
                "Trouble": [],
            },
            **content,
        }

    def write(self):
        self.file.write_text(json.dumps(self.content, ensure_ascii=False))

    def start(self):
        self.write()
        self.process = subprocess.Popen(
            [self.build / "tests" / "fake-manager", self.file],
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": self.bus.address},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, args=[self.process.stdout], daemon=True).start()
        self.wait_for("ready")
        return self

    def _read(self, pipe):
        for line in pipe:
            self.lines.put(line.rstrip("\n"))

    def wait_for(self, text):
        """The next line that begins so; those before are dropped."""
        while True:
            line = self.lines.get(timeout=PATIENCE)
            if line.startswith(text):
                return line

    def calls(self):
        """What was called until now: what it says to a command comes behind all that it has said before."""
        self.command("reload")
        return list(iter(lambda: self.lines.get(timeout=PATIENCE), "reloaded"))

    def command(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def reload(self):
        self.write()
        self.command("reload")
        self.wait_for("reloaded")

    def signal(self, signal, **entry):
        self.command(f"signal {signal} {json.dumps(entry)}")

    def stop(self):
        if self.process:
            self.command("quit")
            self.process.wait(PATIENCE)
            self.process.stdin.close()
            self.process = None

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()


class Ctl:
    """koowatchctl with a manager's bus."""

    def __init__(self, build, bus):
        self.build, self.bus = pathlib.Path(build), bus

    def environment(self, **extra):
        passed = {name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")}
        return {
            "PATH": "/usr/bin:/bin",
            "DBUS_SESSION_BUS_ADDRESS": self.bus.address,
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            **passed,
            **extra,
        }

    def command(self, *arguments):
        return [self.build / "koowatchctl", "--bus", "session", *arguments]

    def run(self, *arguments, input=None, prefix=(), **environment):
        return subprocess.run(
            [*prefix, *self.command(*arguments)],
            env=self.environment(**environment),
            input=input,
            stdin=None if input is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def start(self, *arguments, start_new_session=False, **environment):
        return subprocess.Popen(
            self.command(*arguments),
            start_new_session=start_new_session,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
