"""The fault menu: what goes wrong, for whom, how often.

A kind is a function from the scene (the answer that would have been given, the
time, the request) to the answer that is given instead; its keyword arguments are
the fault's parameters. A kind that never asks for the normal answer leaves the
task's course and the session's token alone: the service did not get as far.
"""

import email.utils
import inspect
import json
import threading
from dataclasses import dataclass, replace
from typing import Callable

import codes
from answers import Answer, error, gateway_error, html_error, service_error, to_json
from judge import NOT_FOUND, Request, is_of

POLL, REFRESH, DOWNLOAD = "poll", "refresh", "download"
PLACES = (POLL, REFRESH, DOWNLOAD)


@dataclass
class Scene:
    normal: Callable[[], Answer]
    wall: float
    request: Request


@dataclass
class _Kind:
    apply: Callable[..., Answer]
    where: str
    due: Callable[..., bool]


_KINDS = {}


def _kind(name, where=POLL, due=lambda age, **parameters: True):
    """due tells by the age of the task in seconds (None: no task) whether it is time for it."""

    def register(function):
        _KINDS[name] = _Kind(function, where, due)
        return function

    return register


@_kind("ok")
def _ok(scene):
    """Nothing wrong: with count, the good stretch of a script."""
    return scene.normal()


@_kind("delay")
def _delay(scene, *, seconds):
    return replace(scene.normal(), delay=seconds)


@_kind("hang")
def _hang(scene):
    """No answer, until the client has had enough."""
    return Answer(None, delay=float("inf"))


_HINTS = ("none", "seconds", "date", "text", "header", "allenv")


@_kind("429")
def _throttled(scene, *, hint="none", retry_after=1, limit=20, time=1, unit="second"):
    """hint is none, or several of these, joined by +:

    seconds, date   Retry-After, which is retry_after from now
    text            the window of limit requests in time units (second, minute, hour, day),
                    in the message
    header, allenv  the window, in X-Apig-Ratelimit-Api, in X-Apig-Ratelimit-Api-Allenv
    """
    hints = hint.split("+")
    for one in hints:
        if one not in _HINTS:
            raise ValueError(f"hint {one!r}: expected one of {', '.join(_HINTS)}")
    window = f"limit:{limit},time:{time} {unit}"
    msg = "The throttling threshold has been reached"
    if "text" in hints:
        msg += f": policy user over ratelimit,{window}"
    answer = gateway_error("APIG.0308", msg, 429)
    if "seconds" in hints:
        answer.headers["Retry-After"] = str(retry_after)
    if "date" in hints:
        date = email.utils.formatdate(scene.wall + retry_after, usegmt=True)
        answer.headers["Retry-After"] = date
    if "header" in hints:
        answer.headers["X-Apig-Ratelimit-Api"] = f"remain:0,{window}"
    if "allenv" in hints:
        answer.headers["X-Apig-Ratelimit-Api-Allenv"] = f"remain:0,{window}"
    return answer


@_kind("400")
def _bad_request(scene, *, code=13000102, msg=None, quoted=False):
    return service_error(code, msg, 400, quoted)


@_kind("401")
def _unauthorized(scene, *, shape="gateway", error_code="APIG.0301", code=401, msg=None):
    return error(shape, 401, code, error_code, msg)


@_kind("403")
def _forbidden(scene, *, shape="gateway", error_code="APIG.0302", code=403, msg=None):
    return error(shape, 403, code, error_code, msg)


@_kind("404")
def _not_found(scene, *, shape="gateway", error_code="APIG.0101", code=404, msg=None):
    return error(shape, 404, code, error_code, msg)


@_kind("405")
def _quota(scene, *, shape="gateway", error_code="APIG.0501", code=405, msg=None):
    return error(shape, 405, code, error_code, msg)


@_kind("500")
def _internal(scene, *, code=13000201, msg=None, quoted=False):
    return service_error(code, msg, 500, quoted)


@_kind("502")
def _bad_gateway(scene):
    return html_error(502, "Bad Gateway")


@_kind("503")
def _unavailable(scene, *, shape="gateway", error_code="APIG.0613", code=503, msg=None):
    return error(shape, 503, code, error_code, msg)


