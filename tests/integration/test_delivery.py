"""Outcomes on their way to the hooks: attempts, crashes, and the two kinds of runner."""

import contextlib
import subprocess

import pytest
from koowatch import PATIENCE, wait_polls
from postgresql import sqlite_only
from runner_socket import RunnerSocket


def hooks_run(koowatch):
    return [record["hook"] for record in koowatch.records()]


def wait_polls_of_another(koowatch, sim):
    """The daemon has gone on by then, and written down what it knew before."""
    task = sim.add_task(hold=True)
    koowatch.add_task("another", task)
    wait_polls(sim, task, 3)


# Results


def test_a_hooks_output_and_end_are_logged_with_the_tasks_fields(koowatch, sim):
    task = sim.add_task()
    koowatch.hook("finished.d/10-hello", "echo hello; exit 0")
    koowatch.add_task("photos", task)
    koowatch.start()
    hook = {"KOOWATCH_NAME": "photos", "KOOWATCH_HOOK": "finished.d/10-hello"}
    ended = koowatch.wait_entry("ended: done", **hook, KOODRIVE_TASK_ID=task.task_id)
    assert ended.fields["KOOWATCH_EXIT_STATUS"] == "0"
    assert koowatch.wait_entry("^hello$", **hook).level == "info"


def test_only_the_hooks_that_failed_are_run_again(koowatch, sim):
    koowatch.record("finished.d/10-well")
    koowatch.record("finished.d/20-later", exits=[75, 0])
    koowatch.record("finished.d/30-not-mine", exits=[77])
    koowatch.record("finished.d/40-failed", exits=[1, 0])
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record(count=4)
    second = koowatch.wait_record(attempt=2, count=2)
    assert second["env"]["KOOWATCH_ATTEMPT"] == "2"
    assert hooks_run(koowatch)[4:] == ["finished.d/20-later", "finished.d/40-failed"]
    assert len({record["event"]["eventId"] for record in koowatch.records()}) == 1


@pytest.mark.parametrize("status", [1, 75])
def test_parked_after_the_last_attempt(koowatch, sim, status):
    koowatch.settings["Hooks"]["Attempts"] = "1"
    koowatch.record(exits=[status])
    path = koowatch.add_task("photos", sim.add_task(), where=koowatch.spool)
    koowatch.start()
    assert koowatch.wait_entry("^photos: giving up after 1").level == "error"
    koowatch.wait_status("watching 0 .*, 1 finished, 1 parked; .*")
    koowatch.restart()
    koowatch.add_task("later", sim.add_task())
    koowatch.wait_record(name="later")
    assert path.exists()  # it may be delivered yet
    assert len(koowatch.records(name="photos")) == 1


def test_what_was_achieved_starts_the_count_again(koowatch, sim):
    """Also when the daemon is restarted in between; the number of the attempt goes on rising."""
    koowatch.settings["Hooks"]["Attempts"] = "2"
    koowatch.record(exits=[1, 79, 1, 0])
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry(r"10-record ended: failed, exit status 1 \(attempt 1, next try in 10s\)")
    koowatch.wait_entry(r"10-record ended: progress, next try in 10s \(attempt 2\)")
    wait_polls_of_another(koowatch, sim)
    koowatch.restart()
    koowatch.wait_entry(r"10-record ended: failed, exit status 1 \(attempt 3, next try in 10s\)")
    koowatch.wait_record(attempt=4)
    koowatch.wait_entry("10-record ended: done")
    assert not koowatch.find("giving up")


def test_what_was_achieved_does_not_count_beside_a_failure(koowatch, sim):
    koowatch.settings["Hooks"]["Attempts"] = "1"
    koowatch.record("finished.d/10-progress", exits=[79])
    koowatch.record("finished.d/20-failed", exits=[1])
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry(r"20-failed ended: failed, exit status 1 \(attempt 1, the last\)")
    koowatch.wait_entry("giving up after 1 attempt")


def test_what_was_achieved_does_not_count_beyond_the_history(koowatch, sim):
    koowatch.settings["Hooks"]["Attempts"] = "1"
    koowatch.settings["Daemon"]["History"] = "0"
    koowatch.record(exits=[79])
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry(r"ended: progress \(attempt 1, the last\)")
    koowatch.wait_entry("giving up after 1 attempt")


