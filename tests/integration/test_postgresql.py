"""A store on a PostgreSQL server: what the daemon does when that is away, hangs, or refuses it."""

import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from koowatch import PATIENCE, wait_polls
from postgresql import IS_STORE, PostgreSQL

pytestmark = pytest.mark.skipif(IS_STORE, reason="has servers of its own, and runs with the others")

FINISHED = "^{}: completed"


@pytest.fixture
def remote(koowatch, server):
    """A daemon whose store is there."""
    koowatch.use_postgresql(server)
    return koowatch


@pytest.fixture
def shared(koowatch, postgresql):
    """A daemon whose store is on a server that goes on."""
    koowatch.use_postgresql(postgresql)
    return koowatch


def event_ids(koowatch):
    return {record["event"]["eventId"] for record in koowatch.records()}


def test_outcomes_are_kept_across_a_restart(shared, sim):
    task = sim.add_task()
    shared.record()
    shared.add_task("photos", task)
    shared.start()
    shared.wait_entry("^photos: hook finished.d/10-record ended: done")
    shared.stop()
    # The last of it was written before the end: that its hook has run, and that it was told.
    assert shared.query("SELECT told FROM event") == [(1,)]
    assert shared.query("SELECT hook, status FROM hook_run") == [("finished.d/10-record", "done")]
    assert not (shared.state / "state.db").exists()
    shared.start()
    shared.wait_status("watching 0 .*, 1 finished.*")
    assert sim.polls(task) == 1
    assert len(shared.records()) == 1


def test_it_is_ready_when_each_file_has_its_place(shared, sim):
    """Which the server has told by then: what comes afterwards is new."""
    tasks = [sim.add_task(hold=True) for _ in range(20)]
    paths = [shared.add_task(f"task-{number}", task) for number, task in enumerate(tasks)]
    for _ in range(3):
        shared.start()
        shared.stop()
    assert shared.query("SELECT count(*) FROM task") == [(20,)]
    paths[0].unlink()
    shared.start()
    shared.add_task("task-0", tasks[0])
    shared.wait_entry("^task-0: registered", count=2)


def test_the_server_is_not_there_at_the_start(remote, server, sim):
    done, new = sim.add_task(), sim.add_task()
    remote.record()
    remote.add_task("done", done)
    remote.start()
    remote.wait_record()
    remote.stop()
    server.stop()
    remote.add_task("new", new)
    remote.start()
    entry = remote.wait_entry(r"^postgresql://.*/postgres: cannot be reached \(.*\), retrying")
    assert entry.level == "error"
    remote.wait_status(".*; the store cannot be reached, outcomes wait.*")
    polls = sim.polls(done)
    server.again()
    remote.wait_entry("^postgresql://.*: reached again")
    remote.wait_entry(FINISHED.format("new"))
    remote.wait_record(name="new")
    assert sim.polls(done) == polls  # it was known, and the daemon has waited to hear that
    assert len(remote.find("cannot be reached")) == 1


def test_outcomes_wait_while_the_server_is_away(remote, server, sim):
    tasks = [sim.add_task(hold=True) for _ in range(3)]
    remote.record()
    for number, task in enumerate(tasks):
        remote.add_task(f"task-{number}", task)
    remote.start()
    for task in tasks:
        wait_polls(sim, task)
    server.stop()
    for task in tasks:
        task.complete()
    remote.wait_entry("^postgresql://.*: cannot (write|be reached)")
    sim.wait_for(lambda s: all(s.polls(task) >= 2 for task in tasks), PATIENCE)
    assert not remote.find("completed")
    server.again()
    for number in range(3):
        remote.wait_entry(FINISHED.format(f"task-{number}"))
    remote.wait_record(3)
    assert remote.query("SELECT count(*) FROM event") == [(3,)]


def test_a_server_that_is_killed_again_and_again(remote, server, sim):
    """In the middle of commits: each outcome has one event, and one id."""
    count = 40
    remote.record()
    tasks = [sim.add_task(hold=True) for _ in range(count)]
    for number, task in enumerate(tasks):
        remote.add_task(f"task-{number}", task)
    remote.start()
    for task in tasks:
        wait_polls(sim, task)

    def complete():
        for task in tasks:
            task.complete()
            time.sleep(0.1)  # they end while the server comes and goes

    thread = threading.Thread(target=complete)
    thread.start()
    for _ in range(4):
        server.stop()
        server.again()
    thread.join()
    remote.wait(lambda: len(event_ids(remote)) == count, "all of them", 2 * PATIENCE)
    assert remote.query("SELECT count(*), count(DISTINCT event_id) FROM event") == [(count, count)]
    for number in range(count):
        entries = remote.wait(lambda n=number: remote.find(FINISHED.format(f"task-{n}")), "it is told")
        assert len({entry.fields["KOOWATCH_EVENT_ID"] for entry in entries}) == 1


