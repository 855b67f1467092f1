"""Tests of the Debian package. They run inside a booted systemd of their own:

    build DIR && KOOWATCH_PACKAGE=DIR ../boot --bind DIR -- /usr/bin/python3 -m pytest .

Each begins on a machine without koowatch.
"""

import os
import pathlib
import subprocess
import sys
import time

import pytest

sys.path.append(str(pathlib.Path(__file__).parent.parent))
import service as _service  # noqa: E402
from fixtures import journal, require_boot, sim  # noqa: E402, F401


class Package:
    def __init__(self, directory):
        self.directory = directory

    def dpkg(self, *arguments, check=True):
        """As from a script: nobody answers questions."""
        command = ["dpkg", "--force-confdef", "--force-confold", *arguments]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def install(self, which="koowatch", **options):
        return self.dpkg("--install", str(self.directory / f"{which}.deb"), **options)

    def purge(self):
        return self.dpkg("--purge", "cockpit-koowatch", "koowatch-postgresql", "koowatch")


@pytest.fixture
def package():
    """All tests rest on this."""
    require_boot()
    pathlib.Path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)  # it may forbid to start services
    package = Package(pathlib.Path(os.environ["KOOWATCH_PACKAGE"]))
    yield package
    package.purge()


@pytest.fixture
def service(package, journal, sim):
    """Of the package, installed."""
    package.install()
    service = _service.Service(journal, sim.url, time.time())
    yield service
    service.close()
