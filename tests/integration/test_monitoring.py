"""conf/monitoring: alert rules, dashboard and Zabbix template, against the metrics that the manual names.

test_metrics.py holds the manual against the daemon.
"""

import json
import pathlib
import re
import uuid

import pytest

from koodrive_simulator import DEFAULT_TOKEN
from monitoring import EXPORTER, PROMETHEUS, PROMTOOL, exporting, run_promtool, scraping

yaml = pytest.importorskip("yaml", reason="needs python3-yaml")

TOP = pathlib.Path(__file__).resolve().parents[2]
MONITORING = TOP / "conf/monitoring"
RULES = MONITORING / "koowatch.rules.yml"
RULE_TESTS = TOP / "tests/integration/koowatch.rules.test.yml"
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="needs promtool")


def metrics():
    """{name of a sample: its labels} of METRICS in koowatchd(8)."""
    page = (TOP / "man/koowatchd.8.scd").read_text().replace("\\", "")
    found = {}
    for name, labels, type in re.findall(r"^\*(koowatch_\w+)\*(?:\{([\w, ]+)\})?, (\w+)$", page, re.M):
        labels = set(re.findall(r"\w+", labels))
        if type == "histogram":
            found |= {f"{name}_bucket": labels, f"{name}_count": labels - {"le"}, f"{name}_sum": labels - {"le"}}
        else:
            found[name] = labels
    assert found
    return found


def check_names(expression):
    """Returns the metrics in it; they are there, and have the labels that are chosen by."""
    known = metrics()
    found = set()
    for name, selector in re.findall(r"\b(koowatch_\w+)\b(?! *(?:=[^=]|!=))(?:\{([^}]*)\})?", expression):
        assert name in known, f"{name} in {expression}"
        labels = re.findall(r"(\w+)\s*[=!]", re.sub(r'"[^"]*"', '""', selector or ""))
        assert set(labels) - {"instance", "job"} <= known[name], expression
        found.add(name)
    assert found, expression
    return found


def verbs():
    """Of koowatchctl."""
    found = re.findall(r'^        \{ "([\w-]+)", ', (TOP / "daemon/koowatchctl/main.c").read_text(), re.M)
    assert "list" in found
    return found


def commands(text):
    """What it says to run, with one name for any account; what is koowatchctl's is known to it."""
    found = re.findall(r'"((?:koowatchctl|systemctl|journalctl) [^"]*)"', text)
    for command in found:
        words = command.split()
        assert words[0] != "koowatchctl" or words[1] in verbs(), command
    return {re.sub(r"\{\{ \$labels.account \}\}|\{#ACCOUNT\}", "ACCOUNT", command) for command in found}


def alerts():
    """{name: rule}"""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found = {rule["alert"]: rule for rule in group["rules"]}
    assert len(found) == len(group["rules"])
    return found


# Alert rules


