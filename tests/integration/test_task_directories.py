"""Task files: where they are found, how they come, change and go."""

import os
import re
import time

import pytest
from conftest import needs_root
from koowatch import PATIENCE, task_text, wait_polls

GRACE = 0.5  # seconds in which a file that has disappeared may come back


def wait_for_the_end_of_grace():
    """Nothing outside tells of the end of a watch: as it reports nothing, one can only wait."""
    time.sleep(GRACE + 0.3)


@pytest.fixture
def sentinel(koowatch, sim):
    """A task whose polls show that the daemon has gone on, and a call that waits for some."""
    task = sim.add_task(hold=True)
    koowatch.add_task("sentinel", task)
    return lambda polls=4: wait_polls(sim, task, polls)


def is_polled(sim, task, sentinel):
    """Whether the task is asked about while the sentinel is."""
    sentinel(1)
    before = sim.polls(task)
    sentinel()
    return sim.polls(task) > before


# Precedence


def test_a_file_hides_its_namesake_further_down(koowatch, sim, sentinel):
    above, below = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.add_task("photos", above, where=koowatch.high)
    koowatch.add_task("photos", below, where=koowatch.low)
    koowatch.start()
    wait_polls(sim, above)
    sentinel()
    assert sim.polls(below) == 0


def test_a_file_that_comes_hides_its_namesake_further_down(koowatch, sim, sentinel):
    above, below = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.add_task("photos", below, where=koowatch.low)
    koowatch.start()
    wait_polls(sim, below)
    koowatch.add_task("photos", above, where=koowatch.high)
    wait_polls(sim, above)
    assert not is_polled(sim, below, sentinel)


def test_a_file_comes_forth_when_the_one_above_goes(koowatch, sim, sentinel):
    above, below = sim.add_task(hold=True), sim.add_task(hold=True)
    path = koowatch.add_task("photos", above, where=koowatch.high)
    koowatch.add_task("photos", below, where=koowatch.low)
    koowatch.start()
    wait_polls(sim, above)
    path.unlink()
    wait_polls(sim, below)
    assert not is_polled(sim, above, sentinel)


def test_a_change_of_a_hidden_file_changes_nothing(koowatch, sim, sentinel):
    above, below = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.add_task("photos", above, where=koowatch.high)
    koowatch.start()
    wait_polls(sim, above)
    koowatch.add_task("photos", below, where=koowatch.low)
    assert is_polled(sim, above, sentinel)
    assert sim.polls(below) == 0


def test_a_reload_may_take_a_directory_away(koowatch, sim, sentinel):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task, where=koowatch.high)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.settings["Daemon"]["TaskDirectories"] = koowatch.low
    koowatch.reload()
    koowatch.wait_status("watching 1 .*")
    assert not is_polled(sim, task, sentinel)


def test_a_reload_may_add_a_directory(koowatch, sim):
    task = sim.add_task()
    extra = koowatch.path / "extra"
    extra.mkdir()
    koowatch.add_task("photos", task, where=extra)
    koowatch.start()
    koowatch.settings["Daemon"]["TaskDirectories"] += f":{extra}"
    koowatch.reload()
    koowatch.wait_entry("^photos: completed")


# Change


