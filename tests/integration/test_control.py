"""What an administrator may ask and do, through the bus."""

import json
import os
import re
import signal
import stat

import pytest
from koodrive_simulator import DEFAULT_TOKEN
from koowatch import PATIENCE, wait_polls
from test_bus import HERE, CallFailed, bus, on_bus, pytestmark  # noqa: F401
from test_crashes import ADD_POINTS
from test_refresh import log_in, wait_token

TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"


class Caller:
    """Each method as a function; dictionaries become a{sv}."""

    def __init__(self, bus):
        self.bus = bus

    def get(self, name):
        return self.bus.call("Get", "s", name)[0]

    def page(self, method, cursor="", limit=0, **filter):
        return self.bus.call(method, "a{sv}su", *variants(filter), cursor, str(limit))

    def list(self, **filter):
        tasks, following = self.page("List", **filter)
        assert following == ""
        return tasks

    def history(self, **filter):
        runs, following = self.page("History", **filter)
        assert following == ""
        return runs

    def add(self, name, **settings):
        return self.bus.call("Add", "sa{sv}", name, *variants(settings))

    def redeliver(self, name, **options):
        return self.bus.call("Redeliver", "sa{sv}", name, *variants(options))

    def do(self, method, name):
        return self.bus.call(method, "s", name)

    def error(self, method, *arguments):
        """The name of the error behind "org.koowatch1.Error."."""
        return self.bus.error_name(method, *arguments).removeprefix("org.koowatch1.Error.")


def variants(dictionary):
    words = [str(len(dictionary))]
    for key, value in dictionary.items():
        if isinstance(value, bool):
            words += [key, "b", "true" if value else "false"]
        elif isinstance(value, dict):
            words += [key, "a{ss}", str(len(value)), *(word for pair in value.items() for word in pair)]
        else:
            words += [key, "s", str(value)]
    return words


@pytest.fixture
def caller(on_bus, bus):
    return Caller(bus)


def settings_of(task):
    return {setting["key"]: (setting["value"], setting["origin"]) for setting in task["settings"]}


def wait_state(koowatch, caller, task_name, **facts):
    """What Get says, once it says these."""

    def reached():
        try:
            task = caller.get(task_name)
        except CallFailed:
            return None
        return task if all(task.get(key) == value for key, value in facts.items()) else None

    return koowatch.wait(reached, f"{task_name} to be {facts}")


# What there is to see


def test_a_task_that_is_watched(on_bus, caller, sim):
    task = sim.add_task(hold=True)
    path = on_bus.add_task(
        "photos",
        task,
        Description="all of 照片",
        Hook="mail fetch-package",
        RunOn="gpu disk",
        Timeout="2h",
        KdsToken="secret0123",
    )
    wait_polls(sim, task, 2)
    seen = caller.get("photos")
    assert seen["name"] == "photos" and seen["state"] in ("pending", "running")
    assert (seen["account"], seen["taskId"], seen["shareId"]) == ("default", task.task_id, task.share_id)
    assert (seen["description"], seen["file"], seen["delivery"]) == ("all of 照片", str(path), "none")
    assert seen["hooks"] == ["mail", "fetch-package"]
    assert seen["runOn"] == ["gpu", "disk"]
    assert seen["polls"] >= 1 and seen["intervalUsec"] > 0
    for key in ("registeredAt", "nextPollAt", "deadlineAt"):
        assert key == "nextPollAt" and key not in seen or re.match(TIME, seen[key])
    settings = settings_of(seen)
    lines = path.read_text().splitlines()
    assert settings["Timeout"] == ("2h", f"{path}:{lines.index('Timeout=2h') + 1}")
    assert settings["KdsToken"] == ("set", f"{path}:{lines.index('KdsToken=secret0123') + 1}")
    config = on_bus.write_config().splitlines()
    assert settings["IntervalMin"] == ("50ms", f"{on_bus.config_path}:{config.index('IntervalMin=50ms') + 1}")
    assert settings["StallTimeout"] == ("30min", "default")
    assert settings["Account"] == ("default", "default")
    [listed] = caller.list()
    assert {key: listed[key] for key in ("name", "state", "file", "description")} == {
        key: seen[key] for key in ("name", "state", "file", "description")
    }
    assert "settings" not in listed and "downloadUrl" not in listed
    assert "secret0123" not in json.dumps([seen, listed])


