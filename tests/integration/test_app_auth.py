"""Requests that are signed with the secret of an app; the service checks each of them."""

import contextlib
import email.utils
import json
import re

import pytest
from koodrive_simulator import DEFAULT_TOKEN, Simulator
from koowatch import PATIENCE, age, wait_polls
from postgresql import sqlite_only

APP_ID, SECRET = "demo-app-0001", "0123456789abcdef0123456789abcdef"
USER = "1505084218764547200"
MAX_IN_FLIGHT = 8  # the default
DIALECTS = ("gateway", "service", "bad-request")
ALL_HEADERS = "X-Traceid;HOST;content-type;x-hw-agentname;X-Date;x-user-id"
WILD = "Mon, 01 Jan 2024 00:00:00 GMT"

AUTHORIZATION = re.compile(
    r"HMAC-SHA256 AppId=([^,\s]+),SignedHeaders=([a-z;-]+),Signature=([0-9a-f]{64})"
)


def put(koowatch, name, text):
    """Replaces a file by a finished one."""
    path = koowatch.path / f".{name}"
    path.write_text(text + "\n")
    path.chmod(0o600)
    age(path)
    path.rename(koowatch.path / name)


def use_app(koowatch, sim, name="default", secret=SECRET, app_id=APP_ID, **more):
    """An account that signs with the secret, which the service has; None: without one."""
    section = "Account" if name == "default" else f"Account {name}"
    keys = koowatch.settings.setdefault(section, {"RateLimit": "500/s"})
    keys.pop("TokenFile", None)
    keys |= {"Endpoint": sim.url, "Auth": "app", "AppId": app_id, "UserId": USER}
    keys["AppSecretFile"] = koowatch.path / f"{name}.app-secret"
    keys |= more
    sim.tokens = set()
    sim.apps = sim.apps | {app_id: secret or SECRET}
    if secret:
        put(koowatch, f"{name}.app-secret", secret)


def add_tasks(koowatch, sim, count, account=None, **course):
    tasks = [sim.add_task(**course) for _ in range(count)]
    for number, task in enumerate(tasks):
        koowatch.add_task(f"{account or 't'}{number}", task, Account=account)
    return tasks


def wait_all(sim, tasks, more=1):
    """Waits until each has been asked about so many more times."""
    wanted = {task: sim.polls(task) + more for task in tasks}
    sim.wait_for(lambda s: all(s.polls(task) >= wanted[task] for task in tasks), PATIENCE)


def finish(koowatch, sim, polls=3, **course):
    """Watches one task to its end and returns the requests."""
    koowatch.add_task("photos", sim.add_task(polls=polls, **course))
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    return sim.requests


def verdicts(sim):
    return [request.verdict for request in sim.requests]


def refused(sim):
    return [request for request in sim.requests if request.verdict != "ok"]


# What is signed


@pytest.mark.parametrize(
    ("headers", "signed"),
    [
        (None, "x-date;x-user-id"),
        ("host", "host;x-date;x-user-id"),
        ("content-type", "content-type;x-date;x-user-id"),
        ("X-Hw-AgentName", "x-date;x-hw-agentname;x-user-id"),
        ("x-traceid", "x-date;x-traceid;x-user-id"),
        (ALL_HEADERS, "content-type;host;x-date;x-hw-agentname;x-traceid;x-user-id"),
    ],
)
@pytest.mark.parametrize("kind", ["formula", "with-date"])
def test_the_signature_is_good(koowatch, sim, kind, headers, signed):
    sim.string_to_sign = kind
    use_app(koowatch, sim, AgentName="carrier  one", StringToSign=kind)
    if headers:
        koowatch.settings["Account"]["SignedHeaders"] = headers
    requests = finish(koowatch, sim, kdstoken='aea"\\/2968e')
    assert verdicts(sim) == ["ok"] * 3
    for request in requests:
        (authorization,) = request.values("Authorization")
        assert AUTHORIZATION.fullmatch(authorization).groups()[:2] == (APP_ID, signed)
        assert request.values("X-User-Id") == [USER]
        assert json.loads(request.body)["kdstoken"] == 'aea"\\/2968e'


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("prefix", ["/gate/way", "/a-b_c.d~e"])
def test_the_path_prefix_is_signed(koowatch, prefix, slash):
    with Simulator(prefix=prefix) as sim:
        use_app(koowatch, sim, SignedHeaders="host")
        koowatch.settings["Account"]["Endpoint"] = sim.url + slash
        finish(koowatch, sim)
        assert verdicts(sim) == ["ok"] * 3
        assert {r.path for r in sim.requests} == {f"{prefix}/koodrive/ose/v1/share/taskDetail"}


