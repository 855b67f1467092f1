"""Several nodes that share a PostgreSQL server: who polls, who delivers, and what a node's death costs."""

import pathlib
import re
import signal

import pytest
from fleet import PATIENCE, TRUST
from koowatch import descriptors, wait_polls
from postgresql import IS_STORE
from runner_socket import RunnerSocket

pytestmark = pytest.mark.skipif(IS_STORE, reason="has a server in any case, and runs with the others")

FINISHED = "^{}: completed"


def event_ids(fleet, name):
    return {record["event"]["eventId"] for record in fleet.records(name=name)}


def told(fleet, name):
    """Of the outcome, by event and node."""
    return [
        entry.fields["KOOWATCH_EVENT_ID"]
        for node in fleet.nodes.values()
        for entry in node.find(FINISHED.format(name))
    ]


def test_one_node_polls_what_is_registered_on_any(fleet, two, sim):
    a, b = two
    near, far = sim.add_task(), sim.add_task()
    a.add_task("near", near)
    b.add_task("far", far)
    a.wait_entry(FINISHED.format("near"))
    a.wait_entry(FINISHED.format("far"), timeout=PATIENCE)
    fleet.wait(lambda: len(fleet.records()) == 2, "both are delivered")
    assert not fleet.polls_of("b")
    assert len(told(fleet, "far")) == 1
    b.wait_status("watching .*")
    assert fleet.query("SELECT count(*) FROM event WHERE state = 1 AND told") == [(2,)]


def test_a_finished_file_is_removed_where_it_lies(fleet, two, sim):
    _, b = two
    path = b.add_task("spooled", sim.add_task(), where=b.spool)
    fleet.wait(lambda: fleet.records(name="spooled"), "it is delivered")
    fleet.wait(lambda: not path.exists(), "its file is removed")
    fleet.wait(lambda: fleet.query("SELECT count(*) FROM source WHERE gone IS NULL") == [(0,)], "and forgotten")
    again = sim.add_task()
    b.add_task("spooled", again, where=b.spool)
    fleet.wait(lambda: len(fleet.records(name="spooled")) == 2, "another one of that name")


def test_the_same_task_on_two_nodes_is_one_watch(fleet, two, sim):
    a, b = two
    task = sim.add_task(hold=True)
    mine, theirs = a.add_task("photos", task), b.add_task("images", task)
    wait_polls(sim, task, 3)
    mine.unlink()
    wait_polls(sim, task, 3)
    a.wait_entry(".*", timeout=PATIENCE)
    theirs.unlink()
    fleet.wait(lambda: fleet.query("SELECT count(*) FROM task WHERE gone = 0") == [(0,)], "nobody wants it")
    polls = sim.polls(task)
    sentinel = sim.add_task(hold=True)
    a.add_task("sentinel", sentinel)
    wait_polls(sim, sentinel, 5)
    assert sim.polls(task) == polls


def test_a_task_is_done_on_all_nodes(fleet, two, sim):
    """Its files stay, and a node that takes the account knows that it is done."""
    a, b = two
    task, later = sim.add_task(), sim.add_task()
    a.add_task("photos", task)
    b.add_task("photos", task)
    fleet.wait(lambda: fleet.records(name="photos"), "it is delivered")
    polls = sim.polls(task)
    a.stop()
    fleet.wait(lambda: fleet.owner() == "b", "b has the account")
    b.add_task("later", later)
    b.wait_entry(FINISHED.format("later"))
    assert sim.polls(task) == polls
    assert len(event_ids(fleet, "photos")) == 1


def test_two_nodes_have_different_tasks_of_one_name(fleet, two, sim):
    a, b = two
    tasks = [sim.add_task(), sim.add_task()]
    a.add_task("photos", tasks[0])
    b.add_task("photos", tasks[1])
    fleet.wait(lambda: len(event_ids(fleet, "photos")) == 2, "both end")
    assert {r["event"]["taskId"] for r in fleet.records()} == {task.task_id for task in tasks}