def test_an_edit_applies_to_the_running_watch(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    path = koowatch.add_task("photos", task, variables={"Where": "here"})
    koowatch.start()
    wait_polls(sim, task)
    path.write_text(task_text(task, variables={"Where": "there"}, Timeout="1s"))
    record = koowatch.wait_record()
    assert record["env"]["KOOWATCH_VAR_WHERE"] == "there"
    assert record["env"]["KOOWATCH_OUTCOME"] == "timeout"
    assert len(koowatch.find("^photos: registered")) == 1


def test_an_editors_way_to_save_keeps_the_watch(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    path = koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task, 3)
    path.rename(path.with_name("photos.task~"))
    path.write_text(task_text(task, variables={"n": "1"}))
    wait_polls(sim, task, 3)
    task.complete()
    record = koowatch.wait_record()
    assert record["env"]["KOOWATCH_VAR_N"] == "1"
    assert record["event"]["polls"] >= 6
    assert len(koowatch.find("^photos: registered")) == 1


def test_a_file_that_comes_back_is_polled_on(koowatch, sim, sentinel):
    task = sim.add_task(hold=True)
    path = koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    aside = path.rename(path.with_name("photos.bak"))
    aside.rename(path)
    wait_for_the_end_of_grace()
    assert is_polled(sim, task, sentinel)
    assert len(koowatch.find("^photos: registered")) == 1


def test_a_removed_task_is_reported_by_nobody(koowatch, sim, sentinel):
    task = sim.add_task(hold=True)
    koowatch.record()
    path = koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    path.unlink()
    wait_for_the_end_of_grace()
    task.complete()
    sentinel()
    assert not koowatch.find("^photos: (completed|hook|canceled|timeout)")
    assert koowatch.records() == []


@pytest.mark.parametrize("change", ["removed", "other ids", "removed and back"])
def test_a_change_while_a_request_is_in_flight(koowatch, sim, sentinel, change):
    task, other = sim.add_task(hold=True), sim.add_task(hold=True)
    sim.faults.add("hang", task=task, count=1)
    path = koowatch.add_task("photos", task)
    koowatch.start()
    sim.wait_for(lambda s: s.polls(task) >= 1, timeout=PATIENCE)  # it may have come already
    if change == "other ids":
        path.write_text(task_text(other))
        wait_polls(sim, other)
    else:
        path.unlink()
    if change == "removed and back":
        sentinel(2)  # seen as one change, it would not end the request
        koowatch.add_task("photos", task)
        wait_polls(sim, task)
    sentinel()
    wait_for_the_end_of_grace()
    assert is_polled(sim, task, sentinel) == (change == "removed and back")


def test_a_task_that_is_removed_and_added_again_is_new(koowatch, sim):
    task = sim.add_task(hold=True)
    path = koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    path.unlink()
    wait_for_the_end_of_grace()
    koowatch.add_task("photos", task)
    koowatch.wait_entry("^photos: registered", count=2)


def test_a_task_that_goes_while_the_daemon_is_away_is_forgotten(koowatch, sim):
    task = sim.add_task(hold=True)
    path = koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.stop()
    path.unlink()
    koowatch.start()
    koowatch.add_task("photos", task)
    koowatch.wait_entry("^photos: registered", count=2)


def test_a_restart_is_no_registration(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.restart()
    wait_polls(sim, task)
    assert len(koowatch.find("^photos: registered")) == 1


def test_other_ids_are_another_watch(koowatch, sim, sentinel):
    old, new = sim.add_task(hold=True), sim.add_task(polls=2)
    koowatch.record()
    path = koowatch.add_task("photos", old)
    koowatch.start()
    wait_polls(sim, old)
    path.write_text(task_text(new))
    assert koowatch.wait_record()["env"]["KOOWATCH_TASK_ID"] == new.task_id
    assert not is_polled(sim, old, sentinel)
    assert len(koowatch.find("^photos: registered")) == 2


def test_a_finished_task_starts_anew_with_other_ids(koowatch, sim):
    old, new = sim.add_task(), sim.add_task()
    koowatch.record()
    path = koowatch.add_task("photos", old)
    koowatch.start()
    first = koowatch.wait_record()
    path.write_text(task_text(new))
    second = koowatch.wait_record(count=2)
    assert second["env"]["KOOWATCH_TASK_ID"] == new.task_id
    assert second["event"]["eventId"] != first["event"]["eventId"]


# Faults


def test_a_bad_file_costs_only_itself(koowatch, sim):
    koowatch.record()
    path = koowatch.add_task("bad", text="[Task]\nTaskId=s3cr3t value\nShareId=2\n")
    koowatch.add_task("good", sim.add_task())
    koowatch.start()
    entry = koowatch.wait_entry("TaskId", KOOWATCH_NAME="bad")
    assert entry.level == "warning"
    assert entry.message.startswith(f"{path}:2: ")
    koowatch.wait_record(name="good")
    assert "s3cr3t" not in koowatch.log()
    koowatch.wait_status(r"watching 0 .*, 1 invalid \(.*/bad.task:2: .*TaskId.*\); last: good .*")


def test_the_status_shows_a_bad_file_that_has_come(koowatch, sim):
    koowatch.add_task("photos", sim.add_task(hold=True))
    koowatch.start()
    koowatch.wait_status(r"watching 1 \(1 running\).*")
    koowatch.add_task("bad", text="[Task]\nTaskId=1\n")
    koowatch.wait_status("watching 1 .*, 1 invalid.*")


def test_the_status_says_that_an_account_is_unknown(koowatch, sim):
    task = sim.add_task(hold=True)
    path = koowatch.add_task("photos", task, Account="other")
    koowatch.start()
    koowatch.wait_status(rf"watching 0 .*, 1 invalid \({path}: \[Account other\] is not in .*\)")
    path.write_text(task_text(task))
    koowatch.wait_status(r"watching 1 \([01] running\), 0 finished")


def test_a_bad_file_that_is_corrected_is_watched(koowatch, sim):
    path = koowatch.add_task("photos", text="[Task]\nTaskId=1\n")
    koowatch.start()
    koowatch.wait_entry("ShareId", KOOWATCH_NAME="photos")
    path.write_text(task_text(sim.add_task()))
    koowatch.wait_entry("^photos: completed")


def test_a_bad_edit_keeps_the_settings(koowatch, sim, sentinel):
    task = sim.add_task(hold=True)
    koowatch.record()
    path = koowatch.add_task("photos", task, variables={"n": "1"})
    koowatch.start()
    wait_polls(sim, task)
    path.write_text(task_text(task, variables={"n": "2"}, Timeout="soon"))
    entry = koowatch.wait_entry("Timeout", KOOWATCH_NAME="photos")
    assert entry.message.startswith(f"{path}:4: ")
    assert "stay in effect" in entry.message
    assert is_polled(sim, task, sentinel)
    task.complete()
    assert koowatch.wait_record()["env"]["KOOWATCH_VAR_N"] == "1"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "TaskId"),
        ("[Task]\nTaskId=1\n", "ShareId"),
        ("[Task]\nTaskId=1\nShareId=2\nAccount=other\n", r"\[Account other\]"),
        ("[Task]\nTaskId=1\nShareId=2\nHook=../x\n", ":4: bad value of Hook"),
        ("[Task]\nTaskId=1\nShareId=2\n[Variables]\na=1\nA=2\n", ":6: .*case"),
        ("[Task]\nTaskId=1\nShareId=2\n[Variables]\n1a=1\n", ":5: "),
        ("[Task]\nTaskId=1\nShareId=2\nKdsToken=a\nKdsTokenFile=/b\n", "exclude"),
        ("[Task]\nTaskId=1\nShareId=2\nIntervalMin=9\nIntervalMax=8\n", "IntervalMin"),
        ("[Task]\nno equals sign\n", ":2: "),
        ("[Task]\nTaskId=1\nShareId=2\nDescription=" + "x" * 66000, "64 KiB"),
    ],
)
def test_files_that_are_refused(koowatch, sim, text, what):
    koowatch.add_task("bad", text=text)
    koowatch.start()
    koowatch.wait_entry(what, KOOWATCH_NAME="bad")
    koowatch.wait_status("watching 0 .*, 1 invalid.*")
    assert not sim.requests


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_does_no_harm(koowatch, sim, make):
    make(koowatch.low / "odd.task")
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("^photos: completed")