@pytest.mark.parametrize("timeout, seconds", [("2min", "120"), ("500ms", "1"), ("infinity", None)])
def test_a_hook_knows_its_time(koowatch, sim, timeout, seconds):
    koowatch.settings["Hooks"]["Timeout"] = timeout
    koowatch.hook("finished.d/10-time", 'echo "time ${KOOWATCH_TIMEOUT-unset}"')
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry(f"^time {seconds or 'unset'}$")


def test_a_hook_that_has_nothing_to_do_has_ended_well(koowatch, sim):
    koowatch.settings["Hooks"]["Attempts"] = "1"
    koowatch.record(exits=[77])
    path = koowatch.add_task("photos", sim.add_task(), where=koowatch.spool)
    koowatch.start()
    koowatch.wait(lambda: not path.exists(), "the file's removal")
    assert not koowatch.find("giving up")


def test_the_other_hooks_run_after_one_that_fails(koowatch, sim):
    koowatch.settings["Hooks"]["Attempts"] = "1"
    koowatch.record("finished.d/10-fails", exits=[3])
    koowatch.record("finished.d/20-next")
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("giving up")
    assert hooks_run(koowatch) == ["finished.d/10-fails", "finished.d/20-next"]
    failed = koowatch.find("ended: failed", KOOWATCH_HOOK="finished.d/10-fails")
    assert [entry.fields["KOOWATCH_EXIT_STATUS"] for entry in failed] == ["3"]


def test_a_hook_whose_time_is_up_has_failed(koowatch, sim):
    koowatch.settings["Hooks"] |= {"Attempts": "1", "Timeout": "500ms"}
    koowatch.record(gated=True)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("10-record ended: failed, .*time", KOOWATCH_NAME="photos")
    koowatch.wait_entry("giving up")


# Which hooks


def test_named_hooks_follow_those_of_the_event(koowatch, sim):
    koowatch.record("finished.d/90-last")
    koowatch.record("named.d/fetch")
    koowatch.record("named.d/a-post")
    koowatch.record("named.d/not-named")
    koowatch.add_task("photos", sim.add_task(), Hook="fetch a-post")
    koowatch.start()
    koowatch.wait_record(count=3)
    assert hooks_run(koowatch) == ["finished.d/90-last", "named.d/fetch", "named.d/a-post"]


def test_a_named_hook_alone(koowatch, sim):
    koowatch.record("named.d/fetch")
    koowatch.add_task("photos", sim.add_task(), Hook="fetch")
    koowatch.start()
    assert koowatch.wait_record()["argv"] == ["finished", "photos"]


def test_a_file_that_is_no_hook_is_told_of_once_an_event(koowatch, sim):
    path = koowatch.hook("finished.d/10-tell", "echo told", mode=0o644)
    koowatch.record("finished.d/20-later", exits=[75, 0])
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record(attempt=2)
    koowatch.wait_entry("20-later ended: done")
    [entry] = koowatch.find("10-tell ended: skipped")
    assert entry.level == "warning" and entry.fields["KOOWATCH_NAME"] == "photos"
    assert f"{path}: it is not executable (chmod +x" in entry.message
    assert not koowatch.find("exited before")


def test_a_hook_that_is_refused_runs_once_it_is_mended(koowatch, sim):
    path = koowatch.record("finished.d/10-record")
    path.chmod(0o777)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    entry = koowatch.wait_entry("10-record ended: failed")
    assert f"{path}: it is writable by group or others" in entry.message
    path.chmod(0o755)
    assert koowatch.wait_record()["env"]["KOOWATCH_ATTEMPT"] == "2"


def test_a_named_hook_that_is_missing_has_failed(koowatch, sim):
    koowatch.settings["Hooks"]["Attempts"] = "1"
    koowatch.add_task("photos", sim.add_task(), Hook="fetch")
    koowatch.start()
    koowatch.wait_entry("ended: failed", KOOWATCH_HOOK="named.d/fetch")
    koowatch.wait_entry("^photos: giving up")


def test_hooks_of_an_account(koowatch, sim):
    sim.tokens = set()
    koowatch.record("account.d/10-record")
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    record = koowatch.wait_record()
    assert record["argv"] == ["account", "default"]
    assert record["env"]["KOOWATCH_ACCOUNT_STATE"] == "unauthorized"
    assert record["event"]["accountState"] == "unauthorized"
    assert record["event"]["reason"]


# Parallel


