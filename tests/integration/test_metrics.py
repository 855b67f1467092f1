"""The metrics file, in both formats, read by those who it is for."""

import os
import pathlib
import re
import time

import pytest

from koodrive_simulator import DEFAULT_TOKEN
from postgresql import sqlite_only

from monitoring import EXPORTER, PROMETHEUS, PROMTOOL, exporting, fetch, run_promtool, scraping, serving

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
except ImportError:
    open_families = None

TOP = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.e+-]+)')
END = "# EOF\n"  # of OpenMetrics
HISTOGRAM = ("_bucket", "_count", "_sum")
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": HISTOGRAM}
OPEN_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": HISTOGRAM, "info": ("_info",), "stateset": ("",)}


def parse(text):
    """{(name, labels): value}; each sample must be of the family that was announced last."""
    suffixes = OPEN_SUFFIXES if text.endswith(END) else SUFFIXES
    lines = text.removesuffix(END).split("\n")
    assert lines[-1] == ""
    samples, helps, families, units, family = {}, {}, {}, {}, None
    for line in lines[:-1]:
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            known = {"HELP": helps, "TYPE": families, "UNIT": units}[word]
            assert name not in known and rest, line
            known[name] = rest
            family = name
            continue
        assert family in helps, line
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        assert name in [family + suffix for suffix in suffixes[families[family]]], line
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
    assert metrics("oldest_delivery_timestamp_seconds") is None  # parked ones do not wait
    assert metrics("polls_total", account="default", **{"class": "transient"}) == 1
    assert metrics("polls_total", account="default", **{"class": "task"}) >= 5
    answered = metrics("poll_duration_seconds_count")
    assert answered == metrics("poll_duration_seconds_bucket", le="+Inf") >= 6
    assert metrics("account_state", account="default", koowatch_account_state="ok") == 1
    assert metrics("account_state", account="default", koowatch_account_state="unauthorized") == 0
    assert metrics("store_writable") == 1


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
    done = run_promtool("check", "metrics", input=metrics_text)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(not EXPORTER, reason="needs prometheus-node-exporter")
def test_node_exporter_passes_all_metrics_on(koowatch, metrics_text):
    with exporting(koowatch.path) as url:
        lines = fetch(f"{url}/metrics").splitlines()
    assert "node_textfile_scrape_error 0" in lines
    assert any(line.startswith("node_textfile_mtime_seconds{file=") for line in lines)
    ours = [line for line in lines if re.match("(# (HELP|TYPE) )?koowatch_", line)]
    passed = parse("\n".join([*ours, ""]))
    assert passed == parse(metrics_text)
    names = {re.sub("_(bucket|count|sum)$", "", name) for name, _ in passed}
    announced = [line for line in metrics_text.splitlines() if line.startswith("#")]
    announced = [line for line in announced if line.split()[2] in names]  # it drops what is empty
    assert sorted(announced) == sorted(line for line in ours if line.startswith("#"))


@pytest.fixture
def open_text(koowatch, request):
    """As metrics_text, in OpenMetrics."""
    koowatch.settings["Daemon"]["MetricsFormat"] = "openmetrics"
    return request.getfixturevalue("metrics_text")


@pytest.mark.skipif(not open_families, reason="needs python3-prometheus-client")
def test_a_strict_parser_takes_the_openmetrics(open_text):
    families = {family.name: family for family in open_families(open_text)}
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    types = {name: family.type for name, family in families.items()}
    assert types["koowatch_polls"] == "counter"
    assert types["koowatch_build"] == "info"
    assert types["koowatch_account_state"] == "stateset"
    assert types["koowatch_poll_duration_seconds"] == "histogram"
    assert families["koowatch_poll_duration_seconds"].unit == "seconds"
    assert samples["koowatch_finished_total", frozenset({("outcome", "canceled"), ("result", "")})] == 1
    with pytest.raises(ValueError):  # so that it sees a file that was cut
        list(open_families(open_text.removesuffix(END)))


OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
CLASSIC = "text/plain; version=0.0.4"


@pytest.mark.skipif(not PROMETHEUS, reason="needs prometheus")
@pytest.mark.parametrize(
    "text, content_type",
    [("open_text", OPENMETRICS), ("metrics_text", CLASSIC)],
    ids=["openmetrics", "prometheus"],
)
def test_prometheus_takes_the_metrics(koowatch, request, text, content_type):
    text = request.getfixturevalue(text)
    with serving({"/metrics": (content_type, text)}) as url, scraping(koowatch.path, [url]) as prometheus:
        koowatch.wait(lambda: prometheus.query("up") == [({"__name__": "up"}, 1)], "a scrape")
        assert prometheus.query('koowatch_finished_total{outcome="canceled"}')[0][1] == 1
        found = prometheus.query('{__name__=~"koowatch_.+"}')
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        assert len(found) == len(samples)
        types = {name: row[0]["type"] for name, row in prometheus.get("metadata").items()}
    assert types["koowatch_poll_duration_seconds"] == "histogram"
    assert types["koowatch_account_state"] == ("stateset" if content_type == OPENMETRICS else "gauge")


def manual():
    """{name: (its labels, type)} of METRICS in koowatchd(8)."""
    page = (TOP / "man/koowatchd.8.scd").read_text().replace("\\", "")
    rows = re.findall(r"^\*(koowatch_\w+)\*(?:\{([\w, ]+)\})?, (\w+)$", page, re.M)
    return {name: (set(labels.split(", ")) - {""}, type) for name, labels, type in rows}