def test_a_setting_of_another_configuration(on_bus, caller, sim):
    on_bus.add_task("photos", sim.add_task(hold=True))
    wait_state(on_bus, caller, "photos", account="default")
    drop_in = on_bus.config_path.with_name(on_bus.config_path.name + ".d") / "late.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Poll]\nStallTimeout=10min\n")
    on_bus.reload()
    assert settings_of(caller.get("photos"))["StallTimeout"] == ("10min", f"{drop_in}:2")
    drop_in.unlink()
    on_bus.reload()
    assert settings_of(caller.get("photos"))["StallTimeout"] == ("30min", "default")


def test_why_a_task_is_not_watched(on_bus, caller, sim):
    on_bus.add_task("broken", text="[Task]\nTaskId=1\nShareId=a b\n")
    first = sim.add_task(hold=True)
    on_bus.add_task("first", first)
    wait_polls(sim, first)
    path = on_bus.add_task("second", first)
    on_bus.wait_entry("duplicate of")
    broken = wait_state(on_bus, caller, "broken", state="invalid")
    assert broken["reason"].startswith(f"{on_bus.low}/broken.task:3: ")
    second = wait_state(on_bus, caller, "second", state="invalid")
    assert second["reason"] == f"{path}: duplicate of {on_bus.low}/first.task"
    assert [task["name"] for task in caller.list(state="invalid")] == ["broken", "second"]
    on_bus.add_task("first", text="[Task]\nTaskId=1\n")
    on_bus.wait_entry("ShareId= is missing")
    assert "ShareId= is missing" in caller.get("first")["reason"]  # and it is watched all the same
    assert caller.get("first")["state"] != "invalid"


def test_a_task_that_has_finished(on_bus, caller, sim):
    on_bus.hook("finished.d/10-say", "echo first; echo second >&2; exit 0")
    task = sim.add_task(hold=True)
    on_bus.add_task("photos", task, **{"Hook": "", "[Variables]\nDestination": "/srv/é"})
    wait_polls(sim, task)
    for progress in (10, 20):
        task.set(progress=progress)
        on_bus.wait(lambda: caller.get("photos").get("progress") == progress, "the progress")
    assert [sample["progress"] for sample in caller.get("photos")["samples"]][-2:] == [10, 20]
    task.complete(1)
    seen = wait_state(on_bus, caller, "photos", state="finished", delivery="none", attempts=1)
    assert (seen["outcome"], seen["result"], seen["taskResultCode"]) == ("completed", "succeeded", 1)
    assert seen["downloadUrl"] == task.download_url
    assert seen["variables"] == {"Destination": "/srv/é"}
    assert json.loads(seen["answer"])["jobInfo"]["taskId"] == task.task_id
    [run] = seen["runs"]
    assert (run["hook"], run["attempt"], run["status"], run["exitStatus"]) == ("finished.d/10-say", 1, "done", 0)
    assert run["tail"].splitlines() == ["first", "second"]
    assert run["durationUsec"] >= 0 and re.match(TIME, run["startedAt"])
    samples = seen["samples"]
    assert {10, 20} <= {sample["progress"] for sample in samples}
    assert all(re.match(TIME, sample["at"]) for sample in samples)
    [listed] = caller.list(state="finished")
    assert (listed["outcome"], listed["eventId"]) == ("completed", seen["eventId"])
    # The same after a restart of the daemon.
    on_bus.stop()
    on_bus.start("--bus", "system", **caller.bus.environment)
    on_bus.wait_entry(HERE, count=2)
    assert wait_state(on_bus, caller, "photos", state="finished") == seen


