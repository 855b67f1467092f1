"""Every refusal that is documented, and some that are not: whose trouble it is, and what is said.

Each row of the tables below is met by a daemon. Those that are an account's trouble have an
account each, side by side, with one task that has the account's name.
"""

import re
from typing import NamedTuple

import codes
import pytest
from koowatch import age, wait_polls
from postgresql import sqlite_only

SIX = 6  # refusals in a row: more than the tries after which a doubtful one may be final

# What is said of each row: the text, a semicolon, the advice.

SETTINGS = "check TaskId= and ShareId= of the task, UserId= and AgentName= of the account"
RESTORE = "restore it, then register the task again"
SUPPORT = "if it persists, contact KooDrive support"

REJECTED = {
    13000101: f"KooDrive refused the request as invalid; {SETTINGS}",
    13000102: f"KooDrive refused a parameter of the request; {SETTINGS}",
    13000302: "the file is not in that space; find out which space it is in, then create a new task",
    13000303: "the file is not in the recycle bin; find out where it is, then create a new task",
    13000305: f"the target directory is in the recycle bin; {RESTORE}",
    13000306: f"the file is in the recycle bin; {RESTORE}",
    13000310: "directories are nested too deeply; remove a level of directories, then create a new task",
    13000311: "there is not enough space left; extend the space, then create a new task",
    13000312: "the file is already in the target directory",
    13000401: "the upload was not found; upload it again",
    13000402: "the file failed its integrity check; upload it again",
    13000404: f"the parent directory is in the recycle bin; {RESTORE}",
    13000405: "a file with that name already exists; rename one of them, then create a new task",
    13000406: "this operation is not possible for a directory; choose files, then create a new task",
    13000409: "the upload of the file failed; upload it again",
    13000410: "the user has no permission for this space; "
    "give the user of the account (UserId=) permission, then register the task again",
    13000411: "the file is not in this space; find out which space it is in, then create a new task",
    13000412: "the space is not active; activate it, then register the task again",
    13000413: f"this type of search is not supported; {SUPPORT}",
    13000414: f"the type of search is missing; {SUPPORT}",
}
TRANSIENT = {13000201: "KooDrive reported an internal error"}
DOUBTFUL = {
    13000301: "the space is missing or in a bad state",
    13000304: "the target directory is in a bad state",
    13000307: "directories contain each other",
    13000308: "the file's metadata is invalid",
    13000309: "the task, the share or its file was not found",
    13000403: "the file's status could not be changed",
    13000407: "the download address does not exist",
    13000408: "the download of the file failed",
}

NEW_TOKEN = "log in again and replace the token (TokenFile=)"
NEW_TOKENS = "log in again and replace both tokens (TokenFile=, RefreshTokenFile=)"
CREDENTIAL = "check the token (TokenFile=), or AppId= and the app's secret"
APP = "check AppId= and the app's secret"
ENDPOINT = "check scheme, host and path prefix in Endpoint="
ADDRESS = "have the address of this machine allowed, or use Proxy="

