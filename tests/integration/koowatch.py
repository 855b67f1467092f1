"""koowatchd under test: a daemon with a folder of its own, and all that it says.

A Koowatch has task directories (high above low above spool, which is the state
directory's), hooks, a token file, and stands for the service manager. What the
daemon logs is parsed into entries; what it notifies, into datagrams; hooks that
record() leave what they were given. wait() looks anew whenever any of that is news.
"""

import collections
import contextlib
import json
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

from koodrive_simulator import DEFAULT_TOKEN

PATIENCE = 30  # seconds until a test that waits for something gives up
SANITIZER = re.compile(r"runtime error:|ERROR: \w*Sanitizer|SUMMARY: \w*Sanitizer")

RECORDER = """#!/usr/bin/python3 -IS
import json, os, sys
DIRECTORY, HOOK, EXITS, GATE = {directory!r}, {hook!r}, {exits!r}, {gate!r}
with open("/proc/self/environ", "rb") as file:
    pairs = [item.partition(b"=") for item in file.read().split(b"\\0") if item]
environment = {{name.decode(): value.decode() for name, _, value in pairs}}
record = {{
    "hook": HOOK,
    "argv": sys.argv[1:],
    "cwd": os.getcwd(),
    "env": environment,
    "event": json.load(sys.stdin),
}}
number = len(os.listdir(DIRECTORY))
name = "%s/%d-%d" % (DIRECTORY, number, os.getpid())
with open(name + ".new", "w") as file:
    json.dump(record, file)
os.rename(name + ".new", name + ".json")
print("recorded", flush=True)
if GATE:
    os.read(os.open(GATE, os.O_RDONLY), 1)
sys.exit(EXITS[min(int(environment["KOOWATCH_ATTEMPT"]), len(EXITS)) - 1])
"""


def age(path):
    """As if it had been written a while ago: a start waits for a young secret to settle."""
    written = time.time() - 60
    os.utime(path, (written, written))


def descriptors(pid):
    """How many of each kind a process has."""
    kinds = collections.Counter()
    unix = {line.split()[6] for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]}
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target[len("socket:[") : -1] in unix:
                    target = "unix socket"
                if not target.startswith("socket:"):  # connections to KooDrive come and go
                    kinds[re.sub(r":\[\d+\]|/tmp/koowatch-test-[^/]+", "", target)] += 1
    return kinds


class Entry:
    """A line of the log: level, message and the fields behind two spaces."""

    _LINE = re.compile(r"(\w+) (.*?)(?:  (KOO[A-Z_]+=.*))?")
    _FIELD = re.compile(r'(KOO[A-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')

    def __init__(self, line):
        self.line = line
        match = self._LINE.fullmatch(line)
        self.level, self.message, fields = match.groups() if match else ("", line, None)
        self.fields = {
            name: re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
            for name, quoted, plain in self._FIELD.findall(fields or "")
        }

    def __repr__(self):
        return self.line


class Lines:
    """Of a pipe, as they come."""

    def __init__(self, pipe):
        os.set_blocking(pipe.fileno(), False)
        self._pipe, self._rest, self._ended = pipe, b"", False

    def wait(self):
        """Until there may be more. False: there is no more, and all has been taken."""
        if self._ended:
            self._pipe.close()
            return False
        select.select([self._pipe], [], [])
        return True

    def take(self):
        """What can be read now."""
        with contextlib.suppress(BlockingIOError):
            while not self._ended:
                data = os.read(self._pipe.fileno(), 65536)
                self._ended = not data
                self._rest += data or (b"\n" if self._rest else b"")
        *lines, self._rest = self._rest.split(b"\n")
        return lines


