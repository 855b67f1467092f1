"""The signature of app authentication, by values that others computed."""

import hashlib

import pytest

import app_signature
from app_signature import Message

APP_SECRET = "0123456789abcdef0123456789abcdef"
DETAIL = "/koodrive/ose/v1/share/taskDetail"
BODY = (
    b'{"taskId":"1689768877770401664","shareId":"1689765568237837824",'
    b'"kdstoken":"aea2968ec8cfac338cd4647f071c44644c491d0a2039cd6c"}'
)
DATE, USER = ("X-Date", "20250520T022912Z"), ("X-User-Id", "1505084218764547200")
HOST = ("Host", "intl.myhuaweicloud-koodrive.com")
AGENT, PADDED_USER = ("X-Hw-Agentname", "carrier-a"), (USER[0], f" {USER[1]} ")

PLAIN = Message("POST", DETAIL, (DATE, USER), BODY)
PLAIN_NAMES = ("x-date", "x-user-id")

VECTORS = {
    "plain": (
        PLAIN,
        PLAIN_NAMES,
        "b612c7e8f4c0962109f66a60b7ff9b6b6494a9bab03e13d4a2a4c72ac898a744",
        "49fe9851ad8ea80de6860768c08938b29f244d89df4355e1fc0532b5cec92009",
    ),
    "host": (
        Message("POST", DETAIL, (DATE, USER, HOST), BODY),
        ("host", *PLAIN_NAMES),
        "6fd641394c5c373efcb345f236f8444453c7e6b3d27b0f513dc930a1321be2c8",
        "f1678df576bd12b85727f515f33a81962d57c05e268f8e8cb7a71c9570535a26",
    ),
    "query": (
        Message("GET", "/koodrive/ose/v1/jobs?limit=10&offset=0&status=1", (DATE, USER)),
        PLAIN_NAMES,
        "d2ba8e36bfa9ea90bc0d58ed34e8c806a2dfb17e2f5587ff6187d78c6a07eabb",
        "baabddf851ab26e5581ef2405b794ad480d2d5c8974cc6636c7515b79741c3a6",
    ),
    "padded": (
        Message("POST", DETAIL, (AGENT, DATE, PADDED_USER), BODY),
        ("x-date", "x-hw-agentname", "x-user-id"),
        "4d6e4983ab019ceb263ec265b350d30f3dde4e46ad55a0fb285c64fb00c7869d",
        "33d6b5428f48845f1ed1423bd1b3287f049c5c3daad3fd007db3eef6920a99d2",
    ),
}

MISTAKES = {
    "empty line": "fc615fca7b801c981538752618e63933b30fc8c3f79ad288966398d23dde93ef",
    "slash": "1b9bf7049c3d4e26677a8a9731104d50602dd333f6dfed01a38f48a956bbb9e4",
    "other kind": "0a39fcd025448a1b97f6d143435160030b964de69525b26ec9d3a5492a93ac33",
    "were empty": "6448f4e5503f707dc38cb6a2e7c7682b8f17e91a434c80943e383f3a649ac712",
}

# The worked example of a gateway with the same rule, but for its name of the date's header.
GATEWAY = Message(
    "GET",
    "/demo/login?parm1=value1&parm2=",
    (
        ("Host", "www.demo.com"),
        ("Content-Type", "application/json"),
        ("X-Gateway-Date", "20200605T104456Z"),
    ),
)
GATEWAY_NAMES = ("content-type", "host", "x-gateway-date")
GATEWAY_SECRET = "8f8154ff07f7153eea59a2ba44b5fcfe443dba1e4c45f87c549e6a05f699145d"
GATEWAY_HASH = "1ace9c4e12e4e322a506e3866a6e81e62c8f9ae674aca7966a55b9c6deb6ea00"


def digest(canonical):
    return hashlib.sha256(canonical.encode()).hexdigest()


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name):
    message, names, expected_digest, expected = VECTORS[name]
    assert digest(app_signature.canonical_request(message, names)) == expected_digest
    assert app_signature.signature(APP_SECRET, message, names) == expected