UNAUTHORIZED = {
    "0301": f"the IAM credential was refused; {NEW_TOKEN}",
    "0302": "the user may not use the API; authorize the user of the account (UserId=) for it",
    "0303": "the app's signature was refused; "
    "check AppId=, the app's secret, SignedHeaders= and this machine's clock",
    "0304": "the app may not use the API; authorize the app of AppId= for it",
    "0305": f"the credential was refused; {CREDENTIAL}",
    "0306": "access to the API was refused; "
    "authorize the user or app of the account for it (UserId=, AppId=)",
    "0307": f"the token must be renewed; {NEW_TOKEN}",
    "0310": "the project of the account is not available; "
    "check the project in Huawei Cloud, and the user of TokenFile=",
    "0311": f"the credential for debugging was refused; {CREDENTIAL}",
    "0312": f"the credential was refused by a third party; {CREDENTIAL}",
    "0313": f"the credential was refused by a third party; {CREDENTIAL}",
    "0314": f"locked out after too many failed authentications; {CREDENTIAL}",
    "0802": "the user is disabled in this region; "
    "enable the user of the account, or set another region in Endpoint=",
    "1001": f"the refresh token has expired; {NEW_TOKENS}",
    "1002": f"the token has expired; {NEW_TOKEN}",
    "1003": f"the refresh token belongs to another app; {NEW_TOKENS}",
    "1004": f"the app does not exist; {APP}",
    **dict.fromkeys(
        ("1005", "1006", "1007", "1008"), f"the credential was refused; {CREDENTIAL}"
    ),
    "1009": f"the app's id or secret is wrong; {APP}",
    "2201": f"the app's id or secret is wrong; {APP}",
    "2202": f"the refresh token is not valid; {NEW_TOKENS}",
    "2203": f"the token is not valid; {NEW_TOKEN}",
    **{
        f"22{number:02}": f"the authentication method was refused; {CREDENTIAL}"
        for number in range(4, 14)
    },
    401: f"the credential was refused; {CREDENTIAL}",
    403: "access was refused; check the permissions of the account's user or app (UserId=, AppId=)",
}
THIRD_PARTY = f"the gateway cannot reach its authentication service; {SUPPORT}"
GATEWAY_FAULT = f"the gateway reported an internal error; {SUPPORT}"
NOT_AVAILABLE = f"the service is not available; {SUPPORT}"
UNREACHABLE = {
    "0101": f"the gateway does not know this address; {ENDPOINT}",
    "0103": f"the gateway is misconfigured; {SUPPORT}",
    "0104": f"the gateway is misconfigured; {SUPPORT}",
    "0105": f"the gateway is misconfigured; {SUPPORT}",
    "0106": "the gateway cannot forward this request; "
    "check Endpoint=, and whether Proxy= modifies requests",
    "0107": f"the gateway is misconfigured; {SUPPORT}",
    "0202": f"the gateway cannot reach KooDrive; {SUPPORT}",
    "0203": f"KooDrive did not answer the gateway in time; {SUPPORT}",
    "0204": "the gateway does not accept this version of TLS; "
    "check Endpoint=, and Proxy= if it terminates TLS",
    "0205": "the gateway refused the client certificate; "
    "koowatchd has none: set Endpoint= to an address that requires none",
    "0401": f"the gateway cannot determine the address of this machine; {ADDRESS}",
    "0402": f"the address of this machine is not allowed; {ADDRESS}",
    "0404": f"the gateway may not access its backend; {ENDPOINT}",
    "0405": f"the app is not allowed from the address of this machine; {ADDRESS}",
    "0601": GATEWAY_FAULT,
    "0602": "the gateway refused the request as invalid; "
    "check Endpoint=, and whether Proxy= modifies requests",
    "0605": f"the gateway cannot resolve the name of its backend; {SUPPORT}",
    "0606": GATEWAY_FAULT,
    "0607": "the gateway refuses this protocol; check http:// or https:// in Endpoint=",
    "0608": GATEWAY_FAULT,
    "0609": GATEWAY_FAULT,
    "0610": f"the backend of the gateway is down; {SUPPORT}",
    "0611": GATEWAY_FAULT,
    "0612": GATEWAY_FAULT,
    "0613": f"the gateway cannot check credentials now; {SUPPORT}",
    "0615": THIRD_PARTY,
    "0616": THIRD_PARTY,
    "0617": THIRD_PARTY,
    "0705": GATEWAY_FAULT,
    404: f"the address does not exist; {ENDPOINT}",
    407: "the proxy requires a user name and a password; "
    "set them in Proxy=, or in https_proxy of the service",
    500: NOT_AVAILABLE,
    502: NOT_AVAILABLE,
    503: NOT_AVAILABLE,
    504: NOT_AVAILABLE,
    599: NOT_AVAILABLE,
}
TOO_MANY = "too many requests; if it happens often, lower RateLimit="
LONG_THROTTLED = {
    "0501": "the app's quota is used up; have the quota raised, or lower RateLimit=",
    "0502": "the app is frozen; check the balance of the Huawei Cloud account",
}
THROTTLED = {"0308": TOO_MANY, 429: TOO_MANY, **LONG_THROTTLED}
ASKED_AGAIN = {
    302: "a redirect, which is not followed",
    308: "a redirect, which is not followed",
    600: "an unknown HTTP status",
}
TOO_LARGE = (413, 414, 494)
FRONT = "check Endpoint=, Proxy= and whatever else is in front of KooDrive"
CODELESS = f"refused without a KooDrive code; {FRONT}"
IN_FRONT = {
    **{
        status: CODELESS
        for status in range(400, 500)
        if status not in (401, 403, 404, 407, 429, *TOO_LARGE)
    },
    **dict.fromkeys(
        TOO_LARGE, f"the request is too large for something in front of KooDrive; {FRONT}"
    ),
}

BY_STATUS = "APIG.0201"  # means what the status means


class Row(NamedTuple):
    """What is answered, and what is to be said of it."""

    name: str
    fault: dict
    why: str
    advice: str


def make_row(status, says, code=None):
    text, _, advice = says.partition("; ")
    if code is None:
        return Row(f"http-{status}", {"status": status}, f"{text} (HTTP {status})", advice)
    what = f"HTTP {status}, code {code}: {codes.gateway_message(code, status)}"
    fault = {"status": status, "error_code": code}
    return Row(f"{code}-{status}", fault, f"{text} ({what})", advice)


def rows_of(table):
    """A row with a code for each status that it comes with, and of a status one without."""
    for key, says in table.items():
        if isinstance(key, int):
            yield make_row(key, says)
            given = [(BY_STATUS, key)] if key in codes.GATEWAY[BY_STATUS] else []
        else:
            given = [(f"APIG.{key}", status) for status in codes.GATEWAY.get(f"APIG.{key}", [401])]
        for code, status in given:
            yield make_row(status, says, code)


def test_every_documented_code_is_met():
    services = [*REJECTED, *TRANSIENT, *DOUBTFUL]
    assert sorted(services) == sorted(code for code in codes.SERVICE if code != 0)
    keys = [*UNAUTHORIZED, *UNREACHABLE, *THROTTLED, *ASKED_AGAIN, *IN_FRONT]
    assert len(keys) == len(set(keys))
    assert set(codes.GATEWAY[BY_STATUS]) <= set(keys)
    assert set(codes.GATEWAY) - {BY_STATUS} <= {f"APIG.{key}" for key in keys}


