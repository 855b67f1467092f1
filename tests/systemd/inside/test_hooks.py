"""Hooks behind the socket: an instance of the runner for each event."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
from service import (
    DAEMON,
    DEFAULT_TOKEN,
    ETC,
    RUN,
    RUNNER,
    SOCKET,
    STATE,
    instances,
    run,
    show,
    systemctl,
    task_text,
    write_file,
)

CONNECTIONS = 1000


def koowatchd():
    return re.search(r"path=(\S+)", show("ExecStart"))[1]


def cgroups(service):
    return [line.removeprefix("in ") for line in service.output() if line.startswith("in ")]


def test_each_event_has_an_instance_of_its_own(service, sim):
    service.hook("echo user $(id -un); echo in $(sed -n 's/^0:://p' /proc/self/cgroup)")
    for name in ("one", "two"):
        service.add_task(name, sim.add_task())
    service.start()
    service.wait(lambda: len(cgroups(service)) == 2, "both hooks")
    assert service.output().count("user koowatch-hook") == 2
    first, second = cgroups(service)
    assert first != second
    assert re.search(r"/koowatch-hook@[^/]*\.service$", first)
    service.wait(lambda: instances() == [], "the instances' end")


def test_a_sound_hook_is_not_complained_of(service, sim):
    """For the daemon's sandbox nothing below /etc can be executed: for the runner it can."""
    service.hook("echo event")
    service.hook("echo named", "named.d/mine")
    service.add_task("photos", sim.add_task(), Hook="mine")
    service.start()
    service.wait_output("event")
    service.wait_output("named")
    assert not service.find("would not run")


