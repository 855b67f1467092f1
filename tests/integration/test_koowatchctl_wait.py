"""koowatchctl wait against a bus on which org.koowatch1 is what a file says."""

import collections
import errno
import fcntl
import json
import os
import pty
import queue
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

from bus import PATIENCE
from test_koowatchctl import at, bus, ctl, finished, manager, running  # noqa: F401

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is missing")


class Wait:
    """A wait that goes on."""

    def __init__(self, ctl, *arguments, **environment):
        self.process = ctl.start("wait", *arguments, **environment)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def line(self):
        return self.lines.get(timeout=PATIENCE)

    def end(self):
        """Its exit status, and what it has said since."""
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        left = [self.lines.get() for _ in range(self.lines.qsize())]
        with self.process.stdout, self.process.stderr as errors:
            return self.process.returncode, "".join(left), errors.read()


@pytest.mark.parametrize(
    "entry, code, text",
    [
        (finished("a"), 0, "completed: all succeeded"),
        (finished("a", result="partial"), 10, "completed: partially failed"),
        (finished("a", result="failed"), 11, "completed: all failed"),
        (finished("a", "canceled"), 12, "canceled"),
        (finished("a", "timeout"), 13, "timed out"),
        (finished("a", "rejected", errorMessage="no share"), 14, "rejected: no share"),
        (finished("a", result="unknown"), 15, "completed: result unknown"),
        ({"name": "a", "state": "invalid", "reason": "no TaskId="}, 16, "invalid: no TaskId="),
    ],
)
def test_each_end_has_its_exit_code(manager, ctl, entry, code, text):
    manager.content["tasks"] = [entry]
    manager.start()
    waited = ctl.run("wait", "a")
    assert (waited.returncode, waited.stdout) == (code, f"a: {text}\n")
    assert ("koowatchctl show a" in waited.stderr) == (0 < code < 16)
    as_json = ctl.run("wait", "a", "--json")
    assert (as_json.returncode, as_json.stderr) == (code, "")
    [task] = json.loads(as_json.stdout)["tasks"]
    assert (task["name"], task["exitCode"]) == ("a", code)


def test_a_change_of_state_is_a_line(manager, ctl):
    manager.content["tasks"] = [{**running("a"), "state": "pending"}]
    manager.start()
    wait = Wait(ctl, "a")
    assert wait.line() == "a: pending\n"
    manager.signal("TaskChanged", name="a", state="running", progress=5)
    assert wait.line() == "a: running\n"
    manager.signal("TaskChanged", name="a", state="running", progress=50)
    manager.signal("TaskFinished", name="a", state="finished", outcome="completed", result="succeeded")
    assert wait.end() == (0, "a: completed: all succeeded\n", "")


def test_signals_of_others_are_not_believed(manager, ctl):
    """Whoever is on the bus may send one to a waiter's own name."""
    manager.content["tasks"] = [running("a")]
    manager.start()
    wait = Wait(ctl, "a")
    assert wait.line() == "a: running\n"
    forged = ["/org/koowatch1", "org.koowatch1.Manager", "TaskFinished", "a{sv}", "4", "name", "s", "a"]
    forged += ["state", "s", "finished", "outcome", "s", "completed", "result", "s", "succeeded"]
    for n in range(10):
        command = ["busctl", f"--address={manager.bus.address}", "emit", f"--destination=:1.{n}", *forged]
        subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
    manager.signal("TaskFinished", name="a", state="finished", outcome="canceled")
    assert wait.end()[0] == 12


def test_lines_of_json(manager, ctl):
    manager.content["tasks"] = [running("a")]
    manager.start()
    wait = Wait(ctl, "--json=lines", "a")
    assert json.loads(wait.line()) == {"schema": 1, **manager.content["tasks"][0]}
    manager.signal("TaskFinished", name="a", state="finished", outcome="canceled")
    code, out, err = wait.end()
    last = json.loads(out)
    assert (code, err, last["state"], last["outcome"], last["exitCode"]) == (12, "", "finished", "canceled", 12)


def test_a_removed_task_ends_it(manager, ctl):
    manager.content["tasks"] = [running("a")]
    manager.start()
    wait = Wait(ctl, "a")
    assert wait.line() == "a: running\n"
    manager.content["tasks"] = []
    manager.reload()
    manager.signal("TaskRemoved", name="a", state="running")
    assert wait.end()[:2] == (16, "a: removed\n")