@pytest.fixture
def koowatch(koowatch):
    koowatch.settings["Daemon"]["MetricsFile"] = koowatch.path / "metrics"
    return koowatch


def wait_metrics(koowatch, *samples):
    koowatch.reload()  # writes them anew, without the wait of 15 s
    path = koowatch.path / "metrics"
    read = lambda: path.read_text().splitlines() if path.exists() else []  # noqa: E731
    koowatch.wait(lambda: set(samples) <= set(read()), f"metrics {samples}")


def polls_of(name, count, account="default"):
    return f'koowatch_polls_total{{account="{account}",class="{name}"}} {count}'


def finished(outcome, count, result=""):
    return f'koowatch_finished_total{{outcome="{outcome}",result="{result}"}} {count}'


class Accounts:
    """Accounts side by side, each with a token file of its own."""

    def __init__(self, koowatch, sim):
        self._koowatch = koowatch
        self._sim = sim

    def add(self, name, token=None, **keys):
        """Returns what the simulator knows it by."""
        token = token or f"Bearer of {name}"
        self._write(name, token)
        path = self._koowatch.path / f"{name}.token"
        default = self._koowatch.settings["Account"]
        self._koowatch.settings[f"Account {name}"] = default | {"TokenFile": path, **keys}
        return token

    def renew(self, name):
        self._write(name, f"Bearer new of {name}")

    def _write(self, name, token):
        self._sim.tokens.add(token)
        hidden, path = (self._koowatch.path / f"{dot}{name}.token" for dot in (".", ""))
        hidden.write_text(token + "\n")
        hidden.chmod(0o600)
        age(hidden)
        hidden.rename(path)

    def add_task(self, name, account=None, **course):
        """Of the account of that name, unless there is another one."""
        task = self._sim.add_task(**course)
        self._koowatch.add_task(name, task, Account=account or name)
        return task

    def add_rows(self, rows, count=None, **course):
        """An account, a task and a fault for each: {row: task}."""
        tasks = {}
        for row in rows:
            self._sim.faults.add("refuse", count, credential=self.add(row.name), **row.fault)
            tasks[row.name] = self.add_task(row.name, **course)
        return tasks


@pytest.fixture
def accounts(koowatch, sim):
    return Accounts(koowatch, sim)


def wait_account(koowatch, name, state, reason=""):
    """The account's one entry that it is in trouble, which has the reason in full."""
    entry = koowatch.wait_entry(f"^account {re.escape(name)}: {state}")
    assert entry.message.startswith(f"account {name}: {state}: {reason}; "), entry
    assert (entry.level, entry.fields) == ("warning", {"KOOWATCH_ACCOUNT": name})


def wait_completed(koowatch, names):
    for name in names:
        koowatch.wait_entry(f"^{re.escape(name)}: completed")
    assert not koowatch.find(": rejected")


# One task's trouble


def test_missing_for_good_or_for_a_while(koowatch, sim):
    """A minute is the time, three the number of refusals after which a task is missing for good."""
    quick, changed, slow = (sim.add_task() for _ in range(3))
    for task in (quick, changed, slow):
        sim.faults.add("refuse", task=task, code=13000309)
    koowatch.settings["Daemon"]["LogLevel"] = "debug"
    koowatch.record()
    koowatch.add_task("quick", quick)
    koowatch.add_task("changed", changed)
    koowatch.add_task("slow", slow, IntervalMin="61s", IntervalMax="61s")
    koowatch.start()
    wait_polls(sim, changed, 50)  # some seconds
    koowatch.add_task("changed", changed, KdsToken="another")

    entry = koowatch.wait_entry("^quick: rejected", timeout=90)
    assert "the task, the share or its file was not found (code 13000309: Resource" in entry.message
    assert "check TaskId= and ShareId= of the task, and that the share still" in entry.message
    assert koowatch.wait_record()["env"]["KOOWATCH_ERROR_CODE"] == "13000309"
    times = [request.monotonic for request in sim.requests if request.task_id == quick.task_id]
    assert len(times) >= 3
    assert times[-1] - times[0] >= 60

    koowatch.wait_entry("^slow: polled", count=2)
    sim.faults.clear()
    koowatch.add_task("slow", slow, IntervalMin="61s", IntervalMax="62s")  # asked at once
    koowatch.wait_entry("^changed: completed")
    koowatch.wait_entry("^slow: completed")
    assert len(koowatch.find(": rejected")) == 1
    assert not koowatch.find("^account")


