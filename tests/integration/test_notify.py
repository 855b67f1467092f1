"""The ready-made hook notify, against stand-ins that hold it to the documented forms."""

import base64
import email
import email.policy
import hashlib
import hmac
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
import threading
import time
import urllib.parse

import pytest
from conftest import needs_root
from ready_hooks import (  # noqa: F401 # fixtures among them
    EVENT_ID,
    HOOKS,
    PATIENCE,
    Running,
    certificate,
    command_lines,
    home,
    needs_curl,
    server,
)

pytestmark = needs_curl
NOTIFY = HOOKS / "notify"
KEY = "0123456789abcdef-s3cr3t"
SECRET = "SEC0123456789abcdef+/="
LINK = "https://koodrive.example/p/1.zip?AccessKeyId=X&Signature=s1gned%2Bvalue"
URN = "urn:smn:cn-north-4:0123abcd:koowatch_topic"

# The event, and the hook


def event(**change):
    values = {
        "schema": 1,
        "event": "finished",
        "eventId": EVENT_ID,
        "attempt": 1,
        "name": "photos",
        "account": "default",
        "taskId": "1689768877770401664",
        "outcome": "completed",
        "result": "partial",
        "downloadUrl": LINK,
        "finishedAt": "2025-05-20T02:31:12Z",
        "variables": {},
        **change,
    }
    return {key: value for key, value in values.items() if value is not None}


class Hook:
    """A copy of the hook, whose configuration is the test's own."""

    def __init__(self, directory, home):
        self.conf = directory / "notify.conf"
        self.curlrc = directory / "curlrc"
        self.sendmail = directory / "sendmail"
        self.prefix = directory  # as that of an installation
        self.path = directory / "lib/koowatch/hooks/named.d/notify"
        self.env = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "TZ": "UTC",
            "KOOWATCH_TIMEOUT": "600",
        }
        text = NOTIFY.read_text(encoding="utf-8")
        for real, own in (
            ("/etc/koowatch/notify.conf", self.conf),
            ("/etc/koowatch/curlrc", self.curlrc),
            ("/usr/sbin/sendmail", self.sendmail),
        ):
            assert f' = "{real}"\n' in text
            text = text.replace(f' = "{real}"\n', f' = "{own}"\n')
        self.path.parent.mkdir(parents=True)
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o755)

    def configure(self, text, mode=0o640):
        self.conf.write_text(text, encoding="utf-8")
        self.conf.chmod(mode)

    def run(self, what=None, **options):
        done = subprocess.run(
            [self.path, "finished", "photos"],
            env=self.env,
            cwd="/",
            input=json.dumps(what or event()).encode() if not isinstance(what, bytes) else what,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
            **options,
        )
        text = done.stdout.decode()
        for secret in (KEY, SECRET, "s1gned", "pa55word"):
            assert secret not in text, "a secret was printed"
        assert "Traceback" not in text, text
        return done.returncode, text


@pytest.fixture
def hook(tmp_path, home):
    return Hook(tmp_path, home)


# The stand-ins: each checks its form, and answers as told


def answer(value, status=200):
    def behave(request):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        request.head(status, len(body), Content_Type="application/json")
        request.wfile.write(body)

    return behave


def posted(request):
    assert request.command == "POST"
    assert request.headers["Content-Type"].split(";")[0] == "application/json"
    body = json.loads(request.body.decode("utf-8"))
    assert "Expect" not in request.headers
    return body


def is_now(seconds):
    return abs(time.time() - seconds) < 60


def check_wecom(request):
    body = posted(request)
    assert request.path == f"/cgi-bin/webhook/send?key={KEY}"
    assert body.keys() == {"msgtype", "text"} and body["msgtype"] == "text"
    assert body["text"].keys() == {"content"}
    assert len(body["text"]["content"].encode()) <= 2048
    return body["text"]["content"]


def check_dingtalk(request):
    body = posted(request)
    path, _, query = request.path.partition("?")
    assert path == "/robot/send"
    query = dict(urllib.parse.parse_qsl(query, strict_parsing=True))
    assert query.keys() == {"access_token", "timestamp", "sign"}
    assert query["access_token"] == KEY
    assert is_now(int(query["timestamp"]) / 1000)
    text = f"{query['timestamp']}\n{SECRET}"
    mac = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    assert base64.b64decode(query["sign"], validate=True) == mac
    assert body.keys() == {"msgtype", "text"} and body["msgtype"] == "text"
    assert len(request.body) <= 20_000
    return body["text"]["content"]


