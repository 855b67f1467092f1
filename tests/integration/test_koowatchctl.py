"""koowatchctl against a bus on which org.koowatch1 is what a file says."""

import datetime
import json
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest

from bus import PATIENCE, Bus, Ctl, Manager

TOP = pathlib.Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is missing")


def at(seconds):
    """A time so long from now, as the daemon says it."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def running(name, **keys):
    return {
        "name": name,
        "state": "running",
        "account": "default",
        "taskId": "11",
        "shareId": "22",
        "taskStatus": 1,
        "progress": 40,
        "registeredAt": at(-600),
        "polls": 7,
        "nextPollAt": at(5),
        "delivery": "none",
        **keys,
    }


def finished(name, outcome="completed", result="succeeded", **keys):
    entry = {
        "name": name,
        "state": "finished",
        "account": "default",
        "taskId": "11",
        "shareId": "22",
        "outcome": outcome,
        "registeredAt": at(-600),
        "finishedAt": at(-60),
        "eventId": "e" * 32,
        "polls": 9,
        "delivery": "none",
        **keys,
    }
    return {**entry, "result": result} if outcome == "completed" else entry


@pytest.fixture
def bus():
    bus = Bus()
    yield bus
    bus.close()


@pytest.fixture
def manager(build, bus):
    manager = Manager(build, bus)
    yield manager
    manager.close()


@pytest.fixture
def ctl(build, bus):
    return Ctl(build, bus)


def test_a_list_of_several_pages_is_one_table(manager, ctl):
    manager.content["tasks"] = [running(f"task-{i}") for i in range(7)]
    manager.start()
    listed = ctl.run("list")
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = listed.stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "PROGRESS", "AGE", "NEXT", "NOTE"]
    assert [line.split()[0] for line in lines[1:-1]] == [f"task-{i}" for i in range(7)]
    assert lines[-1] == "7 tasks"
    pages = [call.split(" ", 2)[2] for call in manager.calls() if call.startswith("List ")]
    assert pages == ["'' 0", "'3' 10000"]  # the first one is small


def test_a_list_as_json_is_one_object(manager, ctl):
    manager.content["tasks"] = [running(f"task-{i}") for i in range(7)]
    manager.start()
    listed = json.loads(ctl.run("list", "--json").stdout)
    assert listed == {"schema": 1, "tasks": manager.content["tasks"]}
    lines = ctl.run("--json=lines", "list").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"schema": 1, **task} for task in manager.content["tasks"]
    ]


def test_an_empty_list(manager, ctl):
    manager.start()
    assert ctl.run("list").stdout == "No tasks.\n"
    assert ctl.run("list", "--no-legend").stdout == ""
    assert json.loads(ctl.run("list", "--json").stdout) == {"schema": 1, "tasks": []}
    assert ctl.run("list", "--json=lines").stdout == ""


def test_filters_are_the_daemons(manager, ctl):
    manager.content["tasks"] = [running("a"), finished("b")]
    manager.start()
    shown = ctl.run("list", "b*", "--state", "finished", "--account=default", "--no-legend")
    assert shown.stdout.split()[:2] == ["b", "finished"]
    call = manager.wait_for("List ")
    assert json.loads(call.split()[1]) == {"state": "finished", "account": "default", "name": "b*"}


def test_a_list_is_sorted_and_has_chosen_columns(manager, ctl):
    manager.content["tasks"] = [running("a", progress=80), running("b", progress=9), running("c")]
    manager.start()
    shown = ctl.run("list", "--sort", "progress", "-o", "name,progress", "--no-legend")
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["b", "9%"],
        ["c", "40%"],
        ["a", "80%"],
    ]
    wrong = ctl.run("list", "-o", "name,colour")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "no such column: colour" in wrong.stderr
    assert "progress" in ctl.run("list", "-o", "help").stdout
    assert len(ctl.run("list", "-o", ",".join(["name"] * 32)).stdout.splitlines()[1].split()) == 32
    many = ctl.run("list", "-o", ",".join(["name"] * 33))
    assert (many.returncode, many.stderr) == (2, "koowatchctl: -o: at most 32 columns\n")


def test_notes_are_sorted_by_what_they_stand_for(manager, ctl):
    manager.content["tasks"] = [
        finished("a"),
        finished("b", result="partial"),
        finished("c", "rejected"),
        finished("d", result="failed"),
        finished("e", "canceled"),
    ]
    manager.start()
    shown = ctl.run("list", "--sort", "note", "-o", "name", "--no-legend")
    assert shown.stdout.split() == ["e", "d", "b", "a", "c"]


def test_a_terminal_changes_looks_only(manager, ctl):
    manager.content["tasks"] = [running("照片" * 20, description="x" * 100)]
    manager.start()
    wide, narrow = ctl.run("list").stdout, ctl.run("list", COLUMNS="80").stdout
    assert "照片" * 20 in wide and "x" * 100 in wide
    assert "照片" * 20 in ctl.run("list", "--full", COLUMNS="80").stdout
    assert "…" in narrow
    coloured = ctl.run("list", "--color=always").stdout
    assert "\033[" in coloured and "\033[" not in wide
    assert ctl.run("list", "--json", COLUMNS="80").stdout == ctl.run("list", "--json").stdout


def test_what_a_terminal_would_obey_is_replaced(manager, ctl):
    evil = "\033]0;title\007 \u009b31m \u202eabc\u2028"
    manager.content["tasks"] = [
        finished("a", downloadUrl=f"https://x/{evil}", reason=evil, runs=[{"hook": evil, "tail": evil}])
    ]
    manager.content["properties"]["Trouble"] = [evil]
    manager.content["accounts"] = [{"name": "default", "state": "ok", "reason": evil}]
    manager.start()
    for words in (["list"], ["list", "-o", "name,reason"], ["show", "a"], ["status"], ["account"], ["is-ok"]):
        shown = ctl.run(*words)
        assert not set(shown.stdout) & set("\033\007\u009b\u202e\u2028"), words
        assert "title" in shown.stdout or words == ["list"]
    as_json = ctl.run("show", "a", "--json")
    assert not set(as_json.stdout) & set("\033\007\u009b\u202e\u2028")
    assert json.loads(as_json.stdout)["task"] == manager.content["tasks"][0]


def test_the_story_of_a_task(manager, ctl):
    manager.content["tasks"] = [
        finished(
            "photos",
            description="summer",
            downloadUrl="https://example.com/" + "long" * 50,
            delivery="waiting",
            attempts=2,
            nextAttemptAt=at(600),
            reason="named.d/fetch-package: exit status 1",
            variables={"Destination": "/srv"},
            settings=[{"key": "Timeout", "value": "2h", "origin": "task file"}],
            answer={"a": [1, {"b": "2"}]},
            samples=[{"at": at(-500), "progress": 10}, {"at": at(-300), "progress": 80}],
            runs=[
                {
                    "hook": "named.d/fetch-package",
                    "attempt": 2,
                    "startedAt": at(-30),
                    "durationUsec": 1500000,
                    "status": "failed",
                    "exitStatus": 1,
                    "tail": "no space left\n",
                }
            ],
        )
    ]
    manager.start()
    shown = ctl.run("show", "photos", COLUMNS="80").stdout
    for words in (
        "photos - summer",
        "finished, completed: all succeeded",
        "https://example.com/" + "long" * 50,
        "waiting, 2 attempts, the next in",
        "Destination=/srv",
        "named.d/fetch-package: failed, exit status 1, took 1s",
        "      | no space left",
        "koowatchctl redeliver photos",
        "10% after",
    ):
        assert words in shown
    assert json.loads(ctl.run("show", "--json", "photos").stdout) == {
        "schema": 1,
        "task": manager.content["tasks"][0],
    }


def test_what_is_gone_is_shown_from_history(manager, ctl):
    manager.content["history"] = [finished("gone", "canceled")]
    manager.start()
    assert "finished, canceled" in ctl.run("show", "gone").stdout


def test_the_last_and_the_last_that_failed(manager, ctl):
    manager.content["history"] = [finished("good"), finished("bad", result="failed", eventId="b" * 32)]
    manager.content["tasks"] = [finished("good", description="all of it"), running("bad")]
    manager.start()
    assert ctl.run("show", "--last").stdout.startswith("good - all of it\n")
    assert "completed: all failed" in ctl.run("show", "--last=failed").stdout
    assert ctl.run("show").returncode == 2
    assert ctl.run("show", "--last=best").returncode == 2


def test_a_name_that_is_not_there_gets_the_nearest(manager, ctl):
    manager.content["tasks"] = [running("photos"), running("films")]
    manager.start()
    wrong = ctl.run("show", "fotos")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == "koowatchctl: there is no task fotos; did you mean photos?\n"
    for verb in ("poll", "remove", "dismiss", "redeliver"):
        assert "did you mean photos?" in ctl.run(verb, "photo").stderr
    assert json.loads(ctl.run("poll", "--json", "photo").stdout) == {
        "schema": 1,
        "error": {"code": "NotFound", "message": "there is no task photo; did you mean photos?"},
    }
    assert "mean" not in ctl.run("poll", "something-else").stderr


def test_nodes(manager, ctl):
    manager.content["nodes"] = [
        {"name": "a", "alive": True, "isSelf": True, "accounts": ["default", "office"], "since": at(-86400 * 3),
         "silentUsec": 2000000, "pendingDeliveries": 12, "version": "0.1.0"},
        {"name": "b", "alive": True, "isSelf": False, "labels": ["big"], "since": at(-5400), "silentUsec": 14000000,
         "pendingDeliveries": 0},
        {"name": "c", "alive": False, "isSelf": False, "silentUsec": 7200000000, "pendingDeliveries": 0},
    ]  # fmt: skip
    manager.start()
    lines = ctl.run("nodes").stdout.splitlines()
    assert [re.split("  +", line.strip()) for line in lines] == [
        ["NODE", "STATE", "ACCOUNTS", "LABELS", "SINCE", "LAST-BEAT", "DELIVERIES"],
        ["a *", "alive", "default,office", "-", "3d", "2s", "12"],
        ["b", "silent", "-", "big", "90min", "14s", "0"],
        ["c", "gone", "-", "-", "-", "2h", "0"],
    ]
    answered = json.loads(ctl.run("nodes", "--json").stdout)
    assert answered["schema"] == 1 and [node["name"] for node in answered["nodes"]] == ["a", "b", "c"]


def test_there_are_no_nodes(manager, ctl):
    manager.content["errors"] = {"Nodes": ["NotAllowed", "this koowatchd is no node of a fleet"]}
    manager.start()
    refused = ctl.run("nodes")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "koowatchctl: this koowatchd is no node of a fleet\n"
    assert json.loads(ctl.run("nodes", "--json").stdout)["error"]["code"] == "NotAllowed"


def test_store_status(manager, ctl):
    store = manager.content["properties"]["Store"] = {"backend": "sqlite", "name": "/var/lib/state.db", "state": "ok"}
    manager.start()
    shown = ctl.run("store", "status")
    assert (shown.returncode, shown.stdout) == (
        0,
        "     Backend: sqlite\n       Where: /var/lib/state.db\n       State: ok\n",
    )
    store.update(state="unreachable", since=at(-180), reason="timeout expired", node="a")
    store.update(session=False, accountsHeld=0, accountsServed=2)
    manager.reload()
    assert ctl.run("store", "status").stdout.splitlines()[2:] == [
        f"       State: unreachable, since {store['since']} (3min ago)",
        "      Reason: timeout expired",
        "        Node: a",
        "     Session: no, this node polls nothing",
        "    Accounts: polls 0 of 2",
    ]
    assert json.loads(ctl.run("store", "status", "--json").stdout) == {"schema": 1, "store": store}
    wrong = ctl.run("store", "stat")
    assert (wrong.returncode, wrong.stderr) == (2, "koowatchctl: store stat: expected store status\n")


def test_a_task_that_another_node_polls(manager, ctl):
    reason = "node b polls account default"
    manager.content["tasks"] = [
        {"name": "far", "state": "pending", "account": "default", "node": "b", "reason": reason},
        {"name": "left", "state": "pending", "account": "office", "reason": "no node polls account office"},
        running("theirs", file="b:/etc/koowatch/tasks.d/theirs.task"),
    ]
    manager.content["errors"] = {"Remove": ["NotAllowed", "its file is on node b"]}
    manager.start()
    assert reason in ctl.run("list").stdout
    shown = ctl.run("show", "far").stdout
    assert "   Polled by: b\n" in shown and "Trouble" not in shown
    assert "     Trouble: no node polls account office\n" in ctl.run("show", "left").stdout
    listed = ctl.run("list", "--no-legend", "--color", "always", "-o", "name,state,node").stdout.splitlines()
    plain = [re.sub("\033[^m]*m", "", line).split() for line in listed]
    assert plain == [["far", "pending", "b"], ["left", "pending", "-"], ["theirs", "running", "-"]]
    assert "\033[33m" not in listed[0] and "\033[33m" in listed[1]
    removed = ctl.run("remove", "theirs")
    assert (removed.returncode, removed.stderr) == (1, "koowatchctl: its file is on node b\n")
    edited = ctl.run("edit", "theirs")
    assert edited.returncode == 1 and "on another node, edit it there: b:/etc/koowatch" in edited.stderr


def test_status_and_monitor(manager, ctl):
    properties = manager.content["properties"]
    manager.content["accounts"] = [{"name": "default", "state": "ok", "tasks": 3, "inFlight": 1}]
    properties.update(Pending=1, Running=2)
    manager.start()
    assert "no trouble" in ctl.run("status").stdout
    assert ctl.run("is-ok").returncode == 0
    monitored = ctl.run("status", "--monitor")
    assert monitored.returncode == 0
    assert monitored.stdout.startswith("KOOWATCH OK - watching 3 | pending=1 running=2 ")

    properties.update(Trouble=["account default: unreachable | since 10:00"])
    manager.content["accounts"][0].update(state="unreachable", reason="connection refused")
    manager.reload()
    monitored = ctl.run("status", "--monitor")
    assert (monitored.returncode, monitored.stdout.count("|")) == (1, 1)
    assert monitored.stdout.startswith("KOOWATCH WARNING - account default: unreachable / since")
    ok = ctl.run("is-ok")
    assert (ok.returncode, ok.stdout) == (1, "account default: unreachable | since 10:00\n")
    assert json.loads(ctl.run("is-ok", "--json").stdout) == {
        "schema": 1,
        "ok": False,
        "trouble": properties["Trouble"],
    }

    properties.update(DeliveriesParked=1)
    manager.content["tasks"] = [finished("lost", delivery="parked", reason="10-mail: exit status 1", attempts=40)]
    manager.reload()
    assert ctl.run("status", "--monitor").returncode == 2
    shown = ctl.run("status").stdout
    for word in ("unreachable", "connection refused", "lost", "parked", "10-mail: exit status 1"):
        assert word in shown
    as_json = json.loads(ctl.run("status", "--json").stdout)
    assert as_json["deliveriesParked"] == 1
    assert [task["name"] for task in as_json["deliveries"]] == ["lost"]
    assert as_json["accounts"] == manager.content["accounts"]


def test_one_account(manager, ctl):
    manager.content["accounts"] = [
        {"name": "default", "state": "unauthorized", "reason": "HTTP 401", "endpoint": "https://x", "configured": True}
        | {"rateLimit": "10/1s", "requestsLastMinute": 42, "tokenSource": "/etc/token", "tokenSince": at(-7200)}
    ]
    manager.start()
    shown = ctl.run("account", "default").stdout
    assert "State: unauthorized" in shown and "Endpoint: https://x" in shown
    assert "\n  Rate limit: 10/1s\n Last minute: 42\n" in shown
    assert re.search(r"\n  Token from: /etc/token\n  Used since: 20\S+Z \(2h ago\)\n", shown)
    wrong = ctl.run("account", "defualt")
    assert (wrong.returncode, "did you mean default?" in wrong.stderr) == (1, True)
    assert json.loads(ctl.run("account", "--json").stdout)["accounts"] == manager.content["accounts"]


def test_acts_are_calls(manager, ctl):
    manager.content["tasks"] = [finished("a")]
    manager.start()
    assert ctl.run("poll", "a").returncode == 0
    assert ctl.run("dismiss", "a").returncode == 0
    assert ctl.run("redeliver", "a").returncode == 0
    assert ctl.run("redeliver", "--reread", "--ask", "a").returncode == 0
    assert ctl.run("remove", "a").returncode == 0
    done = ctl.run("reload", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"schema": 1, "ok": True})
    assert manager.calls() == [
        "Poll a",
        "Dismiss a",
        "Redeliver a {}",
        'Redeliver a {"Reread":true,"Ask":true}',
        "Remove a",
        "Reload",
    ]


def settings_of(call):
    method, name, settings = call.split(" ", 2)
    assert method == "Add"
    return name, json.loads(settings)


def test_add_hands_over_the_keys_of_a_task_file(manager, ctl, tmp_path):
    token = tmp_path / "token"
    token.write_text(" aea2968ec8cf\n")
    manager.start()
    added = ctl.run(
        *("add", "照片".encode().hex(), "--task-id=11", "--share-id", "22", "--account", "office"),
        *("--hook", "fetch-package", "--hook=mail", "--var", "To=me=you", "--var", "Empty="),
        *("--run-on", "gpu", "--run-on=disk", "--timeout", "2h", "--expect", "20min", "--description", "von 照片", "--kdstoken-file", token),
    )
    assert (added.returncode, added.stderr) == (0, "")
    assert settings_of(manager.wait_for("Add "))[1] == {
        "TaskId": "11",
        "ShareId": "22",
        "Account": "office",
        "Hook": "fetch-package mail",
        "RunOn": "gpu disk",
        "Variables": {"To": "me=you", "Empty": ""},
        "Timeout": "2h",
        "Expect": "20min",
        "Description": "von 照片",
        "KdsToken": "aea2968ec8cf",
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 0, "taskId": "11", "shareId": "22"},
        {"code": 0, "data": {"taskId": 11, "shareId": "22"}},
        {"jobInfo": {"taskId": "11"}, "taskInfos": [{"taskId": "99", "shareId": "22"}]},
    ],
)
def test_add_reads_koodrives_answer(manager, ctl, answer):
    manager.start()
    assert ctl.run("add", "a", "--from-json", "-", input=json.dumps(answer)).returncode == 0
    assert settings_of(manager.wait_for("Add ")) == ("a", {"TaskId": "11", "ShareId": "22"})


def test_add_says_what_is_missing(manager, ctl, tmp_path):
    manager.content["tasks"] = [running("there")]
    manager.start()
    ids = ("--task-id", "11", "--share-id", "22")
    answer = json.dumps({"code": 13000309, "msg": "resource not found"})
    for words, code, message in (
        (("a",), 2, "--task-id or --from-json"),
        (("a", "--task-id", "11"), 2, "expected --share-id"),
        (("a", "--from-json=-"), 1, "there is no taskId"),
        (("a/b", *ids), 2, "NAME is 1 to 128"),
        (("a", *ids, "--var", "x"), 2, "NAME=VALUE"),
        (("a", *ids, "--description", "a\nKdsToken=x"), 1, "a line end"),
        (("a", *ids, "--kdstoken-file", tmp_path / "none"), 1, "No such file"),
        (("there", *ids), 1, "there is a task there already"),
        (("there", *ids, "--dry-run"), 1, "there is a task there already"),
    ):
        refused = ctl.run("add", *words, input=answer)
        assert (refused.returncode, refused.stdout) == (code, ""), words
        assert message in refused.stderr
    assert [call for call in manager.calls() if call.startswith("Add ")] == [
        'Add there {"TaskId":"11","ShareId":"22"}'
    ]


def test_a_dry_run_prints_the_file_and_adds_nothing(ctl, tmp_path):
    config = tmp_path / "koowatch.conf"
    config.write_text(f"[Daemon]\nStateDirectory={tmp_path}\n")
    token = tmp_path / "token"
    token.write_text("secret-token")
    words = ("--config", config, "add", "a", "--task-id=11", "--share-id=22", "--var", "To=me")
    shown = ctl.run(*words, "--kdstoken-file", token, "--dry-run")
    assert shown.returncode == 0
    assert shown.stdout == (
        f"# {tmp_path}/tasks.d/a.task, first poll: at once\n"
        "[Task]\nTaskId=11\nShareId=22\nKdsToken=(set)\n\n[Variables]\nTo=me\n"
    )
    as_json = json.loads(ctl.run(*words, "--dry-run", "--json").stdout)
    assert as_json["file"] == f"{tmp_path}/tasks.d/a.task"


def test_a_reload_of_a_bad_configuration_fails_with_the_fault(manager, ctl):
    manager.content["errors"] = {"Reload": ["Invalid", "/etc/koowatch/koowatch.conf:3: RateLimit: expected N/s"]}
    manager.start()
    reload = ctl.run("reload")
    assert (reload.returncode, reload.stdout) == (1, "")
    assert reload.stderr == "koowatchctl: /etc/koowatch/koowatch.conf:3: RateLimit: expected N/s\n"


def test_a_file_that_koowatchd_may_not_remove_the_caller_removes(manager, ctl, tmp_path):
    file = tmp_path / "a.task"
    file.write_text("[Task]\n")
    manager.content["tasks"] = [running("a", file=str(file))]
    manager.content["errors"] = {"Remove": ["NotAllowed", "not mine to remove"]}
    manager.start()
    assert ctl.run("remove", "a").returncode == 0
    assert not file.exists()
    again = ctl.run("remove", "a")
    assert (again.returncode, again.stderr) == (1, "koowatchctl: the file of task a is gone already\n")
    assert json.loads(ctl.run("remove", "a", "--json").stdout)["error"]["code"] == "NotFound"
    manager.content["errors"]["Get"] = ["NotFound", "there is no task a"]  # by now
    manager.reload()
    assert ctl.run("remove", "a").stderr == "koowatchctl: there is no task a\n"
    refused = running("a", file="/proc/version")
    manager.content.update(tasks=[refused], errors={"Remove": ["NotAllowed", "not mine to remove"]})
    manager.reload()
    refused = json.loads(ctl.run("remove", "a", "--json").stdout)["error"]
    assert (refused["code"], "cannot remove it" in refused["message"]) == ("NotAllowed", True)


def test_completion_of_words(manager, ctl):
    manager.content["tasks"] = [running("one@a.b"), running("one@c"), running("two")]
    manager.content["accounts"] = [{"name": "default", "state": "ok"}, {"name": "office", "state": "ok"}]
    manager.start()

    def complete(*words):
        completed = ctl.run("__complete", "--", "--bus", "session", *words)
        assert (completed.returncode, completed.stderr) == (0, "")
        return completed.stdout.split()

    def offers(words, expected):
        """On a busy machine the bus may once be too slow for somebody who types."""
        until = time.monotonic() + 30
        while (found := complete(*words)) != expected and time.monotonic() < until:
            pass
        assert found == expected

    assert {"list", "wait", "is-ok"} <= set(complete(""))
    offers(("sh",), ["show"])
    assert "__complete" not in complete("_")
    offers(("show", "one@",), ["one@a.b", "one@c"])
    offers(("show", "two", "",), [])
    offers(("wait", "two", "one@a",), ["one@a.b"])
    offers(("list", "--sta",), ["--state"])
    offers(("list", "--state", "r",), ["running"])
    offers(("list", "--state=r",), ["--state=running"])
    offers(("list", "--state", "running", "--sort", "pro",), ["progress"])
    offers(("add", "x", "--account", "",), ["default", "office"])
    offers(("account", "of",), ["office"])
    offers(("add", "--from-json", "",), [":file"])
    offers(("--json", "show", "tw",), ["two"])
    offers(("hook", "test", "st",), ["stalled"])
    offers(("no",), ["nodes"])
    offers(("store", "",), ["status"])
    offers(("list", "--output", "nod",), ["node"])
    offers(("show", "*",), [])


@pytest.fixture
def silent_bus(tmp_path):
    """A socket on which nobody ever answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent"))
        listener.listen()
        yield f"unix:path={tmp_path}/silent"


