"""The behaviours of the simulator that other tests rest on."""

import email.utils
import http.client
import io
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from koodrive_simulator import DEFAULT_TOKEN, DETAIL_PATH, Simulator

PROGRAM = Path(__file__).with_name("koodrive_simulator.py")


class Clock:
    """A monotonic clock that only the test moves."""

    def __init__(self):
        self.value = 1000.0

    def __call__(self):
        return self.value


class Client:
    """One keep-alive connection, as the daemon's would be."""

    def __init__(self, simulator, context=None):
        self.simulator = simulator
        if context:
            self.connection = http.client.HTTPSConnection(
                simulator.host, simulator.port, timeout=10, context=context
            )
        else:
            self.connection = http.client.HTTPConnection(
                simulator.host, simulator.port, timeout=10
            )

    def send(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        response.content = response.read()
        return response

    def poll(self, task, headers=None, body=None, path=DETAIL_PATH, method="POST"):
        """headers are added; one whose value is None is left out."""
        if body is None:
            document = {"taskId": task.task_id, "shareId": task.share_id}
            if task.kdstoken:
                document["kdstoken"] = task.kdstoken
            body = json.dumps(document)
        every = {"Authorization": DEFAULT_TOKEN, "Content-Type": "application/json"}
        every.update(headers or {})
        every = {name: value for name, value in every.items() if value is not None}
        return self.send(method, path, body, every)

    def job(self, task):
        return json.loads(self.poll(task).content)["jobInfo"]

    def download(self, url, headers=None):
        parts = urllib.parse.urlsplit(url)
        return self.send("GET", f"{parts.path}?{parts.query}", None, headers)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sim(clock):
    with Simulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
def connect():
    """Makes a Client as Client() does, and closes it after the test."""
    clients = []

    def make(*arguments):
        clients.append(Client(*arguments))
        return clients[-1]

    yield make
    for client in clients:
        client.connection.close()


@pytest.fixture
def client(sim, connect):
    return connect(sim)


@pytest.fixture
def pool():
    with ThreadPoolExecutor() as executor:
        yield executor


def verdict(sim):
    return sim.requests[-1].verdict


# The life of a task


def test_course_by_polls(sim, client):
    task = sim.add_task(polls=5)
    jobs = [client.job(task) for _ in range(6)]
    assert [job["taskStatus"] for job in jobs] == [0, 1, 1, 1, 2, 2]
    assert [job["progress"] for job in jobs] == [0, 0, 33, 66, 100, 100]
    assert "taskResultCode" not in jobs[3]
    assert jobs[4]["taskResultCode"] == 1


def test_completed_at_the_first_poll_by_default(sim, client):
    job = client.job(sim.add_task())
    assert job["taskStatus"] == 2
    assert job["createTime"] == job["startTime"]
    assert len(job["endTime"]) == 14


def test_course_by_time(sim, client, clock):
    task = sim.add_task(duration=100, pending=20)
    seen = []
    for moment in (0, 19, 20, 60, 99, 100):
        clock.value = 1000.0 + moment
        job = client.job(task)
        seen.append((job["taskStatus"], job["progress"]))
    assert seen == [(0, 0), (0, 0), (1, 0), (1, 50), (1, 98), (2, 100)]
    assert task.ended_at == 1100.0


def test_progress_in_steps_and_silent(sim, client, clock):
    stepped = sim.add_task(duration=100, pending=0, steps=4)
    silent = sim.add_task(duration=100, pending=0, steps=0)
    clock.value += 60
    assert client.job(stepped)["progress"] == 50
    assert client.job(silent)["progress"] == 0


def test_cancelled_course(sim, client):
    task = sim.add_task(polls=2, cancel=True)
    assert client.job(task)["taskStatus"] == 1
    job = client.job(task)
    assert job["taskStatus"] == 3
    assert "taskResultCode" not in job
    assert "downloadUrl" not in job


def test_held_until_told(sim, client, clock):
    task = sim.add_task(duration=100, pending=0)
    clock.value += 50
    task.hold()
    clock.value += 500
    assert client.job(task)["progress"] == 50
    task.complete(result=3)
    job = client.job(task)
    assert (job["taskStatus"], job["taskResultCode"], job["progress"]) == (2, 3, 100)


def test_added_on_hold_and_cancelled(sim, client):
    task = sim.add_task(hold=True)
    assert client.job(task)["taskStatus"] == 1
    task.cancel()
    assert client.job(task)["taskStatus"] == 3


def test_set_shows_anything_until_taken_back(sim, client):
    task = sim.add_task(hold=True)
    task.set(status=4, progress=-7, result="x", download_url="ftp://x")
    job = client.job(task)
    assert (job["taskStatus"], job["progress"]) == (4, -7)
    assert (job["taskResultCode"], job["downloadUrl"]) == ("x", "ftp://x")
    task.set(status=None, progress=None)
    assert client.job(task)["taskStatus"] == 1
    with pytest.raises(TypeError):
        task.set(colour="red")


def test_result_code_can_be_absent(sim, client):
    assert "taskResultCode" not in client.job(sim.add_task(result=0))


def test_task_appears_later(sim, client, clock):
    task = sim.add_task(appears_after=5)
    response = client.poll(task)
    assert (response.status, json.loads(response.content)["code"]) == (400, 13000309)
    clock.value += 5
    assert client.poll(task).status == 200


def test_same_id_twice_is_an_error(sim):
    sim.add_task("1")
    with pytest.raises(ValueError):
        sim.add_task("1")


# Dialects


def test_dialect_2025(sim, client):
    task = sim.add_task(polls=3, task_type=2, result=2, files=2)
    waiting, running, ended = (json.loads(client.poll(task).content) for _ in range(3))
    assert waiting["taskInfos"] == []
    assert running["taskInfos"] is None
    assert ended["code"] == 0
    assert ended["jobInfo"]["taskId"] == task.task_id
    assert [entry["status"] for entry in ended["taskInfos"]] == ["1", "2"]
    assert ended["taskInfos"][0]["newFileId"]
    assert "startTime" not in waiting["jobInfo"]


def test_dialect_2024(sim, client):
    document = json.loads(client.poll(sim.add_task(dialect="2024")).content)
    assert document["code"] == "0"
    assert document["taskInfo"]["taskStatus"] == 2
    assert document["taskInfo"]["resultCode"] == 0
    assert "jobInfo" not in document and "taskInfos" not in document


def test_dialect_object(sim, client):
    document = json.loads(client.poll(sim.add_task(dialect="object", files=3)).content)
    assert document["taskInfos"]["status"] == "1"


def test_dialect_batch(sim, client):
    document = json.loads(client.poll(sim.add_task(dialect="batch")).content)
    job = document["data"]["jobInfo"]
    assert document["code"] == "0"
    assert job["status"] == 2 and "taskStatus" not in job
    assert "beginTime" in job and "startTime" not in job


def test_dialect_stringy(sim, client):
    document = json.loads(client.poll(sim.add_task(dialect="stringy")).content)
    assert document["code"] == "0"
    assert document["jobInfo"]["taskStatus"] == "2"
    assert document["jobInfo"]["progress"] == "100"


def test_modifiers(sim, client):
    task = sim.add_task("1689768877770401664", dialect="object+numeric+extra+shuffled+spaced+utf8")
    response = client.poll(task)
    document = json.loads(response.content)
    assert response.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert response.content.startswith(b"\r\n")
    assert "成功".encode() in response.content
    assert document["jobInfo"]["taskId"] == 1689768877770401664
    assert document["taskInfos"]["status"] == 1
    assert "xFuture" in document and "xFuture" in document["jobInfo"]


@pytest.mark.parametrize(("modifier", "value"), [("nulls", None), ("empties", "")])
def test_fields_without_a_value(sim, client, modifier, value):
    task = sim.add_task(polls=3, dialect=f"2025+{modifier}")
    job = client.job(task)
    assert job["endTime"] == job["downloadUrl"] == job["taskResultCode"] == value


def test_unknown_dialect_is_an_error(sim):
    for dialect in ("2023", "2025+loud"):
        with pytest.raises(ValueError):
            sim.add_task(dialect=dialect)


# Credentials, headers and form


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


def stamp(moment):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


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


# Faults


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


def test_throttling_with_ratelimit_header(sim, client):
    sim.faults.add(429, hint="header", limit=20)
    response = client.poll(sim.add_task())
    assert response.headers["X-Apig-Ratelimit-Api"] == "remain:0,limit:20,time:1 second"


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
    ],
)
def test_wrong_faults_are_refused_at_once(sim, kind, parameters, error):
    with pytest.raises(error):
        sim.faults.add(kind, **parameters)


