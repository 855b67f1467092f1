"""Task files that misbehave, and those that only look so: each costs itself alone, and none is read by half."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import needs_root
from koowatch import task_text, wait_polls

STRESS = Path(__file__).resolve().parents[1] / "stress"
LARGEST = 64 * 1024


def check_one_registration(koowatch, names):
    for name in names:
        assert len(koowatch.find(f"^{name}: registered")) == 1, name
        assert len(koowatch.find(f"^{name}: completed")) <= 1, name


class Tellings:
    """What a hook was told, in a file: quicker than Koowatch.record() for many."""

    def __init__(self, koowatch):
        self.koowatch, self.path = koowatch, koowatch.path / "tellings"
        self.path.touch()
        koowatch.hook("finished.d/10-tell", f'echo "$KOOWATCH_NAME $KOOWATCH_VAR_N" >>{self.path}')

    def wait(self, expected):
        """Each of {name: N} is told once, and nothing else."""
        expected = sorted(f"{name} {number}" for name, number in expected.items())
        told = lambda: sorted(self.path.read_text().splitlines())  # noqa: E731
        self.koowatch.wait(lambda: len(told()) >= len(expected), f"{expected}")
        assert told() == expected


# What is refused


class Refused:
    """Each method makes a file that is refused, and returns what is said behind its path."""

    def too_large_by_one(self, path, good):
        path.write_text(good + "#" * (LARGEST + 1 - len(good)))
        return ": the file is larger than 64 KiB"

    @staticmethod
    def _publish(path, text, size):
        """Whole: a daemon that is quick would read the text before the file has its size."""
        hidden = path.with_name(f".{path.name}")
        hidden.write_text(text)
        os.truncate(hidden, size)
        hidden.rename(path)

    def sparse(self, path, good):
        self._publish(path, good, 1 << 40)
        return ": the file is larger than 64 KiB"

    def sparse_and_small(self, path, good):
        self._publish(path, good, LARGEST)
        return ":4: the line contains a NUL byte"

    def fifo(self, path, good):
        os.mkfifo(path)
        return ": not a regular file"

    def directory(self, path, good):
        path.mkdir()
        (path / "inside.task").write_text(good)
        return ": not a regular file"

    def socket(self, path, good):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
        return ": not a regular file"

    def device(self, path, good):
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # as /dev/zero: it never ends
        except PermissionError:
            os.mkfifo(path)
        return ": not a regular file"

    def link_that_leads_out(self, path, good):
        (path.parent.parent / "outside").write_text(good)
        path.symlink_to("../outside")
        return ": a symbolic link, which is allowed only in a directory that only root can write to"

    def link_to_itself(self, path, good):
        path.symlink_to(path.name)
        return ": a symbolic link, which"

    def empty(self, path, good):
        path.write_text("")
        return ": TaskId= is missing"

    def nul(self, path, good):
        path.write_bytes(good.encode() + b"Description=a\0b\n")
        return ":4: the line contains a NUL byte"

    def not_utf8(self, path, good):
        path.write_bytes(good.encode() + b"Description=\xff\n")
        return ":4: the line is not UTF-8 text"

    def utf16(self, path, good):
        path.write_text(good, encoding="utf-16")
        return ":1: the line contains a NUL byte"

    def ends_in_mid_line(self, path, good):
        path.write_text(good.rpartition("=")[0])
        return ":3: expected Key=Value"


def make(kinds, directory, sim):
    """{path: what is said}"""
    said = {}
    for kind in (kind for kind in dir(kinds) if not kind.startswith("_")):
        path = directory / f"{kind}.task"
        said[path] = getattr(kinds, kind)(path, task_text(sim.add_task(hold=True)))
    return said


@pytest.mark.parametrize("when", ["before", "running"])
def test_what_is_refused_costs_itself_alone(koowatch, sim, when):
    koowatch.low.chmod(0o1777)  # else links are followed
    beside = sim.add_task(hold=True)
    koowatch.add_task("beside", beside)
    if when == "running":
        koowatch.start()
    said = make(Refused(), koowatch.low, sim)
    if when == "before":
        run = koowatch.check()
        assert run.returncode == 1
        for path, what in said.items():
            assert f"{path}{what}" in run.stdout
        koowatch.start()
    for path, what in said.items():
        koowatch.wait_entry(f"^{path}{what}", KOOWATCH_NAME=path.stem)
    koowatch.add_task("good", sim.add_task())
    koowatch.wait_entry("^good: completed")
    wait_polls(sim, beside, 2)
    koowatch.reload()
    for path in said:
        assert not koowatch.find(f"^{path.stem}: registered")
        assert len(koowatch.find(f"^{path}{said[path]}")) <= 2, path  # also at the reload
    koowatch.wait_status(rf"watching 1 .*, {len(said)} invalid.*")
    check_one_registration(koowatch, ["beside", "good"])


def test_what_is_put_right_is_watched(koowatch, sim):
    koowatch.low.chmod(0o1777)
    koowatch.start()
    said = make(Refused(), koowatch.low, sim)
    koowatch.wait_status(rf"watching 0 .*, {len(said)} invalid.*")
    for path in said:
        if path.is_dir():
            path.rename(path.with_suffix(".aside"))
        koowatch.add_task(path.stem, sim.add_task())
    names = [path.stem for path in said]
    for name in names:
        koowatch.wait_entry(f"^{name}: completed")
    check_one_registration(koowatch, names)
    koowatch.wait_status(rf"watching 0 .*, {len(names)} finished; .*")


@needs_root
def test_a_file_that_cannot_be_read_until_it_can(koowatch, sim):
    for path in (koowatch.state, koowatch.spool, koowatch.token_path):
        os.chown(path, 65534, 65534)
    (koowatch.path / "notify").chmod(0o777)
    koowatch.wrapper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*koowatch.wrapper, "true"], capture_output=True).returncode != 0:
        pytest.skip("no other user can be become")
    koowatch.start()
    path = koowatch.add_task("photos", sim.add_task(), mode=0)
    koowatch.wait_entry(f"^{path}: Permission denied", KOOWATCH_NAME="photos")
    path.chmod(0o644)
    koowatch.wait_entry("^photos: completed")
    check_one_registration(koowatch, ["photos"])


# What is accepted


class Accepted:
    """Each method makes a file of another form, which is watched."""

    def crlf(self, path, good):
        path.write_bytes(good.replace("\n", "\r\n").encode())

    def byte_order_mark(self, path, good):
        path.write_text(good, encoding="utf-8-sig")

    def no_newline_at_the_end(self, path, good):
        path.write_text(good.rstrip("\n"))

    def keys_twice_the_last_counts(self, path, good):
        path.write_text(good.replace("[Task]", "[Task]\nTaskId=none\nShareId=none"))

    def sections_twice(self, path, good):
        path.write_text(good.replace("\nShareId", "\n[Variables]\na=1\n[Task]\nShareId"))

    def as_large_as_may_be(self, path, good):
        path.write_text(good + "#" * (LARGEST - len(good)))

    def hard_link(self, path, good):
        (path.parent.parent / "other-name").write_text(good)
        path.hardlink_to(path.parent.parent / "other-name")


@pytest.mark.parametrize("when", ["before", "running"])
def test_other_forms_are_watched(koowatch, sim, when):
    if when == "running":
        koowatch.start()
    names = []
    for kind in (kind for kind in dir(Accepted) if not kind.startswith("_")):
        getattr(Accepted(), kind)(koowatch.low / f"{kind}.task", task_text(sim.add_task()))
        names.append(kind)
    if when == "before":
        assert koowatch.check().returncode == 0
        koowatch.start()
    for name in names:
        koowatch.wait_entry(f"^{name}: completed")
    check_one_registration(koowatch, names)
    assert not [entry for entry in koowatch.entries if entry.level == "warning"]


def test_a_file_that_grows_without_end(koowatch, sim):
    """Its writer never closes it: nothing of it is read, and nobody else waits."""
    beside = sim.add_task(hold=True)
    koowatch.add_task("beside", beside)
    koowatch.start()
    with open(koowatch.low / "log.task", "w") as file:
        before = sim.polls(beside)
        while sim.polls(beside) < before + 5:
            file.write("[Task]\nTaskId=1\n" * 100)
            file.flush()
        assert not koowatch.find("log")
    koowatch.wait_entry("log.task: the file is larger than 64 KiB|log.task: ShareId= is missing")
    koowatch.add_task("log", sim.add_task())
    koowatch.wait_entry("^log: completed")


# Ways to save: the system calls of each, one after the other as the program makes them


def write_in_place(path, text, flags=os.O_TRUNC):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o640)
    half = len(text) // 2
    os.write(fd, text[:half].encode())
    os.write(fd, text[half:].encode())
    return fd


class Savers:
    """Each method saves text as path, which is there."""

    def shell(self, path, text):
        subprocess.run(["sh", "-c", 'cat >"$0"', path], input=text, text=True, check=True)

    def sed_in_place(self, path, text):
        variable = re.search(r"^N=.*", text, re.MULTILINE)[0]
        subprocess.run(["sed", "-i", f"s/^N=.*/{variable}/", path], check=True)

    def ed(self, path, text):
        variable = re.search(r"^N=.*", text, re.MULTILINE)[0]
        subprocess.run(["sh", "-c", 'command -v ed >/dev/null && exec ed -s "$0"; exec cat >"$0"', path],
                       input=f"g/^N=/s/.*/{variable}/\nw\nq\n" if Path("/usr/bin/ed").exists() else text,
                       text=True, check=True)  # fmt: skip

    def _other(self, path, text):
        other = path.parent.parent / "saved"
        other.write_text(text)
        other.chmod(0o640)
        return other

    def cp(self, path, text):
        subprocess.run(["cp", self._other(path, text), path], check=True)

    def cp_archive(self, path, text):
        subprocess.run(["cp", "-a", "--remove-destination", self._other(path, text), path], check=True)

    def mv(self, path, text):
        subprocess.run(["mv", self._other(path, text), path], check=True)

    def install(self, path, text):
        subprocess.run(["install", "-m", "0640", self._other(path, text), path], check=True)

    def dd(self, path, text):
        subprocess.run(["dd", f"of={path}", "bs=7"], input=text, text=True, check=True, capture_output=True)

    def tar(self, path, text):
        other = self._other(path, text)
        pack = subprocess.run(
            ["tar", "-c", "-C", other.parent, f"--transform=s/saved/{path.name}/", "saved"], capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", path.parent], input=pack.stdout, check=True)

    # vim 9.0, src/bufwrite.c: buf_write(). A test of the directory with a file named 4913, a backup
    # by renaming or by copying, and the backup goes when all is written.

    def vim_backupcopy_no(self, path, text):
        trial = path.with_name("4913")
        fd = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
        os.fchown(fd, os.geteuid(), os.getegid())
        os.close(fd)
        trial.unlink()
        backup = path.with_name(path.name + "~")
        path.rename(backup)
        fd = write_in_place(path, text)
        os.fsync(fd)
        os.fchmod(fd, 0o640)
        os.close(fd)
        path.chmod(0o640)
        backup.unlink()

    def vim_backupcopy_yes(self, path, text):
        backup = path.with_name(path.name + "~")
        os.close(write_in_place(backup, path.read_text(), os.O_EXCL))
        fd = write_in_place(path, text)
        os.fsync(fd)
        os.close(fd)
        backup.unlink()

    def vim_nowritebackup(self, path, text):
        fd = write_in_place(path, text)
        os.fsync(fd)
        os.close(fd)
        path.chmod(0o640)

    # Emacs 28, lisp/files.el: basic-save-buffer-2 with backup-buffer, and src/filelock.c: the first
    # save of a session renames the file to its backup, further ones write in place. auto-save.

    def emacs_first_save(self, path, text):
        lock = path.with_name(f".#{path.name}")
        lock.symlink_to("user@host.1:1")
        auto = path.with_name(f"#{path.name}#")
        auto.write_text(text)
        path.rename(path.with_name(path.name + "~"))
        fd = write_in_place(path, text)
        os.fsync(fd)
        os.close(fd)
        path.chmod(0o640)
        auto.unlink()
        lock.unlink()

    def emacs_precious(self, path, text):  # file-precious-flag: a temporary file in the same directory
        temporary = path.with_name(f"{path.name}.tmp1")
        os.close(write_in_place(temporary, text, os.O_EXCL))
        temporary.chmod(0o640)
        temporary.rename(path)

    # nano 7.2, src/files.c: write_file(). In place; with "set backup" the backup is a copy.

    def nano(self, path, text):
        path.with_name(path.name + "~").write_text(path.read_text())
        os.close(write_in_place(path, text))

    # rsync 3.2, receiver.c: recv_files(), rsync.c: finish_transfer(). A dot file, which gets its
    # times and is renamed; with --inplace the times come after the file is closed.

    def rsync(self, path, text):
        temporary = path.with_name(f".{path.name}.aBc123")
        fd = write_in_place(temporary, text, os.O_EXCL)
        os.fchmod(fd, 0o600)
        os.close(fd)
        os.utime(temporary, (1_700_000_000,) * 2)
        temporary.chmod(0o640)
        temporary.rename(path)

    def rsync_inplace(self, path, text):
        fd = write_in_place(path, text, 0)
        os.ftruncate(fd, len(text))
        os.close(fd)
        os.utime(path, (1_700_000_000,) * 2)
        path.chmod(0o640)

    # GLib's g_file_set_contents() (gedit, many desktops), Python's and Go's "atomic write" packages.

    def glib(self, path, text):
        temporary = path.with_name(f"{path.name}.X7Y8Z9")
        fd = write_in_place(temporary, text, os.O_EXCL)
        os.fsync(fd)
        os.close(fd)
        temporary.rename(path)

    # Something that takes its time between the making of a file and its text.

    def slow(self, path, text):
        path.unlink()
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        for begin in range(0, len(text), 8):
            os.write(fd, text[begin : begin + 8].encode())
            time.sleep(0.02)
        os.close(fd)


def test_ways_to_save(koowatch, sim):
    tellings = Tellings(koowatch)
    savers = [name for name in dir(Savers) if not name.startswith("_")]
    tasks = {name: sim.add_task(hold=True) for name in savers}
    paths = {name: koowatch.add_task(name, task, variables={"N": 0}) for name, task in tasks.items()}
    koowatch.start()
    for number in (1, 2):
        for name, path in paths.items():
            getattr(Savers(), name)(path, task_text(tasks[name], variables={"N": number}))
    koowatch.add_task("last", sim.add_task(), variables={"N": 9})
    koowatch.wait_entry("^last: completed")  # what came before it has been read
    for task in tasks.values():
        wait_polls(sim, task)
        task.complete()
    tellings.wait({"last": 9, **dict.fromkeys(savers, 2)})
    check_one_registration(koowatch, savers)
    assert not [entry for entry in koowatch.entries if entry.level in ("warning", "error")]


# Many at once


def test_a_storm_that_overflows_the_queue(koowatch, sim):
    """10,000 renames are more events than the kernel keeps for a daemon that cannot read: it looks at all again."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 40_000:
        pytest.skip(f"a queue of {limit} events is not filled here")
    tellings = Tellings(koowatch)
    tasks = {f"t{number}": sim.add_task(hold=True) for number in range(10)}
    gone, new = sim.add_task(hold=True), sim.add_task(hold=True)
    for name, task in {**tasks, "gone": gone}.items():
        koowatch.add_task(name, task, variables={"N": 0})
    koowatch.start()
    koowatch.wait_status(r"watching 11 .*")
    koowatch.process.send_signal(signal.SIGSTOP)
    for _ in range(500):
        for name in tasks:
            aside = (koowatch.low / f"{name}.task").rename(koowatch.low / f".{name}")
            aside.rename(koowatch.low / f"{name}.task")
    for name, task in tasks.items():
        koowatch.add_task(name, task, variables={"N": 1})
    (koowatch.low / "gone.task").unlink()
    koowatch.add_task("new", new, variables={"N": 1})
    koowatch.process.send_signal(signal.SIGCONT)
    wait_polls(sim, new, 2)
    asked = sim.polls(gone)
    for task in tasks.values():
        wait_polls(sim, task)
    wait_polls(sim, new, 2)
    assert sim.polls(gone) == asked
    for task in (*tasks.values(), new):
        task.complete()
    tellings.wait({"new": 1, **dict.fromkeys(tasks, 1)})
    check_one_registration(koowatch, ["new", "gone", *tasks])
    assert not [entry for entry in koowatch.entries if entry.level in ("warning", "error")]


