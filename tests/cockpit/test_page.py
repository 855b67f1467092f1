"""The page in a browser, beside a manager that says what each test wants."""

import json
import subprocess

import pytest
import screens
from bus import Bus, Manager
from cockpit_page import Cockpit, Page, install, wait_for
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# ---- what needs attention ----


def test_what_needs_attention_is_first_with_the_button_that_helps(manager, page):
    manager.start()
    page.open().wait_text("4 things need attention")
    office, archive, broken, photos = page.troubles()
    assert "Account office: Token expired HTTP 401, code APIG.1002 Log in to KooDrive again" in office  # once
    assert "Replace token" in office
    assert "archive-2024: its hooks have failed too often and are no longer retried Completed: some files failed" in archive
    assert "20-mail failed with status 1" in archive
    assert "line 2: bad value of TaskId: expected 1 to 64" in broken and "Correct the file" in broken
    assert "photos: its hooks have failed 3 times" in photos and "fetch-packge was not run" in photos
    manager.calls()
    page.press("Retry failed hooks: archive-2024")
    manager.wait_for("Redeliver archive-2024 {}")
    page.wait_text("The hooks of archive-2024 are run again.")


def test_hooks_that_were_given_up_show_what_they_printed(manager, page):
    manager.start()
    page.open()
    trouble = page.trouble("archive-2024")
    assert page.script("return [...arguments[0].querySelectorAll('.button')].map(words)", trouble) == [
        "Show what the hook printed", "Retry failed hooks"]
    assert page.script("return arguments[0].querySelector('.button-primary').textContent", trouble) == "Show what the hook printed"
    active = lambda: page.script("return name(document.activeElement)")  # noqa: E731
    for _ in range(2):  # the second time it is open already
        page.press("Show what the hook printed: archive-2024")
        wait_for(lambda: active() == "Last lines of finished.d/20-mail, attempt 40", "what the hook printed")
    assert page.script("return document.activeElement.getBoundingClientRect().bottom < innerHeight && scrollY === 0")
    assert page.find("aside .button-primary") is None
    page.script("window.printed = document.activeElement")
    wait_for(lambda: not page.script("return window.printed.isConnected"), "another paint", 15)
    assert active() == "Last lines of finished.d/20-mail, attempt 40"


@pytest.mark.parametrize("delivery", ["waiting", "parked"])
def test_a_hook_that_does_not_exist_is_corrected_in_the_file(manager, page, delivery):
    """To run it again as it was would fail again."""
    manager.content["tasks"][3]["delivery"] = delivery
    manager.start()
    page.open()
    trouble = page.trouble(f"named.d/fetch-packge was not run: {screens.NO_SUCH_HOOK}")
    assert page.script("return arguments[0].querySelector('.button-primary').textContent", trouble) == "Correct the file"
    assert page.find("button", "Retry failed hooks: photos") is None
    page.press("photos")
    alert = page.wait_for("aside .alert")
    assert screens.NO_SUCH_HOOK in page.script("return words(arguments[0])", alert)
    assert page.script("return arguments[0].querySelector('.button-primary').textContent", alert) == "Correct the file"


def test_when_nothing_needs_attention_it_says_so(manager, page):
    manager.content.update(screens.content([screens.running()], [screens.ACCOUNT]))
    manager.start()
    page.open().wait_text("Nothing needs attention")
    assert page.troubles() == []


def test_more_troubles_than_fit_are_shown_on_demand(manager, page):
    broken = [screens.invalid(f"bad-{i}") for i in range(9)]
    manager.content.update(screens.content([screens.running(), *broken], [screens.ACCOUNT]))
    manager.start()
    page.open().wait_text("9 things need attention")
    assert len(page.troubles()) == 4
    page.press("Show all 9")
    wait_for(lambda: len(page.troubles()) == 9, "all troubles")


def test_four_troubles_are_shown_where_it_is_narrow(manager, page):
    manager.start()
    page.size(400)
    try:
        page.open().wait_text("4 things need attention")
        assert len(page.troubles()) == 4 and page.find("button", "Show all 4") is None
    finally:
        page.size(1280)


