"""What many tasks of one account do when something is wrong with it: little, and nothing is lost."""

import socket
import threading

import pytest
from koodrive_simulator import DEFAULT_TOKEN
from koowatch import PATIENCE, wait_polls

MAX_IN_FLIGHT = 8  # the default
OUTAGE = 60


def add_tasks(koowatch, sim, count, **course):
    tasks = [sim.add_task(**course) for _ in range(count)]
    for number, task in enumerate(tasks):
        koowatch.add_task(f"t{number}", task)
    return tasks


def by_authorization(sim, value):
    return [request for request in sim.requests if request.header("Authorization") == value]


@pytest.fixture
def ticking(koowatch, sim):
    """A second account, whose polls tell that time goes on: wait_polls(sim, ticking, 15) is 3 s."""
    (koowatch.path / "other").write_text("Bearer other")
    koowatch.settings["Account other"] = koowatch.settings["Account"] | {
        "TokenFile": koowatch.path / "other"
    }
    task = sim.add_task(hold=True)
    koowatch.add_task("ticking", task, Account="other")
    return task


def test_a_stale_token_is_refused_three_times(koowatch, sim, ticking):
    sim.tokens = {"Bearer new", "Bearer other"}
    tasks = add_tasks(koowatch, sim, 30)
    koowatch.record("account.d/10-record")
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized")
    wait_polls(sim, ticking, 30)
    refused = len(by_authorization(sim, DEFAULT_TOKEN))
    assert 3 <= refused <= 3 + MAX_IN_FLIGHT
    wait_polls(sim, ticking, 15)
    assert len(by_authorization(sim, DEFAULT_TOKEN)) == refused

    koowatch.set_token("Bearer new")
    koowatch.wait_entry("^t[0-9]+: completed", count=30)
    assert [sim.polls(task) for task in tasks if sim.polls(task) > 4] == []
    assert {request.verdict for request in by_authorization(sim, "Bearer new")} == {"ok"}
    assert len(by_authorization(sim, "Bearer new")) == 30
    assert len(koowatch.find("^account default: ")) == 2
    koowatch.wait_record(accountState="unauthorized", account="default")
    koowatch.wait_record(accountState="ok", account="default")
    koowatch.wait_status(r".*; account default unauthorized: .*")


def test_throttled_tasks_pause_together(koowatch, sim):
    sim.faults.add("429", count=8, hint="seconds", retry_after=5)
    add_tasks(koowatch, sim, 20)
    koowatch.start()
    koowatch.wait_entry("^t[0-9]+: completed", count=20, timeout=2 * PATIENCE)
    times = [request.monotonic for request in sim.requests]
    refused = [request.monotonic for request in sim.requests if request.status == 429]
    # What came within two seconds was on its way before the refusal was known; then silence.
    for start in refused:
        assert [time for time in times if 2 < time - start < 5] == []
    assert koowatch.find("^account default: throttled")


class Grave:
    """Where a service was: whoever comes is sent away, and counted."""

    def __init__(self, port):
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._send_away, daemon=True)
        self._thread.start()

    def _send_away(self):
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


def test_an_outage_is_probed_not_hammered(koowatch, sim):
    tasks = add_tasks(koowatch, sim, 100, hold=True)
    koowatch.settings["Account"]["RateLimit"] = "10/s"
    koowatch.settings["Poll"] = {}
    koowatch.start()
    sim.wait_for(lambda s: len(s.requests) >= 100, timeout=30)

    sim.go_offline()
    grave, lines = Grave(sim.port), len(koowatch.entries)
    with pytest.raises(TimeoutError):  # it is about a time in which nothing is to happen
        sim.wait_for(lambda s: False, timeout=OUTAGE)
    grave.close()
    assert 0 < grave.visits <= 12
    assert len(koowatch.entries) - lines <= 3

    for task in tasks:
        task.complete()
    before = len(sim.requests)
    sim.go_online()
    koowatch.wait(lambda: len(koowatch.find("^t[0-9]+: completed")) == 100, "all", timeout=30)
    times = [request.monotonic for request in sim.requests[before:]]
    # Seen from the other side, which may be late to look: a little less than the second.
    assert all(b - a >= 0.8 for a, b in zip(times, times[10:]))


@pytest.mark.parametrize("offset", [-3600, 7200])
def test_the_servers_clock_counts(koowatch, sim, offset):
    sim.clock_offset = offset
    tasks = add_tasks(koowatch, sim, 3, polls=2)
    koowatch.start()
    koowatch.wait_entry("^t[0-9]+: completed", count=len(tasks))
    verdicts = [request.verdict for request in sim.requests]
    assert verdicts[0] != "ok"
    assert set(verdicts[1:]) == {"ok"}
    assert not koowatch.find("unauthorized")


HOSTILE = {
    "deep": {"depth": 100_000},
    "oversized": {"size": 12 * 2**20},
    "drip": {"interval": 1},
    "wrong-task": {},
    "invalid-utf8": {},
    "redirect": {},
    "answer": {"body": '{"code":0,"jobInfo":{"taskStatus":99999999999999999999,"progress":-1e999}}'},
}


def test_hostile_answers_hold_up_nobody_else(koowatch, sim):
    for number, (kind, parameters) in enumerate(HOSTILE.items()):
        task = sim.add_task(hold=True)
        sim.faults.add(kind, task=task, **parameters)
        koowatch.add_task(f"hostile{number}", task)
    good = sim.add_task(polls=30)
    koowatch.add_task("good", good)
    koowatch.start()
    koowatch.wait_entry("^good: completed")
    koowatch.wait_entry("^hostile.*retrying with growing pauses", count=4)
    assert not koowatch.find("^account")
    assert not koowatch.find("^hostile.*: (completed|rejected)")
