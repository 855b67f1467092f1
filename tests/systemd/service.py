"""koowatchd as a service of the systemd that this runs under, and all that the journal says.

A Service has the configuration, drop-ins, hooks, tokens and tasks that a test gives it;
close() takes them away again, so that the next one starts from what "meson install" has
left. wait() looks anew whenever the journal has news.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

sys.path.append(str(pathlib.Path(__file__).parent.parent / "simulator"))
from koodrive_simulator import DEFAULT_TOKEN  # noqa: E402

PATIENCE = 30  # seconds until a test that waits for something gives up
ETC = pathlib.Path("/etc/koowatch")
RUN = pathlib.Path("/run/koowatch")
STATE = pathlib.Path("/var/lib/koowatch")
CREDENTIALS = ETC / "credentials"
SOCKET = pathlib.Path("/run/koowatch-hook.socket")
DAEMON, RUNNER = "koowatchd.service", "koowatch-hook@.service"
GATE = pathlib.Path("/run/koowatch-test.gate")


def run(*command, check=True, **options):
    """Returns what the command says on stdout; a failure shows both outputs."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE, **options)
    assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def systemctl(*arguments, **options):
    return run("systemctl", "--no-pager", *arguments, **options)


def install():
    """What the README says, and nothing else."""
    run("meson", "install", "--no-rebuild", "-C", os.environ["KOOWATCH_BUILD"])


def show(name, unit=DAEMON):
    return systemctl("show", "-P", name, unit)


def instances():
    """The runner's instances that systemd still knows, ended ones too."""
    listed = systemctl("list-units", "--all", "--plain", "--no-legend", "koowatch-hook@*")
    return [line.split()[0] for line in listed.splitlines()]


def write_file(path, text, mode=0o644, owner=None):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}")
    new.write_text(text)
    new.chmod(mode)
    if owner:
        shutil.chown(new, owner)
    new.rename(path)
    return path


def empty(directory):
    for path in pathlib.Path(directory).glob("*"):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def task_text(task, variables=None, **keys):
    keys = {"TaskId": task.task_id, "ShareId": task.share_id, **keys}
    lines = ["[Task]", *(f"{key}={value}" for key, value in keys.items())]
    if variables:
        lines += ["[Variables]", *(f"{name}={value}" for name, value in variables.items())]
    return "\n".join(lines) + "\n"