def test_what_a_task_does(on_bus, caller, sim):
    task = sim.add_task(task_type=2, hold=True)
    on_bus.add_task("dump", task)
    wait_state(on_bus, caller, "dump", taskType=2)
    assert [listed["taskType"] for listed in caller.list()] == [2]
    on_bus.record()
    task.cancel()
    assert on_bus.wait_record()["event"]["taskType"] == 2
    assert wait_state(on_bus, caller, "dump", state="finished")["taskType"] == 2
    assert [run["taskType"] for run in caller.history() + caller.list()] == [2, 2]


def test_a_refusal_does_not_say_what_a_task_does(on_bus, caller, sim):
    task = sim.add_task(task_type=2, hold=True)
    on_bus.add_task("dump", task)
    wait_state(on_bus, caller, "dump", taskType=2)
    on_bus.record()
    sim.faults.add("400", code="13000306", task=task)
    event = on_bus.wait_record(outcome="rejected")["event"]
    assert (event["taskType"], event["errorCode"]) == (2, "13000306")


def test_how_late_an_end_was_seen(on_bus, caller, sim):
    on_bus.add_task("ended", sim.add_task())  # at the first poll, nobody knows for how long
    task = sim.add_task(hold=True)
    on_bus.add_task("photos", task)
    wait_polls(sim, task, 2)
    on_bus.record()
    task.complete(1)
    delay = on_bus.wait_record(name="photos")["event"]["detectionDelay"]
    assert 0 <= delay < PATIENCE
    assert wait_state(on_bus, caller, "photos", state="finished")["detectionDelay"] == delay
    [run] = caller.history(name="photos")
    assert run["detectionDelay"] == delay and run["polls"] >= 3


def test_names_that_are_not_there(on_bus, caller):
    assert caller.error("Get", "string:nobody") == "NotFound"
    assert caller.error("Poll", "string:nobody") == "NotFound"
    assert caller.error("Remove", "string:nobody") == "NotFound"
    assert caller.error("Dismiss", "string:nobody") == "NotFound"
    assert caller.error("Get", "string:.hidden") == "Invalid"
    with pytest.raises(CallFailed, match="^there is no task nobody$"):
        caller.redeliver("nobody")


def test_pages(on_bus, caller, sim):
    names = sorted(f"task{number:03}" for number in range(25))
    for name in names:
        on_bus.add_task(name, sim.add_task(hold=True))
    on_bus.wait(lambda: len(caller.list()) == 25, "all tasks")
    seen, cursor, pages = [], "", 0
    while True:
        tasks, cursor = caller.page("List", cursor, 10)
        seen += [task["name"] for task in tasks]
        pages += 1
        if not cursor:
            break
    assert (seen, pages) == (names, 3)
    assert [task["name"] for task in caller.list(name="task*7")] == ["task007", "task017"]
    assert caller.list(account="other") == []
    assert len(caller.list(account="default")) == 25
    with pytest.raises(CallFailed, match="filter state: expected pending, running"):
        caller.list(state="asleep")
    with pytest.raises(CallFailed, match="no filter of that name"):
        caller.list(color="red")
    for cursor in ("task007", "é", "0", "2f", "00", "7A", "61" * 256):
        with pytest.raises(CallFailed, match="^the cursor is none that List returned$"):
            caller.page("List", cursor, 10)


def test_pages_of_names_that_are_no_text(on_bus, caller):
    names = (b"a b", b"z\xff\xfe", b"z\xff\xff")
    for name in names:
        path = os.path.join(os.fsencode(on_bus.low), name + b".task")
        with open(path, "wb") as file:
            file.write(b"[Task]\n")
    on_bus.wait(lambda: len(caller.page("List", "", 10)[0]) == 3, "all three")
    seen, cursor = [], ""
    for _ in names:
        tasks, cursor = caller.page("List", cursor, 1)
        seen += [task["name"] for task in tasks]
    assert (seen, cursor) == (["a b", "z??", "z??"], "")