def check_feishu(request):
    body = posted(request)
    assert request.path == f"/open-apis/bot/v2/hook/{KEY}"
    assert body.keys() == {"timestamp", "sign", "msg_type", "content"}
    assert isinstance(body["timestamp"], str) and is_now(int(body["timestamp"]))
    key = f"{body['timestamp']}\n{SECRET}".encode()
    assert base64.b64decode(body["sign"]) == hmac.new(key, b"", hashlib.sha256).digest()
    assert body["msg_type"] == "text" and body["content"].keys() == {"text"}
    assert len(request.body) <= 20 * 1024
    return body["content"]["text"]


def check_smn(request):
    body = posted(request)
    path = f"/v2/0123abcd/notifications/topics/{URN}/publish"
    assert urllib.parse.unquote(request.path) == path
    assert body.keys() == {"subject", "message"}
    assert len(body["subject"].encode()) <= 512
    assert len(body["message"].encode()) <= 256 * 1024
    if "X-Auth-Token" in request.headers:
        assert request.headers["X-Auth-Token"] == KEY
        assert "Authorization" not in request.headers
        return body["subject"] + "\n" + body["message"]

    form = r"SDK-HMAC-SHA256 Access=([A-Z0-9]+), SignedHeaders=([a-z;-]+), Signature=([0-9a-f]{64})"
    access, names, signature = re.fullmatch(form, request.headers["Authorization"]).groups()
    assert access == "AKACCESS"
    stamp = request.headers["X-Sdk-Date"]
    assert re.fullmatch(r"\d{8}T\d{6}Z", stamp)
    assert is_now(time.mktime(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) - time.timezone)
    assert "x-sdk-date" in names.split(";") and names.split(";") == sorted(names.split(";"))
    segments = [
        urllib.parse.quote(urllib.parse.unquote(s), safe="") for s in request.path.split("/")
    ]
    lines = ["POST", "/".join(segments) + "/", ""]
    lines += [f"{name}:{request.headers[name].strip()}" for name in names.split(";")]
    lines += ["", names, hashlib.sha256(request.body).hexdigest()]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = f"SDK-HMAC-SHA256\n{stamp}\n{digest}"
    assert hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest() == signature
    return body["subject"] + "\n" + body["message"]


def check_ntfy(request):
    body = posted(request)
    assert request.path == "/"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert body.keys() <= {"topic", "title", "message", "priority", "tags", "click"}
    assert body["topic"] == "koowatch_topic"
    assert body["priority"] in range(1, 6)
    assert all(isinstance(tag, str) for tag in body["tags"])
    assert len(body["message"].encode()) <= 4096
    return body["title"] + "\n" + body["message"]


CONF = {
    "wecom": "[wecom]\nUrl={url}/cgi-bin/webhook/send?key={key}\n",
    "dingtalk": "[dingtalk]\nUrl={url}/robot/send?access_token={key}\nSecret={secret}\n",
    "feishu": "[feishu]\nUrl={url}/open-apis/bot/v2/hook/{key}\nSecret={secret}\n",
    "smn": "[smn]\nUrl={url}\nTopicUrn={urn}\nAccessKey=AKACCESS\nSecretKey={secret}\n",
    "ntfy": "[ntfy]\nUrl={url}\nTopic=koowatch_topic\nToken={key}\n",
}
CHECK = {
    "wecom": check_wecom,
    "dingtalk": check_dingtalk,
    "feishu": check_feishu,
    "smn": check_smn,
    "ntfy": check_ntfy,
}
SENT = {
    "wecom": {"errcode": 0, "errmsg": "ok"},
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "feishu": {"code": 0, "msg": "success", "data": {}},
    "smn": {"request_id": "9974", "message_id": "bf94"},
    "ntfy": {"id": "hwQ2YpKdmg", "time": 1635528741, "event": "message", "topic": "koowatch_topic"},
}
every = pytest.mark.parametrize("kind", list(CONF))


def section(kind, server):
    url = f"http://127.0.0.1:{server.port}"
    return CONF[kind].format(url=url, key=KEY, secret=SECRET, urn=URN)


@pytest.fixture
def to(hook, server):
    """Makes the hook's receiver one of KIND, with more lines for [Notify]."""

    def make(kind, more="", **options):
        hook.configure(f"[Notify]\nVia={kind}\n{more}\n{section(kind, server)}", **options)
        server.answers = [answer(SENT[kind])]
        return hook

    return make


# The services


@every
def test_the_message_has_the_documented_form(server, to, kind):
    code, text = to(kind).run()
    assert (code, text) == (0, f"sent to {kind}\n")
    (request,) = server.requests
    said = CHECK[kind](request)
    assert said.startswith("KooDrive task photos: completed, but part of it failed\n")
    assert "Time: 2025-05-20 02:31:12 +0000" in said
    assert f"Host: {os.uname().nodename}" in said
    assert "http" not in said


