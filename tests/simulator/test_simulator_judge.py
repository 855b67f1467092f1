"""What the simulator accepts: tokens, headers, the form of a request."""

import email.utils
import json
import time

import pytest
from koodrive_simulator import DETAIL_PATH, Simulator
from simulator_client import signed, stamp, verdict

pytest_plugins = ["simulator_fixtures"]


def test_token_is_compared_as_it_stands(sim, client):
    task = sim.add_task()
    sim.tokens = {"Bearer+abc"}
    for wrong in ("Bearer abc", "bearer+abc", "Bearer+abcd", None):
        response = client.poll(task, {"Authorization": wrong})
        document = json.loads(response.content)
        assert (response.status, document["error_code"]) == (401, "APIG.0301")
        assert document["request_id"] == response.headers["X-Request-Id"]
        assert verdict(sim).startswith("Authorization")
    assert client.poll(task, {"Authorization": "Bearer+abc"}).status == 200
    assert verdict(sim) == "ok"


def test_refusal_in_other_shapes(sim, client):
    task = sim.add_task()
    sim.tokens.clear()
    sim.refusal = "service"
    response = client.poll(task)
    assert (response.status, set(json.loads(response.content))) == (401, {"code", "msg"})
    sim.refusal = "bad-request"
    response = client.poll(task)
    assert (response.status, set(json.loads(response.content))) == (400, {"code", "msg"})


def test_token_life_is_renewed_by_use(sim, client, clock):
    task = sim.add_task()
    sim.token_lifetime = 1200
    for _ in range(3):
        assert client.poll(task).status == 200
        clock.value += 1200
    assert client.poll(task).status == 200
    clock.value += 1201
    assert client.poll(task).status == 401
    assert verdict(sim) == "token expired"


@pytest.mark.parametrize("offset", [0, -86400])
def test_date_window_follows_the_service_clock(sim, client, offset):
    task = sim.add_task()
    sim.clock_offset = offset
    now = time.time() + offset
    assert client.poll(task, {"X-Date": stamp(now - 5)}).status == 200
    for wrong, complaint in ((now + 60, "future"), (now - 960, "older")):
        response = client.poll(task, {"X-Date": stamp(wrong)})
        assert (response.status, json.loads(response.content)["error_code"]) == (401, "APIG.0303")
        assert complaint in verdict(sim)
    assert client.poll(task, {"X-Date": "2025-05-20"}).status == 400

    shown = email.utils.parsedate_to_datetime(client.poll(task).headers["Date"]).timestamp()
    assert abs(shown - now) < 60


def test_required_headers(sim, client):
    task = sim.add_task()
    sim.require_headers = ["X-User-Id"]
    response = client.poll(task)
    assert (response.status, json.loads(response.content)["code"]) == (400, 13000102)
    assert verdict(sim) == "X-User-Id missing"
    assert client.poll(task, {"x-user-id": "150"}).status == 200

    sim.require_headers = {"X-Hw-Agentname": "carrier-a"}
    assert client.poll(task, {"X-Hw-Agentname": "carrier-b"}).status == 400
    assert client.poll(task, {"X-Hw-Agentname": "carrier-a"}).status == 200


def test_trace_id_has_58_characters(sim, client):
    task = sim.add_task()
    assert client.poll(task, {"X-Traceid": "a" * 58}).status == 200
    assert client.poll(task, {"X-Traceid": "a" * 57}).status == 400
    assert "X-Traceid" in verdict(sim)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"taskId":"1","shareId":"2"', "not JSON"),
        (b'{"taskId":"\xff","shareId":"2"}', "not JSON"),
        (b'{"taskId":"1","taskId":"1","shareId":"2"}', "twice"),
        (b'{"taskId":1,"shareId":"2"}', "taskId is not a string"),
        (b'{"taskId":"1"}', "shareId missing"),
        (b'{"taskId":"1","shareId":""}', "shareId is empty"),
        (b'{"taskId":"1","shareId":"2","kdstoken":null}', "kdstoken is not a string"),
        (b'{"taskId":"1","shareId":"2","extra":"3"}', "unknown field extra"),
        (b"[" * 100000, "not JSON"),
    ],
)
def test_malformed_body(sim, client, body, complaint):
    response = client.poll(None, body=body)
    assert (response.status, json.loads(response.content)["code"]) == (400, 13000102)
    assert complaint in verdict(sim)
    assert sim.requests[-1].body == body


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/json;charset=latin-1"])
def test_content_type(sim, client, media_type):
    assert client.poll(sim.add_task(), {"Content-Type": media_type}).status == 400
    assert "Content-Type" in verdict(sim)


def test_path_and_method(sim, client):
    task = sim.add_task()
    assert client.poll(task, path=DETAIL_PATH + "/").status == 200
    for method, path in (("GET", DETAIL_PATH), ("POST", "/koodrive/ose/v1/share")):
        response = client.poll(task, method=method, path=path)
        assert (response.status, json.loads(response.content)["error_code"]) == (404, "APIG.0101")


def test_path_prefix(connect):
    with Simulator(prefix="/proxy") as sim:
        client = connect(sim)
        task = sim.add_task()
        assert client.poll(task).status == 404
        response = client.poll(task, path="/proxy" + DETAIL_PATH)
        assert response.status == 200
        url = json.loads(response.content)["jobInfo"]["downloadUrl"]
        assert client.download(url).status == 200


def test_unknown_task_and_wrong_share(sim, client):
    task = sim.add_task()
    bodies = (
        {"taskId": "5", "shareId": task.share_id},
        {"taskId": task.task_id, "shareId": "5"},
    )
    for body in bodies:
        response = client.poll(task, body=json.dumps(body))
        assert (response.status, json.loads(response.content)["code"]) == (400, 13000309)


def test_who_may_ask_about_a_task(sim, client):
    sim.tokens = {"Bearer one", "Bearer two"}
    sim.apps = {"app": "secret"}
    session = sim.sessions.add_session("AT three")
    task = sim.add_task(require=["Bearer one", "app", session])
    for token in ("Bearer one", "AT three"):
        assert client.poll(task, {"Authorization": token}).status == 200
    assert client.poll(task, *signed(task, "app", "secret")).status == 200
    response = client.poll(task, {"Authorization": "Bearer two"})
    assert (response.status, json.loads(response.content)["code"]) == (400, 13000309)
    assert verdict(sim) == "task is not this credential's"
    task.set(require="Bearer two")
    assert client.poll(task, {"Authorization": "Bearer two"}).status == 200
    assert client.poll(task, {"Authorization": "Bearer one"}).status == 400
    task.set(require=None)
    assert client.poll(task, {"Authorization": "Bearer one"}).status == 200


def test_kdstoken(sim, client):
    task = sim.add_task(kdstoken="aea296")
    body = {"taskId": task.task_id, "shareId": task.share_id}
    assert client.poll(task).status == 200
    assert client.poll(task, body=json.dumps(body)).status == 400
    assert verdict(sim) == "kdstoken missing"
    response = client.poll(task, body=json.dumps({**body, "kdstoken": "other"}))
    assert json.loads(response.content)["code"] == sim.kdstoken_code
    assert verdict(sim) == "kdstoken wrong"
    task.set(kdstoken="other")
    assert client.poll(task, body=json.dumps({**body, "kdstoken": "other"})).status == 200
