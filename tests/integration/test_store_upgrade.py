"""state.db from one version of koowatchd to another: the copy that is kept, and what is refused."""

import contextlib
import shutil
import sqlite3
import stat

import pytest
from conftest import needs_root
from postgresql import sqlite_only
from test_store_faults import DAMAGE, damaged_files, finished_once, in_namespace
from test_sync_order import Trace

pytestmark = sqlite_only


def database(koowatch):
    return koowatch.state / "state.db"


def previous(koowatch):
    return koowatch.state / "state.db.previous"


def execute(path, script):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(script)
        db.commit()


def has_history(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return bool(db.execute("SELECT 1 FROM pragma_table_info('event') WHERE name = 'samples'").fetchall())


@pytest.fixture
def earlier(koowatch, sim):
    """A task has finished, and state.db is as a koowatchd left it that kept no history."""
    finished_once(koowatch, sim)
    execute(
        database(koowatch),
        "DROP TRIGGER event_gone; DROP TABLE hook_run; ALTER TABLE event DROP COLUMN samples; PRAGMA user_version = 1",
    )


def check_that_nothing_is_new(koowatch):
    koowatch.wait_status("watching 0.*1 finished.*")
    koowatch.stop()
    assert len(koowatch.records()) == 1


def refused(koowatch, **how):
    """The one message of a start that fails."""
    koowatch.start(wait=False, **how)
    assert koowatch.end() == 1
    [entry] = koowatch.find("state.db: cannot open")
    assert entry.level == "error"
    return entry.message


def test_an_earlier_one_is_kept_once_for_its_owner_alone(koowatch, earlier):
    for name in ("state.db.previous.new", "state.db.previous.new-journal"):
        (koowatch.state / name).write_text("of a start that was cut off")
    koowatch.start()
    check_that_nothing_is_new(koowatch)
    assert has_history(database(koowatch)) and not has_history(previous(koowatch))
    assert stat.S_IMODE(previous(koowatch).stat().st_mode) == 0o600
    kept = previous(koowatch).read_bytes()
    koowatch.start()
    check_that_nothing_is_new(koowatch)
    assert previous(koowatch).read_bytes() == kept
    assert sorted(path.name for path in koowatch.state.glob("state.db*")) == ["state.db", "state.db.previous"]


def test_the_copy_can_be_put_back(koowatch, earlier):
    koowatch.start()
    check_that_nothing_is_new(koowatch)
    previous(koowatch).replace(database(koowatch))
    koowatch.start()  # which any version does that knows it
    check_that_nothing_is_new(koowatch)


def test_one_that_is_new_or_unchanged_is_not_copied(koowatch, sim):
    finished_once(koowatch, sim)
    koowatch.start()
    check_that_nothing_is_new(koowatch)
    assert not previous(koowatch).exists()


def test_the_copy_is_on_disk_before_anything_is_altered(koowatch, earlier):
    path = koowatch.path / "trace"
    calls = "unlink,rename,fsync,fdatasync,pwrite64"
    strace = ["strace", "-D", "-y", "-s", "200", "-e", f"trace={calls}", "-o", str(path)]
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    # A leak is looked for by tracing, too.
    koowatch.start(wrapper=strace, ASAN_OPTIONS="exitcode=99:abort_on_error=0:detect_leaks=0")
    check_that_nothing_is_new(koowatch)
    koowatch.wait(lambda: "+++ exited" in path.read_text(errors="replace"), "the end of the trace")
    trace = Trace(path)
    new = f"{previous(koowatch)}.new"
    [renamed] = trace.find("rename", f'"{new}"')
    assert max(trace.find("pwrite64", f"<{new}>")) < trace.sync(new)[-1] < renamed
    altered = min(trace.find("pwrite64", f"<{database(koowatch)}-wal>"))
    assert [i for i in trace.sync(koowatch.state) if renamed < i < altered]


IN_ITS_PLACE = {"previous": "state.db.previous", "new": "state.db.previous.new"}


@pytest.mark.parametrize("place", IN_ITS_PLACE.values(), ids=IN_ITS_PLACE)
def test_without_a_copy_nothing_is_changed(koowatch, earlier, place):
    (koowatch.state / place).mkdir()
    assert refused(koowatch).endswith(
        f"(its copy for an earlier version, {previous(koowatch)}, cannot be written: Is a directory); "
        "move away what is in its place"
    )
    assert not has_history(database(koowatch))
    (koowatch.state / place).rmdir()
    koowatch.start()
    check_that_nothing_is_new(koowatch)


# There is room for reading it, but not for a copy.
LITTLE_ROOM = (
    'cp -a "$1" "$1.copy"',
    'mount -t tmpfs -o size=1m tmpfs "$1"',
    'cp -a "$1.copy/." "$1"',
    '{ cat /dev/zero >"$1/rest" 2>/dev/null || :; }',
    'truncate -s -48k "$1/rest"',
)


@needs_root
def test_a_disk_that_has_no_room_for_a_copy(koowatch, earlier):
    message = refused(koowatch, wrapper=in_namespace(koowatch, *LITTLE_ROOM))
    assert f"{previous(koowatch)}, cannot be written: No space left on device); free some disk space" in message
    koowatch.start()
    check_that_nothing_is_new(koowatch)


def test_an_earlier_one_that_is_damaged(koowatch, earlier):
    """No copy can be made of it; it is moved aside, as one of this version is."""
    DAMAGE["page"](database(koowatch))
    koowatch.start()
    koowatch.wait_entry("state.db: damaged .*malformed.*, moved to")
    koowatch.wait_record(count=2)
    assert damaged_files(koowatch) and not list(koowatch.state.glob("state.db.previous*"))


def test_a_newer_one_is_refused_and_left_as_it_is(koowatch, sim):
    finished_once(koowatch, sim)
    execute(database(koowatch), "PRAGMA user_version = 2; ALTER TABLE task DROP COLUMN away")
    before = database(koowatch).read_bytes()
    assert refused(koowatch).endswith(
        "state.db: cannot open (it has schema 2, this koowatchd knows 1); a later version wrote it, run that version"
    )
    assert database(koowatch).read_bytes() == before
    assert not previous(koowatch).exists()