def test_hundreds_of_troubles_are_in_the_table(manager, page):
    broken = [screens.invalid(f"bad-{i:03}") for i in range(101)]
    manager.content.update(screens.content([screens.running(), *broken], [screens.ACCOUNT]))
    manager.start()
    page.open().press("Show all 101")
    wait_for(lambda: len(page.troubles()) == 100, "a hundred troubles")
    page.press("The others are in the table").wait_text("101 of 102 tasks")


def test_an_error_of_the_daemon_is_shown_in_its_words(manager, page):
    manager.content["errors"] = {"Redeliver": ["Unavailable", "the hooks of task archive-2024 are running"]}
    manager.start()
    page.open().press("Retry failed hooks: archive-2024").wait_text("the hooks of task archive-2024 are running")


# ---- the table ----


def test_table_follows_signals(manager, page):
    manager.start()
    page.open().wait_count("7 tasks").wait_text("koowatchd 0.1.0, 7 tasks: 1 pending, 1 running, 4 finished (2 with hook trouble), 1 invalid")
    assert page.row("films")["Progress"] == "62%" and page.row("films")["State"] == "Running"
    assert page.row("films")["Added"] == "10 min ago"
    states = {name: page.row(name)["State"] for name in ("archive-2024", "old-share", "photos", "dump-7")}
    assert states == {"archive-2024": "Hooks failed", "old-share": "Rejected", "photos": "Retrying hooks", "dump-7": "Finished"}
    manager.content["tasks"][0]["progress"] = 71
    manager.write()
    manager.reload()
    manager.signal("TaskChanged", name="films", state="running", progress=71)
    page.wait_text("71%")
    manager.content["tasks"].append(screens.pending("new-one", account="default"))
    manager.reload()
    manager.signal("TaskAdded", name="new-one", state="pending")
    page.wait_count("8 tasks")
    # It is read as a whole soon after: the signal said nothing of its account.
    page.wait_for("tr td", "default")
    manager.content["tasks"] = [t for t in manager.content["tasks"] if t["name"] != "new-one"]
    manager.reload()
    manager.signal("TaskRemoved", name="new-one")
    page.wait_count("7 tasks")
    assert page.row("new-one") is None


def test_an_end_is_told(manager, page):
    manager.start()
    page.open().wait_count("7 tasks")
    ended = screens.finished("films", result="partial")
    manager.content["tasks"][0] = ended
    manager.content["history"].insert(0, ended)
    manager.reload()
    manager.signal("TaskFinished", name="films", state="finished", progress=100, outcome="completed", result="partial")
    page.wait_text("films has ended: Completed: some files failed")
    page.wait_for("section.card tbody .name", "films")


def test_filters_and_sort(manager, page):
    manager.start()
    page.open().wait_count("7 tasks")
    assert page.rows()[:3] == ["archive-2024", "broken", "photos"]
    page.field("Search in tasks").send_keys("weekly")
    page.wait_text("1 of 7 tasks")
    page.field("Search in tasks").send_keys(Keys.CONTROL, "a", Keys.DELETE)
    page.field("State").send_keys("Ended badly")
    page.wait_text("2 of 7 tasks")
    assert page.rows() == ["archive-2024", "old-share"]
    page.field("State").send_keys("Running")
    page.field("Account").send_keys("office")
    page.wait_text("No task fits these filters.").press("Show all tasks").wait_count("7 tasks")
    page.press("Name")
    assert page.rows() == sorted(page.rows())
    page.press("Name")
    assert page.rows() == sorted(page.rows(), reverse=True)
    assert page.script("return document.querySelector('[aria-sort=descending]').innerText.trim()") == "Name"


def test_10000_tasks_are_paged_and_searched(manager, page):
    many = [screens.running(f"task-{i:05}", samples=[], settings=[], progress=i % 100) for i in range(10_000)]
    manager.content.update(screens.content(many, [screens.ACCOUNT], []))
    manager.start()
    page.open().wait_text("1 to 50 of 10000")
    assert len(page.rows()) == 50
    page.press("Next page").wait_text("51 to 100 of 10000")
    assert page.rows()[0] == "task-00050"
    page.field("Search in tasks").send_keys("task-0999")
    page.wait_text("10 of 10000 tasks")
    page.shoot("10000-tasks")


