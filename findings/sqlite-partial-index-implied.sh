#!/bin/bash
# SQLite: a partial index WHERE state <> 1 is not used for a query WHERE state = 0
#
# Version: SQLite 3.40.1 (Debian 12, libsqlite3-0 3.40.1-2+deb12u2).
#
# That state = 0 implies state <> 1 is plain to a reader, but SQLite's planner does not compare the constants: the row
# filter of a partial index has to stand in the query's own WHERE, as a term of its AND, in the index's words, even with
# the operands in the same order (a filter with IS NOT NULL has a rule of its own). So the query reads the whole table;
# an INDEXED BY fails with "no query solution"; and the seemingly redundant state <> 1 AND state = 0 is what turns the
# scan into a search.
#
# Output seen:
#   3.40.1
#   WHERE state = 0: SCAN task
#   WHERE state > 1: SCAN task
#   WHERE state IN (0, 2): SCAN task
#   WHERE NOT state = 1 AND state = 0: SCAN task
#   WHERE 1 <> state AND state = 0: SCAN task
#   WHERE state <> 1 AND state = 0: SEARCH task USING INDEX open_tasks (state=?)
#   INDEXED BY open_tasks WHERE state = 0: no query solution
#
# Needs Debian 12, python3 (its sqlite3 module is run on the library that is fetched) and apt's lists (apt-get update).
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download libsqlite3-0=3.40.1-2+deb12u2
dpkg -x libsqlite3-0_*.deb root
lib=$(dirname "$(find "$tmp/root" -name libsqlite3.so.0)")

LD_LIBRARY_PATH=$lib python3 - >seen 2>&1 <<'PYTHON' || true
import sqlite3

print(sqlite3.sqlite_version)
db = sqlite3.connect(":memory:")
db.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, name TEXT NOT NULL)")
db.execute("CREATE INDEX open_tasks ON task (state) WHERE state <> 1")
rows = ((0 if i % 1000 == 0 else 1, f"task {i}") for i in range(20000))
db.executemany("INSERT INTO task (state, name) VALUES (?, ?)", rows)
db.execute("ANALYZE")
for clause in (
    "WHERE state = 0",
    "WHERE state > 1",
    "WHERE state IN (0, 2)",
    "WHERE NOT state = 1 AND state = 0",
    "WHERE 1 <> state AND state = 0",
    "WHERE state <> 1 AND state = 0",
    "INDEXED BY open_tasks WHERE state = 0",
):
    try:
        plan = "; ".join(row[3] for row in db.execute("EXPLAIN QUERY PLAN SELECT name FROM task " + clause))
    except sqlite3.OperationalError as error:
        plan = str(error)
    print(f"{clause}: {plan}")
PYTHON
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: when SQLite uses a partial index, see the difference" >&2
    exit 1
fi