@pytest.mark.parametrize("way", ["in-place", "renamed"])
def test_many_files_at_once(build, way):
    run = subprocess.run(
        [sys.executable, STRESS / "many-files", "1000", "--build", build, "--way", way],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "\n1000 registered" in run.stdout


# Directories


def test_a_directory_that_is_renamed_away_and_back(koowatch, sim):
    koowatch.record()
    task, new = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    for _ in range(20):
        aside = koowatch.low.rename(koowatch.path / "aside")
        aside.rename(koowatch.low)
    aside = koowatch.low.rename(koowatch.path / "aside")
    koowatch.add_task("new", new, where=aside)
    koowatch.wait_entry("low: not there; is a file system not mounted")
    wait_polls(sim, task, 2)
    aside.rename(koowatch.low)
    wait_polls(sim, new)
    wait_polls(sim, task, 2)
    koowatch.add_task("later", sim.add_task())
    koowatch.wait_entry("^later: completed")
    task.complete()
    koowatch.wait_record(name="photos")
    check_one_registration(koowatch, ["photos", "new", "later"])


def test_a_directory_with_tasks_that_is_removed_and_made_again(koowatch, sim):
    koowatch.record()
    kept, gone = sim.add_task(hold=True), sim.add_task(hold=True)
    koowatch.add_task("kept", kept)
    koowatch.add_task("gone", gone)
    koowatch.start()
    wait_polls(sim, gone)
    subprocess.run(["rm", "-r", koowatch.low], check=True)
    koowatch.low.mkdir()
    koowatch.add_task("kept", kept, variables={"N": 1})
    koowatch.add_task("new", sim.add_task())
    koowatch.wait_entry("^new: completed")
    koowatch.wait_status(r"watching 1 .*, 1 finished.*")
    asked = sim.polls(gone)
    wait_polls(sim, kept, 4)
    assert sim.polls(gone) == asked
    kept.complete()
    assert koowatch.wait_record(name="kept")["env"]["KOOWATCH_VAR_N"] == "1"
    koowatch.restart()
    koowatch.wait_status(r"watching 0 .*, 2 finished.*")
    assert len(koowatch.find("completed")) == 2
    assert not koowatch.find("^gone: (completed|rejected)")


@needs_root
def test_a_finished_file_whose_directory_is_away_goes_when_it_is_back(koowatch, sim):
    beside = sim.add_task(hold=True)
    koowatch.add_task("beside", beside)
    koowatch.record(gated=True)
    koowatch.start()
    path = koowatch.add_task("photos", sim.add_task(), where=koowatch.spool)
    koowatch.wait_record(name="photos")
    aside = koowatch.spool.rename(koowatch.path / "aside")
    koowatch.wait_entry("tasks.d: not there; is a file system not mounted")
    koowatch.release()
    koowatch.wait_entry("10-record ended: done", KOOWATCH_NAME="photos")
    wait_polls(sim, beside, 4)
    assert (aside / path.name).exists()
    aside.rename(koowatch.spool)
    koowatch.wait(lambda: not path.exists(), "the file's removal")
    assert len(koowatch.records()) == 1
