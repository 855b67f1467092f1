#!/bin/bash
# SQLite: commits go on with success when the write-ahead log has been removed, and are lost with the connection
#
# Version: SQLite 3.40.1 (Debian 12, libsqlite3-0 3.40.1-2+deb12u2).
#
# One expects an error, or a new log. But a connection in WAL mode keeps the descriptor of its log and looks at its name
# only when it opens: each COMMIT writes to the file that has no name any more, syncs it, and returns SQLITE_OK. Other
# connections do not see the rows; nor does the same program after its restart, unless a checkpoint came before.
# SQLITE_FCNTL_HAS_MOVED, made for such cases, answers for the database's own file alone: 0 while only the log has gone.
#
# Output seen:
#   3.40.1
#   commit: 0
#   log removed, moved: 0
#   commit: 0
#   rows for this connection: 2, for another: 1
#   database removed too, moved: 1
#   commit: 0
#
# Needs Debian 12, python3 and apt's lists (apt-get update).
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download libsqlite3-0=3.40.1-2+deb12u2
dpkg -x libsqlite3-0_*.deb root
lib=$(find "$tmp/root" -name libsqlite3.so.0)

python3 - "$lib" >seen 2>&1 <<'PYTHON' || true
import ctypes
import os
import sys

sqlite = ctypes.CDLL(sys.argv[1])
sqlite.sqlite3_libversion.restype = ctypes.c_char_p
sqlite.sqlite3_column_int.argtypes = [ctypes.c_void_p, ctypes.c_int]
sqlite.sqlite3_step.argtypes = sqlite.sqlite3_finalize.argtypes = [ctypes.c_void_p]
HAS_MOVED = 20
OTHER = "import sqlite3; print(*sqlite3.connect('x.db').execute('SELECT count(*) FROM t').fetchone())"


def connect():
    db = ctypes.c_void_p()
    assert sqlite.sqlite3_open(b"x.db", ctypes.byref(db)) == 0
    return db


def run(db, text):
    return sqlite.sqlite3_exec(db, text, None, None, None)


def has_moved(db):
    moved = ctypes.c_int(-1)
    assert sqlite.sqlite3_file_control(db, b"main", HAS_MOVED, ctypes.byref(moved)) == 0
    return moved.value


def rows(db):
    query = ctypes.c_void_p()
    assert sqlite.sqlite3_prepare_v2(db, b"SELECT count(*) FROM t", -1, ctypes.byref(query), None) == 0
    sqlite.sqlite3_step(query)
    count = sqlite.sqlite3_column_int(query, 0)
    sqlite.sqlite3_finalize(query)
    return count


print(sqlite.sqlite3_libversion().decode())
db = connect()
run(db, b"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (x)")
print("commit:", run(db, b"INSERT INTO t VALUES (1)"))
run(db, b"PRAGMA wal_checkpoint(TRUNCATE)")
os.unlink("x.db-wal")
print("log removed, moved:", has_moved(db))
print("commit:", run(db, b"INSERT INTO t VALUES (2)"))
mine = rows(db)
os.unlink("x.db-shm")  # the index of the log
print(f"rows for this connection: {mine}, for another: ", end="", flush=True)
if os.fork() == 0:
    os.execvp("python3", ["python3", "-c", OTHER])
os.wait()
os.unlink("x.db")
print("database removed too, moved:", has_moved(db))
print("commit:", run(db, b"INSERT INTO t VALUES (3)"))
PYTHON
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what SQLite does without its log, see the difference" >&2
    exit 1
fi
