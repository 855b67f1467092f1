"""koowatchctl and koowatchd together, as somebody new would use them."""

import json
import re
import shutil

import pytest

from bus import Ctl
from test_koowatchctl import bus  # noqa: F401
from test_koowatchctl_wait import Wait

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is missing")


@pytest.fixture
def start(koowatch, bus, build):
    """Starts the daemon on the bus and returns a koowatchctl for it."""

    def start():
        koowatch.start("--bus", "session", DBUS_SESSION_BUS_ADDRESS=bus.address)
        koowatch.wait(lambda: ctl.run("is-ok").returncode != 4, "the name on the bus")
        return ctl

    ctl = Ctl(build, bus)
    return start


def tasks_of(ctl, *words):
    return json.loads(ctl.run("list", "--json", *words).stdout)["tasks"]


def add(ctl, name, task, *more):
    added = ctl.run("add", name, "--task-id", task.task_id, "--share-id", task.share_id, *more)
    assert (added.returncode, added.stderr) == (0, ""), added.stdout
    return added


def test_add_wait_show(koowatch, sim, start):
    ctl = start()
    add(ctl, "photos", sim.add_task(polls=3, result=1), "--var", "To=me", "--description", "Fotos 照片")
    waited = ctl.run("wait", "photos")
    assert (waited.returncode, waited.stdout.splitlines()[-1]) == (0, "photos: completed: all succeeded")
    shown = ctl.run("show", "photos").stdout
    assert "finished, completed: all succeeded" in shown
    history = json.loads(ctl.run("list", "--history", "--json").stdout)["tasks"]
    assert [entry["name"] for entry in history] == ["photos"]


def test_a_hook_that_does_not_exist_is_corrected_and_run(koowatch, sim, start):
    koowatch.record("named.d/20-record")
    path = koowatch.add_task("photos", sim.add_task(result=1), Hook="20-rekord")
    ctl = start()
    assert ctl.run("wait", "photos").returncode == 0
    koowatch.wait(lambda: "20-rekord" in ctl.run("show", "photos").stdout, "the failed attempt")
    assert "hooks failed" in ctl.run("list").stdout
    path.write_text(path.read_text().replace("rekord", "record"))
    koowatch.wait(lambda: "20-record" in ctl.run("show", "photos").stdout, "the new hook")
    again = ctl.run("redeliver", "photos", "--reread")
    assert (again.returncode, again.stderr) == (0, "")
    assert koowatch.wait_record()["event"]["name"] == "photos"
    koowatch.wait(lambda: "20-record: done" in ctl.run("show", "photos").stdout, "its end")


def test_a_restart_under_a_wait(koowatch, sim, start):
    koowatch.add_task("long", sim.add_task(polls=30, result=2))
    ctl = start()
    wait = Wait(ctl, "long")
    assert re.fullmatch("long: (pending|running)\n", wait.line())
    koowatch.stop()
    while wait.line() != "koowatchd is gone, waiting for it\n":
        pass
    start()
    code, out, _ = wait.end()
    assert (code, out.splitlines()[-1]) == (10, "long: completed: partially failed")


def test_lists_and_mistakes(koowatch, sim, start):
    koowatch.add_task("broken", text="[Task]\nTaskId=1 2\n")
    koowatch.add_task("photos", sim.add_task(polls=1000))
    ctl = start()
    koowatch.wait(lambda: len(tasks_of(ctl)) == 2, "both")
    assert [task["state"] for task in tasks_of(ctl, "broken")] == ["invalid"]
    assert "broken.task:" in ctl.run("list", "--full").stdout
    assert ctl.run("wait", "broken").returncode == 16
    assert "did you mean photos?" in ctl.run("poll", "photo").stderr
    assert ctl.run("is-ok").returncode == 1
    assert ctl.run("status", "--monitor").returncode == 1
    assert ctl.run("poll", "photos").returncode == 0
    assert [account["name"] for account in json.loads(ctl.run("account", "--json").stdout)["accounts"]] == ["default"]
    assert ctl.run("remove", "photos").returncode == 0
    koowatch.wait(lambda: len(tasks_of(ctl)) == 1, "removed")