def test_many_that_change_at_once_are_read_in_pages(manager, page):
    """One by one would take minutes."""
    many = [screens.running(f"task-{i:04}", samples=[], settings=[]) for i in range(300)]
    manager.content.update(screens.content(many, [screens.ACCOUNT], []))
    manager.start()
    page.open().wait_text("1 to 50 of 300")
    for task in many:
        task["account"] = "another"
    manager.reload()
    manager.calls()
    for task in many:
        manager.signal("TaskChanged", name=task["name"], state="running", progress=70)
    wait_for(lambda: any(call.startswith("List {} ") for call in manager.calls()), "a page to be read", 15)
    page.press("Next page").wait_text("51 to 100 of 300")
    wait_for(lambda: page.row("task-0099")["Account"] == "another", "the second page to be of now", 10)


# ---- a task ----


def test_drawer_tells_the_story(manager, page):
    manager.start()
    chosen = lambda: page.script(  # noqa: E731
        "return [...document.querySelectorAll('[aria-current=true] .name')].map(words)"
    )
    page.open().wait_count("7 tasks").press("photos")
    drawer = page.wait_for("aside.drawer")
    wait_for(lambda: chosen() == ["photos"], "the row to be marked")
    page.wait_text("no such hook in named.d", "Whoever has this link can download the package.")
    text = page.script("return words(arguments[0])", drawer)
    assert "retried, 3 attempts made, the next in" in text
    for words in ("Completed: all succeeded", "attempt 3, ", "2 files", "1.2 s after its end", "Package",
                  "1689765568237837824", "/etc/koowatch/tasks.d/photos.task"):
        assert words in text, words
    assert page.find("a", "Download").get_attribute("href") == screens.LINK
    label = page.find("aside [role=img]").get_attribute("aria-label")
    assert label == "Progress: 100 % after 9 min, in 3 steps"
    page.press("Settings and where they come from").wait_text("/etc/koowatch/tasks.d/photos.task:4")
    # By address too, and Escape gives the focus back.
    assert page.script("return location.hash") == "#/?task=photos"
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert page.find("aside.drawer") is None and page.script("return location.hash") == "#/"
    wait_for(lambda: chosen() == [], "no row to be marked")
    page.go("#/?task=archive-2024").wait_text("2 files, 1 of them failed")


def test_what_the_bus_says_is_text_and_only_web_links_are_links(manager, page):
    evil = '<img src=x onerror="document.title=1"><b>x</b>'
    task = screens.failing(
        "evil", description=evil, reason=evil, downloadUrl="javascript:alert(1)", account=evil,
        variables={"A": evil, "__proto__": "y"}, runs=[{"hook": evil, "attempt": 1, "status": evil, "tail": evil}],
        settings=[{"key": evil, "value": evil, "origin": evil}],
    )  # fmt: skip
    manager.content.update(screens.content([task], [{**screens.ACCOUNT, "name": evil, "state": evil, "reason": evil}]))
    manager.start()
    page.open("#/?task=evil").wait_text("The link is none of the web's.", "Variables for hooks")
    page.press("Variables for hooks").wait_text("__proto__")
    page.go("#/accounts").wait_text("Requests in the last minute")
    assert page.script("return document.querySelectorAll('b, img, a[href^=javascript]').length") == 0
    assert page.driver.title == "KooDrive tasks"


def test_what_cannot_be_done_is_disabled_with_the_reason(manager, page):
    manager.start()
    page.open("#/?task=films").wait_text("Progress")
    drawer = page.wait_for("aside.drawer")
    page.press("Poll now", drawer)
    manager.wait_for("Poll films")
    page.go("#/?task=run-1").wait_text("There is no such task any more.")
    manager.content["tasks"].append(screens.finished("gone"))
    manager.reload()
    page.go("#/?task=gone").wait_text("Run all hooks again…")
    remove = page.wait_for("aside button", "Remove: Its file is gone; only its history is left.")
    assert remove.get_attribute("aria-disabled") == "true"
    remove.click()
    assert page.find("dialog") is None