def test_filters_of_what_has_finished(on_bus, caller, sim):
    on_bus.settings["Hooks"]["Attempts"] = "1"
    on_bus.write_config()
    on_bus.reload()
    on_bus.hook("finished.d/10-fail", '[ "$2" != bad ]')
    for name, result in (("bad", 1), ("good", 1), ("partial", 2)):
        task = sim.add_task(result=result)
        on_bus.add_task(name, task, Description=f"a {name} one")
        on_bus.wait_entry(f"^{name}: completed")
    canceled = sim.add_task(hold=True)
    on_bus.add_task("canceled", canceled)
    wait_polls(sim, canceled)
    canceled.cancel()
    on_bus.wait_entry("^canceled: canceled")
    wait_state(on_bus, caller, "bad", delivery="parked")
    wait_state(on_bus, caller, "canceled", attempts=1, delivery="none")

    def names(tasks):
        return [task["name"] for task in tasks]

    assert names(caller.list(outcome="completed")) == ["bad", "good", "partial"]
    assert names(caller.list(outcome="canceled")) == ["canceled"]
    assert names(caller.list(delivery="parked")) == ["bad"]
    assert caller.list(delivery="parked")[0]["reason"] == "finished.d/10-fail failed with status 1"
    assert names(caller.list(delivery="waiting")) == []
    first, cursor = caller.page("List", "", 1, outcome="completed")
    second, cursor = caller.page("List", cursor, 2, outcome="completed")
    assert names(first + second) == ["bad", "good", "partial"]
    assert not cursor or caller.page("List", cursor, 2, outcome="completed") == [[], ""]

    assert names(caller.history()) == ["canceled", "partial", "good", "bad"]
    assert names(caller.history(failed=True)) == ["canceled", "partial", "bad"]
    assert names(caller.history(failed=False)) == ["good"]
    assert names(caller.history(result="partial")) == ["partial"]
    assert names(caller.history(name="?a*")) == ["canceled", "partial", "bad"]
    assert names(caller.history(outcome="canceled", account="default")) == ["canceled"]
    bad = caller.history(name="bad")[0]
    assert (bad["description"], bad["reason"]) == ("a bad one", "finished.d/10-fail failed with status 1")
    assert "reason" not in caller.history(name="good")[0]
    bad = caller.get("bad")
    assert names(caller.history(eventId=bad["eventId"])) == ["bad"]
    assert names(caller.history(until="2020-01-01T00:00:00Z")) == []
    assert len(caller.history(since="2020-01-01T00:00:00Z")) == 4
    first, cursor = caller.page("History", "", 3)
    second, following = caller.page("History", cursor, 3)
    assert (names(first + second), following) == (["canceled", "partial", "good", "bad"], "")
    for filter in ({"since": "yesterday"}, {"failed": "yes"}, {"state": "finished"}):
        with pytest.raises(CallFailed):
            caller.history(**filter)
    with pytest.raises(CallFailed, match="cursor"):
        caller.page("History", "first", 3)


def test_accounts(on_bus, caller, sim):
    task = sim.add_task(hold=True)
    on_bus.add_task("photos", task)
    wait_polls(sim, task, 2)
    [[account]] = caller.bus.call("ListAccounts")
    assert (account["name"], account["state"], account["tasks"]) == ("default", "ok", 1)
    assert (account["auth"], account["rateLimit"], account["configured"]) == ("token", "500/1s", True)
    assert account["endpoint"] == sim.url
    assert 2 <= account["requestsLastMinute"] <= sim.polls(task) + 1  # one may be on its way


def account_of(caller):
    [[account]] = caller.bus.call("ListAccounts")
    assert re.match(TIME, account.get("tokenSince", "none")) if "tokenSource" in account else "tokenSince" not in account
    return account


