"""What the tests inside a booted systemd share. A folder's conftest.py imports those that its tests use."""

import os
import time

import pytest
import service as _service
from koodrive_simulator import Simulator


def require_boot():
    """So that no test changes another machine than a booted one."""
    if os.environ.get("container") != "koowatch-boot":
        pytest.skip("to be run under tests/systemd/boot")


@pytest.fixture(scope="session")
def journal():
    journal = _service.Journal()
    yield journal
    journal.close()


@pytest.fixture
def sim():
    with Simulator(seed=None) as simulator:  # ids of its own, as the journal knows all tests'
        yield simulator


@pytest.fixture
def service(installed, journal, sim):
    """Not started yet; installed is the folder's own."""
    service = _service.Service(journal, sim.url, time.time())
    yield service
    service.close()