def test_titles_say_more(manager, page):
    manager.start()
    page.open("#/?task=archive-2024").wait_text("2 files")
    title = lambda words: page.script(  # noqa: E731
        "return [...document.querySelectorAll('[title]')].find(e => words(e) === arguments[0]).title", words
    )
    assert title("Next check") == "Next poll, or next retry of hooks"
    assert title("Hooks") == "Scripts that run when a task ends"


def test_what_dismiss_and_remove_do_is_said_beside_them(manager, page):
    manager.start()
    page.open("#/?task=archive-2024").wait_text(
        "Dismiss: no more retries; the task file goes, its history stays.",
        "Remove: the task file goes, its history stays; nothing in KooDrive is deleted.")
    page.go("#/?task=photos").wait_text("Dismiss: no more retries; the task stays in the list.")
    page.go("#/?task=films").wait_text("Remove: the task file goes and nobody is told of the end; nothing in KooDrive is deleted.")
    page.wait_no_text("Dismiss:")


def test_removal_asks_first(manager, page):
    manager.start()
    page.open("#/?task=films").press("Remove")
    page.wait_text("Remove films?", "Only its task file is deleted, nothing in KooDrive")
    page.press("Cancel")
    assert not [call for call in manager.calls() if call.startswith("Remove")]
    page.press("Remove")
    page.wait_for("dialog .button-danger", "Remove").click()
    manager.wait_for("Remove films")


def test_dismissal_asks_first(manager, page):
    manager.start()
    page.open("#/?task=archive-2024").press("Dismiss").wait_text("Dismiss the delivery of archive-2024?")
    page.wait_text("The task file is removed, as after every delivery.")
    page.wait_for("dialog .button-danger").click()
    manager.wait_for("Dismiss archive-2024")


def test_redelivery_with_the_file_as_it_is_now(manager, page):
    manager.content["tasks"][3]["settings"][0]["value"] = "fetch-package thumbnails"
    manager.start()
    page.open("#/?task=photos").press("Retry with options…").wait_text("Which hooks and variables")
    page.wait_text("Runs: named.d/fetch-packge (was not there at the last attempt) ",
                   "Runs: named.d/fetch-package, named.d/thumbnails Done already, not run again: finished.d/10-tell",
                   "The link in the event may have expired.")
    assert page.script("return document.querySelector('dialog input:checked').value") == "reread"  # else it would fail again
    page.script("document.querySelector('dialog input[type=checkbox]').click()")
    page.shoot("redeliver")
    page.press("Run hooks")
    manager.wait_for('Redeliver photos {"Reread":true,"Ask":true}')


def test_hooks_that_are_done_run_again_if_none_has_failed(manager, page):
    manager.content["tasks"][6].update(runs=[screens.run("finished.d/b", 1, -9), screens.run("named.d/a", 1, -8)],
                                       settings=[{"key": "Hook", "value": "a  c", "origin": "x:4"}])
    manager.start()
    page.open("#/?task=dump-7").press("Run all hooks again…")
    page.wait_text("Runs: finished.d/b, named.d/a ", "Runs: finished.d/b, named.d/a, named.d/c ",
                   "Hooks that are done run again, too.")
    page.press("Run hooks")
    manager.wait_for("Redeliver dump-7 {}")


def test_an_invalid_file_is_corrected(manager, page, tmp_path):
    file = tmp_path / "broken.task"
    file.write_text("[Task]\nTaskId=not good\n")
    file.chmod(0o640)
    manager.content["tasks"][2].update(file=str(file), reason=f"{file}:2: {screens.BAD_ID}")
    manager.start()
    page.open().press("Correct the file: broken")
    area = page.wait_for("dialog textarea")
    assert page.script("return [...document.querySelectorAll('dialog p')].map(words)") == [str(file), f"line 2: {screens.BAD_ID}"]
    assert area.get_attribute("value") == "[Task]\nTaskId=not good\n"
    page.shoot("edit")
    area.clear()
    area.send_keys("[Task]\nTaskId=1\nShareId=2")
    assert page.find("dialog button", "Save and run hooks") is None  # it has not ended
    page.press("Save").wait_text("The file of broken was changed.")
    assert file.read_text() == "[Task]\nTaskId=1\nShareId=2\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.task"]