def test_what_is_refused_for_good(koowatch, sim):
    good = sim.add_task(hold=True)
    koowatch.record()
    koowatch.add_task("good", good)
    koowatch.start()
    wait_polls(sim, good, 2)
    tasks = {code: sim.add_task() for code in REJECTED}
    for code, task in tasks.items():
        sim.faults.add("refuse", task=task, code=code)
        koowatch.add_task(f"t{code}", task)

    for code, says in REJECTED.items():
        msg = codes.SERVICE[code]
        text, _, advice = says.partition("; ")
        entry = koowatch.wait_entry(f"^t{code}: rejected")
        advice = f"; {advice}" if advice else ""
        assert entry.message == f"t{code}: rejected, {text} (code {code}: {msg}){advice}"
        assert entry.level == "warning"
        assert entry.fields["KOOWATCH_OUTCOME"] == "rejected"
        assert entry.fields["KOOWATCH_ERROR_CODE"] == str(code)
        assert entry.fields["KOOWATCH_ERROR_MESSAGE"] == msg
        assert not {"KOODRIVE_TASK_STATUS", "KOODRIVE_TASK_RESULT_CODE"} & set(entry.fields)

        record = koowatch.wait_record(name=f"t{code}")
        event, environment = record["event"], record["env"]
        assert environment["KOOWATCH_OUTCOME"] == event["outcome"] == "rejected"
        assert environment["KOOWATCH_ERROR_CODE"] == event["errorCode"] == str(code)
        assert environment["KOOWATCH_ERROR_MESSAGE"] == event["errorMessage"] == msg
        assert event["answer"] == {"code": code, "msg": msg}
        assert not {"KOOWATCH_RESULT", "KOOWATCH_RESULT_CODE"} & set(environment)
        assert not {"result", "taskResultCode", "downloadUrl"} & set(event)

    wait_polls(sim, good, 3)
    assert {code: sim.polls(task) for code, task in tasks.items()} == dict.fromkeys(tasks, 1)
    assert not koowatch.find("^account")
    wait_metrics(koowatch, polls_of("rejected", len(tasks)), finished("rejected", len(tasks)))


SHAPES = {
    "number": {},
    "text": {"quoted": True},
    "old": {"shape": "old"},
    "with-200": {"status": 200},
    "with-401": {"status": 401},
    "with-404": {"status": 404},
    "with-429": {"status": 429},
    "with-503": {"status": 503},
}


def test_a_code_in_any_shape_and_with_any_status(koowatch, sim):
    koowatch.record()
    for name, parameters in SHAPES.items():
        task = sim.add_task()
        sim.faults.add("refuse", task=task, code=13000306, **parameters)
        koowatch.add_task(name, task)
    task = sim.add_task()
    sim.faults.add("answer", task=task, status=400, body='{"msg":"no msg","code":13000306.0}')
    koowatch.add_task("decimal", task)
    koowatch.start()
    for name in (*SHAPES, "decimal"):
        entry = koowatch.wait_entry(f"^{name}: rejected, the file is in the recycle bin")
        assert entry.fields["KOOWATCH_ERROR_CODE"] == "13000306"
        assert koowatch.wait_record(name=name)["event"]["errorCode"] == "13000306"
    (record,) = koowatch.records(name="old")
    assert record["event"]["answer"]["error_code"] == "13000306"
    assert not koowatch.find("^account")


def test_what_may_pass_is_asked_again(koowatch, sim):
    rows = TRANSIENT | DOUBTFUL
    good = sim.add_task(hold=True)
    koowatch.add_task("good", good)
    tasks = {code: sim.add_task() for code in rows}
    for code, task in tasks.items():
        sim.faults.add("refuse", count=SIX, task=task, code=code)
        koowatch.add_task(f"t{code}", task)
    koowatch.start()
    wait_completed(koowatch, [f"t{code}" for code in tasks])
    for code, text in rows.items():
        what = f"HTTP {codes.service_status(code)}, code {code}: {codes.SERVICE[code]}"
        (entry,) = koowatch.find("retrying with", KOOWATCH_NAME=f"t{code}")
        assert entry.message.startswith(f"t{code}: {text} ({what}); retrying with")
    assert {sim.polls(task) for task in tasks.values()} == {SIX + 1}
    assert not koowatch.find("^account")
    doubtful, transient = SIX * len(DOUBTFUL), SIX * len(TRANSIENT)
    wait_metrics(koowatch, polls_of("doubtful", doubtful), polls_of("transient", transient))


def test_a_task_that_is_not_known_yet(koowatch, sim):
    task = sim.add_task()
    fault = sim.faults.add("not-yet", task=task, seconds=5)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_completed(koowatch, ["photos"])
    assert fault.hits >= 5
    assert not koowatch.find("^account")


# A status alone


def test_statuses_that_are_one_tasks_trouble(koowatch, sim, accounts):
    rows = list(rows_of(ASKED_AGAIN))
    rows.append(make_row(400, "the gateway calls the request malformed", BY_STATUS))
    tasks = accounts.add_rows(rows, count=SIX)
    koowatch.start()
    wait_completed(koowatch, tasks)
    for row in rows:
        (entry,) = koowatch.find("retrying with", KOOWATCH_NAME=row.name)
        assert entry.message.startswith(f"{row.name}: {row.why}; retrying with")
    assert {sim.polls(task) for task in tasks.values()} == {SIX + 1}
    assert not koowatch.find("^account")


@pytest.mark.parametrize("status", TOO_LARGE)
def test_a_request_that_is_too_large_for_the_gateway(koowatch, sim, status):
    """One bad minute of the gateway must not end what it says so of."""
    good, task = sim.add_task(hold=True), sim.add_task()
    sim.faults.add("refuse", count=SIX, task=task, status=status, error_code=BY_STATUS)
    koowatch.settings["Poll"]["IntervalMax"] = "100ms"
    koowatch.add_task("good", good)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_completed(koowatch, ["photos"])
    (entry,) = koowatch.find("retrying with", KOOWATCH_NAME="photos")
    assert entry.message.startswith(f"photos: the request is too large (HTTP {status}, code ")