# Downloads


def test_download_is_a_zip(sim, client):
    task = sim.add_task(files=3, file_size=500)
    response = client.download(client.job(task)["downloadUrl"])
    assert (response.status, response.content) == (200, task.package)
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.testzip() is None
    assert [entry.file_size for entry in archive.infolist()] == [500] * 3


def test_link_is_absent_late_or_of_the_wrong_type(sim, client):
    late = sim.add_task(download="late", late_polls=2)
    links = ["downloadUrl" in client.job(late) for _ in range(4)]
    assert links == [False, False, True, True]
    assert "downloadUrl" not in client.job(sim.add_task(download=False))
    assert "downloadUrl" not in client.job(sim.add_task(task_type=2))


def test_link_needs_its_signature_and_an_ended_task(sim, client):
    task = sim.add_task()
    assert client.download(task.download_url).status == 404
    client.poll(task)
    assert client.download(task.download_url).status == 200
    assert client.download(task.download_url + "x").status == 403
    assert client.download(task.download_url.replace(task.task_id, "5")).status == 404


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=100-199", 206, slice(100, 200)),
        ("bytes=100-99999999", 206, slice(100, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("bytes=5-2", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
def test_range(sim, client, wanted, status, part):
    task = sim.add_task()
    client.poll(task)
    response = client.download(task.download_url, {"Range": wanted})
    assert (response.status, response.content) == (status, task.package[part])
    if status == 206:
        size = len(task.package)
        begin, end, _ = part.indices(size)
        assert response.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{size}"


def test_resume_after_cut_off(sim, client):
    task = sim.add_task(file_size=100_000)
    client.poll(task)
    sim.faults.add("cut-off", count=1, after=30_000)
    with pytest.raises(http.client.IncompleteRead) as cut:
        client.download(task.download_url)
    assert len(cut.value.partial) == 30_000
    client.connection.close()

    etag = client.download(task.download_url).headers["ETag"]
    rest = client.download(task.download_url, {"Range": "bytes=30000-", "If-Range": etag})
    assert cut.value.partial + rest.content == task.package
    whole = client.download(task.download_url, {"Range": "bytes=30000-", "If-Range": '"other"'})
    assert (whole.status, whole.content) == (200, task.package)


def test_slow_download_arrives(sim, client):
    task = sim.add_task()
    client.poll(task)
    sim.faults.add("slow", rate=100_000)
    assert client.download(task.download_url).content == task.package


def test_poll_faults_spare_downloads(sim, client):
    task = sim.add_task()
    client.poll(task)
    sim.faults.add(500)
    assert client.download(task.download_url).status == 200
    sim.faults.add(403, where="download", shape="empty")
    assert client.download(task.download_url).status == 403


# Record and connections


def test_record(sim, client):
    task = sim.add_task()
    before = time.time()
    client.poll(task, {"X-A": "1"})
    client.poll(task, {"X-Traceid": "short"})
    first, second = sim.requests
    assert (first.method, first.path, first.task_id) == ("POST", DETAIL_PATH, task.task_id)
    assert first.kind == "poll"
    assert json.loads(first.body) == {"taskId": task.task_id, "shareId": task.share_id}
    assert [name for name, _ in first.headers][-3:] == ["Authorization", "Content-Type", "X-A"]
    assert first.header("x-a") == "1" and first.header("X-B") is None
    assert (first.status, first.verdict) == (200, "ok")
    assert (second.status, second.verdict[:9]) == (400, "X-Traceid")
    assert before - 1 < first.wall <= second.wall
    assert (first.number, second.number) == (1, 2)


def test_keep_alive_is_one_connection(sim, client, connect):
    task = sim.add_task()
    for _ in range(10):
        client.poll(task)
    assert sim.connections == 1
    assert {record.connection for record in sim.requests} == {1}
    connect(sim).poll(task)
    assert sim.connections == 2
    assert sim.in_flight_max == 1


def test_in_flight_max(sim, connect, pool):
    task = sim.add_task()
    sim.faults.add("hang")
    polls = [pool.submit(connect(sim).poll, task) for _ in range(4)]
    sim.wait_for(lambda s: s.in_flight == 4)
    assert sim.in_flight_max == 4
    sim.go_offline()
    for poll in polls:
        assert isinstance(poll.exception(timeout=10), OSError)
    sim.wait_for(lambda s: s.in_flight == 0)
    assert sim.in_flight_max == 4


def test_wait_for(sim, client, pool):
    task = sim.add_task()
    poll = pool.submit(client.poll, task)
    assert sim.wait_for(lambda s: s.polls(task)) == 1
    assert poll.result(timeout=10).status == 200
    with pytest.raises(TimeoutError, match="200 ok"):
        sim.wait_for(lambda s: s.polls(task) == 2, timeout=0.01)


def test_keep_requests_bounds_the_record(connect):
    with Simulator(keep_requests=2) as sim:
        client = connect(sim)
        task = sim.add_task()
        for _ in range(5):
            client.poll(task)
        assert [record.number for record in sim.requests] == [4, 5]
        assert sim.polls(task) == 5


def test_offline_and_online_again(sim, client, connect):
    task = sim.add_task()
    client.poll(task)
    port = sim.port
    sim.go_offline()
    with pytest.raises(OSError):
        connect(sim).poll(task)
    sim.go_online()
    assert sim.port == port
    assert connect(sim).poll(task).status == 200


def test_loopback_only():
    with pytest.raises(ValueError):
        Simulator(host="0.0.0.0")


def test_port_in_use_is_an_error(sim):
    with pytest.raises(OSError):
        Simulator(port=sim.port).start()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_tls(tmp_path, connect):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-subj", "/CN=simulator", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    with Simulator(certificate=certificate, key=key) as sim:
        trusting = ssl.create_default_context(cafile=certificate)
        job = connect(sim, trusting).job(sim.add_task())
        assert job["downloadUrl"].startswith(f"https://127.0.0.1:{sim.port}/")
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(sim, ssl.create_default_context()).job(sim.add_task())
        assert sim.connections == 2


# The program


@pytest.fixture
def program(tmp_path):
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps([{"task_id": "11", "share_id": "22", "polls": 2}]))
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), "--port", "0", "--token", "AT abc", "--tasks", str(tasks)],
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:")
    process.port = int(line.rpartition(":")[2])
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def ask(port, method, path, document=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, json.dumps(document), headers or {})
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content