def test_names_that_are_no_tasks(koowatch, sim, sentinel):
    task = sim.add_task()
    for name in (".a.task", "b.task~", "c.task.dpkg-new", "d.task.rpmsave", "e.txt", ".task"):
        (koowatch.low / name).write_text(task_text(task))
    koowatch.start()
    (koowatch.low / ".later.task").write_text(task_text(task))
    (koowatch.low / "later.task.swp").write_text(task_text(task))
    sentinel()
    assert sim.polls(task) == 0
    assert not [entry for entry in koowatch.entries if entry.level == "warning"]


def test_files_without_the_suffix_are_told_once(koowatch, sim):
    koowatch.add_task("sentinel", sim.add_task(hold=True))
    (koowatch.low / "photos.task.txt").write_text(task_text(sim.add_task()))
    (koowatch.low / "folder").mkdir()
    (koowatch.low / "photos.task~").write_text("")
    run = koowatch.check()
    said = f"{koowatch.low}/photos.task.txt: warning: not a task file.* rename it to photos.task"
    assert run.returncode == 0 and re.fullmatch(said, run.stdout.rstrip("\n"))
    koowatch.start()
    # The look at strays that a start makes is over then, and the next one is a while away.
    entry = koowatch.wait_entry("low/photos.task.txt: .*rename it to photos.task")
    assert entry.level == "notice"
    (koowatch.high / "music").write_text(task_text(sim.add_task()))
    (koowatch.high / "later").write_text(task_text(sim.add_task(hold=True)))
    (koowatch.high / "later").rename(koowatch.high / "later.task")
    koowatch.wait_entry("^later: registered")
    koowatch.reload()  # looks at once at what has stayed
    koowatch.wait_entry("high/music: .*rename it to music.task")
    koowatch.reload()
    koowatch.reload()
    assert len(koowatch.find("not a task file")) == 2