def test_what_a_hook_leaves_behind_is_killed(service, sim):
    """Also what has left the hook's process group, which the runner itself would end."""
    service.gated_hook(before="setsid sh -c 'echo left $$; exec sleep 1000' &")
    service.add_task("photos", sim.add_task())
    service.start()
    pid = int(service.wait_entry("^left ")["MESSAGE"].split()[1])
    service.release()
    service.wait_entry("10-test ended: done")
    service.wait(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the end of what was left")


def test_a_hook_reads_no_secret(service, sim):
    service.start()
    process = f"/proc/{service.pid}"
    token = write_file("/run/koodrive-login/token", "x", mode=0o600, owner="koowatch")
    credentials = [path for path in pathlib.Path("/run/credentials").rglob("*") if path.is_file()]
    secrets = [
        *(f"{process}/{name}" for name in ("mem", "environ", "maps", "fd/0", "root/etc/passwd")),
        *(path for path in STATE.rglob("*") if path.is_file()),
        ETC / "credentials/default.token",
        token,
        *credentials,
    ]
    assert STATE / "state.db" in secrets and credentials
    assert all(os.path.exists(path) for path in secrets)
    service.hook(
        "for path in /etc/passwd /proc/self/environ %s; do\n"
        '    if (: <"$path") 2>/dev/null; then echo "read $path"; fi\n'
        "done\n"
        "if kill -0 %d 2>/dev/null; then echo signalled; fi\n"
        "echo probed" % (" ".join(map(str, secrets)), service.pid)
    )
    service.add_task("photos", sim.add_task())
    service.wait_output("probed")
    assert service.output() == ["read /etc/passwd", "read /proc/self/environ", "probed"]


def test_a_hook_starts_no_other(service, sim):
    service.hook(
        "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"%s\")' 2>/dev/null\n"
        "echo status $?" % SOCKET
    )
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_output("status 1")


@pytest.fixture
def packages():
    path = pathlib.Path("/srv/packages")
    path.mkdir(exist_ok=True)
    path.chmod(0o1777)
    return path


WRITER = """
for directory in %s; do
    if (: >"$directory/test") 2>/dev/null; then echo "wrote $directory"; fi
done
echo user $(id -un)
"""


def test_a_hook_writes_where_a_drop_in_allows(service, sim, packages):
    service.hook(WRITER % f"{packages} {ETC}/hooks {RUN}/tasks.d /usr /run")
    service.add_task("before", sim.add_task())
    service.start()
    service.wait_output("user koowatch-hook")
    assert service.output("before") == ["user koowatch-hook"]
    service.drop_in(RUNNER, f"ReadWritePaths={packages}", "User=daemon", "MemoryMax=1G")
    service.add_task("after", sim.add_task())
    service.wait_output("user daemon")
    assert service.output("after") == [f"wrote {packages}", "user daemon"]


def test_a_hook_has_a_place_of_its_own(service, sim):
    service.hook('(: >"$HOME/test") && echo home; (: >/tmp/test) && echo tmp; echo end')
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_output("end")
    assert service.output() == ["home", "tmp", "end"]
    assert not os.path.exists("/tmp/test")


def test_output_has_the_fields_of_its_task(service, sim):
    task = sim.add_task()
    service.hook("echo hello; echo world >&2")
    service.add_task("photos", task)
    service.start()
    for line in ("hello", "world"):
        service.wait_entry(
            f"^{line}$",
            SYSLOG_IDENTIFIER="koowatch-hook",
            KOOWATCH_NAME="photos",
            KOOWATCH_ACCOUNT="default",
            KOODRIVE_TASK_ID=task.task_id,
            KOODRIVE_SHARE_ID=task.share_id,
        )
    entry = service.wait_entry("^hello$")
    finished = service.wait_entry("^photos: completed")
    assert entry["KOOWATCH_EVENT_ID"] == finished["KOOWATCH_EVENT_ID"]
    assert entry["KOOWATCH_HOOK"].endswith("10-test")


def test_all_of_a_hook_s_output_arrives(service, sim):
    service.hook("i=0; while [ $i -lt 900 ]; do echo line $i; i=$((i + 1)); done")
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_output("line 899")
    assert service.output() == [f"line {number}" for number in range(900)]


def test_a_daemon_that_dies_leaves_the_hook_alone(service, sim):
    service.drop_in(DAEMON, "RestartSec=100ms")
    service.gated_hook()
    service.add_task("photos", sim.add_task())
    service.start()
    event = service.wait_entry("^begin ")["KOOWATCH_EVENT_ID"]
    accepted = int(show("NAccepted", "koowatch-hook.socket"))
    pid = service.pid
    os.kill(pid, signal.SIGKILL)
    service.wait_restarted(pid)
    # The event is offered again while its first instance still runs, and that says no.
    service.wait(lambda: int(show("NAccepted", "koowatch-hook.socket")) > accepted, "another try")
    service.wait(lambda: len(instances()) == 1, "the end of that")
    assert service.output() == [f"begin {event}"]
    service.release()
    service.wait_output(f"end {event}")
    service.wait_output(f"begin {event}", count=2)
    service.release()
    service.wait_output(f"end {event}", count=2)
    service.wait_entry("10-test ended: done")
    assert service.output() == [f"begin {event}", f"end {event}"] * 2


def test_a_restart_leaves_the_hook_alone(service, sim):
    service.gated_hook()
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_entry("^begin ")
    systemctl("restart", DAEMON)
    service.release(2)
    service.wait_entry("10-test ended: done")
    ends = [line.split()[0] for line in service.output()]
    assert ends == ["begin", "end"] * 2


def test_a_socket_that_is_full_costs_no_attempt(service, sim):
    service.drop_in("koowatch-hook.socket", "MaxConnections=1", section="Socket")
    service.gated_hook(before="echo begin $KOOWATCH_ATTEMPT", after="echo end")
    service.start()
    names = ["one", "two", "three"]
    for name in names:
        service.add_task(name, sim.add_task())
    refused = lambda: int(show("NRefused", "koowatch-hook.socket")) >= 2  # noqa: E731
    service.wait(refused, "refusals")
    service.wait_output("begin 1")
    service.release(3)
    service.wait_output("end", count=3)
    assert [service.output(name) for name in names] == [["begin 1", "end"]] * 3


def test_a_thousand_events_do_not_end_the_socket(service, sim):
    service.start()
    answers, clients = [], []
    begin = time.monotonic()
    for number in range(CONNECTIONS):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(SOCKET))
        client.sendall(b'{"event":"none","eventId":"%d","name":"x"}\n' % number)
        clients.append(client)
    assert time.monotonic() - begin < 2, "not the load that is meant"
    for client in clients:
        with client, client.makefile("rb") as lines:
            try:
                answers.append(b"".join(lines))
            except ConnectionResetError:
                answers.append(b"")
    assert set(answers) <= {b"", b'{"ready":true}\n{"done":true}\n'}
    assert any(answers)
    assert show("ActiveState", "koowatch-hook.socket") == "active"
    service.hook("echo hello")
    service.add_task("photos", sim.add_task())
    service.wait_output("hello")


