"""Connections that end, fall silent, refuse streams, or go through a proxy; and whom they trust."""

import contextlib
import gzip
import re
import shutil
import socket
import subprocess
import threading
import time

import certificates
import pytest
from koodrive_simulator import Simulator
from koowatch import wait_polls

needs_nginx = pytest.mark.skipif(
    not shutil.which("nginx", path="/usr/sbin:/usr/bin"), reason="nginx is missing"
)

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {path}/nginx.pid;
error_log {path}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format protocol '$server_protocol $connection $status';
    access_log {path}/access.log protocol;
    client_body_temp_path {path}/body;
    proxy_temp_path {path}/proxy;
    fastcgi_temp_path {path}/fastcgi;
    uwsgi_temp_path {path}/uwsgi;
    scgi_temp_path {path}/scgi;
    {settings}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{ proxy_pass {upstream}; }}
    }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Nginx:
    """An HTTP/2 server with TLS in front of the simulator."""

    def __init__(self, path, upstream, settings=""):
        self.path, self.port = path, free_port()
        self.certificate, key = certificates.issue(path)
        self.url = f"https://127.0.0.1:{self.port}"
        (path / "nginx.conf").write_text(
            NGINX.format(
                path=path,
                port=self.port,
                certificate=self.certificate,
                key=key,
                upstream=upstream,
                settings=settings,
            )
        )
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-c", self.path / "nginx.conf", "-e", self.path / "error.log"],
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def log(self):
        """(protocol, connection, status) of each request."""
        return [tuple(line.split()) for line in (self.path / "access.log").read_text().splitlines()]


@pytest.fixture
def nginx(tmp_path, koowatch, sim):
    servers = []

    def start(settings=""):
        server = Nginx(tmp_path, sim.url, settings)
        servers.append(server)
        koowatch.settings["Account"] |= {
            "Endpoint": server.url,
            "CAFile": server.certificate,
        }
        return server

    yield start
    for server in servers:
        server.stop()


def run(koowatch, sim, count, polls):
    koowatch.settings["Poll"]["IntervalMax"] = "50ms"
    for number in range(count):
        koowatch.add_task(f"t{number}", sim.add_task(polls=polls))
    koowatch.start("--log-level", "debug")
    koowatch.wait_entry(": completed", count=count)


# HTTP/2


@needs_nginx
def test_http2_on_one_connection(koowatch, sim, nginx):
    server = nginx()
    run(koowatch, sim, 4, polls=5)
    assert {protocol for protocol, _, _ in server.log()} == {"HTTP/2.0"}
    assert len({connection for _, connection, _ in server.log()}) == 1


@needs_nginx
@pytest.mark.parametrize("settings", ["keepalive_requests 3;", "keepalive_timeout 1ms;"])
def test_a_server_that_says_goodbye_is_no_trouble(koowatch, sim, nginx, settings):
    server = nginx(settings)
    run(koowatch, sim, 4, polls=8)
    assert {protocol for protocol, _, _ in server.log()} == {"HTTP/2.0"}
    assert len({connection for _, connection, _ in server.log()}) > 1
    assert not koowatch.find("^account default: ")


@needs_nginx
def test_a_server_that_is_started_anew(koowatch, sim, nginx):
    server, task = nginx(), sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task, 3)
    server.stop()
    server.start()
    task.complete()
    koowatch.wait_entry("^photos: completed")


@needs_nginx
def test_refused_streams_are_not_repeated_beyond_the_rate(koowatch, sim, nginx):
    nginx("http2_max_concurrent_streams 1;")
    koowatch.settings["Account"] |= {"RateLimit": "20/s", "MaxInFlight": "16"}
    sim.faults.add("delay", seconds=0.2)
    run(koowatch, sim, 12, polls=2)
    times = [request.monotonic for request in sim.requests]
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[20:]))
    assert not koowatch.find("^account default: unreachable")


