"""The metrics file, read by a small parser of OpenMetrics text."""

import re

import pytest

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.e+-]+)')
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
    "info": ("_info",),
    "stateset": ("",),
}


def parse(text):
    """{(name, labels): value}; each sample must be of the family that was announced last."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""]
    samples, families, family = {}, {}, None
    for line in lines[:-2]:
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            assert word in ("TYPE", "HELP", "UNIT")
            if word == "TYPE":
                assert name not in families, line
                families[name] = rest
                family = name
            assert name == family, line
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        assert name in [family + suffix for suffix in SUFFIXES[families[family]]], line
        pairs = re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or "")
        key = name, frozenset(pairs)
        assert key not in samples, line
        samples[key] = float(value)
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
    koowatch.wait_entry("^parked: parked")
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
    koowatch.wait_entry("MetricsFile .*cannot be written")
    koowatch.reload()  # writes at once
    koowatch.reload()
    (koowatch.path / "none").mkdir()
    koowatch.reload()
    koowatch.wait_entry("MetricsFile .*can be written again")
    assert len(koowatch.find("MetricsFile .*cannot be written")) == 1
    koowatch.wait_entry("^photos: completed")
