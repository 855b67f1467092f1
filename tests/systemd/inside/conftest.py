"""Tests of koowatch as a service. They run inside a booted systemd of their own:

    KOOWATCH_BUILD=DIR ../boot --bind DIR -- /usr/bin/python3 -m pytest .

DIR being a build directory, without sanitizers, from which koowatch is installed.
"""

import os
import pathlib
import sys
import time

import pytest

sys.path.append(str(pathlib.Path(__file__).parent.parent))
import service as _service  # noqa: E402
from koodrive_simulator import Simulator  # noqa: E402


@pytest.fixture(scope="session")
def journal():
    journal = _service.Journal()
    yield journal
    journal.close()


@pytest.fixture(scope="session")
def installed():
    """All tests rest on this, so that none changes another machine than a booted one."""
    if os.environ.get("container") != "koowatch-boot":
        pytest.skip("to be run under tests/systemd/boot")
    _service.install()


@pytest.fixture
def sim():
    with Simulator(seed=None) as simulator:  # ids of its own, as the journal knows all tests'
        yield simulator


@pytest.fixture
def service(installed, journal, sim):
    service = _service.Service(journal, sim.url, time.time())
    yield service
    service.close()
