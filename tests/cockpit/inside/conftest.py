"""The page with the real service, a real login and administrative access. Inside a booted systemd:

    KOOWATCH_BUILD=DIR tests/systemd/boot --bind "$PWD" --bind DIR -- /usr/bin/python3 -m pytest tests/cockpit/inside

DIR being a build directory, without sanitizers, from which koowatch is installed.
"""

import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(TESTS / "cockpit"), str(TESTS / "cockpit" / "inside"), str(TESTS / "systemd"), str(TESTS / "simulator")]
import cockpit_page  # noqa: E402
import service as _service  # noqa: E402
from fixtures import journal, require_boot, service, sim  # noqa: E402, F401
from person import PASSWORD, USER  # noqa: E402


@pytest.fixture(scope="session")
def installed():
    """All tests rest on this."""
    require_boot()
    absent = cockpit_page.missing() + ([] if pathlib.Path("/usr/bin/sudo").exists() else ["sudo"])
    if absent:
        pytest.skip(f"the page is not looked at: {', '.join(absent)} missing")
    _service.install()


@pytest.fixture(scope="session")
def user(installed):
    _service.run("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", USER)
    _service.run("chpasswd", input=f"{USER}:{PASSWORD}\n")
    return USER


@pytest.fixture(scope="session")
def shell(user):
    """Cockpit's shell in a browser, logged in as that person."""
    _service.systemctl("start", "cockpit-session.socket", check=False)  # where Cockpit has one, from 330 on
    port = cockpit_page.free_port()
    log = open("/run/cockpit-ws.log", "w", encoding="utf-8")  # noqa: SIM115
    ws = subprocess.Popen([cockpit_page.WS, "--no-tls", "-a", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    driver = cockpit_page.browser()
    shell = cockpit_page.Shell(driver, f"http://127.0.0.1:{port}")
    try:
        shell.log_in(USER, PASSWORD)
        yield shell
    finally:
        driver.quit()
        ws.terminate()
        ws.wait()


@pytest.fixture
def page(shell, service):
    """With administrative access; the service is not started yet."""
    shell.set_administrative(True, PASSWORD)
    yield shell.page
