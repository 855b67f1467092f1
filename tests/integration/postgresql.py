"""A PostgreSQL server for the tests, and what they ask it.

KOOWATCH_STORE=postgresql runs the tests of the daemon on it: each Koowatch has a fleet, which is a
schema, of its own. The server is the one of KOOWATCH_POSTGRESQL, a conninfo, or one that is started.
"""

import os
import pathlib
import re
import subprocess
import tempfile

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "postgresql"
IS_STORE = os.environ.get("KOOWATCH_STORE", "sqlite") == "postgresql"

WORDS = {"t": 1, "f": 0, "\\N": None}

# What is about the file of SQLite, or what only that can go through.
sqlite_only = pytest.mark.skipif(IS_STORE, reason="about SQLite's file")


def value(text):
    """Of a column; which type it has psql does not tell."""
    if text in WORDS:
        return WORDS[text]
    return int(text) if re.fullmatch(r"-?\d{1,19}", text) else text


class PostgreSQL:
    """One that is there already (with a conninfo), or is started, in a directory that is there or its own.

    standby_of: another one, which it follows.
    """

    def __init__(self, conninfo=None, directory=None, standby_of=None):
        self.path = None
        self._fleets = 0
        self.conninfo = conninfo
        self.directory = None
        self._of = [standby_of.path] if standby_of else []
        if directory:
            self._start(pathlib.Path(directory))
        elif not conninfo:
            self.directory = tempfile.TemporaryDirectory(prefix="koowatch-pg-")
            os.chmod(self.directory.name, 0o755)
            self._start(pathlib.Path(self.directory.name))

    def _start(self, directory):
        self.path = directory / "s"
        self._script("standby" if self._of else "start", *self._of)
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

    def promote(self):
        self._script("promote")

    def signal(self, number):
        """To all of its processes."""
        postmaster = int((self.path / "data/postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in [postmaster, *map(int, children)]:
            os.kill(pid, number)

    def close(self):
        if self.path and (self.path / "data/postmaster.pid").exists():
            self.stop()
        if self.directory:
            self.directory.cleanup()

    def new_fleet(self):
        self._fleets += 1
        return f"t_{os.getpid()}_{self._fleets}"

    def query(self, sql, fleet=None, options=""):
        """The rows, as SQLite would give them: numbers and truths as numbers, NULL as None."""
        if fleet:
            sql = f"SET search_path TO {fleet}; {sql}"
        run = subprocess.run(
            ["psql", "-XAtq", "-F", "\x1f", "-R", "\x1e", "-P", "null=\\N", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo, "-c", sql],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PGOPTIONS": options},
        )
        assert run.returncode == 0, run.stderr
        rows = run.stdout.removesuffix("\n")
        return [tuple(map(value, row.split("\x1f"))) for row in rows.split("\x1e") if rows]
