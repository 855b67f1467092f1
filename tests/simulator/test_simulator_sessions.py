"""Tokens that end, and the two ways to refresh them."""

import json
import time

import pytest
from koodrive_simulator import DEFAULT_TOKEN
from sessions import CARRIER_PATH, SESSION_PATH
from simulator_client import signed, verdict

pytest_plugins = ["simulator_fixtures"]


def carrier(client, session, refresh_token=None, authorization=None):
    headers = {
        "Authorization": authorization or session.token,
        "Content-Type": "application/json",
    }
    body = json.dumps({"refreshToken": refresh_token or session.refresh_token})
    return client.send("POST", CARRIER_PATH, body, headers)


def enterprise(client, session, **changes):
    headers = {"Authorization": session.token, "x-session-id": session.session_id}
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {name: value for name, value in headers.items() if value is not None}
    return client.send("POST", SESSION_PATH, None, headers)


REFRESH = {"carrier": carrier, "enterprise": enterprise}


def poll(client, task, token):
    return client.poll(task, {"Authorization": token}).status


@pytest.fixture
def task(sim):
    return sim.add_task()


@pytest.fixture
def session(sim):
    return sim.sessions.add_session("AT first", "refresh", "id", expires_in=100)


@pytest.mark.parametrize("refresh", REFRESH)
def test_a_refresh_replaces_the_token(sim, client, task, session, refresh):
    assert poll(client, task, "AT first") == 200
    response = REFRESH[refresh](client, session)
    assert response.status == 200
    assert session.refreshes == 1
    assert session.tokens == ["AT first", session.token]
    assert len(session.token) == len("AT ") + 48
    assert poll(client, task, session.token) == 200
    assert poll(client, task, "AT first") == 401
    assert verdict(sim) == "Authorization was replaced by a refresh"
    assert [request.kind for request in sim.requests] == ["poll", "refresh", "poll", "poll"]


def test_the_answers_of_both_endpoints(sim, client, session):
    before = int(time.time() * 1000)
    document = json.loads(carrier(client, session).content)
    info = document["data"]["sessionInfo"]
    assert set(document) == {"code", "msg", "data"} and document["code"] == 0
    assert info.pop("issuedAt").isdigit()
    assert info == {"accessToken": session.token, "expiresIn": 100, "refreshToken": "refresh"}
    document = json.loads(enterprise(client, session).content)
    assert document == {"code": 0, "msg": "Success.", "accessToken": session.token}
    issued = int(json.loads(carrier(client, session).content)["data"]["sessionInfo"]["issuedAt"])
    assert 0 <= issued - before < 60_000


def test_the_answers_shapes(sim, client):
    for shape in ("data", "flat"):
        session = sim.sessions.add_session(shape=shape, quoted=True, expires_in=None)
        document = json.loads(carrier(client, session).content)
        holder = document["data"] if shape == "data" else document
        assert document["code"] == "0"
        assert holder["accessToken"] == session.token
        assert "expiresIn" not in holder


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({}, "AT "),
        ({"token": "Bearer+abc"}, "Bearer+"),
        ({"token": "abc"}, ""),
        ({"token": "abc", "scheme": "bearer "}, "bearer "),
    ],
)
def test_new_tokens_begin_as_the_first_does(sim, client, settings, start):
    session = sim.sessions.add_session(**settings)
    carrier(client, session)
    assert session.token.startswith(start)
    assert len(session.token) == len(start) + 48


def test_a_token_dies_in_time(sim, client, task, session, clock):
    clock.value += 99
    assert poll(client, task, "AT first") == 200
    clock.value += 1
    response = client.poll(task, {"Authorization": "AT first"})
    assert (response.status, json.loads(response.content)["error_code"]) == (401, "APIG.0307")
    assert verdict(sim) == "token expired"
    sim.expired_code = "APIG.1002"
    response = client.poll(task, {"Authorization": "AT first"})
    assert json.loads(response.content)["error_code"] == "APIG.1002"
    assert carrier(client, session).status == 200
    assert poll(client, task, session.token) == 200


def test_a_token_that_is_made_to_expire(sim, client, task, session):
    session.expire()
    assert poll(client, task, "AT first") == 401
    assert enterprise(client, session).status == 200
    assert poll(client, task, session.token) == 200


@pytest.mark.parametrize("refresh", REFRESH)
def test_a_dead_token_need_not_be_accepted(sim, client, refresh):
    session = sim.sessions.add_session(accept_expired=False)
    assert REFRESH[refresh](client, session).status == 200
    session.expire()
    assert REFRESH[refresh](client, session).status == 401
    assert verdict(sim) == "token expired"
    assert session.refreshes == 1


@pytest.mark.parametrize("refresh", REFRESH)
def test_a_revoked_session_is_not_refreshed(sim, client, task, session, refresh):
    session.revoke()
    response = REFRESH[refresh](client, session)
    assert (response.status, json.loads(response.content)["error_code"]) == (401, "APIG.1001")
    assert verdict(sim) == "refresh token revoked"
    assert poll(client, task, "AT first") == 200


