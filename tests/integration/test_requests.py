"""What the service sees of the daemon."""

import re
import shutil
import subprocess

import certificates
import pytest
from conftest import needs_root
from koodrive_simulator import DEFAULT_TOKEN, Simulator
from koowatch import Koowatch, wait_polls


def finish(koowatch, sim, polls=3, **course):
    """Watches one task to its end and returns the requests."""
    koowatch.add_task("photos", sim.add_task(polls=polls, **course))
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    return sim.requests


def test_form_of_a_request(koowatch, sim):
    requests = finish(koowatch, sim)
    assert [request.verdict for request in requests] == ["ok"] * 3
    for request in requests:
        assert (request.method, request.path) == ("POST", "/koodrive/ose/v1/share/taskDetail")
        assert request.values("Authorization") == [DEFAULT_TOKEN]
        assert request.values("Content-Type") == ["application/json"]
        assert re.fullmatch(r"\d{8}T\d{6}Z", request.header("X-Date"))


def test_each_request_has_a_trace_id_of_its_own(koowatch, sim):
    traces = [request.header("X-Traceid") for request in finish(koowatch, sim, polls=10)]
    assert {len(trace) for trace in traces} == {58}
    assert len(set(traces)) == len(traces)


def test_body_without_a_share_token(koowatch, sim):
    (request,) = finish(koowatch, sim, polls=1, task_id="11", share_id="22")
    assert request.body == b'{"taskId":"11","shareId":"22"}'


def test_body_with_a_share_token(koowatch, sim):
    requests = finish(koowatch, sim, kdstoken='a"/b')
    assert {request.body.count(b'"kdstoken":"a\\"/b"') for request in requests} == {1}
    assert {request.verdict for request in requests} == {"ok"}


@needs_root
def test_share_token_from_a_file(koowatch, sim):
    path = koowatch.path / "kdstoken"
    path.write_text("aea2968e\n")
    task = sim.add_task(kdstoken="aea2968e")
    koowatch.add_task("photos", task, KdsToken=None, KdsTokenFile=path)
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    assert [request.verdict for request in sim.requests] == ["ok"]


def test_no_user_and_agent_unless_configured(koowatch, sim):
    for request in finish(koowatch, sim):
        assert not request.values("X-User-Id") and not request.values("X-Hw-Agentname")


def test_user_and_agent(koowatch, sim):
    sim.require_headers = {"X-User-Id": "1684711050387378049", "X-Hw-Agentname": "carrier one"}
    koowatch.settings["Account"] |= {"UserId": "1684711050387378049", "AgentName": "carrier one"}
    assert [request.verdict for request in finish(koowatch, sim)] == ["ok"] * 3


@pytest.mark.parametrize("hours", [-1, 2])
def test_the_services_clock_is_learnt_from_its_first_answer(koowatch, sim, hours):
    sim.clock_offset = hours * 3600
    verdicts = [request.verdict for request in finish(koowatch, sim)]
    assert "X-Date" in verdicts[0]
    assert set(verdicts[1:]) == {"ok"}


@pytest.mark.parametrize(
    ("scheme", "token", "sent"),
    [
        ("verbatim", "abc", "abc"),
        ("Bearer", "abc", "Bearer abc"),
        ("AT", "abc", "AT abc"),
        ("AT", "Bearer abc", "Bearer abc"),
    ],
)
def test_token_scheme(koowatch, sim, scheme, token, sent):
    sim.tokens = {sent}
    koowatch.set_token(token)
    koowatch.settings["Account"]["TokenScheme"] = scheme
    assert [request.verdict for request in finish(koowatch, sim)] == ["ok"] * 3


def test_token_from_the_credentials_of_the_service_manager(koowatch, sim):
    del koowatch.settings["Account"]["TokenFile"]
    credentials = koowatch.path / "credentials"
    credentials.mkdir()
    (credentials / "koowatch_default.token").write_text(DEFAULT_TOKEN)
    koowatch.add_task("photos", sim.add_task())
    koowatch.start(CREDENTIALS_DIRECTORY=str(credentials))
    koowatch.wait_entry("^photos: completed")


