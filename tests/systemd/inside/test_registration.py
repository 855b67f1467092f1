"""Who may register tasks by a file in /run/koowatch/tasks.d."""

import grp
import os
import subprocess

import pytest
from service import DAEMON, RUN, run, systemctl, task_text

TASKS = RUN / "tasks.d"


@pytest.fixture(scope="module")
def member(installed):
    """A user that is in the group koowatch besides its own."""
    name = "koowatch-test"
    run("systemd-sysusers", "-", input=f"u {name} -\nm {name} koowatch\n")
    assert name in grp.getgrnam("koowatch").gr_mem
    return name


def publish(user, name, text):
    """As documented: a dot file that is renamed."""
    script = 'cd "$1" && cat >".$2" && mv ".$2" "$2.task"'
    command = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups")
    return subprocess.run(
        [*command, "sh", "-c", script, "sh", str(TASKS), name],
        input=text,
        text=True,
        capture_output=True,
    )


def test_a_member_of_the_group_registers(service, sim, member):
    service.start()
    assert publish(member, "photos", task_text(sim.add_task())).returncode == 0
    service.wait_entry("^photos: completed")
    service.wait(lambda: os.listdir(TASKS) == [], "the removal of what has finished")


def test_nobody_else_registers(service, sim, member):
    systemctl("start", "koowatch-hook.socket")
    for user in ("nobody", "koowatch-hook"):
        group = "nogroup" if user == "nobody" else user
        command = ("setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups")
        for action in (f"touch {TASKS}/x.task", f"ls {TASKS}"):
            done = subprocess.run([*command, "sh", "-c", action], capture_output=True, text=True)
            assert done.returncode != 0 and "Permission denied" in done.stderr


def test_members_cannot_remove_each_other_s(service, sim, member):
    service.start()
    path = service.add_task("photos", sim.add_task(hold=True), where=TASKS, mode=0o640)
    command = ("setpriv", f"--reuid={member}", f"--regid={member}", "--init-groups")
    assert subprocess.run([*command, "rm", "-f", path], capture_output=True).returncode != 0
    assert path.exists()


def test_registrations_survive_a_restart(service, sim, member):
    task = sim.add_task(hold=True)
    service.start()
    assert publish(member, "photos", task_text(task)).returncode == 0
    sim.wait_for(lambda s: s.polls(task))
    systemctl("restart", DAEMON)
    systemctl("stop", DAEMON)
    assert os.listdir(TASKS) == ["photos.task"]
    polls = sim.polls(task)
    systemctl("start", DAEMON)
    sim.wait_for(lambda s: s.polls(task) > polls)
    task.complete()
    service.wait_entry("^photos: completed")
    service.wait(lambda: os.listdir(TASKS) == [], "the removal of what has finished")