def test_a_misspelt_hook_is_corrected_and_run(manager, page, tmp_path):
    file = tmp_path / "photos.task"
    file.write_text("[Task]\nTaskId=1\nShareId=2\nHook=fetch-packge\n")
    manager.content["tasks"][3]["file"] = str(file)
    manager.start()
    page.open("#/?task=photos").press("Correct the file").wait_text("stay those of that time, in retries too. Only “Save and run hooks”")
    page.wait_for("dialog textarea").clear()
    page.wait_for("dialog textarea").send_keys("[Task]\nTaskId=1\nShareId=2\nHook=fetch-package\n")
    page.shoot("edit-hook")
    page.press("Save").wait_text("The file of photos was changed; retries go on with the hooks of before.")
    assert "Hook=fetch-package\n" in file.read_text()
    assert not [call for call in manager.calls() if call.startswith("Redeliver")]
    page.press("Correct the file").wait_for("dialog textarea").send_keys(Keys.CONTROL, Keys.END)
    page.driver.switch_to.active_element.send_keys("Description=x\n")
    page.press("Save and run hooks").wait_text("The file of photos was changed, and its hooks are run with it.")
    manager.wait_for('Redeliver photos {"Reread":true}')
    assert "Hook=fetch-package\nDescription=x\n" in file.read_text()


def test_hooks_of_a_task_that_is_done_run_with_a_changed_file_only_if_asked(manager, page, tmp_path):
    file = tmp_path / "dump-7.task"
    file.write_text("[Task]\n")
    manager.content["tasks"][6]["file"] = str(file)
    manager.start()
    page.open("#/?task=dump-7").press("Edit file").wait_for("dialog .button-primary", "Save")
    page.press("Save and run hooks")
    manager.wait_for('Redeliver dump-7 {"Reread":true}')


# ---- adding ----


def test_adding_checks_as_one_types(manager, page, tmp_path):
    answer = tmp_path / "answer.json"
    answer.write_text('{"code":0,"data":{"taskId":1689768877770401999,"shareId":77}}')
    manager.start()
    page.open().wait_count("7 tasks").press("Add task").wait_text("From KooDrive's answer")
    page.field("Name").send_keys("films")
    page.wait_text("There is a task of this name already.")
    page.field("Name").send_keys("-2")
    page.wait_no_text("There is a task of this name already.")
    assert page.script("return [...document.querySelectorAll('dialog :required')].map(e => words(e.labels[0]))") == [
        "Name", "TaskId", "ShareId"]
    page.wait_text("What has a * is required.", "From KooDrive's answer to the request that created the task.",
                   "After it the task is no longer polled")
    page.field("From KooDrive's answer").send_keys(str(answer))
    wait_for(lambda: page.field("TaskId").get_attribute("value") == "1689768877770401999", "the TaskId of the file")
    page.field("Deadline").send_keys("soon")
    page.wait_text("Write a time span such as 90 (seconds)")
    page.shoot("add")
    page.press("Add task")
    page.wait_text("Add a task")  # nothing is sent while something is wrong
    page.field("Deadline").send_keys(Keys.CONTROL, "a", Keys.DELETE)
    page.field("Variables").send_keys("Destination=/srv/packages")
    page.field("Hooks").send_keys("fetch-package")
    manager.calls()
    page.press("Add task")
    call = manager.wait_for("Add films-2 ")
    assert json.loads(call.removeprefix("Add films-2 ")) == {
        "TaskId": "1689768877770401999",
        "ShareId": "77",
        "Account": "default",
        "Hook": "fetch-package",
        "Variables": {"Destination": "/srv/packages"},
    }
    page.wait_text("films-2 is watched now.")


def test_what_the_daemon_refuses_stays_in_the_form(manager, page):
    manager.content["errors"] = {"Add": ["Exists", "the task is registered already, as films"]}
    manager.start()
    page.open().wait_count("7 tasks").press("Add task")
    for label, text in (("Name", "another"), ("TaskId", "1"), ("ShareId", "2")):
        page.field(label).send_keys(text)
    page.press("Add task").wait_text("the task is registered already, as films")
    assert page.field("Name").get_attribute("value") == "another"


