"""The metrics of the service, read by another user, and by node_exporter as the manual says."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import urllib.request

import pytest
from service import DAEMON, run, systemctl

TOP = pathlib.Path(__file__).resolve().parents[3]
EXPORTER = shutil.which("prometheus-node-exporter")
DIRECTORY = "/var/lib/prometheus/node-exporter"


def as_user(user):
    return ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups"]


def test_others_can_read_the_metrics_where_the_service_can_write(service):
    path = "/run/koowatchd/koowatch.prom"
    service.settings["Daemon"] = {"MetricsFile": path}
    service.start()
    service.wait(lambda: pathlib.Path(path).exists(), "the metrics")
    assert "koowatch_build_info{" in run(*as_user("nobody"), "cat", path)


def test_the_metrics_of_a_service_that_is_gone_stay(service):
    """By their age an alert knows; without them it would hear of nothing."""
    path = pathlib.Path("/run/koowatchd/koowatch.prom")
    service.settings["Daemon"] = {"MetricsFile": path}
    service.start()
    service.wait(path.exists, "the metrics")
    systemctl("stop", DAEMON)
    assert "koowatch_written_timestamp_seconds " in path.read_text()
    path.unlink()


def commands_of_the_manual():
    page = (TOP / "man/koowatchd.8.scd").read_text()
    part = re.search(r"^# METRICS\n(.*?)^# ", page, re.M | re.S)[1]
    (block,) = re.findall(r"^```\n(.*?)^```$", part, re.M | re.S)
    assert DIRECTORY in block
    return block


def scrape():
    """What node_exporter, as the user of its service, says on a socket that it is handed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, fd = listening.getsockname()[1], listening.fileno()
        exporter = subprocess.Popen(
            [*as_user("prometheus"), "bash", "-c"]
            + [f'exec 3<&{fd}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "bash", EXPORTER]
            + ["--web.systemd-socket", "--collector.disable-defaults", "--collector.textfile"]
            + [f"--collector.textfile.directory={DIRECTORY}"],
            pass_fds=[fd],
            env={"PATH": os.environ["PATH"]},
        )
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                return answer.read().decode()
        finally:
            exporter.kill()
            exporter.wait()


@pytest.mark.skipif(not EXPORTER, reason="needs prometheus-node-exporter")
def test_node_exporter_reads_them_once_the_manual_was_followed(service):
    path = f"{DIRECTORY}/koowatch.prom"
    service.settings["Daemon"] = {"MetricsFile": path}
    service.start()
    refused = service.wait_entry("MetricsFile .*cannot write")
    assert f"needs ReadWritePaths={DIRECTORY} in a drop-in" in refused["MESSAGE"]
    try:
        run("sh", "-euc", commands_of_the_manual())
        service.wait(lambda: pathlib.Path(path).exists(), "the metrics")
        assert 'koowatch_account_state{account="default",koowatch_account_state="ok"} 1' in scrape()
    finally:
        run("dpkg-statoverride", "--remove", DIRECTORY, check=False)
        shutil.rmtree("/etc/systemd/system/koowatchd.service.d", ignore_errors=True)
        systemctl("daemon-reload")