def test_completion_from_the_directories_when_the_bus_is_silent(ctl, tmp_path, silent_bus):
    tasks, hooks = tmp_path / "tasks", tmp_path / "hooks/named.d"
    tasks.mkdir()
    hooks.mkdir(parents=True)
    for name in ("one@a.b.task", ".hidden.task", "two.task", "two.task~", ".task"):
        (tasks / name).write_text("")
    (hooks / "fetch").write_text("#!/bin/sh\n")
    config = tmp_path / "koowatch.conf"
    config.write_text(
        f"[Daemon]\nTaskDirectories={tasks}\n[Hooks]\nDirectories={tmp_path}/hooks\n"
        "[Account]\n[Account office]\n"
    )

    def complete(*words):
        begun = time.monotonic()
        shown = ctl.run("__complete", "--", "--config", config, *words, DBUS_SYSTEM_BUS_ADDRESS=silent_bus)
        assert time.monotonic() - begun < 2  # that of the bus itself is 90 s
        return sorted(shown.stdout.split())

    assert complete("show", "") == ["one@a.b", "two"]
    assert complete("account", "") == ["default", "office"]
    assert complete("add", "x", "--hook", "") == ["fetch"]


def test_the_nearest_of_many_names(manager, ctl):
    """Not all are asked for: those that begin or end as the name does."""
    many = [running(f"a{number:04}") for number in range(600)]
    manager.content["tasks"] = [*many, running("photos"), running("zebra-crossing")]
    manager.start()
    assert "did you mean photos?" in ctl.run("show", "photo").stderr
    assert "did you mean zebra-crossing?" in ctl.run("show", "sebra-crossing").stderr
    assert "did you mean" not in ctl.run("show", "something-else").stderr


