"""koowatch-hook on its own: events in, protocol, processes and log out.

Each test has two hook directories, high and low, in a folder of its own, and a
configuration that names them. KOOWATCH_BUILD is the folder with the built program.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import pwd
import re
import select
import signal
import socket
import subprocess
import time

import pytest

BUILD = os.environ.get("KOOWATCH_BUILD")
PATIENCE = 60  # seconds until a test that hangs is given up
EVENT_ID = "0197a0d2-5f1c-7c11-9f7e-000000000001"
READY, DONE, BUSY = {"ready": True}, {"done": True}, {"busy": True}
LINE_MAX, BYTES_MAX, LINES_MAX = 8 * 1024, 64 * 1024, 1000
FACTS = {
    "schema": 1,
    "event": "finished",
    "eventId": EVENT_ID,
    "attempt": 2,
    "name": "photos",
    "account": "default",
    "taskId": "1689768877770401664",
    "shareId": "1689765568237837824",
    "outcome": "completed",
    "result": "succeeded",
    "taskResultCode": 1,
    "taskStatus": 2,
    "progress": 100,
    "downloadUrl": "https://example.com/p?a=1&b=/2",
    "registeredAt": "2025-05-20T02:29:12Z",
    "finishedAt": "2025-05-20T02:31:12Z",
    "polls": 12,
    "variables": {"Destination": "/srv/päckages", "empty": ""},
    "file": "/etc/koowatch/tasks.d/photos.task",
    "answer": {"progress": 100, "exact": 0.1, "big": 18446744073709551615},
}

pytestmark = pytest.mark.skipif(not BUILD, reason="KOOWATCH_BUILD does not name a build folder")


def started(hook):
    return {"start": hook, "timeout": 600}


class Run:
    """A runner that has ended."""

    def __init__(self, returncode, out, log):
        self.returncode = returncode
        self.lines = [json.loads(line) for line in out.splitlines()]
        self.log = log

    @property
    def ends(self):
        """What became of each hook, in order, without how long it took."""
        return [
            {key: value for key, value in line.items() if key != "seconds"}
            for line in self.lines
            if "end" in line
        ]

    @property
    def results(self):
        return [(end["end"], end["result"]) for end in self.ends]

    def output(self, hook):
        """What the log says at level info for the hook."""
        found = re.findall(r"^info (.*?)  KOOWATCH_NAME=.* KOOWATCH_HOOK=(\S+)", self.log, re.M)
        return [message for message, of in found if of == hook]

    def warnings(self):
        return [line for line in self.log.splitlines() if line.startswith("warning ")]


class House:
    def __init__(self, path):
        self.path = path
        self.locks = path / "locks"
        self.config = path / "koowatch.conf"
        for directory in ("locks", "high", "low"):
            (path / directory).mkdir(mode=0o755)
        self.configure()

    def configure(self, extra=""):
        self.config.write_text(
            f"[Daemon]\nLogTarget=console\n"
            f"[Hooks]\nDirectories={self.path}/high:{self.path}/low\n{extra}\n"
        )

    def hook(self, where, script, mode=0o755):
        """Makes HIGH-OR-LOW/EVENT.d/NAME; script is text for sh unless it has its own #!."""
        path = self.path / where
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)
        path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        path.chmod(mode)
        return path

    def fifo(self, name):
        path = self.path / name
        os.mkfifo(path)
        return path

    def lock_file(self, event_id=EVENT_ID):
        return self.locks / f"{event_id}.lock"

    def start(self, *options, env=None, **popen):
        return subprocess.Popen(
            [pathlib.Path(BUILD) / "koowatch-hook", *(options or ("--config", self.config))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # select() sees all that was not read
            env={
                "PATH": "/usr/bin:/bin",
                "RUNTIME_DIRECTORY": f"{self.locks}:/nonexistent",
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
                "SECRET": "of the daemon",
            }
            | (env or {}),
            **popen,
        )

    def run_bytes(self, data, *options, **popen):
        runner = self.start(*options, **popen)
        out, log = runner.communicate(data, timeout=PATIENCE)
        return Run(runner.returncode, out, log.decode(errors="replace"))

    def run(self, event=FACTS, **popen):
        return self.run_bytes(json.dumps(event).encode() + b"\n", **popen)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@contextlib.contextmanager
def running(house, event=FACTS):
    """A runner in the middle of its work; whatever happens, it does not outlive the test."""
    runner = house.start()
    try:
        runner.stdin.write(json.dumps(event).encode() + b"\n")
        yield runner
    finally:
        runner.terminate()  # not killed, so that it ends its hook
        runner.communicate(timeout=PATIENCE)


def next_line(runner):
    assert select.select([runner.stdout], [], [], PATIENCE)[0], "the runner says nothing"
    return json.loads(runner.stdout.readline())


def wait_until_open(path):
    """Opens a FIFO for writing, which returns when somebody reads from it."""
    return open(path, "wb", buffering=0)


def wait_for_last_writer(fd):
    """Waits until all who had the FIFO open for writing, and at least one had, are gone."""
    poll = select.poll()
    poll.register(fd, 0)
    assert poll.poll(PATIENCE * 1000), "somebody still holds the FIFO"


# Its connection


def on_a_connection(house):
    """A runner as the service manager starts it, and our end."""
    ours, theirs = socket.socketpair()
    with theirs:
        env = {"PATH": "/usr/bin:/bin", "RUNTIME_DIRECTORY": str(house.locks)}
        env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "")
        command = [pathlib.Path(BUILD) / "koowatch-hook", "--config", house.config]
        runner = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=env
        )
    return runner, ours


