"""fetch-package: what an attempt leaves, and how the next one goes on."""

import os
import resource
import signal
import time

import pytest
from ready_hooks import (  # noqa: F401 # fixtures among them
    FETCH,
    OTHER,
    PACKAGE,
    PART,
    PARTS,
    PATIENCE,
    Hold,
    Running,
    begin,
    certificate,
    env,
    fetch,
    files,
    home,
    needs_curl,
    piece,
    replace_program,
    run,
    server,
    serving,
    status,
    store,
    tls_server,
    with_curlrc,
)

pytestmark = needs_curl


# Continuing


def test_continues_where_a_transfer_was_cut_off(server, env, store):
    server.answers = [serving(cut=120_000), serving(cut=200_000), serving()]
    code, text = fetch(env)
    assert code == 79
    assert f"at 120000 of {len(PACKAGE)} bytes" in text
    assert files(store) == PARTS
    assert (store / PART).read_bytes() == PACKAGE[:120_000]

    assert fetch(env)[0] == 79
    assert fetch(env)[0] == 0
    asked = [(request.headers["Range"], request.headers["If-Range"]) for request in server.requests]
    assert asked == [(None, None), ("bytes=120000-", '"a"'), ("bytes=200000-", '"a"')]
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_continues_after_a_redirect(server, env, store, tls_server, certificate, with_curlrc):
    hook = with_curlrc(FETCH, f'cacert = "{certificate[0]}"\n')
    server.answers = [status(302, Location=tls_server.url(), ETag='"redirect"')]
    tls_server.answers = [serving(cut=120_000), serving()]
    assert run(hook, env)[0] == 79
    assert run(hook, env)[0] == 0
    assert tls_server.requests[1].headers["If-Range"] == '"a"'
    assert (store / "photos.zip").read_bytes() == PACKAGE


@pytest.mark.parametrize("first", [0, 100_000])
def test_continues_where_the_hook_was_killed(server, env, store, first):
    if first:
        begin(server, env, first)
    hold = Hold(200_000)
    server.answers = [hold, serving()]
    hook = Running(FETCH, env)
    assert hold.reached.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while (store / PART).stat().st_size <= first:  # some of it is on the disk
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(hook.process.pid, signal.SIGKILL)
    hook.end()
    hold.go_on.set()
    assert "photos.zip" not in files(store)

    assert fetch(env)[0] == 0
    assert server.requests[-1].headers["Range"] is not None
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_another_event_does_not_continue_the_part(server, env, store):
    begin(server, env)
    server.answers = [serving()]
    assert fetch({**env, "KOOWATCH_EVENT_ID": "other"})[0] == 0
    assert server.requests[0].headers["Range"] is None
    assert (store / "photos.zip").read_bytes() == PACKAGE


@pytest.mark.parametrize(
    "data",
    [OTHER, OTHER[-120_000:], OTHER[-1000:]],
    ids=["as-long", "as-long-as-the-part", "shorter"],
)
@pytest.mark.parametrize(
    "behaviour",
    [{}, {"if_range": False}, {"ranges": False}, {"if_range": False, "ETag": None}],
    ids=["good", "ignores-if-range", "no-ranges", "no-etag"],
)
def test_a_package_that_changed_is_fetched_anew(server, env, store, data, behaviour):
    data = b"PK\3\4" + data[4:]
    begin(server, env)
    server.answers = [serving(data, **{"ETag": '"b"', **behaviour})]
    code, text = fetch(env)
    assert code == 0
    assert "starting again" in text
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == data


@pytest.mark.parametrize("end", ["cut", "killed"])
def test_what_was_appended_of_another_package_is_not_continued(server, env, store, end):
    """A server that ignores If-Range, and the attempt does not come to compare."""
    begin(server, env)
    if end == "cut":
        server.answers = [serving(OTHER, cut=200_000, if_range=False, ETag='"b"'), status(503)]
        assert fetch(env)[0] == 75
    else:
        (store / PART).write_bytes(PACKAGE[:120_000] + OTHER[120_000:200_000])
        (store / f"{PART}.more").write_text(
            f"HTTP/1.1 206 OK\r\nETag: \"b\"\r\n"
            f"Content-Range: bytes 120000-{len(OTHER) - 1}/{len(OTHER)}\r\n\r\n"
        )
    server.requests.clear()
    server.answers = [serving()]
    assert fetch(env)[0] == 0
    assert [request.headers["Range"] for request in server.requests] == [None]
    assert (store / "photos.zip").read_bytes() == PACKAGE