def test_a_runner_has_its_time(service, sim):
    assert show("RuntimeMaxUSec", "koowatch-hook@x.service") not in ("", "infinity")
    service.drop_in(RUNNER, "RuntimeMaxSec=1s")
    service.gated_hook()
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_entry("^begin ")
    service.wait_entry("Failed with result 'timeout'|Service runtime limit reached")
    service.wait(lambda: instances() == [], "the instance's removal")


MANUAL = pathlib.Path(__file__).parents[3] / "man/koowatch-hooks.7.scd"


@pytest.mark.parametrize("who", ["as documented", "root"])
def test_a_hook_by_hand(service, sim, who):
    """The manual's command, by a root who has logged in, when the service has run hooks before."""
    service.hook("echo hello $(id -un)")
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_output("hello koowatch-hook")
    text = MANUAL.read_text().partition("# TESTING A HOOK")[2].split("```")[1]
    command = text.replace("\\\\", "\\")
    assert "runuser -u koowatch-hook -- " in command
    if who == "root":
        command = command.replace("runuser -u koowatch-hook -- ", "")
    login = pathlib.Path("/run/user/0")
    login.mkdir(mode=0o700, parents=True, exist_ok=True)
    said = run("sh", "-c", command, env={**os.environ, "XDG_RUNTIME_DIR": str(login)})
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[0] == {"ready": True} and lines[-1] == {"done": True}
    assert [line["result"] for line in lines if line.get("end") == "finished.d/10-test"] == ["done"]


def test_hooks_in_the_foreground_beside_the_service(service, sim):
    """An ordinary user cannot connect to the service's socket, and needs not."""
    service.start()
    assert SOCKET.exists()
    home = pathlib.Path("/run/koowatch-foreground")
    for directory in ("tasks", "state"):
        (home / directory).mkdir(parents=True)
    write_file(home / "hooks/finished.d/10-test", "#!/bin/sh\necho ran as $(id -un)\n", mode=0o755)
    write_file(home / "token", DEFAULT_TOKEN + "\n", mode=0o600, owner="daemon")
    write_file(home / "tasks/photos.task", task_text(sim.add_task()))
    shutil.chown(home / "state", "daemon")
    config = write_file(
        home / "koowatch.conf",
        f"[Daemon]\nTaskDirectories={home}/tasks\nStateDirectory={home}/state\nLogTarget=console\n"
        f"[Hooks]\nDirectories={home}/hooks\n"
        f"[Account]\nEndpoint={sim.url}\nTokenFile={home}/token\n",
    )
    command = ["timeout", "30", "runuser", "-u", "daemon", "--", koowatchd(), "--bus", "none", "--config", config]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
        try:
            assert any("ran as daemon" in line for line in daemon.stderr)
        finally:
            daemon.terminate()
    shutil.rmtree(home)


def test_what_hooks_store_is_not_for_everybody(service, sim):
    service.hook("umask")
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_output("0027")


def test_an_instance_is_not_restarted(service, sim):
    """As needrestart would do by itself, in the middle of a hook."""
    service.gated_hook()
    service.add_task("photos", sim.add_task())
    service.start()
    event = service.wait_entry("^begin ")["KOOWATCH_EVENT_ID"]
    [instance] = instances()
    for command in ("restart", "try-restart", "start"):
        with pytest.raises(AssertionError, match="refused"):
            systemctl(command, instance)
    service.release()
    service.wait_entry("10-test ended: done")
    assert service.output() == [f"begin {event}", f"end {event}"]


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_an_event_survives_the_restart_of_its_instance(service, sim, how):
    """Whether or not systemd hands the new one the old connection, on which nothing comes."""
    service.drop_in(RUNNER, "RefuseManualStart=no", section="Unit")
    service.gated_hook(before="echo begin $KOOWATCH_ATTEMPT", after="echo end")
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_output("begin 1")
    [instance] = instances()
    if how == "kill":
        systemctl("kill", "-s", "KILL", instance)
    else:
        systemctl("restart", instance, check=False)
    service.wait(lambda: "begin 2" in service.output(), "the next attempt", timeout=60)
    service.release()
    service.wait_entry("10-test ended: done")


def test_hooks_run_behind_the_socket_by_default(service, sim):
    service.hook("echo hello")
    service.add_task("photos", sim.add_task())
    service.start()
    assert service.wait_entry("^hello$")["_SYSTEMD_UNIT"].startswith("koowatch-hook@")
    assert show("ActiveState", "koowatch-hook.socket") == "active"