@every
def test_the_link_only_where_it_is_wanted(server, to, kind):
    assert to(kind, "Link=yes").run()[0] == 0
    said = CHECK[kind](server.requests[0])
    assert f"Link: {LINK}" in said
    if kind == "ntfy":
        assert json.loads(server.requests[0].body)["click"] == LINK


@every
def test_untrusted_text_stays_text(server, to, kind):
    words = 'x"},"msgtype":"image\\ \n\r<@all> <at user_id="all">[1](u) \u202e\x1b[1m 共享'
    change = {"outcome": "rejected", "result": None, "errorCode": "1300", "errorMessage": words}
    assert to(kind).run(event(**change))[0] == 0
    said = CHECK[kind](server.requests[0])
    assert 'Error: 1300 x"},' in said and "共享" in said
    assert "\x1b" not in said and "\u202e" not in said and "\r" not in said
    assert len(said.split("\n")) == 4
    if kind in ("wecom", "dingtalk", "feishu"):
        assert "<" not in said


@every
def test_long_texts_are_kept_below_the_services_limit(server, to, kind):
    link = "https://koodrive.example/" + "x" * 20_000
    change = {"outcome": "rejected", "result": None, "errorMessage": "共" * 5000}
    assert to(kind, "Link=yes").run(event(downloadUrl=link, **change))[0] == 0
    said = CHECK[kind](server.requests[0])
    assert "The link is too long" in said and "xxx" not in said
    assert "�" not in said


PASSES = {
    "wecom": {"errcode": 45009, "errmsg": "api freq out of limit"},
    "dingtalk": {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"},
    "feishu": {"code": 11232, "msg": "create message service trigger rate limit"},
}
REFUSED = {
    "wecom": ({"errcode": 93000, "errmsg": f"invalid webhook url {KEY}"}, "Url="),
    "dingtalk": ({"errcode": 310000, "errmsg": "sign not match"}, "Secret="),
    "feishu": ({"code": 19021, "msg": "sign match fail or timestamp is not within"}, "Secret="),
}


@pytest.mark.parametrize("kind", list(PASSES))
def test_a_rate_limit_in_a_200_is_for_later(server, to, kind):
    hook = to(kind)
    server.answers = [answer(PASSES[kind])]
    code, text = hook.run()
    assert code == 75, text
    assert kind in text and "tried again" in text


@pytest.mark.parametrize("kind", list(REFUSED))
def test_a_refusal_in_a_200_names_what_to_check(server, to, kind):
    hook = to(kind)
    server.answers = [answer(REFUSED[kind][0])]
    code, text = hook.run()
    assert code == 1
    assert f"{hook.conf}: [{kind}]" in text and REFUSED[kind][1] in text


def test_an_earlier_bot_of_feishu_says_only_a_status_code(server, to):
    hook = to("feishu")
    server.answers = [answer({"StatusCode": 0, "StatusMessage": "success"})]
    assert hook.run()[0] == 0


@every
@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        (answer({}, 429), 75),
        (answer({"error_code": "SMN.0099", "error_msg": "x"}, 503), 75),
        (answer(b"<html>log in</html>"), 75),
        (answer(b""), 75),
        (answer(b"[" * 60_000), 75),
        (answer({}), 75),
        (answer({"errcode": {"value": 0}, "code": [0], "error": {"code": []}}), 75),
        (answer(b"x" * 200_000), 75),
        (answer({}, 407), 75),
        (answer({"code": 40101, "http": 401, "error": "unauthorized"}, 401), 1),
        (answer(b"not found", 404), 1),
        (lambda request: request.head(302, 0, Location="/elsewhere"), 1),
        (lambda request: None, 75),
    ],
    ids=["429", "503", "page", "nothing", "nested", "object", "foreign", "long", "407"]
    + ["401", "404", "redirect", "hangup"],
)
def test_answers_that_are_no_success(server, to, kind, behave, expected):
    hook = to(kind)
    server.answers = [behave]
    code, text = hook.run()
    assert code == expected, text
    assert len(server.requests) == 1
    assert kind in text
    if expected == 1:
        assert str(hook.conf) in text and "=" in text


def test_nobody_listens(server, to):
    hook = to("ntfy")
    server.server_close()
    assert hook.run()[0] == 75


def test_a_service_that_does_not_answer_is_for_later(server, to):
    done = threading.Event()
    hook = to("ntfy")
    server.answers = [lambda request: done.wait(PATIENCE)]
    hook.env["KOOWATCH_TIMEOUT"] = "7"
    code, text = hook.run()
    done.set()
    assert code == 75
    assert "in time" in text