# What stands in front of KooDrive

PAGE = "<html><head><title>Blocked</title></head><body>Request blocked</body></html>"
BODIES = {
    "empty": ("", "application/json"),
    "html": (PAGE, "text/html"),
    "text": ("Request blocked", "text/plain"),
    "json": ('{"error":"blocked by policy"}', "application/json"),
    "code": ('{"code":"Forbidden","msg":"no"}', "application/json"),
}


@pytest.mark.parametrize("body", BODIES)
def test_no_task_ends_for_what_stands_in_front(koowatch, sim, accounts, body):
    """A lone task of its own account for each status: waited out, whatever the body is."""
    text, kind = BODIES[body]
    tasks = {}
    for status in (200, 403, *IN_FRONT):
        if (status, body) in ((200, "empty"), (200, "text")):
            continue  # not a word: that task's own trouble
        name = f"http-{status}"
        fault = {"status": status, "body": text, "headers": {"Content-Type": kind}}
        sim.faults.add("answer", credential=accounts.add(name), **fault)
        tasks[name] = accounts.add_task(name)
    koowatch.start()
    for name in tasks:
        status = int(name.partition("-")[2])
        state = "unauthorized" if status == 403 and body != "html" else "unreachable"
        entry = koowatch.wait_entry(f"^account {name}: ")
        assert entry.message.startswith(f"account {name}: {state}: "), entry
        assert f"(HTTP {status}" in entry.message
        if body == "html":
            assert "a web page instead of a KooDrive answer" in entry.message
        elif status in IN_FRONT and body != "code":
            text_of_status, _, advice = IN_FRONT[status].partition("; ")
            assert f"{text_of_status} (HTTP {status}); {advice}; " in entry.message
    sim.faults.clear()
    koowatch.reload()
    wait_completed(koowatch, tasks)


def test_a_firewall_is_named(koowatch, sim, accounts):
    sim.faults.add(
        "answer",
        credential=accounts.add("work"),
        status=418,
        body=PAGE,
        headers={"Content-Type": "text/html", "Server": "CloudWAF"},
    )
    accounts.add_task("photos", "work")
    koowatch.start()
    wait_account(
        koowatch,
        "work",
        "unreachable",
        "blocked by the web application firewall in front of KooDrive (HTTP 418); "
        "have the address of this machine allowed there (CloudWAF), or use Proxy=",
    )
    sim.faults.clear()
    koowatch.reload()
    wait_completed(koowatch, ["photos"])


CODES_BESIDE = ["200", '"200"', "1", '"NONE"', "13000306", '0,"error_code":"success"']


@pytest.mark.parametrize("code", CODES_BESIDE)
def test_a_job_of_this_task_counts_whatever_code_is_beside_it(koowatch, sim, code):
    task = sim.add_task()
    job = f'{{"taskId":"{task.task_id}","taskType":2,"taskStatus":2,"taskResultCode":1}}'
    sim.faults.add("answer", task=task, body=f'{{"jobInfo":{job},"code":{code},"msg":"m"}}')
    koowatch.record()
    koowatch.add_task("photos", task)
    koowatch.start()
    event = koowatch.wait_record()["event"]
    assert (event["outcome"], event["result"]) == ("completed", "succeeded")


@pytest.mark.parametrize(
    ("code", "state"),
    [(401, "unauthorized"), (403, "unauthorized"), (429, "throttled"), (503, "unreachable")],
)
def test_a_code_that_quotes_a_status(koowatch, sim, accounts, code, state):
    token = accounts.add("work")
    sim.faults.add("answer", credential=token, body=f'{{"code":{code},"msg":"token expired"}}')
    accounts.add_task("photos", "work")
    koowatch.start()
    koowatch.wait_entry(f"^account work: {state}: ")
    assert not koowatch.find("^photos: rejected")


# An account's trouble


def test_refused_credentials(koowatch, sim, accounts):
    rows = list(rows_of(UNAUTHORIZED))
    rows.append(make_row(401, UNAUTHORIZED["0303"], "APIGW.0303"))
    row = make_row(401, UNAUTHORIZED["0301"], "APIG.0301")
    for shape in ("old", "service"):
        fault = {"status": 401, "shape": shape, "code": "APIG.0301"}
        fault["msg"] = codes.gateway_message("APIG.0301", 401)
        rows.append(row._replace(name=f"shape-{shape}", fault=fault))
    tasks = accounts.add_rows(rows)
    koowatch.start()
    for row in rows:
        wait_account(koowatch, row.name, "unauthorized", f"{row.why}; {row.advice}")
    sim.wait_for(lambda s: s.polls(tasks["APIG.0301-401"]) == 3)
    forbidden = {row.name for row in rows if row.fault["status"] == 403}
    for name in set(tasks) - forbidden:
        accounts.renew(name)
    wait_completed(koowatch, set(tasks) - forbidden)
    assert len(koowatch.find(": completed")) == len(set(tasks) - forbidden)
    sim.faults.clear()
    koowatch.reload()
    wait_completed(koowatch, forbidden)
    asked = {name: sim.polls(task) for name, task in tasks.items()}
    assert asked.pop("APIG.0314-403") == 2
    assert max(asked.values()) <= 4
    assert len(koowatch.find("^account .*: ok again")) == len(rows)
    assert len(koowatch.find("^account")) == 2 * len(rows)