@pytest.mark.parametrize("secret", ["x", "blanks in it", "s" * 4096, "!\"#$%&'()*+,-./:;<=>"])
def test_any_line_is_a_secret(koowatch, sim, secret):
    use_app(koowatch, sim, secret=secret)
    finish(koowatch, sim)
    assert verdicts(sim) == ["ok"] * 3


def test_each_request_is_signed_anew(koowatch, sim):
    """Without the trace id, what is asked again within a second has the same signature."""
    use_app(koowatch, sim)
    use_app(koowatch, sim, "traced", app_id="traced", SignedHeaders="x-traceid")
    for account in (None, "traced"):
        add_tasks(koowatch, sim, 1, account, hold=True)
    koowatch.start()
    owners = (APP_ID, "traced")
    groups = sim.by_credential
    dates = lambda requests: [request.header("X-Date") for request in requests]  # noqa: E731
    sim.wait_for(lambda s: all(len(set(dates(groups().get(o, [])))) >= 3 for o in owners), PATIENCE)
    assert set(verdicts(sim)) == {"ok"}
    for owner, requests in groups().items():
        sent = dates(requests)
        assert sent == sorted(sent)
        signatures = {request.header("Authorization") for request in requests}
        assert len(signatures) == len(requests if owner == "traced" else set(sent))


def test_a_string_to_sign_of_the_other_kind(koowatch, sim):
    sim.string_to_sign = "with-date"
    use_app(koowatch, sim)
    add_tasks(koowatch, sim, 1)
    koowatch.start()
    entry = koowatch.wait_entry("^account default: unauthorized: the app's signature was refused")
    assert "SignedHeaders=" in entry.message
    koowatch.settings["Account"]["StringToSign"] = "with-date"
    koowatch.reload()
    koowatch.wait_entry("^t0: completed")


# The secret


@pytest.mark.parametrize("in_place", [False, True])
def test_a_right_secret_ends_the_silence(koowatch, sim, in_place):
    use_app(koowatch, sim)
    put(koowatch, "default.app-secret", "wrong")
    add_tasks(koowatch, sim, 1)
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized")
    if in_place:
        (koowatch.path / "default.app-secret").write_text(SECRET)
    else:
        put(koowatch, "default.app-secret", SECRET)
    koowatch.wait_entry("^t0: completed")
    koowatch.wait_entry("^account default: ok again")
    assert [verdict == "ok" for verdict in verdicts(sim)] == [False, True]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_changed_secret_is_used_at_once(koowatch, sim, in_place):
    use_app(koowatch, sim, MaxInFlight="1")
    (task,) = add_tasks(koowatch, sim, 1, hold=True)
    koowatch.start()
    wait_polls(sim, task)
    with sim.lock:  # none is judged meanwhile
        sim.apps = {APP_ID: "another"}
        if in_place:
            (koowatch.path / "default.app-secret").write_text("another")
        else:
            put(koowatch, "default.app-secret", "another")
    wait_polls(sim, task, 4)
    assert len(refused(sim)) <= 1  # what was on its way
    assert verdicts(sim)[-1] == "ok"


