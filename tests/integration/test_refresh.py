"""Tokens that the daemon renews by itself: when, how often, and what is left of them."""

import json
import os

import pytest
from koodrive_simulator import Simulator
from koowatch import PATIENCE, age, wait_polls
from postgresql import sqlite_only

PATHS = {
    "carrier": "/koodrive/ose/v1/auth/refreshToken",
    "session": "/koodrive/ose/v1/session/refresh",
}
MAX_IN_FLIGHT = 8  # the default


@pytest.fixture
def frozen(koowatch):
    """A simulator in which a token dies only when it is told to."""
    with Simulator(clock=lambda: 0.0) as sim:
        koowatch.settings["Account"]["Endpoint"] = sim.url
        yield sim


@pytest.fixture
def ticking(koowatch, sim):
    """Another account, whose polls tell that time goes on: 12 of them take more than 2 s."""
    put(koowatch, "ticking.token", "Bearer ticking")
    sim.tokens.add("Bearer ticking")
    koowatch.settings["Account ticking"] = {
        "Endpoint": sim.url,
        "TokenFile": koowatch.path / "ticking.token",
    }
    task = sim.add_task(hold=True)
    koowatch.add_task("ticking", task, Account="ticking")
    return task


def put(koowatch, name, text):
    """Replaces a file as a login does: by a finished one."""
    path = koowatch.path / f".{name}"
    path.write_text(text + "\n")
    path.chmod(0o600)
    age(path)
    path.rename(koowatch.path / name)


def section(name):
    return "Account" if name == "default" else f"Account {name}"


def write_token(koowatch, token, name="default"):
    put(koowatch, f"{name}.token", token)


def write_renewal(koowatch, session, kind="carrier", name="default"):
    text = session.refresh_token if kind == "carrier" else session.session_id
    put(koowatch, f"{name}.refresh-token", text)


def log_in(koowatch, sim, kind="carrier", name="default", **settings):
    """A new session, and an account that has its credentials in files. Returns the session."""
    session = sim.sessions.add_session(**settings)
    write_token(koowatch, session.token, name)
    write_renewal(koowatch, session, kind, name)
    keys = koowatch.settings.setdefault(section(name), {"Endpoint": sim.url, "RateLimit": "500/s"})
    keys |= {
        "TokenFile": koowatch.path / f"{name}.token",
        "Refresh": kind,
        "RefreshTokenFile": koowatch.path / f"{name}.refresh-token",
    }
    return session


def watch(koowatch, sim, session, name="photos", account=None, **course):
    """A task that is only the session's own."""
    task = sim.add_task(require=session, **course)
    koowatch.add_task(name, task, Account=account)
    return task


def refreshes(sim, session=None):
    requests = [request for request in sim.requests if request.kind == "refresh"]
    return [r for r in requests if session is None or r.credential in session]


def polls_with(sim, token):
    return [r for r in sim.requests if r.kind == "poll" and r.credential == token]


def verdicts(requests):
    return {request.verdict for request in requests}


def wait_token(sim, session, count=1):
    """Waits until a poll has come with the session's newest token."""
    sim.wait_for(lambda s: session.refreshes >= count and polls_with(s, session.token))


def token_file(koowatch, name="default"):
    return koowatch.state / "tokens" / f"{name}.json"


def stored(koowatch, key="token", name="default"):
    return json.loads(token_file(koowatch, name).read_text())[key]["secret"]


def refreshed_once(koowatch, sim, kind="carrier", **settings):
    """A started daemon that has a refreshed token and a task that goes on. Returns both."""
    session = log_in(koowatch, sim, kind, **settings)
    session.expire()
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    wait_token(sim, session)
    return session, task


# A token that is refused


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("carrier", {}),
        ("carrier", {"shape": "data"}),
        ("carrier", {"shape": "flat"}),
        ("carrier", {"rotate": True}),
        ("carrier", {"shape": "data", "rotate": True, "quoted": True}),
        ("carrier", {"shape": "flat", "rotate": True, "quoted": True}),
        ("carrier", {"expires_in": None}),
        ("session", {}),
        ("session", {"quoted": True}),
    ],
)
def test_each_refusal_is_met_with_one_refresh(koowatch, sim, kind, settings):
    session, task = refreshed_once(koowatch, sim, kind, **settings)
    session.expire()
    wait_token(sim, session, 2)
    wait_polls(sim, task)
    assert session.refreshes == 2
    assert [request.verdict for request in sim.requests if request.verdict != "ok"] == [
        "token expired"
    ] * 2
    assert koowatch.find("^account") == []


def test_form_of_a_carriers_refresh(koowatch, sim):
    koowatch.settings["Account"] |= {"UserId": "1505084218764547200", "AgentName": "carrier one"}
    session, _ = refreshed_once(koowatch, sim, refresh_token='a"b\\c/d e')
    (request,) = refreshes(sim)
    assert (request.method, request.path) == ("POST", PATHS["carrier"])
    assert json.loads(request.body) == {"refreshToken": session.refresh_token}
    assert request.values("Authorization") == [session.tokens[0]]
    assert request.values("Content-Type") == ["application/json"]
    assert request.values("X-Hw-Agentname") == ["carrier one"]
    assert len(request.header("X-Traceid")) == 58
    assert not request.values("X-Session-Id")