def test_a_name_that_cannot_be_one_is_invalid(koowatch, sim):
    (koowatch.low / "a b.task").write_text(task_text(sim.add_task()))
    koowatch.start()
    koowatch.wait_entry("rename the file")
    assert not sim.requests


def test_a_share_token_that_all_can_read_is_warned_of(koowatch, sim):
    koowatch.add_task("photos", sim.add_task(kdstoken="aea2968e"), mode=0o644)
    koowatch.start()
    koowatch.wait_entry("photos.task: .*KdsToken=")
    koowatch.wait_entry("^photos: completed")


# Hooks that are not there


def test_a_wrong_hook_is_told_at_registration(koowatch, sim):
    task = sim.add_task(hold=True)
    path = koowatch.add_task("photos", task, Hook="fetch-pakage")
    koowatch.start()
    entry = koowatch.wait_entry("Hook=fetch-pakage does not exist", KOOWATCH_NAME="photos")
    assert entry.level == "warning" and entry.message.startswith(f"{path}: ")
    wait_polls(sim, task)
    koowatch.wait_status("watching 1 .*; photos: Hook=fetch-pakage does not exist")
    path.write_text(task_text(task, Hook="fetch-pakage", Timeout="1h"))
    koowatch.record("named.d/fetch-package")
    path.write_text(task_text(task, Hook="fetch-package"))
    koowatch.wait_status(r"watching 1 \([01] running\), 0 finished")
    assert len(koowatch.find("does not exist")) == 1
    assert len(koowatch.find("^photos: registered")) == 1


def test_a_hook_that_may_not_run_is_told_at_registration(koowatch, sim):
    hook = koowatch.hook("named.d/mail", "true", mode=0o644)
    koowatch.add_task("photos", sim.add_task(hold=True), Hook="mail")
    koowatch.add_task("music", sim.add_task(hold=True), Hook="none")
    koowatch.start()
    koowatch.wait_entry(f"Hook=mail .*{hook}: it is not executable", KOOWATCH_NAME="photos")
    koowatch.wait_status(r"watching 2 .*: Hook=.* \(and 1 more\)")
    hook.chmod(0o755)
    koowatch.reload()
    koowatch.wait_status("watching 2 .*; music: Hook=none does not exist")


def test_a_hook_of_an_event_that_may_not_run_is_told_at_the_start(koowatch):
    hook = koowatch.hook("finished.d/10-mail", "true", mode=0o775)
    koowatch.start()
    koowatch.wait_entry(f"{hook}: would not run: .*writable by group or others")


# Duplicates


def test_a_second_file_for_the_same_task_is_refused(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("one", task)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.add_task("two", task)
    entry = koowatch.wait_entry("duplicate of", KOOWATCH_NAME="two")
    assert "one.task" in entry.message
    task.complete()
    koowatch.wait_entry("10-record ended")
    assert [record["event"]["name"] for record in koowatch.records()] == ["one"]


def test_a_second_file_takes_over_when_the_first_goes(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    path = koowatch.add_task("one", task)
    begin = time.time()
    koowatch.start()
    sim.wait_for(lambda s: s.requests and time.time() > begin + 1.1)
    koowatch.add_task("two", task, variables={"n": "2"})
    koowatch.wait_entry("duplicate of", KOOWATCH_NAME="two")
    path.unlink()
    wait_for_the_end_of_grace()
    wait_polls(sim, task)
    task.complete()
    record = koowatch.wait_record()
    assert record["env"]["KOOWATCH_NAME"] == "two"
    assert record["env"]["KOOWATCH_VAR_N"] == "2"
    registered = record["event"]["registeredAt"]
    assert registered <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + 1))


