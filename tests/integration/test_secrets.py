"""Tokens and share tokens are where they belong, and nowhere else."""

import json

import pytest
from koodrive_simulator import Simulator
from koowatch import Koowatch, task_text

TOKEN, OLD_TOKEN = "Bearer t0kens3cr3t", "Bearer 0lds3cr3t"
KDSTOKEN, WRONG_KDSTOKEN = "kdss3cr3t0123456789", "wr0ngs3cr3t"
SECRETS = ("t0kens3cr3t", "0lds3cr3t", KDSTOKEN, WRONG_KDSTOKEN)


@pytest.fixture(scope="module")
def story(build):
    """A daemon that has logged everything it can about a task, its faults and its edits."""
    with Simulator(tokens={TOKEN}) as sim:
        koowatch = Koowatch(build, sim.url)
        try:
            tell(koowatch, sim)
            yield koowatch
        finally:
            koowatch.close()


def tell(koowatch, sim):
    koowatch.settings["Daemon"] |= {
        "LogLevel": "debug",
        "MetricsFile": koowatch.path / "metrics",
    }
    koowatch.set_token(OLD_TOKEN)
    koowatch.record()
    koowatch.record("account.d/10-record")
    koowatch.hook("finished.d/20-environment", "tr '\\0' '\\n' </proc/self/environ; cat")
    task = sim.add_task(polls=5, kdstoken=KDSTOKEN)
    path = koowatch.add_task("photos", task, KdsToken=WRONG_KDSTOKEN, mode=0o644)
    bad = f"[Task]\nTaskId={KDSTOKEN} x\nShareId=2\nKdsToken={KDSTOKEN}\x01\n{KDSTOKEN}\n"
    koowatch.add_task("bad", text=bad)
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized")
    koowatch.set_token(TOKEN)
    koowatch.wait_entry("13000416", KOOWATCH_NAME="photos")
    path.write_text(task_text(task, Timeout=KDSTOKEN))
    koowatch.wait_entry("Timeout", KOOWATCH_NAME="photos")
    path.write_text(task_text(task))
    koowatch.wait_entry("20-environment ended: done")
    koowatch.wait_record(event="finished")
    koowatch.reload()


def assert_clean(text):
    assert text
    assert [secret for secret in SECRETS if secret in text] == []


def test_the_story_was_told_in_full(story):
    assert story.find("^photos: polled", KOODRIVE_TASK_STATUS="2")


def test_no_secret_in_the_log(story):
    assert_clean(story.log())


def test_no_secret_in_what_hooks_get(story):
    assert_clean(json.dumps(story.records()))


def test_no_secret_in_the_state_directory(story):
    files = [path for path in story.state.rglob("*") if path.is_file()]
    assert any(path.name == "state.db" for path in files)
    assert_clean(b"".join(path.read_bytes() for path in files).decode("latin-1"))


def test_no_secret_in_what_the_service_manager_is_told(story):
    assert_clean(b"\n".join(story.datagrams).decode())


def test_no_secret_in_the_metrics(story):
    story.wait((story.path / "metrics").exists, "the metrics")
    assert_clean((story.path / "metrics").read_text())


def test_the_state_is_for_its_owner_alone(story):
    """It holds download links."""
    modes = {path.name: path.stat().st_mode & 0o077 for path in story.state.glob("state.db*")}
    assert set(modes.values()) == {0}


def test_nothing_of_the_daemons_environment_reaches_hooks(story):
    assert "SECRET" not in story.records(event="finished")[0]["env"]


@pytest.mark.parametrize("shown", ["full", "redacted"])
def test_how_much_of_a_download_link_is_shown(koowatch, sim, shown):
    koowatch.settings["Daemon"]["DownloadUrl"] = shown
    task = sim.add_task()
    path, _, query = task.download_url.partition("?")
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    assert koowatch.wait_record()["env"]["KOOWATCH_DOWNLOAD_URL"] == f"{path}?{query}"
    status = koowatch.wait_status(".*photos completed.*")
    entry = koowatch.wait_entry("^photos: completed")
    expected = task.download_url if shown == "full" else path
    assert entry.fields["KOODRIVE_DOWNLOAD_URL"] == expected
    assert status.endswith(f", {expected}")
    if shown == "redacted":
        assert task.signature not in koowatch.log()
        assert query not in koowatch.log() + "".join(koowatch.notified("STATUS"))
