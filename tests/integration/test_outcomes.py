"""How tasks end, and what their hooks are told."""

import socket
import time

import pytest
from koowatch import wait_polls
from postgresql import IS_STORE


def facts_of(record):
    return {key: record["event"].get(key) for key in ("outcome", "result", "taskResultCode")}


@pytest.fixture
def four(koowatch, sim):
    """Four tasks that have ended, the last of them dropped while the daemon ran."""
    tasks = {
        "all": sim.add_task(polls=3, result=1),
        "some": sim.add_task(polls=2, result=2),
        "none": sim.add_task(result=3),
        "dropped": sim.add_task(polls=4, cancel=True),
    }
    koowatch.record()
    for name in ("all", "some", "none"):
        koowatch.add_task(name, tasks[name])
    koowatch.start()
    koowatch.wait_entry("registered", count=3)
    koowatch.add_task("dropped", tasks["dropped"])
    koowatch.wait_entry("10-record ended: done", count=4)
    return tasks


def test_four_tasks_end_with_their_outcomes(koowatch, four):
    facts = {r["event"]["name"]: tuple(facts_of(r).values()) for r in koowatch.records()}
    assert facts == {
        "all": ("completed", "succeeded", 1),
        "some": ("completed", "partial", 2),
        "none": ("completed", "failed", 3),
        "dropped": ("canceled", None, None),
    }


def test_each_outcome_has_an_entry(koowatch, four):
    ended = koowatch.find("^(all|some|none|dropped): (completed|canceled)")
    assert {entry.message: entry.fields.get("KOODRIVE_TASK_RESULT_CODE") for entry in ended} == {
        "all: completed, all succeeded": "1",
        "some: completed, partially failed": "2",
        "none: completed, all failed": "3",
        "dropped: canceled": None,
    }


@pytest.mark.parametrize("again", ["restart", "reload"])
def test_what_has_ended_is_over(koowatch, sim, four, again):
    asked = {name: sim.polls(task) for name, task in four.items()}
    getattr(koowatch, again)()
    koowatch.add_task("later", sim.add_task(polls=5))
    koowatch.wait_record(name="later")
    assert {name: sim.polls(task) for name, task in four.items()} == asked
    assert len(koowatch.records()) == 5


def test_nobody_asks_once_more_than_needed(koowatch, sim, four):
    assert [sim.polls(task) for task in four.values()] == [3, 2, 1, 4]


def test_environment_of_a_finished_task(koowatch, sim):
    task = sim.add_task(polls=2, result=2)
    koowatch.record()
    path = koowatch.add_task("photos", task, variables={"Destination": "/srv/päckages", "n": "1"})
    koowatch.start()
    record = koowatch.wait_record()
    environment = record["env"]
    for name in ("PATH", "LANG", "HOME"):
        environment.pop(name, None)
    assert len(environment.pop("KOOWATCH_EVENT_ID")) >= 32
    if IS_STORE:
        assert int(environment.pop("KOOWATCH_FENCE")) > 0
        assert environment.pop("KOOWATCH_NODE") == socket.gethostname()
    assert environment == {
        "KOOWATCH_EVENT": "finished",
        "KOOWATCH_ATTEMPT": "1",
        "KOOWATCH_TIMEOUT": "600",
        "KOOWATCH_NAME": "photos",
        "KOOWATCH_ACCOUNT": "default",
        "KOOWATCH_TASK_ID": task.task_id,
        "KOOWATCH_SHARE_ID": task.share_id,
        "KOOWATCH_OUTCOME": "completed",
        "KOOWATCH_RESULT": "partial",
        "KOOWATCH_RESULT_CODE": "2",
        "KOOWATCH_TASK_STATUS": "2",
        "KOOWATCH_PROGRESS": "100",
        "KOOWATCH_DOWNLOAD_URL": task.download_url,
        "KOOWATCH_FILE": str(path),
        "KOOWATCH_VAR_DESTINATION": "/srv/päckages",
        "KOOWATCH_VAR_N": "1",
    }
    assert record["argv"] == ["finished", "photos"]
    assert record["cwd"] == "/"


