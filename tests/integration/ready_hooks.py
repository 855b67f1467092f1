"""Runs the ready-made hooks as the hook runner does, against a small HTTP server.

Each test says how the server answers, as a list of functions, one a request; the
requests are recorded. Where a test looks at what is there in the middle of a transfer,
the server holds its answer until the test lets it go on.
"""

import http.server
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import threading

import pytest

HOOKS = pathlib.Path(__file__).resolve().parents[2] / "conf" / "hooks"
FETCH = HOOKS / "fetch-package"
WEBHOOK = HOOKS / "post-webhook"
SECRET = "Signature=s3cr3t%2Bvalue"
EVENT_ID = "0197a0d25f1c7c119f7e000000000001"
PATIENCE = 30  # seconds until a test that hangs is given up


def package(seed):
    """Begins and ends as a ZIP; no two have a byte in one place in common."""
    middle = bytes((i * 7 + seed) % 251 for i in range(300_000))
    return b"PK\3\4" + middle + b"PK\5\6" + bytes(18)


PACKAGE = package(0)
OTHER = package(1)
PART = f".photos.zip.{EVENT_ID}.part"
PARTS = [PART, f"{PART}.head"]

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is missing, which the ready-made hooks need"
)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length)
        with self.server.lock:
            self.server.requests.append(self)
            answers = self.server.answers
            behave = answers.pop(0) if len(answers) > 1 else answers[0]
        self.close_connection = True
        behave(self)

    do_GET = do_POST = do_CONNECT = answer

    def head(self, status, length, **headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def range_start(self):
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else None

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    scheme = "http"

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.requests = []
        self.answers = [serving()]

    @property
    def port(self):
        return self.server_address[1]

    def url(self, path="/pkg/photos%20(1).zip"):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}?AccessKeyId=X&{SECRET}"

    def handle_error(self, request, client_address):
        pass  # clients that hang up are part of the tests


def serving(data=PACKAGE, cut=None, ranges=True, if_range=True, length=True, **headers):
    """As a good server: the whole, the rest, or 416; up to the byte CUT of the package.

    Without RANGES or IF_RANGE it ignores what the request says of them.
    """
    headers = {"ETag": '"a"', **headers}
    known = (None, headers["ETag"], headers.get("Last_Modified"))

    def behave(request):
        start = request.range_start() if ranges else None
        if if_range and request.headers.get("If-Range") not in known:
            start = None
        if start is None:
            request.head(200, len(data) if length else None, **headers)
        elif start >= len(data):
            request.head(416, 0, Content_Range=f"bytes */{len(data)}")
            return
        else:
            content_range = f"bytes {start}-{len(data) - 1}/{len(data)}"
            request.head(206, len(data) - start, **{"Content-Range": content_range, **headers})
        request.wfile.write(data[start or 0 : cut])

    return behave


def piece(start, end, etag='"a"'):
    """A 206 of just these bytes, whatever was asked for."""

    def behave(request):
        content_range = f"bytes {start}-{end - 1}/{len(PACKAGE)}"
        request.head(206, end - start, Content_Range=content_range, ETag=etag)
        request.wfile.write(PACKAGE[start:end])

    return behave


def status(code, **headers):
    def behave(request):
        text = b"<html>an error page</html>"
        request.head(code, len(text), **headers)
        request.wfile.write(text)

    return behave


class Hold:
    """Sends the first bytes, tells the test, and waits for its word."""

    def __init__(self, first, length=True):
        self.first = first
        self.length = len(PACKAGE) if length else None
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, request):
        start = request.range_start() or 0
        if start:
            content_range = f"bytes {start}-{len(PACKAGE) - 1}/{len(PACKAGE)}"
            request.head(206, len(PACKAGE) - start, ETag='"a"', Content_Range=content_range)
        else:
            request.head(200, self.length, ETag='"a"')
        request.wfile.write(PACKAGE[start : self.first])
        request.wfile.flush()
        self.reached.set()
        self.go_on.wait(PATIENCE)
        request.wfile.write(PACKAGE[self.first :])