def test_a_connection_without_an_event_is_closed(house):
    """It has had its event: this is what an instance is given that was restarted."""
    runner, ours = on_a_connection(house)
    with ours:
        _, log = runner.communicate(timeout=PATIENCE)
        assert ours.recv(1) == b""
    assert runner.returncode == 1
    assert b"error standard input: no event" in log and b"restarted" in log


def test_half_an_event_is_not_waited_for_either(house):
    runner, ours = on_a_connection(house)
    with ours:
        ours.sendall(b'{"event":')
        _, log = runner.communicate(timeout=PATIENCE)
        assert ours.recv(1) == b""
    assert runner.returncode == 1 and b"no event" in log


def test_nobody_can_be_told(house):
    """What koowatchd does not know of must not count as done."""
    house.hook("high/finished.d/10-a", "echo it runs")
    with open("/dev/full", "wb") as full:
        command = [pathlib.Path(BUILD) / "koowatch-hook", "--config", house.config]
        env = {"RUNTIME_DIRECTORY": str(house.locks), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        event = json.dumps(FACTS).encode()
        run = subprocess.run(command, input=event, stdout=full, stderr=subprocess.PIPE, env=env, timeout=PATIENCE)
    assert run.returncode == 1
    assert b"cannot tell koowatchd, no hook is run: No space left" in run.stderr
    assert b"it runs" not in run.stderr


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT", "EROFS"])
def test_a_lock_that_cannot_be_made(house, error):
    """The first one to be opened there is the directory."""
    house.hook("high/finished.d/10-a", "echo it runs")
    strace = ["strace", "-D", "-qq", "--signal=none", "-o", "/dev/null"]
    if subprocess.run([*strace, "true"], capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")
    command = [*strace, "-P", house.locks, "-e", f"inject=openat:error={error}:when=2"]
    command += [pathlib.Path(BUILD) / "koowatch-hook", "--config", house.config]
    env = {"RUNTIME_DIRECTORY": str(house.locks), "ASAN_OPTIONS": "exitcode=99:detect_leaks=0"}
    event = json.dumps(FACTS).encode()
    run = subprocess.run(command, input=event, capture_output=True, env=env, timeout=PATIENCE)
    assert (run.returncode, run.stdout) == (1, b"")
    assert b"the lock cannot be taken, no hook is run: " in run.stderr


# What is run, and in which order


def test_no_hooks(house):
    run = house.run()
    assert (run.returncode, run.lines, run.log) == (0, [READY, DONE], "")


def test_protocol_of_one_hook(house):
    house.hook("high/finished.d/10-a", "exit 0")
    run = house.run()
    assert run.returncode == 0
    ready, start, end, done = run.lines
    assert (ready, start, done) == (READY, started("finished.d/10-a"), DONE)
    assert isinstance(end.pop("seconds"), float)
    assert end == {"end": "finished.d/10-a", "result": "done", "status": 0}


def test_event_may_end_without_a_newline(house):
    house.hook("high/finished.d/10-a", "exit 0")
    run = house.run_bytes(json.dumps(FACTS).encode())
    assert (run.returncode, run.results) == (0, [("finished.d/10-a", "done")])


def test_order_hiding_and_masks(house):
    house.hook("low/finished.d/20-b", "echo low")
    house.hook("high/finished.d/20-b", "echo high")
    house.hook("high/finished.d/9-c", "true")
    house.hook("low/finished.d/10-a", "true")
    house.hook("low/finished.d/30-null", "true")
    (house.path / "high/finished.d/30-null").symlink_to("/dev/null")
    house.hook("low/finished.d/40-empty", "true")
    (house.path / "high/finished.d/40-empty").touch()
    house.hook("high/finished.d/50-d~", "true")
    house.hook("high/stalled.d/10-other-event", "true")

    run = house.run()

    assert [end["end"] for end in run.ends] == [
        "finished.d/10-a",
        "finished.d/20-b",
        "finished.d/9-c",
    ]
    assert run.output("finished.d/20-b") == ["high"]


def test_named_hooks_follow_in_the_order_of_the_event(house):
    house.hook("high/finished.d/90-last", "true")
    house.hook("low/named.d/b", "true")
    house.hook("high/named.d/a", "true")
    house.hook("high/named.d/not-asked-for", "false")

    run = house.run(FACTS | {"hooks": ["b", "a", "b"]})

    assert run.results == [
        ("finished.d/90-last", "done"),
        ("named.d/b", "done"),
        ("named.d/a", "done"),
    ]


@pytest.mark.parametrize(
    "name, why",
    [
        ("missing", "no such hook in named.d of {0}/high:{0}/low"),
        ("masked", "{0}/high/named.d/masked masks it"),
        ("../finished.d/10-a", "its name is not valid for a hook"),
        (".hidden", "its name is not valid for a hook"),
    ],
)
def test_named_hook_that_is_not_there_has_failed(house, name, why):
    house.hook("high/finished.d/10-a", "true")
    house.hook("high/named.d/.hidden", "true")
    house.hook("low/named.d/masked", "true")
    (house.path / "high/named.d/masked").touch()

    run = house.run(FACTS | {"hooks": [name]})

    assert run.returncode == 0
    assert run.ends[-1] == {
        "end": f"named.d/{name}",
        "result": "failed",
        "reason": why.format(house.path),
    }
    assert run.lines[-1] == DONE
    assert len(run.warnings()) == 1


def test_settled_hooks_are_skipped_silently(house):
    for name in ("10-a", "20-b", "30-c"):
        house.hook(f"high/finished.d/{name}", "true")
    house.hook("high/named.d/n", "true")

    run = house.run(
        FACTS | {"hooks": ["n"], "settled": ["finished.d/10-a", "finished.d/30-c", "named.d/n"]}
    )

    assert run.results == [("finished.d/20-b", "done")]
    assert run.log == ""


# How hooks end


@pytest.mark.parametrize(
    "script, end",
    [
        ("exit 0", {"result": "done", "status": 0}),
        ("exit 75", {"result": "later", "status": 75}),
        ("exit 77", {"result": "skipped", "status": 77}),
        ("exit 79", {"result": "progress", "status": 79}),
        ("exit 1", {"result": "failed", "status": 1}),
        ("exit 255", {"result": "failed", "status": 255}),
        ("kill -KILL $$", {"result": "failed", "signal": signal.SIGKILL}),
    ],
)
def test_results(house, script, end):
    house.hook("high/finished.d/10-a", script)
    house.hook("high/finished.d/20-b", "true")

    run = house.run()

    assert run.ends[0] == {"end": "finished.d/10-a"} | end
    assert run.results[1:] == [("finished.d/20-b", "done")]
    assert (run.returncode, run.lines[-1]) == (0, DONE)


def test_timeout(house):
    house.configure("Timeout=300ms")
    house.hook("high/finished.d/10-a", "sleep 1000")
    house.hook("high/finished.d/20-b", "true")

    run = house.run()

    assert run.ends == [
        {"end": "finished.d/10-a", "result": "failed", "signal": signal.SIGTERM, "timeout": True},
        {"end": "finished.d/20-b", "result": "done", "status": 0},
    ]


def test_timeout_of_one_that_exits_well_when_asked(house):
    house.configure("Timeout=300ms")
    house.hook("high/finished.d/10-a", "exec 2>&-; trap 'exit 0' TERM; while :; do sleep 0.01; done")
    run = house.run()
    [end] = run.ends
    end.pop("tail", None)  # what its shell says of a sleep that was ended
    assert end == {"end": "finished.d/10-a", "result": "failed", "status": 0, "timeout": True}


def test_timeout_of_one_that_ignores_it(house):
    house.configure("Timeout=300ms")
    house.hook("high/finished.d/10-a", "trap '' TERM; sleep 1000 & wait")
    run = house.run()
    assert run.ends == [
        {"end": "finished.d/10-a", "result": "failed", "signal": signal.SIGKILL, "timeout": True}
    ]


def test_what_cannot_be_executed_has_failed(house):
    house.hook("high/finished.d/10-no-shell", "#! \n")
    house.hook("high/finished.d/20-gone", "#!/no/such/interpreter\n")
    house.hook("high/finished.d/30-fine", "true")

    run = house.run()

    assert run.results == [
        ("finished.d/10-no-shell", "failed"),
        ("finished.d/20-gone", "failed"),
        ("finished.d/30-fine", "done"),
    ]
    assert all("interpreter" in end["reason"] for end in run.ends[:2])
    assert started("finished.d/10-no-shell") not in run.lines


# Children of hooks


def test_group_is_killed_and_does_not_delay(house):
    fifo = house.fifo("held")
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    house.hook("high/finished.d/10-a", f"exec 9>'{fifo}'; sleep 1000 & exit 0")

    run = house.run()

    assert run.results == [("finished.d/10-a", "done")]
    wait_for_last_writer(fd)
    os.close(fd)


def test_child_that_writes_for_ever_does_not_delay(house):
    house.hook("high/finished.d/10-a", "yes & yes >&2 & exit 0")
    house.hook("high/finished.d/20-b", "true")
    run = house.run()
    assert run.results == [("finished.d/10-a", "done"), ("finished.d/20-b", "done")]


def test_closed_output_is_no_end(house):
    fifo = house.fifo("gate")
    house.hook("high/finished.d/10-a", f"exec >&- 2>&-; read line < '{fifo}'; exit 75")
    with running(house) as runner:
        assert next_line(runner) == READY
        assert next_line(runner) == started("finished.d/10-a")
        with wait_until_open(fifo) as gate:
            gate.write(b"go\n")
        end = next_line(runner)
        assert (end["result"], end["status"]) == ("later", 75)
        assert runner.wait(PATIENCE) == 0


# What a hook gets


def written_by_hook(house, script, event=FACTS, **popen):
    """What a hook, run for the event, writes to its standard output (a file, not the log)."""
    target = house.path / "written"
    house.hook(f"high/{event['event']}.d/10-a", f"exec > '{target}'\n{script}")
    run = house.run(event, **popen)
    assert run.results == [(f"{event['event']}.d/10-a", "done")], run.log
    return target.read_bytes()


def environment(house, event, **popen):
    items = written_by_hook(house, "cat /proc/$$/environ", event, **popen).split(b"\0")[:-1]
    result = dict(item.decode().split("=", 1) for item in items)
    assert len(result) == len(items)
    return result


BASICS = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "KOOWATCH_TIMEOUT": "600",
    "HOME": pwd.getpwuid(os.geteuid()).pw_dir or "/",
}


def test_environment_is_exactly_this(house):
    assert environment(house, FACTS | {"hooks": [], "settled": []}) == BASICS | {
        "KOOWATCH_EVENT": "finished",
        "KOOWATCH_EVENT_ID": EVENT_ID,
        "KOOWATCH_ATTEMPT": "2",
        "KOOWATCH_NAME": "photos",
        "KOOWATCH_ACCOUNT": "default",
        "KOOWATCH_TASK_ID": "1689768877770401664",
        "KOOWATCH_SHARE_ID": "1689765568237837824",
        "KOOWATCH_OUTCOME": "completed",
        "KOOWATCH_RESULT": "succeeded",
        "KOOWATCH_RESULT_CODE": "1",
        "KOOWATCH_TASK_STATUS": "2",
        "KOOWATCH_PROGRESS": "100",
        "KOOWATCH_DOWNLOAD_URL": "https://example.com/p?a=1&b=/2",
        "KOOWATCH_FILE": "/etc/koowatch/tasks.d/photos.task",
        "KOOWATCH_VAR_DESTINATION": "/srv/päckages",
        "KOOWATCH_VAR_EMPTY": "",
    }


def test_environment_has_no_unknown_values(house):
    event = FACTS | {
        "outcome": "canceled",
        "progress": None,
        "downloadUrl": "",
        "taskStatus": "x" * (64 * 1024 + 1),
        "file": "cut\0here",
        "variables": {
            "fits": "y" * 64 * 1024,
            "too_long": "y" * (64 * 1024 + 1),
            "number": 7,
            "9digit": "no name",
            "a=b": "no name",
            "": "no name",
            "list": ["no value"],
        },
    }
    found = environment(house, event)
    assert {name for name in found if name.startswith("KOOWATCH_")} == {
        "KOOWATCH_EVENT",
        "KOOWATCH_EVENT_ID",
        "KOOWATCH_ATTEMPT",
        "KOOWATCH_NAME",
        "KOOWATCH_ACCOUNT",
        "KOOWATCH_TASK_ID",
        "KOOWATCH_SHARE_ID",
        "KOOWATCH_OUTCOME",
        "KOOWATCH_TIMEOUT",
        "KOOWATCH_VAR_FITS",
        "KOOWATCH_VAR_NUMBER",
    }
    assert found["KOOWATCH_VAR_NUMBER"] == "7"


def test_environment_of_an_account_event(house):
    event = {
        "schema": 1,
        "event": "account",
        "eventId": EVENT_ID,
        "name": "office",
        "account": "office",
        "accountState": "unauthorized",
        "reason": "token refused",
    }
    assert environment(house, event, env={"LANG": "de_DE.UTF-8"}) == BASICS | {
        "LANG": "de_DE.UTF-8",
        "KOOWATCH_EVENT": "account",
        "KOOWATCH_EVENT_ID": EVENT_ID,
        "KOOWATCH_NAME": "office",
        "KOOWATCH_ACCOUNT": "office",
        "KOOWATCH_ACCOUNT_STATE": "unauthorized",
    }


def test_standard_input_is_the_event(house):
    event = FACTS | {"hooks": [], "settled": ["named.d/x"]}
    text = written_by_hook(house, "cat", event)
    assert text.count(b"\n") == 1 and text.endswith(b"\n")
    assert json.loads(text) == FACTS


def test_standard_input_is_whole_for_each_and_read_only(house):
    for name in ("10-a", "20-b"):
        house.hook(
            f"high/finished.d/{name}",
            "wc -l; wc -c < /dev/stdin; (echo x >&0) 2> /dev/null || echo refused",
        )
    run = house.run()
    lines, size, refused = run.output("finished.d/10-a")
    assert (lines, refused) == ("1", "refused")
    text = json.dumps(FACTS, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert int(size) == len(text.encode())
    assert run.output("finished.d/20-b") == [lines, size, refused]


def test_large_event_that_is_not_read(house):
    house.hook("high/finished.d/10-not-read", "true")
    house.hook("high/finished.d/20-in-part", "head -c 10")
    house.hook("high/finished.d/30-read", "wc -c")
    run = house.run(FACTS | {"answer": {"text": "x" * 7_000_000}})
    assert [result for _, result in run.results] == ["done"] * 3
    assert int(run.output("finished.d/30-read")[0]) > 7_000_000


def test_arguments_and_place(house):
    script = 'echo "$0"; echo "$#"; echo "$1"; echo "$2"; pwd'
    assert written_by_hook(house, script).decode().splitlines() == [
        str(house.path / "high/finished.d/10-a"),
        "2",
        "finished",
        "photos",
        "/",
    ]


def test_own_process_group(house):
    process, group = written_by_hook(house, "ps -o pid=,pgid= -p $$").split()
    assert process == group


def test_no_signal_is_blocked_or_ignored(house):
    text = written_by_hook(house, "grep -E '^Sig(Blk|Ign):' /proc/self/status")
    internal = 1 << 31 | 1 << 32  # the C library ignores its own two in all that it spawns
    blocked, ignored = (int(line.split()[1], 16) & ~internal for line in text.splitlines())
    assert (blocked, ignored) == (0, 0)


def test_no_descriptor_is_inherited(house):
    read_end, write_end = os.pipe()
    target = house.path / "written"
    house.hook("high/finished.d/10-a", f"exec ls -l /proc/self/fd > '{target}'")
    run = house.run(pass_fds=[read_end, write_end])
    os.close(read_end)
    os.close(write_end)
    assert run.results == [("finished.d/10-a", "done")]
    # The fourth is the one with which ls reads the directory.
    assert re.findall(r" (\d+) -> ", target.read_text()) == ["0", "1", "2", "3"]


# Output


def test_output_goes_to_the_log_unchanged(house):
    house.hook("high/finished.d/10-a", r"printf 'one  two %%s\n\nthrée'; echo error >&2")
    run = house.run()
    assert sorted(run.output("finished.d/10-a")) == ["error", "one  two %s", "thrée"]
    first = next(line for line in run.log.splitlines() if "one  two" in line)
    assert first == (
        f"info one  two %s  KOOWATCH_NAME=photos KOOWATCH_ACCOUNT=default "
        f"KOOWATCH_EVENT_ID={EVENT_ID} KOOWATCH_HOOK=finished.d/10-a "
        f"KOODRIVE_TASK_ID=1689768877770401664 KOODRIVE_SHARE_ID=1689765568237837824"
    )


def test_bytes_of_any_kind(house):
    house.hook("high/finished.d/10-a", r"printf 'a\000b\n\377\033[2Jc\n\000\n'; echo after")
    run = house.run()
    assert run.results == [("finished.d/10-a", "done")]
    assert run.output("finished.d/10-a") == ["a?b", "\ufffd?[2Jc", "?", "after"]


def test_long_lines_are_split_between_characters(house):
    lines = ["x" * LINE_MAX, "y" * (2 * LINE_MAX + 10), "z" + "é" * LINE_MAX]
    (house.path / "text").write_text("\n".join(lines))
    house.hook("high/finished.d/10-a", f"cat '{house.path}/text'")

    found = house.run().output("finished.d/10-a")

    assert [len(line.encode()) for line in found[:4]] == [LINE_MAX, LINE_MAX, LINE_MAX, 10]
    assert all(len(line.encode()) <= LINE_MAX for line in found[4:])
    assert "".join(found) == "".join(lines)


def test_lines_are_cut(house):
    house.hook("high/finished.d/10-a", "seq 600")
    house.hook("high/finished.d/20-b", "seq 600 >&2")
    house.hook("high/finished.d/30-c", "echo more")

    run = house.run()

    assert [result for _, result in run.results] == ["done"] * 3
    shown = run.output("finished.d/10-a") + run.output("finished.d/20-b")
    assert shown == [str(i) for i in [*range(1, 601), *range(1, LINES_MAX - 600 + 1)]]
    cut = 200 * 4 + len("more\n")
    assert re.findall(r"^notice photos: (\d+) bytes in (\d+) lines", run.log, re.M) == [
        (str(cut), "201")
    ]


def test_bytes_are_cut(house):
    house.hook("high/finished.d/10-a", "head -c 1000000 /dev/zero | tr '\\0' x; echo")

    run = house.run()

    assert run.results == [("finished.d/10-a", "done")]
    assert sum(len(line) for line in run.output("finished.d/10-a")) == BYTES_MAX
    assert re.findall(r"^notice photos: (\d+) bytes in \d+ lines", run.log, re.M) == [
        str(1000001 - BYTES_MAX)
    ]


# Refusals


def refusals(house, where):
    """Runs the refused hook, which has failed; returns the reason."""
    run = house.run()
    refused, fine = ("finished.d/10-refused", "failed"), ("finished.d/20-fine", "done")
    assert (run.returncode, run.results) == (0, [refused, fine])
    assert started("finished.d/10-refused") not in run.lines
    assert len(run.warnings()) == 1 and str(house.path / where) in run.log
    assert run.ends[0]["reason"] in run.warnings()[0]
    return run.ends[0]["reason"]


@pytest.mark.parametrize(
    "mode, why",
    [
        (0o757, "writable by group or others"),
        (0o775, "writable by group or others"),
        (0o4755, "set-user-id"),
    ],
)
def test_refused_file(house, mode, why):
    house.hook("high/finished.d/10-refused", "true", mode)
    house.hook("high/finished.d/20-fine", "true")
    house.hook("high/named.d/refused", "true", mode)

    assert why in refusals(house, "high/finished.d/10-refused")

    settled = ["finished.d/10-refused", "finished.d/20-fine"]
    run = house.run(FACTS | {"hooks": ["refused"], "settled": settled})
    assert run.results == [("named.d/refused", "failed")]
    assert why in run.ends[0]["reason"]
    assert (run.returncode, run.lines[-1]) == (0, DONE)


@pytest.mark.parametrize("mode", [0o757, 0o775, 0o1777])
def test_refused_directory(house, mode):
    house.hook("high/finished.d/10-refused", "true")
    house.hook("low/finished.d/20-fine", "true")
    (house.path / "high/finished.d").chmod(mode)
    assert "/high/finished.d is writable" in refusals(house, "high/finished.d/10-refused")


def test_refused_for_a_directory_above(house):
    house.hook("high/finished.d/10-refused", "true")
    house.hook("low/finished.d/20-fine", "true")
    (house.path / "high").chmod(0o775)
    assert "/high is writable" in refusals(house, "high/finished.d/10-refused")


def test_refused_owner(house):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    os.chown(house.hook("high/finished.d/10-refused", "true"), 4242, 4242)
    house.hook("high/finished.d/20-fine", "true")
    assert "owned by neither" in refusals(house, "high/finished.d/10-refused")


@pytest.mark.parametrize("kind", ["data", "directory"])
def test_what_is_no_hook_is_passed_over(house, kind):
    """The daemon tells, once: what is skipped is settled."""
    path = house.hook("high/finished.d/10-data", "true", 0o644)
    house.hook("high/finished.d/20-fine", "true")
    if kind == "directory":
        path.unlink()
        path.mkdir()
    run = house.run()
    assert run.results == [("finished.d/10-data", "skipped"), ("finished.d/20-fine", "done")]
    why = {"data": "it is not executable", "directory": "it is not a regular file"}[kind]
    assert f"{path}: {why}" in run.ends[0]["reason"]
    assert run.warnings() == []


def test_a_named_hook_that_is_not_executable_has_failed(house):
    house.hook("high/named.d/data", "true", 0o644)
    run = house.run(FACTS | {"hooks": ["data"]})
    assert run.results == [("named.d/data", "failed")]
    assert "it is not executable" in run.ends[0]["reason"]


@pytest.mark.parametrize(
    "text, why",
    [
        ("#!/no/such/sh\n", "its interpreter /no/such/sh does not exist"),
        ("#!/bin/sh\r\necho hello\r\n", "carriage return"),
        ("echo hello\n", "neither a program nor a script"),
        ("\ufeff#!/bin/sh\n", "byte order mark"),
    ],
)
def test_why_a_hook_cannot_be_executed(house, text, why):
    path = house.hook("high/finished.d/10-a", "#!")
    path.write_bytes(text.encode())
    run = house.run()
    assert run.results == [("finished.d/10-a", "failed")]
    assert run.ends[0]["reason"].startswith(f"{path}: ") and why in run.ends[0]["reason"]


def test_a_file_system_without_programs(house):
    """In a mount namespace of its own."""
    house.hook("high/finished.d/10-a", "true")
    mounted = house.path / "high"
    mount = f"mount --bind '{mounted}' '{mounted}' && mount -o remount,bind,noexec '{mounted}'"
    unshare = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*unshare, "sh", "-c", mount], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace to be had")
    runner = f"exec '{BUILD}/koowatch-hook' --config '{house.config}'"
    done = subprocess.run(
        [*unshare, "sh", "-c", f"{mount} && {runner}"],
        input=json.dumps(FACTS).encode(),
        capture_output=True,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "RUNTIME_DIRECTORY": str(house.locks)},
        timeout=PATIENCE,
    )
    run = Run(done.returncode, done.stdout, done.stderr.decode())
    assert run.results == [("finished.d/10-a", "failed")]
    assert "its file system is mounted noexec" in run.ends[0]["reason"]


