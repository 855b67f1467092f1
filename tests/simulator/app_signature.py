"""App authentication: what a client with an AppId and an AppSecret signs, and how.

    Authorization: HMAC-SHA256 AppId=<id>,SignedHeaders=<h1;h2>,Signature=<64 hex>

Pure, and made from the documentation alone: it shares nothing with the client that it judges.

The documentation contradicts itself about the string to sign. Its formula has two lines
("formula"); its prose, and the rule that it descends from, have the signing time as a third
between them ("with-date").
"""

import hashlib
import hmac
import re
import urllib.parse
from dataclasses import dataclass

SCHEME = "HMAC-SHA256"
KINDS = ("formula", "with-date")

_AUTHORIZATION = re.compile(
    SCHEME + r" AppId=([^,\s]+),SignedHeaders=([^,\s]+),Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True)
class Authorization:
    app_id: str
    signed_headers: tuple
    signature: str


@dataclass(frozen=True)
class Message:
    """A request as it was received: target is that of the request line, headers are pairs."""

    method: str
    target: str
    headers: tuple
    body: bytes = b""

    def header(self, name):
        """Raises ValueError if it is not there exactly once: which one was signed?"""
        values = [value for key, value in self.headers if key.lower() == name]
        if len(values) != 1:
            raise ValueError(f"signed header {name} is there {len(values)} times")
        return values[0].strip(" ")


def claims(authorization):
    """Whether the header says that the request is signed, well or badly."""
    return authorization.startswith(SCHEME + " ")


def parse(authorization):
    """Raises ValueError with what is wrong."""
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise ValueError("not of the form AppId=…,SignedHeaders=…,Signature=<64 lower-case hex>")
    app_id, names, signature = match.groups()
    names = tuple(names.split(";"))
    if any(not name or name != name.lower() for name in names):
        raise ValueError("SignedHeaders are not names in lower case")
    if len(set(names)) != len(names):
        raise ValueError("SignedHeaders has a name twice")
    if "authorization" in names:
        raise ValueError("SignedHeaders has authorization, which cannot be signed")
    return Authorization(app_id, names, signature)


def canonical_uri(path):
    """Each segment percent-encoded anew; it ends in a slash, whether the path does or not."""
    segments = []
    for segment in path.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(_encoded(segment))
    return "/" + "".join(segment + "/" for segment in segments)


def canonical_query(query):
    """Sorted by name; a name without a value gets an equals sign."""
    pairs = [item.partition("=") for item in query.split("&") if item]
    encoded = [(_encoded(name), _encoded(value)) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded, key=lambda pair: pair[0]))


def canonical_request(message, names, *, slash=True, empty_line=True, body=None):
    """The headers are taken in the order of names. Raises ValueError if one is not there once.

    The keywords make what a signer with a common mistake would make.
    """
    path, query = _path_and_query(message.target)
    uri = canonical_uri(path)
    lines = [message.method, uri if slash else uri[:-1], canonical_query(query)]
    lines += [f"{name}:{message.header(name)}" for name in names]
    if empty_line:
        lines.append("")
    body = message.body if body is None else body
    lines += [";".join(names), hashlib.sha256(body).hexdigest()]
    return "\n".join(lines)


def string_to_sign(canonical, date=None):
    """Of three lines with a date, else of two."""
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    return "\n".join([SCHEME, digest] if date is None else [SCHEME, date, digest])


def sign(secret, text):
    """The secret's characters are the key, though they may look like hex."""
    return hmac.new(secret.encode(), text.encode("latin-1"), hashlib.sha256).hexdigest()


def signature(secret, message, names, kind="formula", date_header="x-date"):
    """Raises ValueError if a header that is signed is not there once."""
    date = message.header(date_header) if kind == "with-date" else None
    return sign(secret, string_to_sign(canonical_request(message, names), date))


def explain(given, secret, message, names, kind="formula"):
    """What the maker of a wrong signature did, if it is one of the usual mistakes; else None."""
    right = canonical_request(message, names)
    date = message.header("x-date")
    other_date = None if kind == "with-date" else date
    date = date if kind == "with-date" else None
    mistakes = {
        "the string to sign is of the other kind": string_to_sign(right, other_date),
        "there is no slash after the path": string_to_sign(
            canonical_request(message, names, slash=False), date
        ),
        "there is no empty line after the headers": string_to_sign(
            canonical_request(message, names, empty_line=False), date
        ),
        "the body is hashed as if it were empty": string_to_sign(
            canonical_request(message, names, body=b""), date
        ),
        "the canonical request is signed unhashed": right,
    }
    signatures = {mistake: sign(secret, text) for mistake, text in mistakes.items()}
    return next((mistake for mistake, made in signatures.items() if made == given), None)


def _path_and_query(target):
    """A request to a proxy has the whole URL in its request line."""
    target = re.sub(r"^https?://[^/?]*", "", target, flags=re.IGNORECASE)
    path, _, query = target.partition("?")
    return path, query


def _encoded(text):
    """Percent-encoded, whether it was before or not."""
    raw = urllib.parse.unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
    return urllib.parse.quote(raw, safe="-_.~")