def test_json_of_a_finished_task(koowatch, sim):
    task = sim.add_task(polls=3, files=2)
    koowatch.record()
    koowatch.add_task("photos", task, variables={"Destination": "/srv"})
    koowatch.start()
    record = koowatch.wait_record()
    event = record["event"]
    answer = event.pop("answer")
    times = [event.pop("registeredAt"), event.pop("finishedAt")]
    expected = {
        "schema": 1,
        "event": "finished",
        "eventId": record["env"]["KOOWATCH_EVENT_ID"],
        "attempt": 1,
        "name": "photos",
        "account": "default",
        "taskId": task.task_id,
        "shareId": task.share_id,
        "outcome": "completed",
        "result": "succeeded",
        "taskResultCode": 1,
        "taskStatus": 2,
        "progress": 100,
        "downloadUrl": task.download_url,
        "polls": 3,
        "taskType": 1,
        "variables": {"Destination": "/srv"},
    }
    assert {key: event.get(key) for key in expected} == expected
    assert times == sorted(times) and all(text.endswith("Z") for text in times)
    assert answer["jobInfo"]["taskId"] == task.task_id
    assert len(answer["taskInfos"]) == 2


def test_a_result_that_is_absent_is_unknown(koowatch, sim):
    koowatch.record()
    koowatch.add_task("photos", sim.add_task(result=0))
    koowatch.start()
    record = koowatch.wait_record()
    expected = {"outcome": "completed", "result": "unknown", "taskResultCode": None}
    assert facts_of(record) == expected
    assert record["env"]["KOOWATCH_RESULT"] == "unknown"
    assert "KOOWATCH_RESULT_CODE" not in record["env"]


def test_a_canceled_task_has_no_result(koowatch, sim):
    koowatch.record()
    koowatch.add_task("photos", sim.add_task(cancel=True, result=2))
    koowatch.start()
    record = koowatch.wait_record()
    assert record["env"]["KOOWATCH_OUTCOME"] == "canceled"
    assert not {"KOOWATCH_RESULT", "KOOWATCH_RESULT_CODE"} & set(record["env"])


def test_a_dump_ends_without_a_link(koowatch, sim):
    task = sim.add_task(task_type=2)
    koowatch.record()
    koowatch.add_task("dump", task)
    koowatch.start()
    record = koowatch.wait_record()
    assert "KOOWATCH_DOWNLOAD_URL" not in record["env"]
    assert "downloadUrl" not in record["event"]
    assert sim.polls(task) == 1


def test_a_link_that_comes_late_is_waited_for(koowatch, sim):
    task = sim.add_task(download="late")
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    assert koowatch.wait_record()["event"]["downloadUrl"] == task.download_url
    assert sim.polls(task) == 2


@pytest.mark.parametrize("link", ["https://example.com/ä/中?q=1&é", "https://h/" + "x" * 20000])
def test_a_link_reaches_hooks_as_it_is(koowatch, sim, link):
    task = sim.add_task()
    task.set(download_url=link)
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    record = koowatch.wait_record()
    assert record["event"]["downloadUrl"] == record["env"]["KOOWATCH_DOWNLOAD_URL"] == link


def test_a_plain_link_to_another_host_is_kept_from_hooks(koowatch, sim):
    task = sim.add_task()
    task.set(download_url="http://example.com/photos.zip")
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    assert "KOOWATCH_DOWNLOAD_URL" not in koowatch.wait_record()["env"]
    koowatch.wait_entry("^photos: .*downloadUrl.*AllowPlainHttp")


def test_a_long_answer_reaches_hooks_whole(koowatch, sim):
    task = sim.add_task(files=5000)
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    assert len(koowatch.wait_record()["event"]["answer"]["taskInfos"]) == 5000


def test_many_tasks(koowatch, sim):
    names = {f"t{number}" for number in range(200)}
    for name in names:
        koowatch.add_task(name, sim.add_task(polls=2))
    koowatch.start()
    koowatch.wait_entry(": completed", count=200)
    assert {e.fields["KOOWATCH_NAME"] for e in koowatch.find(": completed")} == names


def test_all_shapes_of_an_answer(koowatch, sim):
    dialects = ["2025", "2024+utf8", "object+stringy+numeric", "batch", "stringy+empties"]
    dialects += ["2025+extra+shuffled+spaced+nulls", "2024+stringy+nulls", "batch+numeric+shuffled"]
    koowatch.record()
    names = {}
    for number, dialect in enumerate(dialects):
        task = sim.add_task(polls=3, result=2, dialect=dialect)
        koowatch.add_task(f"t{number}", task)
        names[f"t{number}"] = task
    koowatch.start()
    koowatch.wait_record(count=len(dialects))
    for name, task in names.items():
        (record,) = koowatch.records(name=name)
        assert facts_of(record)["taskResultCode"] == 2, task.dialect
        assert record["event"]["downloadUrl"] == task.download_url, task.dialect


