"""What the benchmarks share: figures and their tables, a daemon of their own, a stub of KooDrive.

A benchmark is a module with a TITLE and a run(bench) that reports figures: bench.add(name, values,
unit, goal). Ratios are taken within a round, as a machine drifts between rounds. Nothing leaves
the loopback interface.
"""

import contextlib
import mmap
import os
import pathlib
import platform
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(TOP / "tests" / "simulator"))

import certificates  # noqa: E402

PATIENCE = 3600  # seconds until a benchmark that waits for something gives up
TOKEN = "Bearer " + "6ebb6266dd5cdefa1d7126af2eb6173c" * 8  # about 256 characters
TOKEN = TOKEN[:256]
KDSTOKEN = "0123456789abcdef" * 3
ANSWER_BYTES = 542
PROTOCOLS = ("HTTP/1.1", "TLS", "HTTP/2")


class Figure:
    """One line of a table. goal: the most (at_most) or the least that it should be, or None."""

    def __init__(self, name, values, unit="", goal=None, at_most=True):
        self.name, self.values, self.unit, self.goal, self.at_most = name, values, unit, goal, at_most

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def is_met(self):
        if self.goal is None:
            return None
        return self.median <= self.goal if self.at_most else self.median >= self.goal

    def as_json(self):
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": self.values,
            "goal": self.goal,
            "goal_is": None if self.goal is None else "at most" if self.at_most else "at least",
            "met": self.is_met,
        }

    def cells(self):
        middle = number(self.median)
        if len(self.values) > 1:
            middle += f" ({number(min(self.values))}–{number(max(self.values))})"
        goal = "" if self.goal is None else f"{'≤' if self.at_most else '≥'} {number(self.goal)}"
        return [self.name, f"{middle} {self.unit}".rstrip(), goal, {None: "", True: "met", False: "missed"}[self.is_met]]


def number(value):
    if isinstance(value, int) or value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def format_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


class Bench:
    """One run of one benchmark: its options, its figures and notes, a folder that goes away."""

    def __init__(self, build, rounds, smoke=False, against=None):
        self.build, self.rounds, self.smoke, self.against = build, 1 if smoke else rounds, smoke, against
        self.figures, self.notes = [], []
        self.text = ""  # a table in a benchmark's own form
        self.path = None

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="koowatch-bench-"))
        self.path.chmod(0o755)
        return self

    def __exit__(self, *exception):
        # rmtree() takes minutes for a million files; rm does not
        subprocess.run(["rm", "-rf", self.path], check=True)

    def size(self, full, small):
        """How many of a thing there are; a smoke test takes few."""
        return small if self.smoke else full

    def add(self, name, values, unit="", goal=None, at_most=True):
        self.figures.append(Figure(name, list(values), unit, goal, at_most))

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def program(self, name):
        """One of the bench's own, below the build."""
        return self.build / "tests" / name

    def table(self):
        if not self.figures:
            return self.text.rstrip()
        return self.text + format_table([["", "median (min–max)", "goal", ""]] + [figure.cells() for figure in self.figures])

    def as_json(self):
        return {"figures": [figure.as_json() for figure in self.figures], "notes": self.notes, "text": self.text}


def machine():
    """What the figures depend on."""
    versions = {}
    for name, command in {
        "nginx": ["nginx", "-v"],
        "wrk": ["wrk", "-v"],
        "h2load": ["h2load", "--version"],
        "go": ["go", "version"],
        "valgrind": ["valgrind", "--version"],
        "curl": ["curl", "--version"],
    }.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            versions[name] = (done.stdout + done.stderr).strip().split("\n")[0]
    with contextlib.suppress(OSError):
        models = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        versions["processor"] = models[0].partition(":")[2].strip()
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return {"cores": len(os.sched_getaffinity(0)), "kernel": platform.release(), "system": release, **versions}


# Processes


def cores():
    """The core of what is measured, and the one of the server."""
    all_cores = sorted(os.sched_getaffinity(0))
    return all_cores[0], all_cores[-1]


def on(core):
    """For Popen() and run(): the process keeps to that core."""
    return {"preexec_fn": lambda: os.sched_setaffinity(0, {core})}


def own_cpu_seconds(pid):
    """Of a process that lives, all of its threads: the kernel's count, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)


def cpu_seconds(pid):
    """Of a process and of its descendants, those that have ended and been waited for included."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    reaped = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    living = 0.0
    for child in children:
        with contextlib.suppress(OSError):
            living += cpu_seconds(int(child))
    return own_cpu_seconds(pid) + reaped + living