# ---- accounts and pictures ----


def test_accounts(manager, page):
    manager.start()
    page.open("#/accounts").wait_text("37 of 600 that RateLimit= allows", "0 of 100", "/etc/koowatch/office.token")
    page.wait_text("Token expired Log in to KooDrive again and replace the token. Its tasks wait until then and lose nothing. "
                   "HTTP 401, code APIG.1002 Replace token", "Tasks 3 need attention Accounts History")
    page.go("#/history").wait_text("Tasks 3 need attention Accounts 1 needs attention History")
    page.go("#/accounts")
    page.press("1 task").wait_text("1 of 7 tasks")
    assert page.rows() == ["spring-1"]


def test_accounts_of_an_older_daemon(manager, page):
    new = ("requestsLastMinute", "tokenSource", "tokenSince", "rateLimit")
    manager.content["accounts"] = [{k: v for k, v in screens.office().items() if k not in new}]
    manager.start()
    page.open("#/accounts").wait_text("Token expired")
    for text in ("Requests in the last minute", "Token from", "undefined", "null", "NaN", "Replace token"):
        assert text not in page.text, text


def test_pictures(manager, page):
    manager.start()
    page.open("#/history").wait_text("Outcomes per day", "Duration by kind of task", "From end to detection", "Polls per task")
    page.wait_text("1 to 20 of")
    ticks = page.script(
        "return [...document.querySelectorAll('[aria-label*=\"Package: half within\"] .axis:not(.strong)')].map(e => e.textContent)"
    )
    assert ticks == ["10 s", "1 min", "10 min"]
    page.field("Only those that ended badly").click()
    page.wait_text("Rejected by KooDrive")
    assert "Completed: all succeeded" not in page.script("return words(document.querySelector('[role=tabpanel]:not([hidden]) table.tasks'))")
    page.script("document.querySelectorAll('.figures').forEach(figure => { figure.open = true; })")
    page.wait_text("Canceled, late, rejected", "The axis is logarithmic.")
    steps = lambda title: page.script(  # noqa: E731
        "const of = [...document.querySelectorAll('.picture')].find(e => words(e.querySelector('h2')) === arguments[0]);"
        "return [...of.querySelectorAll('.axis[text-anchor=middle]')].map(e => e.textContent)", title
    )
    assert steps("From end to detection") == [*(f"{i}–{i + 1} s" for i in range(7)), "≥ 7 s"]
    assert steps("Polls per task") == [*(f"{i}–{i + 1}" for i in range(1, 14, 2)), "≥ 15"]


def test_history_of_an_older_daemon_has_no_picture_of_delays(manager, page):
    for run in manager.content["history"]:
        run.pop("detectionDelay", None)
        run.pop("taskType", None)
    manager.start()
    page.open("#/history").wait_text("Outcomes per day", "Polls per task")
    assert "From end to detection" not in page.text and "NaN" not in page.text


# ---- states ----


def test_no_daemon_then_one(manager, page):
    page.open().wait_text("koowatchd is not running")
    manager.start()
    page.wait_count("7 tasks")
    manager.stop()
    page.wait_text("koowatchd has stopped", "What you see is of")
    assert len(page.rows()) == 7
    manager.content["tasks"].pop()
    manager.start()
    page.wait_count("6 tasks")
    page.wait_no_text("koowatchd has stopped")


def test_bus_lost_and_back(build, driver, tmp_path):
    """On a bus of its own: Cockpit's connection does not come back, for whatever is opened later."""
    bus = Bus()
    manager = Manager(build, bus, **screens.content())
    cockpit = Cockpit(install(build, tmp_path / "installed"), bus.address, tmp_path)
    try:
        manager.start()
        page = Page(driver, cockpit.url).open().wait_count("7 tasks")
        bus.stop()
        page.wait_text("What you see is of")
        manager.close()
        bus.start()
        manager.content["tasks"].pop()
        manager.start()
        page.wait_no_text("What you see is of")
        page.wait_count("6 tasks").open().wait_count("6 tasks")
        page.leave()
    finally:
        cockpit.close()
        manager.close()
        bus.close()