def test_events_in_delivery_are_limited(koowatch, sim):
    koowatch.settings["Hooks"]["MaxParallel"] = "2"
    koowatch.record(gated=True)
    for number in range(5):
        koowatch.add_task(f"t{number}", sim.add_task())
    koowatch.start()
    koowatch.wait_entry(": completed", count=5)
    koowatch.wait_record(count=2)
    for ended in range(1, 6):
        koowatch.release()
        koowatch.wait_entry("10-record ended", count=ended)
        koowatch.wait_record(count=min(ended + 2, 5))
        koowatch.wait_entry("10-record started", count=min(ended + 2, 5))
        assert len(koowatch.find("10-record started")) == min(ended + 2, 5)


def test_an_event_that_waits_for_its_next_attempt_holds_no_slot(koowatch, sim):
    koowatch.settings["Hooks"]["MaxParallel"] = "1"
    koowatch.record(exits=[75])
    koowatch.start()
    for name in ("one", "two"):
        koowatch.add_task(name, sim.add_task())
        koowatch.wait_record(name=name)


def test_polls_go_on_while_a_hook_runs(koowatch, sim):
    koowatch.record(gated=True)
    koowatch.add_task("photos", sim.add_task())
    other = sim.add_task(hold=True)
    koowatch.add_task("other", other)
    koowatch.start()
    koowatch.wait_record()
    wait_polls(sim, other, 5)
    koowatch.release()


def test_hooks_run_where_their_labels_are(koowatch, sim):
    koowatch.settings["Hooks"]["Labels"] = "eu disk-1"
    koowatch.record()
    koowatch.add_task("photos", sim.add_task(), RunOn="gpu eu")
    koowatch.add_task("other", sim.add_task(), RunOn="disk-1")
    koowatch.start()
    assert koowatch.wait_record(name="other")["event"]["runOn"] == ["disk-1"]
    koowatch.wait_entry("^photos: hooks of event .*: this node lacks a label of RunOn=")
    assert not koowatch.records(name="photos")
    koowatch.settings["Hooks"]["Labels"] += " gpu"
    koowatch.restart()
    assert koowatch.wait_record(name="photos")["env"]["KOOWATCH_ATTEMPT"] == "1"


# Ends of the daemon


