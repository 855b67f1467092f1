"""Where tokens come from."""

import pathlib
import shutil

from koodrive_simulator import DEFAULT_TOKEN
from service import CREDENTIALS, DAEMON, ETC, STATE, run, systemctl, write_file


def finish(service, sim, account):
    """The account's token is one that the simulator takes."""
    service.settings.setdefault(f"Account {account}", {}).update(service.settings["Account"])
    service.add_task(account, sim.add_task(), Account=account)
    service.start()
    service.wait_entry(f"^{account}: completed")


def test_a_folder_of_tokens(service, sim):
    sim.tokens = {"Bearer first", "Bearer second"}
    service.set_credential("default", "Bearer first")
    service.set_credential("second", "Bearer second")
    service.add_task("photos", sim.add_task())
    finish(service, sim, "second")
    service.wait_entry("^photos: completed")
    used = {request.header("Authorization") for request in sim.requests}
    assert used == sim.tokens


def test_a_token_of_the_unit(service, sim):
    sim.tokens = {"third"}
    service.drop_in(DAEMON, "SetCredential=third.token:third")
    finish(service, sim, "third")


def test_an_encrypted_token(service, sim):
    run("systemd-creds", "setup", "--no-pager")
    path = ETC / "credentials.encrypted/secret.token"
    run(
        *("systemd-creds", "encrypt", "--with-key=host", "--name=koowatch_secret.token", "-", path),
        input=f"{DEFAULT_TOKEN}\n",
    )
    assert DEFAULT_TOKEN not in path.read_text()
    finish(service, sim, "secret")


def test_no_folder_at_all(service, sim):
    """Someone who has removed what is empty still gets a service."""
    for name in ("credentials", "credentials.encrypted"):
        shutil.rmtree(ETC / name)
    service.start()
    for name in ("credentials", "credentials.encrypted"):
        assert (ETC / name).stat().st_mode & 0o777 == 0o700
    run("systemd-tmpfiles", "--create", "koowatch.conf")  # as they were


def test_a_token_file_is_followed(service, sim):
    path = pathlib.Path("/run/koodrive-login/token")

    def set_token(text):
        write_file(path, text, mode=0o600, owner="koowatch")

    sim.tokens = {"new"}
    set_token("old")
    service.settings["Account"]["TokenFile"] = path
    service.add_task("photos", sim.add_task())
    service.start()
    pid = service.pid
    service.wait_entry("^account default: unauthorized")
    set_token("new\n")
    service.wait_entry("^photos: completed")
    assert service.pid == pid


def test_a_token_that_is_refreshed_outlives_the_credential(service, sim):
    session = sim.sessions.add_session(rotate=True)
    service.set_credential("default", session.token)
    write_file(CREDENTIALS / "default.refresh-token", session.refresh_token + "\n", mode=0o600)
    service.settings["Account"]["Refresh"] = "carrier"
    session.expire()
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_entry("^photos: completed")
    path = STATE / "tokens/default.json"
    assert path.stat().st_mode & 0o777 == 0o600 and path.owner() == "koowatch"
    systemctl("restart", DAEMON)
    service.add_task("videos", sim.add_task())
    service.wait_entry("^videos: completed")
    assert session.refreshes == 1
    assert sim.requests[-1].header("Authorization") == session.token


def test_an_app_that_signs(service, sim):
    sim.apps = {"demo": "s3cret"}
    write_file(CREDENTIALS / "default.app-secret", "s3cret\n", mode=0o600)
    service.settings["Account"] |= {"Auth": "app", "AppId": "demo", "UserId": "1505"}
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_entry("^photos: completed")
    assert {request.verdict for request in sim.requests} == {"ok"}