def restart(on_bus, caller, count, **environment):
    on_bus.stop()
    on_bus.start("--bus", "system", **caller.bus.environment, **environment)
    on_bus.wait_entry(HERE, count=count)


def test_where_the_token_of_an_account_comes_from(on_bus, caller, sim):
    path = on_bus.settings["Account"]["TokenFile"]
    assert account_of(caller)["tokenSource"] == str(path)
    session = log_in(on_bus, sim, token="AT f1rsts3cr3t")
    on_bus.write_config()
    on_bus.reload()
    assert account_of(caller)["tokenSource"] == str(on_bus.settings["Account"]["TokenFile"]) != str(path)
    session.expire()
    on_bus.add_task("photos", sim.add_task(require=session, hold=True))
    wait_token(sim, session)
    seen = on_bus.wait(lambda: (a := account_of(caller))["tokenSource"] == "refreshed" and a, "a new token")
    restart(on_bus, caller, 2)
    assert account_of(caller)["tokenSource"] == "refreshed"
    for secret in ("f1rsts3cr3t", session.token, session.refresh_token):
        assert secret not in json.dumps([seen, account_of(caller)])


def test_a_token_that_is_a_credential_or_is_not_there(on_bus, caller, sim):
    del on_bus.settings["Account"]["TokenFile"]
    on_bus.add_task("photos", sim.add_task(hold=True))
    restart(on_bus, caller, 2)
    assert account_of(caller)["state"] == "unauthorized"
    assert "tokenSource" not in account_of(caller)
    credentials = on_bus.path / "credentials"
    credentials.mkdir()
    (credentials / "koowatch_default.token").write_text(DEFAULT_TOKEN)
    restart(on_bus, caller, 3, CREDENTIALS_DIRECTORY=str(credentials))
    assert account_of(caller)["tokenSource"] == "credential koowatch_default.token"


# What there is to do


def test_add(on_bus, caller, sim):
    task = sim.add_task()
    on_bus.record()
    caller.add(
        "photos",
        TaskId=task.task_id,
        ShareId=task.share_id,
        Description="holiday; # 照片",
        Variables={"Destination": "/srv/a b", "Empty": ""},
    )
    assert caller.get("photos")["description"] == "holiday; # 照片"  # at once
    record = on_bus.wait_record(name="photos")
    assert record["event"]["variables"] == {"Destination": "/srv/a b"}
    on_bus.wait(lambda: not list(on_bus.spool.glob("*")), "the file's removal")
    assert caller.get("photos")["outcome"] == "completed"  # it is remembered


def test_an_added_file(on_bus, caller, sim):
    task = sim.add_task(hold=True)
    caller.add("photos", TaskId=task.task_id, ShareId=task.share_id, KdsToken="secret", Timeout="2h")
    [path] = on_bus.spool.iterdir()
    assert path.name == "photos.task" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == f"[Task]\nTaskId={task.task_id}\nShareId={task.share_id}\nKdsToken=secret\nTimeout=2h\n"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"TaskId": "1"}, "ShareId= is missing"),
        ({"TaskId": "a b", "ShareId": "1"}, "TaskId"),
        ({"TaskId": "1\nHook=x", "ShareId": "1"}, "TaskId: a value is one line"),
        ({"TaskId": "1", "ShareId": "1", "Description": "ends in \\"}, "backslash"),
        ({"TaskId": "1", "ShareId": "1", "Color": "red"}, "no such key"),
        ({"TaskId": "1", "ShareId": "1", "Timeout": "soon"}, "Timeout"),
        ({"TaskId": "1", "ShareId": "1", "Account": "other"}, r"\[Account other\] is not in the configuration"),
        ({"TaskId": "1", "ShareId": "1", "KdsTokenFile": "/etc/passwd"}, "KdsTokenFile= is allowed only"),
        ({"TaskId": "1", "ShareId": "1", "Variables": "x"}, "Variables: expected a dictionary"),
        ({"TaskId": "1", "ShareId": "1", "Variables": {"a=b": "c"}}, "Variables: a name is"),
        ({"TaskId": "1", "ShareId": "1", "Variables": {"a": "c\n[Task]\nHook=x"}}, "a: a value is one line"),
    ],
)
def test_what_cannot_be_added(on_bus, caller, settings, message):
    with pytest.raises(CallFailed, match=message):
        caller.add("photos", **settings)
    assert not list(on_bus.spool.iterdir())