def memory(pid):
    """In bytes."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {key: int(fields[key].split()[0]) * 1024 for key in ("VmRSS", "RssAnon", "RssFile", "VmHWM")}


def wait_until(predicate, what, process=None, patience=PATIENCE, pause=0.02):
    """Returns the first true value of predicate()."""
    deadline = time.monotonic() + patience
    while not (value := predicate()):
        if process is not None and process.poll() is not None:
            sys.exit(f"{process.args[0]} has ended, waiting for {what}")
        if time.monotonic() > deadline:
            sys.exit(f"not within {patience} s: {what}")
        time.sleep(pause)
    return value


def wait_idle(pid, patience=PATIENCE):
    """Until a process has taken next to no CPU for a second."""
    before = own_cpu_seconds(pid)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        time.sleep(1)
        after = own_cpu_seconds(pid)
        if after - before < 0.005:
            return
        before = after
    sys.exit(f"process {pid} does not become idle")


def end(process):
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def write(path, text, mode=0o600):
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)


def age(path):
    """As if it had been written a while ago: a start waits for a young secret to settle."""
    written = time.time() - 60
    os.utime(path, (written, written))


# KooDrive


def answer(status, size=ANSWER_BYTES):
    """An answer for any task, as it carries no id of one."""
    job = f'{{"userId":"1505084218764547200","taskType":1,"taskStatus":{status},"taskResultCode":'
    job += "1" if status == 2 else "null"
    job += ',"createTime":"20260101000000","startTime":"20260101000005","endTime":'
    job += '"20260101001005","progress":100,"downloadUrl":"https://example.com/p/0123456789abcdef"}' if status == 2 else (
        'null,"progress":40,"downloadUrl":null}'
    )
    head, tail = f'{{"jobInfo":{job},"taskInfos":[{{"fileId":"', '","status":1}],"code":0,"msg":"Success."}'
    return head + "F" * (size - len(head) - len(tail)) + tail


NGINX = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port}{listen};
        {tls}
        location / {{
            if (-f {dir}/completed) {{ return 200 '{completed}'; }}
            return 200 '{running}';
        }}
    }}
    server {{
        listen unix:{dir}/count;
        location / {{ stub_status; }}
    }}
}}
"""


class Server:
    """nginx that answers each poll of a task: it runs, or, after complete(), it has ended."""

    def __init__(self, bench, protocol="HTTP/1.1"):
        self.protocol = protocol
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="nginx-", dir=bench.path))
        self.directory.chmod(0o777)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        listen, tls, self.ca = "", "", None
        if protocol != "HTTP/1.1":
            self.ca, key = certificates.issue(self.directory)
            listen = " ssl" if protocol == "TLS" else " ssl http2"
            tls = f"ssl_certificate {self.ca}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;"
        self.url = f"{'http' if protocol == 'HTTP/1.1' else 'https'}://127.0.0.1:{self.port}"
        config = NGINX.format(
            dir=self.directory, port=self.port, listen=listen, tls=tls, running=answer(1), completed=answer(2)
        )
        write(self.directory / "conf", config, 0o644)
        self._asked = 0
        self._process = None

    def __enter__(self):
        if not shutil.which("nginx"):
            sys.exit("nginx is missing (apt-get install nginx-light)")
        command = ["nginx", "-c", self.directory / "conf", "-p", self.directory, "-e", self.directory / "error.log"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **on(cores()[1]))
        wait_until(self._is_up, "nginx", self._process)
        return self

    def __exit__(self, *exception):
        self.go_on()
        end(self._process)

    def _is_up(self):
        with contextlib.suppress(OSError):
            return self.counts()
        return None

    def hold(self):
        """Answers nothing until go_on()."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def _pids(self):
        pid = self._process.pid
        return [pid, *map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def complete(self):
        """From now on every task has completed."""
        write(self.directory / "completed", "", 0o644)

    def counts(self):
        """Connections and requests so far, those of this question apart."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.directory / "count"))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            text = b""
            while data := client.recv(4096):
                text += data
        self._asked += 1
        accepted, _, requests = map(int, text.split(b"requests\n")[1].split()[:3])
        return accepted - self._asked, requests - self._asked

    @property
    def requests(self):
        return self.counts()[1]


# The daemon


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
    LAYOUT = struct.Struct("=7Q1024Q")  # struct turns; nanoseconds

    def __init__(self, path):
        path.write_bytes(bytes(self.LAYOUT.size))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), self.LAYOUT.size)

    def restart(self):
        """Forgets what was, and the turn that is going on."""
        self._map[:8] = struct.pack("=Q", 1)

    def read(self):
        """spawn_turns: what those with one posix_spawn() took, by the wall clock."""
        _, *values = self.LAYOUT.unpack(self._map)
        count = values[5]
        return {**dict(zip(self.NAMES, values)), "spawn_turns": values[6 : 6 + count]}


class Daemon:
    """A koowatchd in a folder of its own; settings is its configuration, section by section."""

    def __init__(self, bench, url, ca=None, build=None, accounts=1, in_flight=64, rate="10000/s", interval="1h", interval_max=None):
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
        self._starts = 0

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

    def start(self, wrapper=(), wait=True, count_turns=False, is_pinned=True, **environment):
        """Returns when the daemon says READY=1."""
        self.write_config()
        self._starts += 1
        self.notifications = Notifications(self.path / f"notify-{self._starts}")
        environment["NOTIFY_SOCKET"] = str(self.notifications.path)
        if count_turns:
            path = self.path / f"turns-{self._starts}"
            self.turns = Turns(path)
            environment.update(LD_PRELOAD=str(self._bench.program("bench-turns.so")), KOOWATCH_TURNS=str(path))
        command = [*wrapper, self.build / "koowatchd", "--config", self.path / "conf", "--bus", "none"]
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
        """Lines of the log with a text in them."""
        with open(self.path / "log", "rb") as file:
            return file.read().count(text)

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