def test_each_account_has_its_own_token(koowatch, sim):
    sim.tokens = {DEFAULT_TOKEN, "Bearer second"}
    (koowatch.path / "second").write_text("Bearer second")
    koowatch.settings["Account second"] = {
        "Endpoint": sim.url,
        "TokenFile": koowatch.path / "second",
        "UserId": "2",
    }
    one, two = sim.add_task(), sim.add_task()
    koowatch.add_task("one", one)
    koowatch.add_task("two", two, Account="second")
    koowatch.record()
    koowatch.start()
    assert koowatch.wait_record(name="two")["env"]["KOOWATCH_ACCOUNT"] == "second"
    koowatch.wait_record(name="one")
    sent = {r.task_id: (r.header("Authorization"), r.header("X-User-Id")) for r in sim.requests}
    assert sent == {one.task_id: (DEFAULT_TOKEN, None), two.task_id: ("Bearer second", "2")}


def test_path_prefix(build):
    with Simulator(prefix="/gate/way") as sim:
        koowatch = Koowatch(build, sim.url + "/")
        try:
            assert [request.verdict for request in finish(koowatch, sim)] == ["ok"] * 3
        finally:
            koowatch.close()


def test_connections_are_used_again(koowatch, sim):
    koowatch.settings["Poll"]["IntervalMax"] = "50ms"
    finish(koowatch, sim, polls=30)
    assert sim.connections == 1


def test_requests_in_flight_are_limited(koowatch, sim):
    koowatch.settings["Account"]["MaxInFlight"] = "3"
    sim.faults.add("delay", seconds=0.1)
    for number in range(12):
        koowatch.add_task(f"t{number}", sim.add_task(polls=2))
    koowatch.start()
    koowatch.wait_entry(": completed", count=12)
    assert sim.in_flight_max == 3
    assert sim.connections <= 3


def test_rate_limit(koowatch, sim):
    koowatch.settings["Account"]["RateLimit"] = "5/s"
    for number in range(8):
        koowatch.add_task(f"t{number}", sim.add_task(polls=2))
    koowatch.start()
    koowatch.wait_entry(": completed", count=8)
    times = [request.monotonic for request in sim.requests]
    assert len(times) == 16
    # What the way here may have compressed is a tenth of the second at most.
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[5:]))


# TLS


@pytest.fixture
def tls(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing, which makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    subprocess.run(
        [*command.split(), "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    with Simulator(certificate=certificate, key=key) as sim:
        sim.certificate = certificate
        yield sim


def test_tls(koowatch, tls):
    koowatch.settings["Account"] |= {"Endpoint": tls.url, "CAFile": tls.certificate}
    assert [request.verdict for request in finish(koowatch, tls)] == ["ok"] * 3


def test_a_certificate_that_cannot_be_verified_is_refused(koowatch, tls):
    koowatch.settings["Account"]["Endpoint"] = tls.url
    koowatch.add_task("photos", tls.add_task())
    koowatch.start()
    entry = koowatch.wait_entry("unreachable", KOOWATCH_ACCOUNT="default")
    assert "certificate" in entry.message
    assert not tls.requests


def test_each_account_trusts_its_own_ca_file(koowatch, tls, tmp_path):
    """Also with a handle that has just asked the same server for another account."""
    (tmp_path / "other").mkdir()
    stranger, _ = certificates.issue(tmp_path / "other")
    koowatch.settings["Account"] |= {"Endpoint": tls.url, "CAFile": tls.certificate}
    koowatch.settings["Account other"] = koowatch.settings["Account"] | {"CAFile": stranger}
    trusted, other = tls.add_task(hold=True), tls.add_task()
    koowatch.add_task("trusted", trusted)
    koowatch.start()
    wait_polls(tls, trusted, 2)
    koowatch.add_task("other", other, Account="other")
    koowatch.wait_entry("^account other: unreachable.*certificate")
    assert not tls.polls(other)


def test_a_proxy_is_used(koowatch, sim):
    """The simulator as a proxy: it sees the whole URL in the request line."""
    koowatch.settings["Account"] |= {"Endpoint": "http://127.0.0.1:9", "Proxy": sim.url}
    task = sim.add_task()
    koowatch.add_task("photos", task)
    koowatch.start()
    request = sim.wait_for(lambda s: s.requests)[0]
    assert request.header("Host") == "127.0.0.1:9"


def test_a_removed_task_is_not_asked_about(koowatch, sim):
    gone, stays = sim.add_task(hold=True), sim.add_task(hold=True)
    path = koowatch.add_task("gone", gone)
    koowatch.add_task("stays", stays)
    koowatch.start()
    wait_polls(sim, gone, 2)
    path.unlink()
    wait_polls(sim, stays, 2)  # the event has been seen after the first of them
    asked = sim.polls(gone)
    wait_polls(sim, stays, 6)
    assert sim.polls(gone) == asked
