"""What goes wrong on request."""

import email.utils
import http.client
import json

import codes
import pytest
from koodrive_simulator import DEFAULT_TOKEN, DETAIL_PATH, Simulator

pytest_plugins = ["simulator_fixtures"]


def test_faults_form_a_script(sim, client):
    task = sim.add_task(hold=True)
    sim.faults.add("ok", count=1)
    sim.faults.add(503, count=2)
    lasting = sim.faults.add(500)
    assert [client.poll(task).status for _ in range(5)] == [200, 503, 503, 500, 500]
    lasting.clear()
    assert client.poll(task).status == 200
    assert lasting.hits == 2
    assert [record.fault for record in sim.requests] == ["ok", "503", "503", "500", "500", None]


def test_fault_for_one_task(sim, client):
    task, other = sim.add_task(), sim.add_task()
    sim.faults.add(500, task=task)
    assert client.poll(other).status == 200
    assert client.poll(task).status == 500


def test_fault_by_probability(sim, client):
    task = sim.add_task()
    sim.faults.add(500, probability=0.5)
    statuses = [client.poll(task).status for _ in range(100)]
    assert 20 < statuses.count(500) < 80


def test_fault_does_not_move_the_course(sim, client):
    task = sim.add_task(polls=2)
    sim.faults.add(503, count=3)
    for _ in range(3):
        client.poll(task)
    assert client.job(task)["taskStatus"] == 1
    assert sim.polls(task) == 4


@pytest.mark.parametrize(
    ("hint", "header"),
    [("none", None), ("text", None), ("seconds", "Retry-After"), ("date", "Retry-After")],
)
def test_throttling(sim, client, hint, header):
    sim.faults.add(429, hint=hint, retry_after=30, limit=20, time=3, unit="minute")
    response = client.poll(sim.add_task())
    document = json.loads(response.content)
    assert (response.status, document["error_code"]) == (429, "APIG.0308")
    assert ("limit:20,time:3 minute" in document["error_msg"]) == (hint == "text")
    assert ("Retry-After" in response.headers) == (header is not None)
    if hint == "seconds":
        assert response.headers["Retry-After"] == "30"
    if hint == "date":
        assert email.utils.parsedate_to_datetime(response.headers["Retry-After"])


def test_throttling_with_several_hints(sim, client):
    sim.faults.add(429, hint="header+allenv+text+seconds", limit=20, unit="day")
    response = client.poll(sim.add_task())
    assert response.headers["X-Apig-Ratelimit-Api"] == "remain:0,limit:20,time:1 day"
    assert response.headers["X-Apig-Ratelimit-Api-Allenv"] == "remain:0,limit:20,time:1 day"
    assert response.headers["Retry-After"] == "1"
    assert "limit:20,time:1 day" in json.loads(response.content)["error_msg"]


@pytest.mark.parametrize(
    ("kind", "parameters", "status", "key", "value"),
    [
        ("400", {"code": 13000301}, 400, "code", 13000301),
        ("400", {"code": 13000301, "quoted": True}, 400, "code", "13000301"),
        ("401", {}, 401, "error_code", "APIG.0301"),
        ("401", {"error_code": "APIG.0307"}, 401, "error_code", "APIG.0307"),
        ("401", {"shape": "service"}, 401, "code", 401),
        ("403", {}, 403, "error_code", "APIG.0302"),
        ("404", {}, 404, "error_code", "APIG.0101"),
        ("405", {}, 405, "error_code", "APIG.0501"),
        ("500", {}, 500, "code", 13000201),
        ("503", {}, 503, "error_code", "APIG.0613"),
        ("504", {"delay": 0}, 504, "error_code", "APIG.0203"),
        ("code", {}, 200, "code", 13000201),
        ("answer", {"status": 418, "body": '{"a":1}'}, 418, "a", 1),
    ],
)
def test_error_answers(sim, client, kind, parameters, status, key, value):
    sim.faults.add(kind, **parameters)
    response = client.poll(sim.add_task())
    assert response.status == status
    assert json.loads(response.content)[key] == value
    assert sim.requests[-1].status == status


