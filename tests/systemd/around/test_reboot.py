"""Nothing is lost between two boots."""

import pathlib
import subprocess

STORY = pathlib.Path(__file__).with_name("machine_story.py")


def test_a_task_and_its_delivery_outlive_the_machine(machine, build):
    machine.bound.append(build)

    def tell(chapter):
        done = machine.boot("/usr/bin/python3", STORY, chapter)
        assert done.returncode == 0, done.stdout + done.stderr

    tell("register")
    command = machine.command("/usr/bin/python3", STORY, "leave_pending")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        said = process.stdout.readline()
        process.kill()  # and all that runs inside with it
    assert said == b"pending\n"
    tell("deliver")