def test_smn_by_a_token_from_a_file(server, hook, tmp_path):
    (tmp_path / "token").write_text(f"{KEY}\n")
    (tmp_path / "token").chmod(0o600)
    url = f"http://127.0.0.1:{server.port}/"
    hook.configure(
        f"[Notify]\nVia=smn\n[smn]\nUrl={url}\nTopicUrn={URN}\nTokenFile={tmp_path}/token\n"
    )
    server.answers = [answer(SENT["smn"])]
    assert hook.run()[0] == 0
    check_smn(server.requests[0])


def test_the_signature_is_that_of_the_documented_example():
    loader = importlib.machinery.SourceFileLoader("notify", str(NOTIFY))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("notify", loader))
    loader.exec_module(module)
    url = (
        "https://service.region.example.com/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs"
        "?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0"
    )
    headers = {
        "Content-Type": "application/json",
        "Host": "service.region.example.com",
        "X-Sdk-Date": "20191115T033655Z",
    }
    key = "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc"
    assert module.sdk_signature(
        "QTWAOYTTINDUT2QVKYUC", key, "GET", urllib.parse.urlsplit(url), headers, b""
    ) == (
        "SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders=content-type;host;x-sdk-date, "
        "Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"
    )


# Mail


class Mail:
    """An SMTP server for one letter a connection; says what it is told to at each step."""

    def __init__(self, certificate=None, tls=False, **replies):
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.tls = tls
        self.replies = replies
        self.commands, self.letters, self.in_clear = [], [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            try:
                self.talk(connection)
            except OSError:
                pass  # a client that does not trust the certificate hangs up
            connection.close()

    def talk(self, connection):
        if self.tls:
            connection = self.context.wrap_socket(connection, server_side=True)
        encrypted, file = self.tls, connection.makefile("rb")
        connection.sendall(b"220 here\r\n")
        while line := file.readline():
            verb = line.split()[0].decode().upper()
            self.commands.append(line.decode().strip())
            if not encrypted:
                self.in_clear.append(verb)
            reply = self.replies.get(verb)
            if reply:
                connection.sendall(f"{reply} refused\r\n".encode())
            elif verb == "EHLO":
                offers = ["here", "AUTH PLAIN"] + ["STARTTLS"] * bool(
                    self.context and not encrypted
                )
                lines = [f"250-{offer}\r\n" for offer in offers[:-1]] + [f"250 {offers[-1]}\r\n"]
                connection.sendall("".join(lines).encode())
            elif verb == "STARTTLS":
                connection.sendall(b"220 go\r\n")
                connection = self.context.wrap_socket(connection, server_side=True)
                encrypted, file = True, connection.makefile("rb")
            elif verb == "AUTH":
                good = base64.b64encode(b"\0me\0pa55word").decode()
                ended = b"235 ok\r\n" if line.decode().split()[-1] == good else b"334 \r\n"
                connection.sendall(ended)
                if ended.startswith(b"334"):
                    given = file.readline().strip().decode()
                    connection.sendall(b"235 ok\r\n" if given == good else b"535 no\r\n")
            elif verb == "DATA":
                connection.sendall(b"354 go on\r\n")
                letter = b""
                while (line := file.readline()) != b".\r\n":
                    assert line, "broke off"
                    letter += line[1:] if line.startswith(b".") else line
                self.letters.append(letter)
                connection.sendall(b"250 queued\r\n")
            elif verb == "QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                connection.sendall(b"250 ok\r\n")

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)


@pytest.fixture
def mail():
    servers = []

    def make(*arguments, **options):
        servers.append(Mail(*arguments, **options))
        return servers[-1]

    yield make
    for each in servers:
        each.close()


def letter_of(data):
    letter = email.message_from_bytes(data, policy=email.policy.default)
    assert not letter.defects
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert data.isascii()
    return letter


def mail_conf(server, scheme="smtp", more=""):
    return (
        "[Notify]\nVia=mail\nLink=yes\n"
        "[mail]\nTo=admin@example.com, ops@example.com\nFrom=koowatch@example.com\n"
        f"Url={scheme}://127.0.0.1:{server.port}\n{more}"
    )


def test_a_letter(hook, mail):
    server = mail()
    hook.configure(mail_conf(server))
    assert hook.run() == (0, "sent to mail\n")
    (data,) = server.letters
    letter = letter_of(data)
    assert letter["From"] == "koowatch@example.com"
    assert letter["To"] == "admin@example.com, ops@example.com"
    assert letter["Subject"] == "KooDrive task photos: completed, but part of it failed"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"] == f"<koowatch.{EVENT_ID}@example.com>"
    assert letter["Date"].datetime is not None
    assert letter.get_content_type() == "text/plain" and letter.get_content_charset() == "utf-8"
    assert f"Link: {LINK}" in letter.get_content().splitlines()
    envelope = [line.partition(" SIZE=")[0] for line in server.commands]
    assert [line for line in envelope if line.startswith(("MAIL", "RCPT"))] == [
        "MAIL FROM:<koowatch@example.com>",
        "RCPT TO:<admin@example.com>",
        "RCPT TO:<ops@example.com>",
    ]