@pytest.mark.parametrize("quoted", [False, True])
def test_every_code_of_the_service(sim, client, quoted):
    task = sim.add_task()
    for code, text in codes.SERVICE.items():
        sim.faults.add("refuse", count=1, task=task, code=code, quoted=quoted)
        response = client.poll(task)
        expected = {"code": str(code) if quoted else code, "msg": text}
        assert json.loads(response.content) == expected
        assert response.status == {0: 200, 13000201: 500}.get(code, 400)


def test_every_code_of_the_gateway(sim, client):
    task = sim.add_task()
    for error_code, texts in codes.GATEWAY.items():
        for status, text in texts.items():
            sim.faults.add("refuse", count=1, status=status, error_code=error_code)
            response = client.poll(task)
            document = json.loads(response.content)
            assert response.status == status
            assert document.pop("request_id") == response.headers["X-Request-Id"]
            assert document == {"error_code": error_code, "error_msg": text}


@pytest.mark.parametrize(
    ("parameters", "status", "body"),
    [
        ({"error_code": "APIG.0307"}, 401, {"error_code": "APIG.0307"}),
        ({"error_code": "APIGW.0307", "status": 403}, 403, {"error_code": "APIGW.0307"}),
        ({"code": 18000001, "status": 200, "msg": "x"}, 200, {"code": 18000001, "msg": "x"}),
        ({"code": 13000309, "shape": "old"}, 400, {"error_code": "13000309"}),
    ],
)
def test_refusals(sim, client, parameters, status, body):
    sim.faults.add("refuse", **parameters)
    response = client.poll(sim.add_task())
    document = json.loads(response.content)
    assert response.status == status
    assert {key: document[key] for key in body} == body
    assert ("request_id" in document) == (status in (401, 403))


def test_refusals_without_a_code(sim, client):
    task = sim.add_task()
    sim.faults.add("refuse", count=1, status=503, headers={"Retry-After": "soon"})
    response = client.poll(task)
    assert (response.status, response.content) == (503, b"")
    assert response.headers["Retry-After"] == "soon"
    sim.faults.add("refuse", count=1, status=494, shape="html")
    response = client.poll(task)
    assert (response.status, response.content[:6]) == (494, b"<html>")


def test_not_found_yet(sim, client, clock):
    old = sim.add_task()
    clock.value += 10
    new = sim.add_task(polls=2)
    fault = sim.faults.add("not-yet", seconds=5)
    sim.faults.add(500, task=old, count=1)
    assert client.poll(old).status == 500
    response = client.poll(new)
    assert (response.status, json.loads(response.content)["code"]) == (400, 13000309)
    clock.value += 5
    assert client.job(new)["taskStatus"] == 1
    assert fault.hits == 1


@pytest.mark.parametrize("shape", ["service", "gateway"])
def test_an_answer_that_tells_what_was_sent(sim, client, shape):
    task = sim.add_task(kdstoken="aea296")
    sim.faults.add("echo", shape=shape, status=401)
    response = client.poll(task)
    text = json.loads(response.content)["msg" if shape == "service" else "error_msg"]
    assert response.status == 401
    assert DEFAULT_TOKEN in text and "aea296" in text


def test_headers_of_the_tests_own(sim, client):
    sim.faults.add("headers", headers={"Date": "yesterday", "X-Other": "1"})
    response = client.poll(sim.add_task())
    assert response.status == 200
    assert (response.headers["Date"], response.headers["X-Other"]) == ("yesterday", "1")


def test_html(sim, client):
    sim.faults.add(502)
    response = client.poll(sim.add_task())
    assert (response.status, response.headers["Content-Type"]) == (502, "text/html")
    assert response.content.startswith(b"<html>")


def test_redirect(sim, client):
    sim.faults.add("redirect", location="http://127.0.0.3:1/x")
    response = client.poll(sim.add_task())
    assert (response.status, response.headers["Location"]) == (302, "http://127.0.0.3:1/x")


