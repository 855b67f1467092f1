"""What tests/stress/short-memory and failing-calls do to a hook runner, and what must hold afterwards.

A story has one outcome with three hooks, of which one wants to be run twice. The first runner that
is started has the fault. The daemon is started again until the outcome is delivered, and:

  1 the runner has ended with 0, or with 1 and an error in its log; no signal, but for what is known
    of libraries
  2 each hook has run and has ended well, under one event id and with all variables; a hook of which
    the daemon knows that it ended well has run once
"""

import contextlib
import pathlib
import shlex
import shutil
import sqlite3

from story import KNOWN_CRASHES, quietly, wait  # which finds the next ones

from koowatch import Koowatch, age
from runner_socket import RunnerSocket

ONCE, AGAIN, NAMED = "finished.d/10-record", "finished.d/20-again", "named.d/other"
ATTEMPT = 15  # seconds
ATTEMPTS = 6

# The second argument is the configuration, in the folder of the story.
WRAPPER = """#!/bin/sh
folder=${{2%/*}}
set -- {program} "$@"
mv "$folder/fault" "$folder/fault.used" 2>/dev/null || exec "$@"
(. "$folder/fault.used" && exec "$@" 2>"$folder/runner.log")
status=$?
echo $status >"$folder/runner.new" && mv "$folder/runner.new" "$folder/runner.status"
exit $status
"""


def make_build(build, folder):
    """A build of which the runner reads its fault from the folder of its configuration."""
    made = pathlib.Path(folder) / "build"
    made.mkdir()
    shutil.copy(pathlib.Path(build) / "koowatchd", made)
    runner = made / "koowatch-hook"
    runner.write_text(WRAPPER.format(program=shlex.quote(f"{build}/koowatch-hook")))
    runner.chmod(0o755)
    return str(made)


class RunnerStory:
    def __init__(self, build, sim, usual, through_socket):
        """usual: what each hook gets in a story without a fault; None: this is it."""
        self.usual, self.faults, self.status = usual, [], None
        self.koowatch = koowatch = Koowatch(build, sim.url)
        self.socket = RunnerSocket(koowatch) if through_socket else None
        koowatch.settings["Poll"] = {"IntervalMin": "50ms", "IntervalMax": "50ms"}
        if self.socket:
            koowatch.settings["Hooks"]["Runner"] = self.socket.path
        koowatch.record(ONCE)
        koowatch.record(AGAIN, exits=(1, 0))
        koowatch.record(NAMED)
        age(koowatch.add_task("photos", sim.add_task(), Hook="other", variables={"Color": "red"}))

    def delivery(self):
        """state and attempts, as they are on disk."""
        path = self.koowatch.state / "state.db"
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as db, contextlib.suppress(sqlite3.Error):
            return db.execute("SELECT state, attempts FROM event").fetchone() or (0, 0)
        return 0, 0

    def attempt(self, is_over):
        koowatch = self.koowatch
        koowatch.start(wait=False)
        if not wait(is_over, ATTEMPT):
            self.faults.append("an attempt does not end")
        koowatch.process.terminate()
        if koowatch.end() != 0:
            self.faults.append("the daemon has failed")

    def live(self, environment, wrapper):
        koowatch, status = self.koowatch, self.koowatch.path / "runner.status"
        fault = [f"export {name}={shlex.quote(str(value))}" for name, value in environment.items()]
        fault.append(f'set -- {shlex.join(map(str, wrapper))} "$@"')
        (koowatch.path / "fault").write_text("\n".join(fault) + "\n")
        ended = lambda: koowatch.find(f"^photos: hook {ONCE} ended: done")  # noqa: E731
        over = lambda: koowatch.find("^photos: .*(next try in|exited before)") or self.delivery()[1]  # noqa: E731
        later = lambda: wait(status.exists, 0) and wait(over, 0.5) or status.exists()  # noqa: E731
        self.attempt(later)
        self.known_as_done = bool(ended())
        for _ in range(ATTEMPTS):
            state, attempts = self.delivery()
            if state != 0:
                break
            with contextlib.closing(sqlite3.connect(koowatch.state / "state.db")) as db, db:
                db.execute("UPDATE event SET next = 0")
            self.attempt(lambda: self.delivery() not in ((state, attempts), (0, 0)))
        if status.exists():
            self.check_runner(int(status.read_text()))
        self.check_hooks()

    def check_runner(self, status):
        path = self.koowatch.path / "runner.log"
        self.status, log = status, path.read_text(errors="replace")
        if status not in (0, 1) and not KNOWN_CRASHES.search(log):
            self.faults.append(f"the runner has ended with {status}:\n{log}")
        if status == 1 and not any(line.startswith("error ") for line in log.splitlines()):
            self.faults.append(f"the runner has ended with 1 without a word:\n{log}")

    def check_hooks(self):
        records = self.koowatch.records()
        given = {}
        if self.delivery()[0] != 1:
            self.faults.append(f"not delivered: {self.delivery()}")
        if len({record["event"]["eventId"] for record in records}) > 1:
            self.faults.append("several event ids")
        for record in records:
            environment = record["env"]
            keys = sorted(set(record["event"]) - {"detectionDelay"})  # known at times only
            what = (sorted(environment), environment["HOME"], keys, record["argv"], record["cwd"])
            if self.usual is None:
                given[record["hook"]] = what
            elif what != self.usual[record["hook"]]:
                self.faults.append(f"{record['hook']} was given {what}")
        self.usual = self.usual or given
        count = lambda hook: sum(record["hook"] == hook for record in records)  # noqa: E731
        well = any(record["hook"] == AGAIN and int(record["env"]["KOOWATCH_ATTEMPT"]) > 1 for record in records)
        if not count(ONCE) or not count(NAMED) or not well:
            self.faults.append(f"not all hooks have run: {[record['hook'] for record in records]}")
        if self.known_as_done and count(ONCE) > 1:
            self.faults.append(f"{ONCE} has run again")

    def tell(self, environment, wrapper):
        with self.socket or contextlib.nullcontext():
            self.live(environment, wrapper)

    def close(self):
        """Returns the faults found, with the log, and forgets all else."""
        log = self.koowatch.log()
        quietly(self.koowatch.close)
        return [*self.faults, log] if self.faults else []