@pytest.mark.parametrize("prefix", ["koowatch_", "koowatch-plain_", ""])
def test_a_secret_from_the_credentials_of_the_service_manager(koowatch, sim, prefix):
    use_app(koowatch, sim)
    credentials = koowatch.path / "credentials"
    credentials.mkdir()
    path = koowatch.settings["Account"].pop("AppSecretFile")
    path.rename(credentials / f"{prefix}default.app-secret")
    add_tasks(koowatch, sim, 1)
    koowatch.start(CREDENTIALS_DIRECTORY=str(credentials))
    koowatch.wait_entry("^t0: completed")
    assert verdicts(sim) == ["ok"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "cannot be read"),
        ("", "is empty"),
        ("one\ntwo", "more than one line"),
        ("x" * (16 * 1024 + 1), "cannot be read"),
    ],
)
def test_a_secret_that_comes_later(koowatch, sim, text, problem):
    use_app(koowatch, sim, secret=None)
    path = koowatch.path / "default.app-secret"
    if text is not None:
        put(koowatch, path.name, text)
    add_tasks(koowatch, sim, 1)
    koowatch.start()
    koowatch.wait_entry(f"^account default: unauthorized: {path} .*{problem}")
    assert not sim.requests
    put(koowatch, path.name, SECRET)
    koowatch.wait_entry("^t0: completed")
    koowatch.wait_entry("^account default: ok again")
    assert verdicts(sim) == ["ok"]


def test_a_secret_that_is_nowhere(koowatch, sim):
    use_app(koowatch, sim, secret=None)
    path = koowatch.settings["Account"].pop("AppSecretFile")
    add_tasks(koowatch, sim, 1)
    koowatch.start()
    entry = koowatch.wait_entry("^account default: unauthorized: no AppSecret is configured")
    assert "AppSecretFile" in entry.message and "default.app-secret" in entry.message
    assert not sim.requests
    koowatch.settings["Account"]["AppSecretFile"] = path
    put(koowatch, path.name, SECRET)
    koowatch.reload()
    koowatch.wait_entry("^t0: completed")


def test_a_secret_that_others_can_read_is_warned_of(koowatch, sim):
    use_app(koowatch, sim)
    (koowatch.path / "default.app-secret").chmod(0o640)
    koowatch.start()
    koowatch.wait_entry("default.app-secret is readable by others .*chmod 0600")


def test_a_wrong_secret_is_refused_three_times(koowatch, sim):
    """In each of the ways in which the service may refuse, which have a simulator each.

    Of a bad request, the refusal of a third task tells that it is not the tasks' fault.
    """
    task = sim.add_task(hold=True)
    koowatch.add_task("ticking", task)
    with contextlib.ExitStack() as stack:
        services = {
            dialect: stack.enter_context(Simulator(refusal=dialect)) for dialect in DIALECTS
        }
        for dialect, service in services.items():
            use_app(koowatch, service, dialect, MaxInFlight="1")
            put(koowatch, f"{dialect}.app-secret", "wrong")
            add_tasks(koowatch, service, 5, dialect)
        koowatch.start()
        for dialect, service in services.items():
            koowatch.wait_entry(f"^account {dialect}: unauthorized: ")
        for service in services.values():
            service.wait_for(lambda s: len(s.requests) >= 3, PATIENCE)
        wait_polls(sim, task, 12)
        counts = {dialect: len(service.requests) for dialect, service in services.items()}
        assert counts["gateway"] == counts["service"] == 3
        assert 5 <= counts["bad-request"] < 10
        assert len(koowatch.find("^account")) == len(services)

        for dialect in services:
            put(koowatch, f"{dialect}.app-secret", SECRET)
        koowatch.wait_entry(": completed", count=5 * len(services))
        for dialect, service in services.items():
            assert set(verdicts(service)[counts[dialect] :]) == {"ok"}


# The clock


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("dated", [True, None])
@pytest.mark.parametrize("offset", [-3600, 7200])
def test_the_services_clock_is_learnt_from_its_first_answer(koowatch, sim, offset, dated, dialect):
    """Without a Date it is what the refusal tells."""
    sim.clock_offset, sim.date_header, sim.refusal = offset, dated, dialect
    use_app(koowatch, sim)
    tasks = add_tasks(koowatch, sim, 8, polls=2)
    koowatch.start()
    koowatch.wait_entry(": completed", count=len(tasks))
    assert "X-Date" in verdicts(sim)[0]
    assert set(verdicts(sim)[1:]) == {"ok"}
    assert koowatch.find("^account") == []