def test_form_of_a_sessions_refresh(koowatch, sim):
    session, _ = refreshed_once(koowatch, sim, "session")
    (request,) = refreshes(sim)
    assert (request.method, request.path, request.body) == ("POST", PATHS["session"], b"")
    assert request.values("X-Session-Id") == [session.session_id]
    assert request.values("Authorization") == [session.tokens[0]]
    assert len(request.header("X-Traceid")) == 58


def test_refresh_behind_a_path_prefix(koowatch):
    with Simulator(prefix="/gate/way") as sim:
        koowatch.settings["Account"]["Endpoint"] = sim.url
        refreshed_once(koowatch, sim)
        assert [request.path for request in refreshes(sim)] == ["/gate/way" + PATHS["carrier"]]


@pytest.mark.parametrize("kind", PATHS)
def test_thirty_refused_tasks_make_one_refresh(koowatch, sim, kind):
    session = log_in(koowatch, sim, kind)
    session.expire()
    sim.faults.add("delay", seconds=0.1, where="refresh")
    for number in range(30):
        watch(koowatch, sim, session, f"t{number}", polls=2)
    koowatch.start()
    koowatch.wait_entry(": completed", count=30)
    assert len(refreshes(sim)) == 1
    assert len(polls_with(sim, session.tokens[0])) == 1
    assert verdicts(polls_with(sim, session.token)) == {"ok"}
    assert koowatch.find("^account") == []


@pytest.mark.parametrize("dialect", ["gateway", "service", "bad-request"])
def test_a_token_that_dies_with_many_requests_in_flight(koowatch, sim, dialect):
    sim.refusal = dialect
    session = log_in(koowatch, sim)
    tasks = [watch(koowatch, sim, session, f"t{number}", hold=True) for number in range(30)]
    koowatch.start()
    for task in tasks:
        sim.wait_for(lambda s, task=task: s.polls(task) >= 1)
    sim.faults.add("delay", seconds=0.2, credential=session.token)
    sim.wait_for(lambda s: s.in_flight == MAX_IN_FLIGHT)
    session.expire()
    sim.wait_for(lambda s: refreshes(s))
    for task in tasks:
        task.complete()
    koowatch.wait_entry(": completed", count=30)
    assert len(refreshes(sim)) == 1
    # None is sent after the refusal that was answered first, which bad-request needs three of.
    assert len([r for r in sim.requests if r.verdict == "token expired"]) <= 2 * MAX_IN_FLIGHT
    assert koowatch.find("^account") == []


def test_nothing_is_sent_while_the_token_is_refreshed(koowatch, sim):
    session = log_in(koowatch, sim)
    session.expire()
    sim.faults.add("delay", seconds=0.5, where="refresh")
    tasks = [watch(koowatch, sim, session, f"t{number}") for number in range(5)]
    koowatch.start()
    koowatch.wait_entry(": completed", count=len(tasks))
    kinds = [(request.kind, request.verdict) for request in sim.requests]
    assert kinds[:2] == [("poll", "token expired"), ("refresh", "ok")]
    assert kinds[2:] == [("poll", "ok")] * len(tasks)


def test_new_tokens_that_are_refused_too_are_no_loop(koowatch, sim):
    """One account is given a token that is refused at once, another one the dead token again."""
    one, two = (log_in(koowatch, sim, name=name) for name in ("one", "two"))
    sim.faults.add(401, credential=one)
    two.expire()
    again = json.dumps({"code": 0, "data": {"accessToken": two.token, "expiresIn": 1800}})
    sim.faults.add("answer", where="refresh", credential=two, body=again)
    for name, session in (("one", one), ("two", two)):
        watch(koowatch, sim, session, name, name)
    koowatch.start()
    koowatch.wait_entry("^account (one|two): unauthorized", count=2)
    sim.wait_for(lambda s: len(polls_with(s, one.token)) == 3, PATIENCE)
    sim.wait_for(lambda s: len(polls_with(s, two.token)) == 4, PATIENCE)
    assert [len(refreshes(sim, session)) for session in (one, two)] == [1, 1]
    assert len(polls_with(sim, one.tokens[0])) == 1
    assert [len(polls_with(sim, session.token)) for session in (one, two)] == [3, 4]
    assert len(koowatch.find("^account")) == 2


# Tokens as they are sent


@pytest.mark.parametrize("scheme", ["AT ", "AT+", "Bearer ", "Bearer+", ""])
@pytest.mark.parametrize("configured", ["verbatim", "Bearer"])
def test_scheme_word_of_a_new_token(koowatch, sim, scheme, configured):
    koowatch.settings["Account"]["TokenScheme"] = configured
    session = log_in(koowatch, sim, token=f"{scheme}first")
    if not scheme and configured == "Bearer":
        write_token(koowatch, "first")
        new = json.dumps({"code": 0, "data": {"accessToken": "second"}})
        sim.faults.add("answer", where="refresh", body=new)
        sim.tokens = {"Bearer second"}
        task = sim.add_task()
        koowatch.add_task("photos", task)
        expected = "Bearer second"
    else:
        session.expire()
        task = watch(koowatch, sim, session)
        expected = None
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    assert [r.credential for r in sim.requests][-1] == (expected or session.token)
    assert session.token.startswith(scheme)
    assert len(refreshes(sim)) == 1


# Before a token expires