def test_rotation(sim, client):
    session = sim.sessions.add_session(refresh_token="r1", rotate=True)
    info = json.loads(carrier(client, session).content)["data"]["sessionInfo"]
    assert info["refreshToken"] == session.refresh_token != "r1"
    response = carrier(client, session, refresh_token="r1")
    assert (response.status, json.loads(response.content)["error_code"]) == (401, "APIG.1001")
    assert verdict(sim) == "refresh token was replaced"
    assert carrier(client, session).status == 200
    assert session.refreshes == 2


def test_the_old_token_can_live_on(sim, client, task, clock):
    session = sim.sessions.add_session("AT first", expires_in=100, keep_old=True)
    clock.value += 50
    carrier(client, session)
    assert poll(client, task, "AT first") == poll(client, task, session.token) == 200
    clock.value += 50
    assert poll(client, task, "AT first") == 401
    assert poll(client, task, session.token) == 200


def test_a_refresh_with_an_older_token_of_the_session(sim, client, session):
    carrier(client, session)
    assert carrier(client, session, authorization="AT first").status == 200
    assert session.refreshes == 2


def test_a_refresh_token_of_nobody(sim, client, session):
    assert carrier(client, session, refresh_token="other").status == 400
    assert verdict(sim) == "refresh token unknown"
    assert session.refreshes == 0


def test_a_refresh_needs_the_sessions_own_token(sim, client, task, session):
    assert carrier(client, session, authorization=DEFAULT_TOKEN).status == 401
    assert verdict(sim) == "Authorization is not a token of this session"
    sim.apps = {"app": "secret"}
    signature = signed(task, "app", "secret")[0]["Authorization"]
    assert carrier(client, session, authorization=signature).status == 401
    response = client.send("POST", SESSION_PATH, None, {"x-session-id": "id"})
    assert (response.status, verdict(sim)) == (401, "Authorization missing")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "not JSON"),
        ("{}", "refreshToken missing"),
        ('{"refreshToken":1}', "refreshToken is not a string"),
        ('{"refreshToken":"refresh","taskId":"1"}', "unknown field taskId"),
    ],
)
def test_the_form_of_the_carriers_request(sim, client, session, body, complaint):
    headers = {"Authorization": session.token, "Content-Type": "application/json"}
    response = client.send("POST", CARRIER_PATH, body, headers)
    assert (response.status, json.loads(response.content)["code"]) == (400, 13000102)
    assert complaint in verdict(sim)


def test_the_form_of_the_session_request(sim, client, session):
    assert enterprise(client, session, x_session_id=None).status == 400
    assert verdict(sim) == "x-session-id missing"
    assert enterprise(client, session, x_session_id="other").status == 401
    assert enterprise(client, session, X_Traceid="short").status == 400
    headers = {"Authorization": session.token, "x-session-id": "id"}
    assert client.send("POST", SESSION_PATH, "{}", headers).status == 400
    assert verdict(sim) == "body is not empty"
    assert client.send("GET", SESSION_PATH, None, headers).status == 404
    assert session.refreshes == 0


def test_several_sessions(sim, client, task):
    one, two = (sim.sessions.add_session() for _ in range(2))
    carrier(client, one)
    assert [session.refreshes for session in sim.sessions] == [1, 0]
    assert len(sim.sessions) == 2
    assert poll(client, task, two.token) == 200
    for taken in ({"token": two.token}, {"refresh_token": two.refresh_token}):
        with pytest.raises(ValueError):
            sim.sessions.add_session(**taken)
    with pytest.raises(ValueError):
        sim.sessions.add_session(shape="round")


# Faults


@pytest.mark.parametrize(
    ("kind", "parameters", "status"),
    [
        (429, {"hint": "seconds"}, 429),
        (500, {}, 500),
        (503, {}, 503),
        ("redirect", {}, 302),
        ("answer", {"body": "{}"}, 200),
        ("refuse", {"error_code": "APIG.1001"}, 401),
    ],
)
def test_a_fault_in_place_of_a_refresh(sim, client, task, session, kind, parameters, status):
    fault = sim.faults.add(kind, count=1, where="refresh", **parameters)
    assert poll(client, task, session.token) == 200
    assert carrier(client, session).status == status
    assert (fault.hits, session.refreshes) == (1, 0)
    assert carrier(client, session).status == 200


def test_a_refresh_whose_answer_is_lost_has_happened(sim, client, session):
    sim.faults.add("truncated", count=1, where="refresh")
    with pytest.raises(json.JSONDecodeError):
        json.loads(carrier(client, session).content)
    assert session.token != "AT first"


def test_a_fault_for_one_credential(sim, client, task, session):
    sim.apps = {"app": "secret"}
    sim.faults.add(500, credential=session)
    sim.faults.add(503, credential=["app"])
    sim.faults.add(502, credential=session, where="refresh", count=1)
    assert poll(client, task, "AT first") == 500
    assert client.poll(task, *signed(task, "app", "secret")).status == 503
    assert client.poll(task).status == 200
    assert carrier(client, session).status == 502
    assert carrier(client, session).status == 200
    assert poll(client, task, session.token) == 500
