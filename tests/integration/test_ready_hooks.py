"""The ready-made hooks, run as the hook runner runs them, against a small HTTP server.

Each test says how the server answers, as a list of functions, one a request; the
requests are recorded. Where a test looks at what is there in the middle of a transfer,
the server holds its answer until the test lets it go on.
"""

import http.server
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import ssl
import subprocess
import threading

import pytest

HOOKS = pathlib.Path(__file__).resolve().parents[2] / "conf" / "hooks"
FETCH = HOOKS / "fetch-package"
WEBHOOK = HOOKS / "post-webhook"
PACKAGE = bytes(i * 7 % 251 for i in range(300_000))
SECRET = "Signature=s3cr3t%2Bvalue"
EVENT_ID = "0197a0d2-5f1c-7c11-9f7e-000000000001"
PART = f".photos.zip.{EVENT_ID}.part"
PATIENCE = 30  # seconds until a test that hangs is given up

pytestmark = pytest.mark.skipif(
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

    do_GET = do_POST = answer

    def head(self, status, length, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
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
        self.answers = [whole]

    @property
    def port(self):
        return self.server_address[1]

    def url(self, path="/pkg/photos%20(1).zip"):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}?AccessKeyId=X&{SECRET}"

    def handle_error(self, request, client_address):
        pass  # clients that hang up are part of the tests


def ranges(request):
    """As a good server: the whole, the rest, or 416."""
    start = request.range_start()
    if start is None:
        whole(request)
    elif start >= len(PACKAGE):
        request.head(416, 0, Content_Range=f"bytes */{len(PACKAGE)}")
    else:
        piece(start, len(PACKAGE))(request)


def whole(request):
    """Knows no ranges."""
    request.head(200, len(PACKAGE))
    request.wfile.write(PACKAGE)


def piece(start, end):
    def behave(request):
        content_range = f"bytes {start}-{end - 1}/{len(PACKAGE)}"
        request.head(206, end - start, Content_Range=content_range)
        request.wfile.write(PACKAGE[start:end])

    return behave


def cut_at(end):
    """Promises all of it and hangs up in the middle."""

    def behave(request):
        request.head(200, len(PACKAGE))
        request.wfile.write(PACKAGE[:end])

    return behave


def status(code, **headers):
    def behave(request):
        text = b"<html>an error page</html>"
        request.head(code, len(text), **headers)
        request.wfile.write(text)

    return behave


class Hold:
    """Sends the first bytes, tells the test, and waits for its word."""

    def __init__(self, first):
        self.first = first
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, request):
        request.head(200, len(PACKAGE))
        request.wfile.write(PACKAGE[: self.first])
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
    text = done.stdout.decode()
    assert "s3cr3t" not in text and "AccessKeyId" not in text, "a secret was printed"
    return done.returncode, text


def fetch(env, **options):
    return run(FETCH, env, **options)


def files(directory):
    return sorted(path.name for path in directory.iterdir())


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


# fetch-package: what is stored


def test_stores_the_package_under_the_tasks_name(server, env, store):
    code, text = fetch(env)
    assert code == 0
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE
    assert text == f"stored {store}/photos.zip, {len(PACKAGE)} bytes\n"


def test_the_variable_gives_another_name(server, env, store):
    code, _ = fetch({**env, "KOOWATCH_VAR_FILENAME": "Фото -1 $(id).zip"})
    assert code == 0
    assert files(store) == ["Фото -1 $(id).zip"]


def test_the_link_arrives_unchanged(server, env):
    link = f"/a[1-3]{{x,y}}'$(id)`id`&%22%5C;~?q=a%2Bb&{SECRET}#end"
    assert fetch({**env, "KOOWATCH_DOWNLOAD_URL": f"http://127.0.0.1:{server.port}{link}"})[0] == 0
    assert [request.path for request in server.requests] == [link.partition("#")[0]]


def test_creates_the_last_component_of_the_directory_and_no_more(server, env, store):
    assert fetch({**env, "KOOWATCH_VAR_DESTINATION": f"{store}/new"})[0] == 0
    assert files(store / "new") == ["photos.zip"]

    code, text = fetch({**env, "KOOWATCH_VAR_DESTINATION": f"{store}/not/there"})
    assert code == 1
    assert f"{store}/not/there" in text
    assert files(store) == ["new"]


def test_delivered_twice_leaves_one_whole_file(server, env, store):
    assert fetch(env)[0] == 0
    assert fetch({**env, "KOOWATCH_ATTEMPT": "2"})[0] == 0
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


