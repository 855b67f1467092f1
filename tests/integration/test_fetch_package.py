"""fetch-package: what it stores, and what it is given."""

import gzip

import pytest
from ready_hooks import (  # noqa: F401 # fixtures among them
    FETCH,
    PACKAGE,
    PART,
    PARTS,
    PATIENCE,
    SECRET,
    Hold,
    Running,
    env,
    event_text,
    fetch,
    files,
    home,
    needs_curl,
    package,
    server,
    serving,
    store,
)

pytestmark = needs_curl


# What is stored


def test_stores_the_package_under_the_tasks_name(server, env, store):
    code, text = fetch(env)
    assert code == 0
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE
    assert text == f"stored {store}/photos.zip, {len(PACKAGE)} bytes\n"


def test_the_variable_gives_another_name(server, env, store):
    code, _ = fetch({**env, "KOOWATCH_VAR_FILENAME": "Фото -1 $(id).zip"})
    assert code == 0
    assert files(store) == ["Фото -1 $(id).zip"]


def test_the_link_arrives_unchanged(server, env):
    link = f"/a[1-3]{{x,y}}'$(id)`id`&%22%5C;~?q=a%2Bb&{SECRET}#end"
    assert fetch({**env, "KOOWATCH_DOWNLOAD_URL": f"http://127.0.0.1:{server.port}{link}"})[0] == 0
    assert [request.path for request in server.requests] == [link.partition("#")[0]]


def test_a_scheme_in_capitals(server, env, store):
    env["KOOWATCH_DOWNLOAD_URL"] = server.url().replace("http", "HTTP")
    assert fetch(env)[0] == 0
    assert files(store) == ["photos.zip"]


def test_creates_the_last_component_of_the_directory_and_no_more(server, env, store):
    assert fetch({**env, "KOOWATCH_VAR_DESTINATION": f"{store}/new"})[0] == 0
    assert files(store / "new") == ["photos.zip"]

    code, text = fetch({**env, "KOOWATCH_VAR_DESTINATION": f"{store}/not/there"})
    assert code == 1
    assert f"{store}/not/there" in text
    assert files(store) == ["new"]


def test_delivered_twice_leaves_one_whole_file(server, env, store):
    assert fetch(env)[0] == 0
    assert fetch({**env, "KOOWATCH_ATTEMPT": "2"})[0] == 0
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_file_that_is_replaced_is_told(server, env, store):
    (store / "photos.zip").write_bytes(b"an earlier package")
    code, text = fetch(env)
    assert code == 0
    assert "in place of an earlier file" in text


def test_the_package_is_not_for_all_to_read(server, env, store):
    env["KOOWATCH_VAR_DESTINATION"] = f"{store}/new"
    hold = Hold(100_000)
    server.answers = [hold]
    hook = Running(FETCH, env)
    assert hold.reached.wait(PATIENCE)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (store / "new").iterdir()}
    hold.go_on.set()
    assert hook.end()[0] == 0
    assert modes == {PART: 0o640, f"{PART}.head": 0o600}  # a redirect is a secret
    assert (store / "new").stat().st_mode & 0o777 == 0o750
    assert (store / "new" / "photos.zip").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "data",
    [b"PK\5\6" + bytes(18), b"PK\3\4x" + b"PK\5\6" + bytes(18) + b"c" * 65535, b"B" * 1000]
    + [bytes(32768) + b"\xff\x01CD001", b"\x89PNG\r\n\x1a\n...", b"7z\xbc\xaf\x27\x1c<html>"],
    ids=["empty-zip", "zip-with-a-comment", "letters", "iso", "image", "7z"],
)
def test_what_could_be_a_package_is_stored(server, env, store, data):
    server.answers = [serving(data)]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == data