def test_the_manual_has_the_labels_of_each_metric(koowatch, sim, metrics_text):
    documented = manual()
    for name, labels in parse(metrics_text):
        family = re.sub("_(bucket|count|sum)$", "", name)
        of_buckets = documented[family][1] != "histogram" or name.endswith("_bucket")
        assert {label for label, _ in labels} == (documented[family][0] if of_buckets else set()), name


def test_tasks_add_no_samples(koowatch, sim, metrics):
    koowatch.add_task("photos", sim.add_task(hold=True))
    koowatch.start()
    counted = lambda n: sum(metrics("watches", state=s) or 0 for s in ("pending", "running")) == n  # noqa: E731
    path = koowatch.path / "metrics.prom"

    def polled():
        koowatch.reload()
        return (metrics("polls_total", account="default", **{"class": "task"}) or 0) > 0

    koowatch.wait(polled, "a first answer")
    assert counted(1)
    names = [line.rpartition(" ")[0] for line in path.read_text().splitlines()]
    for number in range(50):
        koowatch.add_task(f"t{number}", sim.add_task(hold=True))

    def all_there():
        koowatch.reload()
        return counted(51)

    koowatch.wait(all_there, "51 tasks")
    assert [line.rpartition(" ")[0] for line in path.read_text().splitlines()] == names


def test_when_an_account_last_succeeded_and_failed(koowatch, sim, metrics):
    koowatch.add_task("photos", sim.add_task(hold=True))
    began = time.time()
    koowatch.start()
    success, failure = "account_last_success_timestamp_seconds", "account_last_failure_timestamp_seconds"

    def newer(name, than):
        def look():
            koowatch.reload()
            return (metrics(name, account="default") or 0) > than

        koowatch.wait(look, f"{name} above {than}")
        value = metrics(name, account="default")
        assert value <= time.time() + 0.001
        assert value <= metrics("written_timestamp_seconds") + 0.001
        return value

    newer(success, began - 0.001)
    assert metrics(failure, account="default") is None
    refused_at = time.time()
    koowatch.set_token("Bearer stale")
    last = newer(failure, refused_at - 0.001)
    succeeded = metrics(success, account="default")
    assert metrics("account_state", account="default", koowatch_account_state="unauthorized") == 1
    koowatch.set_token(DEFAULT_TOKEN)
    newer(success, max(last, succeeded))
    assert metrics("account_state", account="default", koowatch_account_state="ok") == 1


def test_the_oldest_delivery_that_waits(koowatch, sim, metrics):
    koowatch.record(exits=[75, 75, 75, 75])
    began = time.time()
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record(1)
    first = time.time()
    koowatch.add_task("films", sim.add_task())
    koowatch.wait_record(2)

    def both():
        koowatch.reload()
        return metrics("deliveries_failing") == 2

    koowatch.wait(both, "two deliveries that fail")
    oldest = metrics("oldest_delivery_timestamp_seconds")
    assert began - 0.001 <= oldest <= first
    koowatch.restart()
    koowatch.wait(both, "they are known again")
    assert metrics("oldest_delivery_timestamp_seconds") == oldest
    koowatch.hook("finished.d/10-record", "exit 0")


@sqlite_only
def test_metrics_tell_of_a_store_that_cannot_be_written(koowatch, sim, metrics):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start(restore_signals=False)  # a signal would come with the error
    koowatch.wait(lambda: metrics("store_writable") == 1, "the metrics")
    koowatch.limit_file_size(16384)  # enough for the metrics
    task.complete()
    koowatch.wait_entry("state.db: cannot write")
    koowatch.reload()
    koowatch.wait(lambda: metrics("store_writable") == 0, "the store in the metrics")
    koowatch.limit_file_size(None)
    koowatch.wait_entry("state.db: writable again")
    koowatch.reload()
    koowatch.wait(lambda: metrics("store_writable") == 1, "the store in the metrics")


def test_metrics_tell_of_a_configuration_with_errors(koowatch, metrics):
    koowatch.start()
    koowatch.wait(lambda: metrics("config_last_reload_successful") == 1, "the metrics")
    koowatch.settings["Poll"]["IntervalMin"] = "never"
    koowatch.reload()
    koowatch.wait(lambda: metrics("config_last_reload_successful") == 0, "the error in the metrics")


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
    directory = koowatch.path / "none"
    koowatch.settings["Daemon"]["MetricsFile"] = directory / "metrics"
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("MetricsFile .*cannot write")
    koowatch.reload()  # writes at once
    koowatch.reload()
    directory.mkdir()
    koowatch.reload()
    koowatch.wait_entry("MetricsFile .*writable again")
    (entry,) = koowatch.find("MetricsFile .*cannot write")
    assert entry.message.endswith(f"retrying every 15 s; create {directory}")
    koowatch.wait_entry("^photos: completed")
    directory.rename(koowatch.path / "elsewhere")
    koowatch.reload()
    koowatch.wait_entry("MetricsFile .*cannot write", count=2)


def test_a_directory_is_no_file_for_metrics(koowatch):
    """What may or may not be written beside it does not matter."""
    directory = koowatch.path / "metrics"
    directory.mkdir()
    koowatch.settings["Daemon"]["MetricsFile"] = directory
    koowatch.start()
    entry = koowatch.wait_entry("MetricsFile .*")
    assert entry.message == f"MetricsFile {directory}: it is a directory, retrying every 15 s; name a file in it"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as setpriv does")
def test_what_to_do_where_metrics_may_not_be_written(koowatch):
    directory = koowatch.path / "closed"
    directory.mkdir(mode=0o555)
    koowatch.settings["Daemon"]["MetricsFile"] = directory / "metrics"
    koowatch.start(wrapper=["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    entry = koowatch.wait_entry("MetricsFile .*cannot write")
    assert f"let the daemon's user write to {directory}, and see SANDBOX in koowatchd(8)" in entry.message
