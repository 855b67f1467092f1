"""What test_takeover does in each of its boots: run inside as `takeover_story.py CHAPTER DEVICE`.

DEVICE is a directory that stands for the block device: it is mounted by a bind mount.
"""

import json
import os
import pathlib
import re
import shlex
import signal
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent))
from page import blocks  # noqa: E402
from service import DAEMON, PATIENCE, STATE, Journal, Service, install, instances, run, show, systemctl  # noqa: E402
from koodrive_simulator import Simulator  # noqa: E402

DEVICE = sys.argv[2]
PAGE = "koowatch-nodes.7"
GO = pathlib.Path("/run/koowatch-test.go")
IDS = {"done": "1", "photos": "2", "films": "3"}


def say(fact):
    print(json.dumps(fact), flush=True)


def hear():
    return json.loads(sys.stdin.readline())


def set_up(service):
    """As the page says, on either machine."""
    users, units = blocks(PAGE, "Both machines")
    run("sh", "-ec", users)
    install()
    for user, ids in {"koowatch": "881|881", "koowatch-hook": "882|882"}.items():
        assert run("sh", "-c", f"id -u {user}; id -g {user}").replace("\n", "|") == ids
    run("sh", "-ec", units)
    # Not by the gate: with the machine its writer dies, which would let the hook end well.
    service.hook(
        "echo begin $KOOWATCH_EVENT_ID\n"
        f'until [ -e {GO} ] || [ "$KOOWATCH_NAME" = done ]; do sleep .05; done'
    )
    service.write_config()


def add(service, name, *options):
    service.wait(lambda: run("busctl", "status", "org.koowatch1", check=False), "the name on the bus")
    run("koowatchctl", "add", name, "--task-id", IDS[name], "--share-id", "9", *options)


def shown(name):
    return json.loads(run("koowatchctl", "show", "--json", name))["task"]


def begun(service):
    return [line.removeprefix("begin ") for line in service.output() if line.startswith("begin ")]


def mount():
    run("mount", "--bind", DEVICE, str(STATE))


def work(service, sim):
    """One outcome is delivered, a hook runs for another one, and a task runs, when the machine dies."""
    set_up(service)
    mount()
    sim.add_task(IDS["done"], "9")
    sim.add_task(IDS["photos"], "9")
    sim.add_task(IDS["films"], "9", hold=True)
    systemctl("start", DAEMON)
    add(service, "films", "--timeout", "12h")
    service.wait_entry("^films: running")
    add(service, "done")
    done = service.wait_entry("10-test ended: done", KOOWATCH_NAME="done")["KOOWATCH_EVENT_ID"]
    add(service, "photos")
    photos = service.wait_entry("^photos: completed")["KOOWATCH_EVENT_ID"]
    service.wait_output(f"begin {photos}")
    say({"done": done, "photos": photos, "registered": shown("films")["registeredAt"]})
    sys.stdin.read()  # until it dies


def refuses_to_start_without_the_device(service):
    before = sorted(STATE.rglob("*")) if STATE.exists() else []
    assert "failed" in run("sh", "-c", f"systemctl start {DAEMON} 2>&1 || echo failed")
    service.wait_entry("Starting requested but asserts failed", UNIT=DAEMON)
    assert (sorted(STATE.rglob("*")) if STATE.exists() else []) == before


def refuses_a_directory_in_use(service):
    """Here the other machine has the same kernel, and so the lock is seen."""
    systemctl("start", DAEMON, check=False)
    service.wait_entry("StateDirectory /var/lib/koowatch: in use by another koowatchd; stop that one")
    systemctl("stop", DAEMON)


def take_over(service, sim):
    set_up(service)
    refuses_to_start_without_the_device(service)
    mount()
    left = hear()
    refuses_a_directory_in_use(service)
    say("refused")
    hear()

    film = sim.add_task(IDS["films"], "9", hold=True)
    systemctl("start", DAEMON)
    service.wait_output(f"begin {left['photos']}")
    GO.touch()
    service.wait_entry("10-test ended: done", KOOWATCH_EVENT_ID=left["photos"])
    GO.unlink()
    assert begun(service) == [left["photos"]]  # no other event, and nothing twice
    sim.wait_for(lambda sim: sim.polls(film) >= 4, timeout=PATIENCE)
    assert {request.task_id for request in sim.requests} == {IDS["films"]}  # not what has ended

    films = shown("films")
    assert (films["state"], films["registeredAt"]) == ("running", left["registered"])
    film.complete(1)
    event = service.wait_entry("^films: completed")["KOOWATCH_EVENT_ID"]
    assert event not in left.values()
    leaves_no_hook_behind(service, event)
    say("done")


