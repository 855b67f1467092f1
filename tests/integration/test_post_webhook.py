"""The ready-made hook post-webhook, and what it has in common with fetch-package."""

import os
import pathlib
import re
import tempfile
import threading

import pytest
from conftest import needs_root
from ready_hooks import (  # noqa: F401 # fixtures among them
    EVENT_ID,
    FETCH,
    PATIENCE,
    SECRET,
    WEBHOOK,
    Hold,
    Running,
    certificate,
    command_lines,
    env,
    event_text,
    home,
    needs_curl,
    run,
    server,
    status,
    store,
    tls_server,
    with_curlrc,
)

pytestmark = needs_curl
both = pytest.mark.parametrize("hook", [FETCH, WEBHOOK], ids=lambda hook: hook.name)


@pytest.fixture
def hook_env(server, env):
    del env["KOOWATCH_VAR_DESTINATION"]
    return {**env, "KOOWATCH_VAR_URL": server.url("/hooks/koodrive")}


def test_posts_the_event_as_it_is(server, hook_env):
    event = event_text(taskType=1, note='"成功" \\ @/etc/passwd\u2028')
    server.answers = [status(200)]
    code, text = run(WEBHOOK, hook_env, event)
    assert code == 0
    assert "200" in text and "error page" not in text
    (request,) = server.requests
    assert request.command == "POST"
    assert request.body == event
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Koowatch-Event-Id"] == EVENT_ID
    assert request.path.endswith(SECRET)


def test_posts_a_large_event_whole(server, hook_env):
    event = event_text(taskInfos=["x" * 100] * 30_000)
    server.answers = [status(204)]
    assert run(WEBHOOK, hook_env, event)[0] == 0
    assert server.requests[0].body == event
    assert "Expect" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("code", "expected"),
    [(200, 0), (201, 0), (204, 0), (400, 1), (401, 1), (404, 1), (409, 1), (408, 75), (425, 75)]
    + [(429, 75), (500, 75), (503, 75), (407, 75)],
)
def test_the_status_decides(server, hook_env, code, expected):
    server.answers = [lambda request: request.head(code, 0)]
    returned, text = run(WEBHOOK, hook_env)
    assert returned == expected
    assert str(code) in text


def test_the_webhooks_redirect_is_not_followed(server, hook_env):
    server.answers = [status(307, Location=server.url("/elsewhere"))]
    code, text = run(WEBHOOK, hook_env)
    assert code == 75
    assert "redirect" in text
    assert len(server.requests) == 1


def test_nobody_listens_to_the_webhook(server, hook_env):
    server.server_close()
    assert run(WEBHOOK, hook_env)[0] == 75


def test_an_unset_url_says_what_to_add(server, hook_env):
    del hook_env["KOOWATCH_VAR_URL"]
    code, text = run(WEBHOOK, hook_env)
    assert code == 1
    assert "Url=" in text and "[Variables]" in text


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        'http://127.0.0.1:{port}/"',
        "http://127.0.0.1:{port}/\nupload-file=/etc/passwd",
        "http://127.0.0.1:{port}/\\",
    ],
)
def test_webhook_urls_that_are_refused(server, hook_env, url):
    code, text = run(WEBHOOK, {**hook_env, "KOOWATCH_VAR_URL": url.format(port=server.port)})
    assert code == 1
    assert "Url" in text
    assert not server.requests


def test_a_scheme_in_capitals(server, hook_env):
    server.answers = [status(200)]
    hook_env["KOOWATCH_VAR_URL"] = server.url().replace("http", "HTTP")
    assert run(WEBHOOK, hook_env)[0] == 0


def test_a_page_without_an_end_does_not_post_again(server, hook_env):
    def behave(request):
        request.head(200, 1_000_000)
        request.wfile.write(b"<html>")

    server.answers = [behave]
    assert run(WEBHOOK, hook_env)[0] == 0


def test_the_webhook_ends_before_the_runner_ends_it(server, hook_env):
    done = threading.Event()
    server.answers = [lambda request: done.wait(PATIENCE)]
    code, text = run(WEBHOOK, {**hook_env, "KOOWATCH_TIMEOUT": "7"})
    done.set()
    assert code == 75
    assert "in time" in text


def test_the_administrators_settings_do_not_follow_redirects(server, hook_env, with_curlrc):
    server.answers = [status(307, Location=server.url("/elsewhere"))]
    assert run(with_curlrc(WEBHOOK, "location\n"), hook_env)[0] == 75
    assert len(server.requests) == 1


def test_a_proxy_is_not_the_receiver(server, hook_env, with_curlrc):
    """Its 200 to CONNECT is no answer to the event."""
    server.answers = [lambda request: request.head(200, None)]
    hook = with_curlrc(WEBHOOK, f'proxy = "http://127.0.0.1:{server.port}"\n')
    code, text = run(hook, {**hook_env, "KOOWATCH_VAR_URL": "https://127.0.0.1:1/"})
    assert [request.command for request in server.requests] == ["CONNECT"]
    assert code == 75, text