def test_a_clean_stop_hands_over(fleet, two, sim):
    """At once: nobody waits until it is silent for 20 s."""
    a, b = two
    task = sim.add_task(hold=True)
    a.add_task("photos", task)
    wait_polls(sim, task, 2)
    a.stop()
    fleet.wait(lambda: fleet.polls_of("b"), "b polls", timeout=10)
    task.complete()
    b.wait_entry(FINISHED.format("photos"))


def test_a_node_is_killed(fleet, two, sim):
    a, b = two
    tasks = [sim.add_task(hold=True) for _ in range(10)]
    for number, task in enumerate(tasks):
        (a, b)[number % 2].add_task(f"task-{number}", task)
    for task in tasks:
        wait_polls(sim, task)
    a.kill()
    for task in tasks:
        task.complete()
    for number in range(10):
        b.wait_entry(FINISHED.format(f"task-{number}"), timeout=PATIENCE)
    fleet.wait(lambda: all(event_ids(fleet, f"task-{n}") for n in range(10)), "all are delivered")
    assert fleet.query("SELECT count(*), count(DISTINCT event_id) FROM event") == [(10, 10)]
    a.start()
    a.wait_status("watching .*")
    assert fleet.owner() == "b"


def test_a_hook_is_run_again_elsewhere_when_its_node_is_killed(fleet, two, sim):
    a, b = two
    a.record(gated=True)
    a.add_task("photos", sim.add_task())
    first = a.wait_record()
    a.kill()
    fleet.wait(lambda: b.records(name="photos"), "b runs it")
    second = b.records(name="photos")[0]
    assert second["event"]["eventId"] == first["event"]["eventId"]
    assert second["event"]["fence"] > first["event"]["fence"]
    assert [second["event"]["node"], first["event"]["node"]] == ["b", "a"]


def test_hooks_run_where_the_label_is(fleet, sim):
    """Who has seen the end tells it, once, and leaves the hooks to a node that has what they need."""
    a, b = fleet.add("a"), fleet.add("b", Hooks={"Labels": "disk tape"})
    a.start()
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    a.add_task("photos", sim.add_task(), RunOn="tape")
    a.wait_entry(FINISHED.format("photos"))
    fleet.wait(lambda: fleet.query("SELECT told FROM event WHERE owner IS NULL") == [(1,)], "a has left it")
    b.start()
    fleet.wait(lambda: b.records(name="photos"), "b runs it")
    fleet.wait(lambda: fleet.query("SELECT state FROM event") == [(1,)], "it is delivered")
    assert not a.records()
    assert len(told(fleet, "photos")) == 1


def test_a_node_that_was_stopped_comes_back(fleet, two, sim):
    """The others have taken what it had: it can write nothing, and begins anew."""
    a, b = two
    a.record(gated=True)
    held, delivered = sim.add_task(hold=True), sim.add_task()
    a.add_task("held", held)
    a.add_task("delivered", delivered)
    a.wait_record()
    wait_polls(sim, held)
    a.process.send_signal(signal.SIGSTOP)
    fleet.wait(lambda: fleet.owner() == "b", "b has the account")
    held.complete()
    b.wait_entry(FINISHED.format("held"), timeout=PATIENCE)
    fleet.wait(lambda: b.records(name="delivered"), "b runs the hook that a had begun")
    a.process.send_signal(signal.SIGCONT)
    a.wait_entry("this node's session in the database is over", timeout=PATIENCE)
    a.add_task("new", sim.add_task())
    b.wait_entry(FINISHED.format("new"), timeout=PATIENCE)
    assert len(told(fleet, "held")) == 1
    assert fleet.query("SELECT count(*), count(DISTINCT event_id) FROM event") == [(3, 3)]


