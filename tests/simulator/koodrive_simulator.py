#!/usr/bin/python3
"""A KooDrive for tests: what a client that waits for tasks calls, with all the service's moods.

Serves POST /koodrive/ose/v1/share/taskDetail, the download links that it hands
out, and the two calls that refresh a token, on a loopback address. Tests use the
class Simulator, which runs in a thread of its own; everything else runs this
file as a program. README.md describes both.
"""

import argparse
import asyncio
import contextlib
import email.utils
import ipaddress
import json
import random
import signal
import ssl
import sys
import threading
import time
from collections import Counter, deque
from functools import partial
from pathlib import Path

import app_signature
import control
import credentials
import judge
import packages
import sessions
import wire
from answers import gateway_error
from faults import DOWNLOAD, POLL, REFRESH, FaultMenu
from judge import Refusal, Request, Rules
from lifecycle import COMPLETED, Task
from sessions import Sessions

DETAIL_PATH = "/koodrive/ose/v1/share/taskDetail"
CONTROL_PATH = "/_simulator/"
PACKAGE_PATH = "/packages/"

DEFAULT_TOKEN = "Bearer 6ebb6266dd5cdefa1d7126af2eb6173ce0a054d8ba4295be"

RATELIMIT_HEADERS = ("X-Apig-Ratelimit-Api", "X-Apig-Ratelimit-Api-Allenv")

STOP_SECONDS = 0.5


def _rule(name):
    return property(
        lambda simulator: getattr(simulator.rules, name),
        lambda simulator, value: setattr(simulator.rules, name, value),
    )