def test_a_token_is_refreshed_before_it_expires(koowatch, sim):
    session, _ = refreshed_once(koowatch, sim, expires_in=3, rotate=True)
    session.accept_expired = False
    wait_token(sim, session, 2)
    refused = [request.verdict for request in sim.requests if request.verdict != "ok"]
    assert refused.count("token expired") == 1  # the first one, whose end nobody has told
    # A poll that is on its way while the server replaces the token comes too late.
    assert set(refused[1:]) <= {"Authorization was replaced by a refresh"}
    first, second = (request.monotonic for request in refreshes(sim))
    assert second - first > 2
    assert koowatch.find("^account") == []


def test_a_lifetime_that_is_none(koowatch, sim):
    sessions = []
    lifetimes = '0 -5 "" "soon" 1e300 9223372036854775807 0.25 null [] {} true'.split()
    for number, lifetime in enumerate(lifetimes):
        session = log_in(koowatch, sim, name=f"a{number}")
        session.expire()
        new = f"AT fresh{number}"
        sim.tokens.add(new)
        body = f'{{"code":0,"data":{{"accessToken":"{new}","expiresIn":{lifetime}}}}}'
        sim.faults.add("answer", where="refresh", credential=[session, new], body=body)
        koowatch.add_task(f"t{number}", sim.add_task(hold=True), Account=f"a{number}")
        sessions.append(session)
    koowatch.start()
    fresh = [f"AT fresh{number}" for number in range(len(lifetimes))]
    sim.wait_for(lambda s: all(len(polls_with(s, token)) >= 8 for token in fresh), PATIENCE)
    asked = {lifetime: len(refreshes(sim, s)) for lifetime, s in zip(lifetimes, sessions)}
    assert asked == dict.fromkeys(lifetimes, 1)
    assert len(refreshes(sim)) == len(lifetimes)
    assert koowatch.find("^account") == []


# The endpoint for it is in trouble

# What is not the daemon's fault and may pass: kind, parameters and what the log says of it.
PASSING = {
    "fault": ("500", {}, "an internal error.*code 13000201"),
    "fault in a good answer": ("code", {"code": 13000201}, "an internal error.*code 13000201"),
    "gateway": ("502", {}, "HTTP 502"),
    "unavailable": ("503", {}, "APIG.0613"),
    "throttled": ("429", {}, "too many requests"),
    "no such address": ("404", {}, "APIG.0101"),
    "reset": ("reset", {}, "."),
    "cut": ("reset-after-headers", {}, "."),
    "redirect": ("redirect", {}, "a redirect, which is not followed"),
    "no content": ("empty", {}, "cannot be parsed: it is empty"),
    "half": ("truncated", {}, "cannot be parsed: it ends unexpectedly"),
    "deep": ("deep", {}, "cannot be parsed: nested too deeply"),
    "oversized": ("oversized", {}, "too long"),
    "no object": ("answer", {"body": "[1]"}, "cannot be parsed: it is not an object"),
    "no token": ("answer", {"body": '{"code":0,"data":{}}'}, "without a token"),
    "null": ("answer", {"body": '{"code":0,"accessToken":null}'}, "without a token"),
    "empty": ("answer", {"body": '{"code":0,"accessToken":""}'}, "without a token"),
    "number": ("answer", {"body": '{"code":0,"accessToken":17}'}, "without a token"),
    "huge": ("answer", {"body": f'{{"accessToken":"AT {"x" * 16382}"}}'}, "without a token"),
    "bell": ("answer", {"body": '{"accessToken":"AT a\\u0007b"}'}, "without a token"),
    "NUL": ("answer", {"body": '{"accessToken":"AT a\\u0000b"}'}, "without a token"),
    "two lines": ("answer", {"body": '{"accessToken":"AT a\\r\\nX-Evil: 1"}'}, "without a token"),
    "no ASCII": ("answer", {"body": '{"accessToken":"AT \u00fcber"}'}, "without a token"),
}
# What is said for good.
FINAL = {
    "unknown refresh token": ("refuse", {"error_code": "APIG.2202"}, "APIG.2202"),
    "expired refresh token": ("refuse", {"error_code": "APIG.1001"}, "APIG.1001"),
    "unauthorized": ("401", {}, "APIG.0301"),
    "forbidden": ("403", {}, "APIG.0302"),
    "bad parameter": ("400", {}, "13000102"),
}


class Troubled:
    """An account with a session and a task of its own, whose refreshes meet a trouble."""

    def __init__(self, koowatch, sim, number, trouble, *, count=None, good=0, **settings):
        kind, parameters, self.expected = trouble
        self.name = f"a{number}"
        self._sim = sim
        self.session = log_in(koowatch, sim, name=self.name, **settings)
        self.session.expire()
        if good:
            sim.faults.add("ok", good, where="refresh", credential=self.session)
        self.fault = sim.faults.add(
            kind, count, where="refresh", credential=self.session, **parameters
        )
        self.task = watch(koowatch, sim, self.session, f"t{number}", self.name, hold=True)

    @property
    def polls(self):
        return self._sim.polls(self.task)


def side_by_side(koowatch, sim, troubles, **settings):
    troubled = (Troubled(koowatch, sim, *item, **settings) for item in enumerate(troubles.values()))
    return dict(zip(troubles, troubled))


