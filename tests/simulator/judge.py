"""Whether a request is one that the service would accept, credentials apart.

The gateway looks first, at the credentials (credentials.py). The service looks second, at the
form of the request. Each complaint is a Refusal, which carries the sentence for the test and
the answer for the client.
"""

import hmac
import json
from dataclasses import dataclass, field

import app_signature
from answers import service_error

PARAMETERS_WRONG = 13000102
NOT_FOUND = 13000309

TRACE_ID_LENGTH = 58


@dataclass
class Request:
    """One request as it came in, and what was said to it.

    kind is "poll", "refresh", "download" or "other". headers are (name, value) in the order
    received. status is None when the connection was ended without an answer. finished is None
    until the answer is out, "sent" then, or "dropped" when the client went away first.
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

    @property
    def credential(self):
        """Whose request it is: the AppId if it is signed, else Authorization as it stands."""
        authorization = self.header("Authorization")
        if authorization is None or not app_signature.claims(authorization):
            return authorization
        try:
            return app_signature.parse(authorization).app_id
        except ValueError:
            return authorization


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
    apps            dict of AppId and AppSecret, for requests that are signed
    string_to_sign  what apps sign: "formula" (two lines) or "with-date" (three)
    refusal         how credentials are refused: "gateway" (401 APIG.0301 or what fits better),
                    "service" (401 with code and msg) or "bad-request" (400 with code and msg)
    expired_code    the gateway's code for a token that was good once
    users           dict of credential (a token or an AppId) and the X-User-Id that must come
                    with it
    require_headers names that must be there in polls, as a list, or as a dict with the value of
                    each (None: any)
    clock_offset    seconds by which the service's clock is ahead of this machine's
    date_header     True for a Date header by that clock, None for none, or its text
    ratelimit       X-Apig-Ratelimit-Api and -Api-Allenv of good answers, such as
                    "remain:99,limit:100,time:1 minute", or None
    kdstoken_code   what a missing or wrong kdstoken is answered with; the real code is unknown
    """

    tokens: set = field(default_factory=set)
    token_lifetime: float | None = None
    apps: dict = field(default_factory=dict)
    string_to_sign: str = "formula"
    refusal: str = "gateway"
    expired_code: str = "APIG.0307"
    users: dict = field(default_factory=dict)
    require_headers: object = ()
    clock_offset: float = 0.0
    date_header: object = True
    ratelimit: str | None = None
    kdstoken_code: int = 13000416
    last_use: dict = field(default_factory=dict)


def is_of(credential, wanted):
    """wanted is a credential, a session, which is all tokens that it has had, or several."""
    if isinstance(wanted, str):
        return credential == wanted
    if isinstance(wanted, (list, tuple, set, frozenset)):
        return any(is_of(credential, one) for one in wanted)
    return credential in wanted


def refuse_form(verdict):
    raise Refusal(verdict, service_error(PARAMETERS_WRONG))


def check_headers(request, rules):
    wanted = rules.require_headers
    wanted = wanted if isinstance(wanted, dict) else dict.fromkeys(wanted)
    for name, value in wanted.items():
        values = request.values(name)
        if not values or not values[0]:
            refuse_form(f"{name} missing")
        if len(values) > 1:
            refuse_form(f"{name} sent twice")
        if value is not None and values[0] != value:
            refuse_form(f"{name} is not {value!r}")


def check_json_type(request):
    media_type, _, parameters = (request.header("Content-Type") or "").partition(";")
    if media_type.strip().lower() != "application/json":
        refuse_form("Content-Type is not application/json")
    if parameters.strip().lower() not in ("", "charset=utf-8"):
        refuse_form("Content-Type has a parameter other than charset=utf-8")


def check_trace_id(request):
    trace_id = request.header("X-Traceid")
    if trace_id is not None and len(trace_id) != TRACE_ID_LENGTH:
        refuse_form(f"X-Traceid has {len(trace_id)} characters instead of {TRACE_ID_LENGTH}")


def _unique(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key is there twice")
    return dict(pairs)


def parse_body(request, required, optional=()):
    """The body's fields, each a non-empty string."""
    try:
        document = json.loads(request.body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as fault:
        refuse_form(f"body is not JSON: {fault}")
    if not isinstance(document, dict):
        refuse_form("body is not a JSON object")
    for key, value in document.items():
        if key not in (*required, *optional):
            refuse_form(f"unknown field {key}")
        if not isinstance(value, str):
            refuse_form(f"{key} is not a string")
        if not value:
            refuse_form(f"{key} is empty")
    for key in required:
        if key not in document:
            refuse_form(f"{key} missing")
    return document


def parse_poll(request):
    check_json_type(request)
    check_trace_id(request)
    return parse_body(request, ("taskId", "shareId"), ("kdstoken",))


def check_task(task, request, body, rules):
    """The verdicts never quote a kdstoken."""
    if task is None or not task.exists():
        raise Refusal("unknown task", service_error(NOT_FOUND))
    if task.require is not None and not is_of(request.credential, task.require):
        raise Refusal("task is not this credential's", service_error(NOT_FOUND))
    if body["shareId"] != task.share_id:
        raise Refusal("task belongs to another share", service_error(NOT_FOUND))
    if task.kdstoken is None:
        return
    given = body.get("kdstoken")
    if given is None or not hmac.compare_digest(given.encode(), task.kdstoken.encode()):
        verdict = "kdstoken missing" if given is None else "kdstoken wrong"
        answer = service_error(rules.kdstoken_code, "share token is invalid")
        raise Refusal(verdict, answer)