def test_of_two_files_for_a_task_the_one_in_the_higher_directory_stands(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    path = koowatch.add_task("theirs", task)
    begin = time.time()
    koowatch.start()
    sim.wait_for(lambda s: s.requests and time.time() > begin + 1.1)
    mine = koowatch.add_task("mine", task, where=koowatch.high, variables={"n": "2"})
    entry = koowatch.wait_entry("duplicate of", KOOWATCH_NAME="theirs")
    assert entry.message.startswith(f"{path}: ") and str(mine) in entry.message
    koowatch.wait_status("watching 1 .*, 1 invalid.*")
    wait_polls(sim, task)
    koowatch.restart()
    koowatch.wait_entry("duplicate of", count=2, KOOWATCH_NAME="theirs")
    task.complete()
    record = koowatch.wait_record()
    assert record["event"]["name"] == "mine"
    assert record["env"]["KOOWATCH_VAR_N"] == "2"
    registered = record["event"]["registeredAt"]
    assert registered <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + 1))
    koowatch.wait_entry("10-record ended")
    assert len(koowatch.records()) == 1


def test_a_file_that_lost_to_a_higher_one_takes_over_again(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("theirs", task)
    koowatch.start()
    wait_polls(sim, task)
    mine = koowatch.add_task("mine", task, where=koowatch.high)
    koowatch.wait_entry("duplicate of", KOOWATCH_NAME="theirs")
    mine.unlink()
    wait_for_the_end_of_grace()
    wait_polls(sim, task)
    task.complete()
    assert koowatch.wait_record()["event"]["name"] == "theirs"


def test_a_lower_file_for_the_same_task_is_refused(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("mine", task, where=koowatch.high)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.add_task("theirs", task)
    koowatch.wait_entry("duplicate of", KOOWATCH_NAME="theirs")
    assert not koowatch.find("duplicate of", KOOWATCH_NAME="mine")


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_of_two_files_in_a_directory_the_older_one_stands(koowatch, sim, names):
    task = sim.add_task(hold=True)
    for number, name in enumerate(names):
        os.utime(koowatch.add_task(name, task), (1_700_000_000 + number,) * 2)
    first, second = (koowatch.low / f"{name}.task" for name in names)
    run = koowatch.check()
    assert (run.returncode, run.stderr) == (1, "")
    assert run.stdout.startswith(f"{second}: duplicate of {first}")
    koowatch.start()
    entry = koowatch.wait_entry("duplicate of", KOOWATCH_NAME=names[1])
    assert entry.message.startswith(f"{second}: duplicate of {first}")


def test_the_same_ids_under_two_accounts_are_two_tasks(koowatch, sim):
    koowatch.settings["Account second"] = dict(koowatch.settings["Account"])
    task = sim.add_task(polls=6)
    koowatch.record()
    koowatch.add_task("one", task)
    koowatch.add_task("two", task, Account="second")
    koowatch.start()
    koowatch.wait_record(name="one")
    koowatch.wait_record(name="two")


# Directories


def test_a_directory_that_comes_later(koowatch, sim):
    later = koowatch.path / "later" / "deep"
    koowatch.settings["Daemon"]["TaskDirectories"] = later
    koowatch.start()
    later.parent.mkdir()
    later.mkdir()
    koowatch.add_task("photos", sim.add_task(), where=later)
    koowatch.wait_entry("^photos: completed")


def test_a_directory_that_is_replaced(koowatch, sim, sentinel):
    kept, gone, new = (sim.add_task(hold=True) for _ in range(3))
    koowatch.settings["Daemon"]["TaskDirectories"] += f":{koowatch.path}/swap"
    swap, fresh = koowatch.path / "swap", koowatch.path / "fresh"
    swap.mkdir(), fresh.mkdir()
    koowatch.add_task("kept", kept, where=swap)
    koowatch.add_task("gone", gone, where=swap)
    koowatch.add_task("kept", kept, where=fresh)
    koowatch.start()
    wait_polls(sim, gone)
    swap.rename(koowatch.path / "old")
    fresh.rename(swap)
    koowatch.add_task("new", new, where=swap)
    wait_polls(sim, new)
    wait_for_the_end_of_grace()
    assert is_polled(sim, kept, sentinel)
    assert not is_polled(sim, gone, sentinel)
    assert len(koowatch.find("^kept: registered")) == 1


def test_a_directory_that_is_removed_and_made_again(koowatch, sim):
    extra = koowatch.path / "extra"
    extra.mkdir()
    koowatch.settings["Daemon"]["TaskDirectories"] = extra
    koowatch.start()
    extra.rmdir()
    extra.mkdir()
    koowatch.add_task("photos", sim.add_task(), where=extra)
    koowatch.wait_entry("^photos: completed")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads what it likes")
def test_a_directory_that_cannot_be_read_changes_nothing(koowatch, sim, sentinel):
    task, hidden = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.add_task("photos", task, where=koowatch.high)
    koowatch.add_task("photos", hidden, where=koowatch.low)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.high.chmod(0)
    try:
        koowatch.reload()
        koowatch.wait_entry("high: cannot be read")
        wait_for_the_end_of_grace()
        assert is_polled(sim, task, sentinel)
        assert sim.polls(hidden) == 0
    finally:
        koowatch.high.chmod(0o755)


# Ways to publish


def test_a_hard_link_is_a_way_to_publish(koowatch, sim):
    koowatch.start()
    (koowatch.path / "photos").write_text(task_text(sim.add_task()))
    os.link(koowatch.path / "photos", koowatch.low / "photos.task")
    koowatch.wait_entry("^photos: completed")


def test_a_file_is_read_when_its_writer_closes_it(koowatch, sim, sentinel):
    task = sim.add_task()
    head, tail = task_text(task).split("ShareId")
    koowatch.start()
    with open(koowatch.low / "photos.task", "w") as file:
        file.write(head)
        file.flush()
        sentinel()
        assert not koowatch.find("photos")
        file.write("ShareId" + tail)
    koowatch.wait_entry("^photos: completed")


@needs_root
def test_a_symbolic_link_in_a_directory_of_roots(koowatch, sim):
    (koowatch.path / "photos").write_text(task_text(sim.add_task()))
    koowatch.start()
    (koowatch.low / "photos.task").symlink_to(koowatch.path / "photos")
    koowatch.wait_entry("^photos: completed")


def test_a_symbolic_link_where_others_can_write(koowatch, sim):
    koowatch.low.chmod(0o775)
    (koowatch.path / "photos").write_text(task_text(sim.add_task()))
    (koowatch.low / "photos.task").symlink_to(koowatch.path / "photos")
    koowatch.start()
    koowatch.wait_entry("symbolic link", KOOWATCH_NAME="photos")
    assert not sim.requests


def test_a_share_tokens_file_where_others_can_write(koowatch, sim):
    koowatch.low.chmod(0o775)
    (koowatch.path / "kdstoken").write_text("s3cr3t\n")
    task = sim.add_task()
    koowatch.add_task("photos", task, KdsTokenFile=koowatch.path / "kdstoken")
    koowatch.start()
    koowatch.wait_entry("KdsTokenFile= .*root", KOOWATCH_NAME="photos")
    assert not sim.requests


# After the end


def test_a_finished_file_in_the_spool_is_removed(koowatch, sim):
    koowatch.record(gated=True)
    koowatch.start()
    path = koowatch.add_task("photos", sim.add_task(), where=koowatch.spool)
    koowatch.wait_record()
    assert path.exists()
    koowatch.release()
    koowatch.wait(lambda: not path.exists(), "the file's removal")
    koowatch.wait(lambda: list(koowatch.spool.iterdir()) == [], "nothing left of it")


def test_a_finished_file_in_the_spool_is_removed_after_a_crash(koowatch, sim):
    koowatch.record(gated=True)
    koowatch.start()
    path = koowatch.add_task("photos", sim.add_task(), where=koowatch.spool)
    koowatch.wait_record()
    koowatch.kill()
    koowatch.release(2)
    koowatch.start()
    koowatch.wait(lambda: not path.exists(), "the file's removal")


def test_a_new_file_that_a_crash_left_set_aside_is_watched(koowatch, sim):
    """The file to be removed is renamed first; one that took its name just then is another task's."""
    task = sim.add_task()
    path = koowatch.add_task("photos", task, where=koowatch.spool)
    path.rename(koowatch.spool / ".photos.finished")
    assert koowatch.check().returncode == 0
    assert not path.exists()
    koowatch.start()
    koowatch.wait_entry("^photos: completed", KOODRIVE_TASK_ID=task.task_id)
    koowatch.wait(lambda: not list(koowatch.spool.iterdir()), "the file's removal")


def test_a_file_that_a_crash_left_set_aside_does_not_replace_a_newer_one(koowatch, sim):
    task, old = sim.add_task(hold=True), sim.add_task()
    koowatch.add_task("photos", old, where=koowatch.spool).rename(koowatch.spool / ".photos.finished")
    path = koowatch.add_task("photos", task, where=koowatch.spool)
    koowatch.start()
    wait_polls(sim, task)
    assert list(koowatch.spool.iterdir()) == [path]
    assert sim.polls(old) == 0


@pytest.mark.parametrize("name", ["photos", "other"])
def test_the_same_task_in_a_new_file_in_the_spool_is_new(koowatch, sim, name):
    task = sim.add_task()
    koowatch.record()
    koowatch.start()
    path = koowatch.add_task("photos", task, where=koowatch.spool)
    first = koowatch.wait_record()
    koowatch.wait(lambda: not path.exists(), "the file's removal")
    koowatch.add_task(name, task, where=koowatch.spool)
    second = koowatch.wait_record(count=2)
    assert first["event"]["eventId"] != second["event"]["eventId"]


def test_the_same_task_in_a_new_file_in_the_spool_is_new_much_later(koowatch, sim):
    task = sim.add_task()
    koowatch.record()
    koowatch.start()
    path = koowatch.add_task("photos", task, where=koowatch.spool)
    first = koowatch.wait_record()
    koowatch.wait(lambda: not path.exists(), "the file's removal")
    wait_for_the_end_of_grace()
    koowatch.restart()
    koowatch.add_task("other", task, where=koowatch.spool)
    second = koowatch.wait_record(count=2)
    assert first["event"]["eventId"] != second["event"]["eventId"]


def test_a_new_file_in_the_spool_outlives_the_old_ones_delivery(koowatch, sim):
    task = sim.add_task()
    koowatch.record(gated=True)
    koowatch.start()
    koowatch.add_task("photos", task, where=koowatch.spool)
    koowatch.wait_record()
    task.set(status=1)
    path = koowatch.add_task("photos", task, where=koowatch.spool)
    koowatch.wait_entry("^photos: registered", count=2)
    koowatch.release()
    koowatch.wait_entry("10-record ended")
    wait_polls(sim, task, 3)
    assert path.exists()
    task.set(status=None)
    koowatch.release()
    assert koowatch.wait_record(count=2)
    koowatch.wait(lambda: not path.exists(), "the file's removal")


def test_an_admins_finished_file_stays(koowatch, sim, sentinel):
    task = sim.add_task()
    koowatch.record()
    path = koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry("10-record ended: done")
    sentinel()
    assert path.exists()
    assert sim.polls(task) == 1


def test_an_admins_finished_file_that_is_edited_stays_done(koowatch, sim, sentinel):
    task = sim.add_task()
    koowatch.record()
    path = koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry("10-record ended: done")
    path.write_text(task_text(task, variables={"n": "2"}))
    koowatch.wait_entry("already finished", KOOWATCH_NAME="photos")
    koowatch.add_task("photos", task, variables={"n": "3"})
    sentinel()
    koowatch.restart()
    sentinel()
    assert len(koowatch.find("already finished")) == 1
    koowatch.stop()
    koowatch.add_task("photos", task, variables={"n": "4"})
    koowatch.start()
    koowatch.restart()
    assert len(koowatch.find("already finished")) == 2
    assert sim.polls(task) == 1
    assert len(koowatch.records()) == 1


def test_an_admins_finished_task_under_another_name_stays_done(koowatch, sim, sentinel):
    task = sim.add_task()
    koowatch.record()
    path = koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry("10-record ended: done")
    path.rename(koowatch.low / "renamed.task")
    wait_for_the_end_of_grace()
    sentinel()
    assert sim.polls(task) == 1


def test_an_admins_finished_task_that_is_removed_and_added_again_is_new(koowatch, sim):
    task = sim.add_task()
    koowatch.record()
    path = koowatch.add_task("photos", task)
    koowatch.start()
    first = koowatch.wait_record()
    koowatch.wait_entry("10-record ended: done")
    path.unlink()
    wait_for_the_end_of_grace()
    koowatch.add_task("photos", task)
    second = koowatch.wait_record(count=2)
    assert first["event"]["eventId"] != second["event"]["eventId"]