def test_a_crash_in_mid_hook_delivers_again(koowatch, sim):
    task = sim.add_task()
    koowatch.record(gated=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    first = koowatch.wait_record()
    koowatch.kill()
    koowatch.release()  # the orphan ends
    koowatch.start()
    second = koowatch.wait_record(count=2)
    koowatch.release()
    koowatch.wait_entry("10-record ended: done")
    assert second["event"]["eventId"] == first["event"]["eventId"]
    assert second["env"]["KOOWATCH_ATTEMPT"] == "1"
    assert second["event"]["downloadUrl"] == task.download_url
    assert sim.polls(task) == 1


@sqlite_only  # of a fleet it is ended
def test_an_orphan_of_a_crash_is_not_run_twice_at_once(koowatch, sim):
    koowatch.record(gated=True)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record()
    koowatch.kill()
    koowatch.start()
    other = sim.add_task(polls=10)
    koowatch.add_task("other", other, Hook="none")
    koowatch.wait_entry("^other: completed")
    assert len(koowatch.records(name="photos")) == 1
    koowatch.release()
    koowatch.wait_record(name="photos", count=2)


def test_a_stop_in_mid_hook_is_no_attempt(koowatch, sim):
    koowatch.record(gated=True)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    first = koowatch.wait_record()
    koowatch.restart()
    second = koowatch.wait_record(count=2)
    koowatch.release()
    koowatch.wait_entry("10-record ended: done")
    assert second["event"]["eventId"] == first["event"]["eventId"]
    assert second["env"]["KOOWATCH_ATTEMPT"] == "1"


def test_hooks_that_have_ended_well_are_not_run_again_after_a_crash(koowatch, sim):
    koowatch.record("finished.d/10-first")
    koowatch.record("finished.d/20-second", gated=True)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record(count=2)
    wait_polls_of_another(koowatch, sim)
    koowatch.kill()
    koowatch.release()
    koowatch.start()
    koowatch.wait_record(count=3)
    koowatch.release()
    assert hooks_run(koowatch).count("finished.d/10-first") == 1


def test_attempts_are_counted_across_a_restart(koowatch, sim):
    koowatch.settings["Hooks"]["Attempts"] = "2"
    koowatch.record(exits=[1])
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("10-record ended: failed")
    wait_polls_of_another(koowatch, sim)  # the runner has ended as well
    koowatch.restart()
    assert koowatch.wait_record(count=2)["env"]["KOOWATCH_ATTEMPT"] == "2"
    koowatch.wait_entry("giving up after 2")


def test_a_file_that_goes_after_the_outcome_stops_nothing(koowatch, sim):
    koowatch.settings["Hooks"]["MaxParallel"] = "1"
    koowatch.record(gated=True)
    koowatch.add_task("first", sim.add_task())
    koowatch.start()
    koowatch.wait_record()
    path = koowatch.add_task("photos", sim.add_task(), variables={"n": "1"})
    koowatch.wait_entry("^photos: completed")
    path.unlink()
    wait_polls_of_another(koowatch, sim)
    koowatch.release(2)
    assert koowatch.wait_record(name="photos")["env"]["KOOWATCH_VAR_N"] == "1"


@sqlite_only
def test_an_outcome_that_cannot_be_written_waits(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start(restore_signals=False)  # a signal would come with the error
    wait_polls(sim, task)
    koowatch.limit_file_size(0)
    task.complete()
    koowatch.wait_entry("state.db: cannot write")
    koowatch.wait_status(".*store is not writable.*")
    assert not koowatch.find("^photos: completed")
    koowatch.limit_file_size(None)
    koowatch.wait_record()
    koowatch.wait_entry("state.db: writable again")
    assert len(koowatch.find("^photos: completed")) == 1
    assert sim.polls(task) == len(sim.requests)


# Through a socket


@pytest.fixture
def through_socket(koowatch):
    koowatch.settings["Hooks"]["Runner"] = koowatch.path / "runner"
    return koowatch


def test_a_runner_behind_a_socket(through_socket, sim):
    through_socket.record()
    path = through_socket.add_task("photos", sim.add_task(), where=through_socket.spool)
    with RunnerSocket(through_socket):
        through_socket.start()
        assert through_socket.wait_record()["argv"] == ["finished", "photos"]
        through_socket.wait_entry("10-record ended: done", KOOWATCH_NAME="photos")
        through_socket.wait(lambda: not path.exists(), "the file's removal")


def test_a_socket_that_is_missing_is_no_attempt(through_socket, sim):
    through_socket.settings["Hooks"]["Attempts"] = "1"
    through_socket.record()
    through_socket.add_task("photos", sim.add_task())
    through_socket.start()
    through_socket.wait_entry("cannot be started or reached")
    with RunnerSocket(through_socket):
        assert through_socket.wait_record()["env"]["KOOWATCH_ATTEMPT"] == "1"
        through_socket.wait_entry("10-record ended: done")


@pytest.mark.parametrize("answer", [b"", b'{"busy":true}\n'])
def test_a_runner_that_is_not_ready_is_no_attempt(through_socket, sim, answer):
    through_socket.settings["Hooks"]["Attempts"] = "1"
    through_socket.record()
    through_socket.add_task("photos", sim.add_task())
    with RunnerSocket(through_socket, answers=[answer]):
        through_socket.start()
        assert through_socket.wait_record()["env"]["KOOWATCH_ATTEMPT"] == "1"
        through_socket.wait_entry("10-record ended: done")


@pytest.mark.parametrize("more", [b"", b"no JSON\n", b'{"start":"finished.d/10-record"}\n'])
def test_a_runner_that_ends_in_between_has_failed(through_socket, sim, more):
    through_socket.settings["Hooks"]["Attempts"] = "1"
    through_socket.record()
    through_socket.add_task("photos", sim.add_task())
    with RunnerSocket(through_socket, answers=[b'{"ready":true}\n' + more]):
        through_socket.start()
        through_socket.wait_entry("^photos: giving up after 1")
    assert through_socket.records() == []


def test_no_hooks_start_no_runner(through_socket, sim):
    path = through_socket.add_task("photos", sim.add_task(), where=through_socket.spool)
    with RunnerSocket(through_socket) as runner:
        through_socket.start()
        through_socket.wait(lambda: not path.exists(), "the file's removal")
        assert runner.accepted == 0


def test_a_runner_that_dies_is_told_of(koowatch, sim):
    koowatch.hook("finished.d/10-kill", "kill -9 $PPID; sleep 60")
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    entry = koowatch.wait_entry("^photos: the hook runner exited before it reported")
    assert entry.message.endswith("(attempt 1, next try in 10 s)")
    assert entry.level == "warning"
    assert entry.fields["KOOWATCH_EVENT_ID"]