def test_a_refresh_that_fails_is_tried_three_times(koowatch, sim, ticking):
    """What is said for good is not even tried twice."""
    accounts = side_by_side(koowatch, sim, PASSING | FINAL)
    koowatch.start()
    for one in accounts.values():
        koowatch.wait_entry(
            f"^account {one.name}: unauthorized: the token was refused and cannot be refreshed: "
            f".*{one.expected}.*; its tasks wait for a new credential",
            KOOWATCH_ACCOUNT=one.name,
        )
    assert len(koowatch.find("^account")) == len(accounts)
    del accounts["reset"]  # a kept connection that turns out dead: libcurl itself tries again
    passing = [one for what, one in accounts.items() if what in PASSING]
    sim.wait_for(lambda s: all(one.fault.hits == 3 for one in passing), PATIENCE)
    wait_polls(sim, ticking, 12)
    assert {what: (one.fault.hits, one.polls) for what, one in accounts.items()} == {
        what: (3 if what in PASSING else 1, 1) for what in accounts
    }
    assert len(koowatch.find("^account")) == len(PASSING | FINAL)


def test_a_refresh_that_fails_once_costs_a_pause(koowatch, sim):
    asking = {"asks for a pause": ("429", {"hint": "seconds", "retry_after": 3}, ".")}
    accounts = side_by_side(koowatch, sim, PASSING | asking, count=1)
    koowatch.start()
    for what, one in accounts.items():
        if what != "reset":
            koowatch.wait_entry(f"^account {one.name}: ok again")
        wait_token(sim, one.session)
    for what, one in accounts.items():
        first, second = (request.monotonic for request in refreshes(sim, one.session))
        assert one.fault.hits == 1
        least = {"reset": 0, **dict.fromkeys(asking, 3)}.get(what, 1.9)
        assert second - first >= least


def test_a_good_token_is_used_though_its_refresh_fails(koowatch, frozen):
    troubles = PASSING | FINAL
    accounts = side_by_side(koowatch, frozen, troubles, good=1, expires_in=1, keep_old=True)
    koowatch.start()
    for what, one in accounts.items():
        final = "it is used until it is refused; log in again and replace it"
        advice = final if what in FINAL else "still using it, the refresh will be retried"
        koowatch.wait_entry(
            f"^account {one.name}: the token cannot be refreshed: .*{one.expected}.*; {advice}$"
        )
    asked = {one: one.polls for one in accounts.values()}
    frozen.wait_for(lambda s: all(one.polls >= asked[one] + 5 for one in asked), PATIENCE)
    assert len(koowatch.find("^account")) == len(troubles)
    del accounts["reset"]
    assert {what: one.fault.hits for what, one in accounts.items()} == dict.fromkeys(accounts, 1)
    refused = [r for r in frozen.requests if r.kind == "poll" and r.verdict != "ok"]
    assert len(refused) == len(troubles)  # one each, with the token of the start


def test_a_token_that_dies_after_its_refresh_has_failed(koowatch, frozen):
    session = log_in(koowatch, frozen, expires_in=1)
    session.expire()
    frozen.faults.add("ok", 1, where="refresh")
    frozen.faults.add(500, 1, where="refresh")
    task = watch(koowatch, frozen, session, hold=True)
    koowatch.start()
    koowatch.wait_entry("^account default: the token cannot be refreshed")
    session.expires_in = 1800
    session.expire()
    wait_token(frozen, session, 2)
    wait_polls(frozen, task)
    assert len(koowatch.find("^account")) == 1


def test_a_refresh_that_is_not_answered(koowatch, sim, ticking):
    session = log_in(koowatch, sim)
    session.expire()
    sim.faults.add("hang", 1, where="refresh")
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    sim.wait_for(lambda s: refreshes(s))
    wait_polls(sim, ticking, 10)
    assert len(refreshes(sim)) == 1 and sim.polls(task) == 1
    sim.go_offline()
    sim.go_online()
    wait_token(sim, session)


def test_a_stop_that_does_not_wait_for_a_refresh(koowatch, sim):
    session = log_in(koowatch, sim)
    session.expire()
    sim.faults.add("hang", where="refresh")
    watch(koowatch, sim, session)
    koowatch.start()
    sim.wait_for(lambda s: refreshes(s))
    koowatch.process.terminate()
    koowatch.wait_entry("^stopping")
    koowatch.stop()
    assert not token_file(koowatch).exists()


# The session has come to its end


@pytest.mark.parametrize("first", ["token", "refresh token"])
def test_a_login_ends_the_silence_after_a_revoked_session(koowatch, sim, ticking, first):
    session, task = refreshed_once(koowatch, sim, rotate=True)
    sim.wait_for(lambda s: s.in_flight == 0)
    asked = sim.polls(task)
    session.revoke()
    session.expire()
    koowatch.wait_entry(
        "^account default: unauthorized: the token was refused and cannot be refreshed: "
        "the refresh token has expired .*; log in again and replace both tokens"
    )
    if first == "token":
        wait_polls(sim, ticking, 12)
    refused = [request for request in sim.requests if request.verdict == "token expired"]
    assert len(refused) == 2 and len(refreshes(sim)) == 2
    assert sim.polls(task) >= asked

    new = sim.sessions.add_session(rotate=True)
    task.require = [new]
    if first == "token":
        write_token(koowatch, new.token)
        write_renewal(koowatch, new)
    else:
        write_renewal(koowatch, new)
        write_token(koowatch, new.token)
    koowatch.wait_entry("^account default: ok again")
    assert new.refreshes == 0
    new.expire()
    wait_token(sim, new)
    assert len(koowatch.find("^account")) == 2


