"""A person at Cockpit: from the login to a task that ended, and whatever goes wrong on the way."""

import json

from cockpit_page import wait_for
from person import PASSWORD, USER
from service import DAEMON, ETC, STATE, run, show, systemctl, write_file

HOOK = "finished.d/10-test"


def ready(service):
    service.start()
    service.wait_entry(r"^on the system bus as org\.koowatch1$")


def accounts():
    reply = run("busctl", "--json=short", "call", "org.koowatch1", "/org/koowatch1", "org.koowatch1.Manager", "ListAccounts")
    return {a["name"]["data"]: {key: value["data"] for key, value in a.items()} for a in json.loads(reply)["data"][0]}


def test_a_person_without_rights_gains_them_and_loses_them(shell, service, page):
    ready(service)
    shell.set_administrative(False, PASSWORD)
    page.open().wait_text("You may not see the tasks", "Turn on administrative access")
    page.shoot("denied")
    shell.set_administrative(True, PASSWORD)
    page.wait_text("No task is watched")  # by itself
    shell.set_administrative(False, PASSWORD)
    page.wait_text("You may not see the tasks")
    assert page.row("films") is None


def test_a_member_of_the_group_needs_no_administrative_access(service, page, shell, sim):
    """As far as the group goes: files of administrators stay theirs."""
    ready(service)
    task = sim.add_task()
    task.hold()
    service.add_task("films", task)
    shell.set_administrative(False, PASSWORD)
    run("usermod", "-aG", "koowatch", USER)
    try:
        shell.driver.delete_all_cookies()  # the group counts from the next login on
        shell.driver.switch_to.default_content()
        shell.driver.get(f"{shell.url}/")
        shell.log_in(USER, PASSWORD)
        page.open("#/?task=films").wait_count("1 task").wait_text("Registered")
        remove = page.find("aside button.button-danger-quiet")
        assert remove.get_attribute("aria-disabled") == "true"
        assert "administrative access" in remove.get_attribute("aria-label")
    finally:
        run("gpasswd", "-d", USER, "koowatch")
        shell.driver.delete_all_cookies()
        shell.driver.switch_to.default_content()
        shell.driver.get(f"{shell.url}/")
        shell.log_in(USER, PASSWORD)


def test_a_task_is_added_and_ends_before_ones_eyes(service, page, sim):
    task = sim.add_task(files=3)
    task.hold()
    task.set(status=1, progress=20)
    ready(service)
    page.open().wait_text("No task is watched").press("Add task")
    for label, text in (("Name", "films"), ("TaskId", task.task_id), ("ShareId", task.share_id)):
        page.field(label).send_keys(text)
    page.press("Add task").wait_text("films is watched now.")
    wait_for(lambda: (page.row("films") or {}).get("Progress") == "20%", "20 %")
    assert (STATE / "tasks.d/films.task").exists()
    task.set(status=1, progress=65)
    wait_for(lambda: page.row("films")["Progress"] == "65%", "65 %")
    assert page.row("films")["State"] == "Running"
    page.shoot("running")
    task.set(status=None, progress=None)
    task.complete(2)
    page.wait_text("films has ended: Completed: some files failed", "Ended lately")
    page.go("#/?task=films").wait_text("Completed: some files failed", "KooDrive's last answer", "3 files")
    page.shoot("ended")


def test_a_broken_hook_is_fixed_and_run(service, page, sim):
    service.hook("echo no space left >&2; exit 1", HOOK)
    ready(service)
    service.add_task("photos", sim.add_task())
    page.open()
    page.trouble("photos: its hooks have failed")
    page.trouble(f"{HOOK} failed with status 1")
    page.press("Show what the hook printed: photos").wait_text("no space left")
    page.shoot("broken-hook")
    service.hook("exit 0", HOOK)
    page.press("Retry failed hooks").wait_text("Nothing needs attention")
    wait_for(lambda: page.row("photos")["Note"] == "Completed: all succeeded", "the row to tell it")