def test_a_letters_headers_cannot_be_added_to(hook, mail):
    server = mail()
    hook.configure(mail_conf(server))
    name = "照片\r\nBcc: all@example.com\r\n\r\nx" + "长" * 200
    assert hook.run(event(name=name, downloadUrl=None))[0] == 0
    letter = letter_of(server.letters[0])
    assert "Bcc" not in letter
    assert letter["Subject"].startswith("KooDrive task 照片 Bcc: all@example.com x长长")


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_mail_is_encrypted_before_the_password_is_sent(hook, mail, certificate, scheme):
    server = mail(certificate, tls=scheme == "smtps")
    hook.curlrc.write_text(f'cacert = "{certificate[0]}"\nproxy = "http://127.0.0.1:1"\n')
    hook.configure(mail_conf(server, scheme, "User=me\nPassword=pa55word\nTls=yes\n"))
    assert hook.run() == (0, "sent to mail\n")
    assert len(server.letters) == 1
    assert set(server.in_clear) <= {"EHLO", "STARTTLS"}
    assert any(command.startswith("AUTH") for command in server.commands)


def test_no_letter_to_a_server_that_cannot_be_verified(hook, mail, certificate):
    server = mail(certificate)
    hook.configure(mail_conf(server, more="User=me\nPassword=pa55word\nTls=yes\n"))
    code, text = hook.run()
    assert code == 1 and "certificate" in text
    assert not server.letters and "AUTH" not in server.in_clear


def test_no_letter_without_the_demanded_tls(hook, mail):
    server = mail()
    hook.configure(mail_conf(server, more="User=me\nPassword=pa55word\nTls=yes\n"))
    code, text = hook.run()
    assert code == 1 and "STARTTLS" in text
    assert not server.letters and "MAIL" not in server.in_clear


def test_a_wrong_password(hook, mail):
    server = mail()
    hook.configure(mail_conf(server, more="User=me\nPassword=pa55word2\n"))
    code, text = hook.run()
    assert code == 1 and "Password=" in text


@pytest.mark.parametrize(
    ("replies", "expected"),
    [({"RCPT": 450}, 75), ({"RCPT": 550}, 1), ({"MAIL": 451}, 75), ({"DATA": 554}, 1)],
)
def test_the_mail_servers_word(hook, mail, replies, expected):
    server = mail(**replies)
    hook.configure(mail_conf(server))
    code, text = hook.run()
    assert code == expected, text
    assert str(*replies.values()) in text


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (75, 75), (67, 1)])
def test_mail_by_sendmail(hook, tmp_path, status, expected):
    hook.sendmail.write_text(
        f'#!/bin/sh\nenv >{tmp_path}/env\necho "$@" >{tmp_path}/arguments\n'
        f"cat >{tmp_path}/letter\necho why >&2\nexit {status}\n"
    )
    hook.sendmail.chmod(0o755)
    hook.configure("[Notify]\nVia=mail\n[mail]\nTo=root\n")
    hook.env["KOOWATCH_DOWNLOAD_URL"] = LINK
    code, text = hook.run()
    assert code == expected
    assert (tmp_path / "arguments").read_text() == "-i -- root\n"
    assert "KOOWATCH" not in (tmp_path / "env").read_text()
    letter = (tmp_path / "letter").read_bytes()
    assert b"\r" not in letter
    assert letter_of(letter)["To"] == "root"
    assert code == 0 or f"exit status {status}: why" in text


# Whom it tells of what


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"result": "succeeded"}, "task photos: completed, all succeeded"),
        ({"result": "failed"}, "task photos: completed, but all of it failed"),
        ({"result": "unknown"}, "task photos: completed, result unknown"),
        ({"outcome": "canceled", "result": None}, "task photos: canceled"),
        ({"outcome": "timeout", "result": None}, "task photos: not ended before its deadline"),
        ({"outcome": "rejected", "result": None}, "task photos: rejected by KooDrive"),
        ({"event": "stalled", "outcome": None, "result": None, "progress": 40}, "Progress: 40%"),
        (
            {"event": "account", "outcome": None, "name": "office", "accountState": "unauthorized"}
            | {"reason": "log in again"},
            "account office: the credentials are refused\nReason: log in again",
        ),
    ],
)
def test_what_is_told_without_on(server, to, change, said):
    assert to("ntfy").run(event(**change))[0] == 0
    assert said in check_ntfy(server.requests[0])