def test_a_dead_token_that_cannot_be_refreshed(koowatch, sim):
    session = log_in(koowatch, sim, accept_expired=False)
    session.expire()
    watch(koowatch, sim, session)
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized: .*cannot be refreshed: .*APIG.0307")
    assert [request.kind for request in sim.requests] == ["poll", "refresh"]


# What is kept


def test_the_new_tokens_are_stored(koowatch, sim):
    session, _ = refreshed_once(koowatch, sim, rotate=True)
    path = token_file(koowatch)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert path.parent.stat().st_mode & 0o7777 == 0o700
    assert path.stat().st_mode & 0o7777 == 0o600
    assert (stored(koowatch), stored(koowatch, "refresh")) == (session.token, session.refresh_token)

    with path.open() as before:  # its inode cannot be used again meanwhile
        text = before.read()
        session.expire()
        wait_token(sim, session, 2)
        assert path.stat().st_ino != os.fstat(before.fileno()).st_ino
        before.seek(0)
        assert before.read() == text
    assert path.stat().st_mode & 0o7777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert (stored(koowatch), stored(koowatch, "refresh")) == (session.token, session.refresh_token)


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_stored_tokens_are_used_after_a_restart(koowatch, sim, kind, end):
    session, _ = refreshed_once(koowatch, sim, kind, rotate=True)
    getattr(koowatch, end)()
    before = len(sim.requests)
    koowatch.start()
    sim.wait_for(lambda s: len(s.requests) > before)
    assert sim.requests[before].credential == session.token
    session.expire()
    wait_token(sim, session, 2)
    assert koowatch.find("^account") == []


def test_stored_tokens_do_without_the_files(koowatch, sim):
    session, _ = refreshed_once(koowatch, sim, rotate=True)
    koowatch.stop()
    for name in ("default.token", "default.refresh-token"):
        (koowatch.path / name).unlink()
    before = len(sim.requests)
    koowatch.start()
    sim.wait_for(lambda s: len(s.requests) > before)
    session.expire()
    wait_token(sim, session, 2)
    assert verdicts(sim.requests[before:]) == {"ok", "token expired"}
    assert koowatch.find("^account") == []


@pytest.mark.parametrize("restarted", [False, True])
def test_the_same_text_again_is_no_other_token(koowatch, sim, restarted):
    session, task = refreshed_once(koowatch, sim, rotate=True)
    if restarted:
        koowatch.stop()
    before = len(sim.requests)
    write_token(koowatch, session.tokens[0])
    put(koowatch, "other", "something else, which makes the directory news")
    if restarted:
        koowatch.start()
    wait_polls(sim, task, 5)
    assert {request.credential for request in sim.requests[before:]} == {session.token}


def test_refresh_none_ignores_stored_tokens(koowatch, sim):
    session, _ = refreshed_once(koowatch, sim)
    koowatch.stop()
    koowatch.settings["Account"]["Refresh"] = "none"
    before = len(sim.requests)
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized")
    assert {request.credential for request in sim.requests[before:]} == {session.tokens[0]}
    assert len(refreshes(sim)) == 1

    koowatch.stop()
    koowatch.settings["Account"]["Refresh"] = "carrier"
    before = len(sim.requests)
    koowatch.start()
    sim.wait_for(lambda s: len(s.requests) > before)
    assert sim.requests[before].credential == session.token