def serve(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server():
    yield from serve(Server())


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "packages"
    path.mkdir()
    return path


@pytest.fixture
def env(server, store, home):
    """What the contract gives a hook, and nothing else."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "KOOWATCH_EVENT": "finished",
        "KOOWATCH_EVENT_ID": EVENT_ID,
        "KOOWATCH_ATTEMPT": "1",
        "KOOWATCH_TIMEOUT": "600",
        "KOOWATCH_NAME": "photos",
        "KOOWATCH_ACCOUNT": "default",
        "KOOWATCH_TASK_ID": "1689768877770401664",
        "KOOWATCH_SHARE_ID": "1689765568237837824",
        "KOOWATCH_OUTCOME": "completed",
        "KOOWATCH_RESULT": "succeeded",
        "KOOWATCH_RESULT_CODE": "1",
        "KOOWATCH_TASK_STATUS": "2",
        "KOOWATCH_PROGRESS": "100",
        "KOOWATCH_DOWNLOAD_URL": server.url(),
        "KOOWATCH_VAR_DESTINATION": str(store),
    }


@pytest.fixture
def with_curlrc(tmp_path):
    """Makes a copy of a hook whose administrator's file for curl is the test's own."""

    def make(hook, text, directory=tmp_path):
        curlrc = directory / "curlrc"
        curlrc.write_text(text)
        script = hook.read_text()
        assert "\ncurlrc=/etc/koowatch/curlrc\n" in script
        copy = directory / hook.name
        copy.write_text(script.replace("/etc/koowatch/curlrc", str(curlrc)))
        copy.chmod(0o755)
        return copy

    return make


@pytest.fixture
def certificate(tmp_path):
    """A pair of files: certificate and key of 127.0.0.1."""
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
    return certificate, key


@pytest.fixture
def tls_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = Server()
    server.scheme = "https"
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from serve(server)


def event_text(**answer):
    event = {"schema": 1, "event": "finished", "name": "photos", "answer": {"jobInfo": answer}}
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def run(hook, env, event=event_text(taskType=1), **options):
    done = subprocess.run(
        [hook, "finished", "photos"],
        env=env,
        cwd="/",
        input=event,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
        **options,
    )
    text = done.stdout.decode(errors="surrogateescape")
    assert "s3cr3t" not in text and "AccessKeyId" not in text, "a secret was printed"
    return done.returncode, text


def fetch(env, **options):
    return run(FETCH, env, **options)


def begin(server, env, end=120_000, code=79, **behaviour):
    """A first attempt that gets so many bytes of the package."""
    server.answers = [serving(cut=end, **behaviour)]
    returned, text = fetch(env)
    assert (returned, len(server.requests)) == (code, 1), text
    server.requests.clear()


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def replace_program(env, tmp_path, name, script):
    """Puts a script before the program NAME in PATH; REAL in it is the program."""
    directory = tmp_path / "bin"
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text("#!/bin/sh\n" + script.replace("REAL", shutil.which(name)))
    program.chmod(0o755)
    env["PATH"] = f"{directory}:{env['PATH'].removeprefix(f'{directory}:')}"


def descendants(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    children = {int(child) for task in tasks for child in task.read_text().split()}
    return children.union(*(descendants(child) for child in children))


def command_lines(pid):
    """Those of a process and all below it."""
    return [
        pathlib.Path(f"/proc/{each}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        for each in {pid} | descendants(pid)
    ]


class Running:
    """A hook that runs while the test looks on."""

    def __init__(self, hook, env, event=event_text(taskType=1)):
        self.process = subprocess.Popen(
            [hook, "finished", "photos"],
            env=env,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.process.stdin.write(event)
        self.process.stdin.close()
        self.process.stdin = None

    def end(self):
        text, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, text.decode()
