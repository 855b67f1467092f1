"""Tokens that a node has refreshed: whoever takes the account goes on with them, and nobody else can read them."""

import json

import pytest
from fleet import PATIENCE
from koowatch import age, wait_polls
from postgresql import IS_STORE

pytestmark = pytest.mark.skipif(IS_STORE, reason="has a server in any case, and runs with the others")

KEY, OTHER_KEY = "k3y" + 61 * "0", "0th3rk3y" + 56 * "0"
STAYS = "refreshed tokens stay on this node"


@pytest.fixture
def session(sim):
    """A login whose refresh tokens are good for one use each."""
    return sim.sessions.add_session(rotate=True)


def write(node, name, text):
    path = node.path / f".{name}"
    path.write_text(text + "\n")
    path.chmod(0o600)
    age(path)
    path.rename(node.path / name)


def log_in(node, session):
    write(node, "default.token", session.token)
    write(node, "default.refresh-token", session.refresh_token)


def add(fleet, name, session, key=KEY, has_gate=False):
    """A node that has the login; a key of None: it has none."""
    node = fleet.add(name, has_gate)
    log_in(node, session)
    node.settings["Account"] |= {
        "TokenFile": node.path / "default.token",
        "Refresh": "carrier",
        "RefreshTokenFile": node.path / "default.refresh-token",
    }
    (node.path / "credentials").mkdir()
    if key:
        (node.path / "credentials" / "koowatch-plain_store.key").write_text(key + "\n")
    return node


def start(node):
    node.start(CREDENTIALS_DIRECTORY=str(node.path / "credentials"))


def wait_token(fleet, sim, session, count):
    """Until its newest token, which so many refreshes have brought, is in use."""
    fleet.wait(lambda: session.refreshes == count and polls_with(sim, session.token), f"refresh {count}")


def polls_with(sim, token):
    return [r for r in sim.requests if r.kind == "poll" and r.credential == token]


def refreshes(sim):
    return [r for r in sim.requests if r.kind == "refresh"]


def written(fleet):
    """When the secret in the database was; 0: there is none."""
    return fleet.query("SELECT coalesce(max(extract(epoch FROM changed) * 1000000)::bigint, 0) FROM secret")[0][0]


def sealed(fleet):
    return fleet.query("SELECT sealed FROM secret")


def refreshed(fleet, sim, session, key=KEY, other_key=KEY):
    """Nodes a, which has refreshed the token, and b, which could take the account."""
    a, b = add(fleet, "a", session, key), add(fleet, "b", session, other_key)
    start(a)
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    start(b)
    task = sim.add_task(require=session, hold=True)
    a.add_task("photos", task)
    wait_polls(sim, task)
    before = written(fleet)
    session.expire()
    wait_token(fleet, sim, session, 1)
    if key in (KEY, OTHER_KEY):
        fleet.wait(lambda: written(fleet) > before, "it is in the database")
    return a, b, task


def test_whoever_takes_the_account_goes_on(fleet, sim, session):
    a, b, task = refreshed(fleet, sim, session)
    a.kill()
    used = len(polls_with(sim, session.token))
    fleet.wait(lambda: fleet.owner() == "b" and len(polls_with(sim, session.token)) > used, "b goes on")
    assert session.refreshes == 1
    session.expire()
    wait_token(fleet, sim, session, 2)
    start(a)
    a.wait_status("watching .*")
    b.stop()
    used = len(polls_with(sim, session.token))
    fleet.wait(lambda: fleet.owner() == "a" and len(polls_with(sim, session.token)) > used, "a goes on")
    session.expire()
    wait_token(fleet, sim, session, 3)
    assert {r.verdict for r in refreshes(sim)} == {"ok"}
    task.complete()
    a.wait_entry("^photos: completed")
    assert not [e for node in (a, b) for e in node.find("account|token") if e.level in ("notice", "warning", "error")]


def test_what_was_taken_is_there_after_a_restart(fleet, sim, session):
    """As if that node had obtained it: with the database empty, too."""
    a, b, _ = refreshed(fleet, sim, session)
    a.kill()
    fleet.wait(lambda: fleet.owner() == "b", "b has the account")
    b.wait_entry("this node polls account default")
    b.stop()
    stored = json.loads((b.state / "tokens" / "default.json").read_text())
    assert stored["token"]["secret"] == session.token
    assert stored["refresh"]["secret"] == session.refresh_token
    fleet.query("DELETE FROM secret")
    start(b)
    session.expire()
    wait_token(fleet, sim, session, 2)
    assert {r.verdict for r in refreshes(sim)} == {"ok"}


def test_what_a_node_could_not_write_is_newer(fleet, sim, session):
    """It dies before the database has its token, and has the account again before anybody else."""
    a, _, _ = refreshed(fleet, sim, session)
    fleet.nodes["b"].stop()
    old = sealed(fleet)[0][0]
    session.expire()
    wait_token(fleet, sim, session, 2)
    fleet.wait(lambda: sealed(fleet)[0][0] != old, "it is in the database")
    a.kill()
    fleet.query(f"UPDATE secret SET sealed = '{old}'")
    used = len(polls_with(sim, session.token))
    start(a)
    fleet.wait(lambda: len(polls_with(sim, session.token)) > used, "a goes on", PATIENCE)
    fleet.wait(lambda: sealed(fleet)[0][0] != old, "and tells the others")
    assert session.refreshes == 2


def test_it_is_written_until_it_is_in_the_database(fleet, sim, session):
    a, b, task = refreshed(fleet, sim, session)
    fleet.query("ALTER TABLE secret RENAME TO away")
    session.expire()
    wait_token(fleet, sim, session, 2)
    a.wait_entry("cannot write")
    fleet.query("ALTER TABLE away RENAME TO secret")
    before = written(fleet)
    fleet.wait(lambda: written(fleet) > before, "it is written again")
    a.kill()
    fleet.wait(lambda: fleet.owner() == "b", "b has the account")
    session.expire()
    wait_token(fleet, sim, session, 3)
    task.complete()
    b.wait_entry("^photos: completed")


