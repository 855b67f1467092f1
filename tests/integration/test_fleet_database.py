"""A fleet whose database is in trouble: what it costs, and what the nodes do to the database."""

import contextlib
import subprocess

import pytest
from koowatch import wait_polls
from postgresql import IS_STORE, PostgreSQL

pytestmark = pytest.mark.skipif(IS_STORE, reason="has servers of its own, and runs with the others")

FINISHED = "^{}: completed"


@pytest.fixture
def postgresql(server):
    """Each test spoils its own."""
    return server


@contextlib.contextmanager
def administrator(fleet, sql):
    """Somebody who has begun a transaction, and is away from the terminal."""
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", fleet.server.conninfo]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
        psql.stdin.write(f"SET search_path TO {fleet.name}; BEGIN; {sql}; SELECT 'done';\n")
        psql.stdin.flush()
        while (line := psql.stdout.readline()) != "done\n":
            assert line, "psql has ended"
        yield
        psql.stdin.close()


def test_a_lock_does_not_pile_up_connections(fleet, two, sim):
    """A server goes on to wait for a lock when the client is gone, and has no connections left in the end."""
    a, b = two
    task = sim.add_task(hold=True)
    a.add_task("photos", task)
    wait_polls(sim, task)
    seen = set()

    def connections():
        rows = fleet.server.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'koowatchd'")
        seen.update(rows)
        return rows

    with administrator(fleet, "SELECT FROM node FOR UPDATE"):
        fleet.wait(lambda: connections() and len(seen) >= 3 * len(two), "they have tried again")
        assert len(connections()) <= 2 * len(two)
    task.complete()
    fleet.wait(lambda: a.find(FINISHED.format("photos")) or b.find(FINISHED.format("photos")), "it goes on")
    assert fleet.query("SELECT count(*) FROM event") == [(1,)]


def test_a_table_that_is_gone(fleet, two, sim):
    """The session ends, with the reason in the server's words."""
    a, _ = two
    fleet.server.query(f"ALTER TABLE {fleet.name}.node RENAME TO node_away")
    over = a.wait_entry("this node's session in the database is over")
    assert f'relation "{fleet.name}.node" does not exist' in over.message
    fleet.server.query(f"ALTER TABLE {fleet.name}.node_away RENAME TO node")
    a.add_task("photos", sim.add_task())
    fleet.wait(lambda: fleet.records(name="photos"), "it goes on")


def test_a_server_that_is_read_only(fleet, two, sim):
    """It is said whose that is: of a file system here nobody can do anything about it."""
    a, b = two
    task = sim.add_task(hold=True)
    a.add_task("photos", task)
    wait_polls(sim, task)
    fleet.server.query("ALTER SYSTEM SET default_transaction_read_only = on")
    fleet.server.query("SELECT pg_reload_conf()")
    for node in (a, b):
        node.wait_entry("cannot be reached .*read-only")
        assert not node.find("file system")
    for sql in ("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"):
        fleet.server.query(sql, options="-c default_transaction_read_only=off")
    task.complete()
    fleet.wait(lambda: fleet.records(name="photos"), "it goes on")
    assert fleet.query("SELECT count(*) FROM event") == [(1,)]


@pytest.fixture
def standby(server):
    standby = PostgreSQL(standby_of=server)
    yield standby
    standby.close()


@pytest.fixture
def with_standby(fleet, server, standby):
    """Node a, which polls, and node b; both know both servers."""
    ports = ",".join(dict(pair.split("=") for pair in s.conninfo.split())["port"] for s in (server, standby))
    nodes = fleet.add("a"), fleet.add("b")
    for node in nodes:
        node.settings["Store"]["Connection"] = f"host=127.0.0.1,127.0.0.1 port={ports} user=koowatch dbname=postgres"
    nodes[0].start()
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    nodes[1].start()
    return nodes


def take_over(fleet, server, standby):
    server.stop()
    standby.promote()
    fleet.server = standby


def delivered(fleet):
    return fleet.query("SELECT count(*), count(DISTINCT event_id) FROM event WHERE state = 1 AND told")


def test_a_standby_that_knows_all_takes_over(fleet, with_standby, server, standby, sim):
    """Each outcome has one event id, and the sessions go on."""
    count = 40
    tasks = [sim.add_task(hold=True) for _ in range(count)]
    for number, task in enumerate(tasks):
        with_standby[number % 2].add_task(f"task-{number}", task)
    for task in tasks:
        wait_polls(sim, task)
    server.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
    server.query("SELECT pg_reload_conf()")
    for task in tasks[: count // 2]:
        task.complete()
    fleet.wait(lambda: len(fleet.records()) > 2, "some are delivered")
    take_over(fleet, server, standby)
    for task in tasks:
        task.complete()
    fleet.wait(lambda: delivered(fleet) == [(count, count)], "all are delivered")
    assert len({record["event"]["eventId"] for record in fleet.records()}) == count
    assert not any(node.find("beginning anew") for node in with_standby)


def test_a_standby_that_has_forgotten_some_takes_over(fleet, with_standby, server, standby, sim):
    """What it does not know is asked for again, at once, and the fence is larger."""
    a, b = with_standby
    kept, forgotten, held = sim.add_task(), sim.add_task(), sim.add_task(hold=True)
    a.add_task("kept", kept)
    a.add_task("held", held)
    fleet.wait(lambda: delivered(fleet) == [(1, 1)], "it is delivered")
    fleet.wait(
        lambda: standby.query(f"SELECT count(*) FROM {fleet.name}.event WHERE state = 1 AND told") == [(1,)], "it is known there",
    )
    standby.query("ALTER SYSTEM SET primary_conninfo = ''")
    standby.query("SELECT pg_reload_conf()")
    fleet.wait(lambda: server.query("SELECT count(*) FROM pg_stat_replication") == [(0,)], "it is cut off")
    b.add_task("forgotten", forgotten)
    fleet.wait(lambda: delivered(fleet) == [(2, 2)], "it is delivered")
    take_over(fleet, server, standby)
    fleet.wait(lambda: delivered(fleet) == [(2, 2)], "once more")
    held.complete()
    fleet.wait(lambda: delivered(fleet) == [(3, 3)], "all are delivered")
    first, second = fleet.records(name="forgotten")
    assert first["event"]["eventId"] != second["event"]["eventId"]
    assert first["event"]["fence"] < second["event"]["fence"]
    assert len(fleet.records(name="kept")) == 1