def wait_shown(ctl, command, **environment):
    """What a shell shows; koowatchctl may have been too late for its own limit at first."""
    shown, until = "", time.monotonic() + 30
    while not shown.strip() and time.monotonic() < until:
        environment = ctl.environment(**environment)
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
        shown = ran.stdout
    return shown


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
def test_fish_completes(manager, ctl, tmp_path):
    manager.content["tasks"] = [running("one@a.b"), running("one@c"), running("two")]
    manager.start()
    (tmp_path / "x.json").touch()

    def complete(line):
        code = f'set -x PATH {ctl.build} $PATH; source {TOP}/conf/completion/koowatchctl.fish; complete -C"{line}"'
        return wait_shown(ctl, ["fish", "--no-config", "-c", code], HOME=str(tmp_path)).split()

    assert complete("koowatchctl --bus session show one@") == ["one@a.b", "one@c"]
    assert complete("koowatchctl list --state=pe") == ["--state=pending"]
    assert complete(f"koowatchctl add --from-json {tmp_path}/x.") == [f"{tmp_path}/x.json"]


# Types into a zsh with completion, and prints what its line has become.
ZSH = r"""
zmodload zsh/zpty && zpty shell zsh -f -i
zpty -w shell "PS1= COLUMNS=400; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $2; bindkey '^I' complete-word"
zpty -w shell "shown() { print -r -- \"<\$BUFFER>\"; BUFFER=; zle .accept-line }; zle -N shown"
zpty -w shell "bindkey '^X^Y' shown; print REA''DY"
while zpty -r shell line && [[ $line != READY* ]]; do :; done
zpty -w -n shell "$3"$'\t\x18\x19'
while zpty -r shell line && [[ $line != *\<koowatchctl* ]]; do :; done
print -r -- "${${line#*\<}%\>*}"
"""


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_zsh_completes(manager, ctl, tmp_path):
    manager.content["tasks"] = [running("one@a.b"), running("two@c"), running("two@d")]
    manager.start()
    (tmp_path / "x.json").touch()

    def complete(line):
        folder, dump = TOP / "conf/completion", tmp_path / "dump"
        command = ["zsh", "-f", "-c", ZSH, "zsh", folder, dump, f"koowatchctl {line}"]
        path = f"{ctl.build}:{os.environ['PATH']}"
        until = time.monotonic() + 30
        while (shown := wait_shown(ctl, command, PATH=path, TERM="dumb").strip()) == f"koowatchctl {line}":
            assert time.monotonic() < until
        return shown.removeprefix("koowatchctl ")

    assert complete("--bus session show on") == "--bus session show one@a.b"
    assert complete("--bus session show tw") == "--bus session show two@"
    assert complete("list --state=pe") == "list --state=pending"
    assert complete(f"add --from-json={tmp_path}/x.") == f"add --from-json={tmp_path}/x.json"