NOW, EARLIER = "Sat, 03 May 2025 10:00:00 GMT", "Sat, 03 May 2025 09:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": 'W/"a"'}, None),
        ({"ETag": 'W/"a"', "Last_Modified": EARLIER}, None),
        ({"ETag": None}, None),
        ({"ETag": "a"}, None),
        ({"ETag": '"\xe9"'}, None),
        ({"ETag": None, "Last_Modified": EARLIER}, EARLIER),
        ({"ETag": '"a"', "Last_Modified": EARLIER}, '"a"'),
    ],
)
def test_continues_by_a_strong_validator_alone(server, env, store, headers, validator):
    begin(server, env, code=79 if validator else 75, **headers)
    server.answers = [serving(**headers)]
    assert fetch(env)[0] == 0
    assert [request.headers["If-Range"] for request in server.requests] == [validator]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_package_that_may_change_within_its_second_is_not_continued(server, env, store):
    def behave(request):
        request.date_time_string = lambda: NOW
        serving(cut=120_000, ETag=None, Last_Modified=NOW)(request)

    server.answers = [behave]
    assert fetch(env)[0] == 75


def test_a_package_of_unknown_size_is_not_continued(server, env, store):
    hold = Hold(100_000, length=False)
    server.answers = [hold]
    code, text = fetch({**env, "KOOWATCH_TIMEOUT": "9"})
    hold.go_on.set()
    assert code == 75
    assert "starts again" in text


def test_a_part_of_unknown_origin_is_not_continued(server, env, store):
    (store / PART).write_bytes(PACKAGE[:1000])
    code, text = fetch(env)
    assert code == 0
    assert "starting again" in text
    assert [request.headers["Range"] for request in server.requests] == [None]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_part_that_is_complete_is_stored_without_a_second_transfer(server, env, store, tmp_path):
    """As when the time was over while the disk was slow."""
    path = env["PATH"]
    replace_program(env, tmp_path, "sync", "kill $PPID\n")
    assert fetch(env)[0] == -signal.SIGTERM
    assert files(store) == PARTS
    env["PATH"] = path
    assert fetch(env)[0] == 0
    assert len(server.requests) == 1
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_part_that_is_too_long_is_not_taken_for_the_package(server, env, store):
    begin(server, env)
    (store / PART).write_bytes(PACKAGE + b"garbage")
    server.answers = [serving()]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_416_is_not_the_end(server, env, store):
    begin(server, env)
    server.answers = [status(416), serving()]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_an_answer_with_less_than_the_rest_is_not_the_end(server, env, store):
    begin(server, env, 1000)
    server.answers = [piece(1000, 50_000), serving()]
    assert fetch(env)[0] == 0
    assert [request.headers["Range"] for request in server.requests] == [
        "bytes=1000-",
        "bytes=50000-",
    ]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_piece_that_was_not_asked_for_is_not_the_package(server, env, store):
    server.answers = [piece(0, 50_000)]
    assert fetch(env)[0] == 75
    assert files(store) == []


def test_a_piece_from_elsewhere_is_not_appended(server, env, store):
    begin(server, env, 1000)
    server.answers = [piece(2000, len(PACKAGE)), serving()]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_only_more_than_before_is_progress(server, env, store):
    begin(server, env)
    server.answers = [serving(OTHER, cut=50_000, ETag='"b"')]
    assert fetch(env)[0] == 75
    server.answers = [status(503)]
    assert fetch(env)[0] == 75
    server.answers = [serving(OTHER, cut=60_000, ETag='"b"')]
    assert fetch(env)[0] == 79


def test_a_page_instead_of_the_rest_does_not_cost_the_part(server, env, store):
    begin(server, env)
    server.answers = [serving(b"<html>", ranges=False, ETag=None, Content_Type="text/html")]
    code, text = fetch(env)
    assert code == 1
    assert "page" in text
    assert (store / PART).read_bytes() == PACKAGE[:120_000]
    assert len(server.requests) == 1