DAMAGE = [
    lambda text: b"",
    lambda text: text[: len(text) // 2],
    lambda text: b"\0" * len(text),
    lambda text: b"\xff" + text,
    lambda text: b"[]",
    lambda text: b"null",
    lambda text: b'{"token":1}',
    lambda text: b'{"token":{"secret":"AT x"}}',
    lambda text: b'{"token":{"secret":1,"source":2}}',
    lambda text: b'{"token":{"secret":"AT a\\nb","source":"0"}}',
    lambda text: b'{"token":{"secret":"","source":"0"}}',
    lambda text: b"[" * 10_000,
    lambda text: text + b" " * (256 * 1024),
]


def test_a_damaged_store_is_told_and_mended(koowatch, sim):
    names = [f"a{number}" for number in range(len(DAMAGE))]
    sessions = {name: log_in(koowatch, sim, name=name) for name in names}
    for name, session in sessions.items():
        session.expire()
        watch(koowatch, sim, session, name, name, hold=True)
    koowatch.start()
    for session in sessions.values():
        wait_token(sim, session)
    koowatch.stop()
    for name, damage in zip(sessions, DAMAGE):
        path = token_file(koowatch, name)
        path.write_bytes(damage(path.read_bytes()))
    before = len(sim.requests)
    koowatch.start()
    for name, session in sessions.items():
        entry = koowatch.wait_entry(f"^account {name}: cannot use {token_file(koowatch, name)}")
        assert entry.level == "warning"
        wait_token(sim, session, 2)
        first = [r for r in sim.requests[before:] if r.credential in session][0]
        assert first.credential == session.tokens[0]
        assert stored(koowatch, name=name) == session.token
    assert len(koowatch.find("^account")) == len(DAMAGE)


def test_a_state_directory_that_cannot_be_written(koowatch, sim):
    tokens = koowatch.state / "tokens"
    tokens.write_text("in the way")
    session, task = refreshed_once(koowatch, sim)
    wait_polls(sim, task, 3)
    entry = koowatch.wait_entry(f"^account default: cannot store the new token in {tokens} ")
    assert entry.level == "warning"
    assert len([r for r in sim.requests if r.verdict != "ok"]) == 1

    tokens.unlink()
    session.expire()
    wait_token(sim, session, 2)
    assert stored(koowatch) == session.token
    assert len(koowatch.find("cannot store")) == 1


def test_a_disk_that_is_full(koowatch, sim):
    session, task = refreshed_once(koowatch, sim, rotate=True)
    koowatch.stop()
    koowatch.start(restore_signals=False)
    wait_polls(sim, task)
    old = token_file(koowatch).read_text()
    koowatch.limit_file_size(0)
    session.expire()
    wait_token(sim, session, 2)
    koowatch.wait_entry("^account default: cannot store the new token")
    assert token_file(koowatch).read_text() == old
    assert len(list(token_file(koowatch).parent.iterdir())) == 1
    koowatch.limit_file_size(None)
    koowatch.wait_entry("^account default: the new token is stored")
    assert (stored(koowatch), stored(koowatch, "refresh")) == (session.token, session.refresh_token)
    assert len(koowatch.find("cannot store")) == 1


# Files that change


@pytest.mark.parametrize("restarted", [False, True])
def test_a_changed_token_file_wins(koowatch, sim, restarted):
    session, task = refreshed_once(koowatch, sim)
    new = sim.sessions.add_session()
    task.require = [new]
    if restarted:
        koowatch.stop()
    write_token(koowatch, new.token)
    if restarted:
        koowatch.start()
    sim.wait_for(lambda s: polls_with(s, new.token))
    first = polls_with(sim, new.token)[0]
    wait_polls(sim, task, 3)
    koowatch.restart()
    wait_polls(sim, task, 2)
    later = [r for r in sim.requests if r.number > first.number and r.kind == "poll"]
    assert {request.credential for request in later} == {new.token}
    assert new.refreshes == 0 and session.refreshes == 1
    assert koowatch.find("^account") == []


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("kind", PATHS)
def test_a_changed_refresh_token_file_wins(koowatch, sim, kind, restarted):
    session, _ = refreshed_once(koowatch, sim, kind, rotate=True)
    if restarted:
        koowatch.stop()
    if kind == "carrier":
        session.refresh_token = "another"
    else:
        session.session_id = "another"
    write_renewal(koowatch, session, kind)
    if restarted:
        koowatch.start()
    else:
        koowatch.wait_entry("^credential of account default replaced, trying it$")
    sim.wait_for(lambda s: polls_with(s, session.token))
    session.expire()
    wait_token(sim, session, 2)
    assert verdicts(refreshes(sim)) == {"ok"}


def test_a_token_file_that_changes_during_a_refresh(koowatch, sim):
    session = log_in(koowatch, sim)
    session.expire()
    sim.faults.add("delay", 1, where="refresh", seconds=0.5)
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    sim.wait_for(lambda s: refreshes(s))
    new = sim.sessions.add_session()
    task.require = [new]
    write_token(koowatch, new.token)
    write_renewal(koowatch, new)
    sim.wait_for(lambda s: polls_with(s, new.token))
    wait_polls(sim, task)
    new.expire()
    wait_token(sim, new)
    assert session.refreshes == 1 and not polls_with(sim, session.token)
    assert stored(koowatch) == new.token


def test_a_refresh_token_file_that_changes_during_a_refresh(koowatch, sim):
    """A login writes both files anew, and the refresh that was under way ends in between.

    The new login is kept, and refreshed in its turn.
    """
    session = log_in(koowatch, sim, rotate=True)
    session.expire()
    sim.faults.add("delay", 1, where="refresh", seconds=0.5)
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    sim.wait_for(lambda s: refreshes(s))
    new = sim.sessions.add_session(rotate=True)
    write_renewal(koowatch, new)
    sim.wait_for(lambda s: refreshes(s)[0].finished)
    wait_polls(sim, task)
    task.require = [new]
    write_token(koowatch, new.token)
    sim.wait_for(lambda s: polls_with(s, new.token))
    new.expire()
    wait_token(sim, new)
    assert len(refreshes(sim)) == 2
    assert verdicts(refreshes(sim)) == {"ok"}


def test_a_renewal_that_comes_after_refresh_was_turned_off(koowatch, sim):
    """It has used up the one in the file, which is what a later reload goes back to."""
    session = log_in(koowatch, sim, rotate=True)
    session.expire()
    sim.faults.add("delay", 1, where="refresh", seconds=0.5)
    watch(koowatch, sim, session, hold=True)
    koowatch.start()
    sim.wait_for(lambda s: refreshes(s))
    koowatch.settings["Account"]["Refresh"] = "none"
    koowatch.reload()
    koowatch.wait(lambda: token_file(koowatch).exists(), "the stored token")
    assert not polls_with(sim, session.token)
    koowatch.settings["Account"]["Refresh"] = "carrier"
    koowatch.reload()
    wait_token(sim, session)
    session.expire()
    wait_token(sim, session, 2)
    assert verdicts(refreshes(sim)) == {"ok"}


def test_files_of_a_login_are_confirmed_in_one_line(koowatch, sim):
    """Both are replaced at once; the token that a refresh brought was no news."""
    session, _ = refreshed_once(koowatch, sim, rotate=True)
    assert koowatch.find("replaced, trying it") == []
    new = sim.sessions.add_session()
    write_renewal(koowatch, new)
    write_token(koowatch, new.token)
    sim.wait_for(lambda s: polls_with(s, new.token))
    assert len(koowatch.find("^credential of account default replaced, trying it$")) == 1
    write_renewal(koowatch, session)
    koowatch.wait_entry("^credential of account default replaced, trying it$", count=2)


def test_a_refresh_token_that_comes_later(koowatch, sim):
    session = log_in(koowatch, sim)
    path = koowatch.path / "default.refresh-token"
    path.unlink()
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    entry = koowatch.wait_entry(f"^account default: {path} cannot be read .*its token is not ref")
    assert entry.level == "warning"
    koowatch.reload()
    wait_polls(sim, task, 3)
    assert len(koowatch.find("^account")) == 1 and verdicts(sim.requests) == {"ok"}
    session.expire()
    koowatch.wait_entry("^account default: unauthorized")
    assert refreshes(sim) == []
    write_renewal(koowatch, session)
    wait_token(sim, session)
    koowatch.wait_entry("^account default: ok again")


def test_a_refresh_token_that_is_nowhere(koowatch, sim):
    session = log_in(koowatch, sim)
    del koowatch.settings["Account"]["RefreshTokenFile"]
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    entry = koowatch.wait_entry("^account default: no refresh token is configured: .*RefreshTokenFile")
    assert "default.refresh-token" in entry.message
    wait_polls(sim, task, 3)
    assert verdicts(sim.requests) == {"ok"}


def test_a_new_refresh_token_alone_ends_the_silence(koowatch, sim):
    session = log_in(koowatch, sim)
    put(koowatch, "default.refresh-token", "of another session")
    session.expire()
    watch(koowatch, sim, session)
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized: .*the refresh token is not valid")
    write_renewal(koowatch, session)
    koowatch.wait_entry("^photos: completed")
    koowatch.wait_entry("^account default: ok again")


# Starting, stopping, reloading


def test_a_stop_waits_for_a_refresh(koowatch, sim):
    session = log_in(koowatch, sim, rotate=True)
    session.expire()
    sim.faults.add("delay", 1, where="refresh", seconds=1)
    watch(koowatch, sim, session)
    koowatch.start()
    sim.wait_for(lambda s: refreshes(s))
    koowatch.stop()
    assert refreshes(sim)[0].finished == "sent"
    assert (stored(koowatch), stored(koowatch, "refresh")) == (session.token, session.refresh_token)
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    assert [r.verdict for r in sim.requests] == ["token expired", "ok", "ok"]


def test_a_reload_turns_refresh_on_and_off(koowatch, sim):
    session = log_in(koowatch, sim)
    session.expire()
    koowatch.settings["Account"]["Refresh"] = "none"
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized")
    assert refreshes(sim) == []

    koowatch.settings["Account"]["Refresh"] = "carrier"
    koowatch.reload()
    wait_token(sim, session)
    koowatch.wait_entry("^account default: ok again")

    koowatch.settings["Account"]["Refresh"] = "none"
    koowatch.reload()
    koowatch.wait_entry("^account default: unauthorized", count=2)
    koowatch.settings["Account"]["Refresh"] = "carrier"
    koowatch.reload()
    koowatch.wait_entry("^account default: ok again", count=2)
    wait_polls(sim, task)
    assert sim.requests[-1].credential == session.token
    assert session.refreshes == 1


def test_a_reload_takes_another_endpoint_for_it(koowatch, sim):
    session, _ = refreshed_once(koowatch, sim, "carrier")
    write_renewal(koowatch, session, "session", "other")
    koowatch.settings["Account"] |= {
        "Refresh": "session",
        "RefreshTokenFile": koowatch.path / "other.refresh-token",
    }
    koowatch.reload()
    session.expire()
    wait_token(sim, session, 2)
    assert [request.path for request in refreshes(sim)] == list(PATHS.values())


def test_a_reload_during_a_refresh(koowatch, sim):
    session = log_in(koowatch, sim)
    session.expire()
    sim.faults.add("delay", 1, where="refresh", seconds=0.5)
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    sim.wait_for(lambda s: refreshes(s))
    koowatch.reload()
    wait_token(sim, session)
    wait_polls(sim, task, 3)
    assert len(refreshes(sim)) == 1
    assert koowatch.find("^account") == []


def test_an_account_that_goes_during_a_refresh_and_comes_back(koowatch, sim):
    session = log_in(koowatch, sim, name="carrier", rotate=True)
    session.expire()
    sim.faults.add("delay", 1, where="refresh", seconds=0.5)
    watch(koowatch, sim, session, account="carrier", hold=True)
    koowatch.start()
    sim.wait_for(lambda s: refreshes(s))
    keys = koowatch.settings.pop("Account carrier")
    koowatch.reload()
    koowatch.wait(lambda: token_file(koowatch, "carrier").exists(), "the stored token")
    assert stored(koowatch, "refresh", "carrier") == session.refresh_token
    koowatch.settings["Account carrier"] = keys
    koowatch.reload()
    wait_token(sim, session)
    assert len(refreshes(sim)) == 1


# Several accounts, and credentials of the service manager


def test_accounts_have_sessions_of_their_own(koowatch, sim):
    sessions = {
        "default": log_in(koowatch, sim, "carrier", rotate=True),
        "company.one-2": log_in(koowatch, sim, "session", "company.one-2"),
        "third": log_in(koowatch, sim, "carrier", "third"),
    }
    tasks = {
        name: watch(koowatch, sim, session, name, name, hold=True)
        for name, session in sessions.items()
    }
    koowatch.start()
    sim.wait_for(lambda s: all(s.polls(task) for task in tasks.values()))
    for name in ("default", "company.one-2"):
        sessions[name].expire()
        wait_token(sim, sessions[name])
        assert stored(koowatch, name=name) == sessions[name].token
    sessions["third"].revoke()
    sessions["third"].expire()
    koowatch.wait_entry("^account third: unauthorized")
    sessions["default"].expire()
    wait_token(sim, sessions["default"], 2)
    wait_polls(sim, tasks["company.one-2"])
    assert [session.refreshes for session in sessions.values()] == [2, 1, 0]
    assert sorted(path.name for path in (koowatch.state / "tokens").iterdir()) == [
        "company.one-2.json",
        "default.json",
    ]
    assert [entry.fields["KOOWATCH_ACCOUNT"] for entry in koowatch.find("^account")] == ["third"]


@pytest.mark.parametrize("prefix", ["koowatch_", "koowatch-plain_", ""])
@pytest.mark.parametrize("kind", PATHS)
def test_credentials_of_the_service_manager(koowatch, sim, kind, prefix):
    session = log_in(koowatch, sim, kind, "carrier", rotate=True)
    keys = koowatch.settings["Account carrier"]
    credentials = koowatch.path / "credentials"
    credentials.mkdir()
    for key, kind_of_file in (("TokenFile", "token"), ("RefreshTokenFile", "refresh-token")):
        keys.pop(key).rename(credentials / f"{prefix}carrier.{kind_of_file}")
    session.expire()
    watch(koowatch, sim, session, account="carrier", hold=True)
    for count in (1, 2):
        koowatch.start(CREDENTIALS_DIRECTORY=str(credentials))
        wait_token(sim, session, count)
        koowatch.stop()
        session.expire()
    assert verdicts(refreshes(sim)) == {"ok"}
    assert koowatch.find("^account") == []


# Secrets


def tell(koowatch, sim, kind):
    """All that can be said of an account whose token is refreshed, refused, stored and lost."""
    koowatch.settings["Daemon"] |= {"LogLevel": "debug", "MetricsFile": koowatch.path / "metrics"}
    session = log_in(koowatch, sim, kind, rotate=True, token="AT f1rsts3cr3t")
    koowatch.record()
    koowatch.record("account.d/10-record")
    koowatch.hook("finished.d/20-environment", "tr '\\0' '\\n' </proc/self/environ; cat")
    for where in ("poll", "refresh"):
        sim.faults.add("echo", 1, where=where, status=500, code=13000201)
    sim.faults.add("echo", 1, where="refresh", shape="gateway", status=401, error_code="APIG.1001")
    session.expire()
    task = watch(koowatch, sim, session, hold=True)
    koowatch.start()
    cmdline = open(f"/proc/{koowatch.process.pid}/cmdline").read()
    koowatch.wait_entry("^account default: unauthorized")
    koowatch.reload()
    koowatch.wait(lambda: [r for r in refreshes(sim)[1:] if r.finished], "the second refusal")
    old = session.session_id, session.refresh_token
    koowatch.reload()
    wait_token(sim, session)
    session.expire()
    wait_token(sim, session, 2)
    token_file(koowatch).write_text("damaged " + session.token)
    koowatch.restart()
    koowatch.wait_entry("cannot use")
    task.complete()
    write_token(koowatch, session.token + "\n" + session.token)
    koowatch.wait_entry("contains more than one line")
    write_token(koowatch, session.token)
    koowatch.wait_entry("20-environment ended: done")
    koowatch.wait_record(event="finished")
    koowatch.wait((koowatch.path / "metrics").exists, "the metrics")
    secrets = {*session.tokens, *old, session.session_id, session.refresh_token}
    return secrets | {token.removeprefix("AT ") for token in session.tokens}, cmdline


@pytest.mark.parametrize("kind", PATHS)
@sqlite_only
def test_no_secret_is_shown(koowatch, sim, kind):
    secrets, cmdline = tell(koowatch, sim, kind)
    koowatch.stop()
    files = [path for path in koowatch.state.rglob("*") if path.is_file()]
    assert {"state.db", "default.json"} <= {path.name for path in files}
    said = {
        "log": koowatch.log(),
        "events": json.dumps(koowatch.records()),
        "state": b"".join(
            path.read_bytes() for path in files if path.parent.name != "tokens"
        ).decode("latin-1"),
        "metrics": (koowatch.path / "metrics").read_text(),
        "service manager": b"\n".join(koowatch.datagrams).decode(),
        "command line": cmdline,
    }
    assert all(said.values())
    assert [(where, s) for where, text in said.items() for s in secrets if s in text] == []
    assert koowatch.find("token refreshed") and koowatch.find(r"refused; .*uthorization: \*; ")


def test_a_rejection_that_repeats_the_request(koowatch, sim):
    session = log_in(koowatch, sim)
    sim.faults.add("echo", 1)
    watch(koowatch, sim, session)
    koowatch.record()
    koowatch.start()
    assert session.token not in json.dumps(koowatch.wait_record()["event"])
