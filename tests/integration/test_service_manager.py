"""What the service manager is told."""

import re
import signal
import time

import pytest
from koowatch import wait_polls


def monotonic_usec():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


# READY and STATUS


def test_ready_once_the_directories_have_been_read(koowatch, sim):
    for number in range(3):
        koowatch.add_task(f"t{number}", sim.add_task(hold=True))
    koowatch.start()
    koowatch.wait_status("watching 3 .*")
    assert koowatch.notified("STATUS")[0].startswith("watching 3 ")
    assert koowatch.count_datagrams(READY="1") == 1


def test_no_service_manager(koowatch, sim):
    koowatch.record()
    koowatch.add_task("photos", sim.add_task())
    koowatch.start(wait=False, NOTIFY_SOCKET="")
    koowatch.wait_record()
    assert koowatch.datagrams == []


def test_form_of_the_status(koowatch, sim):
    running, photos = sim.add_task(polls=2), sim.add_task()
    koowatch.add_task("one", sim.add_task(hold=True, polls=3))
    koowatch.add_task("two", sim.add_task(hold=True, polls=3))
    koowatch.add_task("running", running)
    running.hold()
    running.set(status=1)
    koowatch.start()
    koowatch.wait_status(re.escape("watching 3 (1 running), 0 finished"))
    koowatch.add_task("photos", photos)
    last = f"last: photos completed: all succeeded, {photos.download_url}"
    koowatch.wait_status(re.escape(f"watching 3 (1 running), 1 finished; {last}"))


@pytest.mark.parametrize(
    ("course", "last"),
    [
        ({"result": 2, "download": True}, "photos completed: partially failed, http.*"),
        ({"result": 3}, "photos completed: all failed.*"),
        ({"result": 0, "task_type": 2}, "photos completed: result unknown"),
        ({"task_type": 2}, "photos completed: all succeeded"),
        ({"cancel": True}, "photos canceled"),
    ],
)
def test_last_outcome_in_the_status(koowatch, sim, course, last):
    koowatch.add_task("photos", sim.add_task(**course))
    koowatch.start()
    koowatch.wait_status(f"watching 0 \\(0 running\\), 1 finished; last: {last}")


def test_each_outcome_is_in_the_status_once_at_least(koowatch, sim):
    names = {f"t{number}" for number in range(10)}
    for name in names:
        koowatch.add_task(name, sim.add_task())
    koowatch.start()
    koowatch.wait_status(".* 10 finished; .*")
    told = {match[1] for s in koowatch.notified("STATUS") if (match := re.search("last: (t.*?) ", s))}
    assert told == names


def test_of_many_outcomes_the_newest_is_in_the_status(koowatch, sim):
    """Ten in a second at most are sent because of an outcome, and one more because of the time."""
    koowatch.start()
    for number in range(60):
        koowatch.add_task(f"t{number}", sim.add_task())
    begin = time.monotonic()
    koowatch.wait_status(".* 60 finished; .*")
    seconds = time.monotonic() - begin
    assert len(koowatch.notified("STATUS")) <= 1 + (10 + 1) * (seconds + 1)


@pytest.mark.parametrize("letter", ["x", "ä", "中"])
def test_a_long_link_in_the_status_is_cut(koowatch, sim, letter):
    for shift in range(3):
        task = sim.add_task()
        task.set(download_url="https://example.com/" + "x" * shift + letter * 4000)
        koowatch.add_task(f"t{shift}", task)
    koowatch.start()
    koowatch.wait_entry(": completed", count=3)
    koowatch.wait_status(".* 3 finished; .*")
    assert max(len(data) for data in koowatch.datagrams) <= 2048
    last = [s for s in koowatch.notified("STATUS") if "last" in s]  # decodes: no half characters
    assert all(status.endswith("…") for status in last)


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"a\x1b\n\xc2\x9bb.task", "a????b"), (b"a\xffb\xc3\xa9.task", "a?b??"), (b"\xc3\xa9.task", "é")],
)
def test_odd_bytes_of_a_files_name_in_the_status(koowatch, name, shown):
    """What is not UTF-8, the service manager would pass over."""
    with open(bytes(koowatch.low) + b"/" + name, "wb"):
        pass
    koowatch.start()
    path = re.escape(f"{koowatch.low}/{shown}.task")
    koowatch.wait_status(rf"watching 0 .*, 1 invalid \({path}: expected a task name .*")


def test_the_status_counts_deliveries_that_wait(koowatch, sim):
    koowatch.settings["Hooks"]["MaxParallel"] = "1"
    koowatch.record(gated=True, exits=(1, 0))
    koowatch.add_task("photos", sim.add_task())
    koowatch.add_task("music", sim.add_task())
    koowatch.start()
    koowatch.wait_status("watching 0 .*, 2 finished, 1 delivery waiting; last: .*")
    koowatch.release(2)
    koowatch.wait_status(r"watching 0 .*, 2 finished, 2 deliveries waiting \(2 failing\); last: .*")
    koowatch.restart()
    koowatch.wait_status(r"watching 0 .*, 2 finished, 2 deliveries waiting \(2 failing\)")