@pytest.mark.parametrize("state", ["ok", "throttled"])
def test_what_is_not_told_without_on(server, to, state):
    change = {"event": "account", "outcome": None, "accountState": state}
    assert to("ntfy").run(event(**change)) == (77, "")
    assert not server.requests


@pytest.mark.parametrize(
    ("on", "variables", "expected"),
    [
        ("failed,canceled", {}, 77),
        ("failed, partial", {}, 0),
        ("all", {}, 0),
        ("failed", {"On": "partial"}, 0),
        ("partial", {"on": "failed stalled"}, 77),
    ],
)
def test_on_chooses_and_the_task_has_the_last_word(server, to, on, variables, expected):
    assert to("wecom", f"On={on}").run(event(variables=variables))[0] == expected
    assert len(server.requests) == (expected == 0)


def test_the_task_chooses_among_the_receivers_and_changes_none(server, hook):
    url = f"http://127.0.0.1:{server.port}"
    hook.configure(
        f"[Notify]\nVia=wecom\n{section('wecom', server)}"
        f"[ops]\nType=ntfy\nUrl={url}\nTopic=koowatch_topic\nToken={KEY}\n"
    )
    server.answers = [answer(SENT["ntfy"])]
    elsewhere = {"Via": "ops", "Url": "http://127.0.0.1:1/", "Token": "x", "Topic": "other"}
    assert hook.run(event(variables={**elsewhere, "Link": "yes"})) == (0, "sent to ops\n")
    assert "Link" not in check_ntfy(server.requests[0])


# Languages


@pytest.fixture
def chinese(hook):
    """The catalog, where the hook's installation has it."""
    if shutil.which("msgfmt") is None:
        pytest.skip("gettext is missing, which makes the catalog")
    target = hook.prefix / "share/locale/zh_CN/LC_MESSAGES/koowatch.mo"
    target.parent.mkdir(parents=True)
    subprocess.run(["msgfmt", "-o", target, HOOKS.parents[1] / "po/zh_CN.po"], check=True)


@every
def test_messages_are_in_the_language_of_the_configuration(server, to, chinese, kind):
    assert to(kind, "Language=zh_CN\nLink=yes").run() == (0, f"sent to {kind}\n")
    said = CHECK[kind](server.requests[0])
    assert said.splitlines() == [
        "KooDrive 任务 photos：已完成，但部分失败",
        "时间：2025-05-20 02:31:12 +0000",
        f"主机：{os.uname().nodename}",
        f"链接：{LINK}",
    ]


@pytest.mark.parametrize(
    ("lang", "more", "said"),
    [
        ("zh_CN.UTF-8", "", "KooDrive 任务 photos：已完成，但部分失败"),
        ("zh_CN.UTF-8", "Language=en", "KooDrive task photos: completed, but part of it failed"),
        ("fr_FR.UTF-8", "", "KooDrive task photos: completed, but part of it failed"),
    ],
)
def test_lang_decides_where_the_configuration_says_nothing(server, to, chinese, lang, more, said):
    hook = to("ntfy", more)
    hook.env["LANG"] = lang
    assert hook.run()[0] == 0
    assert check_ntfy(server.requests[0]).splitlines()[0] == said


def test_a_letter_in_chinese(hook, mail, chinese):
    server = mail()
    conf = mail_conf(server).replace("[Notify]\n", "[Notify]\nLanguage=zh_CN\n")
    hook.configure(conf)
    assert hook.run() == (0, "sent to mail\n")
    letter = letter_of(server.letters[0])
    assert letter["Subject"] == "KooDrive 任务 photos：已完成，但部分失败"
    assert f"链接：{LINK}" in letter.get_content().splitlines()


def test_without_a_catalog_messages_are_english(server, to):
    assert to("ntfy", "Language=zh_CN").run()[0] == 0
    assert check_ntfy(server.requests[0]).startswith("KooDrive task photos: completed")


# Several receivers, several attempts


def test_a_retry_goes_only_to_those_that_have_it_not(server, hook):
    hook.configure(f"[Notify]\nVia=wecom ntfy\n{section('wecom', server)}{section('ntfy', server)}")
    server.answers = [answer(SENT["wecom"]), answer({}, 503), answer(SENT["ntfy"])]
    code, text = hook.run()
    assert code == 75
    assert text.startswith("sent to wecom\nNot sent to ntfy: ")
    code, text = hook.run(event(attempt=2))
    assert code == 0
    assert text == "wecom has it already\nsent to ntfy\n"
    assert [request.path.partition("?")[0] for request in server.requests] == [
        "/cgi-bin/webhook/send",
        "/",
        "/",
    ]
    # A crash before that was known repeats the attempt; an administrator makes a new one.
    assert hook.run(event(attempt=2))[0] == 0
    assert len(server.requests) == 3
    server.answers = [answer(SENT["wecom"]), answer(SENT["ntfy"])]
    assert hook.run(event(attempt=3))[0] == 0
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    "change", [{"event": "stalled"}, {"event": "account", "accountState": "unreachable"}]
)
def test_what_is_told_once_is_not_said_to_be_tried_again(server, to, change):
    hook = to("wecom")
    server.answers = [answer({}, 503)]
    code, text = hook.run(event(outcome=None, result=None, **change))
    assert code == 75
    assert text.startswith("Not sent to wecom: HTTP status 503") and "not tried again" in text


