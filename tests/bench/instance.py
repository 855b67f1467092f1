"""A koowatchd of a benchmark's own, and what is seen of it from outside."""

import contextlib
import mmap
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from bench import KDSTOKEN, TOKEN, age, cores, end, on, wait_until, write


class Notifications:
    """What the daemon tells its service manager."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.path = path
        self.messages = []  # with the time of their arrival

    def poll(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.messages.append((time.monotonic(), self._socket.recv(65536).decode()))

    def count(self, line):
        self.poll()
        return sum(line in message.split("\n") for _, message in self.messages)

    def times(self, line):
        self.poll()
        return [moment for moment, message in self.messages if line in message.split("\n")]

    def close(self):
        self._socket.close()


class Turns:
    """The daemon's turns of its loop, as turns.c counts them in a file that both have mapped."""

    NAMES = ("turns", "cpu_max", "wall_max", "disk_max", "spawns")
    LAYOUT = struct.Struct("=7Q1024Q1024Q")  # struct turns; nanoseconds

    def __init__(self, path):
        path.write_bytes(bytes(self.LAYOUT.size))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), self.LAYOUT.size)

    def restart(self):
        """Forgets what was, and the turn that is going on."""
        self._map[:8] = struct.pack("=Q", 1)

    def read(self):
        """spawn_turns: what those with one posix_spawn() took, and the call, by the wall clock."""
        _, *values = self.LAYOUT.unpack(self._map)
        count = values[5]
        return {**dict(zip(self.NAMES, values)), "spawn_turns": list(zip(values[6 : 6 + count], values[1030 : 1030 + count]))}


class Daemon:
    """A koowatchd in a folder of its own; settings is its configuration, section by section."""

    def __init__(
        self,
        bench,
        url,
        ca=None,
        build=None,
        accounts=1,
        in_flight=64,
        rate="10000/s",
        interval="1h",
        interval_max=None,
    ):
        self._bench = bench
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="daemon-", dir=bench.path))
        self.path.chmod(0o755)
        self.build = build or bench.build
        self.tasks, self.hooks = self.path / "tasks", self.path / "hooks"
        self.tasks.mkdir()
        self.hooks.mkdir()
        (self.path / "state").mkdir(0o700)
        write(self.path / "token", TOKEN + "\n")
        age(self.path / "token")
        self.settings = {
            "Daemon": {
                "TaskDirectories": self.tasks,
                "StateDirectory": self.path / "state",
                "LogTarget": "console",
                "LogLevel": "warning",
            },
            "Poll": {"IntervalMin": interval, "IntervalMax": interval_max or interval},
            "Hooks": {"Directories": self.hooks, "Runner": "spawn"},
        }
        self.accounts = ["default"] + [f"account-{i}" for i in range(1, accounts)]
        for name in self.accounts:
            self.settings["Account" if name == "default" else f"Account {name}"] = {
                "Endpoint": url,
                "UserId": "1505084218764547200",
                "TokenFile": self.path / "token",
                "RateLimit": rate,
                "MaxInFlight": in_flight // accounts,
                **({"CAFile": ca} if ca else {}),
            }
        self.process = self.notifications = self.turns = None
        self._starts = self._log_read = self._log_count = 0

    # Tasks: names of 24 characters, ids of 19 digits

    def task_text(self, i, keys=""):
        account = self.accounts[i % len(self.accounts)]
        named = "" if account == "default" else f"Account={account}\n"
        return f"[Task]\nTaskId=16{i:017d}\nShareId=17{i:017d}\n{named}{keys}"

    def make_tasks(self, count, first=0, keys=f"KdsToken={KDSTOKEN}\n", directory=None):
        """Before the start; for a running daemon, elsewhere, then publish() them."""
        directory = str(directory or self.tasks)
        for i in range(first, first + count):
            fd = os.open(f"{directory}/a-task-of-24-char-{i:06d}.task", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
            os.write(fd, self.task_text(i, keys).encode())
            os.close(fd)

    def hook(self, where, text):
        path = self.hooks / where
        path.parent.mkdir(exist_ok=True)
        write(path, f"#!/bin/sh\n{text}\n", 0o755)
        path.chmod(0o755)

    # The process

    @property
    def state_db_bytes(self):
        return sum(path.stat().st_size for path in (self.path / "state").glob("state.db*"))

    def write_config(self):
        text = "".join(
            f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
            for section, keys in self.settings.items()
        )
        write(self.path / "conf", text)

    def environment(self, **extra):
        passed = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
        inherited = {name: os.environ[name] for name in passed if name in os.environ}
        return {"PATH": "/usr/bin:/bin", **inherited, **extra}

    def start(self, wrapper=(), wait=True, count_turns=False, is_pinned=True, bus="none", **environment):
        """Returns when the daemon says READY=1."""
        self.write_config()
        self._starts += 1
        self.notifications = Notifications(self.path / f"notify-{self._starts}")
        environment["NOTIFY_SOCKET"] = str(self.notifications.path)
        if count_turns:
            path = self.path / f"turns-{self._starts}"
            self.turns = Turns(path)
            environment.update(LD_PRELOAD=str(self._bench.program("bench-turns.so")), KOOWATCH_TURNS=str(path))
        command = [*wrapper, self.build / "koowatchd", "--config", self.path / "conf", "--bus", bus]
        self.process = subprocess.Popen(
            command,
            **(on(cores()[0]) if is_pinned else {}),
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(self.path / "log", "ab"),
        )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, count=1):
        wait_until(lambda: self.notifications.count("READY=1") >= count, "READY=1", self.process, pause=0.001)

    def reload(self):
        ready = self.notifications.count("READY=1")
        self.write_config()
        self.process.send_signal(signal.SIGHUP)
        self.wait_ready(ready + 1)

    def count_log(self, text):
        """Lines of the log with a text in them, the same one at each call."""
        with open(self.path / "log", "rb") as file:
            file.seek(self._log_read)
            whole, end_of_line, _ = file.read().rpartition(b"\n")
        self._log_read += len(whole + end_of_line)
        self._log_count += whole.count(text)
        return self._log_count

    def status(self):
        """What was said last: "watching 3 (1 running), ..."."""
        self.notifications.poll()
        return next((m[7:] for _, m in reversed(self.notifications.messages) if m.startswith("STATUS=")), "")

    def stop(self):
        if self.process:
            process, self.process = self.process, None
            end(process)
            self.notifications.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()
        if exception[0] is not None:
            with contextlib.suppress(OSError):
                sys.stderr.write("".join((self.path / "log").read_text(errors="replace").splitlines(True)[-20:]))