def test_a_zip_is_stored_whatever_the_headers_call_it(server, env, store):
    server.answers = [serving(Content_Type="text/plain", Content_Encoding="utf-8")]
    assert fetch(env)[0] == 0
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("data", "headers", "word"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", {}, "page"),
        (b"\xef\xbb\xbf\r\n <html>", {"Content_Type": "application/zip"}, "page"),
        ("\ufeff<html>".encode("utf-16-le"), {}, "page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", {}, "XML"),
        (b'{"code":403}', {}, "JSON"),
        (b'\n[{"code":403}]', {}, "JSON"),
        (b"Please log in.", {"Content_Type": "text/plain; charset=utf-8"}, "text"),
        (b"", {}, "nothing"),
        (b" \r\n" * 20, {}, "nothing"),
        (gzip.compress(PACKAGE), {}, "gzip"),
        (gzip.compress(PACKAGE), {"Content_Encoding": "gzip"}, "gzip"),
        (b"\x0b\x10\x80...", {"Content_Encoding": "br"}, "encoded"),
        (PACKAGE[:-22], {}, "without its end"),
        (PACKAGE[:5000], {"length": False}, "without its end"),
        (b"B" * 5000, {"length": False}, "announced"),
    ],
)
def test_what_is_no_package_is_not_stored(server, env, store, data, headers, word):
    server.answers = [serving(data, **headers)]
    code, text = fetch(env)
    assert code == 1
    assert word in text
    assert files(store) == []


def test_a_complete_zip_of_unknown_size_is_stored(server, env, store):
    server.answers = [serving(length=False)]
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


@pytest.mark.parametrize("earlier", [None, b"an earlier package"])
def test_no_half_file_under_the_final_name(server, env, store, earlier):
    final = store / "photos.zip"
    if earlier is not None:
        final.write_bytes(earlier)
    hold = Hold(100_000)
    server.answers = [hold]

    hook = Running(FETCH, env)
    assert hold.reached.wait(PATIENCE)
    assert (final.read_bytes() if final.exists() else None) == earlier
    assert set(files(store)) <= {"photos.zip", *PARTS}
    hold.go_on.set()

    assert hook.end()[0] == 0
    assert files(store) == ["photos.zip"]
    assert final.read_bytes() == PACKAGE


# What it is given


@pytest.mark.parametrize(
    "change",
    [
        {"KOOWATCH_OUTCOME": "canceled", "KOOWATCH_RESULT": None},
        {"KOOWATCH_OUTCOME": "timeout", "KOOWATCH_RESULT": None},
        {"KOOWATCH_OUTCOME": None, "KOOWATCH_EVENT": "stalled", "KOOWATCH_RESULT": None},
        {"KOOWATCH_RESULT": "failed", "KOOWATCH_RESULT_CODE": "3"},
    ],
)
def test_events_without_a_package_are_skipped(server, env, store, change):
    changed = {**env, "KOOWATCH_DOWNLOAD_URL": None, **change}
    code, text = fetch({name: value for name, value in changed.items() if value is not None})
    assert (code, text) == (77, "")
    assert not server.requests


@pytest.mark.parametrize("task_type", [2, "2"])
def test_a_dump_is_skipped(server, env, task_type):
    del env["KOOWATCH_DOWNLOAD_URL"]
    assert fetch(env, event=event_text(userId="1", taskType=task_type, taskStatus=2)) == (77, "")


@pytest.mark.parametrize(
    "answer", [{"taskType": 1}, {}, {"msg": '{"taskType":2}'}], ids=["package", "unknown", "text"]
)
def test_a_package_without_a_link_is_a_failure(server, env, answer):
    del env["KOOWATCH_DOWNLOAD_URL"]
    code, text = fetch(env, event=event_text(**answer))
    assert code == 1
    assert "no download link" in text


def test_an_unset_destination_says_what_to_add(server, env):
    del env["KOOWATCH_VAR_DESTINATION"]
    code, text = fetch(env)
    assert code == 1
    assert "Destination=" in text and "[Variables]" in text
    assert not server.requests


@pytest.mark.parametrize(
    "destination",
    ["packages", "./packages", "/tmp/a\nb", "/tmp/\x1b[1m"]
    + ["/tmp/../etc", "/tmp/.ssh", "/tmp/.config/x", "/tmp/.", "//.x/"],
)
def test_destinations_that_are_refused(server, env, destination):
    code, text = fetch({**env, "KOOWATCH_VAR_DESTINATION": destination})
    assert code == 1
    assert "Destination" in text and "\x1b" not in text
    assert not server.requests