@pytest.mark.parametrize("earlier", [None, b"an earlier package"])
def test_no_half_file_under_the_final_name(server, env, store, earlier):
    final = store / "photos.zip"
    if earlier is not None:
        final.write_bytes(earlier)
    hold = Hold(100_000)
    server.answers = [hold]

    hook = Running(FETCH, env)
    assert hold.reached.wait(PATIENCE)
    assert (final.read_bytes() if final.exists() else None) == earlier
    assert set(files(store)) <= {"photos.zip", PART}
    hold.go_on.set()

    assert hook.end()[0] == 0
    assert files(store) == ["photos.zip"]
    assert final.read_bytes() == PACKAGE


# fetch-package: continuing


def test_continues_where_a_transfer_was_cut_off(server, env, store):
    server.answers = [cut_at(120_000), ranges]
    code, _ = fetch(env)
    assert code == 75
    assert files(store) == [PART]
    assert (store / PART).read_bytes() == PACKAGE[:120_000]

    assert fetch(env)[0] == 0
    assert [request.headers["Range"] for request in server.requests] == [None, "bytes=120000-"]
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_continues_where_the_hook_was_killed(server, env, store):
    hold = Hold(200_000)
    server.answers = [hold, ranges]
    hook = Running(FETCH, env)
    assert hold.reached.wait(PATIENCE)
    os.killpg(hook.process.pid, signal.SIGTERM)
    hook.end()
    hold.go_on.set()
    assert "photos.zip" not in files(store)

    assert fetch(env)[0] == 0
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_another_event_does_not_continue_the_part(server, env, store):
    server.answers = [cut_at(120_000), ranges]
    assert fetch(env)[0] == 75
    assert fetch({**env, "KOOWATCH_EVENT_ID": "other"})[0] == 0
    assert server.requests[1].headers["Range"] is None
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_starts_again_when_the_server_knows_no_ranges(server, env, store):
    (store / PART).write_bytes(PACKAGE[:1000])
    server.answers = [whole]
    code, text = fetch(env)
    assert code == 0
    assert "starting again" in text
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_part_that_is_complete_is_stored_without_a_second_transfer(server, env, store):
    (store / PART).write_bytes(PACKAGE)
    server.answers = [ranges]
    assert fetch(env)[0] == 0
    assert len(server.requests) == 1
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


@pytest.mark.parametrize("no_range", [ranges, status(416)], ids=["with-size", "without-size"])
def test_a_part_that_is_too_long_is_not_taken_for_the_package(server, env, store, no_range):
    (store / PART).write_bytes(PACKAGE + b"garbage")
    server.answers = [no_range, ranges]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_an_answer_with_less_than_the_rest_is_not_the_end(server, env, store):
    (store / PART).write_bytes(PACKAGE[:1000])
    server.answers = [piece(1000, 50_000), whole]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_piece_that_was_not_asked_for_is_not_the_package(server, env, store):
    server.answers = [piece(0, 50_000)]
    assert fetch(env)[0] == 75
    assert files(store) == []


def test_a_piece_from_elsewhere_is_not_appended(server, env, store):
    (store / PART).write_bytes(PACKAGE[:1000])
    server.answers = [piece(2000, len(PACKAGE)), ranges]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


# fetch-package: trouble


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_the_servers_trouble_is_for_later(server, env, store, code):
    (store / PART).write_bytes(PACKAGE[:1000])
    server.answers = [status(code)]
    returned, text = fetch(env)
    assert returned == 75
    assert str(code) in text
    assert (store / PART).read_bytes() == PACKAGE[:1000]


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_link_that_has_expired_is_said_to_have(server, env, store, code):
    (store / PART).write_bytes(PACKAGE[:1000])
    server.answers = [status(code)]
    returned, text = fetch(env)
    assert returned == 1
    assert "expired" in text
    assert files(store) == []


@pytest.mark.parametrize("code", [204, 300, 304, 400, 401])
def test_other_answers_are_no_package(server, env, store, code):
    server.answers = [status(code) if code >= 300 else lambda request: request.head(code, 0)]
    returned, text = fetch(env)
    assert returned == 1
    assert str(code) in text
    assert files(store) == []


def test_nobody_listens(server, env, store):
    server.server_close()
    assert fetch(env)[0] == 75
    assert files(store) == []