class Relay:
    """TCP to a port of this machine; fall_silent() stops the bytes, not the connections."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._silent, self._links = set(), []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                link = (near, far)
                self._links.append(link)
                for one, other in (link, link[::-1]):
                    threading.Thread(
                        target=self._pass_on, args=(link, one, other), daemon=True
                    ).start()

    def _pass_on(self, link, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if link not in self._silent:
                    other.sendall(data)
            if link not in self._silent:
                other.shutdown(socket.SHUT_WR)

    def fall_silent(self):
        self._silent |= set(self._links)

    @property
    def accepted(self):
        return len(self._links)

    def close(self):
        for one in [self._listener, *sum(self._links, ())]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@needs_nginx
def test_a_silent_connection_costs_one_time_out(koowatch, sim, nginx):
    server = nginx()
    relay = Relay(server.port)
    koowatch.settings["Account"]["Endpoint"] = f"https://127.0.0.1:{relay.port}"
    task = sim.add_task(hold=True)
    try:
        koowatch.add_task("photos", task)
        koowatch.start()
        wait_polls(sim, task, 3)
        relay.fall_silent()
        task.complete()
        koowatch.wait_entry("^photos: completed", timeout=40)  # a time-out is 30 s
        assert relay.accepted == 2
    finally:
        relay.close()


def test_a_kept_connection_that_ends_is_no_trouble(koowatch, sim):
    """It ends while the next request is on its way to it, again and again."""
    task = sim.add_task(polls=6)
    for _ in range(3):
        sim.faults.add("ok", count=1)
        sim.faults.add("reset", count=1)
    koowatch.add_task("photos", task)
    koowatch.start("--log-level", "debug")
    koowatch.wait_entry("^photos: completed")
    assert [request.status for request in sim.requests].count(200) == 6
    assert not koowatch.find("reset|no answer|retrying|recovered", KOOWATCH_NAME="photos")


def test_what_libcurl_repeats_keeps_to_the_rate(koowatch, sim):
    koowatch.settings["Account"]["RateLimit"] = "1/s"
    sim.faults.add("ok", count=1)
    sim.faults.add("reset", count=1)
    koowatch.add_task("photos", sim.add_task(polls=3))
    koowatch.start()
    koowatch.wait_entry("^photos: completed")
    times = [request.monotonic for request in sim.requests]
    assert len(times) == 4
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[1:]))


# Compression nobody asked for


@pytest.mark.parametrize("coding", ["gzip", "X-GZIP", "UTF-8", None])
def test_a_compressed_answer_is_read(koowatch, sim, coding):
    task = sim.add_task(hold=True)
    body = '{"code":0,"jobInfo":{"taskId":"%s","taskStatus":2,"taskResultCode":1}}' % task.task_id
    headers = {"Content-Encoding": coding} if coding else {}
    sim.faults.add("answer", body=gzip.compress(body.encode()), headers=headers)
    koowatch.add_task("photos", task)
    koowatch.start()
    koowatch.wait_entry("^photos: completed")


@pytest.mark.parametrize(
    ("coding", "body", "words"),
    [
        ("gzip", gzip.compress(b" " * 20_000_000), "too long"),
        ("gzip", gzip.compress(b'{"code":0}')[:-6], "compressed answer is corrupt"),
        ("br", b"\x0b\x02\x80{}\x03", "encoded with br, which was not requested"),
    ],
    ids=["too-long", "broken", "brotli"],
)
def test_a_compressed_answer_that_cannot_be_read(koowatch, sim, coding, body, words):
    sim.faults.add("answer", count=1, body=body, headers={"Content-Encoding": coding})
    koowatch.add_task("photos", sim.add_task())
    koowatch.start("--log-level", "debug")
    koowatch.wait_entry("polled .*" + words, KOOWATCH_NAME="photos")
    koowatch.wait_entry("^photos: completed")


# Proxies


class RefusingProxy:
    """Answers every request with the same status, and keeps what it was sent."""

    def __init__(self, status):
        self._answer = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    data = b""
                    while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
                        data += more
                    self.requests.append(data)
                    connection.sendall(self._answer)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (407, "the proxy requires a user name and a password"),
        (403, r"the proxy refused the connection \(HTTP 403\)"),
    ],
)
def test_a_proxy_that_refuses_the_tunnel(koowatch, sim, status, words):
    proxy = RefusingProxy(status)
    koowatch.settings["Account"] |= {
        "Endpoint": "https://127.0.0.1:9",
        "Proxy": f"http://svc:pa55wd@127.0.0.1:{proxy.port}",
    }
    koowatch.add_task("photos", sim.add_task())
    try:
        koowatch.start()
        koowatch.wait_entry(f"^account default: unreachable: {words}")
        assert all(request.startswith(b"CONNECT 127.0.0.1:9 ") for request in proxy.requests)
    finally:
        proxy.close()


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_token_for_this_machine_goes_to_no_proxy(koowatch, sim, name, host):
    proxy = RefusingProxy(502)
    koowatch.settings["Account"]["Endpoint"] = sim.url.replace("127.0.0.1", host)
    koowatch.add_task("photos", sim.add_task())
    try:
        koowatch.start(**{name: f"http://127.0.0.1:{proxy.port}"})
        koowatch.wait_entry("^photos: completed")
        assert not proxy.requests
    finally:
        proxy.close()


@pytest.mark.parametrize(
    "proxy",
    [
        "http://svc:pa#55wd@127.0.0.1:9",
        "http://svc:pa55wd@127.0.0.1:99999",
        "htp://svc:pa55wd@127.0.0.1:9",
        "http://svc:55wd@nowhere.invalid:9",
        "http://svc:p@55wd@nowhere.invalid:9",
        "http://svc:pa55wd%40127.0.0.1:9",
        "svc:pa/55wd@127.0.0.1:9",
    ],
)
def test_a_proxys_password_is_told_to_nobody(koowatch, sim, proxy):
    koowatch.settings["Account"] |= {"Endpoint": "http://192.0.2.1", "AllowPlainHttp": "yes"}
    koowatch.record("account.d/10-record")
    koowatch.add_task("photos", sim.add_task())
    koowatch.start("--log-level", "debug", http_proxy=proxy)
    koowatch.wait_entry("^account default: unreachable")
    koowatch.wait_record(event="account")
    assert "55wd" not in koowatch.log() + str(koowatch.records()) + str(koowatch.datagrams)


# Trust


def hash_directory(path, certificate):
    """A directory of authorities as the system's is."""
    path.mkdir()
    shutil.copy(certificate, path / "authority.pem")
    subprocess.run(["openssl", "rehash", path], check=True, capture_output=True)
    return path


