"""fetch-package: ZIP files that are checked and unpacked, the rate, and the room there is."""

import io
import os
import pathlib
import shutil
import stat
import zipfile

import pytest
from ready_hooks import (  # noqa: F401 # fixtures among them
    EVENT_ID,
    FETCH,
    PACKAGE,
    PART,
    PARTS,
    begin,
    env,
    fetch,
    files,
    home,
    needs_curl,
    replace_program,
    run,
    server,
    serving,
    store,
)

pytestmark = needs_curl
OTHER_EVENT = "0197a0d25f1c7c119f7e000000000002"
TREE = f".photos.zip.{EVENT_ID}.tree"
MARK = ".koowatch-event"


def entry(name, mode=0o100644, system=3, method=zipfile.ZIP_DEFLATED):
    info = zipfile.ZipInfo("x", (2025, 5, 20, 2, 31, 12))
    info.filename = name  # as it is: the constructor cuts and changes names
    info.external_attr = mode << 16
    info.create_system = system
    info.compress_type = method
    return info


def zip_of(*entries):
    """ENTRIES: (name or ZipInfo, data) ..."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in entries:
            archive.writestr(info if isinstance(info, zipfile.ZipInfo) else entry(info), content)
    return data.getvalue()


SMALL = zip_of(("a.txt", b"first\n" * 100), ("d/b.bin", bytes(range(256))), ("d/empty", b""))


def tree(directory):
    """{path: content} of what is there, without the hook's mark."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if name != MARK:
            found[name] = None if path.is_dir() else path.read_bytes()
    return found


@pytest.fixture
def unpacking(env):
    return {**env, "KOOWATCH_VAR_UNPACK": "yes"}


@pytest.fixture
def verifying(env):
    return {**env, "KOOWATCH_VAR_VERIFY": "zip"}


# Verify=zip


def test_a_whole_zip_is_stored(server, verifying, store):
    server.answers = [serving(SMALL)]
    code, text = fetch(verifying)
    assert code == 0
    assert text == f"stored {store}/photos.zip, {len(SMALL)} bytes, checked (3 files, 856 bytes)\n"
    assert files(store) == ["photos.zip"]
    assert (store / "photos.zip").read_bytes() == SMALL


def damaged(data, position=40):
    return data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :]


@pytest.mark.parametrize(
    "data",
    [damaged(SMALL), damaged(SMALL, 31), SMALL[:20] + SMALL[60:], PACKAGE, SMALL[-22:]],
    ids=["content", "name", "gap", "no-directory", "end-alone"],
)
@pytest.mark.parametrize("variable", ["VERIFY", "UNPACK"])
def test_a_damaged_zip_is_fetched_again(server, env, store, data, variable):
    env[f"KOOWATCH_VAR_{variable}"] = {"VERIFY": "zip", "UNPACK": "yes"}[variable]
    server.answers = [serving(data), serving(SMALL)]
    code, text = fetch(env)
    assert code == 1
    assert "damaged ZIP" in text
    assert files(store) == []
    assert fetch(env)[0] == 0
    assert len(files(store)) == 1


@pytest.mark.parametrize("variable", ["VERIFY=zip", "UNPACK=yes"])
def test_what_is_no_zip_is_refused(server, env, store, variable):
    name, _, value = variable.partition("=")
    server.answers = [serving(b"B" * 1000)]
    code, text = fetch({**env, f"KOOWATCH_VAR_{name}": value})
    assert code == 1
    assert "no ZIP" in text
    assert files(store) == []


def encrypted(data):
    """The flag alone, in the entry's header and in the directory."""
    directory = data.index(b"PK\1\2")
    data = bytearray(data)
    data[6] |= 1
    data[directory + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (encrypted(zip_of(("a", b"x"))), "encrypted"),
        (zip_of((entry("a", method=zipfile.ZIP_BZIP2), b"x")), "method 12"),
    ],
)
def test_a_zip_that_cannot_be_read_is_kept_and_not_fetched_again(
    server, verifying, store, data, word
):
    server.answers = [serving(data)]
    for _ in range(2):
        code, text = fetch(verifying)
        assert code == 1
        assert word in text
        assert files(store) == PARTS
    assert len(server.requests) == 1