# Both


@both
def test_the_url_is_in_no_process_list(server, env, hook):
    env["KOOWATCH_VAR_URL"] = server.url()
    hold = Hold(100_000)
    server.answers = [hold]
    running = Running(hook, env)
    assert hold.reached.wait(PATIENCE)
    lines = command_lines(running.process.pid)
    hold.go_on.set()

    assert running.end()[0] == 0
    assert any(re.match(r"(\S*/)?curl ", line) for line in lines), lines
    assert not any("s3cr3t" in line or "127.0.0.1" in line for line in lines), lines


@both
def test_curl_is_missing(server, env, tmp_path, hook):
    env["KOOWATCH_VAR_URL"] = server.url()
    code, text = run(hook, {**env, "PATH": str(tmp_path)})
    assert code == 1
    assert "install the package curl" in text


@both
def test_a_hook_is_a_plain_executable_script(hook):
    assert hook.read_bytes().startswith(b"#!/bin/sh\n")
    mode = hook.stat().st_mode
    assert mode & 0o111 == 0o111 and not mode & 0o6002


@both
def test_the_home_directory_does_not_configure_curl(server, env, home, hook):
    (home / ".curlrc").write_text('header = "X-Mine: 1"\n')
    (home / ".config").mkdir()
    (home / ".config" / "curlrc").write_text('header = "X-Mine: 1"\n')
    env["KOOWATCH_VAR_URL"] = server.url()
    assert run(hook, env)[0] == 0
    assert "X-Mine" not in server.requests[0].headers


@both
def test_the_administrator_configures_curl(tls_server, env, certificate, with_curlrc, hook):
    env["KOOWATCH_VAR_URL"] = env["KOOWATCH_DOWNLOAD_URL"] = tls_server.url()
    settings = f'cacert = "{certificate[0]}"\nheader = "X-Theirs: 1"\n'
    assert run(with_curlrc(hook, settings), env)[0] == 0
    assert tls_server.requests[0].headers["X-Theirs"] == "1"


@needs_root
def test_settings_that_cannot_be_read_are_not_passed_over(server, env, with_curlrc):
    """Without them a proxy would be passed by."""
    env["KOOWATCH_VAR_URL"] = server.url()
    with tempfile.TemporaryDirectory() as public:
        copy = with_curlrc(WEBHOOK, "", pathlib.Path(public))
        (copy.parent / "curlrc").chmod(0o600)
        os.chmod(public, 0o755)
        code, text = run(copy, env, user=65534)
    assert code == 75
    assert f"{public}/curlrc" in text
    assert not server.requests


@both
@pytest.mark.parametrize("where", ["file", "environment"])
@pytest.mark.parametrize(
    "proxy",
    [
        "http://svc:pa#55wd@127.0.0.1:3128",
        "htpt://svc:pa55wd@127.0.0.1:3128",
        "http://svc:pa55wd@127.0.0.1:99999",
        "http://svc:pa55wd@127.0.0.1:31x",
        "http://svc:1/55wd@127.0.0.1:3128",
        "http://pa55wd.invalid/55wd@127.0.0.1:3128",
        "socks5://svc:pa55wd@127.0.0.1:1",
        "https://svc:pa55wd@127.0.0.1:{port}",
        "http://svc:pa55wd@127.0.0.1:{port}",
    ],
)
def test_the_proxys_password_is_not_shown(server, env, with_curlrc, hook, where, proxy):
    proxy = proxy.format(port=server.port)
    server.answers = [status(407)]
    env["KOOWATCH_VAR_URL"] = env["KOOWATCH_DOWNLOAD_URL"] = "https://127.0.0.1:1/"
    if where == "file":
        hook = with_curlrc(hook, f'proxy = "{proxy}"\n')
    else:
        env["https_proxy"] = proxy
    code, text = run(hook, env)
    assert code == 75
    assert "55wd" not in text and "svc" not in text, text
    assert "curl" in text or "407" in text


@both
@pytest.mark.parametrize("refusal", [403, 404, 502])
def test_a_proxys_refusal_is_not_the_servers(server, env, with_curlrc, hook, refusal):
    server.answers = [status(refusal)]
    env["KOOWATCH_VAR_URL"] = env["KOOWATCH_DOWNLOAD_URL"] = "https://127.0.0.1:1/"
    copy = with_curlrc(hook, f'proxy = "http://127.0.0.1:{server.port}"\n')
    code, text = run(copy, env)
    assert code == 75
    assert str(refusal) in text


@both
def test_a_url_with_a_password_is_not_shown(server, env, hook):
    env["KOOWATCH_VAR_URL"] = env["KOOWATCH_DOWNLOAD_URL"] = "http://me:s3cr3t/x@127.0.0.1:1/"
    assert run(hook, env)[0] in (1, 75)  # and run() looks at what it printed