@needs_nginx
def test_a_ca_file_that_is_put_right_works_after_a_reload(koowatch, sim, nginx, tmp_path):
    server = nginx()
    (tmp_path / "other").mkdir()
    other, _ = certificates.issue(tmp_path / "other")
    ca_file = tmp_path / "authorities.pem"
    shutil.copy(other, ca_file)
    koowatch.settings["Account"]["CAFile"] = ca_file
    koowatch.add_task("photos", sim.add_task())
    koowatch.start(SSL_CERT_DIR=str(hash_directory(tmp_path / "certs", server.certificate)))
    entry = koowatch.wait_entry("^account default: unreachable")
    assert "CAFile=" in entry.message and not sim.requests
    shutil.copy(server.certificate, ca_file)
    koowatch.reload()
    koowatch.wait_entry("^photos: completed")


def test_a_ca_file_that_is_missing_is_named(koowatch, sim):
    koowatch.settings["Account"]["CAFile"] = koowatch.path / "missing.pem"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        koowatch.settings["Account"]["Endpoint"] = f"https://127.0.0.1:{port}"
        koowatch.add_task("photos", sim.add_task())
        koowatch.start()
        entry = koowatch.wait_entry("^account default: unreachable")
    assert re.search("missing.pem.*can read", entry.message)


AUTHORITY = """[ca]
default_ca = own
[own]
database = {path}/database
new_certs_dir = {path}
serial = {path}/serial
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
subjectAltName = IP:127.0.0.1
basicConstraints = CA:TRUE
"""


def issue_for(path, begin, end):
    """A certificate that vouches for itself, valid from begin to end."""
    (path / "ca.conf").write_text(AUTHORITY.format(path=path))
    (path / "database").touch()
    (path / "serial").write_text("01\n")
    certificate, key, request = (path / name for name in ("cert.pem", "key.pem", "request.pem"))
    new = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=simulator"
    sign = f"openssl ca -batch -selfsign -notext -startdate {begin} -enddate {end}"
    for command in (
        [*new.split(), "-keyout", key, "-out", request],
        [*sign.split(), "-config", path / "ca.conf", "-keyfile", key]
        + ["-in", request, "-out", certificate],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.mark.parametrize(
    ("issue", "words"),
    [
        (lambda path: issue_for(path, "20200101000000Z", "20210101000000Z"), "clock"),
        (lambda path: issue_for(path, "20700101000000Z", "20710101000000Z"), "clock"),
        (lambda path: certificates.issue(path, "DNS:other.example"), "check the host in Endpoint="),
    ],
    ids=["expired", "not-yet", "name"],
)
def test_a_certificate_is_refused_for_what_it_is(koowatch, tmp_path, issue, words):
    certificate, key = issue(tmp_path)
    with Simulator(certificate=certificate, key=key) as sim:
        koowatch.settings["Account"] |= {"Endpoint": sim.url, "CAFile": certificate}
        koowatch.add_task("photos", sim.add_task())
        koowatch.start()
        entry = koowatch.wait_entry("^account default: unreachable")
        assert words in entry.message and "CAFile" not in entry.message
        assert not sim.requests
