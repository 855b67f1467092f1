"""What tests/stress/short-memory and failing-calls do to a daemon, and what must hold afterwards.

runner_story.py has the same for the hook runner.

A story has three tasks, ten polls, one outcome with a hook, a reload, a stop; a fault in it is the
business of the caller. Then the daemon is started without the fault, all tasks end, and:

  1 it has stopped with 0, or has ended by itself with 1, after which systemd starts it again, and
    said something; no signal, but for what is known of libraries
  2 where it went on, it holds no more descriptors than without the fault
  3 each task has one outcome under one event id, with its result and its link, and its hook ran
"""

import contextlib
import io
import itertools
import pathlib
import random
import re
import signal
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "simulator"), str(TESTS / "integration")]

from koodrive_simulator import Simulator  # noqa: E402
from koowatch import Koowatch, age, descriptors  # noqa: E402

# Of libraries: json-c 0.16 uses a member's name for which it had no memory.
KNOWN_CRASHES = re.compile(r"json_object_object_add_ex.*\n.*json_tokener_parse_ex")
# OpenSSL 3.5 notes an error of its initialisation by initialising itself; systemd ends that.
KNOWN_HANGS = re.compile(r"OPENSSL_init_crypto.*ERR_new.*OPENSSL_init_crypto.*failed:", re.DOTALL)
# After 78 it is not started again: for what is wrong with a file, not for what is short.
LASTING = re.compile(r"cannot read the \w+: (?!Input/output|Too many|Cannot allocate)")
START = 60  # seconds until it is ready, or has ended: SQLite waits for a lock for ten
STOP = 40
STEP = 3  # seconds for what a fault may prevent
AFTERWARDS = 25  # seconds for what nothing prevents any more


def choose(groups, seed, sample, only):
    """Cases of all groups, or sample of them, from as many groups as there are; or those of only."""
    chance = random.Random(seed)
    groups = [chance.sample(group, len(group)) for group in groups]
    chance.shuffle(groups)
    cases = [case for turn in itertools.zip_longest(*groups) for case in turn if case is not None]
    if not only:
        return cases[:sample]
    return [case for case in cases if f"{case}:".startswith(f"{only}:")][:sample] or [only]


def wait(predicate, seconds):
    deadline = time.monotonic() + seconds
    while not (value := predicate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return value


def quietly(close):
    with contextlib.redirect_stdout(io.StringIO()):
        close()


class Story:
    def __init__(self, build, sim, usual):
        """usual: the descriptors of a story without a fault; None: this is it."""
        self.sim, self.usual, self.faults, self.status = sim, usual, [], None
        self.koowatch = Koowatch(build, sim.url)
        self.koowatch.settings["Poll"] = {"IntervalMin": "50ms", "IntervalMax": "50ms"}
        self.koowatch.record()
        self.tasks = {name: sim.add_task(hold=True) for name in ("photos", "music", "films")}
        for name, task in self.tasks.items():
            where = self.koowatch.spool if name == "films" else None
            age(self.koowatch.add_task(name, task, where=where))

    def ended(self):
        return self.koowatch.process.poll() is not None

    def step(self, predicate):
        wait(lambda: self.ended() or predicate(), STEP)

    def begin(self, **start):
        """Whether it listens, at least to signals."""
        koowatch = self.koowatch
        koowatch.start(wait=False, **start)
        ready = lambda: koowatch.count_datagrams(READY="1") or koowatch.find("started: ")  # noqa: E731
        if wait(lambda: self.ended() or ready(), START):
            return True
        koowatch.process.send_signal(signal.SIGQUIT)  # of which short-memory makes a trace
        self.status = koowatch.end()
        if not wait(lambda: KNOWN_HANGS.search(koowatch.log()), 1):
            self.faults.append("it becomes not ready, and does not end")
        return False

    def live(self, **start):
        """The story itself; start: how the daemon is started."""
        koowatch = self.koowatch
        if not self.begin(**start):
            return
        self.step(lambda: sum(self.sim.polls(task) for task in self.tasks.values()) >= 10)
        self.tasks["photos"].complete()
        self.step(koowatch.records)
        if not self.ended():
            koowatch.process.send_signal(signal.SIGHUP)
            self.step(lambda: koowatch.find("configuration reloaded|not reloaded"))
        self.look_at_descriptors()
        self.stop()

    def stop(self):
        koowatch = self.koowatch
        stopped = not self.ended()
        koowatch.process.terminate()
        if not wait(self.ended, STOP):
            self.faults.append("it does not stop")
            koowatch.process.kill()
        status = koowatch.end()
        self.status = status
        if status < 0 and wait(lambda: KNOWN_CRASHES.search(koowatch.log()), 1):
            return
        lasting = status == 78 and wait(lambda: LASTING.search(koowatch.log()), 1)
        if status not in (0, 1) and not lasting:
            self.faults.append(f"it ended with {status}")
        elif status != 0 and not wait(lambda: koowatch.find("."), 1):
            self.faults.append(f"it ended with {status} without a word")
        elif status == 0 and not stopped:
            self.faults.append("it ended with 0 by itself")

    def look_at_descriptors(self):
        pid = self.koowatch.process.pid
        if self.usual is None:
            self.usual = descriptors(pid)
        more = lambda: descriptors(pid) - self.usual  # noqa: E731
        if not wait(lambda: not more(), 1):
            self.faults.append(f"more descriptors: {dict(more())}")

    def afterwards(self):
        koowatch = self.koowatch
        before = len(koowatch.entries)
        koowatch.start(wait=False)
        for task in self.tasks.values():
            task.complete()
        names = lambda: {record["event"]["name"] for record in koowatch.records()}  # noqa: E731
        if not wait(lambda: self.ended() or names() >= set(self.tasks), AFTERWARDS):
            self.faults.append(f"no outcome of {set(self.tasks) - names()}")
        koowatch.stop()
        for entry in koowatch.entries[before:]:
            if "damaged" in entry.message:
                self.faults.append(entry.message)
        for name in self.tasks:
            events = [record["event"] for record in koowatch.records() if record["event"]["name"] == name]
            if len({event["eventId"] for event in events}) > 1:
                self.faults.append(f"{name} has several event ids: {events}")
            if any(event.get("result") != "succeeded" or "downloadUrl" not in event for event in events):
                self.faults.append(f"{name} has lost its result or its link: {events}")

    def tell(self, environment, wrapper):
        self.live(wrapper=wrapper, **environment)
        self.afterwards()

    def close(self):
        """Returns the faults found, with the log, and forgets all else."""
        log = self.koowatch.log()
        quietly(self.koowatch.close)
        return [*self.faults, log] if self.faults else []


_simulator = None


def tell(build, usual, environment=None, wrapper=(), runner=None):
    """
    One story of a daemon, or of a runner ("spawn" or "socket"), whose environment and wrapper make
    its fault. Returns what is usual, the exit status, what is wrong.
    """
    global _simulator
    if not _simulator:
        _simulator = Simulator()
        _simulator.__enter__()
    if runner:
        from runner_story import RunnerStory

        story = RunnerStory(build, _simulator, usual, runner == "socket")
    else:
        story = Story(build, _simulator, usual)
    try:
        story.tell(environment or {}, wrapper)
    except (AssertionError, OSError) as error:
        story.faults.append(f"{type(error).__name__}: {error}")
    return story.usual, story.status, story.close()
