"""The server: its record, its connections, the program and its control endpoint."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import certificates
import pytest
from koodrive_simulator import DETAIL_PATH, Simulator
from simulator_client import ask, signed

pytest_plugins = ["simulator_fixtures"]

PROGRAM = Path(__file__).with_name("koodrive_simulator.py")


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


# TLS


needs_openssl = pytest.mark.skipif(
    not certificates.available(), reason="openssl makes the certificate"
)


@needs_openssl
def test_tls(tmp_path, connect):
    certificate, key = certificates.issue(tmp_path)
    with Simulator(certificate=certificate, key=key) as sim:
        trusting = ssl.create_default_context(cafile=certificate)
        job = connect(sim, trusting).job(sim.add_task())
        assert job["downloadUrl"].startswith(f"https://127.0.0.1:{sim.port}/")
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(sim, ssl.create_default_context()).job(sim.add_task())
        assert sim.connections == 2


@needs_openssl
def test_a_certificate_for_another_name_and_back(tmp_path, connect):
    certificate, key = certificates.issue(tmp_path)
    other, other_key = certificates.issue(tmp_path, "DNS:elsewhere.invalid")
    with Simulator(certificate=certificate, key=key) as sim:
        task, port = sim.add_task(), sim.port
        trusting = ssl.create_default_context(cafile=certificate)
        trusting.load_verify_locations(other)
        assert connect(sim, trusting).poll(task).status == 200
        sim.use_certificate(other, other_key)
        with pytest.raises(ssl.SSLCertVerificationError, match="match"):
            connect(sim, trusting).poll(task)
        sim.use_certificate(certificate, key)
        assert connect(sim, trusting).poll(task).status == 200
        assert (sim.polls(task), sim.port) == (2, port)


def test_no_certificate_where_no_tls_is_spoken(sim, tmp_path):
    with pytest.raises(ValueError):
        sim.use_certificate(tmp_path / "any.pem")


# The clock


def test_no_date_or_a_wild_one(sim, client):
    task = sim.add_task()
    sim.date_header = None
    assert "Date" not in client.poll(task).headers
    assert "Date" not in client.poll(task, path="/elsewhere").headers
    sim.date_header = "Thu, 41 Jan 1970 99:99:99 GMT"
    assert client.poll(task).headers["Date"] == sim.date_header
    assert sim.connections == 1
    sim.date_header = True
    assert client.poll(task).headers["Date"].endswith("GMT")


def test_the_clock_can_be_fast(connect, clock):
    with Simulator(clock=clock, speed=60) as sim:
        task = sim.add_task(duration=600)
        client = connect(sim)
        clock.value += 9
        assert client.job(task)["taskStatus"] == 1
        clock.value += 1
        assert client.job(task)["taskStatus"] == 2


# Good answers


def test_ratelimit_headers_of_good_answers(sim, client):
    task = sim.add_task()
    assert "X-Apig-Ratelimit-Api" not in client.poll(task).headers
    sim.ratelimit = "remain:99,limit:100,time:1 minute"
    response = client.poll(task)
    assert response.headers["X-Apig-Ratelimit-Api"] == sim.ratelimit
    assert response.headers["X-Apig-Ratelimit-Api-Allenv"] == sim.ratelimit
    sim.faults.add(503, count=1)
    assert "X-Apig-Ratelimit-Api" not in client.poll(task).headers
    assert "X-Apig-Ratelimit-Api" not in client.download(task.download_url).headers


def test_requests_by_whose_they_are(sim, client):
    sim.tokens = {"Bearer one", "Bearer two"}
    sim.apps = {"app": "secret"}
    task = sim.add_task()
    client.poll(task, {"Authorization": "Bearer one"})
    client.poll(task, {"Authorization": "Bearer two"})
    client.poll(task, {"Authorization": "Bearer one"})
    client.poll(task, *signed(task, "app", "secret"))
    client.poll(task, {"Authorization": None})
    client.download(task.download_url)
    groups = sim.by_credential("poll")
    numbers = {key: [request.number for request in group] for key, group in groups.items()}
    assert numbers == {"Bearer one": [1, 3], "Bearer two": [2], "app": [4], None: [5]}
    assert [request.number for request in sim.by_credential()[None]] == [5, 6]


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

    entry = {"token": "AT s", "refresh_token": "r", "session_id": "s1", "expires_in": None}
    status, session = control("POST", "sessions", entry)
    assert (status, session["token"], session["refreshes"]) == (200, "AT s", 0)
    path, body = "/koodrive/ose/v1/auth/refreshToken", {"refreshToken": "r"}
    status, answer = ask(program.port, "POST", path, body, headers | {"Authorization": "AT s"})
    assert (status, answer["data"]["sessionInfo"]["refreshToken"]) == (200, "r")
    (session,) = control("GET", "sessions")[1]
    assert session["token"] == answer["data"]["sessionInfo"]["accessToken"]
    assert session["refreshes"] == 1
    assert control("POST", "sessions/s1", {"action": "revoke"})[1]["revoked"] is True
    assert control("POST", "sessions/s1", {"action": "sing"})[0] == 400
    assert control("POST", "sessions/s2", {"action": "revoke"})[0] == 404

    assert control("POST", "settings", {"apps": {"a": "b"}, "date_header": None})[0] == 200
    assert control("POST", "settings", {"colour": "red"})[0] == 400
    assert control("POST", "faults", {"kind": "boom"})[0] == 400
    assert control("POST", "tasks/99", {})[0] == 404
    assert control("DELETE", "faults")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_ends_by_signal_though_clients_are_connected(program, number):
    with socket.create_connection(("127.0.0.1", program.port)):
        program.send_signal(number)
        assert program.wait(timeout=10) == 0


@pytest.mark.parametrize("option", ["--tasks", "--sessions"])
def test_program_says_why_it_does_not_start(tmp_path, option):
    file = tmp_path / "file.json"
    file.write_text('[{"colour": "red"}]')
    result = subprocess.run(
        [sys.executable, str(PROGRAM), option, str(file)], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "colour" in result.stderr


def test_program_wants_an_app_with_its_secret():
    result = subprocess.run(
        [sys.executable, str(PROGRAM), "--app", "alone"], capture_output=True, text=True
    )
    assert (result.returncode, "ID=SECRET" in result.stderr) == (1, True)