@pytest.mark.parametrize("breaks", ["\"'@><=;|&(:", "\"'><;|&("])
def test_bash_completes_names_with_at_signs(manager, ctl, breaks):
    manager.content["tasks"] = [running("one@a.b"), running("one@c")]
    manager.start()
    script = TOP / "conf/completion/koowatchctl.bash"
    line = "koowatchctl --bus session show one@"
    code = (
        f"koowatchctl() {{ {ctl.build}/koowatchctl \"$@\"; }}; . {script}; "
        'COMP_WORDBREAKS=$1 COMP_LINE=$2 COMP_POINT=${#2}; _koowatchctl; echo "${COMPREPLY[@]}"'
    )
    command = ["bash", "--norc", "-c", code, "bash", breaks, line]
    shown, until = "\n", time.monotonic() + 30
    while shown == "\n" and time.monotonic() < until:
        ran = subprocess.run(command, env=ctl.environment(), capture_output=True, text=True, timeout=30)
        shown = ran.stdout
    assert shown == ("a.b c\n" if "@" in breaks else "one@a.b one@c\n")


def test_config_tells_where_each_key_is_set(ctl, tmp_path):
    config = tmp_path / "koowatch.conf"
    drop_in = tmp_path / "koowatch.conf.d/10-x.conf"
    drop_in.parent.mkdir()
    config.write_text("[Daemon]\nLogLevel=debug\n[Poll]\nTimeout=1h\n[Account]\nUserId=1\n")
    drop_in.write_text("[Poll]\nTimeout=\n[Account]\nUserId=2\nProxy=http://me:secret@proxy:8080\n")
    shown = ctl.run("--config", config, "config")
    assert shown.returncode == 0 and "secret" not in shown.stdout
    settings = json.loads(ctl.run("--config", config, "config", "--json").stdout)["settings"]
    found = {(row["section"], row["key"]): (row.get("value"), row["origin"]) for row in settings}
    assert found["Daemon", "LogLevel"] == ("debug", f"{config}:2")
    assert found["Daemon", "MetricsFile"] == (None, "default")
    assert found["Poll", "Timeout"] == ("7d", "default")
    assert found["Account", "UserId"] == ("2", f"{drop_in}:4")
    assert found["Account", "Proxy"] == ("http://…@proxy:8080", f"{drop_in}:5")
    assert {row.get("account") for row in settings} == {None, "default"}
    state = ctl.run("--config", config, "config", "--json", STATE_DIRECTORY="/somewhere")
    assert '"value":"/somewhere","origin":"environment"' in state.stdout.replace("\\/", "/")


