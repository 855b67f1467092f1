"""System calls of the daemon that fail, by strace; tests/stress/failing-calls has each of them."""

import subprocess

import pytest

STRACE = ["strace", "-D", "-qq", "--signal=none", "-o", "/dev/null"]
# LeakSanitizer cannot look at a process that is traced.
ENVIRONMENT = {"ASAN_OPTIONS": "exitcode=99:abort_on_error=0:detect_leaks=0"}


@pytest.fixture
def start_failing(koowatch):
    """Starts the daemon with calls that fail; with a path, where they concern that."""
    if subprocess.run([*STRACE, "true"], capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")

    def start(calls, error, path=None):
        paths = ("-P", path) if path else ()
        wrapper = [*STRACE, *paths, "-e", f"inject={calls}:error={error}"]
        koowatch.start(wait=False, wrapper=wrapper, **ENVIRONMENT)

    return start


@pytest.mark.parametrize("error, status", [("EMFILE", 1), ("EIO", 1), ("ENOMEM", 1), ("EACCES", 78)])
def test_a_configuration_that_cannot_be_read(koowatch, start_failing, error, status):
    """Only what lasts keeps the service manager from starting it again."""
    start_failing("openat", error, koowatch.config_path)
    assert koowatch.end() == status
    koowatch.wait_entry("koowatch.conf: the configuration (cannot be read|is invalid)")
