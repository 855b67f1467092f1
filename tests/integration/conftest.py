"""Fixtures for the whole daemon against the simulator."""

import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "simulator"))

from fleet import Fleet  # noqa: E402
from koodrive_simulator import Simulator  # noqa: E402
from koowatch import Koowatch  # noqa: E402
from postgresql import IS_STORE, PostgreSQL  # noqa: E402

# A shell starts what it puts in the background with interrupts ignored, nohup all with hang-ups; and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who owns the directories")


@pytest.fixture(scope="session")
def build():
    path = os.environ.get("KOOWATCH_BUILD")
    if not path:
        pytest.skip("KOOWATCH_BUILD does not name a build folder")
    return path


@pytest.fixture
def crash_points(build):
    """For tests that let a program die at a CRASH_POINT()."""
    if b"KOOWATCH_CRASH" not in (pathlib.Path(build) / "koowatchd").read_bytes():
        pytest.skip("a build with -Dcrash-points=true has crash points")


@pytest.fixture
def sim():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def postgresql():
    """A server that is shared: what stops it, or changes more than a fleet, starts one of its own."""
    server = PostgreSQL(os.environ.get("KOOWATCH_POSTGRESQL"))
    yield server
    server.close()


@pytest.fixture
def server():
    """One that is stopped and spoilt."""
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture
def koowatch(build, sim, request):
    """Not started yet; its endpoint is the simulator's."""
    koowatch = Koowatch(build, sim.url)
    if IS_STORE:
        koowatch.use_postgresql(request.getfixturevalue("postgresql"))
    yield koowatch
    koowatch.close()


@pytest.fixture
def fleet(build, sim, postgresql):
    """No nodes yet."""
    fleet = Fleet(build, sim, postgresql)
    yield fleet
    fleet.close()


@pytest.fixture
def two(fleet):
    """Node a, which polls, and node b, which could."""
    a, b = fleet.add("a"), fleet.add("b")
    a.start()
    fleet.wait(lambda: fleet.owner() == "a", "a has the account")
    b.start()
    return a, b


def pytest_collection_modifyitems(items):
    """Spreads the tests of fleets, which wait for seconds, among all: a worker gets neighbours."""
    slow = [item for item in items if item.path.name.startswith("test_fleet")]
    rest = [item for item in items if item not in slow]
    if slow and rest:
        step = len(rest) / len(slow)
        for number, item in reversed(list(enumerate(slow))):
            rest.insert(int(number * step), item)
        items[:] = rest


def pytest_make_parametrize_id(val):
    """Bytes would go into a test's name, and differ from worker to worker where they hold a time."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None