def test_a_zip_whose_files_overlap(server, verifying, store):
    """Thirty entries of the directory share one file's data, as in a bomb."""
    data = zip_of((entry("a", method=zipfile.ZIP_STORED), b"x" * 1000))
    directory = data.index(b"PK\1\2")
    entries = data[directory:-22] * 30
    end = bytearray(data[-22:])
    end[8:12] = (30).to_bytes(2, "little") * 2
    end[12:16] = len(entries).to_bytes(4, "little")
    server.answers = [serving(data[:directory] + entries + bytes(end))]
    code, text = fetch(verifying)
    assert code == 1
    assert "overlap" in text.lower()


def test_the_time_is_over_while_the_zip_is_read(server, verifying, store, tmp_path):
    replace_program(verifying, tmp_path, "python3", '[ "$2" = -c ] || kill -ALRM $$\n')
    server.answers = [serving(SMALL)]
    code, text = fetch(verifying)
    assert code == 75
    assert "Timeout=" in text
    assert files(store) == PARTS


@pytest.mark.parametrize("is_minimal", [False, True])
@pytest.mark.parametrize("variable", ["VERIFY=zip", "UNPACK=yes"])
def test_python_is_missing(server, env, store, tmp_path, variable, is_minimal):
    """All of it, or what the package python3-minimal lacks."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for program in ("realpath", "iconv", "id", "curl"):
        (directory / program).symlink_to(shutil.which(program))
    if is_minimal:
        (directory / "python3").write_text("#!/bin/sh\necho No module named shutil >&2\nexit 1\n")
        (directory / "python3").chmod(0o755)
    name, _, value = variable.partition("=")
    code, text = fetch({**env, "PATH": str(directory), f"KOOWATCH_VAR_{name}": value})
    assert code == 1
    assert "install the package python3" in text
    assert not server.requests


# Unpack=yes


def test_unpacks_into_a_directory(server, unpacking, store):
    server.answers = [serving(SMALL)]
    code, text = fetch(unpacking)
    assert code == 0
    assert text == f"unpacked to {store}/photos, 3 files, 856 bytes\n"
    assert files(store) == ["photos"]
    assert tree(store / "photos") == {
        "a.txt": b"first\n" * 100,
        "d": None,
        "d/b.bin": bytes(range(256)),
        "d/empty": b"",
    }
    assert (store / "photos" / MARK).read_text() == EVENT_ID


@pytest.mark.parametrize(
    ("name", "directory"), [("x.ZIP", "x"), ("x", "x"), ("照片.zip", "照片"), ("a.zip.zip", "a.zip")]
)
def test_the_directorys_name(server, unpacking, store, name, directory):
    server.answers = [serving(SMALL)]
    assert fetch({**unpacking, "KOOWATCH_VAR_FILENAME": name})[0] == 0
    assert files(store) == [directory]


def test_modes_are_the_hooks_own(server, unpacking, store):
    data = zip_of(
        (entry("set-id", 0o106777), b"x"),
        (entry("closed", 0o100000), b"x"),
        (entry("d/", 0o041777), b""),
        (entry("shut/", 0o040000), b""),
        (entry("shut/in", 0o100644), b"x"),
    )
    server.answers = [serving(data)]
    assert fetch(unpacking)[0] == 0
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (store / "photos").rglob("*")}
    assert modes == {0o640, 0o750}
    assert stat.S_IMODE((store / "photos").stat().st_mode) == 0o750
    assert tree(store / "photos").keys() == {"set-id", "closed", "d", "shut", "shut/in"}


def raw_name(raw, system=3):
    """A ZIP whose only name is RAW, without the mark that it is UTF-8."""
    data = zip_of((entry("n" * len(raw), system=system), b"x"))
    return data.replace(b"n" * len(raw), raw)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (zip_of(("照片/Ж.txt", b"x")), "照片/Ж.txt"),
        (raw_name("照片/Ж.txt".encode()), "照片/Ж.txt"),
        (raw_name("照片/Ж.txt".encode("gb18030")), "照片/Ж.txt"),
        (raw_name(b"d\\a.txt", system=0), "d/a.txt"),
        (raw_name(b"d\\a.txt", system=3), "d\\a.txt"),
        (raw_name(b"./d//a.txt"), "d/a.txt"),
        (raw_name(b"..a/...b"), "..a/...b"),
    ],
)
def test_names_are_read_as_they_were_meant(server, unpacking, store, data, name):
    server.answers = [serving(data)]
    assert fetch(unpacking)[0] == 0
    assert (store / "photos" / name).read_bytes() == b"x"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (zip_of(("a", b"x"), (entry("l", 0o120777), b"/etc/passwd")), "link"),
        (zip_of((entry("l", 0o120777, system=0), b"/etc/passwd")), "link"),
        (zip_of((entry("fifo", 0o010644), b"")), "device"),
        (raw_name(b"/tmp/koowatch-test-absolute"), "absolute"),
        (raw_name(b"C:/x"), "absolute"),
        (raw_name(b"C:\\x", system=0), "absolute"),
        (raw_name(b"../x"), ".."),
        (raw_name(b"a/../../x"), ".."),
        (raw_name(b"..\\x", system=0), ".."),
        (raw_name(b"a/.."), ".."),
        (raw_name(b"a\nb"), "control"),
        (raw_name(b"a\x1b[1m"), "control"),
        (raw_name(b"./."), "without a name"),
        (zip_of(("a", b"1"), ("b", b"2")).replace(b"b", b"a"), "twice"),
        (zip_of(("a", b"1"), ("./a", b"2")), "twice"),
        (zip_of((MARK, b"1")), "twice"),
        (zip_of(("a", b"1"), ("a/b", b"2")), "twice"),
        (zip_of(("a/b", b"1"), ("a", b"2")), "twice"),
        (zip_of(("长" * 100, b"1")), "too long"),
        (zip_of(("d/" * 2500 + "a", b"1")), "too long"),
        (zip_of(("a", b"1" * 5000), ("b", b"2" * 5001)), "UnpackMax="),
    ],
)
def test_zips_that_are_refused(server, unpacking, store, home, data, word):
    server.answers = [serving(data)]
    code, text = fetch({**unpacking, "KOOWATCH_VAR_UNPACKMAX": "10000"})
    assert code == 1
    assert word in text, text
    assert "\x1b" not in text
    assert files(store) == PARTS
    assert files(store.parent) == ["home", "packages"]
    assert not pathlib.Path("/tmp/koowatch-test-absolute").exists()


VFAT = """import builtins, errno, os
def strict(real):
    def checked(path, *rest, **options):
        if ":" in os.path.basename(path):
            raise OSError(errno.EINVAL, "Invalid argument", path)
        return real(path, *rest, **options)
    return checked