@needs_promtool
def test_promtool_accepts_the_rules():
    done = run_promtool("check", "rules", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_each_alert_fires_and_clears():
    done = run_promtool("test", "rules", RULE_TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = yaml.safe_load(RULE_TESTS.read_text())["tests"]
    fired = set()
    for case in cases:
        steps = [step.get("exp_samples") for step in case["promql_expr_test"]]
        assert all(step["expr"] == 'ALERTS{alertstate="firing"}' for step in case["promql_expr_test"])
        for sample in filter(None, steps):
            fired |= set(re.findall(r'alertname="(\w+)"', sample[0]["labels"]))
    assert fired == alerts().keys()


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_to_do(name):
    rule = alerts()[name]
    check_names(rule["expr"])
    assert rule["labels"].keys() == {"severity"} and rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"].keys() == {"summary", "description"}
    assert commands(rule["annotations"]["description"])


# Dashboard


def panels():
    return json.loads((MONITORING / "koowatch.grafana.json").read_text())["panels"]


def expressions():
    return [target["expr"] for panel in panels() for target in panel.get("targets", [])]


def test_the_dashboard_shows_each_metric():
    shown = set().union(*map(check_names, expressions()))
    assert shown | {"koowatch_poll_duration_seconds_count", "koowatch_poll_duration_seconds_sum"} == metrics().keys()


@needs_promtool
def test_prometheus_can_parse_what_the_dashboard_asks(tmp_path):
    variables = {"$__rate_interval": "5m", "$instance": ".*"}
    rules = []
    for number, expression in enumerate(expressions()):
        for name, value in variables.items():
            expression = expression.replace(name, value)
        assert "$" not in expression
        rules.append({"record": f"panel:{number}", "expr": expression})
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = run_promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_has_the_form_that_grafana_imports():
    dashboard = json.loads((MONITORING / "koowatch.grafana.json").read_text())
    assert dashboard["uid"] == "koowatch" and dashboard["schemaVersion"] >= 36 and "id" not in dashboard
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert variables["instance"]["datasource"] == source
    assert len({panel["id"] for panel in panels()}) == len(panels())
    places = set()
    for panel in panels():
        at = panel["gridPos"]
        assert 0 <= at["x"] and at["x"] + at["w"] <= 24
        squares = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not squares & places, panel["title"]
        places |= squares
        if panel["type"] != "row":
            assert panel["datasource"] == source and panel["targets"]
            assert all(target["datasource"] == source for target in panel["targets"])
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


# Zabbix


def template():
    (found,) = yaml.safe_load((MONITORING / "koowatch.zabbix.yml").read_text())["zabbix_export"]["templates"]
    return found


def items():
    """The dependent ones, and the prototypes."""
    (rule,) = template()["discovery_rules"]
    return [item for item in template()["items"] if item.get("type") == "DEPENDENT"], rule["item_prototypes"]


def triggers():
    plain, prototypes = items()
    found = [trigger for item in plain for trigger in item.get("triggers", [])]
    return found + [trigger for item in prototypes for trigger in item.get("trigger_prototypes", [])]


def nodes(value):
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def test_the_zabbix_template_has_uuids_of_its_own():
    export = yaml.safe_load((MONITORING / "koowatch.zabbix.yml").read_text())["zabbix_export"]
    assert export["version"] == "6.0"
    found = [node["uuid"] for node in nodes(export) if "uuid" in node]
    assert len(set(found)) == len(found) > len(triggers())
    for text in found:
        assert re.fullmatch("[0-9a-f]{32}", text)
        assert uuid.UUID(text).version == 4 and uuid.UUID(text).variant == uuid.RFC_4122


def test_zabbix_items_come_from_metrics_that_are_there():
    (rule,) = template()["discovery_rules"]
    (master,) = [item for item in template()["items"] if item.get("type") != "DEPENDENT"]
    plain, prototypes = items()
    for item in [*plain, *prototypes, rule]:
        assert item["master_item"] == {"key": master["key"]} and item["delay"] == "0"
        pattern, *rest = item["preprocessing"][0]["parameters"]
        (name,) = check_names(pattern)
        if rest and rest[0] == "label":
            assert rest[1] in metrics()[name]
    keys = [item["key"] for item in [*plain, *prototypes, rule, master]]
    assert len(set(keys)) == len(keys)


def test_zabbix_triggers_name_items_and_macros_that_are_there():
    plain, prototypes = items()
    keys = {item["key"] for item in [*plain, *prototypes]}
    macros = {macro["macro"] for macro in template()["macros"]}
    used = set()
    for trigger in triggers():
        named = re.findall(r"/koowatch by Zabbix agent/([^,)]+)", trigger["expression"])
        assert named and set(named) <= keys, trigger
        used |= set(re.findall(r"\{\$[A-Z.]+\}", trigger["expression"]))
    master = {macro for item in template()["items"] for macro in re.findall(r"\{\$[A-Z.]+\}", item["key"])}
    assert used | master == macros


def test_zabbix_triggers_match_the_alerts():
    """By what they say to run. An alert about missing metrics is that about old ones there."""
    of_alerts = {
        (frozenset(commands(rule["annotations"]["description"])), rule["labels"]["severity"])
        for name, rule in alerts().items()
        if name != "KoowatchMetricsMissing"
    }
    priority = {"HIGH": "critical", "WARNING": "warning"}
    of_triggers = {(frozenset(commands(row["description"])), priority[row["priority"]]) for row in triggers()}
    assert of_triggers == of_alerts
    assert len(triggers()) == len(alerts()) - 1


# All together


def quick_rules(path):
    """The rules, without waits."""
    text = re.sub(r"^        for: .*\n", "", RULES.read_text(), flags=re.M)
    text, n = re.subn("(koowatch_written_timestamp_seconds) > 120", r"\1 > 3", text)
    assert n == 1
    path.write_text(text)
    return path


def zabbix_rows(pattern, text):
    """The lines of the metrics that a pattern of Zabbix' chooses."""
    name, selector, value = re.fullmatch(r"(\w+)(?:\{(.*)\})?(?: == (\S+))?", pattern).groups()
    chosen = set(re.findall(r'\w+="[^"]*"', selector or ""))
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name and chosen <= set(re.findall(r'\w+="[^"]*"', match[2] or "")):
            if value is None or float(match[3]) == float(value):
                found.append(line)
    return found


def test_zabbix_finds_one_value_for_each_item(koowatch, sim):
    path = koowatch.path / "koowatch.prom"
    koowatch.settings["Daemon"]["MetricsFile"] = path
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    koowatch.reload()
    koowatch.wait(lambda: "last_success_timestamp_seconds{" in path.read_text(), "a success")
    text = path.read_text()
    plain, prototypes = items()
    for item in [*plain, *prototypes]:
        step = item["preprocessing"][0]
        pattern, how, _ = step["parameters"]
        rows = zabbix_rows(pattern.replace("{#ACCOUNT}", "default"), text)
        assert len(rows) == 1 or how == "function" or step.get("error_handler") and not rows, (pattern, rows)


@pytest.mark.skipif(not (PROMETHEUS and EXPORTER), reason="needs prometheus, prometheus-node-exporter")
def test_alerts_fire_and_clear(koowatch, sim):
    """With node_exporter and Prometheus: a refused token, an invalid file, a daemon that is gone."""
    metrics_path = koowatch.path / "textfiles"
    metrics_path.mkdir()
    koowatch.settings["Daemon"]["MetricsFile"] = metrics_path / "koowatch.prom"
    koowatch.set_token("Bearer stale")
    koowatch.add_task("photos", sim.add_task(hold=True))
    bad = koowatch.add_task("bad", text="[Task]\n")
    koowatch.start()
    rules = quick_rules(koowatch.path / "rules.yml")
    with exporting(metrics_path) as url, scraping(koowatch.path, [url], [rules]) as prometheus:

        def firing(*expected):
            def look():
                if koowatch.process:
                    koowatch.reload()  # writes the metrics
                return prometheus.firing().keys() == set(expected)

            koowatch.wait(look, f"the alerts {expected}")

        firing("KoowatchAccountUnauthorized", "KoowatchInvalidTaskFiles")
        alert = prometheus.firing()["KoowatchAccountUnauthorized"]
        instance = url.removeprefix("http://")
        assert alert["annotations"]["summary"] == f"KooDrive refuses account default on {instance}"
        assert '"koowatchctl account default"' in alert["annotations"]["description"]
        koowatch.set_token(DEFAULT_TOKEN)
        bad.unlink()
        firing()
        koowatch.kill()
        firing("KoowatchMetricsOld")
        koowatch.start()
        firing()
