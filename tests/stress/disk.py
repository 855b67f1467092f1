"""A disk that loses its power: what tests/stress/power-loss.c has recorded, and images of it.

An image is what may be found afterwards. What was synced before the cut is there: a file's bytes
and length by a sync of the file, its name by a sync of the directory, no matter whose directory
entry that is in turn. Of all else each change is there or is not, for itself:

  bytes   by sectors of 512, each of them whole; a sector that is missing has what was there
          before, or where the file was shorter, zeros or noise
  length  for itself, so that a file may be longer than what it has of its bytes
  names   a rename at once, or with the old name left as well; never both names gone

Modes and times are as they were last: nothing in koowatch depends on one that changes.
"""

import collections
import contextlib
import fcntl
import os
import pathlib
import random
import stat

SECTOR = 512

Change = collections.namedtuple("Change", "kind arguments data")
CHANGES = {"create", "mkdir", "link", "rename", "unlink", "write", "truncate", "extend", "sync"}
WITH_DATA = {"write", "told", "sent"}


def read_record(data):
    """The changes in their order."""
    changes, at = [], 0
    while at < len(data):
        end = data.index(b"\n", at)
        kind, *arguments = data[at:end].decode().split()
        at = end + 1
        content = b""
        if kind in WITH_DATA:
            content = data[at : at + int(arguments[-1])]
            at += len(content)
        if kind in CHANGES:
            arguments = [int(a) if a.isdigit() else a for a in arguments]
        changes.append(Change(kind, arguments, content))
    return changes