def test_canonical_request():
    assert app_signature.canonical_request(PLAIN, PLAIN_NAMES).split("\n") == [
        "POST",
        DETAIL + "/",
        "",
        "x-date:20250520T022912Z",
        "x-user-id:1505084218764547200",
        "",
        "x-date;x-user-id",
        "2dfe1d9f4837395ce08a4557386bb179d5af9ebcfbd4c22d0fb916fa7e2b450f",
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("with-date", "3909cd0042fed21287e64b2436adb10ad12894c9beeb69f932efee872fd589ab"),
        ("formula", "dfdf9f2278d4c67b7c7dd0fab272db45edfa2a509dd4d8413e21160f84ee1c34"),
    ],
)
def test_known_answer_of_a_gateway(kind, expected):
    assert digest(app_signature.canonical_request(GATEWAY, GATEWAY_NAMES)) == GATEWAY_HASH
    made = app_signature.signature(
        GATEWAY_SECRET, GATEWAY, GATEWAY_NAMES, kind, date_header="x-gateway-date"
    )
    assert made == expected


@pytest.mark.parametrize("words", MISTAKES)
def test_a_usual_mistake_is_told(words):
    told = app_signature.explain(MISTAKES[words], APP_SECRET, PLAIN, PLAIN_NAMES)
    assert words in told


def test_two_lines_where_three_are_expected_are_told():
    given = VECTORS["plain"][3]
    told = app_signature.explain(given, APP_SECRET, PLAIN, PLAIN_NAMES, "with-date")
    assert "other kind" in told


def test_an_unknown_mistake_is_none_of_them():
    assert app_signature.explain("0" * 64, APP_SECRET, PLAIN, PLAIN_NAMES) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/a/b", "/a/b/"),
        ("/a/b/", "/a/b/"),
        ("/a/./b/../c", "/a/c/"),
        ("/a b/%7e%2f/ü", "/a%20b/~%2F/%C3%BC/"),
    ],
)
def test_canonical_uri(path, expected):
    assert app_signature.canonical_uri(path) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=1&B=2", "B=2&a=1"),
        ("name", "name="),
        ("a=x y&b=%7e%2b+", "a=x%20y&b=~%2B%2B"),
    ],
)
def test_canonical_query(query, expected):
    assert app_signature.canonical_query(query) == expected


def test_a_proxy_sees_the_whole_url():
    message = Message("POST", "http://127.0.0.1:9" + DETAIL, PLAIN.headers, BODY)
    assert app_signature.signature(APP_SECRET, message, PLAIN_NAMES) == VECTORS["plain"][3]


@pytest.mark.parametrize("headers", [(DATE,), (DATE, USER, USER)])
def test_a_signed_header_is_there_once(headers):
    with pytest.raises(ValueError, match="x-user-id"):
        app_signature.signature(APP_SECRET, Message("POST", DETAIL, headers), PLAIN_NAMES)


def test_parse():
    value = f"HMAC-SHA256 AppId=demo-app-0001,SignedHeaders=x-date;x-user-id,Signature={'0a' * 32}"
    authorization = app_signature.parse(value)
    assert authorization.app_id == "demo-app-0001"
    assert authorization.signed_headers == PLAIN_NAMES
    assert authorization.signature == "0a" * 32


@pytest.mark.parametrize(
    "value",
    [
        "HMAC-SHA256 AppId=a",
        f"HMAC-SHA256 AppId=a, SignedHeaders=x-date, Signature={'0' * 64}",
        f"HMAC-SHA256  AppId=a,SignedHeaders=x-date,Signature={'0' * 64}",
        f"HMAC-SHA256 SignedHeaders=x-date,AppId=a,Signature={'0' * 64}",
        f"HMAC-SHA256 AppId=a,SignedHeaders=X-Date,Signature={'0' * 64}",
        f"HMAC-SHA256 AppId=a,SignedHeaders=x-date;,Signature={'0' * 64}",
        f"HMAC-SHA256 AppId=a,SignedHeaders=x-date;x-date,Signature={'0' * 64}",
        f"HMAC-SHA256 AppId=a,SignedHeaders=authorization,Signature={'0' * 64}",
        f"HMAC-SHA256 AppId=a,SignedHeaders=x-date,Signature={'A' * 64}",
        f"HMAC-SHA256 AppId=a,SignedHeaders=x-date,Signature={'0' * 63}",
    ],
)
def test_parse_is_strict(value):
    assert app_signature.claims(value)
    with pytest.raises(ValueError):
        app_signature.parse(value)