def test_a_node_is_cut_from_the_database(fleet, sim):
    """It goes on for a while, and no longer than the others wait."""
    a, b = fleet.add("a", has_gate=True), fleet.add("b")
    a.start()
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    b.start()
    task = sim.add_task(hold=True)
    a.add_task("photos", task)
    wait_polls(sim, task)
    fleet.gates["a"].cut()
    fleet.wait(lambda: fleet.polls_of("b"), "b polls")
    last, first = fleet.polls_of("a")[-1], fleet.polls_of("b")[0]
    assert last.monotonic < first.monotonic
    a.wait_entry(r"session in the database is over \(no answer")
    task.complete()
    b.wait_entry(FINISHED.format("photos"))
    fleet.gates["a"].mend()
    a.wait_entry("reached again", timeout=PATIENCE)
    a.add_task("new", sim.add_task())
    b.wait_entry(FINISHED.format("new"), timeout=PATIENCE)
    assert fleet.query("SELECT count(*) FROM event") == [(2,)]


def filters(node):
    status = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    return re.search(r"Seccomp_filters:\s+(\d+)", status)[1]


def test_beginning_anew_leaves_nothing_behind(fleet):
    """In the same process: what it has given up for good it gives up once."""
    a = fleet.add("a", has_gate=True)
    with RunnerSocket(a) as runner:
        a.settings["Hooks"]["Runner"] = runner.path
        a.start()
        fleet.wait(lambda: fleet.owner() == "a", "a has the account")
        before = filters(a), descriptors(a.process.pid)
        fleet.gates["a"].cut()
        a.wait_entry("session in the database is over")
        fleet.gates["a"].mend()
        a.wait_entry("this node polls account default", count=2, timeout=PATIENCE)
        fleet.wait(lambda: (filters(a), descriptors(a.process.pid)) == before, "it is as it was")


def test_a_short_cut_costs_nothing(fleet, sim):
    """The session goes on, and what has ended meanwhile is written then."""
    a = fleet.add("a", has_gate=True)
    b = fleet.add("b")
    a.start()
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    b.start()
    task = sim.add_task(hold=True)
    a.add_task("photos", task)
    wait_polls(sim, task)
    session = fleet.query("SELECT session FROM node WHERE name = 'a'")
    fleet.gates["a"].cut()
    a.wait_entry("cannot be reached")
    task.complete()
    fleet.gates["a"].mend()
    a.wait_entry(FINISHED.format("photos"), timeout=TRUST)
    assert fleet.query("SELECT session FROM node WHERE name = 'a'") == session
    assert not a.find("session in the database is over")


def test_only_who_has_a_token_polls(fleet, sim):
    a, b = fleet.add("a"), fleet.add("b")
    b.settings["Account other"] = dict(b.settings["Account"])
    a.settings["Account other"] = dict(a.settings["Account"]) | {"TokenFile": a.path / "none"}
    a.start()
    fleet.wait(lambda: fleet.owner() == "a", "a has the default account")
    b.start()
    a.add_task("photos", sim.add_task(), Account="other")
    b.wait_entry(FINISHED.format("photos"), timeout=PATIENCE)
    assert not fleet.polls_of("a")


def test_a_node_takes_what_it_had_before_a_restart(fleet, two, sim):
    """Alone, or first: nobody waits for its own former life."""
    a, b = two
    b.stop()
    task = sim.add_task(hold=True)
    a.add_task("photos", task)
    wait_polls(sim, task)
    a.kill()
    a.start()
    wait_polls(sim, task, timeout=10)
    assert fleet.owner() == "a"


def test_an_account_leaves_the_configuration(fleet, two, sim):
    a, b = two
    task = sim.add_task(hold=True)
    b.add_task("photos", task)
    wait_polls(sim, task)
    a.settings["Account other"] = a.settings.pop("Account")
    a.reload()
    fleet.wait(lambda: fleet.owner() == "b", "b has the account")
    wait_polls(sim, task)
    assert fleet.polls_of("b")


def test_a_twin_of_the_same_name(fleet, sim):
    """Two machines that are called alike: the one that came last has it, and the other says so."""
    a, twin = fleet.add("a"), fleet.add("twin", Store={"Node": "a"})
    a.start()
    fleet.wait(lambda: fleet.owner() == "a", "it has the account")
    twin.start()
    entry = a.wait_entry("session in the database is over", timeout=PATIENCE)
    assert re.search("Node=", entry.message)
    task = sim.add_task()
    twin.add_task("photos", task)
    twin.wait_entry(FINISHED.format("photos"))
    assert not fleet.polls_of("a")
