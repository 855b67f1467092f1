"""What the daemon holds open, and watches, is the same after whatever comes back to what it was."""

import contextlib
import pathlib
import shutil

from koodrive_simulator import DEFAULT_TOKEN
from koowatch import age, descriptors, wait_polls

TURNS = 6


def held(koowatch):
    """Descriptors of each kind, and what the kernel watches for each inotify."""
    watches = 0
    for path in pathlib.Path(f"/proc/{koowatch.process.pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):  # it has just been closed
            watches += path.read_text().count("inotify wd:")
    return descriptors(koowatch.process.pid), watches


def assert_flat(koowatch, sim, task, change):
    """change() twice, for caches, then more often; it ends where it began."""
    koowatch.start()
    wait_polls(sim, task)
    change(0)
    change(1)
    wait_polls(sim, task)
    usual, watches = held(koowatch)
    for turn in range(2, TURNS):
        change(turn)
    wait_polls(sim, task)

    def is_usual():
        kinds, count = held(koowatch)
        return not kinds - usual and count <= watches

    koowatch.wait(is_usual, f"{usual}, {watches} watches as before; there are {held(koowatch)}")


def test_reloads_with_other_accounts_and_directories(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    one = {key: dict(value) for key, value in koowatch.settings.items()}

    def change(turn):
        other, extra = sim.add_task(hold=True), koowatch.path / f"extra{turn}"
        extra.mkdir()
        koowatch.add_task(f"music{turn}", other, where=extra, Account="second")
        koowatch.settings["Daemon"]["TaskDirectories"] += f":{extra}"
        token = koowatch.path / f"token-{turn}"
        token.touch(0o600)
        token.write_text(DEFAULT_TOKEN)
        age(token)
        koowatch.settings["Account second"] = koowatch.settings["Account"] | {"TokenFile": token}
        koowatch.reload()
        wait_polls(sim, other)
        koowatch.settings = {key: dict(value) for key, value in one.items()}
        koowatch.reload()

    assert_flat(koowatch, sim, task, change)


def test_reloads_that_are_refused(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)

    def change(_turn):
        koowatch.settings["Account second"] = {"Endpoint": "nonsense"}
        koowatch.reload()
        koowatch.settings.pop("Account second")
        koowatch.reload()

    assert_flat(koowatch, sim, task, change)
    koowatch.wait_entry("not reloaded", count=TURNS)


def test_directories_that_go_and_come_back(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.record()
    koowatch.hook("named.d/mail", "exit 0")

    def change(turn):
        for path in (koowatch.high, koowatch.hooks / "named.d", koowatch.hooks / "finished.d"):
            shutil.rmtree(path)
            path.mkdir(mode=0o755)
        koowatch.record()
        koowatch.hook("named.d/mail", "exit 0")
        ended = sim.add_task()
        koowatch.add_task(f"music{turn}", ended, where=koowatch.high, Hook="mail")
        koowatch.wait_record(taskId=ended.task_id)
        (koowatch.high / f"music{turn}.task").unlink()

    assert_flat(koowatch, sim, task, change)


def test_tokens_that_are_replaced_and_files_that_are_wrong(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)

    def change(turn):
        koowatch.set_token("Bearer wrong")
        koowatch.wait_entry("^account default: unauthorized", count=turn + 1)
        koowatch.set_token(DEFAULT_TOKEN)
        wait_polls(sim, task)
        path = koowatch.add_task("films", text="TaskId\n")
        koowatch.wait_entry("films.task", count=turn + 1)
        path.unlink()

    assert_flat(koowatch, sim, task, change)