def test_a_hook_that_does_not_exist_is_corrected_in_the_file(service, page, sim):
    service.hook("exit 0", "named.d/spelt")
    ready(service)
    path = service.add_task("photos", sim.add_task(), Hook="misspelt")
    page.open()
    page.trouble("named.d/misspelt was not run: no such hook in named.d")
    page.press("Correct the file: photos")
    area = page.wait_for("dialog textarea")
    content = path.read_text()
    assert area.get_attribute("value") == content and "Hook=misspelt\n" in content
    area.clear()
    area.send_keys(content.replace("misspelt", "spelt"))
    page.press("Save and run hooks").wait_text("Nothing needs attention")
    wait_for(lambda: page.row("photos")["Note"] == "Completed: all succeeded", "the row to tell it")


def test_an_invalid_file_is_corrected(service, page, sim):
    task = sim.add_task()
    ready(service)
    path = write_file(ETC / "tasks.d/broken.task", f"[Task]\nTaskId=no id\nShareId={task.share_id}\n", mode=0o640)
    before = path.stat()
    page.open().press("Correct the file: broken")
    area = page.wait_for("dialog textarea")
    area.clear()
    area.send_keys(f"[Task]\nTaskId={task.task_id}\nShareId={task.share_id}\n")
    page.press("Save").wait_text("Nothing needs attention", "broken has ended")
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_an_account_that_is_unauthorized_and_back(service, page, sim):
    token = ETC / "default.token"
    write_file(token, "Bearer old\n", mode=0o600, owner="koowatch")
    service.settings["Account"]["TokenFile"] = token
    sim.tokens = {"Bearer new"}
    task = sim.add_task()
    ready(service)
    service.add_task("films", task)
    page.open().trouble("Account default: Unauthorized")
    page.press("Details: default")
    page.wait_text("Log in to KooDrive again and replace the token.")
    page.shoot("unauthorized")
    if accounts()["default"].get("tokenSource") == str(token):
        page.press("Replace token: default")
        page.field("Token").send_keys("Bearer new")
        page.press("Replace token").wait_text("The token of account default was replaced")
        assert (token.read_text(), token.owner(), token.stat().st_mode & 0o777) == ("Bearer new\n", "koowatch", 0o600)
    else:  # a daemon that does not tell it
        write_file(token, "Bearer new\n", mode=0o600, owner="koowatch")
    page.wait_no_text("Unauthorized")
    page.go("#/").wait_text("Nothing needs attention", "films has ended")
    token.unlink()


def test_a_file_of_the_administrators_is_removed(service, page, sim):
    task = sim.add_task()
    task.hold()
    ready(service)
    path = service.add_task("films", task)
    page.open("#/?task=films").press("Remove").wait_text("Remove films?")
    page.wait_for("dialog .button-danger").click()
    page.wait_text("films was removed.", "No task is watched")
    assert not path.exists()


def test_the_daemon_stops_and_is_started_from_the_page(service, page, sim):
    task = sim.add_task()
    task.hold()
    ready(service)
    service.add_task("films", task)
    page.open().wait_count("1 task")
    pid = service.pid
    systemctl("restart", DAEMON)
    assert service.pid != pid
    page.wait_no_text("koowatchd has stopped")
    page.wait_count("1 task")
    systemctl("stop", DAEMON)
    page.wait_text("koowatchd has stopped", "What you see is of")
    assert page.rows() == ["films"]
    page.shoot("stopped")
    page.open().wait_text("koowatchd is not running").press("Start koowatchd")
    page.wait_count("1 task")
    assert show("ActiveState") == "active"


def test_the_journal_of_a_task(shell, service, page, sim):
    service.hook("echo a line of the hook", HOOK)
    ready(service)
    service.add_task("photos", sim.add_task())
    service.wait_output("a line of the hook")
    page.open("#/?task=photos").press("Journal")
    page.driver.switch_to.default_content()
    wait_for(lambda: "/system/logs" in page.driver.current_url and "KOOWATCH_NAME=photos" in page.driver.current_url,
             "the journal's page")


def test_10000_tasks_of_the_real_daemon(service, page, sim):
    for i in range(10_000):
        (ETC / f"tasks.d/task-{i:05}.task").write_text(f"[Task]\nTaskId={i}\nShareId=1\n")
    service.settings["Account"]["RateLimit"] = "1/h"
    service.settings["Daemon"] = {"LogLevel": "warning"}  # 10,000 entries take the journal's readers a while
    service.start()
    page.open().wait_text("1 to 50 of 10000")
    page.field("Search in tasks").send_keys("task-09999")
    page.wait_text("1 of 10000 tasks")
