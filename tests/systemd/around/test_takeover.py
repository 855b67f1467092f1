"""Two machines and one state directory: koowatch-nodes(7), Two machines, one of them at work."""

import contextlib
import json
import pathlib
import shutil
import subprocess

import pytest
from conftest import PATIENCE

STORY = pathlib.Path(__file__).with_name("takeover_story.py")
# The other machine has been up for a day longer.
LONGER = ["unshare", "--time", "--boottime", "86400", "--"]


class Teller:
    """A chapter in a boot of its own: it says JSON, a line each, and waits for lines."""

    def __init__(self, machine, chapter, device, before=()):
        command = [*before, *machine.command("/usr/bin/python3", STORY, chapter, device)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # and all that runs inside with it
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()

    def hear(self):
        line = self.process.stdout.readline()
        assert line, "it has ended, as said above"
        return json.loads(line)

    def tell(self, fact):
        print(json.dumps(fact), file=self.process.stdin, flush=True)


def tell(machine, build, tmp_path, chapter):
    device = tmp_path / "device"
    device.mkdir()
    machine.bound += [build, device]
    done = machine.boot("/usr/bin/python3", STORY, chapter, device)
    assert done.returncode == 0, done.stdout + done.stderr


def can_differ_in_uptime():
    return subprocess.run([*LONGER, "true"], capture_output=True).returncode == 0


def test_the_other_machine_goes_on_where_one_has_died(machines, build, tmp_path):
    device = tmp_path / "device"
    device.mkdir()
    alpha, beta = machines(), machines()
    for machine in (alpha, beta):
        machine.bound += [build, device]
    longer = LONGER if can_differ_in_uptime() else []
    with Teller(beta, "take_over", device, longer) as second:
        with Teller(alpha, "work", device) as first:
            left = first.hear()
            second.tell(left)
            assert second.hear() == "refused"
        subprocess.run(["flock", "--timeout", str(PATIENCE), device, "true"], check=True)  # it is dead
        second.tell("go on")
        assert second.hear() == "done"


@pytest.mark.skipif(shutil.which("pcs") is None, reason="pcs is missing")
def test_pacemaker_starts_and_stops_it(machine, build, tmp_path):
    """A cluster of one machine; the constraints of two, and fencing, are only verified."""
    tell(machine, build, tmp_path, "pacemaker")


def test_a_mount_unit_is_mounted_and_unmounted_with_it(machine, build, tmp_path):
    tell(machine, build, tmp_path, "mount_unit")