def test_no_refresh_while_the_database_is_away(fleet, sim, session):
    """It would be spent, and whoever takes the account not know the next one."""
    a = add(fleet, "a", session, has_gate=True)
    start(a)
    a.add_task("photos", task := sim.add_task(require=session, hold=True))
    wait_polls(sim, task)
    fleet.gates["a"].cut()
    a.wait_entry("cannot be reached")
    session.expire()
    a.wait_entry("session in the database is over", timeout=PATIENCE)
    assert any(r.verdict == "token expired" for r in sim.requests)
    assert refreshes(sim) == []
    fleet.gates["a"].mend()
    wait_token(fleet, sim, session, 1)


def test_a_newer_login_stands_above(fleet, sim, session):
    a, b, _ = refreshed(fleet, sim, session)
    new = sim.sessions.add_session(rotate=True)
    log_in(b, new)
    b.wait_entry("credential of account default replaced")
    a.kill()
    fleet.wait(lambda: polls_with(sim, new.token), "b uses what it was given")
    new.expire()
    wait_token(fleet, sim, new, 1)
    assert session.refreshes == 1


def test_nodes_with_logins_of_their_own(fleet, sim, session):
    """A login of another node takes the place of none of this one's that has been refreshed."""
    mine = sim.sessions.add_session(rotate=True)
    a, b, _ = refreshed(fleet, sim, session)
    log_in(b, mine)
    b.wait_entry("credential of account default replaced")
    for node, name, login in ((a, "b", mine), (b, "a", session), (a, "b", mine)):
        node.stop()
        fleet.wait(lambda name=name: fleet.owner() == name, f"{name} has the account")
        login.expire()
        wait_token(fleet, sim, login, login.refreshes + 1)
        start(node)
        node.wait_status("watching .*")
    assert (session.refreshes, mine.refreshes) == (2, 2)
    assert {r.verdict for r in refreshes(sim)} == {"ok"}


@pytest.mark.parametrize(("key", "why"), [(None, "there is no credential store.key"), ("short", "at least 32 characters")])
def test_without_a_key_it_stays_on_its_node(fleet, sim, session, key, why):
    a, b, _ = refreshed(fleet, sim, session, key, key)
    entry = a.wait_entry(STAYS)
    assert entry.level == ("warning" if key else "notice")
    assert why in entry.message
    assert sealed(fleet) == []
    a.kill()
    b.wait_entry("^account default: unauthorized", timeout=PATIENCE)
    assert "replaced" in refreshes(sim)[-1].verdict
    assert [len(node.find(STAYS)) for node in (a, b)] == [1, 1]


def test_without_refresh_nothing_is_said_of_a_key(fleet, sim, session):
    a = add(fleet, "a", session, None)
    a.settings["Account"]["Refresh"] = "none"
    start(a)
    a.add_task("photos", sim.add_task(require=session))
    a.wait_entry("^photos: completed")
    assert not a.find("store.key")


def test_keys_that_differ(fleet, sim, session):
    a, b, _ = refreshed(fleet, sim, session, other_key=OTHER_KEY)
    a.kill()
    entry = b.wait_entry("account default: .*credential store.key differs", timeout=PATIENCE)
    assert entry.level == "warning"
    b.wait_entry("^account default: unauthorized")
    log_in(b, session)
    b.wait_entry("^account default: ok again")
    session.expire()
    wait_token(fleet, sim, session, 2)


def test_the_key_is_changed(fleet, sim, session):
    """As koowatch-nodes(7) says: who polled the account starts first."""
    a, b, _ = refreshed(fleet, sim, session)
    b.stop()
    a.stop()
    for node in (a, b):
        (node.path / "credentials" / "koowatch-plain_store.key").write_text(OTHER_KEY + "\n")
    used = len(polls_with(sim, session.token))
    start(a)
    a.wait_entry("credential store.key differs")
    start(b)
    fleet.wait(lambda: len(polls_with(sim, session.token)) > used, "a goes on")
    before = written(fleet)
    session.expire()
    wait_token(fleet, sim, session, 2)
    fleet.wait(lambda: written(fleet) > before, "it is in the database")
    a.stop()
    fleet.wait(lambda: fleet.owner() == "b", "b has the account")
    session.expire()
    wait_token(fleet, sim, session, 3)
    assert {r.verdict for r in refreshes(sim)} == {"ok"}


def test_no_secret_is_shown(fleet, sim, session):
    a, b, task = refreshed(fleet, sim, session)
    for node in (a, b):
        node.hook("finished.d/20-environment", "tr '\\0' '\\n' </proc/self/environ; cat")
        node.settings["Daemon"]["LogLevel"] = "debug"
        node.reload()
    a.stop()
    fleet.wait(lambda: fleet.owner() == "b", "b has the account")
    first = session.refresh_token
    session.expire()
    wait_token(fleet, sim, session, 2)
    task.complete()
    b.wait_entry("20-environment ended: done")
    tables = [name for name, in fleet.query("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")]
    assert "secret" in tables
    rows = json.dumps([fleet.query(f"SELECT t::text FROM {table} AS t") for table in tables])
    secrets = {*session.tokens, first, session.refresh_token, KEY}
    secrets |= {token.removeprefix("AT ") for token in session.tokens}
    said = {"log": fleet.log(), "events": json.dumps(fleet.records()), "database": rows}
    assert "koowatch1:" in rows and all(said.values())
    assert [(where, s) for where, text in said.items() for s in secrets if s in text] == []