class Disk:
    """The recorded part of a disk: a folder, and the record of what is changed in it.

    What others than koowatchd change goes through the methods here.
    """

    def __init__(self, root, record, vault):
        """root and vault (where inodes are kept from being used again) are made."""
        self.root, self.record, self.vault = pathlib.Path(root), pathlib.Path(record), pathlib.Path(vault)
        self.record.touch()
        self.vault.mkdir()
        self.root.mkdir()
        self.first = self.root.stat().st_ino

    @contextlib.contextmanager
    def _lock(self):
        with open(self.record, "ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield lambda line, data=b"": file.write(f"{line}\n".encode() + data)

    def note(self, line):
        """What somebody gets to know: its first word is of no change."""
        with self._lock() as put:
            put(line)

    def mkdir(self, path):
        with self._lock() as put:
            path.mkdir()
            put(f"mkdir {path.parent.stat().st_ino} {path.name} {path.stat().st_ino}")
        self.sync(path.parent)

    def sync(self, path):
        fd = os.open(path, os.O_RDONLY)
        with self._lock() as put:
            os.fsync(fd)
            put(f"sync {os.fstat(fd).st_ino}")
        os.close(fd)

    def create(self, path, text, synced):
        """A file whose inode is nobody else's later."""
        with self._lock() as put:
            path.write_text(text)
            inode = path.stat().st_ino
            os.link(path, self.vault / str(inode))
            put(f"create {path.parent.stat().st_ino} {path.name} {inode}")
            put(f"write {inode} 0 {len(text.encode())}", text.encode())
        if synced:
            self.sync(path)

    def write(self, path, offset, data):
        with self._lock() as put:
            with open(path, "r+b") as file:
                file.seek(offset)
                file.write(data)
            put(f"write {path.stat().st_ino} {offset} {len(data)}", data)

    def rename(self, path, name, synced):
        with self._lock() as put:
            directory = path.parent.stat().st_ino
            put(f"rename {directory} {path.name} {directory} {name} {path.stat().st_ino}")
            path.rename(path.parent / name)
        if synced:
            self.sync(path.parent)

    def unlink(self, path, synced):
        with self._lock() as put:
            path.unlink()
            put(f"unlink {path.parent.stat().st_ino} {path.name}")
        if synced:
            self.sync(path.parent)


class Thing:
    """A file or a directory; an inode's number may be another one's later."""

    def __init__(self, inode, is_directory):
        self.inode, self.is_directory = inode, is_directory
        self.changes = []  # positions in the record, with what they mean to it
        self.syncs = []  # positions


def is_left_out(name):
    return name.endswith("-shm")


class Story:
    """A record, sorted by what each change is about."""

    def __init__(self, changes, root):
        """root: the inode of the folder that was there, and empty, at the begin."""
        self.changes = changes
        self.root = Thing(root, True)
        self._now = {root: self.root}  # inode: what it is at this position
        for position, change in enumerate(changes):
            if change.kind in CHANGES:
                data = [change.data] if change.kind in WITH_DATA else []
                getattr(self, f"_{change.kind}")(position, *change.arguments, *data)

    def _name(self, position, directory, entries):
        self._now[directory].changes.append((position, entries))

    def _create(self, position, directory, name, inode):
        if not is_left_out(name):
            self._now[inode] = Thing(inode, False)
            self._name(position, directory, {str(name): self._now[inode]})

    def _mkdir(self, position, directory, name, inode):
        self._now[inode] = Thing(inode, True)
        self._name(position, directory, {str(name): self._now[inode]})

    def _link(self, position, directory, name, inode):
        self._name(position, directory, {str(name): self._now[inode]})

    def _unlink(self, position, directory, name):
        if not is_left_out(str(name)):
            self._name(position, directory, {str(name): None})

    def _rename(self, position, directory, name, to_directory, to_name, inode):
        if is_left_out(str(name)):  # of a database that is moved aside
            return
        assert directory == to_directory, "a rename from one directory to another"
        self._name(position, directory, {str(to_name): self._now[inode], str(name): None})

    def _write(self, position, inode, offset, length, data):
        assert length == len(data)
        self._now[inode].changes.append((position, ("write", offset, data)))

    def _truncate(self, position, inode, length):
        self._now[inode].changes.append((position, ("truncate", length)))

    def _extend(self, position, inode, length):
        self._now[inode].changes.append((position, ("extend", length)))

    def _sync(self, position, inode):
        if inode in self._now:
            self._now[inode].syncs.append(position)

    # Images

    def image(self, cut, chance):
        """{name: bytes, or the same for a folder}, of a power loss before the change at cut.

        chance decides about what was not synced. Also returns {path: inode} of the files.
        """
        inodes = {}
        return self._directory(self.root, cut, chance, "", inodes), inodes

    def _directory(self, thing, cut, chance, path, inodes):
        synced = max((position for position in thing.syncs if position < cut), default=-1)
        names = {}
        for position, entries in thing.changes:
            if position >= cut:
                break
            if position > synced:
                entries = chance.entries(entries)
            for name, other in entries.items():
                names[name] = other
        tree = {}
        for name, other in sorted(names.items()):
            if other is None:
                continue
            if other.is_directory:
                tree[name] = self._directory(other, cut, chance, f"{path}{name}/", inodes)
            else:
                tree[name] = self._file(other, cut, chance)
                inodes[path + name] = other.inode
        return tree

    def _file(self, thing, cut, chance):
        synced = max((position for position in thing.syncs if position < cut), default=-1)
        content = Content(chance)
        for position, change in thing.changes:
            if position >= cut:
                break
            content.change(change, chance if position > synced else ALL)
        return content.result()


class Content:
    def __init__(self, chance):
        self.data, self.length, self.chance = bytearray(), 0, chance

    def _reach(self, end):
        if end > len(self.data):
            self.data += self.chance.filling(end - len(self.data))

    def change(self, change, chance):
        kind, at, *rest = change
        if kind == "write":
            self._write(at, rest[0], chance)
        elif chance.keeps():
            if kind == "truncate":
                del self.data[at:]
            self._zero(at)
            self.length = at if kind == "truncate" else max(at, self.length)

    def _zero(self, end):
        """Up to there: what a length that was set has beyond the bytes that were written."""
        if end > len(self.data):
            self.data += bytes(end - len(self.data))

    def _write(self, offset, data, chance):
        end = offset + len(data)
        if chance is ALL:
            self._zero(offset)
        whole, at = chance.whole(), offset
        while at < end:
            after = min(end, at - at % SECTOR + SECTOR)
            if whole if whole is not None else chance.keeps():
                self._reach(at)
                self.data[at:after] = data[at - offset : after - offset]
            at = after
        if (whole if whole is not None else chance.keeps()) or chance.keeps_length():
            self.length = max(self.length, end)

    def result(self):
        self._reach(self.length)
        return bytes(self.data[: self.length])


class _All:
    """Nothing is lost."""

    def keeps(self):
        return True

    keeps_length = keeps

    def whole(self):
        return True

    def entries(self, entries):
        return entries

    def filling(self, length):
        return bytes(length)


ALL = _All()


class Chance:
    """What is lost, at random: everything, nothing, or anything between."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.bytes_kept = self.random.choice([0, 0.1, 0.5, 0.9, 1])
        self.names_kept = self.random.choice([0, 0.2, 0.5, 0.8, 1])
        self.is_torn = self.random.random() < 0.5
        self.is_noisy = self.random.random() < 0.3

    def keeps(self):
        return self.random.random() < self.bytes_kept

    def keeps_length(self):
        return self.random.random() < 0.3

    def whole(self):
        """Whether a write is there as a whole; None: its sectors are for themselves."""
        return None if self.is_torn else self.keeps()

    def entries(self, entries):
        if self.random.random() >= self.names_kept:
            return {}
        if len(entries) > 1 and self.random.random() < 0.2:  # a rename
            return {name: thing for name, thing in entries.items() if thing}
        return entries

    def filling(self, length):
        return self.random.randbytes(length) if self.is_noisy else bytes(length)


# On a disk again


def write_tree(tree, inodes, folder, vault):
    """Makes the image in the folder; files of the vault keep their inodes and times."""
    folder.mkdir()
    for name, content in tree.items():
        path = folder / name
        if isinstance(content, dict):
            inner = {key.partition("/")[2]: inode for key, inode in inodes.items() if key.startswith(name + "/")}
            write_tree(content, inner, path, vault)
            path.chmod(0o700)
            continue
        kept = vault / str(inodes[name])
        if kept.exists() and kept.read_bytes() == content:
            os.link(kept, path)
        else:
            path.write_bytes(content)
            path.chmod(0o600)


def read_tree(folder):
    """The same as an image, of what is there."""
    tree = {}
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if not is_left_out(path.name):
            tree[path.name] = read_tree(path) if stat.S_ISDIR(mode) else path.read_bytes()
    return tree