def test_config_with_a_fault_says_it(ctl, tmp_path):
    config = tmp_path / "koowatch.conf"
    config.write_text("[Poll]\nTimeout=soon\n")
    wrong = ctl.run("--config", config, "config")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert f"{config}:2: " in wrong.stderr


def test_logs_asks_for_entries_that_only_the_units_write(ctl, tmp_path):
    journalctl = tmp_path / "journalctl"
    journalctl.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    journalctl.chmod(0o755)
    shown = ctl.run("logs", "-f", "-n", "5", "a@b", PATH=str(tmp_path))
    assert shown.stdout.splitlines() == [
        "--follow",
        "--lines=5",
        "_SYSTEMD_UNIT=koowatchd.service",
        "KOOWATCH_NAME=a@b",
        "+",
        "_SYSTEMD_SLICE=system-koowatch\\x2dhook.slice",
        "KOOWATCH_NAME=a@b",
    ]
    assert ctl.run("logs", PATH="/nonexistent").returncode == 1


@pytest.fixture
def hooks(tmp_path):
    """Two hooks, one of which may not be run, and a configuration for them."""
    # What leads there has to be writable by nobody else, which /tmp is for its owners.
    directory = tmp_path / "hooks"
    (directory / "finished.d").mkdir(parents=True, mode=0o755)
    (directory / "named.d").mkdir(mode=0o755)
    for name, mode in (("finished.d/10-good", 0o755), ("finished.d/20-loose", 0o777), ("named.d/bad", 0o755)):
        file = directory / name
        file.write_text(f'#!/bin/sh\necho "$1 $2 $KOOWATCH_RESULT" >{tmp_path}/{file.name}.ran\nexit {int(file.name == "bad")}\n')
        file.chmod(mode)
    config = tmp_path / "koowatch.conf"
    config.write_text(f"[Hooks]\nDirectories={directory}\nRunner=spawn\n[Daemon]\nLogTarget=console\n")
    return config


