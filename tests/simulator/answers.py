"""What the simulator says, and how it puts it on the wire.

An Answer is plain data: status, headers and body, and beside them the ways in
which a bad network or server would deliver them (late, in drips, cut off). The
builders below know the two shapes of error that the service speaks.
"""

import json
import random
from dataclasses import dataclass, field

MESSAGES = {
    0: "Success.",
    13000101: "Bad request.",
    13000102: "Verify parameters failed.",
    13000201: "inner server invoke failure",
    13000309: "resource not found",
    13000410: "user has no permission",
}

GATEWAY_MESSAGES = {
    "APIG.0101": "The API does not exist or has not been published in the environment",
    "APIG.0201": "Backend timeout",
    "APIG.0202": "Backend unavailable",
    "APIG.0203": "Backend timeout",
    "APIG.0301": "Incorrect IAM authentication information",
    "APIG.0302": "The IAM user is not authorized to access the API",
    "APIG.0303": "Incorrect app authentication information",
    "APIG.0307": "The token must be updated",
    "APIG.0308": "The throttling threshold has been reached",
    "APIG.0501": "The app quota has been used up",
    "APIG.0613": "IAM is unavailable",
}


@dataclass
class Answer:
    """status None: the connection ends before a byte of the answer is sent."""

    status: int | None = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    delay: float = 0.0  # seconds before the first byte
    chunk: int = 0  # bytes written at once; 0 is all
    interval: float = 0.0  # seconds between two writes
    cut_after: int | None = None  # the connection ends after so many bytes of body
    reset: bool = False  # it ends by RST instead of FIN
    close: str | None = None  # "announced" by Connection: close, or "silent"
    chunked: bool = False  # no Content-Length


def request_id():
    return f"{random.getrandbits(128):032x}"


def to_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def service_error(code, msg=None, status=400, quoted=False):
    """KooDrive's own shape. quoted gives the code as a string, as some of its pages do."""
    if msg is None:
        msg = MESSAGES.get(code, "request failed")
    body = to_json({"code": str(code) if quoted else code, "msg": msg})
    return Answer(status, body, {"Content-Type": "application/json"})


def gateway_error(error_code, msg=None, status=401):
    """The shape of the gateway in front of KooDrive."""
    if msg is None:
        msg = GATEWAY_MESSAGES.get(error_code, "request refused")
    identity = request_id()
    body = to_json({"error_code": error_code, "error_msg": msg, "request_id": identity})
    return Answer(status, body, {"Content-Type": "application/json", "X-Request-Id": identity})


def html_error(status, title):
    page = f"<html><head><title>{status} {title}</title></head><body>{title}</body></html>\r\n"
    return Answer(status, page.encode(), {"Content-Type": "text/html"})


def error(shape, status, code, error_code, msg=None):
    """The same refusal in the shape asked for: gateway, service, html or empty."""
    if shape == "gateway":
        return gateway_error(error_code, msg, status)
    if shape == "service":
        return service_error(code, msg, status)
    if shape == "html":
        return html_error(status, msg or "Error")
    if shape == "empty":
        return Answer(status)
    raise ValueError(f"shape {shape!r}: expected gateway, service, html or empty")