class Simulator:
    """`with Simulator(tokens={"Bearer x"}) as sim:` serves on sim.url until the block ends.

    tokens and the others of judge.Rules may be given, and assigned at any time. certificate
    and key are files; with them the simulator speaks TLS. prefix is put before the path of
    the API. clock replaces time.monotonic for the courses of tasks and the life of tokens,
    which goes speed times as fast. keep_requests bounds the record, for long runs.
    """

    tokens = _rule("tokens")
    token_lifetime = _rule("token_lifetime")
    apps = _rule("apps")
    string_to_sign = _rule("string_to_sign")
    refusal = _rule("refusal")
    expired_code = _rule("expired_code")
    users = _rule("users")
    require_headers = _rule("require_headers")
    clock_offset = _rule("clock_offset")
    date_header = _rule("date_header")
    ratelimit = _rule("ratelimit")
    kdstoken_code = _rule("kdstoken_code")

    def __init__(
        self,
        *,
        host="127.0.0.1",
        port=0,
        tokens=(DEFAULT_TOKEN,),
        certificate=None,
        key=None,
        prefix="",
        clock=time.monotonic,
        speed=1,
        seed=0,
        keepalive_timeout=75.0,
        keep_requests=None,
        on_request=None,
        **rules,
    ):
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"host {host!r}: the simulator serves loopback addresses only")
        self.rules = Rules(tokens=set(tokens), **rules)
        self.host = host
        self.port = port
        self.lock = threading.RLock()
        self.tasks = {}
        self.in_flight = 0
        self.in_flight_max = 0
        self.sessions = Sessions(self)
        self.now = clock if speed == 1 else lambda: clock() * speed
        self._prefix = prefix
        self._rng = random.Random(seed)
        self.faults = FaultMenu(self._rng)
        self._keepalive_timeout = keepalive_timeout
        self._on_request = on_request
        self._news = threading.Condition(self.lock)
        self._requests = deque(maxlen=keep_requests)
        self._request_count = 0
        self._polls = Counter()
        self._tls = None
        if certificate:
            self._tls = _tls_context(certificate, key)
        self._thread = None
        self._loop = None
        self._stop = None
        self._listener = None
        self._server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    def start(self):
        """Returns when the socket listens; raises OSError if it cannot."""
        started = threading.Event()
        failure = []

        def run():
            try:
                asyncio.run(self._serve(started))
            except OSError as fault:
                failure.append(fault)
            finally:
                started.set()

        self._thread = threading.Thread(target=run, name="koodrive-simulator", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]
        return self

    def stop(self):
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended in between
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def go_offline(self):
        """Refuses connections from now on, and ends those that exist."""
        self._call(self._close_socket())

    def go_online(self):
        """Listens again on the same port."""
        self._call(self._open_socket())

    def use_certificate(self, certificate, key=None):
        """Shows this one from now on, ending all connections; only where TLS is spoken already."""
        if self._tls is None:
            raise ValueError("the simulator was started without a certificate")
        context = _tls_context(certificate, key)
        self.go_offline()
        self._tls = context
        self.go_online()

    def _call(self, coroutine):
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _serve(self, started):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._listener = wire.Listener(self._handle, keepalive_timeout=self._keepalive_timeout)
        await self._open_socket()
        started.set()
        await self._stop.wait()
        await self._close_socket()
        await self._listener.shutdown(STOP_SECONDS)

    async def _open_socket(self):
        self._server = await self._loop.create_server(
            self._listener, self.host, self.port, ssl=self._tls, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close_socket(self):
        self._server.close()
        self._listener.drop_all()

    @property
    def url(self):
        scheme = "https" if self._tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}{self._prefix}"

    def wall(self):
        """The service's clock."""
        return time.time() + self.rules.clock_offset

    def _date(self):
        shown = self.rules.date_header
        return email.utils.formatdate(self.wall(), usegmt=True) if shown is True else shown

    @property
    def connections(self):
        """TCP connections accepted so far, those of the control endpoint among them."""
        return self._listener.accepted

    @property
    def requests(self):
        """What came in, in the order of arrival; the control endpoint's own is left out."""
        with self.lock:
            return list(self._requests)

    def polls(self, task):
        """How often this task (or task id) was asked about, whatever was answered."""
        with self.lock:
            return self._polls[getattr(task, "task_id", task)]

    def by_credential(self, kind=None):
        """The requests, of one kind or of all, as lists by whose they are.

        The key is the Authorization as it stands; of what is signed it is the AppId, as no two
        signatures are alike. What came without has the key None.
        """
        groups = {}
        for request in self.requests:
            if kind in (None, request.kind):
                groups.setdefault(request.credential, []).append(request)
        return groups

    def wait_for(self, predicate, timeout=10.0):
        """Waits until predicate(simulator) is true, looking anew at each request and answer.

        Returns its value; raises TimeoutError with the latest verdicts if it never is.
        """
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                value = predicate(self)
                if value:
                    return value
                rest = deadline - time.monotonic()
                if rest <= 0:
                    break
                self._news.wait(rest)
            latest = [f"{r.path} {r.status} {r.verdict}" for r in list(self._requests)[-5:]]
        raise TimeoutError(
            f"not true within {timeout} s, after {self._request_count} requests; latest: {latest}"
        )

    def add_task(self, task_id=None, share_id=None, **course):
        """Registers a task that the service knows from now on. All arguments are optional.

        task_id, share_id  made up if not given
        task_type     1 package download, 2 dump
        duration      it ends so many seconds after this call, or
        polls         it ends with its Nth poll (with neither: with the first)
        pending       how much of that it waits in status 0 (default: a tenth of the seconds;
                      one poll if there are three or more)
        steps         progress moves in so many steps; 0 not at all; None smoothly
        result        1, 2 or 3 at the end (default 1); 0 leaves taskResultCode out
        cancel        it ends cancelled instead of completed
        download      True, False, or "late": the link comes late_polls (1) polls after the end
        kdstoken      without this token in the request the service refuses
        require       who may ask: a token, an AppId, a session, or a list of them; to others
                      the task is not found (default: all that the service lets in)
        dialect       see dialects.py
        files, file_size  of the package; the result 2 fails every second file
        appears_after seconds for which the service does not know the task yet
        hold          it does not end by itself, see Task.hold()
        """
        with self.lock:
            task_id = task_id or self._new_id()
            if task_id in self.tasks:
                raise ValueError(f"task {task_id} exists already")
            task = Task(self, task_id, share_id or self._new_id(), **course)
            self.tasks[task_id] = task
            return task

    def _new_id(self):
        """19 digits, as the service has them."""
        return str(self._rng.randrange(1_600_000_000_000_000_000, 1_800_000_000_000_000_000))

    async def _handle(self, request, link):
        path = request.path
        if path.startswith(CONTROL_PATH):
            return await control.handle(self, request, path[len(CONTROL_PATH) :])

        arrived = self.now(), time.time()
        path = path[len(self._prefix) :] if path.startswith(self._prefix) else ""
        kind = "other"
        if path in (DETAIL_PATH, DETAIL_PATH + "/") and request.method == "POST":
            kind = POLL
        elif path in sessions.PATHS and request.method == "POST":
            kind = REFRESH
        elif path.startswith(PACKAGE_PATH) and request.method in ("GET", "HEAD"):
            kind = DOWNLOAD
        with self._in_flight(kind):
            return await self._converse(request, link, kind, path, arrived)

    @contextlib.contextmanager
    def _in_flight(self, kind):
        """in_flight counts polls from their headers' arrival to the last byte of the answer."""
        step = 1 if kind == POLL else 0
        with self.lock:
            self.in_flight += step
            self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            yield
        finally:
            with self._news:
                self.in_flight -= step
                self._news.notify_all()

    async def _converse(self, request, link, kind, path, arrived):
        body = await request.content.read()
        record = self._record(request, link, kind, arrived, body)
        with self.lock:
            answer = self._answer(record, path)
            record.status = answer.status
            self._requests.append(record)
            self._news.notify_all()
        if self._on_request:
            self._on_request(record)

        record_end = "dropped"
        try:
            response = await wire.send(request, link, answer, self._date)
            record_end = "sent"
            return response
        finally:
            with self.lock:
                record.finished = record_end
                self._news.notify_all()

    def _record(self, request, link, kind, arrived, body):
        monotonic, wall = arrived
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers
        ]
        with self.lock:
            self._request_count += 1
            number = self._request_count
        return Request(
            number=number,
            connection=link.number,
            kind=kind,
            monotonic=monotonic,
            wall=wall,
            method=request.method,
            path=request.raw_path,
            headers=headers,
            body=body,
        )

    def _answer(self, record, path):
        """Judges the request, then lets a fault have its way with the answer."""
        if record.kind == DOWNLOAD:
            record.task_id = path[len(PACKAGE_PATH) :].removesuffix(".zip")
            normal = self._judge_download
        elif record.kind == POLL:
            record.task_id = _task_id_of(record.body)
            self._polls[record.task_id] += 1
            normal = self._judge_poll
        elif record.kind == REFRESH:
            normal = partial(self._judge_refresh, path=path)
        else:
            record.verdict = "no such API"
            return gateway_error("APIG.0101", status=404)

        try:
            proceed = normal(record)
            record.verdict = "ok"
        except Refusal as refusal:
            record.verdict = refusal.verdict
            refused = refusal.answer

            def proceed():
                return refused

        task = self.tasks.get(record.task_id)
        fault = self.faults.draw(record, task.age if task else None)
        if fault is None:
            answer = proceed()
        else:
            record.fault = fault.kind
            answer = fault.apply(proceed, self.wall(), record)
        by_gateway = record.kind != DOWNLOAD and answer.status == 200
        if by_gateway and self.rules.ratelimit is not None:
            for name in RATELIMIT_HEADERS:
                answer.headers.setdefault(name, self.rules.ratelimit)
        return answer

    def _judge_poll(self, record):
        """Returns the function that gives the answer and moves the task's course."""
        credentials.check(record, self.rules, self.sessions, self.now(), self.wall())
        judge.check_headers(record, self.rules)
        body = judge.parse_poll(record)
        task = self.tasks.get(body["taskId"])
        judge.check_task(task, record, body, self.rules)
        return lambda: task.answer(self._rng)

    def _judge_refresh(self, record, path):
        """Returns the function that gives the answer and replaces the session's token."""
        session = sessions.check_refresh(record, path, self.rules, self.sessions)
        return lambda: session.refresh(path)

    def _judge_download(self, record):
        task = self.tasks.get(record.task_id)
        if task is None or task.task_type != 1 or task.status != COMPLETED:
            raise Refusal("no such package", gateway_error("APIG.0101", status=404))
        if record.path.partition("?")[2] != task.download_url.partition("?")[2]:
            raise Refusal("link is not signed", gateway_error("APIG.0302", status=403))
        wanted, if_range = record.header("Range"), record.header("If-Range")
        return lambda: packages.answer(task.package, wanted, if_range)


