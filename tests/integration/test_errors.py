"""Trouble of tasks, of accounts and of the way to the service."""

import os
import pytest
from koodrive_simulator import DEFAULT_TOKEN, Simulator
from koowatch import wait_polls

TRANSIENT = {
    "500": {},
    "502": {},
    "503-html": {"shape": "html"},
    "504": {"delay": 0.1},
    "400": {"code": 13000403},
    "404": {},
    "code": {},
    "code-quoted": {"quoted": True},
    "reset": {},
    "reset-after-headers": {},
    "close": {"announced": False},
    "empty": {},
    "truncated": {},
    "invalid-utf8": {},
    "deep": {},
    "wrong-task": {},
    "oversized": {},
    "oversized-chunked": {"chunked": True},
    "redirect": {},
    "answer-null": {"body": "null"},
    "answer-list": {"body": "[]"},
    "answer-html": {"body": "<html>hello</html>"},
    "answer-no-content": {"status": 204, "body": ""},
    "answer-strange": {"body": '{"code":0,"jobInfo":{"taskStatus":{"a":[1]},"progress":"x"}}'},
    "answer-huge-number": {"body": '{"code":0,"jobInfo":{"taskStatus":1e999,"progress":-1}}'},
}


def kind_of(name):
    kind = name.partition("-")[0]
    return kind if kind in ("500", "503", "code", "oversized", "answer") else name


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_passes_costs_no_outcome(koowatch, sim, name):
    task = sim.add_task(polls=2)
    fault = sim.faults.add(kind_of(name), count=2, task=task, **TRANSIENT[name])
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    assert koowatch.wait_record()["event"]["result"] == "succeeded"
    assert fault.hits == 2


def test_a_redirect_is_not_followed(koowatch, sim):
    with Simulator() as other:
        task = sim.add_task()
        sim.faults.add("redirect", count=3, location=f"{other.url}/elsewhere")
        koowatch.add_task("photos", task)
        koowatch.start()
        koowatch.wait_entry("^photos: completed")
        assert not other.connections


def test_a_token_whose_file_is_gone_goes_to_no_other_server(koowatch, sim):
    """It stays in use, but where it was meant for."""
    with Simulator() as other:
        task = sim.add_task(hold=True)
        koowatch.add_task("photos", task)
        koowatch.start()
        wait_polls(sim, task)
        koowatch.token_path.unlink()
        koowatch.settings["Account"]["Endpoint"] = other.url
        koowatch.reload()
        koowatch.wait_entry("^account default: unauthorized: .*cannot be read")
        assert not other.requests


def test_one_tasks_faults_hold_up_no_other(koowatch, sim):
    bad, good = sim.add_task(hold=True), sim.add_task(polls=20)
    sim.faults.add("500", task=bad)
    koowatch.settings["Poll"]["IntervalMax"] = "50ms"
    koowatch.add_task("bad", bad)
    koowatch.add_task("good", good)
    koowatch.start()
    koowatch.wait_entry("^good: completed")
    assert not koowatch.find("^account default: unreachable")


def test_a_fault_that_lasts_is_logged_once(koowatch, sim):
    task = sim.add_task(polls=2)
    sim.faults.add("500", count=5, task=task)
    koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    assert len(koowatch.find("13000201", KOOWATCH_NAME="photos")) == 1
    assert len(koowatch.find("^photos: recovered after 5 failed polls")) == 1


# The service is away


def test_a_service_that_is_away_and_comes_back(koowatch, sim):
    tasks = [sim.add_task(hold=True) for _ in range(3)]
    for number, task in enumerate(tasks):
        koowatch.add_task(f"t{number}", task)
    koowatch.record()
    koowatch.start()
    for task in tasks:
        wait_polls(sim, task)
    sim.go_offline()
    koowatch.wait_entry("^account default: unreachable", KOOWATCH_ACCOUNT="default")
    for task in tasks:
        task.complete()
    sim.go_online()
    koowatch.wait_entry("^account default: ok again")
    koowatch.wait_record(count=3)
    assert {record["event"]["outcome"] for record in koowatch.records()} == {"completed"}
    assert len(koowatch.find("^account default: unreachable")) == 1