def test_a_transfer_that_stands_still_ends(server, env, store, tmp_path):
    """With a curl that has the patience of a second instead of the script's own."""
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    curl = bin_directory / "curl"
    curl.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} "$@" --speed-time 1\n')
    curl.chmod(0o755)
    hold = Hold(100_000)
    server.answers = [hold, ranges]
    env["PATH"] = f"{bin_directory}:{env['PATH']}"

    code, _ = fetch(env)
    hold.go_on.set()
    assert code == 75
    assert files(store) == [PART]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_no_space_is_for_later(server, env, store):
    """A limit on the size of files makes write() fail as a full file system does."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    code, text = fetch(env, preexec_fn=limit, restore_signals=False)
    assert code == 75
    assert "full" in text
    assert "photos.zip" not in files(store)

    server.answers = [ranges]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_redirect_to_plain_http_is_not_followed(server, env, store):
    server.answers = [status(302, Location=server.url("/elsewhere")), whole]
    assert fetch(env)[0] == 1
    assert len(server.requests) == 1
    assert "photos.zip" not in files(store)


@pytest.fixture
def tls_server(tmp_path, home):
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
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server()
    server.scheme = "https"
    server.socket = context.wrap_socket(server.socket, server_side=True)
    (home / ".curlrc").write_text(f'cacert = "{certificate}"\n')
    yield from serve(server)


def test_a_redirect_to_https_is_followed(server, tls_server, env, store):
    server.answers = [status(302, Location=tls_server.url())]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_redirect_from_https_to_http_is_not_followed(server, tls_server, env, store):
    tls_server.answers = [status(302, Location=server.url())]
    assert fetch({**env, "KOOWATCH_DOWNLOAD_URL": tls_server.url()})[0] == 1
    assert not server.requests
    assert "photos.zip" not in files(store)


def test_a_certificate_that_cannot_be_verified_is_refused(tls_server, env, store, home):
    (home / ".curlrc").unlink()
    code, text = fetch({**env, "KOOWATCH_DOWNLOAD_URL": tls_server.url()})
    assert code == 1
    assert "certificate" in text
    assert files(store) == []


# fetch-package: what it is given


@pytest.mark.parametrize(
    "change",
    [
        {"KOOWATCH_OUTCOME": "canceled", "KOOWATCH_RESULT": None},
        {"KOOWATCH_OUTCOME": "timeout", "KOOWATCH_RESULT": None},
        {"KOOWATCH_OUTCOME": None, "KOOWATCH_EVENT": "stalled", "KOOWATCH_RESULT": None},
        {"KOOWATCH_RESULT": "failed", "KOOWATCH_RESULT_CODE": "3"},
    ],
)
def test_events_without_a_package_are_skipped(server, env, store, change):
    changed = {**env, "KOOWATCH_DOWNLOAD_URL": None, **change}
    code, text = fetch({name: value for name, value in changed.items() if value is not None})
    assert (code, text) == (77, "")
    assert not server.requests


@pytest.mark.parametrize("task_type", [2, "2"])
def test_a_dump_is_skipped(server, env, task_type):
    del env["KOOWATCH_DOWNLOAD_URL"]
    assert fetch(env, event=event_text(userId="1", taskType=task_type, taskStatus=2)) == (77, "")


@pytest.mark.parametrize(
    "answer", [{"taskType": 1}, {}, {"msg": '{"taskType":2}'}], ids=["package", "unknown", "text"]
)
def test_a_package_without_a_link_is_a_failure(server, env, answer):
    del env["KOOWATCH_DOWNLOAD_URL"]
    code, text = fetch(env, event=event_text(**answer))
    assert code == 1
    assert "no download link" in text


def test_an_unset_destination_says_what_to_add(server, env):
    del env["KOOWATCH_VAR_DESTINATION"]
    code, text = fetch(env)
    assert code == 1
    assert "Destination=" in text and "[Variables]" in text
    assert not server.requests


@pytest.mark.parametrize("destination", ["packages", "./packages", "/tmp/a\nb", "/tmp/\x1b[1m"])
def test_destinations_that_are_refused(server, env, destination):
    code, text = fetch({**env, "KOOWATCH_VAR_DESTINATION": destination})
    assert code == 1
    assert "Destination" in text and "\x1b" not in text
    assert not server.requests


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "/x", ".hidden", "..", "a\nb", "a\tb", "\x7f", "x" * 201]
)
def test_names_that_are_refused(server, env, store, name):
    code, text = fetch({**env, "KOOWATCH_VAR_FILENAME": name})
    assert code == 1
    assert "FileName" in text
    assert not server.requests
    assert files(store) == [] and files(store.parent) == ["home", "packages"]


@pytest.mark.parametrize(
    "link",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "-o/tmp/x",
        'http://127.0.0.1:{port}/x" -o "y',
        'http://127.0.0.1:{port}/"',
        "http://127.0.0.1:{port}/\\",
        "http://127.0.0.1:{port}/a b",
        "http://127.0.0.1:{port}/\noutput=/tmp/x",
        "http://127.0.0.1:{port}/\x01",
    ],
)
def test_links_that_are_refused(server, env, store, link):
    code, _ = fetch({**env, "KOOWATCH_DOWNLOAD_URL": link.format(port=server.port)})
    assert code == 1
    assert not server.requests
    assert files(store) == []


def test_a_directory_with_the_packages_name(server, env, store):
    (store / "photos.zip").mkdir()
    code, text = fetch(env)
    assert code == 1
    assert "directory" in text
    assert files(store / "photos.zip") == []


def test_a_link_in_place_of_the_part_is_not_followed(server, env, store, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (store / PART).symlink_to(victim)
    assert fetch(env)[0] == 1
    assert victim.read_bytes() == b"precious"
    assert not server.requests


def test_a_link_in_place_of_the_final_name_is_replaced(server, env, store, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (store / "photos.zip").symlink_to(victim)
    assert fetch(env)[0] == 0
    assert victim.read_bytes() == b"precious"
    assert (store / "photos.zip").read_bytes() == PACKAGE


# post-webhook


@pytest.fixture
def hook_env(server, env):
    del env["KOOWATCH_VAR_DESTINATION"]
    return {**env, "KOOWATCH_VAR_URL": server.url("/hooks/koodrive")}


def test_posts_the_event_as_it_is(server, hook_env):
    event = event_text(taskType=1, note='"成功" \\ @/etc/passwd\u2028')
    server.answers = [status(200)]
    code, text = run(WEBHOOK, hook_env, event)
    assert code == 0
    assert "200" in text and "error page" not in text
    (request,) = server.requests
    assert request.command == "POST"
    assert request.body == event
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Koowatch-Event-Id"] == EVENT_ID
    assert request.path.endswith(SECRET)


def test_posts_a_large_event_whole(server, hook_env):
    event = event_text(taskInfos=["x" * 100] * 30_000)
    server.answers = [status(204)]
    assert run(WEBHOOK, hook_env, event)[0] == 0
    assert server.requests[0].body == event
    assert "Expect" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("code", "expected"),
    [(200, 0), (201, 0), (204, 0), (400, 1), (401, 1), (404, 1), (409, 1), (408, 75), (425, 75)]
    + [(429, 75), (500, 75), (503, 75)],
)
def test_the_status_decides(server, hook_env, code, expected):
    server.answers = [lambda request: request.head(code, 0)]
    returned, text = run(WEBHOOK, hook_env)
    assert returned == expected
    assert str(code) in text


def test_the_webhooks_redirect_is_not_followed(server, hook_env):
    server.answers = [status(307, Location=server.url("/elsewhere"))]
    code, text = run(WEBHOOK, hook_env)
    assert code == 75
    assert "redirect" in text
    assert len(server.requests) == 1


def test_nobody_listens_to_the_webhook(server, hook_env):
    server.server_close()
    assert run(WEBHOOK, hook_env)[0] == 75


def test_an_unset_url_says_what_to_add(server, hook_env):
    del hook_env["KOOWATCH_VAR_URL"]
    code, text = run(WEBHOOK, hook_env)
    assert code == 1
    assert "Url=" in text and "[Variables]" in text


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        'http://127.0.0.1:{port}/"',
        "http://127.0.0.1:{port}/\nupload-file=/etc/passwd",
        "http://127.0.0.1:{port}/\\",
    ],
)
def test_webhook_urls_that_are_refused(server, hook_env, url):
    code, text = run(WEBHOOK, {**hook_env, "KOOWATCH_VAR_URL": url.format(port=server.port)})
    assert code == 1
    assert "Url" in text
    assert not server.requests


# Both


@pytest.mark.parametrize("hook", [FETCH, WEBHOOK], ids=lambda hook: hook.name)
def test_the_url_is_in_no_process_list(server, env, hook):
    env["KOOWATCH_VAR_URL"] = server.url()
    hold = Hold(100_000)
    server.answers = [hold]
    running = Running(hook, env)
    assert hold.reached.wait(PATIENCE)
    lines = command_lines(running.process.pid)
    hold.go_on.set()

    assert running.end()[0] == 0
    assert any(re.match(r"(\S*/)?curl ", line) for line in lines), lines
    assert not any("s3cr3t" in line or "127.0.0.1" in line for line in lines), lines


@pytest.mark.parametrize("hook", [FETCH, WEBHOOK], ids=lambda hook: hook.name)
def test_curl_is_missing(server, env, tmp_path, hook):
    env["KOOWATCH_VAR_URL"] = server.url()
    code, text = run(hook, {**env, "PATH": str(tmp_path)})
    assert code == 1
    assert "install the package curl" in text


@pytest.mark.parametrize("hook", [FETCH, WEBHOOK], ids=lambda hook: hook.name)
def test_a_hook_is_a_plain_executable_script(hook):
    assert hook.read_bytes().startswith(b"#!/bin/sh\n")
    mode = hook.stat().st_mode
    assert mode & 0o111 == 0o111 and not mode & 0o6002
