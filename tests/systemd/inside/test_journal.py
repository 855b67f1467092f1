"""What the journal can be asked."""

import json
import os
import pathlib
import re

import pytest
from service import DAEMON, run, systemctl, write_file

HEADER = pathlib.Path(__file__).parents[3] / "daemon/common/message-ids.h"
IDS = dict(re.findall(r"MESSAGE_ID_(\w+) \"([0-9a-f]{32})\"", HEADER.read_text()))
CROWD = 300


def ask(*arguments):
    run("journalctl", "--sync")
    return run("journalctl", "--no-pager", *arguments)


@pytest.mark.parametrize("name", IDS)
def test_the_catalog_explains(installed, name):
    said = run("journalctl", "--dump-catalog", IDS[name])
    assert "Subject: " in said and "Defined-By: koowatch" in said
    subject, _, explanation = said.partition("\n\n")
    assert len(explanation.split()) > 10


def test_the_catalog_has_no_fault(installed):
    assert run("journalctl", "--update-catalog") == ""


def test_a_task_s_whole_story(service, sim):
    task = sim.add_task(polls=3, pending=1)
    service.hook("echo first line; echo last line")
    service.add_task("photos", task)
    service.start()
    service.wait_entry("10-test ended: done")
    story = ask("--output=json", f"KOODRIVE_TASK_ID={task.task_id}").splitlines()
    story = [json.loads(line) for line in story]
    ids = [entry.get("MESSAGE_ID") for entry in story]
    order = ["TASK_REGISTERED", "TASK_STATUS_CHANGED", "TASK_FINISHED", "HOOK_STARTED", "HOOK_ENDED"]
    places = [ids.index(IDS[name]) for name in order]
    assert places == sorted(places) and places[0] == 0
    messages = [entry["MESSAGE"] for entry in story]
    finished, ended = places[2], places[4]
    assert finished < messages.index("first line") < messages.index("last line") < ended
    assert {entry["KOOWATCH_NAME"] for entry in story} == {"photos"}


def test_entries_are_explained_where_they_stand(service, sim):
    task = sim.add_task()
    service.add_task("photos", task)
    service.start()
    service.wait_entry("^photos: completed")
    said = ask("--catalog", f"KOODRIVE_TASK_ID={task.task_id}")
    assert "Task photos has ended: completed" in said
    assert f"The task {task.task_id} is no longer polled:" in re.sub(r"\s+(-- )?", " ", said)


@pytest.mark.parametrize(
    "locale, subject", [("zh_CN", "任务 photos 已结束：completed"), (None, "Task photos has ended: completed")]
)
def test_entries_are_explained_in_chinese_where_that_locale_is_generated(service, sim, tmp_path, locale, subject):
    service.add_task("photos", task := sim.add_task())
    service.start()
    service.wait_entry("^photos: completed")
    if locale:
        run("localedef", "--no-archive", "-i", locale, "-f", "UTF-8", str(tmp_path / f"{locale}.UTF-8"))
    env = {**os.environ, "LC_ALL": "zh_CN.UTF-8", "LOCPATH": str(tmp_path)}
    said = run("journalctl", "--no-pager", "--catalog", f"KOODRIVE_TASK_ID={task.task_id}", env=env)
    assert subject in said


def test_fields_of_an_outcome(service, sim):
    task = sim.add_task(result=2, download=True)
    service.add_task("photos", task)
    service.start()
    service.wait_entry(
        "^photos: completed",
        MESSAGE_ID=IDS["TASK_FINISHED"],
        SYSLOG_IDENTIFIER="koowatchd",
        PRIORITY=6,
        KOOWATCH_NAME="photos",
        KOOWATCH_ACCOUNT="default",
        KOOWATCH_OUTCOME="completed",
        KOODRIVE_TASK_ID=task.task_id,
        KOODRIVE_SHARE_ID=task.share_id,
        KOODRIVE_TASK_STATUS=2,
        KOODRIVE_TASK_RESULT_CODE=2,
        KOODRIVE_DOWNLOAD_URL=task.download_url,
        _SYSTEMD_UNIT=DAEMON,
    )


@pytest.fixture
def strict_journal():
    """A journal that loses entries of any unit that writes more than 50, unless it is told not to."""
    path = write_file(
        "/run/systemd/journald.conf.d/50-test.conf",
        "[Journal]\nRateLimitIntervalSec=1min\nRateLimitBurst=50\n",
    )
    systemctl("restart", "systemd-journald")
    yield
    path.unlink()
    systemctl("restart", "systemd-journald")


def test_many_outcomes_at_once_lose_no_entry(service, sim, strict_journal):
    names = [f"t{number}" for number in range(CROWD)]
    for name in names:
        service.add_task(name, sim.add_task())
    service.start()
    service.wait_status(f"{CROWD} finished")
    service.wait_entry(": completed", count=CROWD, _SYSTEMD_UNIT=DAEMON)
    for pattern in ("registered", "completed, all succeeded"):
        found = service.find(f"^t[0-9]+: {pattern}", _SYSTEMD_UNIT=DAEMON)
        assert sorted(entry["KOOWATCH_NAME"] for entry in found) == sorted(names)