def test_one_probe_at_a_time_while_the_service_is_away(koowatch, sim):
    sim.faults.add("502")
    for number in range(6):
        koowatch.add_task(f"t{number}", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("^account default: unreachable")
    before = len(sim.requests)
    sim.wait_for(lambda s: len(s.requests) >= before + 1)
    probes = sim.requests[before:]
    sim.faults.clear()
    koowatch.wait_entry(": completed", count=6)
    assert len(probes) == 1


def test_a_service_that_is_away_at_the_start(koowatch, sim):
    sim.go_offline()
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("^account default: unreachable")
    sim.go_online()
    koowatch.wait_entry("^photos: completed")


# The credential is refused


def test_silence_after_three_refusals(koowatch, sim):
    sim.tokens = {"Bearer second"}
    (koowatch.path / "second").write_text("Bearer second")
    koowatch.settings["Account second"] = koowatch.settings["Account"] | {
        "TokenFile": koowatch.path / "second"
    }
    refused, other = sim.add_task(), sim.add_task(hold=True)
    koowatch.add_task("refused", refused)
    koowatch.add_task("other", other, Account="second")
    koowatch.start()
    sim.wait_for(lambda s: s.polls(refused) == 3, timeout=20)
    wait_polls(sim, other, 15)
    assert sim.polls(refused) == 3
    assert len(koowatch.find("^account default: unauthorized")) == 1


@pytest.mark.parametrize("in_place", [False, True])
def test_a_new_token_ends_the_silence(koowatch, sim, in_place):
    sim.tokens = {"Bearer new"}
    task = sim.add_task()
    koowatch.add_task("photos", task)
    koowatch.start()
    sim.wait_for(lambda s: s.polls(task) == 3, timeout=20)
    koowatch.wait(lambda: sim.requests[-1].finished, "the third refusal")
    koowatch.set_token("Bearer new", in_place)
    koowatch.wait_entry("^photos: completed")
    koowatch.wait_entry("^account default: ok again")
    assert sim.polls(task) == 4


def test_a_new_token_is_used_at_once(koowatch, sim):
    sim.tokens = {DEFAULT_TOKEN, "Bearer new"}
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.set_token("Bearer new")
    sim.wait_for(lambda s: s.requests[-1].header("Authorization") == "Bearer new")
    assert {request.verdict for request in sim.requests} == {"ok"}


@pytest.mark.parametrize("tasks", [1, 3])
def test_changed_settings_are_tried_at_once(koowatch, sim, tasks):
    """One request, though no task is due for an hour; none where nothing has changed."""
    koowatch.settings["Poll"] = {"IntervalMin": "1h", "IntervalMax": "1h"}
    watched = [sim.add_task(hold=True) for _ in range(tasks)]
    for i, task in enumerate(watched):
        koowatch.add_task(f"photos-{i}", task)
    koowatch.start()
    sim.wait_for(lambda s: all(s.polls(task) for task in watched))
    koowatch.wait(lambda: all(r.finished for r in sim.requests), "the answers")
    koowatch.reload()
    koowatch.settings["Account"]["UserId"] = "150508"
    koowatch.reload()
    sim.wait_for(lambda s: s.requests[-1].header("X-User-Id") == "150508")
    koowatch.wait(lambda: sim.requests[-1].finished, "the answer")
    koowatch.reload()
    assert len(sim.requests) == tasks + 1

    koowatch.settings["Account"]["Endpoint"] = "http://127.0.0.1:1"
    koowatch.reload()
    koowatch.wait_entry("^account default: unreachable: .*127.0.0.1")


def test_a_ca_file_that_is_missing_is_named(koowatch):
    path = koowatch.path / "missing.pem"
    koowatch.settings["Account"]["CAFile"] = path
    koowatch.start()
    koowatch.reload()
    entries = koowatch.find(f"koowatch.conf:[0-9]+: cannot read CAFile {path} of account default")
    assert [entry.level for entry in entries] == ["warning"] * 2


def replace_by_rename(path, text):
    (path.parent / ".new").write_text(text)
    (path.parent / ".new").chmod(0o600)
    (path.parent / ".new").rename(path)


def replace_by_install(path, text):
    """As GNU install does: away, made anew, filled, and only then for nobody else to read."""
    path.unlink()
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
        file.flush()
        path.chmod(0o600)


def replace_in_place(path, text):
    path.write_text(text)


@pytest.mark.parametrize("end", ["\n", " \n", "\t\r\n", "\n\n"])
@pytest.mark.parametrize("replace", [replace_by_rename, replace_by_install, replace_in_place])
def test_a_replaced_token_is_confirmed_in_one_line(koowatch, sim, replace, end):
    sim.tokens = {DEFAULT_TOKEN, "Bearer n3w"}
    koowatch.settings["Account"]["TokenScheme"] = "Bearer"
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    replace(koowatch.token_path, f"n3w{end}")
    sim.wait_for(lambda s: s.requests[-1].header("Authorization") == "Bearer n3w")
    wait_polls(sim, task, 2)
    entries = koowatch.find("(?<!polls )account default")
    assert [(e.level, e.message) for e in entries] == [
        ("notice", "credential of account default replaced, trying it")
    ]
    assert entries[0].fields["KOOWATCH_ACCOUNT"] == "default"
    koowatch.restart()
    wait_polls(sim, task, 2)
    assert len(koowatch.find("replaced, trying it")) == 1 and "n3w" not in koowatch.log()


def test_a_token_file_that_comes_later(koowatch, sim):
    koowatch.token_path.unlink()
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized")
    koowatch.set_token(DEFAULT_TOKEN)
    koowatch.wait_entry("^photos: completed")
    assert [request.verdict for request in sim.requests] == ["ok"]


def test_a_token_that_goes_is_used_until_it_is_refused(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.token_path.unlink()
    koowatch.wait_entry("token")
    wait_polls(sim, task, 3)
    assert {request.verdict for request in sim.requests} == {"ok"}


def test_a_token_file_that_others_can_read_is_warned_of(koowatch, sim):
    koowatch.token_path.chmod(0o644)
    koowatch.start()
    koowatch.wait_entry("chmod 0600")


# Too many requests


@pytest.mark.parametrize("hint", ["seconds", "date"])
def test_no_request_before_the_pause_asked_for_is_over(koowatch, sim, hint):
    tasks = [sim.add_task(hold=True) for _ in range(3)]
    for number, task in enumerate(tasks):
        koowatch.add_task(f"t{number}", task)
    koowatch.settings["Account"]["MaxInFlight"] = "1"  # nothing else is on its way
    koowatch.start()
    for task in tasks:
        wait_polls(sim, task)
    sim.faults.add("429", count=1, hint=hint, retry_after=3)
    koowatch.wait_entry("^account default: throttled", KOOWATCH_ACCOUNT="default")
    koowatch.wait_entry("^account default: ok again")
    (number,) = [n for n, request in enumerate(sim.requests) if request.status == 429]
    refused, following = sim.requests[number : number + 2]
    if hint == "seconds":
        assert following.monotonic - refused.monotonic >= 3
    else:
        assert following.wall >= int(refused.wall) + 3


def test_throttled_without_a_hint(koowatch, sim):
    sim.faults.add("429", count=1)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("^account default: throttled")
    koowatch.wait_entry("^photos: completed")
    refused, following = sim.requests
    assert following.monotonic - refused.monotonic >= 1
