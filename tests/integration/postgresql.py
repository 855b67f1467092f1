"""A PostgreSQL server for the tests, and what they ask it.

KOOWATCH_STORE=postgresql runs the tests of the daemon on it: each Koowatch has a fleet, which is a
schema, of its own. The server is the one of KOOWATCH_POSTGRESQL, a conninfo, or one that is started.
"""

import os
import pathlib
import subprocess
import tempfile

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "postgresql"
IS_STORE = os.environ.get("KOOWATCH_STORE", "sqlite") == "postgresql"

# What is about the file of SQLite, or what only that can go through.
sqlite_only = pytest.mark.skipif(IS_STORE, reason="about SQLite's file")


class PostgreSQL:
    """One that is started, or (with a conninfo) is there already."""

    def __init__(self, conninfo=None):
        self.path = None
        self._fleets = 0
        self.conninfo = conninfo
        if not conninfo:
            self.directory = tempfile.TemporaryDirectory(prefix="koowatch-pg-")
            os.chmod(self.directory.name, 0o755)
            self.path = pathlib.Path(self.directory.name) / "s"
            self._script("start")
            self.conninfo = (self.path / "conninfo").read_text().strip()

    def _script(self, what, *arguments):
        run = subprocess.run([SCRIPT, what, self.path, *arguments], capture_output=True, text=True, timeout=120)
        if run.returncode == 77:
            pytest.skip(run.stderr.strip())
        assert run.returncode == 0, run.stderr

    def stop(self):
        """As if it had crashed."""
        self._script("stop")

    def again(self):
        self._script("again")

    def signal(self, number):
        """To all of its processes."""
        postmaster = int((self.path / "data/postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in [postmaster, *map(int, children)]:
            os.kill(pid, number)

    def close(self):
        if self.path:
            self.stop()
            self.directory.cleanup()

    def new_fleet(self):
        self._fleets += 1
        return f"t_{os.getpid()}_{self._fleets}"

    def query(self, sql):
        """The rows, each a list of texts; what is NULL is empty."""
        run = subprocess.run(
            ["psql", "-XAtq", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo, "-c", sql],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return [row.split("\x1f") for row in run.stdout.rstrip("\n").split("\x1e") if row]