def test_program_serves_its_tasks_and_the_control_endpoint(program):
    headers = {"Authorization": "AT abc", "Content-Type": "application/json"}
    body = {"taskId": "11", "shareId": "22"}

    def poll():
        return ask(program.port, "POST", DETAIL_PATH, body, headers)

    def control(method, path, document=None):
        return ask(program.port, method, "/_simulator/" + path, document)

    assert poll()[1]["jobInfo"]["taskStatus"] == 1
    assert control("POST", "faults", {"kind": "503", "count": 1}) == (200, {"added": 1})
    assert poll()[0] == 503
    assert control("POST", "tasks/11", {"action": "complete", "result": 2})[1]["status"] == 2
    assert poll()[1]["jobInfo"]["taskResultCode"] == 2
    assert control("POST", "settings", {"tokens": []})[0] == 200
    assert poll()[0] == 401

    status, records = control("GET", "requests?after=1")
    assert [record["status"] for record in records] == [503, 200, 401]
    assert json.loads(records[0]["body"]) == body
    assert control("GET", "status")[1]["requests"] == 4
    assert control("POST", "tasks", {"task_id": "33", "duration": 60})[1]["task_id"] == "33"
    assert [task["task_id"] for task in control("GET", "tasks")[1]] == ["11", "33"]

    assert control("POST", "faults", {"kind": "boom"})[0] == 400
    assert control("POST", "tasks/99", {})[0] == 404
    assert control("DELETE", "faults")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_ends_by_signal_though_clients_are_connected(program, number):
    with socket.create_connection(("127.0.0.1", program.port)):
        program.send_signal(number)
        assert program.wait(timeout=10) == 0


def test_program_says_why_it_does_not_start(tmp_path):
    tasks = tmp_path / "tasks.json"
    tasks.write_text('[{"colour": "red"}]')
    result = subprocess.run(
        [sys.executable, str(PROGRAM), "--tasks", str(tasks)], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "colour" in result.stderr