def test_a_status_is_told_when_it_changes(koowatch, sim):
    task = sim.add_task(polls=6, pending=2)
    koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    assert len(koowatch.find("^photos: pending")) == 1
    running = koowatch.find("^photos: running")
    assert [entry.fields["KOODRIVE_TASK_STATUS"] for entry in running] == ["1"]


def test_a_status_that_is_unknown_is_asked_about_again(koowatch, sim):
    task = sim.add_task()
    task.set(status=9)
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry("taskStatus 9")
    wait_polls(sim, task, 3)
    task.set(status=None)
    koowatch.wait_record(outcome="completed")
    assert len(koowatch.find("taskStatus 9")) == 1


# Time


def test_timeout(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("photos", task, Timeout="1s")
    begin = time.monotonic()
    koowatch.start()
    record = koowatch.wait_record()
    assert record["env"]["KOOWATCH_OUTCOME"] == "timeout"
    assert "KOOWATCH_RESULT" not in record["env"]
    assert sim.requests[-1].monotonic >= begin + 1


def test_the_deadline_goes_on_while_the_daemon_is_away(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    begin = time.monotonic()
    koowatch.add_task("photos", task, Timeout="1s")
    koowatch.start()
    wait_polls(sim, task)
    koowatch.stop()
    asked = sim.polls(task)
    time.sleep(max(begin + 2 - time.monotonic(), 0))  # nothing runs that could tell
    koowatch.start()
    koowatch.wait_record(outcome="timeout")
    assert sim.polls(task) == asked + 2


def test_the_last_answer_wins_over_the_deadline(koowatch, sim):
    task = sim.add_task()
    sim.faults.add("delay", task=task, count=1, seconds=1.5)
    koowatch.record()
    koowatch.add_task("photos", task, Timeout="1s")
    koowatch.start()
    assert koowatch.wait_record()["event"]["outcome"] == "completed"


def test_no_timeout_without_an_answer(koowatch, sim):
    task = sim.add_task(hold=True)
    fault = sim.faults.add("502", task=task)
    koowatch.record()
    koowatch.add_task("photos", task, Timeout="1s")
    begin = time.monotonic()
    koowatch.start()
    sim.wait_for(lambda s: s.requests and s.requests[-1].monotonic > begin + 2)
    assert not koowatch.find("^photos: timeout")
    fault.clear()
    koowatch.wait_record(outcome="timeout")


OVERDUE = {
    "refused": ("refuse", {"code": 13000999}, "13000999"),
    "its own fault": ("500", {}, "13000201"),
    "unreadable": ("answer", {"body": '{"code":0,', "headers": {}}, None),
    "empty": ("answer", {"body": '{"code":0}', "headers": {}}, None),
}


@pytest.mark.parametrize("name", OVERDUE)
def test_what_goes_on_past_the_deadline_is_a_timeout(koowatch, sim, name):
    kind, parameters, code = OVERDUE[name]
    task = sim.add_task(hold=True)
    if "headers" in parameters:
        parameters["headers"]["Content-Type"] = "application/json"
    sim.faults.add(kind, task=task, **parameters)
    koowatch.record()
    koowatch.add_task("photos", task, Timeout="2s")
    koowatch.start()
    record = koowatch.wait_record(outcome="timeout")
    assert record["env"].get("KOOWATCH_ERROR_CODE") == record["event"].get("errorCode") == code
    assert record["event"]["errorMessage"]
    entry = koowatch.wait_entry("^photos: timeout, ")
    assert entry.fields.get("KOOWATCH_ERROR_CODE") == code


def test_stalled_is_told_once(koowatch, sim):
    koowatch.settings["Poll"]["StallTimeout"] = "500ms"
    task = sim.add_task(polls=5, steps=0)
    task.hold()
    koowatch.record()
    koowatch.record("stalled.d/10-record")
    koowatch.add_task("photos", task)
    koowatch.start()
    stalled = koowatch.wait_record(event="stalled")
    assert stalled["argv"] == ["stalled", "photos"]
    assert stalled["env"]["KOOWATCH_TASK_ID"] == task.task_id
    assert "KOOWATCH_OUTCOME" not in stalled["env"]
    wait_polls(sim, task, 5)
    task.complete()
    koowatch.wait_record(event="finished")
    assert len(koowatch.records(event="stalled")) == 1


def test_a_rejection_without_a_message_says_its_reason_once(koowatch, sim):
    sim.faults.add("answer", status=400, body='{"code":13000302}')
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    entry = koowatch.wait_entry("^photos: rejected", KOOWATCH_ERROR_CODE="13000302")
    reason = entry.message.removeprefix("photos: rejected, ").partition(" (")[0]
    assert reason and entry.message.count(reason) == 1