def test_broken_bodies(sim, client):
    task = sim.add_task()
    sim.faults.add("empty", count=1)
    response = client.poll(task)
    assert (response.status, response.content) == (200, b"")

    sim.faults.add("truncated", count=1)
    with pytest.raises(json.JSONDecodeError):
        json.loads(client.poll(task).content)

    sim.faults.add("wrong-task", count=1, task_id="77")
    assert client.job(task)["taskId"] == "77"

    sim.faults.add("invalid-utf8", count=1)
    with pytest.raises(UnicodeDecodeError):
        client.poll(task).content.decode()

    sim.faults.add("deep", count=1)
    with pytest.raises(RecursionError):
        json.loads(client.poll(task).content)
    assert sim.connections == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_oversized_body(sim, client, chunked):
    sim.faults.add("oversized", size=2_000_000, chunked=chunked)
    response = client.poll(sim.add_task())
    assert len(response.content) == 2_000_000
    assert json.loads(response.content)["jobInfo"]["taskStatus"] == 2
    assert ("Content-Length" in response.headers) != chunked


def test_drip_is_whole_in_the_end(sim, client):
    sim.faults.add("drip", chunk=50, interval=0.001)
    assert client.job(sim.add_task())["taskStatus"] == 2


def test_drip_comes_by_and_by(sim, client):
    sim.faults.add("drip", chunk=10, interval=3600)
    sim.add_task("1", "2")
    headers = {"Authorization": DEFAULT_TOKEN, "Content-Type": "application/json"}
    client.connection.request("POST", DETAIL_PATH, b'{"taskId":"1","shareId":"2"}', headers)
    response = client.connection.getresponse()
    assert len(response.read(10)) == 10
    client.connection.sock.settimeout(0.01)
    with pytest.raises(TimeoutError):
        response.read(1)
    response.close()


def test_reset_before_headers(sim, client):
    task = sim.add_task()
    sim.faults.add("reset", count=1)
    with pytest.raises(ConnectionResetError):
        client.poll(task)
    assert sim.requests[-1].status is None
    assert client.poll(task).status == 200
    assert sim.connections == 2


def test_reset_after_headers(sim, client):
    sim.faults.add("reset-after-headers", count=1)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        client.poll(sim.add_task())
    assert sim.requests[-1].status == 200


def test_close_announced_and_silent(sim, client):
    task = sim.add_task()
    sim.faults.add("close", count=1)
    assert client.poll(task).headers["Connection"] == "close"
    assert client.poll(task).status == 200
    assert sim.connections == 2

    sim.faults.add("close", count=1, announced=False)
    assert "Connection" not in client.poll(task).headers
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        client.poll(task)


def test_delay_is_given_up_when_the_client_leaves(sim, client):
    sim.faults.add("delay", seconds=3600)
    task = sim.add_task()
    client.connection.timeout = 0.05
    with pytest.raises(TimeoutError):
        client.poll(task)
    client.connection.close()
    sim.wait_for(lambda s: s.requests and s.requests[-1].finished == "dropped")
    sim.wait_for(lambda s: s.in_flight == 0)


def test_hang_does_not_outlive_the_simulator(connect, pool):
    with Simulator() as sim:
        sim.faults.add("hang")
        poll = pool.submit(connect(sim).poll, sim.add_task())
        sim.wait_for(lambda s: s.requests)
    assert isinstance(poll.exception(timeout=10), OSError)
    assert sim.requests[0].finished == "dropped"


@pytest.mark.parametrize(
    ("kind", "parameters", "error"),
    [
        ("boom", {}, ValueError),
        ("drip", {"colour": 1}, TypeError),
        ("delay", {}, TypeError),
        (429, {"hint": "smoke"}, ValueError),
        (401, {"shape": "round"}, ValueError),
        (500, {"where": "nowhere"}, ValueError),
        (500, {"count": 0}, ValueError),
        (429, {"hint": "text+smoke"}, ValueError),
        ("refuse", {}, ValueError),
        ("refuse", {"shape": "old", "status": 400}, ValueError),
        ("refuse", {"shape": "gateway", "code": 13000309}, ValueError),
        ("refuse", {"shape": "round", "status": 400}, ValueError),
        ("not-yet", {}, TypeError),
    ],
)
def test_wrong_faults_are_refused_at_once(sim, kind, parameters, error):
    with pytest.raises(error):
        sim.faults.add(kind, **parameters)
