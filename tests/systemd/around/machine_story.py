"""What test_reboot does in each of its boots: run inside as `machine_story.py CHAPTER`."""

import json
import pathlib
import sys
import urllib.request

sys.path.append(str(pathlib.Path(__file__).parent.parent))
from service import ETC, Journal, Service, install, run, show, systemctl, write_file  # noqa: E402

SIMULATOR = pathlib.Path(__file__).parents[2] / "simulator/koodrive_simulator.py"
URL = "http://127.0.0.1:8080"
TASKS = pathlib.Path("/var/lib/koodrive-tasks.json")
GO = pathlib.Path("/run/koowatch-test.go")  # what lies in /run is gone with a boot
TASK = "[Task]\nTaskId=11\nShareId=22\n"


def requests():
    with urllib.request.urlopen(f"{URL}/_simulator/requests") as answer:
        return json.load(answer)


def write_tasks(**course):
    TASKS.write_text(json.dumps([{"task_id": "11", "share_id": "22", **course}]))


def journal_of(*matches):
    """Over all boots."""
    run("journalctl", "--sync")
    return [json.loads(line) for line in run("journalctl", "--output=json", *matches).splitlines()]


def register(service):
    """The administrator's boot: all is set up, and a task is running when it ends."""
    install()
    write_tasks(hold=True)
    write_file(
        "/etc/systemd/system/koodrive-simulator.service",
        "[Service]\n"
        f"ExecStart=/usr/bin/python3 {SIMULATOR} --port 8080 --tasks {TASKS}\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    systemctl("enable", "--now", "koodrive-simulator")
    service.hook(f"echo begin\nuntil [ -e {GO} ]; do sleep .05; done\necho end")
    service.write_config()
    systemctl("enable", "--now", "koowatchd")
    write_file(ETC / "tasks.d/photos.task", TASK)
    service.wait_entry("^photos: running")
    write_tasks()


def leave_pending(service):
    """It finishes in this boot, but its hook never does."""
    service.wait_entry("^photos: completed")
    service.wait_output("begin")
    print("pending", flush=True)
    sys.stdin.read()  # until the power fails


def deliver(service):
    """The event is still the same one, and the only one; it may be told again under its id."""
    service.wait_output("begin")
    GO.touch()
    event = service.wait_entry("10-test ended: done")["KOOWATCH_EVENT_ID"]
    before = journal_of("KOODRIVE_TASK_ID=11", "KOOWATCH_OUTCOME=completed")
    finished = [entry for entry in before if entry["MESSAGE"].startswith("photos: completed")]
    assert {entry["KOOWATCH_EVENT_ID"] for entry in finished} == {event}
    assert service.find("^photos: registered") == []
    assert requests() == []
    service.wait_status("watching 0 .* 1 finished")
    assert (ETC / "tasks.d/photos.task").exists() and show("NRestarts") == "0"


if __name__ == "__main__":
    systemctl("is-active", "multi-user.target")
    globals()[sys.argv[1]](Service(Journal(), URL))