def test_what_is_there_already(on_bus, caller, sim):
    task, other = sim.add_task(hold=True), sim.add_task(hold=True)
    path = on_bus.add_task("photos", task)
    wait_state(on_bus, caller, "photos", name="photos")
    with pytest.raises(CallFailed, match=f"^there is {path} already$"):
        caller.add("photos", TaskId=other.task_id, ShareId=other.share_id)
    with pytest.raises(CallFailed, match="^the task is registered already, as photos$"):
        caller.add("again", TaskId=task.task_id, ShareId=task.share_id)
    on_bus.settings["Daemon"]["TaskDirectories"] = f"{on_bus.low}"
    on_bus.write_config()
    on_bus.reload()
    with pytest.raises(CallFailed, match="not among TaskDirectories="):
        caller.add("again", TaskId=other.task_id, ShareId=other.share_id)
    assert not list(on_bus.spool.iterdir())


@pytest.mark.parametrize("point", ADD_POINTS)
def test_a_crash_while_a_task_is_added(koowatch, sim, bus, crash_points, point):  # noqa: F811
    """Nobody has been told that it is there; but what has its name is a whole file."""
    koowatch.start("--bus", "system", KOOWATCH_CRASH=point, **bus.environment)
    koowatch.wait_entry(HERE)
    task = sim.add_task(hold=True)
    with pytest.raises(CallFailed):
        Caller(bus).add("photos", TaskId=task.task_id, ShareId=task.share_id)
    assert koowatch.end() == -signal.SIGKILL
    is_there = (koowatch.spool / "photos.task").exists()
    assert is_there == (point == "task-published")
    koowatch.start("--bus", "system", **bus.environment)
    koowatch.wait_entry(HERE, count=2)
    if not is_there:
        assert not Caller(bus).list()
        Caller(bus).add("photos", TaskId=task.task_id, ShareId=task.share_id)
    wait_polls(sim, task)
    assert [path.name for path in koowatch.spool.iterdir()] == ["photos.task"]


def test_remove(on_bus, caller, sim):
    task = sim.add_task(hold=True)
    caller.add("photos", TaskId=task.task_id, ShareId=task.share_id)
    caller.do("Remove", "photos")
    assert not list(on_bus.spool.iterdir())
    on_bus.wait(lambda: not caller.list(), "the end of the watch")
    assert caller.error("Get", "string:photos") == "NotFound"
    path = on_bus.add_task("photos", task)
    wait_state(on_bus, caller, "photos", name="photos")
    with pytest.raises(CallFailed, match=f"delete {path}$"):
        caller.do("Remove", "photos")
    assert path.exists()


def test_poll(on_bus, caller, sim):
    on_bus.settings["Poll"] = {"IntervalMin": "1h", "IntervalMax": "1h"}
    on_bus.write_config()
    on_bus.reload()
    task = sim.add_task(hold=True)
    on_bus.add_task("photos", task)
    wait_polls(sim, task)
    wait_state(on_bus, caller, "photos", polls=1)
    task.complete(1)
    caller.do("Poll", "photos")
    wait_state(on_bus, caller, "photos", outcome="completed")
    assert caller.error("Poll", "string:photos") == "NotAllowed"


