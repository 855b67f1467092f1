"""The Debian package: installed, upgraded, purged."""

import os
import pathlib
import pwd
import re
import shutil
import subprocess

import pytest
from koodrive_simulator import DEFAULT_TOKEN
from service import DAEMON, ETC, STATE, run, show, systemctl, task_text, write_file

SOURCE = pathlib.Path(__file__).parents[3]
PAGE = pathlib.Path("/usr/share/cockpit/koowatch")
CATALOG = SOURCE / "systemd/koowatch.catalog"
README = SOURCE / "README.md"
POSTGRESQL = pathlib.Path(__file__).parents[2] / "postgresql"
OURS = ("/etc", "/run", "/usr", "/var/lib")
# What dpkg, systemd and the users' databases write of every package.
NOT_OURS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid",
            "/etc/.pwd.lock", "/var/lib/dpkg/", "/var/lib/systemd/catalog", "/run/systemd/", "/run/dbus/",
            "/run/credentials", "/run/log/", "/run/udev/", "/run/koowatch-test.gate")  # fmt: skip


def files():
    """All there are on the machine's own file systems."""
    listed = subprocess.run(["find", *OURS, "-print0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    names = listed.stdout.decode(errors="surrogateescape").split("\0")
    return {name for name in names if name and not name.startswith(NOT_OURS) and "__pycache__" not in name}


def test_lintian_has_nothing_to_say(package):
    assert (package.directory / "lintian.out").read_text() == ""


def test_it_has_each_page_where_man_looks_for_it(package):
    man = CATALOG.parents[1] / "man"
    pages = [page.relative_to(man).with_suffix("") for page in man.rglob("*.scd")]
    assert "zh_CN" in {page.parts[0] for page in pages}
    held = run("dpkg-deb", "--contents", package.directory / "koowatch.deb")
    for page in pages:
        assert f"./usr/share/man/{page.parent}/man{page.suffix[1:]}/{page.name}.gz\n".replace("/./", "/") in held


def test_it_runs_when_it_is_installed_and_needs_an_account(service, sim):
    """As the README says it."""
    assert (systemctl("is-enabled", DAEMON), show("ActiveState")) == ("enabled", "active")
    assert "no trouble" in service.wait(lambda: run("koowatchctl", "status", check=False), "the bus")
    service.write_config()
    token = write_file(ETC / "default.token", f"{DEFAULT_TOKEN}\n", mode=0o600, owner="koowatch")
    write_file(ETC / "koowatch.conf.d/60-token.conf", f"[Account]\nTokenFile={token}\n")
    systemctl("reload", DAEMON)
    service.hook("echo $KOOWATCH_OUTCOME")
    write_file(ETC / "tasks.d/photos.task", task_text(sim.add_task()))
    service.wait_output("completed")
    assert re.search("^-- ([0-9a-f]{32})$", CATALOG.read_text(), re.M)[1] in run("journalctl", "--list-catalog")


def test_hooks_are_linked_as_the_manual_says(package):
    package.install()
    manual = (SOURCE / "man/koowatch-hooks.7.scd").read_text()
    links = re.findall(r"^\t?ln -s (\S+) (/etc/koowatch/hooks/\S+)$", manual, re.M)
    assert {pathlib.Path(name).parent.name for _, name in links} == {"account.d", "finished.d", "stalled.d"}
    for target, name in links:
        run("ln", "-s", target, name)
        assert pathlib.Path(name).exists(), "what it leads to"


def test_a_user_that_cannot_be_made_is_told(package):
    """systemd-sysusers succeeds all the same."""
    if any(name.pw_name == "koowatch-hook" for name in pwd.getpwall()):
        run("userdel", "koowatch-hook")
    mask = write_file("/etc/sysusers.d/koowatch.conf", "")
    refused = package.install(check=False)
    mask.unlink()
    assert refused.returncode != 0
    assert "has not made the user koowatch" in refused.stderr and "dpkg --configure koowatch" in refused.stderr
    package.dpkg("--configure", "koowatch")
    assert show("ActiveState") == "active"


def test_a_group_that_cannot_be_made_is_told(package):
    """Where it is missing, so would be the directories that belong to it."""
    package.install()
    package.purge()
    run("groupmod", "--new-name", "elsewhere", "koowatchd")
    mask = write_file("/etc/sysusers.d/koowatch.conf", "")
    refused = package.install(check=False)
    mask.unlink()
    run("groupmod", "--new-name", "koowatchd", "elsewhere")
    assert refused.returncode != 0
    assert "has not made the group koowatchd" in refused.stderr
    package.dpkg("--configure", "koowatch")
    assert show("ActiveState") == "active"


def test_an_upgrade_while_a_hook_runs(service, package, sim):
    """It runs on, its end is known to the new daemon, and what was configured stays."""
    task = sim.add_task()
    service.gated_hook()
    service.add_task("photos", task)
    edited = ETC / "koowatch.conf"
    edited.write_text(edited.read_text() + "[Poll]\nStallTimeout=17min\n")
    service.write_config()
    systemctl("restart", DAEMON)
    service.wait(lambda: [line for line in service.output() if line.startswith("begin ")], "a hook")
    pid = service.pid
    package.install("next")
    service.wait_restarted(pid)
    assert edited.read_text().endswith("[Poll]\nStallTimeout=17min\n")
    assert (ETC / "koowatch.conf.dpkg-dist").read_text().endswith("# of the next version\n")
    service.release(2)
    service.wait_entry("^photos: hook finished.d/10-test ended: done")
    begun = [line for line in service.output() if line.startswith("begin ")]
    ended = [line for line in service.output() if line.startswith("end ")]
    assert len(set(begun)) == 1 and len(ended) >= 1
    assert "Delivery: waiting" not in run("koowatchctl", "show", "photos")


def test_the_readmes_command_upgrades_to_the_same_version_too(package):
    """Between two releases it does not change."""
    options = re.search(r"^apt-get install (.*) \.\./koowatch_", README.read_text(), re.M)[1].split()
    example = pathlib.Path("/usr/share/doc/koowatch/example.task")
    package.install()
    run("dpkg-deb", "--raw-extract", str(package.directory / "koowatch.deb"), "/tmp/same")
    with open(f"/tmp/same{example}", "a", encoding="utf-8") as file:
        file.write("# built later\n")
    run("dpkg-deb", "--root-owner-group", "--build", "/tmp/same", "/tmp/koowatch.deb")
    run("apt-get", "install", *options, "/tmp/koowatch.deb")
    assert example.read_text().endswith("# built later\n")


@pytest.fixture
def server():
    """A PostgreSQL that trusts koowatch; its conninfo."""
    path = pathlib.Path("/run/koowatch-test-postgresql")
    started = subprocess.run([POSTGRESQL, "start", path], capture_output=True, text=True, check=False)
    if started.returncode == 77:
        pytest.skip(started.stderr)
    assert started.returncode == 0, started.stderr
    yield (path / "conninfo").read_text().strip()
    run(POSTGRESQL, "stop", path)
    shutil.rmtree(path)


def test_a_store_on_postgresql_is_a_package_of_its_own(service, package, server, sim):
    service.settings["Store"] = {"Backend": "postgresql", "Connection": server}
    service.add_task("photos", sim.add_task())
    service.write_config()
    run("systemctl", "restart", DAEMON, check=False)
    service.wait_entry("Backend=postgresql: .*; install the package koowatch-postgresql")
    package.install("koowatch-postgresql")
    service.wait_entry("^photos: completed")  # systemd tries it every 5 seconds
    assert run("psql", "-XAtqc", "SELECT count(*) FROM koowatch.event", server) == "1"


def test_a_purge_leaves_nothing(package, journal, sim):
    before = files()
    package.install()
    write_file(ETC / "koowatch.conf.d/60-mine.conf", f"[Account]\nEndpoint={sim.url}\n")
    write_file(ETC / "credentials/default.token", f"{DEFAULT_TOKEN}\n", mode=0o600)
    write_file(ETC / "hooks/finished.d/10-test", "#!/bin/sh\necho >~/left\n", mode=0o755)
    write_file(ETC / "tasks.d/photos.task", task_text(sim.add_task()))
    systemctl("restart", DAEMON)
    run("koowatchctl", "wait", "photos")
    package.dpkg("--remove", "koowatch")
    assert (STATE / "state.db").exists() and (ETC / "credentials/default.token").exists()
    assert not os.path.exists("/run/koowatch-hook.socket") and not os.path.exists("/run/koowatchd")
    package.install()
    assert show("ActiveState") == "active"
    package.purge()
    assert files() - before == set()
    assert pwd.getpwnam("koowatch") and pwd.getpwnam("koowatch-hook")
    assert not pathlib.Path("/usr/bin/koowatchd").exists()


def test_a_purge_keeps_what_is_mounted(package):
    """It may be all packages that hooks have stored, and rm would fail at its end."""
    package.install()
    mounted = pathlib.Path("/var/lib/koowatch-hook/packages")
    mounted.mkdir(parents=True)
    kept = pathlib.Path("/tmp/packages")
    kept.mkdir()
    run("mount", "--bind", str(kept), str(mounted))
    try:
        (mounted / "photos.zip").write_text("PK")
        said = package.purge().stderr
    finally:
        run("umount", str(mounted))
    assert "/var/lib/koowatch-hook is kept" in said
    assert (kept / "photos.zip").exists()
    assert not STATE.exists() and not ETC.exists()
    package.install()
    package.purge()
    assert not mounted.parent.exists()


def pages():
    """What Cockpit offers to whoever logs in: {name: its directory}."""
    lines = run("cockpit-bridge", "--packages").splitlines()
    return {line.split()[0]: line.split()[-1] for line in lines if "/" in line}


@pytest.mark.skipif(not shutil.which("cockpit-bridge"), reason="needs cockpit-bridge")
def test_the_page_in_cockpit_is_a_package_of_its_own(package):
    before = files()
    package.install()
    assert "koowatch" not in pages() and not PAGE.exists()
    package.install("cockpit-koowatch")
    assert pages()["koowatch"] == str(PAGE)
    names = re.findall(r'(?:src|href)="([\w.]+)"', (PAGE / "index.html").read_text())
    assert names and [name for name in names if name != "po.js" and not (PAGE / name).is_file()] == []
    assert {path.stat().st_mode & 0o777 for path in PAGE.rglob("*") if path.is_file()} == {0o644}
    package.install("cockpit-next")
    assert "of the next version" in (PAGE / "koowatch.css").read_text()
    package.dpkg("--remove", "cockpit-koowatch")
    assert "koowatch" not in pages() and show("ActiveState") == "active"
    package.install("cockpit-koowatch")
    package.purge()
    assert files() - before == set()


@pytest.fixture(autouse=True)
def nothing_has_failed():
    yield
    assert systemctl("list-units", "--failed", "--plain", "--no-legend") == ""