builtins.open, os.mkdir = strict(open), strict(os.mkdir)
"""


@pytest.mark.parametrize("name", ["12:30.jpg", "12:30/a.jpg"])
def test_a_name_that_the_file_system_does_not_take(server, unpacking, store, tmp_path, name):
    """As vfat, exfat and some shares do; it is no damage, for which the ZIP would be fetched again."""
    script = f"[ $# -gt 4 ] || exec REAL \"$@\"\n{{ cat <<'END'\n{VFAT}END\ncat; }} | REAL \"$@\"\n"
    replace_program(unpacking, tmp_path, "python3", script)
    server.answers = [serving(zip_of(("a", b"x"), (name, b"x")))]
    code, text = fetch(unpacking)
    assert code == 1
    assert f"does not take, {name}" in text
    assert files(store) == PARTS


def test_the_number_of_files_is_limited(server, unpacking, store, tmp_path):
    text = FETCH.read_text()
    assert "\nfiles_max=200000 " in text
    hook = tmp_path / "fetch-package"
    hook.write_text(text.replace("\nfiles_max=200000 ", "\nfiles_max=3 "))
    hook.chmod(0o755)
    server.answers = [serving(SMALL)]
    assert run(hook, unpacking)[0] == 0
    server.answers = [serving(zip_of(*((str(i), b"") for i in range(4))))]
    code, said = run(hook, {**unpacking, "KOOWATCH_EVENT_ID": OTHER_EVENT})
    assert code == 1
    assert "4 files" in said


def test_delivered_twice_is_unpacked_once(server, unpacking, store):
    server.answers = [serving(SMALL)]
    assert fetch(unpacking)[0] == 0
    (store / "photos" / "a.txt").write_bytes(b"edited since")
    (store / PART).write_bytes(b"PK")  # as a crash could leave it
    code, text = fetch({**unpacking, "KOOWATCH_ATTEMPT": "2"})
    assert code == 0
    assert "there already" in text
    assert len(server.requests) == 1
    assert (store / "photos" / "a.txt").read_bytes() == b"edited since"
    assert files(store) == ["photos"]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_later_event_replaces_the_directory(server, unpacking, store, tmp_path, exchange):
    server.answers = [serving(SMALL), serving(zip_of(("new", b"x")))]
    assert fetch(unpacking)[0] == 0
    if not exchange:  # as on a file system that cannot
        replace_program(unpacking, tmp_path, "python3", '[ $# -ne 4 ] || exit 1\nexec REAL "$@"\n')
    code, text = fetch({**unpacking, "KOOWATCH_EVENT_ID": OTHER_EVENT})
    assert code == 0
    assert "in place of an earlier directory" in text
    assert files(store) == ["photos"]
    assert tree(store / "photos") == {"new": b"x"}


def test_a_directory_of_someone_else_is_not_replaced(server, unpacking, store):
    (store / "photos").mkdir()
    (store / "photos" / "precious").write_bytes(b"precious")
    code, text = fetch(unpacking)
    assert code == 1
    assert f"{store}/photos was not unpacked by this hook" in text
    assert not server.requests
    assert tree(store / "photos") == {"precious": b"precious"}


def test_an_empty_directory_is_taken(server, unpacking, store):
    (store / "photos").mkdir()
    server.answers = [serving(SMALL)]
    assert fetch(unpacking)[0] == 0
    assert files(store) == ["photos"]


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_what_is_no_directory_is_not_replaced(server, unpacking, store, tmp_path, kind):
    target = tmp_path / "elsewhere"
    if kind == "file":
        (store / "photos").write_bytes(b"precious")
    else:
        (store / "photos").symlink_to(target)
        if kind == "link":
            target.mkdir()
    code, text = fetch(unpacking)
    assert code == 1
    assert "no directory" in text
    assert not server.requests
    assert not target.exists() or files(target) == []


def test_what_an_attempt_left_behind_is_removed(server, unpacking, store):
    (store / TREE / "deep").mkdir(parents=True)
    (store / TREE / "deep" / "a.txt").write_bytes(b"half")
    server.answers = [serving(SMALL)]
    assert fetch(unpacking)[0] == 0
    assert files(store) == ["photos"]
    assert "deep" not in tree(store / "photos")


def test_trees_of_long_ago_are_removed(server, env, store):
    old, young = (store / f".x.{i * 32}.tree" for i in "ab")
    for path, days in ((old, 36), (young, 34)):
        (path / "d").mkdir(parents=True)
        os.utime(path, (path.stat().st_mtime - days * 86400,) * 2)
    server.answers = [serving(SMALL)]
    assert fetch(env)[0] == 0
    assert files(store) == [young.name, "photos.zip"]


def test_a_tree_that_was_not_synced_is_not_published(server, unpacking, store, tmp_path):
    path = unpacking["PATH"]
    script = 'echo "sync: error syncing $3: Input/output error" >&2; exit 1\n'
    replace_program(unpacking, tmp_path, "sync", script)
    server.answers = [serving(SMALL)]
    code, text = fetch(unpacking)
    assert code == 75
    assert "Input/output error" in text
    assert files(store) == PARTS
    unpacking["PATH"] = path
    assert fetch(unpacking)[0] == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [("VERIFY", "yes"), ("UNPACK", "maybe"), ("UNPACKMAX", "x"), ("UNPACKMAX", "-1")]
    + [("UNPACKMAX", "9999999T"), ("LIMITRATE", "1K"), ("LIMITRATE", "$(id)"), ("LIMITRATE", "K")],
)
def test_values_that_are_refused(server, env, variable, value):
    code, text = fetch({**env, f"KOOWATCH_VAR_{variable}": value})
    assert code == 1
    assert variable.lower() in text.lower()
    assert not server.requests


# LimitRate=


@pytest.mark.parametrize(
    ("rate", "bytes_a_second"), [("100K", 102400), ("2M", 2097152), ("010000", 10000)]
)
def test_the_rate_is_curls(server, env, tmp_path, rate, bytes_a_second):
    script = f'echo "$@" >{tmp_path}/arguments\nexec REAL "$@"\n'
    replace_program(env, tmp_path, "curl", script)
    server.answers = [serving(SMALL)]
    assert fetch({**env, "KOOWATCH_VAR_LIMITRATE": rate})[0] == 0
    assert f"--limit-rate {bytes_a_second} " in (tmp_path / "arguments").read_text()


# Room


def free(env, tmp_path, available, total=1_000_000):
    """A file system of so many bytes, as stat tells it. The reserve is a twentieth of it."""
    script = f'[ "$1" != -f ] || {{ echo {available} {total} 1; exit; }}\nexec REAL "$@"\n'
    replace_program(env, tmp_path, "stat", script)


def test_a_package_that_does_not_fit_is_not_begun(server, env, store, tmp_path):
    free(env, tmp_path, 50_000 + len(PACKAGE) - 1)
    code, text = fetch(env)
    assert code == 75
    assert f"{len(PACKAGE)} bytes are needed" in text and str(store) in text
    assert files(store) == []
    free(env, tmp_path, 50_000 + len(PACKAGE))
    assert fetch(env)[0] == 0


def test_of_a_part_only_the_rest_must_fit(server, env, store, tmp_path):
    begin(server, env)
    rest = len(PACKAGE) - 120_000
    server.answers = [serving()]
    free(env, tmp_path, 50_000 + rest - 1)
    code, text = fetch(env)
    assert code == 75
    assert f"{rest} bytes are needed" in text
    assert (store / PART).stat().st_size == 120_000
    free(env, tmp_path, 50_000 + rest)
    assert fetch(env)[0] == 0
    assert (store / "photos.zip").read_bytes() == PACKAGE


def test_a_full_file_system_is_not_asked_for_more(server, env, store, tmp_path):
    free(env, tmp_path, 50_000)
    code, text = fetch(env)
    assert code == 75
    assert "no room" in text
    assert not server.requests


def test_a_file_system_that_does_not_tell_is_tried(server, env, tmp_path):
    free(env, tmp_path, 0, 0)
    assert fetch(env)[0] == 0


def test_what_is_unpacked_must_fit_too(server, unpacking, store, tmp_path):
    data = zip_of(("a", bytes(500_000)))
    server.answers = [serving(data)]
    free(unpacking, tmp_path, 50_000 + 499_999)
    code, text = fetch(unpacking)
    assert code == 75
    assert "500000 bytes when unpacked" in text
    assert files(store) == PARTS
    free(unpacking, tmp_path, 50_000 + 500_000)
    assert fetch(unpacking)[0] == 0
    assert len(server.requests) == 1
