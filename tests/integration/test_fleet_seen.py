"""A fleet as an administrator sees it: koowatchctl, the status line and metrics of its nodes."""

import json
import shutil

import pytest
from bus import Bus, Ctl
from fleet import PATIENCE
from koowatch import wait_polls
from postgresql import IS_STORE

pytestmark = [
    pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is missing"),
    pytest.mark.skipif(IS_STORE, reason="has a server in any case, and runs with the others"),
]


@pytest.fixture
def start(fleet, build):
    """Starts a node on a bus of its own, and returns its koowatchctl."""
    buses = []

    def start(node):
        buses.append(bus := Bus())
        ctl = Ctl(build, bus)
        node.start("--bus", "session", DBUS_SESSION_BUS_ADDRESS=bus.address)
        node.wait(lambda: ctl.run("is-ok").returncode != 4, "the name on the bus")
        return ctl

    yield start
    for bus in buses:
        bus.close()


@pytest.fixture
def two(fleet, start):
    """Node a, which polls, and node b, which could; with the koowatchctl of each."""
    a, b = fleet.add("a"), fleet.add("b")
    of_a = start(a)
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    return a, of_a, b, start(b)


def answer(ctl, *words):
    return json.loads(ctl.run(*words, "--json").stdout)


def rows(ctl):
    """Of `nodes`: {name: its words}, the mark being part of the name."""
    lines = ctl.run("nodes").stdout.replace(" *", "*").splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines[1:]}


def test_nodes_are_listed_on_each(fleet, two):
    a, of_a, _, of_b = two
    fleet.wait(lambda: len(rows(of_a)) == 2, "both nodes")
    assert of_a.run("nodes").stdout.split()[:7] == [
        *("NODE", "STATE", "ACCOUNTS", "LABELS", "SINCE", "LAST-BEAT", "DELIVERIES"),
    ]
    assert rows(of_a)["a*"][:3] == rows(of_b)["a"][:3] == ["alive", "default", "-"]
    assert rows(of_a)["b"][:3] == rows(of_b)["b*"][:3] == ["alive", "-", "-"]
    nodes = answer(of_b, "nodes")["nodes"]
    assert [(n["name"], n["alive"], n["isSelf"]) for n in nodes] == [("a", True, False), ("b", True, True)]
    assert nodes[0]["accounts"] == ["default"] and nodes[0]["pendingDeliveries"] == 0
    a.stop()
    fleet.wait(lambda: rows(of_b)["a"][0] == "gone" and rows(of_b)["b*"][1] == "default", "b is alone")


def test_a_task_says_which_node_polls_it(fleet, two, sim):
    a, of_a, b, of_b = two
    task = sim.add_task(hold=True)
    path = b.add_task("far", task)
    wait_polls(sim, task, 1)
    fleet.wait(lambda: "node a polls account default" in of_b.run("list").stdout, "who polls it")
    assert "Polled by: a" in of_b.run("show", "far").stdout
    assert of_b.run("list", "--no-legend", "-o", "name,state,node").stdout.split() == ["far", "pending", "a"]
    refused = of_b.run("poll", "far")
    assert refused.returncode == 1 and "node a polls account default; ask there" in refused.stderr
    assert answer(of_a, "show", "far")["task"]["file"] == f"b:{path}"
    assert "node" not in answer(of_a, "show", "far")["task"]
    assert of_a.run("poll", "far").returncode == 0
    for verb in "remove", "edit":
        refused = of_a.run(verb, "far")
        assert refused.returncode == 1 and f"b:{path}" in refused.stderr, refused
    assert path.exists()
    b.wait_status(".*; node b: 0 of 1 account")
    a.stop()
    fleet.wait(lambda: "node" not in answer(of_b, "show", "far")["task"], "b polls it")
    b.wait_status(".*; node b: 1 of 1 account")


def test_a_copy_of_a_task_file_is_no_trouble(fleet, two, sim):
    a, of_a, b, of_b = two
    task = sim.add_task(hold=True)
    a.add_task("photos", task)
    b.add_task("photos", task)
    b.add_task("images", task)
    sentinel = sim.add_task(hold=True)
    b.add_task("sentinel", sentinel)
    wait_polls(sim, task, 1)
    wait_polls(sim, sentinel, 1)
    assert of_a.run("list", "--no-legend", "-o", "name").stdout.split() == ["photos", "sentinel"]
    for ctl in of_a, of_b:
        assert ctl.run("is-ok").returncode == 0, ctl.run("is-ok")


def test_an_account_that_no_node_polls(fleet, start, sim):
    a = fleet.add("a")
    metrics = a.path / "metrics.prom"
    a.settings["Daemon"]["MetricsFile"] = metrics
    a.settings["Account office"] = {"Endpoint": sim.url, "TokenFile": a.path / "missing"}
    of_a = start(a)
    sentence = "no node polls account office, this one has no token for it"
    fleet.wait(lambda: sentence in of_a.run("status").stdout, "the trouble")
    a.wait_status(".*; no node polls account office.*")
    fleet.wait(lambda: 'koowatch_account_polled{account="office"} 0\n' in metrics.read_text(), "the metrics")
    text = metrics.read_text()
    assert 'koowatch_account_polled{account="default"} 1\n' in text
    assert "koowatch_node_session 1\n" in text
    assert 'koowatch_node_accounts{state="held"} 1\nkoowatch_node_accounts{state="served"} 1\n' in text