def test_nobody_who_can_answer(koowatch, sim, accounts):
    rows = list(rows_of(UNREACHABLE))
    tasks = accounts.add_rows(rows)
    koowatch.start()
    for row in rows:
        wait_account(koowatch, row.name, "unreachable", f"{row.why}; {row.advice}")
    assert min(sim.polls(task) for task in tasks.values()) >= 3
    sim.faults.clear()
    koowatch.reload()
    wait_completed(koowatch, tasks)
    asked = {name: sim.polls(task) for name, task in tasks.items()}
    assert max(asked.values()) <= 6
    assert len(koowatch.find("^account .*: ok again")) == len(rows)
    assert len(koowatch.find("^account")) == 2 * len(rows)


HINTS = {
    "seconds": {"hint": "seconds", "retry_after": 3},
    "date": {"hint": "date", "retry_after": 3},
    "text": {"hint": "text", "time": 3},
    "header": {"hint": "header", "time": 3},
    "allenv": {"hint": "allenv", "time": 3},
    "several": {"hint": "text+header+seconds", "time": 1, "retry_after": 3},
    "none": {"hint": "none"},
}


def test_too_many_requests(koowatch, sim, accounts):
    rows = list(rows_of(THROTTLED))
    tasks = accounts.add_rows(rows, count=1, hold=True)
    for name, parameters in HINTS.items():
        sim.faults.add("429", count=1, credential=accounts.add(name), **parameters)
        tasks[name] = accounts.add_task(name, hold=True)
    long = {row.name for row in rows_of(LONG_THROTTLED)}
    koowatch.start()
    for row in rows:
        wait_account(koowatch, row.name, "throttled", f"{row.why}; {row.advice}")
    for name in set(tasks) - long:
        koowatch.wait_entry(f"^account {re.escape(name)}: ok again")

    assert {name for name, task in tasks.items() if sim.polls(task) == 1} == long
    pauses = {}
    for name in set(tasks) - long:
        refused, following = [r for r in sim.requests if r.task_id == tasks[name].task_id][:2]
        pauses[name] = following.monotonic - refused.monotonic
        if name == "date":  # of whole seconds
            pauses[name] = following.wall - int(refused.wall)
    assert {name: pause for name, pause in pauses.items() if pause < 3} == {}
    assert min(pauses["none"], pauses["APIG.0308-429"], pauses["http-429"]) >= 5
    for task in tasks.values():
        task.complete()
    wait_completed(koowatch, set(tasks) - long)


TOLD = {
    "unauthorized": ("APIG.0307", "0307", UNAUTHORIZED, "unauthorized", 1),
    "throttled": ("APIG.0308", "0308", THROTTLED, "throttled", 1),
    "unreachable": ("APIG.0610", "0610", UNREACHABLE, "unreachable", 3),
    "misconfigured": ("APIG.0402", "0402", UNREACHABLE, "unreachable", 3),
}


@pytest.mark.parametrize("name", TOLD)
def test_an_accounts_trouble_is_told_everywhere(koowatch, sim, name):
    code, digits, table, state, count = TOLD[name]
    (row,) = rows_of({digits: table[digits]})
    reason = f"{row.why}; {row.advice}"
    sim.faults.add("refuse", count=count, error_code=code)
    koowatch.record("account.d/10-record")
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    wait_account(koowatch, "default", state, reason)
    koowatch.wait_status(rf"watching .*; account default {state}: {re.escape(reason)}")

    trouble = koowatch.wait_record(accountState=state)
    assert trouble["argv"] == ["account", "default"]
    assert trouble["env"]["KOOWATCH_ACCOUNT_STATE"] == state
    assert trouble["env"]["KOOWATCH_ACCOUNT"] == trouble["event"]["account"] == "default"
    assert trouble["event"]["reason"] == reason
    wait_completed(koowatch, ["photos"])
    over = koowatch.wait_record(accountState="ok")
    assert over["env"]["KOOWATCH_ACCOUNT_STATE"] == "ok"
    assert not over["event"].get("reason")
    assert len(koowatch.records()) == 2
    label = 'account="default",koowatch_account_state'
    wait_metrics(
        koowatch,
        polls_of(name, count),
        finished("completed", 1, "succeeded"),
        finished("rejected", 0),
        f'koowatch_account_state{{{label}="ok"}} 1',
        f'koowatch_account_state{{{label}="{state}"}} 0',
    )
    koowatch.wait(lambda: "account" not in koowatch.notified("STATUS")[-1], "STATUS without it")


# One task's trouble or its account's: others tell