def test_a_server_that_hangs(remote, server, sim):
    task = sim.add_task(hold=True)
    remote.record()
    remote.add_task("photos", task)
    remote.start()
    wait_polls(sim, task)
    server.signal(signal.SIGSTOP)
    task.complete()
    remote.wait_entry("cannot write .the server does not answer")
    assert not remote.find(FINISHED.format("photos"))
    server.signal(signal.SIGCONT)
    remote.wait_entry(FINISHED.format("photos"))
    remote.wait_record()
    assert remote.query("SELECT count(*) FROM event") == [(1,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a small file system")
def test_a_full_disk(koowatch, sim):
    disk = koowatch.path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m,mode=755", "none", disk]).returncode != 0:
        pytest.skip("no file system can be mounted here")
    server = None
    try:
        server = PostgreSQL(directory=disk)
        koowatch.use_postgresql(server)
        task = sim.add_task(hold=True)
        koowatch.add_task("photos", task)
        koowatch.start()
        wait_polls(sim, task)
        server.query("CREATE TABLE filler (x text)")
        with open(disk / "filler", "wb") as filler, pytest.raises(OSError):
            while True:
                filler.write(bytes(65536))
                filler.flush()
        with pytest.raises(AssertionError):  # the room that it has left of its own
            for _ in range(1000):
                server.query("INSERT INTO filler SELECT repeat('x', 2000) FROM generate_series(1, 5000)")
        task.complete()
        koowatch.wait_entry("^postgresql://.*: cannot (write|be reached)")
        assert not koowatch.find(FINISHED.format("photos"))
        (disk / "filler").unlink()
        if subprocess.run(["psql", "-qc", "", server.conninfo], capture_output=True).returncode != 0:
            server.again()
        koowatch.wait_entry(FINISHED.format("photos"))
    finally:
        if koowatch.process:
            koowatch.kill()
        if server:
            server.close()
        subprocess.run(["umount", "--lazy", disk], check=True)  # its processes may be ending yet


def test_the_password_is_a_credential(remote, server, sim, tmp_path):
    server.query("CREATE ROLE watcher LOGIN PASSWORD 'correct horse'")
    server.query("GRANT CREATE ON DATABASE postgres TO watcher")
    (server.path / "data/pg_hba.conf").write_text(
        "local all koowatch trust\nhost all watcher 127.0.0.1/32 scram-sha-256\n"
    )
    server.query("SELECT pg_reload_conf()")
    remote.settings["Store"]["Connection"] = server.conninfo.replace("user=koowatch", "user=watcher").replace(
        f"host={server.path}", "host=127.0.0.1"
    )
    password = tmp_path / "koowatch-plain_store.password"
    password.write_text("battery staple\n")
    remote.record()
    remote.add_task("photos", sim.add_task())
    remote.start(CREDENTIALS_DIRECTORY=str(tmp_path))
    entry = remote.wait_entry("cannot be reached .*password authentication failed for user")
    assert "battery" not in entry.line
    password.write_text("correct horse\n")
    remote.wait_record()
    password.write_text("two\nlines\n")
    remote.restart_with(CREDENTIALS_DIRECTORY=str(tmp_path))
    remote.wait_entry(f"{password}: it is not one line of printable ASCII; connecting to the database without a password")
    assert not remote.find("correct horse|battery staple")


def test_a_later_schema(shared, sim):
    shared.start()
    shared.wait(lambda: not shared.find("cannot be reached") and shared.notified("STATUS"), "it is up")
    shared.wait(lambda: shared.server.query(
        f"SELECT to_regclass('{shared.settings['Store']['Fleet']}.node') IS NOT NULL") == [(1,)], "the schema")
    shared.stop()
    shared.query("UPDATE schema_version SET version = 99")
    shared.start()
    shared.wait_entry(r"cannot be reached \(it has schema 99, this koowatchd knows \d+; a later version wrote it")
    shared.query("UPDATE schema_version SET version = 3")
    shared.wait_entry("reached again")


def test_the_last_daemon_to_start_writes(shared, build, sim):
    from koowatch import Koowatch

    task = sim.add_task(hold=True)
    shared.add_task("photos", task)
    shared.start()
    wait_polls(sim, task)
    other = Koowatch(build, sim.url)
    try:
        other.use_postgresql(shared.server)
        other.settings["Store"] = dict(shared.settings["Store"])
        other.start()
        other.add_task("photos", task)
        wait_polls(sim, task, 3)
        task.complete()
        other.wait_entry(FINISHED.format("photos"))
        shared.wait_entry("another koowatchd writes to this database|has taken over")
        assert not shared.find(FINISHED.format("photos"))
    finally:
        other.close()


def test_a_store_that_has_changed_needs_a_restart(shared):
    shared.start()
    shared.settings["Store"]["Fleet"] = "another"
    shared.reload()
    shared.wait_entry(r"^\[Store\] has changed; restart to apply it")


@pytest.mark.parametrize("key", ["password=s3cret", "passfile=/s3cret", "service=s3cret", "host='s3cret"])
def test_a_connection_with_a_secret_is_an_error(koowatch, key):
    koowatch.settings["Store"] = {"Backend": "postgresql", "Connection": f"host=db {key}"}
    checked = koowatch.check()
    assert checked.returncode == 1
    line = koowatch.write_config().splitlines().index(f"Connection=host=db {key}") + 1
    assert f"{koowatch.config_path}:{line}: bad value of Connection in [Store]" in checked.stdout
    assert "s3cret" not in checked.stdout


def test_a_connection_that_libpq_does_not_know(koowatch):
    koowatch.settings["Store"] = {"Backend": "postgresql", "Connection": "hots=db"}
    koowatch.start(wait=False)
    assert koowatch.end() == 1
    koowatch.wait_entry(r'^\[Store\] Backend=postgresql: invalid connection option "hots"')


def test_check_has_libpq_look_at_the_connection(koowatch):
    koowatch.settings["Store"] = {"Backend": "postgresql", "Connection": "hots=db"}
    checked = koowatch.check()
    line = koowatch.write_config().splitlines().index("Connection=hots=db") + 1
    said = f'{koowatch.config_path}:{line}: Connection in [Store]: invalid connection option "hots"\n'
    assert (checked.returncode, checked.stdout) == (1, said)
    koowatch.settings["Store"]["Connection"] = "host=db"
    assert koowatch.check().returncode == 0


def test_what_libpq_finds_elsewhere_is_not_used(shared, sim, tmp_path):
    (tmp_path / "service").write_text("[other]\nhost=/nowhere\n")
    shared.add_task("photos", sim.add_task())
    shared.start(
        PGHOST="/nowhere", PGPORT="1", PGSERVICE="other", PGSERVICEFILE=str(tmp_path / "service"), PGPASSWORD="x",
    )
    shared.wait_entry(FINISHED.format("photos"))


def test_a_state_db_that_is_not_used_any_more(shared, sim):
    store = shared.settings.pop("Store")
    shared.start()
    shared.stop()
    shared.settings["Store"] = store
    shared.start()
    shared.wait_entry("state.db: not used with Backend=postgresql")


@pytest.fixture
def pooler(koowatch, postgresql):
    """A PgBouncer before the shared server, which pools transactions; its conninfo."""
    program = pathlib.Path("/usr/sbin/pgbouncer")
    if not program.exists():
        pytest.skip("no PgBouncer is installed")
    parts = dict(part.split("=", 1) for part in postgresql.conninfo.split())
    path = koowatch.path / "pooler"
    path.mkdir()
    path.chmod(0o777)
    (path / "bouncer.ini").write_text(f"""[databases]
postgres = host={parts["host"]} port={parts["port"]} dbname=postgres user=koowatch
[pgbouncer]
listen_addr =
unix_socket_dir = {path}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {path}/log
pidfile = {path}/pid
""")
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, "-q", path / "bouncer.ini"])
    deadline = time.monotonic() + PATIENCE
    while not (path / ".s.PGSQL.6432").exists():
        assert process.poll() is None and time.monotonic() < deadline, (path / "log").read_text()
        time.sleep(0.05)
    yield f"host={path} port=6432 user=koowatch dbname=postgres"
    process.kill()  # from 1.23 on it waits at a SIGTERM until its clients are gone
    process.wait(PATIENCE)


def test_a_pooler_of_transactions(shared, sim, pooler):
    shared.settings["Store"]["Connection"] = pooler
    tasks = [sim.add_task() for _ in range(20)]
    shared.record()
    for number, task in enumerate(tasks):
        shared.add_task(f"task-{number}", task)
    shared.start()
    shared.wait_record(len(tasks))
    shared.restart()
    shared.wait_status(f"watching 0 .*, {len(tasks)} finished.*")
    assert [sim.polls(task) for task in tasks] == [1] * len(tasks)
    assert not shared.find("cannot|error")
