"""Whether a request is one that the service would accept.

The gateway looks first: credentials and signing time. The service looks second:
the form of the request. Each complaint is a Refusal, which carries the sentence
for the test and the answer for the client.
"""

import calendar
import hmac
import json
import re
import time
from dataclasses import dataclass, field

from answers import error, service_error

PARAMETERS_WRONG = 13000102
NOT_FOUND = 13000309

DATE_WINDOW = 15 * 60
TRACE_ID_LENGTH = 58

_FIELDS = ("taskId", "shareId", "kdstoken")


@dataclass
class Request:
    """One request as it came in, and what was said to it.

    headers are (name, value) in the order received. status is None when the connection was
    ended without an answer. finished is None until the answer is out, "sent" then, or
    "dropped" when the client went away first.
    """

    number: int
    connection: int
    kind: str
    monotonic: float
    wall: float
    method: str
    path: str
    headers: list
    body: bytes
    task_id: str | None = None
    verdict: str = ""
    status: int | None = None
    fault: str | None = None
    finished: str | None = None

    def values(self, name):
        name = name.lower()
        return [value for key, value in self.headers if key.lower() == name]

    def header(self, name):
        """The first value, or None."""
        values = self.values(name)
        return values[0] if values else None


class Refusal(Exception):
    def __init__(self, verdict, answer):
        super().__init__(verdict)
        self.verdict = verdict
        self.answer = answer


@dataclass
class Rules:
    """What the judge insists on. Tests change it while the simulator runs.

    tokens          accepted values of Authorization, compared as they stand
    token_lifetime  seconds without an accepted request after which a token is dead, or None
    refusal         how credentials are refused: "gateway" (401 APIG.0301), "service" (401 with
                    code and msg) or "bad-request" (400 with code and msg)
    require_headers names that must be there, as a list, or as a dict with the value of each
                    (None: any)
    clock_offset    seconds by which the service's clock is ahead of this machine's
    kdstoken_code   what a missing or wrong kdstoken is answered with; the real code is unknown
    """

    tokens: set = field(default_factory=set)
    token_lifetime: float | None = None
    refusal: str = "gateway"
    require_headers: object = ()
    clock_offset: float = 0.0
    kdstoken_code: int = 13000416
    last_use: dict = field(default_factory=dict)


def _refuse_credentials(rules, verdict, error_code="APIG.0301", msg=None):
    if rules.refusal == "bad-request":
        answer = service_error(400, msg or "authentication not passed", 400)
    elif rules.refusal in ("gateway", "service"):
        answer = error(rules.refusal, 401, 401, error_code, msg)
    else:
        raise ValueError(f"refusal {rules.refusal!r}: expected gateway, service or bad-request")
    raise Refusal(verdict, answer)


def _refuse_form(verdict):
    raise Refusal(verdict, service_error(PARAMETERS_WRONG))


def check_credentials(request, rules, now):
    """now is monotonic. A token's life starts with its first use and is renewed by each."""
    values = request.values("Authorization")
    if len(values) > 1:
        _refuse_credentials(rules, "Authorization sent twice")
    if not values:
        _refuse_credentials(rules, "Authorization missing")
    token = values[0]
    if token not in rules.tokens:
        _refuse_credentials(rules, "Authorization is not a known token")
    if rules.token_lifetime is not None:
        if now - rules.last_use.get(token, now) > rules.token_lifetime:
            _refuse_credentials(rules, "token expired", "APIG.0307")
        rules.last_use[token] = now


def check_date(request, rules, wall):
    """wall is the service's clock. Only a date that is there is checked."""
    value = request.header("X-Date")
    if value is None:
        return
    if not re.fullmatch(r"\d{8}T\d{6}Z", value, re.ASCII):
        _refuse_form("X-Date is not yyyyMMddTHHmmssZ")
    try:
        stamp = calendar.timegm(time.strptime(value, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        _refuse_form("X-Date is no date")
    if wall - DATE_WINDOW <= stamp <= wall:
        return
    where = "in the future" if stamp > wall else "older than 15 minutes"
    server = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(wall))
    msg = (
        "Incorrect app authentication information: signature expired, "
        f"signature time:{value},server time:{server}"
    )
    _refuse_credentials(rules, f"X-Date is {where}", "APIG.0303", msg)


def check_headers(request, rules):
    wanted = rules.require_headers
    wanted = wanted if isinstance(wanted, dict) else dict.fromkeys(wanted)
    for name, value in wanted.items():
        values = request.values(name)
        if not values or not values[0]:
            _refuse_form(f"{name} missing")
        if len(values) > 1:
            _refuse_form(f"{name} sent twice")
        if value is not None and values[0] != value:
            _refuse_form(f"{name} is not {value!r}")

    media_type, _, parameters = (request.header("Content-Type") or "").partition(";")
    if media_type.strip().lower() != "application/json":
        _refuse_form("Content-Type is not application/json")
    if parameters.strip().lower() not in ("", "charset=utf-8"):
        _refuse_form("Content-Type has a parameter other than charset=utf-8")
    trace_id = request.header("X-Traceid")
    if trace_id is not None and len(trace_id) != TRACE_ID_LENGTH:
        _refuse_form(f"X-Traceid has {len(trace_id)} characters instead of {TRACE_ID_LENGTH}")


def _unique(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key is there twice")
    return dict(pairs)


def parse_body(request):
    """The body's fields, each a non-empty string."""
    try:
        document = json.loads(request.body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as fault:
        _refuse_form(f"body is not JSON: {fault}")
    if not isinstance(document, dict):
        _refuse_form("body is not a JSON object")
    for key, value in document.items():
        if key not in _FIELDS:
            _refuse_form(f"unknown field {key}")
        if not isinstance(value, str):
            _refuse_form(f"{key} is not a string")
        if not value:
            _refuse_form(f"{key} is empty")
    for key in ("taskId", "shareId"):
        if key not in document:
            _refuse_form(f"{key} missing")
    return document


def check_task(task, body, rules):
    """The verdicts never quote a kdstoken."""
    if task is None or not task.exists():
        raise Refusal("unknown task", service_error(NOT_FOUND))
    if body["shareId"] != task.share_id:
        raise Refusal("task belongs to another share", service_error(NOT_FOUND))
    if task.kdstoken is None:
        return
    given = body.get("kdstoken")
    if given is None or not hmac.compare_digest(given.encode(), task.kdstoken.encode()):
        verdict = "kdstoken missing" if given is None else "kdstoken wrong"
        answer = service_error(rules.kdstoken_code, "share token is invalid")
        raise Refusal(verdict, answer)