class Journal:
    """Follows the journal of this boot, entries being dictionaries."""

    def __init__(self):
        self.entries = []
        self.news = threading.Condition()
        self._process = subprocess.Popen(
            ["journalctl", "--follow", "--lines=all", "--boot", "--all", "--output=json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            with self.news:
                self.entries.append(json.loads(line))
                self.news.notify_all()

    def close(self):
        self._process.terminate()
        self._process.wait()


class Service:
    """Not started yet; settings is the configuration that start() and reload() write.

    begin is the time, in seconds, from which on the journal's entries are this test's.
    """

    def __init__(self, journal, endpoint, begin=0):
        self.journal = journal
        self._begin = begin * 1_000_000
        self.settings = {
            "Poll": {"IntervalMin": "50ms", "IntervalMax": "200ms"},
            "Account": {"Endpoint": endpoint, "RateLimit": "500/s"},
        }
        self._drop_ins = []
        self.set_credential("default", DEFAULT_TOKEN)
        GATE.unlink(missing_ok=True)
        os.mkfifo(GATE)
        self._gate = os.open(GATE, os.O_RDWR)

    def close(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            systemctl("kill", "-s", "KILL", DAEMON, "koowatch-hook@*", check=False)
            systemctl("stop", DAEMON, "koowatch-hook.socket", "koowatch-hook@*", check=False)
        print(self.log())  # pytest shows it when the test has failed
        systemctl("reset-failed")
        for path in self._drop_ins:
            path.unlink()
        if self._drop_ins:
            systemctl("daemon-reload")
        for directory in ("koowatch.conf.d", "tasks.d", "hooks", "credentials", "credentials.encrypted"):
            empty(ETC / directory)
        empty(RUN / "tasks.d")
        empty(STATE)
        os.close(self._gate)

    # The service

    def write_config(self):
        text = "".join(
            f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
            for section, keys in self.settings.items()
        )
        write_file(ETC / "koowatch.conf.d/50-test.conf", text)

    def set_credential(self, account, token):
        write_file(CREDENTIALS / f"{account}.token", token + "\n", mode=0o600)

    def drop_in(self, unit, *lines, section="Service"):
        path = pathlib.Path(f"/run/systemd/system/{unit}.d/50-test.conf")
        write_file(path, "\n".join([f"[{section}]", *lines, ""]))
        self._drop_ins.append(path)
        systemctl("daemon-reload")

    def start(self):
        """Returns when the daemon has said READY=1."""
        self.write_config()
        systemctl("start", DAEMON)
        return self

    def reload(self):
        self.write_config()
        systemctl("reload", DAEMON)

    @property
    def pid(self):
        return int(show("MainPID"))

    def wait_restarted(self, pid):
        """Waits until another daemon than pid is ready."""
        self.wait(lambda: show("ActiveState") == "active" and self.pid not in (0, pid), "a restart")

    # What it says

    def entries(self):
        """Those of this test, by when they were sent: those of the last one may come late."""
        with self.journal.news:
            entries = list(self.journal.entries)
        sent = lambda e: int(e.get("_SOURCE_REALTIME_TIMESTAMP", e["__REALTIME_TIMESTAMP"]))  # noqa: E731
        return [entry for entry in entries if sent(entry) >= self._begin]

    def log(self):
        return "\n".join(
            f"{entry.get('SYSLOG_IDENTIFIER')}: {entry.get('MESSAGE')}" for entry in self.entries()
        )

    def find(self, pattern, **fields):
        """The entries whose message has the pattern somewhere, and these fields."""
        return [
            entry
            for entry in self.entries()
            if re.search(pattern, str(entry.get("MESSAGE", "")))
            and all(entry.get(name) == str(value) for name, value in fields.items())
        ]

    def output(self, name=None):
        """The lines of a task's hooks, or of all."""
        fields = {"KOOWATCH_NAME": name} if name else {}
        found = self.find("", SYSLOG_IDENTIFIER="koowatch-hook", **fields)
        return [entry["MESSAGE"] for entry in found if "KOOWATCH_HOOK" in entry]

    def wait(self, predicate, what="", timeout=PATIENCE):
        """Returns predicate()'s first true value; fails when there is none."""
        deadline = time.monotonic() + timeout
        while not (value := predicate()):
            assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
            with self.journal.news:
                self.journal.news.wait(0.1)  # what others do is no news here: look at times
        return value

    def wait_entry(self, pattern, count=1, **fields):
        """Returns the last of count such entries."""
        found = lambda: self.find(pattern, **fields)[count - 1 : count]  # noqa: E731
        return self.wait(found, f"{count} of {pattern} {fields}")[0]

    def wait_output(self, line, count=1):
        self.wait(lambda: self.output().count(line) >= count, f"{count} of {line} from a hook")

    def wait_status(self, pattern):
        matches = lambda: re.search(pattern, show("StatusText"))  # noqa: E731
        return self.wait(matches, f"the status {pattern}")

    # Hooks and tasks

    def hook(self, text, where="finished.d/10-test"):
        return write_file(ETC / "hooks" / where, f"#!/bin/sh\n{text}\n", mode=0o755)

    def gated_hook(self, before="echo begin $KOOWATCH_EVENT_ID", after="echo end $KOOWATCH_EVENT_ID"):
        """A hook that ends when release() lets it."""
        return self.hook(f"{before}\nread -r _ <{GATE}\n{after}")

    def release(self, count=1):
        os.write(self._gate, b"\n" * count)

    def add_task(self, name, task, where=ETC / "tasks.d", mode=0o644, **keys):
        return write_file(where / f"{name}.task", task_text(task, **keys), mode)