@pytest.mark.parametrize("code", [13000101, 13000102, 13000410])
def test_all_tasks_are_refused_from_the_start(koowatch, sim, accounts, code):
    text, _, advice = REJECTED[code].partition("; ")
    sim.faults.add("refuse", credential=accounts.add("work"), code=code)
    names = [f"t{number}" for number in range(4)]
    for name in names:
        accounts.add_task(name, "work")
    koowatch.start()
    why = f"{text} (HTTP 400, code {code}: {codes.SERVICE[code]})"
    wait_account(koowatch, "work", "unreachable", f"every request is refused: {why}; {advice}")
    asked = len(sim.requests)
    sim.wait_for(lambda s: len(s.requests) > asked)  # the first probe
    sim.faults.clear()
    koowatch.reload()
    wait_completed(koowatch, names)
    koowatch.wait_entry("^account work: ok again")


@pytest.mark.parametrize("code", [13000101, 13000102])
def test_one_of_several_tasks_is_refused(koowatch, sim, code):
    good = [sim.add_task(hold=True) for _ in range(2)]
    for number, task in enumerate(good):
        koowatch.add_task(f"good{number}", task)
    koowatch.start()
    for task in good:
        wait_polls(sim, task, 2)
    bad = sim.add_task()
    sim.faults.add("refuse", task=bad, code=code)
    koowatch.add_task("bad", bad)
    koowatch.wait_entry("^bad: rejected", KOOWATCH_ERROR_CODE=code)
    for task in good:
        task.complete()
    koowatch.wait_entry("^good[01]: completed", count=2)
    assert sim.polls(bad) == 1
    assert not koowatch.find("^account")


def test_the_only_task_is_refused(koowatch, sim):
    task = sim.add_task()
    sim.faults.add("refuse", task=task, code=13000102)
    koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry("^photos: rejected", KOOWATCH_ERROR_CODE=13000102)
    assert sim.polls(task) == 1
    assert not koowatch.find("^account")


SUSPECT = {
    "unknown": (
        {"status": 400, "code": 13000999, "msg": "not passed"},
        "refused with an undocumented code (HTTP 400, code 13000999: not passed); renew",
    ),
    "codeless": (
        {"status": 400, "code": 400, "msg": "not passed"},
        "refused without a KooDrive code (HTTP 400, code 400: not passed); renew the token",
    ),
    "malformed": (
        {"status": 400, "error_code": BY_STATUS, "msg": "bad"},
        f"the gateway calls the request malformed (HTTP 400, code {BY_STATUS}: bad); renew",
    ),
}


@pytest.mark.parametrize("when", ["at the start", "later"])
@pytest.mark.parametrize("name", SUSPECT)
def test_one_task_after_another_is_refused(koowatch, sim, accounts, name, when):
    parameters, reason = SUSPECT[name]
    token = accounts.add("work")
    tasks = [accounts.add_task(f"t{number}", "work", hold=True) for number in range(5)]
    if when == "later":
        koowatch.start()
        for task in tasks:
            wait_polls(sim, task)
    sim.faults.add("refuse", credential=token, **parameters)
    if when == "at the start":
        koowatch.start()
    entry = koowatch.wait_entry("^account work: ")
    expected = f"account work: unauthorized: several tasks in a row were refused: {reason}"
    assert entry.message.startswith(expected)
    for task in tasks:
        task.complete()
    accounts.renew("work")
    wait_completed(koowatch, [f"t{number}" for number in range(5)])
    koowatch.wait_entry("^account work: ok again")
    assert len(koowatch.find("^account")) == 2


# Codes that no table has

STRANGE = 'share "x" ist schon länger fort'
UNKNOWN = {
    "told-first": ({"code": 13000999, "status": 400}, "doubtful", None),
    "told-second": ({"code": 13000999, "status": 400}, "doubtful", None),
    "forbidden": ({"code": 13000998, "status": 403}, "doubtful", None),
    "own-fault": ({"code": 13000997, "status": 500}, "transient", None),
    "with-200": ({"code": 18000001, "status": 200}, "unreachable", "unreachable"),
    "old": (
        {"code": "PARAMETER_INVALID", "shape": "old", "status": 400},
        "unreachable",
        "unreachable",
    ),
    "with-401": ({"code": 13000996, "status": 401}, "unauthorized", "unauthorized"),
    "with-429": ({"code": 13000995, "status": 429}, "throttled", "throttled"),
    "gateway-400": ({"error_code": "APIG.9994", "status": 400}, "unreachable", "unreachable"),
    "gateway-403": ({"error_code": "APIG.9993", "status": 403}, "unauthorized", "unauthorized"),
    "gateway-404": ({"error_code": "APIG.9992", "status": 404}, "misconfigured", "unreachable"),
    "gateway-503": ({"error_code": "APIG.9991", "status": 503}, "unreachable", "unreachable"),
}


