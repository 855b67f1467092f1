"""The metrics file, read as text format 0.0.4 and by those who it is for."""

import os
import re
import shutil
import socket
import subprocess
import urllib.request

import pytest

PROMTOOL, EXPORTER = shutil.which("promtool"), shutil.which("prometheus-node-exporter")
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.e+-]+)')
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def parse(text):
    """{(name, labels): value}; each sample must be of the family that was announced last."""
    lines = text.split("\n")
    assert lines[-1] == ""
    samples, helps, families, family = {}, {}, {}, None
    for line in lines[:-1]:
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            known = {"HELP": helps, "TYPE": families}[word]
            assert name not in known and rest, line
            known[name] = rest
            family = name
            continue
        assert family in helps, line
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        assert name in [family + suffix for suffix in SUFFIXES[families[family]]], line
        assert families[family] != "counter" or name.endswith("_total"), line
        pairs = re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or "")
        key = name, frozenset(pairs)
        assert key not in samples, line
        samples[key] = float(value)
    assert list(families) == list(helps)
    return samples


@pytest.fixture
def metrics(koowatch):
    """Reads the samples; of a counter, histogram or gauge with labels by keyword."""
    path = koowatch.path / "metrics.prom"
    koowatch.settings["Daemon"]["MetricsFile"] = path

    def read(name, **labels):
        samples = parse(path.read_text()) if path.exists() else {}
        return samples.get((f"koowatch_{name}", frozenset(labels.items())))

    return read


def test_metrics_of_a_few_tasks(koowatch, sim, metrics):
    koowatch.record(exits=[0])
    koowatch.settings["Hooks"]["Attempts"] = "1"
    sim.faults.add("500", count=1)
    tasks = [sim.add_task(result=2), sim.add_task(cancel=True), sim.add_task()]
    for number, task in enumerate(tasks):
        koowatch.add_task(f"t{number}", task)
    koowatch.add_task("held", sim.add_task(hold=True))
    koowatch.add_task("bad", text="")
    koowatch.hook("named.d/fails", "exit 1")
    koowatch.add_task("parked", sim.add_task(), Hook="fails")
    koowatch.start()
    koowatch.wait_entry("^parked: giving up")
    koowatch.wait_entry("10-record ended", count=4)

    def all_over():
        koowatch.reload()  # writes them anew, without the wait of 15 s
        return metrics("deliveries_parked") == 1 and metrics("deliveries_pending") == 0

    koowatch.wait(all_over, "metrics with what happened")

    assert metrics("finished_total", outcome="completed", result="partial") == 1
    assert metrics("finished_total", outcome="completed", result="succeeded") == 2
    assert metrics("finished_total", outcome="canceled", result="") == 1
    assert metrics("hook_runs_total", result="done") == 4
    assert metrics("hook_runs_total", result="failed") == 1
    assert metrics("watches", state="invalid") == 1
    assert metrics("watches", state="finished") == 4
    assert metrics("watches", state="pending") + metrics("watches", state="running") == 1
    assert metrics("deliveries_pending") == 0
    assert metrics("polls_total", account="default", **{"class": "transient"}) == 1
    assert metrics("polls_total", account="default", **{"class": "task"}) >= 5
    answered = metrics("poll_duration_seconds_count")
    assert answered == metrics("poll_duration_seconds_bucket", le="+Inf") >= 6
    label = "koowatch_account_state"
    assert metrics("account_state", account="default", **{label: "ok"}) == 1
    assert metrics("account_state", account="default", **{label: "unauthorized"}) == 0


@pytest.fixture
def metrics_text(koowatch, sim, metrics):
    """What is there when tasks of two accounts, one of them with an odd name, have ended."""
    odd = "A.b-c_9-" + 24 * "z"
    endpoint = koowatch.settings["Account"]["Endpoint"]
    koowatch.settings[f"Account {odd}"] = {
        "Endpoint": endpoint,
        "TokenFile": koowatch.token_path,
    }
    koowatch.record()
    koowatch.add_task("photos", sim.add_task())
    koowatch.add_task("films", sim.add_task(cancel=True), Account=odd)
    koowatch.start()
    koowatch.wait_record(2)

    def counted():
        koowatch.reload()
        return metrics("hook_runs_total", result="done") == 2

    koowatch.wait(counted, "metrics of both hooks")
    assert metrics("polls_total", account=odd, **{"class": "task"}) >= 1
    koowatch.stop()  # so that the file stays as it is
    return (koowatch.path / "metrics.prom").read_text()


@pytest.mark.skipif(not PROMTOOL, reason="needs promtool")
def test_promtool_finds_nothing_in_the_metrics(metrics_text):
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=metrics_text, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def scrape(directory):
    """What node_exporter says of the *.prom files there, on a socket that it is handed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        fd = listening.fileno()
        exporter = subprocess.Popen(
            # LISTEN_PID is known to the process itself only
            ["bash", "-c", f'exec 3<&{fd}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "bash"]
            + [EXPORTER, "--web.systemd-socket", "--collector.disable-defaults"]
            + ["--collector.textfile", f"--collector.textfile.directory={directory}"],
            pass_fds=[fd],
            env={"PATH": os.environ["PATH"]},
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            return answer.read().decode()
    finally:
        exporter.kill()
        print(exporter.communicate()[1])


@pytest.mark.skipif(not EXPORTER, reason="needs prometheus-node-exporter")
def test_node_exporter_passes_all_metrics_on(koowatch, metrics_text):
    lines = scrape(koowatch.path).splitlines()
    assert "node_textfile_scrape_error 0" in lines
    ours = [line for line in lines if re.match("(# (HELP|TYPE) )?koowatch_", line)]
    assert parse("\n".join([*ours, ""])) == parse(metrics_text)
    announced = [line for line in metrics_text.splitlines() if line.startswith("#")]
    assert sorted(announced) == sorted(line for line in ours if line.startswith("#"))


def test_accounts_are_told_of_while_they_are_configured(koowatch, metrics):
    label = "koowatch_account_state"
    for number in range(300):
        koowatch.settings[f"Account a{number}"] = {"TokenFile": koowatch.token_path}
    koowatch.start()
    shown = lambda: [n for n in range(300) if metrics("account_state", account=f"a{n}", **{label: "ok"})]  # noqa: E731
    koowatch.wait(lambda: shown() == list(range(300)), "300 accounts")
    del koowatch.settings["Account a7"]
    koowatch.reload()
    koowatch.wait(lambda: len(shown()) == 299 and 7 not in shown(), "the others")


def test_metrics_are_there_from_the_start(koowatch, metrics):
    koowatch.start()
    koowatch.wait(lambda: metrics("watches", state="pending") == 0, "the metrics")
    version = koowatch.run("--version").stdout.split()[1]
    assert metrics("build_info", version=version) == 1


def test_metrics_can_be_read_by_all(koowatch, metrics):
    koowatch.start()
    koowatch.wait(lambda: metrics("watches", state="pending") == 0, "the metrics")
    assert (koowatch.path / "metrics.prom").stat().st_mode & 0o777 == 0o644


def test_metrics_that_cannot_be_written_are_warned_of(koowatch, sim):
    koowatch.settings["Daemon"]["MetricsFile"] = koowatch.path / "none" / "metrics"
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("MetricsFile .*cannot write")
    koowatch.reload()  # writes at once
    koowatch.reload()
    (koowatch.path / "none").mkdir()
    koowatch.reload()
    koowatch.wait_entry("MetricsFile .*writable again")
    assert len(koowatch.find("MetricsFile .*cannot write")) == 1
    koowatch.wait_entry("^photos: completed")