def park(koowatch, caller, sim, name="photos", **keys):
    koowatch.settings["Hooks"]["Attempts"] = "1"
    koowatch.write_config()
    koowatch.reload()
    koowatch.hook("finished.d/10-fail", "echo no such host; exit 3")
    koowatch.record("finished.d/20-record")
    koowatch.add_task(name, sim.add_task(), where=koowatch.spool, **keys)
    koowatch.wait_entry(f"^{name}: giving up")
    return wait_state(koowatch, caller, name, delivery="parked")


def test_redeliver(on_bus, caller, sim):
    parked = park(on_bus, caller, sim)
    assert parked["reason"] == "finished.d/10-fail failed with status 3"
    assert [run["tail"] for run in parked["runs"] if run["status"] == "failed"] == ["no such host"]
    on_bus.wait(lambda: caller.bus.properties()["DeliveriesParked"] == 1, "the count")
    on_bus.hook("finished.d/10-fail", "exit 0")
    caller.redeliver("photos")
    after = wait_state(on_bus, caller, "photos", delivery="none")
    assert after["eventId"] == parked["eventId"] and after["attempts"] == 2
    assert [(run["hook"], run["attempt"], run["status"]) for run in after["runs"]] == [
        ("finished.d/10-fail", 1, "failed"),
        ("finished.d/20-record", 1, "done"),
        ("finished.d/10-fail", 2, "done"),
    ]
    on_bus.wait(lambda: not list(on_bus.spool.glob("*.task")), "the file's removal")
    on_bus.wait(lambda: caller.bus.properties()["DeliveriesParked"] == 0, "the count")
    caller.redeliver("photos")  # all of them, though its file is gone
    on_bus.wait_record(attempt=3)


@pytest.mark.parametrize("removed", [False, True])
def test_redeliver_with_the_file_as_it_is_now(on_bus, caller, sim, removed):
    on_bus.settings["Hooks"]["Attempts"] = "1"
    on_bus.write_config()
    on_bus.reload()
    on_bus.hook("named.d/right", 'echo "to $KOOWATCH_VAR_TO"')
    where = on_bus.spool if removed else on_bus.low
    path = on_bus.add_task("photos", sim.add_task(), Hook="wrong", where=where)
    on_bus.wait_entry("^photos: giving up")
    parked = wait_state(on_bus, caller, "photos", delivery="parked")
    assert "wrong" in parked["reason"]
    text = path.read_text().replace("Hook=wrong", "Hook=right") + "[Variables]\nTo=me\n"
    on_bus.add_task("photos", text="[Task]\nTaskId=no id\n", where=where)
    with pytest.raises(CallFailed, match="^the file of task photos: line 2: bad value of TaskId"):
        caller.redeliver("photos", Reread=True)
    on_bus.add_task("photos", text=text, where=where)
    on_bus.wait_entry("already finished")
    caller.redeliver("photos", Reread=True)
    after = wait_state(on_bus, caller, "photos", delivery="none")
    assert after["eventId"] == parked["eventId"] and after["variables"] == {"To": "me"}
    assert after["runs"][-1]["tail"] == "to me"
    on_bus.wait(lambda: path.exists() != removed, "the file's removal, or not")


def test_redeliver_with_a_fresh_link(on_bus, caller, sim):
    on_bus.record()
    task = sim.add_task()
    on_bus.add_task("photos", task)
    before = on_bus.wait_record(name="photos")
    wait_state(on_bus, caller, "photos", delivery="none", attempts=1)
    polls = sim.polls(task)
    task.set(download_url="https://example.com/fresh?Signature=1")
    caller.redeliver("photos", Ask=True)
    after = on_bus.wait_record(attempt=2)
    assert after["event"]["downloadUrl"] == "https://example.com/fresh?Signature=1"
    assert after["event"]["eventId"] == before["event"]["eventId"]
    assert sim.polls(task) == polls + 1
    assert caller.get("photos")["downloadUrl"] == "https://example.com/fresh?Signature=1"