def leaves_no_hook_behind(service, event):
    """When the stop has returned: from then on the device may go to the other machine."""
    service.wait_output(f"begin {event}")
    systemctl("stop", DAEMON)
    assert instances() == []
    run("umount", str(STATE))


COROSYNC = """
totem {
    version: 2
    cluster_name: koowatch
}
nodelist {
    node {
        ring0_addr: 127.0.0.1
        name: alpha
        nodeid: 1
    }
}
quorum {
    provider: corosync_votequorum
}
"""


def commands(block):
    return [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]


def wait_for_pacemaker(service, pattern):
    service.wait(lambda: re.search(pattern, run("crm_mon", "-1", check=False)), pattern, timeout=2 * PATIENCE)


def join_a_cluster(service):
    """Of this machine alone, and so without anybody who could fence."""
    run("hostname", "alpha")
    pathlib.Path("/etc/corosync/corosync.conf").write_text(COROSYNC)
    systemctl("start", "pacemaker")
    wait_for_pacemaker(service, r"Online:.* alpha ")


def verify_what_takes_two(fencing, resources, drbd):
    """Their agents need not be installed."""
    run("pcs", "cluster", "cib", "/tmp/cib.xml")
    for pcs, *words in commands(fencing) + commands(resources) + commands(drbd):
        force = ["--force"] if {"stonith", "ocf:linbit:drbd"} & set(words) else []
        run(pcs, "-f", "/tmp/cib.xml", *words, *force)
    assert run("crm_verify", "-V", "-x", "/tmp/cib.xml") == ""


def pacemaker(service, sim):
    """It mounts and starts, starts again after a crash, and stops and unmounts."""
    set_up(service)
    join_a_cluster(service)
    _, fencing, resources, drbd = blocks(PAGE, "Pacemaker")
    verify_what_takes_two(fencing, resources, drbd)

    run("pcs", "property", "set", "stonith-enabled=false")
    device = re.compile(r"device=\S+(.*) fstype=ext4")
    for command in commands(device.sub(rf"device={DEVICE}\1 fstype=none options=bind", resources)):
        run(*command)
    wait_for_pacemaker(service, r"koowatchd\s.*Started alpha")  # until then a crash is a failed start
    pid = service.pid
    os.kill(pid, signal.SIGKILL)
    service.wait_restarted(pid)

    sim.add_task(IDS["photos"], "9")
    add(service, "photos")
    event = service.wait_entry("^photos: completed")["KOOWATCH_EVENT_ID"]
    service.wait_output(f"begin {event}")
    run("pcs", "node", "standby", "alpha", "--wait=50")
    assert (show("ActiveState"), instances()) == ("inactive", [])
    assert (pathlib.Path(DEVICE) / "state.db").exists() and not STATE.is_mount()


def mount_unit(service, sim):
    """As keepalived's scripts do: the start mounts, and the unmounting stops."""
    set_up(service)
    fstab, keepalived = blocks(PAGE, "keepalived")
    device, rest = fstab.split(maxsplit=1)
    assert rest.startswith("/var/lib/koowatch ext4 noauto ")
    pathlib.Path("/etc/fstab").write_text(f"{DEVICE} {rest}".replace(" ext4 noauto", " none bind,noauto"))
    generator = pathlib.Path("/etc/systemd/system-generators/systemd-fstab-generator")
    generator.unlink(missing_ok=True)  # boot has masked it
    systemctl("daemon-reload")
    notify = dict(re.findall(r'notify_(\w+) "(.*)"', keepalived))
    assert notify.keys() == {"master", "backup", "fault", "stop"}
    assert notify["backup"] == notify["fault"] == notify["stop"]

    sim.add_task(IDS["photos"], "9")
    run(*notify["master"].split())
    assert (pathlib.Path(DEVICE) / "state.db").exists()
    add(service, "photos")
    event = service.wait_entry("^photos: completed")["KOOWATCH_EVENT_ID"]
    service.wait_output(f"begin {event}")
    run(*notify["backup"].split())
    assert (show("ActiveState"), instances()) == ("inactive", [])
    assert not STATE.is_mount()


if __name__ == "__main__":
    systemctl("is-active", "multi-user.target")
    with Simulator(seed=None) as simulator:
        service = Service(Journal(), simulator.url)
        try:
            globals()[sys.argv[1]](service, simulator)
        except BaseException:
            print(service.log(), file=sys.stderr)
            raise