def test_add_of_what_is_there_or_wrong(koowatch, sim, start):
    koowatch.add_task("photos", sim.add_task(polls=1000))
    ctl = start()
    for words, code in (
        (("photos", "--task-id=1", "--share-id=2"), "Exists"),
        (("x", "--task-id=1", "--share-id=2", "--timeout=soon"), "Invalid"),
        (("x", "--task-id=1", "--share-id=2", "--account=none"), "Invalid"),
        (("x", "--task-id=1 2", "--share-id=2"), "Invalid"),
    ):
        added = ctl.run("add", *words, "--json")
        assert added.returncode == 1
        assert json.loads(added.stdout)["error"]["code"] == code, added.stdout


def test_a_reload_of_a_bad_configuration(koowatch, sim, start):
    ctl = start()
    assert ctl.run("reload").returncode == 0
    text = koowatch.write_config()
    koowatch.config_path.write_text(text.replace("IntervalMin=50ms", "IntervalMin=soon"))
    reload = ctl.run("reload")
    assert reload.returncode == 1
    assert f"{koowatch.config_path}:" in reload.stderr
    assert koowatch.process.poll() is None


def test_a_reload_where_no_bus_leads_to_the_daemon(koowatch, bus, build):
    """As systemd starts it."""
    ctl = Ctl(build, bus)
    koowatch.start()

    def reload(pid=koowatch.process.pid):
        return ctl.run("reload", "--config", koowatch.config_path, MAINPID=str(pid))

    assert reload().returncode == 0
    koowatch.wait_entry("^configuration reloaded")
    text = koowatch.write_config()
    koowatch.config_path.write_text(text.replace("IntervalMin=50ms", "IntervalMin=soon"))
    bad = reload()
    assert (bad.returncode, f"{koowatch.config_path}:" in bad.stderr) == (1, True)
    assert [reload(pid).returncode for pid in ("", "x", "1", "-1", "99999999999")] == [1] * 5
    assert len(koowatch.find("configuration reloaded|not reloaded")) == 1
    assert koowatch.process.poll() is None


def test_edit_and_redeliver_while_the_delivery_waits(koowatch, sim, start):
    """In the state directory another file would be another registration."""
    koowatch.record("named.d/20-record")
    ctl = start()
    task = sim.add_task(result=1)
    add(ctl, "photos", task, "--hook", "20-rekord")
    assert ctl.run("wait", "photos").returncode == 0
    koowatch.wait(lambda: "20-rekord" in ctl.run("show", "photos").stdout, "the failed attempt")
    polls = sim.polls(task)
    [before] = tasks_of(ctl)
    edited = ctl.run("edit", "photos", "--config", koowatch.config_path, EDITOR="sed -i s/rekord/record/")
    assert (edited.returncode, edited.stderr) == (0, "")
    advice = "koowatchctl redeliver photos --reread"
    assert edited.stdout == f"photos: changed; {advice} delivers with it\n"
    again = ctl.run(*advice.split()[1:])
    assert (again.returncode, again.stderr) == (0, "")
    event = koowatch.wait_record()["event"]
    assert (event["name"], event["eventId"]) == ("photos", before["eventId"])
    koowatch.wait(lambda: not tasks_of(ctl), "the file is removed")
    assert sim.polls(task) == polls
    assert len(tasks_of(ctl, "--history")) == 1


def test_check_online(koowatch, sim, start):
    koowatch.settings["Account idle"] = koowatch.settings["Account"]
    ctl = start()
    check = lambda: ctl.run("--config", koowatch.config_path, "check", "--online")  # noqa: E731
    add(ctl, "photos", sim.add_task(hold=True))
    koowatch.wait(lambda: sim.requests, "a poll")
    polls = len(sim.requests)
    fine = check()
    assert (fine.returncode, fine.stderr) == (0, "")
    assert fine.stdout == "warning: account idle: no task of it is watched, so KooDrive was not asked\n"
    assert len(sim.requests) > polls
    sim.tokens = {"Bearer other"}
    refused = check()
    assert refused.returncode == 1
    assert "account default: unauthorized: " in refused.stdout
