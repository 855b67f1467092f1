"""What the daemon gave up, and what it can do all the same."""

import errno
import pathlib
import shutil

import pytest
from koodrive_simulator import Simulator
from service import DAEMON, ETC, STATE, run, show

HOST = "koodrive.test"

# Tries to execute something when it gets SIGUSR2, and tells by which errno it was refused.
PROBE = r"""
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static void try(int number) {
        const char *path = "/usr/bin/koowatchd";
        char *argv[] = {"koowatchd", "--version", NULL};
        int fd = open("/var/lib/koowatch/probed", O_WRONLY | O_CREAT | O_TRUNC, 0600);

        (void) number;
        execve(path, argv, NULL);
        dprintf(fd, "execve %d, ", errno);
        syscall(SYS_execveat, AT_FDCWD, path, argv, NULL, 0);
        dprintf(fd, "execveat %d.", errno);
}

__attribute__((constructor)) static void prepare(void) {
        signal(SIGUSR2, try);
}
"""


def status_of(service):
    lines = pathlib.Path(f"/proc/{service.pid}/status").read_text().splitlines()
    return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}


def test_no_privilege_is_left(service):
    service.start()
    status = status_of(service)
    assert status["Uid"] == [str(pathlib.Path(STATE).stat().st_uid)] * 4 != ["0"] * 4
    assert {int(status[name][0], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == ["1"]
    assert status["Seccomp"] == ["2"]


def test_the_daemon_cannot_execute_anything(service, tmp_path):
    """Not even itself, which NoExecPaths= would allow: the daemon's own filter refuses."""
    library = pathlib.Path("/usr/lib/koowatch-test-probe.so")
    (tmp_path / "probe.c").write_text(PROBE)
    run("gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, tmp_path / "probe.c")
    service.drop_in(DAEMON, f"Environment=LD_PRELOAD={library}")
    service.start()
    run("systemctl", "kill", "-s", "USR2", DAEMON)
    probed = STATE / "probed"
    service.wait(lambda: probed.exists() and probed.read_text().endswith("."), "the probe's end")
    assert probed.read_text() == f"execve {errno.EPERM}, execveat {errno.EPERM}."
    assert show("ActiveState") == "active"


def test_nothing_but_its_own_is_written(service):
    service.start()
    mounts = pathlib.Path(f"/proc/{service.pid}/mountinfo").read_text().splitlines()
    options = {line.split()[4]: line.split()[5].split(",") for line in mounts}
    assert "ro" in options["/"]
    assert "rw" in options[str(STATE.resolve())]


@pytest.fixture
def named_host():
    hosts = pathlib.Path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}\n127.0.0.1 {HOST}\n")
    yield HOST
    hosts.write_text(before)


def test_names_are_resolved(service, sim, named_host):
    """In libcurl's thread, which the sandbox must let it have."""
    service.settings["Account"] |= {
        "Endpoint": f"http://{named_host}:{sim.port}",
        "AllowPlainHttp": "yes",
    }
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait_entry("^photos: completed")


@pytest.fixture
def certificate(tmp_path):
    path = tmp_path / "certificate.pem"
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
        *("-keyout", tmp_path / "key.pem", "-out", path),
    )
    return path


def test_tls_with_an_authority_of_its_own(service, named_host, certificate):
    authority = ETC / "koowatch.conf.d/authority.pem"
    authority.parent.mkdir(exist_ok=True)
    shutil.copy(certificate, authority)
    with Simulator(certificate=certificate, key=certificate.with_name("key.pem"), seed=None) as sim:
        service.settings["Account"]["Endpoint"] = f"https://{named_host}:{sim.port}"
        service.add_task("photos", sim.add_task())
        service.start()
        service.wait_entry("default|photos: .*certificate")
        assert not sim.requests
        service.settings["Account"]["CAFile"] = authority
        service.reload()
        service.wait_entry("^photos: completed")