def test_the_database_is_away(fleet, start):
    a = fleet.add("a", has_gate=True)
    of_a = start(a)
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    # It is not on the bus for a moment when it begins anew.
    store = lambda: answer(of_a, "store", "status").get("store", {})  # noqa: E731
    fleet.wait(lambda: store().get("node") == "a", "its name")
    assert store() | {"name": ""} == {
        **{"backend": "postgresql", "name": "", "state": "ok", "node": "a"},
        **{"session": True, "accountsHeld": 1, "accountsServed": 1},
    }
    shown = of_a.run("store", "status").stdout
    assert "State: ok\n" in shown and "polls 1 of 1\n" in shown
    fleet.gates["a"].cut()
    fleet.wait(lambda: store().get("state") == "unreachable", "it is noticed")
    assert {"reason", "since"} <= set(store())
    assert "unreachable, since " in of_a.run("store", "status").stdout
    asked = of_a.run("nodes")
    assert asked.returncode == 1 and "the database does not answer this node" in asked.stderr
    fleet.wait(lambda: store().get("session") is False, "its session is over")
    fleet.gates["a"].mend()
    fleet.wait(lambda: (now := store()).get("state") == "ok" and now.get("session"), "it is back")
    fleet.wait(lambda: of_a.run("nodes").returncode == 0, "the nodes")


def tasks_of(ctl, *filters):
    return [task["name"] for task in answer(ctl, "list", *filters)["tasks"]]


def test_a_task_that_another_node_has_finished(fleet, two, sim):
    a, of_a, b, of_b = two
    held = sim.add_task(hold=True)
    path = b.add_task("far", sim.add_task(files=3))
    b.add_task("other", held)
    a.wait_record(name="far")
    wait_polls(sim, held)
    fleet.wait(lambda: answer(of_b, "show", "far")["task"]["delivery"] == "none", "it is delivered")
    far, seen_by_a = (answer(ctl, "show", "far")["task"] for ctl in (of_b, of_a))
    assert seen_by_a.pop("file") == f"b:{path}" and seen_by_a.pop("settings")
    assert {key: far.get(key) for key in seen_by_a} == seen_by_a
    assert (far["state"], far["outcome"], far["file"]) == ("finished", "completed", str(path))
    assert far["eventId"] and far["runs"] and far["node"] == "a" and "reason" not in far
    assert "completed: all succeeded" in of_b.run("list").stdout
    for filters, names in [
        ([], ["far", "other"]),
        (["--state=finished"], ["far"]),
        (["--state=pending"], ["other"]),
        (["--state=running"], []),
        (["--outcome=completed"], ["far"]),
        (["--outcome=timeout"], []),
        (["--delivery=none"], ["far", "other"]),
        (["--delivery=parked"], []),
    ]:
        assert tasks_of(of_b, *filters) == names, filters
    refused = of_b.run("poll", "far")
    assert refused.returncode == 1 and "task far has finished" in refused.stderr
    held.complete()


def test_a_task_that_another_node_polls_is_waited_for(fleet, two, sim):
    _, _, b, of_b = two
    task = sim.add_task(hold=True)
    b.add_task("far", task)
    wait_polls(sim, task)
    fleet.wait(lambda: "node" in answer(of_b, "show", "far")["task"], "who polls it")
    waiting = of_b.start("wait", "far")
    assert waiting.stdout.readline() == "far: pending\n"
    task.complete()
    assert waiting.communicate(timeout=PATIENCE)[0] == "far: completed: all succeeded\n"
    assert waiting.returncode == 0


@pytest.mark.parametrize("verb", ["redeliver", "dismiss"])
def test_what_another_node_has_given_up(fleet, start, sim, verb):
    a, b = fleet.add("a", Hooks={"Attempts": 1}), fleet.add("b")
    start(a)
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    of_b = start(b)
    a.record(exits=(1,))
    task = sim.add_task(hold=True)
    b.add_task("far", task)
    wait_polls(sim, task)
    assert "task far has not finished" in of_b.run(verb, "far").stderr
    task.complete()
    fleet.wait(lambda: tasks_of(of_b, "--delivery=parked"), "it is given up")
    parked = answer(of_b, "show", "far")["task"]
    assert parked["reason"] == "finished.d/10-record failed with status 1"
    assert f"delivery parked: {parked['reason']}" in of_b.run("list").stdout
    assert parked["reason"] in of_b.run("show", "far").stdout
    assert of_b.run(verb, "far").returncode == 0
    if verb == "redeliver":
        assert b.wait_record(name="far")["event"]["eventId"] == parked["eventId"]
    fleet.wait(lambda: tasks_of(of_b, "--delivery=none") == ["far"], "it is done")