class Koowatch:
    """Made by the fixture; settings is the configuration that start() and reload() write."""

    def __init__(self, build, endpoint):
        self.build = pathlib.Path(build)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="koowatch-test-"))
        self.path.chmod(0o755)
        self.config_path = self.path / "koowatch.conf"
        self.high, self.low = self._mkdir("high"), self._mkdir("low")
        self.hooks = self._mkdir("hooks")
        self.state = self._mkdir("state", 0o700)
        self.spool = self._mkdir("state/tasks.d", 0o700)
        self.records_path = self._mkdir("records", 0o777)
        self.gate = self.path / "gate"
        os.mkfifo(self.gate, 0o666)
        self._gate_fd = os.open(self.gate, os.O_RDWR)
        self.token_path = self.path / "token"
        self.set_token(DEFAULT_TOKEN)
        self.settings = {
            "Daemon": {
                "TaskDirectories": f"{self.high}:{self.low}:STATE/tasks.d",
                "StateDirectory": self.state,
                "LogTarget": "console",
            },
            "Poll": {"IntervalMin": "50ms", "IntervalMax": "200ms"},
            "Hooks": {"Directories": self.hooks, "Runner": "spawn"},
            "Account": {
                "Endpoint": endpoint,
                "TokenFile": self.token_path,
                "RateLimit": "500/s",
            },
        }
        self.server = None  # of the store, where that is on one
        self.wrapper = []  # a command that becomes the daemon
        self._entries = []
        self.datagrams = []
        self._logs = []
        self.process = None
        self._sessions = []
        self._news = threading.Condition()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self.path / "notify"))
        threading.Thread(target=self._read_datagrams, daemon=True).start()

    def use_postgresql(self, server):
        """The store is there, in a fleet of its own."""
        self.server = server
        self.settings["Store"] = {
            "Backend": "postgresql",
            "Connection": server.conninfo,
            "Fleet": server.new_fleet(),
        }

    def query(self, sql):
        """The rows of a query, or of none, of what the store has; numbers and truths as numbers."""
        if self.server:
            return self.server.query(sql, self.settings["Store"]["Fleet"])
        with contextlib.closing(sqlite3.connect(self.state / "state.db", timeout=30)) as db, db:
            return db.execute(sql).fetchall()

    def _mkdir(self, name, mode=0o755):
        path = self.path / name
        path.mkdir()
        path.chmod(mode)
        return path

    # The configuration

    def write_config(self):
        """Returns the file's text, for those who look for a line in it."""
        text = "".join(
            f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
            for section, keys in self.settings.items()
        )
        self.config_path.write_text(text)
        return text

    def set_token(self, token, in_place=False):
        """Replaces the token file, or rewrites it."""
        path = self.token_path if in_place else self.path / ".token"
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(token + "\n")
        if not in_place:
            age(path)
            path.rename(self.token_path)

    # The process

    def environment(self, **extra):
        passed = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")
        return {
            "PATH": "/usr/bin:/bin",
            "NOTIFY_SOCKET": str(self.path / "notify"),
            "SECRET": "of the daemon",
            **{name: os.environ[name] for name in passed if name in os.environ},
            **extra,
        }

    def run(self, *arguments, **environment):
        """koowatchd as a command, until it ends by itself."""
        return subprocess.run(
            [self.build / "koowatchd", *arguments],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def check(self):
        self.write_config()
        return self.run("--config", self.config_path, "--check")

    def start(
        self,
        *arguments,
        wait=True,
        restore_signals=True,
        stderr=subprocess.PIPE,
        wrapper=(),
        **environment,
    ):
        """Returns when the daemon says READY=1.

        With a stderr of the caller's the log is not read. The wrapper is a command that executes
        another one.
        """
        self.write_config()
        ready = self.count_datagrams(READY="1")
        self.process = subprocess.Popen(
            [
                *(wrapper or self.wrapper),
                self.build / "koowatchd",
                *("--config", self.config_path, "--bus", "none"),
                *arguments,
            ],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            restore_signals=restore_signals,
            start_new_session=True,
        )
        self._sessions.append(self.process.pid)
        if pipe := self.process.stderr:
            lines = Lines(pipe)
            self._logs.append(lines)
            threading.Thread(target=self._read_log, args=[lines], daemon=True).start()
        if wait:
            self.wait(lambda: self.count_datagrams(READY="1") > ready, "READY=1")
        return self

    def reload(self):
        """Returns when the daemon says READY=1 again."""
        self.write_config()
        ready = self.count_datagrams(READY="1")
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: self.count_datagrams(READY="1") > ready, "READY=1 after the reload")

    def end(self):
        """Waits for the daemon's end and returns its exit status."""
        process, self.process = self.process, None
        return process.wait(PATIENCE)

    def stop(self):
        self.process.terminate()
        assert self.end() == 0, self.log()

    def kill(self):
        self.process.kill()
        self.end()

    def restart(self):
        self.stop()
        self.start()

    def restart_with(self, **environment):
        self.stop()
        self.start(**environment)

    def limit_file_size(self, limit):
        """Lets each write to a file fail (0), or succeed again; start without restore_signals."""
        soft = resource.RLIM_INFINITY if limit is None else limit
        limits = (soft, resource.RLIM_INFINITY)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, limits)

    def close(self):
        """Ends what is left; whoever stops twice does not wait for requests in flight."""
        try:
            if self.process:
                process, self.process = self.process, None
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(2)
                process.terminate()
                assert process.wait(PATIENCE) == 0, self.log()
            reports = [entry.line for entry in self.entries if SANITIZER.search(entry.line)]
            assert not reports, self.log()
        finally:
            self._end_sessions()
            self._notify.shutdown(socket.SHUT_RDWR)
            os.close(self._gate_fd)
            print(self.log())  # pytest shows it when the test has failed
            shutil.rmtree(self.path)

    def _end_sessions(self):
        """Runners and hooks that have outlived their daemon."""
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                session = int(path.read_text().rpartition(")")[2].split()[3])
                if session in self._sessions:
                    os.kill(int(path.parent.name), signal.SIGKILL)

    # What it says

    @property
    def entries(self):
        """All that were written so far, also a moment ago."""
        with self._news:
            self._take_log()
            return self._entries

    def _read_log(self, lines):
        while lines.wait():
            with self._news:
                self._take_log()

    def _take_log(self):
        for lines in self._logs:
            for line in lines.take():
                if b"Unable to get registers from thread" in line:
                    continue  # LeakSanitizer's, of a thread that has just ended
                self._entries.append(Entry(line.decode(errors="replace")))
                self._news.notify_all()

    def _read_datagrams(self):
        while data := self._notify.recv(65536):
            with self._news:
                self.datagrams.append(data)
                self._news.notify_all()
        self._notify.close()

    def log(self):
        """All entries, and what the service manager was told last."""
        with self._news:
            status = [f"STATUS={status}" for status in self.notified("STATUS")[-1:]]
            return "\n".join([entry.line for entry in self.entries] + status)

    def wait(self, predicate, what="", timeout=PATIENCE):
        """Returns predicate()'s first true value; fails, with the log, when there is none."""
        deadline = time.monotonic() + timeout
        with self._news:
            while not (value := predicate()):
                alive = self.process is None or self.process.poll() is None
                assert alive, f"the daemon has ended: {what}\n{self.log()}"
                assert time.monotonic() < deadline, f"not within {timeout} s: {what}\n{self.log()}"
                self._news.wait(0.1)  # what others do is no news here: look at times
            return value

    def find(self, pattern, **fields):
        """The entries whose message has the pattern somewhere, and these fields."""
        with self._news:
            return [
                entry
                for entry in self.entries
                if re.search(pattern, entry.message)
                and all(entry.fields.get(name) == str(value) for name, value in fields.items())
            ]

    def wait_entry(self, pattern, count=1, timeout=PATIENCE, **fields):
        """Returns the last of count such entries."""
        found = lambda: self.find(pattern, **fields)  # noqa: E731
        return self.wait(lambda: found()[count - 1 : count], f"{pattern} {fields}", timeout)[0]

    def notified(self, name):
        """All values of a name, oldest first."""
        with self._news:
            lines = [line for data in self.datagrams for line in data.decode().split("\n")]
        pairs = [line.partition("=") for line in lines]
        return [value for key, _, value in pairs if key == name]

    def count_datagrams(self, **values):
        return sum(self.notified(name).count(value) for name, value in values.items())

    def wait_status(self, pattern):
        """Returns the first STATUS that has the pattern from its begin to its end."""
        matching = lambda: [s for s in self.notified("STATUS") if re.fullmatch(pattern, s)]  # noqa: E731
        return self.wait(matching, f"STATUS={pattern}")[0]

    # Tasks

    def add_task(self, name, task=None, where=None, text=None, mode=0o640, **keys):
        """Publishes NAME.task, as documented: a dot file that is renamed."""
        directory = where or self.low
        hidden, path = directory / f".{name}", directory / f"{name}.task"
        hidden.write_text(text if text is not None else task_text(task, **keys))
        hidden.chmod(mode)
        hidden.rename(path)
        return path

    # Hooks

    def hook(self, where, text, mode=0o755):
        """A script for sh unless it has its own first line, e.g. in finished.d/10-mail."""
        path = self.hooks / where
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return path

    def record(self, where="finished.d/10-record", exits=(0,), gated=False):
        """A hook that records what it is given, exits[n] being the status of attempt n + 1.

        A gated one ends when release() lets one through.
        """
        return self.hook(
            where,
            RECORDER.format(
                directory=str(self.records_path),
                hook=where,
                exits=list(exits),
                gate=str(self.gate) if gated else None,
            ),
        )

    def release(self, count=1):
        os.write(self._gate_fd, b"x" * count)

    def records(self, **facts):
        """What was recorded, oldest first, of events that have these facts."""
        paths = sorted(self.records_path.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        records = [json.loads(path.read_text()) for path in paths]
        return [r for r in records if all(r["event"].get(k) == v for k, v in facts.items())]

    def wait_record(self, count=1, **facts):
        """Returns the last of count such records."""
        return self.wait(lambda: self.records(**facts)[count - 1 : count], f"record {facts}")[0]


def task_text(task, variables=None, **keys):
    """A task file's text for a task of the simulator."""
    keys = {"TaskId": task.task_id, "ShareId": task.share_id, **keys}
    if task.kdstoken:
        keys.setdefault("KdsToken", task.kdstoken)
    lines = ["[Task]", *(f"{key}={value}" for key, value in keys.items() if value is not None)]
    if variables:
        lines += ["[Variables]", *(f"{name}={value}" for name, value in variables.items())]
    return "\n".join(lines) + "\n"


def wait_polls(sim, task, more=1, timeout=PATIENCE):
    """Waits until the task was asked about so many more times."""
    wanted = sim.polls(task) + more
    sim.wait_for(lambda s: s.polls(task) >= wanted, timeout)