def test_a_name_that_is_not_there(manager, ctl):
    manager.content["tasks"] = [running("photos")]
    manager.start()
    wrong = ctl.run("wait", "fotos")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "did you mean photos?" in wrong.stderr
    assert json.loads(ctl.run("wait", "x", "--json").stdout)["error"]["code"] == "NotFound"


def test_create_waits_for_the_name_and_for_a_new_run(manager, ctl):
    manager.content["tasks"] = [finished("a", "canceled")]
    manager.start()
    wait = Wait(ctl, "--create", "a", "b")
    assert {wait.line(), wait.line()} == {"a: not registered yet\n", "b: not registered yet\n"}
    manager.content["tasks"] = [running("a"), running("b")]
    manager.reload()
    manager.signal("TaskAdded", name="b", state="pending")
    assert wait.line() == "b: running\n"
    manager.signal("TaskRemoved", name="a", state="finished")
    assert wait.line() == "a: running\n"
    for name in "ab":
        manager.signal("TaskFinished", name=name, state="finished", outcome="completed", result="succeeded")
    assert wait.end()[0] == 0


def test_a_restart_of_the_daemon_is_sat_out(manager, ctl):
    manager.content["tasks"] = [running("a"), running("b")]
    manager.start()
    wait = Wait(ctl, "a", "b")
    assert {wait.line(), wait.line()} == {"a: running\n", "b: running\n"}
    manager.stop()
    assert wait.line() == "koowatchd is gone, waiting for it\n"
    manager.content["tasks"] = [running("b", registeredAt=manager.content["tasks"][1]["registeredAt"])]
    manager.content["history"] = [finished("a", result="partial", registeredAt=at(0))]
    manager.start()
    assert wait.line() == "koowatchd is back\n"
    assert wait.line() == "a: completed: partially failed\n"
    manager.signal("TaskFinished", name="b", state="finished", outcome="completed", result="succeeded")
    assert wait.end()[0] == 10


def test_a_restart_of_the_bus_is_sat_out(manager, ctl, bus):
    manager.content["tasks"] = [running("a")]
    manager.start()
    wait = Wait(ctl, "a")
    assert wait.line() == "a: running\n"
    bus.stop()
    manager.close()
    bus.start()
    manager.content["tasks"] = [finished("a", registeredAt=at(0))]
    manager.start()
    code, out, _ = wait.end()
    assert (code, out.splitlines()[-1]) == (0, "a: completed: all succeeded")


def test_any_and_fail_fast(manager, ctl):
    manager.content["tasks"] = [running("a"), finished("b", result="failed")]
    manager.start()
    assert ctl.run("wait", "--any", "a", "b").returncode == 11
    assert ctl.run("wait", "--fail-fast", "a", "b").returncode == 11
    assert ctl.run("wait", "--any", "--all", "a").returncode == 2


def test_a_timeout_is_124(manager, ctl):
    manager.content["tasks"] = [running("a")]
    manager.start()
    waited = ctl.run("wait", "--timeout", "100ms", "a")
    assert (waited.returncode, waited.stdout) == (124, "a: running\n")
    assert ctl.run("wait", "--timeout", "soon", "a").returncode == 2


def test_a_timeout_of_0_asks_once(manager, ctl):
    manager.content["tasks"] = [running("a"), finished("b", result="partial"), finished("c")]
    manager.start()
    for words, code in ((["a"], 124), (["b"], 10), (["c"], 0), (["c", "a"], 124), (["--any", "a", "c"], 0)):
        waited = ctl.run("wait", "--timeout", "0", *words)
        assert waited.returncode == code, words
        asked = [call for call in manager.calls() if call.startswith("Get ")]
        assert len(asked) == len(words) - words.count("--any")
    assert ctl.run("wait", "--timeout=0", "a").stdout == "a: running\n"
    assert ctl.run("wait", "--timeout=0", "nothing").returncode == 1
    assert ctl.run("wait", "--timeout=0", "--create", "nothing").returncode == 124


def test_down_from_the_start(ctl):
    down = ctl.run("wait", "a")
    assert (down.returncode, down.stdout) == (16, "")
    assert "koowatchd is not running" in down.stderr