def test_two_runs_of_one_event_do_not_mix(server, env, store):
    hold = Hold(100_000)
    server.answers = [hold]
    hook = Running(FETCH, env)
    assert hold.reached.wait(PATIENCE)
    code, text = fetch(env)
    hold.go_on.set()
    assert code == 75
    assert "Another run" in text
    assert len(server.requests) == 1
    assert hook.end()[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_two_events_with_one_name_do_not_mix(server, env, store):
    hold = Hold(100_000)
    server.answers = [hold, serving(OTHER)]
    hook = Running(FETCH, env)
    assert hold.reached.wait(PATIENCE)
    assert fetch({**env, "KOOWATCH_EVENT_ID": "f" * 32})[0] == 0
    assert (store / "photos.zip").read_bytes() == OTHER
    hold.go_on.set()
    assert hook.end()[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE
    assert files(store) == ["photos.zip"]


def test_old_parts_are_removed_and_nothing_else(server, env, store):
    old = time.time() - 36 * 24 * 3600
    part = f".x.zip.{'ab' * 16}.part"
    kept = [f"{part}.txt", f".x.zip.{'ab' * 15}.part", f"x.{'ab' * 16}.part", "old.zip"]
    for name in [part, f"{part}.head", f"{part}.more", PART, *kept]:
        (store / name).write_bytes(b"x")
        os.utime(store / name, (old, old))
    recent = f".y.zip.{'cd' * 16}.part"
    (store / recent).write_bytes(b"x")
    assert fetch(env)[0] == 0
    assert files(store) == sorted([*kept, recent, "photos.zip"])


# Trouble


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_the_servers_trouble_is_for_later(server, env, store, code):
    begin(server, env)
    server.answers = [status(code)]
    returned, text = fetch(env)
    assert returned == 75
    assert str(code) in text
    assert (store / PART).read_bytes() == PACKAGE[:120_000]


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_link_that_has_expired_is_said_to_have(server, env, store, code):
    begin(server, env)
    server.answers = [status(code)]
    returned, text = fetch(env)
    assert returned == 1
    assert "expired" in text

    # the event is delivered again with a new link
    server.requests.clear()
    server.answers = [serving()]
    assert fetch({**env, "KOOWATCH_DOWNLOAD_URL": server.url("/new")})[0] == 0
    assert [request.headers["Range"] for request in server.requests] == ["bytes=120000-"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_link_that_never_worked_leaves_nothing(server, env, store):
    server.answers = [status(403)]
    assert fetch(env)[0] == 1
    assert files(store) == []


@pytest.mark.parametrize("code", [204, 300, 304, 400, 401])
def test_other_answers_are_no_package(server, env, store, code):
    server.answers = [status(code) if code >= 300 else lambda request: request.head(code, 0)]
    returned, text = fetch(env)
    assert returned == 1
    assert str(code) in text
    assert files(store) == []


def test_nobody_listens(server, env, store):
    server.server_close()
    assert fetch(env)[0] == 75
    assert files(store) == []


def test_a_transfer_that_stands_still_ends(server, env, store, tmp_path):
    """With a curl that has the patience of a second instead of the script's own."""
    path = env["PATH"]
    replace_program(env, tmp_path, "curl", 'exec REAL "$@" --speed-time 1\n')
    hold = Hold(100_000)
    server.answers = [hold, serving()]
    code, _ = fetch(env)
    hold.go_on.set()
    assert code == 79
    env["PATH"] = path
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


@pytest.mark.parametrize(("sent", "expected"), [(100_000, 79), (0, 75)])
def test_ends_before_the_runner_ends_it(server, env, store, sent, expected):
    hold = Hold(sent)
    server.answers = [hold, serving()]
    code, text = fetch({**env, "KOOWATCH_TIMEOUT": "7"})
    hold.go_on.set()
    assert code == expected
    assert "time" in text
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_without_a_limit_of_its_own(server, env):
    del env["KOOWATCH_TIMEOUT"]
    assert fetch(env)[0] == 0


@pytest.mark.parametrize("complaint", ["Invalid argument", "Input/output error"])
def test_a_directory_that_cannot_be_synced_is_a_warning(server, env, store, tmp_path, complaint):
    script = f'[ ! -d "$2" ] || {{ echo "sync: error syncing $2: {complaint}" >&2; exit 1; }}\n'
    replace_program(env, tmp_path, "sync", script)
    code, text = fetch(env)
    assert code == 0
    assert "loss of power" in text
    assert files(store) == ["photos.zip"]


def test_data_that_was_not_synced_is_not_continued(server, env, store, tmp_path):
    """A failed sync is reported once; what is there afterwards may be anything."""
    path = env["PATH"]
    script = 'echo "sync: error syncing $2: Input/output error" >&2; exit 1\n'
    replace_program(env, tmp_path, "sync", script)
    code, text = fetch(env)
    assert code == 75
    assert "Input/output error" in text
    assert files(store) == []
    env["PATH"] = path
    assert fetch(env)[0] == 0


def test_no_space_is_for_later(server, env, store):
    """A limit on the size of files makes write() fail as a full file system does."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    code, text = fetch(env, preexec_fn=limit, restore_signals=False)
    assert code == 79
    assert "full" in text and str(store) in text
    assert files(store) == PARTS
    assert fetch(env, preexec_fn=limit, restore_signals=False)[0] == 75  # nothing more

    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_redirect_to_plain_http_is_not_followed(server, env, store):
    server.answers = [status(302, Location=server.url("/elsewhere")), serving()]
    assert fetch(env)[0] == 1
    assert len(server.requests) == 1
    assert "photos.zip" not in files(store)


def test_a_redirect_from_https_to_http_is_not_followed(
    server, tls_server, env, store, certificate, with_curlrc
):
    hook = with_curlrc(FETCH, f'cacert = "{certificate[0]}"\n')
    tls_server.answers = [status(302, Location=server.url())]
    assert run(hook, {**env, "KOOWATCH_DOWNLOAD_URL": tls_server.url()})[0] == 1
    assert not server.requests
    assert "photos.zip" not in files(store)


def test_a_certificate_that_cannot_be_verified_is_refused(tls_server, env, store):
    code, text = fetch({**env, "KOOWATCH_DOWNLOAD_URL": tls_server.url()})
    assert code == 1
    assert "certificate" in text
    assert files(store) == []