def test_no_tasks_yet(manager, page):
    manager.content.update(screens.content([], [screens.ACCOUNT], []))
    manager.start()
    page.open().wait_text("No task is watched", "TaskId=<TaskId>", "Copy", "Nothing needs attention")
    page.shoot("no-tasks")


@pytest.mark.parametrize("version, text", [("9.0.0", "is newer than this page"), ("0.0.9", "is older than this page")])
def test_another_version(manager, page, version, text):
    manager.content["properties"]["Version"] = version
    manager.start()
    page.open().wait_text(f"koowatchd {version} {text}").wait_count("7 tasks")


# ---- for everybody ----

SCREENS = {
    "tasks": "#/",
    "task": "#/?task=photos",
    "accounts": "#/accounts",
    "history": "#/history",
}
SHOWN = {
    "tasks": "no such hook in named.d",
    "task": "Whoever has this link can download the package.",
    "accounts": "Requests in the last minute",
    "history": "Polls per task",
}


# Buttons that a finger would miss.
SMALL = """
return [...document.querySelectorAll("button, select, summary, input:not([type=checkbox])")].filter(seen)
    .filter(e => Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 24).map(name);
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_each_screen_is_accessible(manager, page, axe, theme, width):
    if axe is None:
        pytest.skip("npm's registry cannot be reached: no axe-core")
    manager.start()
    page.size(width)
    found = {}
    try:
        for name, address in SCREENS.items():
            page.open(address, theme).wait_text(SHOWN[name])
            page.shoot(f"{name}-{theme}-{width}")
            found[name] = page.violations(axe)
            overflow = page.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"{name} is {overflow} pixels too wide"
            assert page.script(SMALL) == [], f"{name} has targets that are too small"
        page.open("#/", theme).wait_count("7 tasks").press("Add task").wait_text("Add a task")
        page.shoot(f"add-{theme}-{width}")
        found["add"] = page.violations(axe)
        manager.stop()
        page.open("#/", theme).wait_text("koowatchd is not running")
        found["absent"] = page.violations(axe)
    finally:
        page.size(1280)
    assert {name: f for name, f in found.items() if f} == {}


def test_with_the_keyboard_alone(manager, page):
    manager.start()
    page.open().wait_count("7 tasks")
    active = lambda: page.script("return name(document.activeElement)")  # noqa: E731

    def tab_to(name):
        for _ in range(40):
            page.driver.switch_to.active_element.send_keys(Keys.TAB)
            if active() == name:
                return
        raise AssertionError(f"{name} is not reached by Tab")

    tab_to("films")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait_text("Journal")
    assert active() == "films"  # the drawer's heading
    page.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert active() == "Close"
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert page.script("return document.activeElement.classList.contains('name')")
    page.open().wait_count("7 tasks")
    tab_to("Add task")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait_text("Add a task")
    assert page.script("return document.activeElement === document.querySelector('dialog input:not([type=file])')")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert active() == "Add task" and page.find("dialog") is None
    page.script("document.querySelector('[role=tab]').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    page.wait_text("Requests in the last minute")
    assert active() == "Accounts"


def test_chinese(manager, page):
    manager.start()
    page.driver.get(page.url)
    page.driver.add_cookie({"name": "CockpitLang", "value": "zh-cn"})
    try:
        page.open().wait_count("7 个任务").wait_text(f"未被监视 line 2: {screens.BAD_ID}", "请先排除故障原因", "下次检查")
        page.wait_text("账号 office：令牌已过期", "photos：钩子已失败 3 次", "no such hook")
        page.shoot("tasks-chinese")
        for address in ("#/accounts", "#/history", "#/?task=photos"):
            page.go(address)
        page.wait_text("no such hook in named.d", "将重试，已尝试 3 次，下次")
        assert page.script("return document.documentElement.lang") == "zh-CN"
        assert page.driver.find_element(By.CSS_SELECTOR, "h1").text == "KooDrive 任务"
    finally:
        page.driver.delete_all_cookies()


def test_modules(build):
    """Those that are pure, under node."""
    done = subprocess.run(
        ["node", "--test", str(screens.__file__).replace("screens.py", "modules")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