def _tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _task_id_of(body):
    """The task that a request is about, even one that is to be refused."""
    try:
        task_id = json.loads(body).get("taskId")
    except (ValueError, AttributeError, RecursionError):
        return None
    return task_id if isinstance(task_id, str) else None


def _options(arguments):
    parser = argparse.ArgumentParser(description="A KooDrive for tests, on a loopback address.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument(
        "--token", action="append", help=f"an accepted Authorization (default: {DEFAULT_TOKEN})"
    )
    parser.add_argument("--token-lifetime", type=float, metavar="SECONDS")
    parser.add_argument(
        "--app", action="append", default=[], metavar="ID=SECRET", help="an app that may sign"
    )
    parser.add_argument(
        "--string-to-sign", choices=app_signature.KINDS, default=app_signature.KINDS[0]
    )
    parser.add_argument("--sessions", type=Path, metavar="FILE", help="JSON list of sessions")
    parser.add_argument("--tasks", type=Path, metavar="FILE", help="JSON list of tasks")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="JSON list of faults")
    parser.add_argument("--certificate", type=Path, help="PEM file; speaks TLS then")
    parser.add_argument("--key", type=Path, help="PEM file, if not in the certificate's")
    refusals = ("gateway", "service", "bad-request")
    parser.add_argument("--refusal", choices=refusals, default=refusals[0])
    parser.add_argument("--require-header", action="append", default=[], metavar="NAME[=VALUE]")
    parser.add_argument("--clock-offset", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--speed", type=float, default=1, help="of tasks and tokens (default: 1)")
    parser.add_argument("--ratelimit", metavar="TEXT", help="X-Apig-Ratelimit-Api of good answers")
    parser.add_argument("--prefix", default="", help="path before that of the API")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep-requests", type=int, default=100_000, metavar="N")
    parser.add_argument("--verbose", action="store_true", help="a line on stderr for each request")
    return parser.parse_args(arguments)


def _print_request(record):
    fault = f" [{record.fault}]" if record.fault else ""
    about = f"{record.method} {record.kind} {record.task_id}"
    print(f"{about} -> {record.status} {record.verdict}{fault}", file=sys.stderr, flush=True)


def _required(arguments):
    pairs = (argument.partition("=") for argument in arguments)
    return {name: value or None for name, _, value in pairs}


def _apps(arguments):
    pairs = [argument.partition("=") for argument in arguments]
    if not all(app_id and secret for app_id, _, secret in pairs):
        raise ValueError("--app: expected ID=SECRET")
    return {app_id: secret for app_id, _, secret in pairs}


def _list_of(path):
    return json.loads(path.read_text()) if path else []


def _simulator(options):
    simulator = Simulator(
        host=options.host,
        port=options.port,
        tokens=options.token or (DEFAULT_TOKEN,),
        token_lifetime=options.token_lifetime,
        apps=_apps(options.app),
        string_to_sign=options.string_to_sign,
        certificate=options.certificate,
        key=options.key,
        refusal=options.refusal,
        require_headers=_required(options.require_header),
        clock_offset=options.clock_offset,
        speed=options.speed,
        ratelimit=options.ratelimit,
        prefix=options.prefix,
        seed=options.seed,
        keep_requests=options.keep_requests,
        on_request=_print_request if options.verbose else None,
    )
    for session in _list_of(options.sessions):
        simulator.sessions.add_session(**session)
    for course in _list_of(options.tasks):
        simulator.add_task(**course)
    for fault in _list_of(options.faults):
        simulator.faults.add(**fault)
    return simulator


def main(arguments=None):
    options = _options(arguments)
    # Blocked before there is a thread that could be chosen to take them.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        simulator = _simulator(options).start()
    except (OSError, ValueError, TypeError) as fault:
        print(f"koodrive_simulator: {fault}", file=sys.stderr)
        return 1
    print(f"listening on {simulator.url}", flush=True)
    signal.sigwait(signals)
    simulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