def test_a_dry_run_of_hooks_shows_order_refusals_and_environment(manager, ctl, hooks, tmp_path):
    manager.content["tasks"] = [running("a", hooks="bad none", variables={"To": "me"})]
    manager.start()
    shown = ctl.run("--config", hooks, "hook", "test", "finished", "a", "--dry-run")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[1] == f"{tmp_path}/hooks/finished.d/10-good"
    assert lines[2].startswith(f"{tmp_path}/hooks/finished.d/20-loose: refused: ")
    assert lines[3] == f"{tmp_path}/hooks/named.d/bad"
    assert lines[4].startswith("named.d/none: refused: no such hook")
    assert "KOOWATCH_VAR_TO=me" in lines and "KOOWATCH_RESULT=succeeded" in lines
    assert json.loads(lines[-1])["outcome"] == "completed"
    plan = json.loads(ctl.run("--config", hooks, "hook", "test", "finished", "a", "--dry-run", "--json").stdout)
    assert [hook["hook"] for hook in plan["hooks"]] == [
        "finished.d/10-good",
        "finished.d/20-loose",
        "named.d/bad",
        "named.d/none",
    ]
    assert not list(tmp_path.glob("*.ran"))


def test_hooks_are_run_as_a_test(manager, ctl, hooks, tmp_path):
    manager.content["tasks"] = [finished("a", result="partial", hooks=["bad"])]
    manager.start()
    shown = ctl.run("--config", hooks, "hook", "test", "finished", "a")
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[0] == "finished.d/10-good: done"
    assert "finished.d/20-loose: failed: " in shown.stdout
    assert "named.d/bad: failed, exit status 1" in shown.stdout
    assert (tmp_path / "10-good.ran").read_text() == "finished a partial\n"
    assert not (tmp_path / "20-loose.ran").exists()


def test_hooks_of_other_events(manager, ctl, hooks):
    manager.content["tasks"] = [running("a", hooks="bad")]
    manager.content["accounts"] = [{"name": "default", "state": "unreachable", "reason": "refused"}]
    manager.start()
    assert "There is no hook" in ctl.run("--config", hooks, "hook", "test", "stalled", "a").stdout
    shown = ctl.run("--config", hooks, "hook", "test", "account", "default", "--dry-run").stdout
    assert "KOOWATCH_ACCOUNT_STATE=unreachable" in shown
    assert ctl.run("hook", "test", "ended", "a").returncode == 2
    assert ctl.run("hook", "try", "finished", "a").returncode == 2
    assert ctl.run("hook", "test", "account", "other").returncode == 1


@pytest.fixture
def installed(tmp_path):
    """A configuration with a task directory, and a task in it."""
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    file = tasks / "a.task"
    file.write_text("[Task]\nTaskId=11\nShareId=22\n")
    file.chmod(0o640)
    token = tmp_path / "token"
    token.write_text("Bearer x\n")
    token.chmod(0o600)
    config = tmp_path / "koowatch.conf"
    config.write_text(
        f"[Daemon]\nTaskDirectories={tasks}\nStateDirectory={tmp_path}\n"
        f"[Hooks]\nDirectories={tmp_path}/hooks\n[Account]\nTokenFile={token}\n"
    )
    return config