def test_a_wrong_receiver_keeps_no_other_from_its_message(server, hook):
    hook.configure(f"[Notify]\nVia=nobody smn wecom\n[smn]\n{section('wecom', server)}")
    server.answers = [answer(SENT["wecom"])]
    code, text = hook.run()
    assert code == 1
    assert "sent to wecom" in text
    assert "[nobody]" in text and "[smn] TopicUrn=" in text


def test_without_a_place_to_remember_it_sends(server, to):
    hook = to("wecom")
    (pathlib.Path(hook.env["HOME"]) / ".koowatch-notify").write_text("")
    code, text = hook.run()
    assert code == 0
    assert "sent to wecom" in text and ".koowatch-notify" in text


def test_what_was_remembered_is_forgotten_after_five_weeks(to):
    hook = to("wecom")
    memory = pathlib.Path(hook.env["HOME"]) / ".koowatch-notify"
    assert hook.run()[0] == 0
    assert stat.S_IMODE(memory.stat().st_mode) == 0o700
    for name, days in (("old", 36), ("young", 34)):
        (memory / name).write_text("wecom 1\n")
        os.utime(memory / name, (time.time() - days * 86400,) * 2)
    assert hook.run(event(attempt=2))[0] == 0
    assert sorted(path.name for path in memory.iterdir()) == sorted([EVENT_ID, "young"])


# The configuration


def test_without_a_configuration(hook):
    code, text = hook.run()
    assert code == 1
    assert f"{hook.conf} is missing" in text


@pytest.mark.parametrize("mode", [0o644, 0o642])
def test_a_configuration_that_all_can_read_is_refused(server, to, mode):
    hook = to("wecom", mode=mode)
    code, text = hook.run()
    assert code == 1
    assert "chmod" in text
    assert not server.requests


@needs_root
def test_a_configuration_that_it_cannot_read(home):
    with tempfile.TemporaryDirectory() as public:
        os.chmod(public, 0o755)
        hook = Hook(pathlib.Path(public), home)
        hook.configure("[Notify]\n", mode=0o600)
        code, text = hook.run(user=65534)
    assert code == 1
    assert "koowatch-hook" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Via=wecom\n", "notify.conf:1"),
        ("[Notify]\nVia\n", "notify.conf:2"),
        ("[Notify]\n", "Via="),
        ("[Notify]\nVia=x\n", "no section [x]"),
        ("[Notify]\nVia=x\n[x]\nUrl=https://example.com\n", "[x] Type="),
        ("[Notify]\nVia=wecom\nOn=faild\n[wecom]\nUrl=https://example.com/\n", "faild"),
        ("[Notify]\nVia=wecom\nLink=maybe\n[wecom]\nUrl=https://example.com/\n", "Link="),
        ("[Notify]\nVia=wecom\n[wecom]\n", "[wecom] Url="),
        ("[Notify]\nVia=wecom\n[wecom]\nUrl=file:///etc/passwd\n", "[wecom] Url="),
        ('[Notify]\nVia=wecom\n[wecom]\nUrl=https://example.com/a"b\n', "[wecom] Url="),
        ("[Notify]\nVia=wecom\n[wecom]\nUrl=http://192.0.2.1/\n", "AllowPlainHttp=yes"),
        ("[Notify]\nVia=smn\n[smn]\nTopicUrn=urn:smn:a:b:c/d\n", "[smn] TopicUrn="),
        (f"[Notify]\nVia=smn\n[smn]\nTopicUrn={URN}\nAccessKey=A\n", "SecretKey="),
        ("[Notify]\nVia=ntfy\n[ntfy]\nTopic=a/b\n", "[ntfy] Topic="),
        ("[Notify]\nVia=ntfy\n[ntfy]\nTopic=a\nTokenFile=/not/there\n", "[ntfy] TokenFile="),
        ("[Notify]\nVia=mail\n[mail]\nTo=-oQ/tmp\n", "[mail] To="),
        ("[Notify]\nVia=mail\n[mail]\nTo=.ops@example.com\n", "[mail] To="),
        ("[Notify]\nVia=mail\n[mail]\nTo=root\n", "[mail] Url="),
        ("[Notify]\nVia=mail\n[mail]\nTo=a@b\nUrl=smtps://localhost\n", "[mail] From="),
        (
            "[Notify]\nVia=mail\n[mail]\nTo=a@b\nFrom=a@b\nUrl=smtp://192.0.2.1\nTls=no\n"
            "User=me\nPassword=pa55word\n",
            "[mail] Password=",
        ),
    ],
)
def test_mistakes_are_named(hook, text, said):
    hook.configure(text)
    code, output = hook.run()
    assert code == 1
    assert said in output and str(hook.conf) in output


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (f"{SECRET}\n", 0o644, "chmod 0640"),
        (f"{SECRET}\n", 0o602, "chmod 0640"),
        ("", 0o600, "is empty"),
        ("\n", 0o600, "is empty"),
        (f"{SECRET}\n", 0o640, "sent to dingtalk"),
    ],
)
def test_files_of_secrets(server, to, tmp_path, text, mode, said):
    """They are as secret as the configuration, and nothing is sent without what they should hold."""
    hook = to("dingtalk")
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(mode)
    hook.configure(hook.conf.read_text().replace(f"Secret={SECRET}", f"SecretFile={path}"))
    code, output = hook.run()
    assert said in output
    if code:
        assert code == 1 and "[dingtalk] SecretFile=" in output and not server.requests
    else:
        check_dingtalk(server.requests[0])