@_kind("504")
def _gateway_timeout(scene, *, delay=1.0, shape="gateway", error_code="APIG.0203"):
    return replace(error(shape, 504, 504, error_code), delay=delay)


@_kind("code")
def _code(scene, *, code=13000201, msg=None, quoted=False):
    """HTTP 200 and yet an error."""
    return service_error(code, msg, 200, quoted)


@_kind("refuse")
def _refuse(
    scene,
    *,
    status=None,
    code=None,
    error_code=None,
    shape=None,
    msg=None,
    quoted=False,
    headers=None,
):
    """Any row of the tables in codes.py, and whatever else.

    The status and the text are those that the code is documented with. error_code makes it the
    gateway's shape, code the service's, neither an empty body; shape may ask for another.
    """
    if shape is None:
        shape = "gateway" if error_code is not None else "service" if code is not None else "empty"
    either = error_code if code is None else code
    needed = {"gateway": error_code, "service": code, "old": either}
    if needed.get(shape, True) is None or (status is None and either is None):
        raise ValueError(f"refuse: shape {shape!r} without a status and a code of its kind")
    if status is None:
        by_gateway = error_code is not None
        status = codes.gateway_status(error_code) if by_gateway else codes.service_status(code)
    answer = error(shape, status, code, error_code, msg, quoted)
    answer.headers.update(headers or {})
    return answer


@_kind("not-yet", due=lambda age, seconds: age is not None and age < seconds)
def _not_yet(scene, *, seconds):
    """Not found for so many seconds after the task was added, as if it were still on its way."""
    return service_error(NOT_FOUND)


@_kind("echo")
def _echo(scene, *, status=400, shape="service", code=13000102, error_code="APIG.0305"):
    """A message that repeats all that was sent, credentials and share token among it."""
    sent = [f"{name}: {value}" for name, value in scene.request.headers]
    msg = "; ".join(["refused", *sent, scene.request.body.decode(errors="replace")])
    return error(shape, status, code, error_code, msg)


@_kind("headers")
def _with_headers(scene, *, headers):
    """The normal answer with headers of the test's own, Date among them if it likes."""
    answer = scene.normal()
    return replace(answer, headers={**answer.headers, **headers})


@_kind("answer")
def _any_answer(scene, *, status=200, body="", headers=None):
    """Whatever the test wants to say; body is text or bytes."""
    body = body.encode() if isinstance(body, str) else body
    return Answer(status, body, {"Content-Type": "application/json", **(headers or {})})


@_kind("redirect")
def _redirect(scene, *, location="http://127.0.0.2:9/elsewhere", status=302):
    return Answer(status, b"", {"Location": location})


@_kind("empty")
def _empty(scene):
    return replace(scene.normal(), body=b"")


@_kind("truncated")
def _truncated(scene):
    """Half of the JSON, in an answer that is whole as far as HTTP can tell."""
    answer = scene.normal()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


@_kind("wrong-task")
def _wrong_task(scene, *, task_id="1689768877770409999"):
    """A whole answer, about another task."""
    answer = scene.normal()
    document = json.loads(answer.body)
    holder = document.get("data") or document
    for job in (holder.get("jobInfo"), holder.get("taskInfo")):
        if job:
            job["taskId"] = task_id
    return replace(answer, body=to_json(document))


@_kind("oversized")
def _oversized(scene, *, size=8 << 20, chunked=False):
    """size bytes of valid JSON around the normal answer; chunked leaves Content-Length out."""
    answer = scene.normal()
    head = b'{"padding":"'
    tail = b'",' + answer.body.strip()[1:]
    padding = b"x" * (size - len(head) - len(tail))
    return replace(answer, body=head + padding + tail, chunked=chunked)


@_kind("deep")
def _deep(scene, *, depth=100000):
    """Valid JSON that is nested deeper than a recursive parser's stack."""
    body = b'{"code":0,"msg":"Success.","jobInfo":' + b"[" * depth + b"]" * depth + b"}"
    return replace(scene.normal(), body=body)


@_kind("invalid-utf8")
def _invalid_utf8(scene):
    """The normal answer, but for a msg whose bytes are no UTF-8."""
    answer = scene.normal()
    document = json.loads(answer.body)
    document["msg"] = "?"
    body = to_json(document).replace(b'"msg":"?"', b'"msg":"\xff\xfe\xc3("')
    return replace(answer, body=body)


