"""Whether the gateway lets a request through: its token or its signature, and its date."""

import calendar
import hmac
import re
import time

import app_signature
from answers import gateway_error, service_error
from judge import Refusal, is_of, refuse_form

DATE_WINDOW = 15 * 60

# An app's request binds its time and its user by signing them.
SIGNED_HEADERS = ("x-date", "x-user-id")

_DATE = "%Y%m%dT%H%M%SZ"
_APP_WRONG = "Incorrect app authentication information"


def refuse(rules, verdict, error_code="APIG.0301", msg=None):
    if rules.refusal == "gateway":
        answer = gateway_error(error_code, msg, 401)
    elif rules.refusal == "service":
        answer = service_error(401, msg or "authentication failed", 401)
    elif rules.refusal == "bad-request":
        answer = service_error(400, msg or "authentication not passed", 400)
    else:
        raise ValueError(f"refusal {rules.refusal!r}: expected gateway, service or bad-request")
    raise Refusal(verdict, answer)


def check(request, rules, sessions, now, wall):
    """now is the simulator's monotonic clock, wall the service's."""
    authorization = read_authorization(request, rules)
    if app_signature.claims(authorization):
        _check_app(request, authorization, rules, wall)
    else:
        check_token(request, rules, sessions, now)
        _check_date(request, rules, wall)
    for credential, user in rules.users.items():
        if is_of(request.credential, credential) and request.values("X-User-Id") != [user]:
            refuse(rules, "X-User-Id is not this credential's")


def read_authorization(request, rules):
    values = request.values("Authorization")
    if len(values) > 1:
        refuse(rules, "Authorization sent twice")
    if not values:
        refuse(rules, "Authorization missing")
    return values[0]


def check_token(request, rules, sessions, now):
    """A token's life starts with its first use and is renewed by each; a session's has an end."""
    token = read_authorization(request, rules)
    session = sessions.of_token(token)
    if token not in rules.tokens:
        replaced = session is not None and token != session.token
        verdict = "was replaced by a refresh" if replaced else "is not a known token"
        refuse(rules, f"Authorization {verdict}")
    if session is not None and session.expired(token):
        refuse(rules, "token expired", rules.expired_code)
    if rules.token_lifetime is not None:
        if now - rules.last_use.get(token, now) > rules.token_lifetime:
            refuse(rules, "token expired", rules.expired_code)
        rules.last_use[token] = now


def _refuse_app(rules, verdict, detail=None):
    msg = _APP_WRONG if detail is None else f"{_APP_WRONG}: {detail}"
    refuse(rules, verdict, "APIG.0303", msg)


def _check_app(request, authorization, rules, wall):
    if rules.string_to_sign not in app_signature.KINDS:
        raise ValueError(f"string_to_sign {rules.string_to_sign!r}: expected formula or with-date")
    try:
        given = app_signature.parse(authorization)
    except ValueError as fault:
        _refuse_app(rules, f"Authorization of an app: {fault}")
    if given.app_id not in rules.apps:
        _refuse_app(rules, "AppId is not a known app", f"app not found, appkey {given.app_id}")
    for name in SIGNED_HEADERS:
        if name not in given.signed_headers:
            _refuse_app(rules, f"SignedHeaders lacks {name}")
    _check_signature(request, given, rules, wall)


def _check_signature(request, given, rules, wall):
    """A date outside the window is complained of first, however well it is signed."""
    message = app_signature.Message(request.method, request.path, request.headers, request.body)
    secret, names, kind = rules.apps[given.app_id], given.signed_headers, rules.string_to_sign
    try:
        expected = app_signature.signature(secret, message, names, kind)
        stamp = _seconds(message.header("x-date"))
    except ValueError as fault:
        _refuse_app(rules, str(fault))
    _check_window(stamp, rules, wall)
    if not hmac.compare_digest(given.signature, expected):
        mistake = app_signature.explain(given.signature, secret, message, names, kind)
        canonical = app_signature.canonical_request(message, names).replace("\n", "|")
        _refuse_app(
            rules,
            f"signature is wrong: {mistake or 'wrong secret, or another request was signed'}",
            f"verify signature fail, canonicalRequest:{canonical}",
        )


def _check_date(request, rules, wall):
    """With a token, only a date that is there is checked."""
    value = request.header("X-Date")
    if value is None:
        return
    try:
        stamp = _seconds(value)
    except ValueError as fault:
        refuse_form(str(fault))
    _check_window(stamp, rules, wall)


def _seconds(date):
    """Since the epoch. Raises ValueError with what is wrong."""
    if not re.fullmatch(r"\d{8}T\d{6}Z", date, re.ASCII):
        raise ValueError("X-Date is not yyyyMMddTHHmmssZ")
    try:
        return calendar.timegm(time.strptime(date, _DATE))
    except ValueError:
        raise ValueError("X-Date is no date") from None


def _check_window(stamp, rules, wall):
    if wall - DATE_WINDOW <= stamp <= wall:
        return
    where = "in the future" if stamp > wall else "older than 15 minutes"
    shown, server = (time.strftime(_DATE, time.gmtime(moment)) for moment in (stamp, wall))
    _refuse_app(
        rules,
        f"X-Date is {where}",
        f"signature expired, signature time:{shown},server time:{server}",
    )
