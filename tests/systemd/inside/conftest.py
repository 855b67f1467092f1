"""Tests of koowatch as a service. They run inside a booted systemd of their own:

    KOOWATCH_BUILD=DIR ../boot --bind DIR -- /usr/bin/python3 -m pytest .

DIR being a build directory, without sanitizers, from which koowatch is installed.
"""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parent.parent))
import service as _service  # noqa: E402
from fixtures import journal, require_boot, service, sim  # noqa: E402, F401


@pytest.fixture(scope="session")
def installed():
    """All tests rest on this."""
    require_boot()
    _service.install()