@pytest.mark.skipif("koowatch" in {entry.pw_name for entry in pwd.getpwall()}, reason="it would be read as koowatch")
def test_check_finds_faults_of_all_kinds(ctl, installed, tmp_path):
    fine = ctl.run("--config", installed, "check")
    assert (fine.returncode, fine.stdout) == (0, "No faults.\n")
    (tmp_path / "tasks/b.task").write_text("[Task]\nTaskId=1 2\nShareId=22\nHook=none\n")
    (tmp_path / "tasks/c.task").write_text("[Task]\nTaskId=3\nShareId=22\nHook=none\n")
    (tmp_path / "token").write_text("")
    checked = ctl.run("--config", installed, "check")
    assert checked.returncode == 1
    assert f"{tmp_path}/tasks/b.task:2: " in checked.stdout
    assert f"{tmp_path}/tasks/c.task: warning: " in checked.stdout
    assert f"{tmp_path}/token: TokenFile of account default: expected one line" in checked.stdout
    as_json = json.loads(ctl.run("--config", installed, "check", "--json").stdout)
    assert as_json["ok"] is False
    assert {"severity": "error", "file": f"{tmp_path}/tasks/b.task", "line": 2} in [
        {key: value for key, value in fault.items() if key != "message"} for fault in as_json["faults"]
    ]
    installed.write_text("[Poll]\nTimeout=soon\n")
    checked = ctl.run("--config", installed, "check")
    assert (checked.returncode, checked.stdout.count("\n")) == (1, 1)
    assert checked.stdout.startswith(f"{installed}:2: ")


def editor(tmp_path, script):
    file = tmp_path / "editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def test_an_edit_is_checked_and_takes_the_files_place(manager, ctl, installed, tmp_path):
    file = tmp_path / "tasks/a.task"
    manager.content["tasks"] = [running("a", file=str(file))]
    manager.start()
    inode = file.stat().st_ino
    folder = tmp_path / "tmp"
    folder.mkdir()

    def edit(script):
        visual = editor(tmp_path, script)
        return ctl.run("--config", installed, "edit", "a", VISUAL=visual, TMPDIR=str(folder))

    done = edit('echo Timeout=2h >>"$1"')
    assert (done.returncode, done.stdout, done.stderr) == (0, "a: changed\n", "")
    assert file.read_text().endswith("Timeout=2h\n")
    assert (file.stat().st_mode & 0o777, file.stat().st_ino != inode) == (0o640, True)

    same = edit("true")
    assert (same.returncode, same.stdout) == (0, "a: not changed\n")

    wrong = edit('echo Timeout=soon >>"$1"')
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert f"{file}:5: bad value of Timeout" in wrong.stderr
    assert "soon" not in file.read_text()
    kept = re.search(r"is in (\S+)", wrong.stderr)[1]
    assert "Timeout=soon" in pathlib.Path(kept).read_text()
    shutil.rmtree(pathlib.Path(kept).parents[1])

    failed = edit("exit 1")
    assert (failed.returncode, "nothing is changed" in failed.stderr) == (1, True)
    assert sorted(path.name for path in file.parent.iterdir()) == ["a.task"]
    assert not list(folder.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=lambda number: number.name)
def test_an_interrupt_is_the_editors(manager, ctl, installed, tmp_path, number):
    file = tmp_path / "tasks/a.task"
    manager.content["tasks"] = [running("a", file=str(file))]
    manager.start()
    # What a terminal does: all of the group get it. The editor has its own use for it.
    name = number.name.removeprefix("SIG")
    visual = editor(tmp_path, f"trap 'echo Timeout=2h >>\"$1\"' {name}\nkill -{name} 0")
    edit = ctl.start("--config", installed, "edit", "a", VISUAL=visual, start_new_session=True)
    out, err = edit.communicate(timeout=PATIENCE)
    assert (edit.returncode, out, err) == (0, "a: changed\n", "")
    assert file.read_text().endswith("Timeout=2h\n")

    # When the editor has ended it is koowatchctl's again: here while it checks what was written.
    visual = editor(tmp_path, 'echo Timeout=3h >>"$1"')
    daemon = tmp_path / "bin/koowatchd"
    daemon.parent.mkdir()
    daemon.write_text(f"#!/bin/sh\nkill -{name} $PPID\n")
    daemon.chmod(0o755)
    shutil.copy(ctl.build / "koowatchctl", daemon.parent)
    edit = subprocess.Popen(
        [daemon.parent / "koowatchctl", *ctl.command("--config", installed, "edit", "a")[1:]],
        env=ctl.environment(VISUAL=visual, TMPDIR=str(tmp_path)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )
    assert edit.wait(PATIENCE) == -number


def test_a_link_is_not_edited(manager, ctl, installed, tmp_path):
    file = tmp_path / "tasks/link.task"
    file.symlink_to(tmp_path / "tasks/a.task")
    manager.content["tasks"] = [running("link", file=str(file))]
    manager.start()
    refused = ctl.run("--config", installed, "edit", "link", VISUAL=editor(tmp_path, "echo >>$1"))
    assert (refused.returncode, "not a regular file" in refused.stderr) == (1, True)
    assert file.is_symlink()


def test_an_account_that_is_there_passes_the_check_of_an_edit(manager, ctl, installed, tmp_path):
    file = tmp_path / "tasks/a.task"
    drop_in = tmp_path / "koowatch.conf.d/office.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Account office]\n")
    manager.content["tasks"] = [running("a", file=str(file))]
    manager.start()
    visual = editor(tmp_path, 'echo Account=office >>"$1"')
    assert ctl.run("--config", installed, "edit", "a", VISUAL=visual).stdout == "a: changed\n"
    visual = editor(tmp_path, 'echo Account=none >>"$1"')
    assert ctl.run("--config", installed, "edit", "a", VISUAL=visual).returncode == 1