def test_a_code_that_is_not_documented_is_told_once(koowatch, sim, accounts):
    tasks = {}
    for name, (parameters, _, _) in UNKNOWN.items():
        parameters = {**parameters, "credential": accounts.add(name), "msg": STRANGE}
        sim.faults.add("refuse", count=SIX, **parameters)
        tasks[name] = accounts.add_task(name)
    koowatch.start()
    told = {}
    for name, (parameters, meaning, state) in UNKNOWN.items():
        code = parameters.get("code") or parameters["error_code"]
        entry = koowatch.wait_entry("undocumented answer", KOOWATCH_ERROR_CODE=code)
        assert f" (HTTP {parameters['status']}, code {code}: {STRANGE}); " in entry.message
        assert entry.message.endswith(f"reported once, handled as {meaning}")
        assert entry.level == "warning"
        assert entry.fields["KOOWATCH_ERROR_MESSAGE"] == STRANGE
        told[str(code)] = entry
        if state:
            koowatch.wait_entry(f"^account {name}: {state}: .*{STRANGE}")

    traces = {request.header("X-Traceid"): request for request in sim.requests}
    for entry in told.values():
        request = traces[entry.fields["KOODRIVE_TRACE_ID"]]
        assert (request.fault, request.task_id) == ("refuse", entry.fields["KOODRIVE_TASK_ID"])
    for name in tasks:
        accounts.renew(name)
    sim.faults.clear()
    koowatch.reload()
    wait_completed(koowatch, tasks)
    assert len(koowatch.find("undocumented answer")) == len(told)
    trouble = {entry.fields["KOOWATCH_ACCOUNT"] for entry in koowatch.find("^account")}
    assert trouble == {name for name, (_, _, state) in UNKNOWN.items() if state}


# What comes back of what was sent

KDSTOKEN = "kds3cr3tkds3cr3t"
ECHOES = {
    "rejected": ("Bearer 1s3cr3tb34r3r", {"code": 13000302}, None),
    "lone": ("Bearer 2s3cr3tb34r3r", {"code": 13000102}, None),
    "old": ("AT 3s3cr3tb34r3r", {"code": 13000306, "shape": "old"}, None),
    "plus": ("Bearer+4s3cr3tb34r3r", {"code": 13000404}, None),
    "bare": ("5s3cr3tb34r3r", {"code": 13000405}, None),
    "doubtful": ("Bearer 6s3cr3tb34r3r", {"code": 13000988}, None),
    "refused": ("Bearer 7s3cr3tb34r3r", {"status": 401, "shape": "gateway"}, "unauthorized"),
    "away": ("Bearer 8s3cr3tb34r3r", {"status": 502, "shape": "gateway"}, "unreachable"),
}
GATEWAY_OF = {"refused": "APIG.0305", "away": "APIG.0610"}


@pytest.mark.parametrize("kind", ["echo", "refuse"])
@sqlite_only
def test_what_was_sent_does_not_come_back(koowatch, sim, accounts, kind):
    """The message of refuse begins with the secrets, where echo's may be cut off before them."""
    koowatch.settings["Daemon"]["LogLevel"] = "debug"
    koowatch.record()
    koowatch.record("account.d/10-record")
    show = "tr '\\0' '\\n' </proc/self/environ; cat"
    koowatch.hook("finished.d/20-show", show)
    koowatch.hook("account.d/20-show", show)
    secrets = [KDSTOKEN]
    for name, (token, parameters, _) in ECHOES.items():
        bare = re.split("[ +]", token)[-1]
        secrets.append(bare)
        if name in GATEWAY_OF:
            parameters = {**parameters, "error_code": GATEWAY_OF[name]}
        if kind == "refuse":
            said = f"{token} no, {bare} no, {KDSTOKEN} neither, nor {KDSTOKEN}{bare}"
            parameters = {**parameters, "msg": said}
        keys = {"TokenScheme": "Bearer"} if name == "bare" else {}
        accounts.add(name, token, **keys)
        token = f"Bearer {token}" if keys else token
        sim.tokens.add(token)
        sim.faults.add(kind, credential=token, **parameters)
        accounts.add_task(name, kdstoken=KDSTOKEN)
    koowatch.start()
    for name, (_, _, state) in ECHOES.items():
        if state:
            koowatch.wait_record(account=name, accountState=state)
            koowatch.wait_entry("20-show ended: done", KOOWATCH_NAME=name)
        elif name != "doubtful":
            entry = koowatch.wait_entry(f"^{name}: rejected")
            assert kind == "echo" or "*" in entry.fields["KOOWATCH_ERROR_MESSAGE"]
            record = koowatch.wait_record(name=name)
            assert record["event"]["errorMessage"] == entry.fields["KOOWATCH_ERROR_MESSAGE"]
            koowatch.wait_entry("20-show ended: done", KOOWATCH_NAME=name)
    koowatch.wait_entry("undocumented", KOOWATCH_NAME="doubtful")
    koowatch.wait_entry("retrying with", KOOWATCH_NAME="doubtful")
    wait_metrics(koowatch, finished("rejected", 5))
    koowatch.stop()

    files = [path for path in koowatch.state.rglob("*") if path.is_file()]
    assert koowatch.state / "state.db" in files
    places = {
        "log": koowatch.log(),
        "hooks": repr(koowatch.records()),
        "metrics": (koowatch.path / "metrics").read_text(),
        "service manager": b"\n".join(koowatch.datagrams).decode(),
        **{path.name: path.read_bytes().decode("latin-1") for path in files},
    }
    leaks = {place: [s for s in secrets if s in text] for place, text in places.items()}
    assert leaks == dict.fromkeys(places, [])
