"""The boot tool keeps its word."""

import os
import pathlib
import signal
import subprocess

import pytest
from conftest import BOOT, PATIENCE, TOP


def cgroups():
    # Not glob(), which fails when a cgroup of somebody else goes while it looks; os.walk() goes on.
    return {
        pathlib.Path(folder, name)
        for folder, names, _ in os.walk("/sys/fs/cgroup")
        for name in names
        if name.startswith("koowatch-boot.")
    }


def test_streams_and_status_pass(machine):
    done = machine.boot("sh", "-c", "cat; echo err >&2; exit 7", input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in\n", "err\n")


def test_systemd_runs(machine):
    done = machine.boot("sh", "-c", "cat /proc/1/comm; systemctl is-system-running; ls /sys/class/net")
    assert done.stdout.split() == ["systemd", "running", "lo"], done.stderr


def test_what_is_written_stays_where_it_was_wanted(machine, tmp_path):
    machine.bound.append(tmp_path)
    (tmp_path / "before").write_text("x")
    done = machine.boot("sh", "-c", f"mv {tmp_path}/before {tmp_path}/after; echo kept >/etc/boot-test")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["after"]
    assert not pathlib.Path("/etc/boot-test").exists()
    assert machine.boot("cat", "/etc/boot-test").stdout == "kept\n"


def test_a_command_that_takes_too_long(machine):
    assert machine.boot("sleep", "1000", options=("--timeout", "1")).returncode == 124


def is_overlay(path):
    return b"overlay" in subprocess.run(["stat", "-fc", "%T", path], capture_output=True).stdout


@pytest.mark.skipif(is_overlay("/"), reason="no three overlays on one another")
def test_a_boot_within_a_boot():
    boot = [BOOT, "--bind", TOP, "--"]
    command = [*boot, *boot, "systemctl", "is-system-running"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout == "running\n", done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_leaves_nothing(machine, number):
    command = machine.command("sh", "-c", "echo up; exec sleep 1000")
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    process.send_signal(number)
    with process.stdout:
        assert process.stdout.read() == b""  # the sleep had it too, and is gone
    assert process.wait(PATIENCE) == (-number if number == signal.SIGKILL else 128 + number)
    if number != signal.SIGKILL:  # an empty cgroup stays after that, until the next boot
        assert [path for path in cgroups() if path.name.endswith(f".{process.pid}")] == []
