"""The page in Cockpit, in a browser, with a manager that says what a test wants.

    KOOWATCH_BUILD=DIR /usr/bin/python3 -m pytest tests/cockpit

With KOOWATCH_SCREENSHOTS=DIR the screens are left there. What needs a booted systemd is in inside/.
"""

import copy
import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "cockpit"), str(TESTS / "integration")]
import cockpit_page  # noqa: E402
import screens  # noqa: E402
from bus import Bus, Manager  # noqa: E402


@pytest.fixture(scope="session")
def able():
    """Skips, and says why, where there can be no browser."""
    absent = cockpit_page.missing()
    if absent:
        pytest.skip(f"the page is not looked at: {', '.join(absent)} missing")


@pytest.fixture(scope="session")
def build():
    return pathlib.Path(os.environ["KOOWATCH_BUILD"])


@pytest.fixture(scope="session")
def bus(able):
    bus = Bus()
    yield bus
    bus.close()


@pytest.fixture(scope="session")
def cockpit(able, build, bus, tmp_path_factory):
    data = cockpit_page.install(build, tmp_path_factory.mktemp("installed"))
    cockpit = cockpit_page.Cockpit(data, bus.address, tmp_path_factory.mktemp("home"))
    yield cockpit
    cockpit.close()


@pytest.fixture(scope="session")
def driver(able):
    driver = cockpit_page.browser()
    yield driver
    driver.quit()


@pytest.fixture
def manager(build, bus):
    """Not started yet; its content may be changed before."""
    manager = Manager(build, bus, **copy.deepcopy(screens.content()))
    yield manager
    manager.close()


@pytest.fixture
def page(cockpit, driver):
    """Not open yet. At the end the browser must have had nothing to complain about."""
    page = cockpit_page.Page(driver, cockpit.url)
    yield page
    page.leave()


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    return cockpit_page.axe(tmp_path_factory.mktemp("axe"))