@pytest.mark.parametrize("dialect", ["gateway", "bad-request"])
@pytest.mark.parametrize("dated", [True, None])
def test_the_services_clock_jumps(koowatch, sim, dated, dialect):
    sim.date_header, sim.refusal = dated, dialect
    koowatch.settings["Poll"]["IntervalMax"] = "100ms"
    sim.faults.add("delay", seconds=0.05)  # what was said before a jump is read before a refusal
    use_app(koowatch, sim)
    tasks = add_tasks(koowatch, sim, 20, hold=True)
    koowatch.start()
    wait_all(sim, tasks)
    for offset in (7200, -3600, 0):
        before = len(sim.requests)
        sim.clock_offset = offset
        wait_all(sim, tasks, 3)
        wrong = [request for request in sim.requests[before:] if request.verdict != "ok"]
        assert len(wrong) <= 1 + MAX_IN_FLIGHT
        assert sim.requests[-1].verdict == "ok"
    assert koowatch.find("^account") == []


def test_answers_from_before_a_jump_that_come_after_a_refusal(koowatch, sim):
    """They show the old time, all of them, but it is not the time of the service any more."""
    use_app(koowatch, sim)
    *late, asked = tasks = add_tasks(koowatch, sim, 4, hold=True)
    koowatch.start()
    wait_all(sim, tasks)
    delays = [sim.faults.add("delay", 1, task=task, seconds=0.5) for task in late]
    sim.wait_for(lambda s: all(delay.hits for delay in delays))
    with sim.lock:
        sim.date_header = email.utils.formatdate(sim.wall(), usegmt=True)
        sim.clock_offset = -3600
        sim.faults.add("ok", 1, task=asked)  # the refusal
        sim.faults.add("delay", 1, task=asked, seconds=1)
    sim.wait_for(lambda s: refused(s) and s.in_flight == 1)
    sim.date_header = True
    wait_all(sim, tasks, 3)
    assert koowatch.find("^account") == []


@pytest.mark.parametrize("date", [WILD, "Thu, 01 Jan 1970 00:00:00 GMT", "soon", ""])
def test_a_wild_date_is_ignored(koowatch, sim, date):
    use_app(koowatch, sim)
    tasks = add_tasks(koowatch, sim, 5, hold=True)
    koowatch.start()
    wait_all(sim, tasks)
    wild = sim.faults.add("headers", 1, headers={"Date": date})
    wait_all(sim, tasks, 3)
    assert wild.hits == 1
    assert refused(sim) == []


def test_a_wild_date_at_first_costs_one_refusal(koowatch, sim):
    use_app(koowatch, sim)
    tasks = add_tasks(koowatch, sim, 5, hold=True)
    sim.faults.add("headers", 1, headers={"Date": WILD})
    koowatch.start()
    wait_all(sim, tasks, 3)
    assert len(refused(sim)) <= MAX_IN_FLIGHT
    assert verdicts(sim)[-1] == "ok"
    assert koowatch.find("^account") == []


# Accounts side by side, and what an app has no use for


def test_tokens_and_apps_side_by_side(koowatch, sim):
    use_app(koowatch, sim, "one", "secret of one", "app-1", UserId="1")
    use_app(koowatch, sim, "two", "secret of two", "app-2", UserId="2", SignedHeaders="x-traceid")
    sim.tokens = {DEFAULT_TOKEN}
    sim.users = {"app-1": "1", "app-2": "2"}
    owners = {None: DEFAULT_TOKEN, "one": "app-1", "two": "app-2"}
    for account, owner in owners.items():
        add_tasks(koowatch, sim, 3, account, polls=2, require=owner)
    koowatch.start()
    koowatch.wait_entry(": completed", count=9)
    assert set(verdicts(sim)) == {"ok"}
    assert {owner: len(group) for owner, group in sim.by_credential("poll").items()} == (
        dict.fromkeys(owners.values(), 6)
    )
    assert koowatch.find("^account") == []


def test_one_accounts_wrong_secret_is_no_others_trouble(koowatch, sim):
    use_app(koowatch, sim, "one", "secret of one", "app-1")
    use_app(koowatch, sim, "two", "secret of two", "app-2")
    put(koowatch, "one.app-secret", "wrong")
    add_tasks(koowatch, sim, 3, "one")
    add_tasks(koowatch, sim, 3, "two", polls=5)
    koowatch.start()
    koowatch.wait_entry("^account one: unauthorized")
    koowatch.wait_entry("^two[0-9]: completed", count=3)
    assert {request.verdict for request in sim.by_credential()["app-2"]} == {"ok"}
    assert len(koowatch.find("^account")) == 1


