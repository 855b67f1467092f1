"""Requests that are signed, as the gateway judges them."""

import json
import time

import pytest
from simulator_client import signed, stamp, verdict

pytest_plugins = ["simulator_fixtures"]

APP, SECRET = "demo-app-0001", "0123456789abcdef0123456789abcdef"


@pytest.fixture
def task(sim):
    sim.apps = {APP: SECRET, "other": "another secret"}
    return sim.add_task()


def refused(sim, response):
    """The gateway's text and the verdict."""
    document = json.loads(response.content)
    assert (response.status, document["error_code"]) == (401, "APIG.0303")
    text = document["error_msg"].removeprefix("Incorrect app authentication information")
    return text, verdict(sim)


def test_a_signed_request_needs_no_token(sim, client, task):
    sim.tokens.clear()
    assert client.poll(task, *signed(task, APP, SECRET)).status == 200
    assert client.poll(task, *signed(task, "other", "another secret")).status == 200
    assert verdict(sim) == "ok"
    assert [request.credential for request in sim.requests] == [APP, "other"]


def test_more_headers_may_be_signed(sim, client, task):
    names = ("host", "x-date", "x-hw-agentname", "x-user-id")
    headers = {"Host": "koodrive.example.com:8443", "X-Hw-Agentname": "carrier one"}
    assert client.poll(task, *signed(task, APP, SECRET, names=names, headers=headers)).status == 200
    names = tuple(reversed(names))
    assert client.poll(task, *signed(task, APP, SECRET, names=names, headers=headers)).status == 200


def test_the_other_string_to_sign(sim, client, task):
    sim.string_to_sign = "with-date"
    assert client.poll(task, *signed(task, APP, SECRET, kind="with-date")).status == 200
    _, complaint = refused(sim, client.poll(task, *signed(task, APP, SECRET)))
    assert "other kind" in complaint


def test_unknown_app(sim, client, task):
    text, complaint = refused(sim, client.poll(task, *signed(task, "nobody", SECRET)))
    assert text == ": app not found, appkey nobody"
    assert complaint == "AppId is not a known app"


def test_wrong_secret(sim, client, task):
    text, complaint = refused(sim, client.poll(task, *signed(task, APP, SECRET + "0")))
    assert text.startswith(": verify signature fail, canonicalRequest:POST|/koodrive/ose/v1/")
    assert "wrong secret" in complaint


@pytest.mark.parametrize("what", ["X-User-Id", "X-Date", "body"])
def test_what_was_signed_is_what_is_sent(sim, client, task, what):
    headers, body = signed(task, APP, SECRET)
    if what == "body":
        body += " "
    else:
        headers[what] = {"X-User-Id": "2", "X-Date": stamp(time.time() - 30)}[what]
    _, complaint = refused(sim, client.poll(task, headers, body))
    assert complaint.startswith("signature is wrong")


@pytest.mark.parametrize("offset", [0, 86400])
def test_the_date_is_neither_old_nor_in_the_future(sim, client, task, offset):
    sim.clock_offset = offset
    now = time.time() + offset
    for moment in (now - 800, now - 1):
        headers = {"X-Date": stamp(moment)}
        assert client.poll(task, *signed(task, APP, SECRET, headers=headers)).status == 200
    for moment, words in ((now + 60, "in the future"), (now - 910, "older")):
        headers = {"X-Date": stamp(moment)}
        response = client.poll(task, *signed(task, APP, SECRET, headers=headers))
        text, complaint = refused(sim, response)
        assert text.startswith(f": signature expired, signature time:{stamp(moment)},server time:")
        assert words in complaint


@pytest.mark.parametrize("date", ["2025-05-20T02:29:12Z", "20251332T022912Z"])
def test_a_date_that_is_none(sim, client, task, date):
    response = client.poll(task, *signed(task, APP, SECRET, headers={"X-Date": date}))
    assert "X-Date" in refused(sim, response)[1]


@pytest.mark.parametrize("names", [("x-date",), ("x-user-id",)])
def test_date_and_user_are_signed(sim, client, task, names):
    response = client.poll(task, *signed(task, APP, SECRET, names=names))
    assert refused(sim, response)[1].startswith("SignedHeaders lacks x-")


def test_a_signed_header_that_is_not_there(sim, client, task):
    headers, body = signed(task, APP, SECRET)
    del headers["X-User-Id"]
    assert "x-user-id is there 0 times" in refused(sim, client.poll(task, headers, body))[1]


def test_an_authorization_that_is_no_signature(sim, client, task):
    response = client.poll(task, {"Authorization": "HMAC-SHA256 AppId=demo-app-0001"})
    assert refused(sim, response)[1].startswith("Authorization of an app: ")


@pytest.mark.parametrize(("refusal", "status"), [("service", 401), ("bad-request", 400)])
def test_refusal_in_other_shapes(sim, client, task, refusal, status):
    sim.refusal = refusal
    response = client.poll(task, *signed(task, "nobody", SECRET))
    document = json.loads(response.content)
    assert (response.status, set(document)) == (status, {"code", "msg"})
    assert "app not found" in document["msg"]


def test_a_user_of_its_own_for_each_credential(sim, client, task):
    session = sim.sessions.add_session("AT first")
    sim.users = {APP: "1505084218764547200", "other": "2", session: "3"}
    assert client.poll(task, *signed(task, APP, SECRET)).status == 200
    assert client.poll(task, *signed(task, "other", "another secret")).status == 401
    assert verdict(sim) == "X-User-Id is not this credential's"
    assert client.poll(task, {"Authorization": "AT first", "X-User-Id": "3"}).status == 200
    assert client.poll(task, {"Authorization": "AT first"}).status == 401
    assert client.poll(task).status == 200