def test_there_is_no_fresh_link(on_bus, caller, sim):
    task, canceled = sim.add_task(), sim.add_task(hold=True)
    on_bus.add_task("photos", task)
    on_bus.add_task("canceled", canceled)
    wait_polls(sim, canceled)
    canceled.cancel()
    for name in ("photos", "canceled"):
        wait_state(on_bus, caller, name, delivery="none", state="finished", attempts=0)
    task.set(status=1)
    with pytest.raises(CallFailed, match="^no fresh link for task photos: KooDrive does not say any more"):
        caller.redeliver("photos", Ask=True)
    with pytest.raises(CallFailed, match="has not completed"):
        caller.redeliver("canceled", Ask=True)
    with pytest.raises(CallFailed, match="Reread and Ask"):
        caller.redeliver("photos", Again=True)


def test_dismiss(on_bus, caller, sim):
    park(on_bus, caller, sim)
    assert (on_bus.spool / "photos.task").exists()
    caller.do("Dismiss", "photos")
    on_bus.wait(lambda: not list(on_bus.spool.glob("*.task")), "the file's removal")
    assert wait_state(on_bus, caller, "photos", delivery="none")["attempts"] == 1
    on_bus.wait(lambda: caller.bus.properties()["DeliveriesParked"] == 0, "the count")
    assert caller.error("Dismiss", "string:photos") == "NotAllowed"


# What is told without being asked


def test_signals_of_a_task(on_bus, caller, sim):
    signals = caller.bus.monitor()

    def told(name="photos"):
        return [
            (member, arguments[0]) for member, arguments in list(signals) if member.startswith("Task") and arguments[0]["name"] == name
        ]

    def wait_told(member, **facts):
        return on_bus.wait(
            lambda: [f for m, f in told() if m == member and all(f.get(k) == v for k, v in facts.items())], f"{member} {facts}"
        )

    task = sim.add_task(hold=True)
    caller.add("photos", TaskId=task.task_id, ShareId=task.share_id)
    wait_told("TaskAdded", state="pending")
    wait_told("TaskChanged", state="running")
    for progress in (10, 20):
        task.set(progress=progress)
        wait_told("TaskChanged", progress=progress)
    task.set(progress=None)
    task.complete(2)
    [finished] = wait_told("TaskFinished")
    assert (finished["state"], finished["outcome"], finished["result"]) == ("finished", "completed", "partial")
    assert finished["taskResultCode"] == 2
    wait_told("TaskRemoved")
    members = [member for member, _ in told()]
    assert members.count("TaskAdded") == members.count("TaskFinished") == members.count("TaskRemoved") == 1
    assert members[0] == "TaskAdded" and members[-1] == "TaskRemoved"
    keys = {key for _, facts in told() for key in facts}
    assert keys <= {"name", "state", "progress", "outcome", "result", "taskResultCode"}  # no secret


def test_signals_of_files_that_are_wrong(on_bus, caller, sim):
    signals = caller.bus.monitor()

    def told():
        return [(member, arguments[0].get("state")) for member, arguments in list(signals) if member.startswith("Task")]

    path = on_bus.add_task("broken", text="[Task]\n")
    on_bus.wait(lambda: told() == [("TaskAdded", "invalid")], "TaskAdded")
    task = sim.add_task(hold=True)
    on_bus.add_task("broken", task)
    wait_polls(sim, task)
    on_bus.wait(lambda: ("TaskChanged", "running") in told(), "TaskChanged")
    path.unlink()
    on_bus.wait(lambda: told()[-1][0] == "TaskRemoved", "TaskRemoved")


def test_a_delivery_that_changes_is_told(on_bus, caller, sim):
    signals = caller.bus.monitor()
    park(on_bus, caller, sim)
    on_bus.wait(lambda: [m for m, a in list(signals) if m.startswith("Task")][-1] == "TaskChanged", "TaskChanged")