def test_the_status_shows_an_account_in_trouble(koowatch, sim):
    sim.tokens = set()
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_status("watching 1 .*; account default unauthorized: .*")


# Reload


def test_a_reload_is_told(koowatch):
    koowatch.start()
    before = monotonic_usec()
    koowatch.reload()
    (reloading,) = [data for data in koowatch.datagrams if b"RELOADING=1" in data]
    stamp = re.search(rb"^MONOTONIC_USEC=(\d+)$", reloading, re.M)
    assert before <= int(stamp[1]) <= monotonic_usec()
    told = [data for data in koowatch.datagrams if b"RELOADING=1" in data or b"READY=1" in data]
    assert told[1:] == [reloading, told[2]] and b"READY=1" in told[2]


def test_a_reload_applies_the_configuration(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    koowatch.settings["Account"]["UserId"] = "17"
    koowatch.reload()
    sim.wait_for(lambda s: s.requests[-1].header("X-User-Id") == "17")
    koowatch.wait_entry("configuration reloaded")


def test_a_reload_knows_new_accounts(koowatch, sim):
    koowatch.add_task("photos", sim.add_task(), Account="second")
    koowatch.start()
    koowatch.wait_entry(r"\[Account second\]", KOOWATCH_NAME="photos")
    koowatch.settings["Account second"] = koowatch.settings["Account"]
    koowatch.reload()
    koowatch.wait_entry("^photos: completed")


def test_a_task_waits_while_its_account_is_taken_away(koowatch, sim):
    koowatch.settings["Account second"] = koowatch.settings["Account"]
    task, other = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.add_task("photos", task, Account="second")
    koowatch.add_task("other", other)
    koowatch.start()
    wait_polls(sim, task)
    section = koowatch.settings.pop("Account second")
    koowatch.reload()
    wait_polls(sim, other, 2)
    asked = sim.polls(task)
    wait_polls(sim, other, 4)
    assert sim.polls(task) == asked
    koowatch.settings["Account second"] = section
    koowatch.reload()
    wait_polls(sim, task)
    assert len(koowatch.find("^photos: registered")) == 1


def test_a_bad_configuration_keeps_the_old_one(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    good = koowatch.settings["Poll"].pop("IntervalMin")
    koowatch.settings["Account"]["UserId"] = "17"
    koowatch.settings["Poll"]["IntervalMin"] = "soon"
    koowatch.reload()
    koowatch.wait_entry(f"{koowatch.config_path}:[0-9]+: .*IntervalMin")
    koowatch.wait_entry("not reloaded")
    koowatch.wait_status(".*configuration has errors.*")
    wait_polls(sim, task, 3)
    assert sim.requests[-1].header("X-User-Id") is None
    koowatch.settings["Poll"]["IntervalMin"] = good
    koowatch.reload()
    assert "errors" not in koowatch.notified("STATUS")[-1]


# The end, and the watchdog


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping(koowatch, number):
    koowatch.start()
    koowatch.process.send_signal(number)
    assert koowatch.end() == 0
    koowatch.wait(lambda: koowatch.count_datagrams(STOPPING="1") == 1, "STOPPING=1")


def test_a_stop_waits_for_a_request_in_flight(koowatch, sim):
    task = sim.add_task()
    sim.faults.add("delay", seconds=1)
    koowatch.add_task("photos", task)
    koowatch.start()
    sim.wait_for(lambda s: s.requests)
    koowatch.stop()
    assert koowatch.find("^photos: completed")


def test_a_stop_does_not_wait_for_ever(koowatch, sim):
    sim.faults.add("hang")
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    sim.wait_for(lambda s: s.requests)
    koowatch.process.terminate()
    assert koowatch.process.wait(10) == 0  # half of that is what is promised
    koowatch.process = None


def test_an_outcome_of_the_last_moment_is_delivered_by_the_next_start(koowatch, sim):
    task = sim.add_task()
    sim.faults.add("delay", seconds=0.5, count=1)
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    sim.wait_for(lambda s: s.requests)
    koowatch.stop()
    assert koowatch.records() == []
    koowatch.start()
    koowatch.wait_record()
    assert sim.polls(task) == 1


def test_watchdog(koowatch):
    koowatch.start(WATCHDOG_USEC="400000")
    koowatch.wait(lambda: koowatch.count_datagrams(WATCHDOG="1") >= 3, "WATCHDOG=1")


def test_no_watchdog_unless_wanted(koowatch, sim):
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    assert koowatch.count_datagrams(WATCHDOG="1") == 0