@pytest.mark.parametrize(
    "destination",
    ["{home}", "{home}/", "/", "{home}/..", "{above}", "{home}/bin", "{home}/packagesx"]
    + ["{home}//bin", "{link}", "{link}/bin", "{link}/new/deeper", "{home}/packages/out"],
)
def test_the_home_directory_is_closed(server, env, home, tmp_path, destination):
    (home / "packages").mkdir()
    (home / "bin").mkdir()
    (home / "packages" / "out").symlink_to(home / "bin")
    link = tmp_path / "link"
    link.symlink_to(home)
    destination = destination.format(home=home, link=link, above=tmp_path)
    code, text = fetch({**env, "KOOWATCH_VAR_DESTINATION": destination})
    assert code == 1
    assert "Destination" in text
    assert not server.requests
    assert files(home) == ["bin", "packages"] and files(home / "bin") == []


@pytest.mark.parametrize("below", ["", "/photos"])
def test_one_folder_of_the_home_directory_is_open(server, env, home, below):
    if below:
        (home / "packages").mkdir()
    assert fetch({**env, "KOOWATCH_VAR_DESTINATION": f"{home}/packages{below}"})[0] == 0
    assert (home / f"packages{below}" / "photos.zip").read_bytes() == PACKAGE


def test_a_link_to_a_directory_is_as_good_as_it(server, env, store, tmp_path):
    (tmp_path / "link").symlink_to(store)
    assert fetch({**env, "KOOWATCH_VAR_DESTINATION": f"{tmp_path}/link"})[0] == 0
    assert files(store) == ["photos.zip"]


def test_a_missing_directory_names_the_drop_in(server, env, store):
    code, text = fetch({**env, "KOOWATCH_VAR_DESTINATION": f"{store}/not/there"})
    assert code == 1
    assert "ReadWritePaths=" in text


@pytest.mark.parametrize("variable", ["DESTINATION", "FILENAME"])
def test_a_name_that_is_no_utf_8_is_refused(server, env, store, variable):
    """Not every implementation of the tools can handle it."""
    name = bytes(store) + b"/\xff" if variable == "DESTINATION" else b"\xff\xc3(.zip"
    code, text = fetch({**env, f"KOOWATCH_VAR_{variable}": name})
    assert code == 1
    assert "UTF-8" in text
    assert not server.requests
    assert files(store) == []


@pytest.mark.parametrize("event", ["../../x", "a/b", "a b", "a\n"])
def test_event_ids_that_are_refused(server, env, event):
    assert fetch({**env, "KOOWATCH_EVENT_ID": event})[0] == 1
    assert not server.requests


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "/x", ".hidden", "..", "-x", "a\nb", "a\tb", "\x7f", "x" * 201]
)
def test_names_that_are_refused(server, env, store, name):
    code, text = fetch({**env, "KOOWATCH_VAR_FILENAME": name})
    assert code == 1
    assert "FileName" in text
    assert not server.requests
    assert files(store) == [] and files(store.parent) == ["home", "packages"]


@pytest.mark.parametrize(
    "link",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "-o/tmp/x",
        'http://127.0.0.1:{port}/x" -o "y',
        'http://127.0.0.1:{port}/"',
        "http://127.0.0.1:{port}/\\",
        "http://127.0.0.1:{port}/a b",
        "http://127.0.0.1:{port}/\noutput=/tmp/x",
        "http://127.0.0.1:{port}/\x01",
    ],
)
def test_links_that_are_refused(server, env, store, link):
    code, _ = fetch({**env, "KOOWATCH_DOWNLOAD_URL": link.format(port=server.port)})
    assert code == 1
    assert not server.requests
    assert files(store) == []


def test_a_directory_with_the_packages_name(server, env, store):
    (store / "photos.zip").mkdir()
    code, text = fetch(env)
    assert code == 1
    assert "directory" in text
    assert files(store / "photos.zip") == []


@pytest.mark.parametrize("suffix", ["", ".head", ".more"])
def test_a_link_in_place_of_the_part_is_not_followed(server, env, store, tmp_path, suffix):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (store / f"{PART}{suffix}").symlink_to(victim)
    assert fetch(env)[0] == 1
    assert victim.read_bytes() == b"precious"
    assert not server.requests


def test_a_link_in_place_of_the_final_name_is_replaced(server, env, store, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (store / "photos.zip").symlink_to(victim)
    assert fetch(env)[0] == 0
    assert victim.read_bytes() == b"precious"
    assert (store / "photos.zip").read_bytes() == PACKAGE