def test_an_interrupt_ends_the_wait_and_nothing_else(manager, ctl):
    manager.content["tasks"] = [running("a")]
    manager.start()
    wait = Wait(ctl, "a")
    assert wait.line() == "a: running\n"
    wait.process.send_signal(signal.SIGINT)
    assert wait.end()[0] == -signal.SIGINT
    assert not [call for call in manager.calls() if not call.startswith(("Get", "History"))]


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, ctl, *arguments, **environment):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            ctl.command(*arguments),
            env=ctl.environment(**environment),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, text):
        until = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], until - time.monotonic())
            assert ready, self.seen
            try:
                self.seen += os.read(self.master, 65536).decode()
            except OSError as error:
                assert error.errno == errno.EIO and text in self.seen, self.seen

    def resize(self, columns, rows=24):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)  # it is not the controlling terminal

    def end(self):
        code = self.process.wait(PATIENCE)
        os.close(self.master)
        return code


def shown_on(columns, written):
    """What a terminal of so many columns shows of what was written to it, without colours."""
    lines, row, column = collections.defaultdict(str), 0, 0
    for part in re.findall(r"\033\[(?:[0-9;]*)[A-Za-z]|.", written, re.DOTALL):
        if part == "\033[H":
            row = column = 0
        elif part in ("\033[K", "\033[J"):  # at the edge the cursor is on what was written last
            lines[row] = lines[row][: min(column, columns - 1)]
            for below in [other for other in lines if other > row and part == "\033[J"]:
                del lines[below]
        elif part == "\r":
            column = 0
        elif part == "\n":
            row += 1
        elif len(part) == 1:
            if column == columns:
                row, column = row + 1, 0
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + 1 :]
            column += 1
    return [lines[i].rstrip() for i in range(max(lines) + 1)]


def test_bars_on_a_terminal(manager, ctl):
    manager.content["tasks"] = [running("a"), running("b", progress=50)]
    manager.start()
    terminal = Terminal(ctl, "wait", "a", "b", COLUMNS="80", LINES="24")
    terminal.wait_for("] " + " 50%")
    terminal.wait_for("0 of 2 ended, 2 running")
    manager.signal("TaskFinished", name="a", state="finished", outcome="completed", result="partial")
    terminal.wait_for("1 of 2 ended, 1 running")
    assert "a: \033[33mcompleted: partially failed\033[0m\r\n" in terminal.seen
    manager.signal("TaskFinished", name="b", state="finished", outcome="completed", result="succeeded")
    terminal.wait_for("completed: all succeeded")
    assert "\033[?25l" not in terminal.seen and "\033[?1049h" not in terminal.seen
    assert terminal.end() == 10


def test_a_list_that_is_watched_is_drawn_in_place(manager, ctl):
    manager.content["tasks"] = [running("a")]
    manager.start()
    terminal = Terminal(ctl, "list", "--watch", COLUMNS="80", LINES="24")
    terminal.wait_for("1 task")
    manager.content["tasks"] = [running("a"), running("b")]
    manager.reload()
    terminal.wait_for("2 tasks")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == -signal.SIGINT


@pytest.mark.parametrize("columns", [120, 80, 30])
def test_a_list_that_is_watched_fills_the_width_and_no_more(manager, ctl, columns):
    manager.content["tasks"] = [running(f"task-{i}", description="0123456789" * 50) for i in range(3)]
    manager.start()
    terminal = Terminal(ctl, "list", "--watch", "--color=always", COLUMNS=str(columns), LINES="24")
    terminal.wait_for("3 tasks")
    before, terminal.seen = terminal.seen, ""
    terminal.wait_for("\033[H")  # of the next drawing: one is complete
    shown = shown_on(columns, (before + terminal.seen).rsplit("\033[H", 1)[0])
    assert [line[:6] for line in shown[:4]] == ["NAME  ", "task-0", "task-1", "task-2"]
    assert shown[4] == "3 tasks"
    assert {len(line) for line in shown[1:4]} == {columns}
    terminal.process.send_signal(signal.SIGINT)
    terminal.end()


def test_a_list_that_is_watched_follows_the_terminals_size(manager, ctl):
    manager.content["tasks"] = [running("a", description="0123456789" * 50)]
    manager.start()
    terminal = Terminal(ctl, "list", "--watch")
    terminal.wait_for("…")
    began = time.monotonic()
    for columns in range(90, 110):  # one a second would be those that the clock draws
        terminal.seen = ""
        terminal.resize(columns)
        terminal.wait_for("1 task")
        while columns not in map(len, re.sub(r"\033\[[0-9]*[A-Za-z]", "", terminal.seen).split("\r\n")):
            terminal.seen = ""
            terminal.wait_for("1 task")
    assert time.monotonic() - began < 15
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == -signal.SIGINT