def test_a_directory_that_cannot_be_read_is_a_failure(house):
    """Which of the other directories' hooks it masks is not known: none of them runs now."""
    house.hook("low/finished.d/10-masked", "true")
    house.hook("low/named.d/fetch", "true")
    house.hook("low/named.d/masked", "true")
    (house.path / "high/finished.d").write_text("in the place of a directory")
    run = house.run(FACTS | {"hooks": ["fetch"]})
    assert run.results == [("finished.d", "failed"), ("named.d/fetch", "done")]
    (house.path / "high/named.d").write_text("in the place of a directory")
    run = house.run(FACTS | {"hooks": ["fetch"]})
    assert run.results == [("finished.d", "failed"), ("named.d/fetch", "failed")]
    assert f"{house.path}/high/named.d/fetch" in run.ends[1]["reason"]
    assert (run.returncode, run.lines[-1]) == (0, DONE)


def test_link_to_a_good_file_is_followed(house):
    target = house.hook("low/elsewhere", "echo ran")
    (house.path / "high/finished.d").mkdir(mode=0o755)
    (house.path / "high/finished.d/10-link").symlink_to(target)
    assert house.run().output("finished.d/10-link") == ["ran"]


# The lock


def test_busy_while_the_lock_is_held(house):
    house.hook("high/finished.d/10-a", "true")
    with open(house.lock_file(), "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run = house.run()
        assert (run.returncode, run.lines) == (0, [BUSY])
        assert house.lock_file().exists()
        assert house.run(FACTS | {"eventId": "another"}).lines[-1] == DONE
    assert house.run().lines[-1] == DONE


def test_lock_is_held_while_hooks_run_and_removed_at_the_end(house):
    fifo = house.fifo("gate")
    house.hook("high/finished.d/10-a", f"read line < '{fifo}'")
    with running(house) as runner:
        with wait_until_open(fifo) as gate:
            assert house.run().lines == [BUSY]
            gate.write(b"go\n")
        assert runner.wait(PATIENCE) == 0
    assert list(house.locks.iterdir()) == []


@pytest.mark.parametrize("spoil", ["writable", "link", "foreign"])
def test_lock_directory_that_is_not_ours(house, spoil):
    house.hook("high/finished.d/10-a", "true")
    if spoil == "writable":
        house.locks.chmod(0o777)
    elif spoil == "link":
        house.locks.rename(house.path / "elsewhere")
        house.locks.symlink_to(house.path / "elsewhere")
    elif os.geteuid() == 0:
        os.chown(house.locks, 4242, 4242)
    else:
        pytest.skip("only root can give a directory to somebody else")

    run = house.run()

    assert (run.returncode, run.lines) == (1, [])
    assert "error photos: the directory for locks" in run.log


def test_lock_directory_is_made(house):
    house.locks.rmdir()
    assert house.run().lines == [READY, DONE]
    assert house.locks.stat().st_mode & 0o777 == 0o700


# Ends of the runner itself


def test_sigterm_ends_the_hook_and_the_run(house):
    fifo = house.fifo("held")
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    house.hook("high/finished.d/10-a", f"exec 9>'{fifo}'; echo up; sleep 1000")
    house.hook("high/finished.d/20-b", "true")
    with running(house) as runner:
        assert next_line(runner) == READY
        assert next_line(runner) == started("finished.d/10-a")
        assert b"info up " in runner.stderr.readline()
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(PATIENCE) == 1
        assert runner.stdout.read() == b""
        wait_for_last_writer(fd)
    os.close(fd)
    assert not house.lock_file().exists()


def test_sigterm_kills_a_hook_that_ignores_it(house):
    fifo = house.fifo("held")
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    house.hook("high/finished.d/10-a", f"trap '' TERM; exec 9>'{fifo}'; echo up; sleep 1000")
    with running(house) as runner:
        assert b"info up " in runner.stderr.readline()
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(PATIENCE) == 1
        wait_for_last_writer(fd)
    os.close(fd)


def test_hooks_outlive_the_daemon(house):
    fifo = house.fifo("gate")
    house.hook("high/finished.d/10-a", f"read line < '{fifo}'")
    house.hook("high/finished.d/20-b", f"touch '{house.path}/ran'")
    with running(house) as runner:
        assert next_line(runner) == READY
        with wait_until_open(fifo) as gate:
            runner.stdin.close()
            runner.stdout.close()
            gate.write(b"go\n")
        assert runner.wait(PATIENCE) == 0
        runner.stdin = runner.stdout = None
    assert (house.path / "ran").exists()


# With other nodes


def boot_usec(seconds):
    """That far from now."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + int(seconds * 1e6)


@contextlib.contextmanager
def held_up(house, script=""):
    """A descriptor to see by when the hook has gone."""
    fifo = house.fifo("held")
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    house.hook("high/finished.d/10-a", f"{script}exec 9>'{fifo}'; echo up; sleep 1000 & wait; exit 0")
    house.hook("high/finished.d/20-b", f"touch '{house.path}/ran'")
    yield fd
    os.close(fd)
    assert not (house.path / "ran").exists()


def ended_because(runner, why):
    log = runner.stderr.read().decode()
    assert runner.wait(PATIENCE) == 1
    return re.search(f"warning photos: the hooks of finished are ended, as another node may run them now: {why}", log)


@pytest.mark.parametrize("script", ["", "trap '' TERM; "])
def test_in_a_fleet_hooks_end_with_the_connection(house, script):
    runner, ours = on_a_connection(house)
    with held_up(house, script) as fd:
        ours.sendall(json.dumps(FACTS | {"runUntil": boot_usec(3600)}).encode() + b"\n")
        assert b"info up " in runner.stderr.readline()
        ours.close()
        wait_for_last_writer(fd)
        assert ended_because(runner, "the connection to koowatchd has closed")


def test_in_a_fleet_hooks_end_in_time(house):
    runner, ours = on_a_connection(house)
    with ours, held_up(house) as fd:
        ours.sendall(json.dumps(FACTS | {"runUntil": boot_usec(0.5)}).encode() + b"\n")
        wait_for_last_writer(fd)
        assert ended_because(runner, "koowatchd has not been heard of in time")


def test_in_a_fleet_hooks_go_on_as_long_as_they_may(house):
    """Which a later line says; those that mean nothing are passed over."""
    house.hook("high/finished.d/10-a", "sleep 2")
    runner, ours = on_a_connection(house)
    with ours:
        event = json.dumps(FACTS | {"runUntil": boot_usec(1)})
        ours.sendall(f'{event}\n{{"runUntil":{boot_usec(3600)}}}\n\nnonsense\n'.encode())
        assert runner.wait(PATIENCE) == 0
        said = ours.recv(65536).decode().splitlines()
    assert [next(iter(json.loads(line))) for line in said] == ["ready", "start", "end", "done"]


def test_what_is_over_before_it_begins_runs_no_hook(house):
    house.hook("high/finished.d/10-a", f"touch '{house.path}/ran'")
    runner, ours = on_a_connection(house)
    with ours:
        ours.sendall(json.dumps(FACTS | {"runUntil": boot_usec(-60)}).encode() + b"\n")
        assert ended_because(runner, "koowatchd has not been heard of in time")
    assert not (house.path / "ran").exists()


def without(key):
    return {k: v for k, v in FACTS.items() if k != key}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"null\n",
        b"[]\n",
        b"{}\n",
        b'{"event":"finished"\n',
        json.dumps(FACTS).encode() + b" {}\n",
        json.dumps(FACTS).encode() + b"\0\n",
        json.dumps(FACTS).encode().replace(b'"photos"', b"'photos'") + b"\n",
        json.dumps(FACTS).encode().replace(b"photos", b"ph\xffotos") + b"\n",
        json.dumps(FACTS | {"answer": json.loads("[" * 70 + "]" * 70)}).encode() + b"\n",
        json.dumps(FACTS | {"answer": "x" * 8 * 1024 * 1024}).encode() + b"\n",
        b"x" * (9 * 1024 * 1024),
        *(
            json.dumps(event).encode() + b"\n"
            for event in (
                without("event"),
                without("eventId"),
                without("name"),
                FACTS | {"eventId": 5},
                FACTS | {"eventId": ""},
                FACTS | {"eventId": "a" * 65},
                FACTS | {"eventId": "../x"},
                FACTS | {"eventId": "a\0b"},
                FACTS | {"event": "../finished"},
                FACTS | {"event": "Finished"},
                FACTS | {"event": "a" * 33},
                FACTS | {"event": "named"},
                FACTS | {"name": ".photos"},
                FACTS | {"name": "a/b"},
                FACTS | {"name": "a" * 129},
                FACTS | {"hooks": "fetch"},
                FACTS | {"hooks": [1]},
                FACTS | {"hooks": ["a\0b"]},
                FACTS | {"settled": {}},
            )
        ),
    ],
    ids=lambda data: data[:24].decode(errors="replace").strip() or "empty",
)
def test_no_event(house, data):
    house.hook("high/finished.d/10-a", "true")
    house.hook("high/named.d/a", "true")
    run = house.run_bytes(data)
    assert (run.returncode, run.lines) == (1, [])
    assert run.log.startswith("error standard input: no event, no hook is run: ")
    assert run.log.count("\n") == 1


def test_bytes_behind_the_line_are_not_looked_at(house):
    assert house.run_bytes(json.dumps(FACTS).encode() + b"\nrubbish").lines == [READY, DONE]


def test_configuration_that_cannot_be_used(house):
    house.configure("Timeout=never")
    run = house.run()
    assert (run.returncode, run.lines) == (1, [])
    assert f"error {house.config}:" in run.log

    house.config.unlink()
    run = house.run()
    assert (run.returncode, run.lines) == (1, [])
    assert f"error {house.config}: " in run.log


def test_options(house):
    assert house.run_bytes(b"", "--no-such-option").returncode == 2
    assert house.run_bytes(b"", "argument").returncode == 2
    for option, text in (("--help", b"--config FILE"), ("--version", b"koowatch-hook ")):
        shown = subprocess.run(
            [pathlib.Path(BUILD) / "koowatch-hook", option], capture_output=True, check=True
        )
        assert text in shown.stdout