@_kind("drip")
def _drip(scene, *, chunk=1, interval=0.05):
    return replace(scene.normal(), chunk=chunk, interval=interval)


@_kind("reset")
def _reset(scene):
    """The connection is reset before the answer begins."""
    return Answer(None, reset=True)


@_kind("reset-after-headers")
def _reset_after_headers(scene):
    answer = scene.normal()
    return replace(answer, cut_after=len(answer.body) // 2, reset=True)


@_kind("close")
def _close(scene, *, announced=True):
    """The normal answer, then the end of the connection, by Connection: close or unannounced."""
    return replace(scene.normal(), close="announced" if announced else "silent")


@_kind("cut-off", DOWNLOAD)
def _cut_off(scene, *, after=None, reset=False):
    """The connection ends after so many bytes of the body, half of them if not given."""
    answer = scene.normal()
    after = len(answer.body) // 2 if after is None else after
    return replace(answer, cut_after=after, reset=reset)


@_kind("slow", DOWNLOAD)
def _slow(scene, *, rate=100_000):
    """rate bytes a second."""
    chunk = max(rate // 20, 1)
    return replace(scene.normal(), chunk=chunk, interval=chunk / rate)


_NO_REQUEST = Request(0, 0, "", 0.0, 0.0, "", "", [], b"")


class Fault:
    """One entry of the menu, as FaultMenu.add() returns it."""

    def __init__(self, menu, kind, parameters, *, count, task_id, credential, probability, where):
        self.kind = kind
        self.count = count
        self.task_id = task_id
        self.credential = credential
        self.probability = probability
        self.where = where
        self.hits = 0
        self._menu = menu
        self._kind = _KINDS[kind]
        self._parameters = parameters

    @property
    def exhausted(self):
        return self.count is not None and self.hits >= self.count

    def clear(self):
        self._menu.remove(self)

    def fits(self, request, age):
        if self.where != request.kind or self.task_id not in (None, request.task_id):
            return False
        if self.credential is not None and not is_of(request.credential, self.credential):
            return False
        return self._kind.due(age, **self._parameters)

    def apply(self, normal, wall, request):
        return self._kind.apply(Scene(normal, wall, request), **self._parameters)


class FaultMenu:
    """The first entry that fits a request is served, so entries with a count form a script."""

    def __init__(self, rng):
        self._lock = threading.Lock()
        self._rng = rng
        self._faults = []

    def add(
        self,
        kind,
        count=None,
        task=None,
        probability=1.0,
        where=None,
        credential=None,
        **parameters,
    ):
        """kind is a name or a status; task a task or its id; where one of PLACES.

        credential is the token, the AppId or the session that it is for, or a list of them.
        Without count it lasts until clear(). A wrong parameter raises TypeError or ValueError
        here, not when the fault is due.
        """
        kind = str(kind)
        if kind not in _KINDS:
            raise ValueError(f"fault {kind!r}: expected one of {', '.join(_KINDS)}")
        function = _KINDS[kind].apply
        if where not in (None, *PLACES):
            raise ValueError(f"where {where!r}: expected one of {', '.join(PLACES)}")
        if count is not None and count < 1:
            raise ValueError(f"count {count!r}: expected 1 or more, or None for always")
        inspect.signature(function).bind(None, **parameters)
        if kind == "refuse" or "hint" in parameters or "shape" in parameters:
            function(Scene(Answer, 0.0, _NO_REQUEST), **parameters)

        fault = Fault(
            self,
            kind,
            parameters,
            count=count,
            task_id=getattr(task, "task_id", task),
            credential=credential,
            probability=probability,
            where=where or _KINDS[kind].where,
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault):
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)

    def clear(self):
        with self._lock:
            self._faults.clear()

    def draw(self, request, age):
        """The fault for this request, counted as a hit, or None. age is that of its task."""
        with self._lock:
            for fault in self._faults:
                if not fault.fits(request, age):
                    continue
                if fault.probability < 1.0 and self._rng.random() >= fault.probability:
                    continue
                fault.hits += 1
                if fault.exhausted:
                    self._faults.remove(fault)
                return fault
            return None