@pytest.mark.parametrize("kind", ["carrier", "session"])
def test_refresh_is_ignored_with_a_warning(koowatch, sim, kind):
    use_app(koowatch, sim, Refresh=kind, RefreshTokenFile=koowatch.path / "none")
    koowatch.settings["Account"]["TokenFile"] = koowatch.path / "none"
    put(koowatch, "default.app-secret", "wrong")
    add_tasks(koowatch, sim, 1)
    koowatch.start()
    entry = koowatch.wait_entry("Refresh of account default: ignored")
    assert entry.level == "warning"
    koowatch.wait_entry("^account default: unauthorized: the app's signature was refused")
    put(koowatch, "default.app-secret", SECRET)
    koowatch.wait_entry("^t0: completed")
    assert {request.kind for request in sim.requests} == {"poll"}
    assert not (koowatch.state / "tokens").exists()
    assert koowatch.find(str(koowatch.path / "none")) == []


def test_a_reload_changes_the_way_in(koowatch, sim):
    token_file = koowatch.settings["Account"]["TokenFile"]
    use_app(koowatch, sim)
    (task,) = add_tasks(koowatch, sim, 1, hold=True)
    koowatch.start()
    wait_polls(sim, task)
    app = koowatch.settings["Account"]
    token = {"Endpoint": sim.url, "TokenFile": token_file, "RateLimit": "500/s"}
    sim.tokens = {DEFAULT_TOKEN}
    for settings, credential in ((token, DEFAULT_TOKEN), (app, APP_ID)):
        koowatch.settings["Account"] = settings
        koowatch.reload()
        after = len(sim.requests)
        wait_polls(sim, task, 3)
        assert {r.credential for r in sim.requests[after + 1 :]} == {credential}
    assert set(verdicts(sim)) == {"ok"}
    assert koowatch.find("^account") == []


# Secrets


@sqlite_only
def test_the_secret_is_shown_nowhere(koowatch, sim):
    koowatch.settings["Daemon"] |= {"LogLevel": "debug", "MetricsFile": koowatch.path / "metrics"}
    secrets = [SECRET, "wr0ngs3cr3t", "tw0l1n3s"]
    use_app(koowatch, sim, secret=None)
    put(koowatch, "default.app-secret", f"{SECRET}\ntw0l1n3s")
    koowatch.record()
    koowatch.record("account.d/10-record")
    koowatch.hook("finished.d/20-environment", "tr '\\0' '\\n' </proc/self/environ; cat")
    sim.faults.add("echo", 1, status=500, code=13000201)
    sim.faults.add("echo", 1, status=401, shape="gateway", error_code="APIG.0303")
    (task,) = add_tasks(koowatch, sim, 1, polls=3)
    koowatch.start()
    cmdline = open(f"/proc/{koowatch.process.pid}/cmdline").read()
    koowatch.wait_entry("^account default: unauthorized: .*one line")
    put(koowatch, "default.app-secret", "wr0ngs3cr3t")
    koowatch.wait_entry("^t0: polled .*refused; ", count=2)
    put(koowatch, "default.app-secret", SECRET)
    koowatch.wait_entry("20-environment ended: done")
    koowatch.wait_record(event="finished")
    koowatch.wait_record(accountState="unauthorized")
    koowatch.wait((koowatch.path / "metrics").exists, "the metrics")
    koowatch.stop()
    said = {
        "log": koowatch.log(),
        "events": json.dumps(koowatch.records()),
        "metrics": (koowatch.path / "metrics").read_text(),
        "service manager": b"\n".join(koowatch.datagrams).decode(),
        "command line": cmdline,
    }
    for path in koowatch.state.rglob("*"):
        if path.is_file():
            said[path.name] = path.read_bytes().decode("latin-1")
    assert "state.db" in said
    assert [(where, s) for where, text in said.items() for s in secrets if s in text] == []
    sent = "".join(f"{request.headers}{request.body}" for request in sim.requests)
    assert [secret for secret in secrets if secret in sent] == []
