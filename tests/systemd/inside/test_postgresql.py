"""A store on PostgreSQL, from within the sandbox of the service."""

import pathlib
import re
import shutil

import pytest
from service import CREDENTIALS, DAEMON, ETC, STATE, run, show, write_file

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "postgresql"
SERVER = pathlib.Path("/run/koowatch-test-postgresql")
HOST = "database.test"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
        *("-keyout", path / "key.pem", "-out", path / "certificate.pem"),
    )
    return path / "certificate.pem"


@pytest.fixture(scope="module")
def server(installed, certificate):
    """Where koowatch comes in as itself by the socket, and with a password and TLS by the network."""
    done = run(SCRIPT, "start", SERVER, check=False)
    if not (SERVER / "conninfo").exists():
        pytest.skip(f"no server: {done}")
    conninfo = (SERVER / "conninfo").read_text().strip()
    for statement in (
        "CREATE ROLE root LOGIN SUPERUSER",
        "CREATE ROLE remote LOGIN PASSWORD 'correct horse'",
        "CREATE DATABASE koowatch OWNER koowatch",
        "GRANT CREATE ON DATABASE koowatch TO remote",
    ):
        run("psql", "-qc", statement, conninfo)
    data = SERVER / "data"
    for name in ("certificate.pem", "key.pem"):
        shutil.copy(certificate.with_name(name), data / name)
        (data / name).chmod(0o600)
        shutil.chown(data / name, "nobody", "nogroup")
    with open(data / "postgresql.conf", "a") as file:
        file.write("ssl = on\nssl_cert_file = 'certificate.pem'\nssl_key_file = 'key.pem'\n")
    (data / "pg_hba.conf").write_text("local all all peer\nhostssl all remote 127.0.0.1/32 scram-sha-256\n")
    run(SCRIPT, "stop", SERVER)
    run(SCRIPT, "again", SERVER)
    yield dict(part.split("=", 1) for part in conninfo.split())
    run(SCRIPT, "stop", SERVER)
    shutil.rmtree(SERVER)


@pytest.fixture
def named_host():
    hosts = pathlib.Path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}\n127.0.0.1 {HOST}\n")
    yield
    hosts.write_text(before)


def events(server, fleet):
    query = f"SELECT count(*) FROM {fleet}.event"
    return run("psql", "-XAtqc", query, f"host={SERVER} port={server['port']} user=root dbname=koowatch")


def test_the_socket_and_no_password(service, server, sim):
    service.settings["Store"] = {"Backend": "postgresql", "Connection": f"host={SERVER} port={server['port']} dbname=koowatch"}
    service.hook("echo has run")
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_entry("^photos: completed")
    service.wait_output("has run")
    assert events(server, "koowatch") == "1"
    assert not (STATE / "state.db").exists()
    assert "store-postgresql.so" in pathlib.Path(f"/proc/{service.pid}/maps").read_text()
    run("systemctl", "restart", DAEMON)
    service.wait_status("watching 0 .*, 1 finished")


def test_the_network_with_a_password_and_tls(service, server, sim, certificate, named_host):
    connection = f"host={HOST} port={server['port']} user=remote dbname=koowatch"
    service.settings["Store"] = {"Backend": "postgresql", "Connection": connection, "Fleet": "remote"}
    write_file(CREDENTIALS / "store.password", "correct horse\n", mode=0o600)
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_entry("^postgresql://database.test:.*: cannot be reached .*certificate verify failed")
    service.wait_status("the store cannot be reached, outcomes wait")
    assert show("ActiveState") == "active"

    authority = ETC / "koowatch.conf.d/authority.pem"
    shutil.copy(certificate, authority)
    authority.chmod(0o644)
    service.settings["Store"]["Connection"] += f" sslrootcert={authority}"
    service.write_config()
    run("systemctl", "restart", DAEMON)
    service.wait_entry("^photos: completed")
    assert events(server, "remote") == "1"


def test_a_refreshed_token_is_in_the_database(service, server, sim):
    """With a key that is made by the command of koowatch-nodes(7)."""
    manual = (SCRIPT.parents[1] / "man/koowatch-nodes.7.scd").read_text()
    [command] = re.findall(r"^openssl rand .*store\.key$", manual, re.M)
    run("sh", "-c", command)
    session = sim.sessions.add_session(rotate=True)
    service.set_credential("default", session.token)
    write_file(CREDENTIALS / "default.refresh-token", session.refresh_token + "\n", mode=0o600)
    service.settings["Account"]["Refresh"] = "carrier"
    service.settings["Store"] = {
        "Backend": "postgresql",
        "Connection": f"host={SERVER} port={server['port']} dbname=koowatch",
        "Fleet": "refreshed",
    }
    session.expire()
    service.add_task("photos", sim.add_task(require=session))
    service.start()
    service.wait_entry("^photos: completed")
    run("systemctl", "stop", DAEMON)
    query = "SELECT account, left(sealed, 10) FROM refreshed.secret"
    connection = f"host={SERVER} port={server['port']} user=root dbname=koowatch"
    assert run("psql", "-XAtqc", query, connection) == "default|koowatch1:"
    shutil.rmtree(STATE / "tokens")
    session.expire()
    service.add_task("later", sim.add_task(require=session))
    service.start()
    service.wait_entry("^later: completed")
    assert session.refreshes == 2


def test_what_was_kept_in_a_file_is_moved(service, server, sim):
    """By the command of koowatch.conf(5)."""
    manual = (SCRIPT.parents[1] / "man/koowatch.conf.5.scd").read_text()
    [command] = re.findall(r"^systemd-run (?:.*\\\n)*.*--import .*$", manual, re.M)
    task = sim.add_task()
    service.add_task("photos", task)
    service.start()
    service.wait_entry("^photos: completed")
    service.wait_status("1 finished")
    run("systemctl", "stop", DAEMON)
    service.settings["Store"] = {
        "Backend": "postgresql",
        "Connection": f"host={SERVER} port={server['port']} dbname=koowatch",
        "Fleet": "moved",
    }
    service.write_config()
    assert "1 outcomes and 1 tasks moved" in run("sh", "-c", command.replace("\\\\\n", " "))
    service.start()
    service.wait_status("watching 0 .*, 1 finished")
    assert events(server, "moved") == "1"
    assert sim.polls(task) == 1


def test_the_daemon_alone_needs_no_client_library(service):
    service.start()
    maps = pathlib.Path(f"/proc/{service.pid}/maps").read_text()
    assert "libpq" not in maps
    assert "store-postgresql" not in maps