def test_down_is_said_with_what_to_do(bus, ctl):
    down = ctl.run("list")
    assert (down.returncode, down.stdout) == (1, "")
    assert "koowatchd is not running" in down.stderr
    system = ctl.run("--bus", "system", "list", DBUS_SYSTEM_BUS_ADDRESS=bus.address)
    assert system.stderr == "koowatchctl: koowatchd is not running: systemctl start koowatchd\n"
    assert ctl.run("is-ok").returncode == 4
    error = ctl.run("--json", "list")
    assert (error.returncode, error.stderr, json.loads(error.stdout)["error"]["code"]) == (1, "", "NotRunning")
    monitored = ctl.run("status", "--monitor")
    assert (monitored.returncode, monitored.stdout[:19]) == (3, "KOOWATCH UNKNOWN - ")


def test_no_bus_at_all(ctl):
    missing = ctl.run("list", DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent")
    assert (missing.returncode, "cannot connect to the session bus" in missing.stderr) == (1, True)
    missing = ctl.run("--bus=system", "list", DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent")
    assert (missing.returncode, "install the package dbus" in missing.stderr) == (1, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_who_is_refused_is_told_what_to_do(build):
    bus = Bus('<deny send_destination="org.koowatch1"/>')
    manager = Manager(build, bus)
    try:
        manager.start()
        refused = Ctl(build, bus).run("list")
        assert refused.returncode == 1
        user = pwd.getpwuid(os.geteuid()).pw_name
        advice = f"usermod -aG koowatch {user}" if os.geteuid() else "systemctl reload dbus"
        assert advice in refused.stderr
    finally:
        manager.close()
        bus.close()


def test_help_is_the_table_of_verbs_and_fits_80_columns(ctl):
    shown = ctl.run("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    verbs = re.findall(r"^  ([a-z-]+)[ \[]", shown.stdout.split("Options")[0], re.M)
    assert set(verbs) == set(ctl.run("__complete", "--", "").stdout.split())
    for verb in verbs:
        of_verb = ctl.run(verb, "--help")
        assert of_verb.returncode == 0 and f"koowatchctl {verb}" in of_verb.stdout
        assert max(map(len, (shown.stdout + of_verb.stdout).splitlines())) <= 80


@pytest.mark.parametrize(
    "words",
    [[], ["nothing"], ["list", "--watch"], ["list", "--nothing"], ["show", "a", "b"], ["poll"], ["--bus", "x", "list"]],
    ids=" ".join,
)
def test_usage_errors_are_2(ctl, words):
    wrong = ctl.run(*words)
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    "words",
    [
        ["--json"],
        ["nothing", "--json"],
        ["nothing", "--more", "--json=lines"],
        ["--nothing", "list", "--json"],
        ["--bus", "x", "--json", "list"],
        ["--json=x", "list"],
        ["list", "--nothing", "--json"],
        ["list", "-x", "a", "b", "--json"],
        ["list", "--state", "x", "--json"],
        ["list", "--json", "--state"],
        ["show", "a", "b", "--json"],
        ["poll", "--json=lines"],
    ],
    ids=" ".join,
)
def test_usage_errors_are_json_wherever_json_stands(ctl, words):
    wrong, plain = ctl.run(*words), ctl.run(*(word for word in words if word not in ("--json", "--json=lines")))
    assert (wrong.returncode, wrong.stderr, plain.returncode) == (2, "", 2)
    error = json.loads(wrong.stdout)
    assert (error["schema"], error["error"]["code"]) == (1, "Usage")
    if "--json=x" not in words:
        assert plain.stderr == f"koowatchctl: {error['error']['message']}\n"


def test_words_of_options_are_checked(ctl):
    wrong = ctl.run("list", "--state", "bogus")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "koowatchctl: --state bogus: expected pending, running, finished or invalid\n",
    )
    for words in (("list", "--delivery=x"), ("list", "--outcome", ""), ("list", "--json=x"), ("list", "--bus", "x")):
        assert ctl.run(*words).returncode == 2, words


def test_what_has_no_json_says_so(ctl):
    for words in (("status", "--monitor"), ("list", "-o", "help")):
        refused = ctl.run("--json", *words)
        assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "Usage")


@pytest.fixture
def everything(manager, installed, tmp_path):
    """A task that has ended, and what each verb does with it."""
    task = tmp_path / "tasks/a.task"
    manager.content["tasks"] = [finished("a", file=str(task), delivery="waiting")]
    manager.content["accounts"] = [{"name": "default", "state": "ok"}]
    manager.start()
    script = editor(tmp_path, 'echo Timeout=2h >>"$1"')
    add = ["add", "b", "--task-id", "1", "--share-id", "2"]
    return {
        "environment": {"VISUAL": script},
        "verbs": [
            ["list"],
            ["list", "--json=lines"],
            ["show", "a"],
            ["status"],
            ["is-ok", "--json"],
            ["status", "--monitor"],
            ["account"],
            ["account", "default"],
            ["nodes"],
            ["store", "status"],
            add,
            [*add, "--dry-run"],
            ["wait", "a"],
            ["wait", "a", "--json=lines"],
            ["edit", "a", "--config", installed],
            ["poll", "a"],
            ["redeliver", "a"],
            ["dismiss", "a"],
            ["reload"],
            ["check", "--config", installed],
            ["config", "--config", installed],
            ["hook", "test", "finished", "a", "--config", installed],
            ["hook", "test", "finished", "a", "--dry-run", "--config", installed],
            ["remove", "a"],
        ],
    }


def without_listener():
    """Standard output that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize(
    "output, why",
    [(lambda: os.open("/dev/full", os.O_WRONLY), "No space left on device"), (without_listener, "Broken pipe")],
    ids=["full", "broken"],
)
def test_what_cannot_be_written_is_said_by_every_verb(ctl, everything, output, why, as_json):
    for words in [*everything["verbs"], ["--help"], ["--version"], ["list", "--help"]]:
        fd = output()
        written = subprocess.run(
            ctl.command(*as_json, *words),
            env=ctl.environment(**everything["environment"]),
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=subprocess.PIPE,
            text=True,
            restore_signals=False,  # as a service has it: SIGPIPE is ignored
            timeout=30,
        )
        os.close(fd)
        assert written.returncode > 0, words
        lost = "a part of it was lost"  # by wait, which goes on for its exit status
        assert re.search(f"koowatchctl: cannot write: ({why}|{lost})\n", written.stderr), words