def test_unknown_keys_are_warned_of(to):
    hook = to("wecom", "Vai=x")
    with hook.conf.open("a") as conf:
        conf.write("Secret=x\n")
    code, text = hook.run()
    assert code == 0
    assert "[Notify] Vai=" in text and "[wecom] Secret=" in text


def test_the_example_is_a_configuration(server, hook):
    """With its '#' removed, and the stand-in in place of the services."""
    text = (HOOKS.parent / "notify.conf").read_text(encoding="utf-8")
    text = re.sub(r"^#(?=[A-Z]\w+=|\[)", "", text, flags=re.M)
    text = re.sub(r"^Via=.*", "Via=wecom dingtalk feishu smn ntfy mail", text, flags=re.M)
    text = re.sub(r"https://[^/\s]+(?=/\S)", f"http://127.0.0.1:{server.port}", text)
    text = text.replace("smtp://mail.example.com:587", "smtp://127.0.0.1:1")
    hook.configure(text)
    server.answers = [answer(SENT["wecom"]), answer(SENT["dingtalk"]), answer(SENT["feishu"])]
    hook.env["KOOWATCH_TIMEOUT"] = "7"
    _, said = hook.run()
    assert said.startswith("sent to wecom\nsent to dingtalk\nsent to feishu\n")
    assert "ignored" not in said


@pytest.mark.parametrize("what", [b"", b"{}", b"[1]", b'{"event":"finished","eventId":"../x"}'])
def test_what_is_no_event(hook, what):
    assert hook.run(what)[0] == 1


# Secrets


@every
def test_no_secret_in_a_process_list(server, hook, kind):
    hook.configure(f"[Notify]\nVia={kind}\nLink=yes\n{section(kind, server)}")
    hold = threading.Event()
    reached = threading.Event()

    def behave(request):
        reached.set()
        hold.wait(PATIENCE)
        answer(SENT[kind])(request)

    server.answers = [behave]
    running = Running(hook.path, hook.env, json.dumps(event()).encode())
    assert reached.wait(PATIENCE)
    lines = command_lines(running.process.pid)
    hold.set()
    assert running.end()[0] == 0
    assert any(line.startswith("curl ") for line in lines), lines
    for secret in (KEY, SECRET, "s1gned", "127.0.0.1"):
        assert not any(secret in line for line in lines), lines


def test_the_home_directory_configures_nothing(server, to, home):
    (home / ".curlrc").write_text('header = "X-Mine: 1"\n')
    site = subprocess.run(
        ["/usr/bin/python3", "-m", "site", "--user-site"],
        env={"HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout.strip()
    pathlib.Path(site).mkdir(parents=True)
    (pathlib.Path(site) / "usercustomize.py").write_text("print('mine')\n")
    assert to("wecom").run() == (0, "sent to wecom\n")
    assert "X-Mine" not in server.requests[0].headers


def test_curl_is_missing(to, tmp_path):
    hook = to("wecom")
    hook.env["PATH"] = str(tmp_path)
    code, text = hook.run()
    assert code == 1
    assert "install the package curl" in text


def test_the_proxys_password_is_not_shown(server, to):
    hook = to("wecom")
    hook.curlrc.write_text('proxy = "http://svc:pa55word@127.0.0.1:1"\n')
    code, text = hook.run()
    assert code == 75
    assert "proxy" in text and "svc" not in text
