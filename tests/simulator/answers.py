"""What the simulator says, and how it puts it on the wire.

An Answer is plain data: status, headers and body, and beside them the ways in
which a bad network or server would deliver them (late, in drips, cut off). The
builders below know the shapes of error that the service has used.
"""

import json
import random
from dataclasses import dataclass, field

import codes
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


def service_error(code, msg=None, status=None, quoted=False):
    """KooDrive's own shape. quoted gives the code as a string, as some of its pages do."""
    msg = codes.service_message(code) if msg is None else msg
    body = to_json({"code": str(code) if quoted else code, "msg": msg})
    status = codes.service_status(code) if status is None else status
    return Answer(status, body, {"Content-Type": "application/json"})


def gateway_error(error_code, msg=None, status=None):
    """The shape of the gateway in front of KooDrive."""
    status = codes.gateway_status(error_code) if status is None else status
    msg = codes.gateway_message(error_code, status) if msg is None else msg
    identity = request_id()
    body = to_json({"error_code": error_code, "error_msg": msg, "request_id": identity})
    return Answer(status, body, {"Content-Type": "application/json", "X-Request-Id": identity})


def old_error(code, msg=None, status=400):
    """The shape of KooDrive's batch endpoints in its first years."""
    msg = codes.service_message(code) if msg is None else msg
    body = to_json({"error_code": str(code), "error_msg": msg})
    return Answer(
        status, body, {"Content-Type": "application/json", "X-request-id": request_id()}
    )


def html_error(status, title):
    page = f"<html><head><title>{status} {title}</title></head><body>{title}</body></html>\r\n"
    return Answer(status, page.encode(), {"Content-Type": "text/html"})


SHAPES = ("gateway", "service", "old", "html", "empty")


def error(shape, status, code, error_code, msg=None, quoted=False):
    """The same refusal in the shape asked for. old takes either code, html and empty none."""
    if shape == "gateway":
        return gateway_error(error_code, msg, status)
    if shape == "service":
        return service_error(code, msg, status, quoted)
    if shape == "old":
        return old_error(code if code is not None else error_code, msg, status)
    if shape == "html":
        return html_error(status, msg or "Error")
    if shape == "empty":
        return Answer(status)
    raise ValueError(f"shape {shape!r}: expected one of {', '.join(SHAPES)}")
