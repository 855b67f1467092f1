"""Some cuts of tests/stress/power-loss, with another seed each time; KOOWATCH_SEED repeats one.

And whether its images lack what they may lack, and nothing else.
"""

import os
import pathlib
import random
import subprocess
import sys

import pytest

STRESS = pathlib.Path(__file__).resolve().parents[1] / "stress"
sys.path.append(str(STRESS))
from disk import ALL, SECTOR, Chance, Disk, Story, read_record, read_tree, write_tree  # noqa: E402

CUTS, TASKS = 40, 24
PATIENCE = 480  # seconds
CHANCES = 400  # of images: what happens to one in fifty of them is seen


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "disk", tmp_path / "record", tmp_path / "vault")


def images(disk, cut=None):
    """All that are met."""
    changes = read_record(disk.record.read_bytes())
    story = Story(changes, disk.first)
    cut = len(changes) if cut is None else cut
    return [story.image(cut, Chance(seed))[0] for seed in range(CHANCES)]


def test_an_image_of_everything_is_the_disk(disk):
    disk.mkdir(disk.root / "folder")
    disk.create(disk.root / "folder" / ".one", "one", synced=False)
    disk.rename(disk.root / "folder" / ".one", "one", synced=False)
    disk.create(disk.root / "two", "two", synced=False)
    disk.unlink(disk.root / "two", synced=False)
    changes = read_record(disk.record.read_bytes())
    image, inodes = Story(changes, disk.first).image(len(changes), ALL)
    assert image == read_tree(disk.root) == {"folder": {"one": b"one"}}
    copy = disk.root.parent / "copy"
    write_tree(image, inodes, copy, disk.vault)
    assert read_tree(copy) == image
    assert (copy / "folder/one").stat().st_ino == (disk.root / "folder/one").stat().st_ino


def test_what_was_synced_is_in_each_image(disk):
    disk.create(disk.root / ".one", "one", synced=True)
    disk.rename(disk.root / ".one", "one", synced=True)
    assert all(image == {"one": b"one"} for image in images(disk))
    disk.unlink(disk.root / "one", synced=True)
    assert all(image == {} for image in images(disk))


def test_a_name_and_bytes_are_synced_for_themselves(disk):
    disk.create(disk.root / "bytes", "bytes", synced=True)
    found = images(disk)
    assert {} in found and {"bytes": b"bytes"} in found
    assert all(image in ({}, {"bytes": b"bytes"}) for image in found)
    disk.create(disk.root / "name", "name", synced=False)
    disk.sync(disk.root)
    found = images(disk)
    assert {"bytes": b"bytes", "name": b"name"} in found and {"bytes": b"bytes", "name": b""} in found
    assert {"bytes": b"bytes", "name": bytes(4)} in found


def test_a_later_change_is_there_without_an_earlier_one(disk):
    path = disk.root / "file"
    disk.create(path, "a" * 3 * SECTOR, synced=True)
    disk.sync(disk.root)
    disk.write(path, 0, b"b" * SECTOR)
    disk.write(path, 2 * SECTOR, b"c" * SECTOR)
    first = {image["file"][:1] + image["file"][-1:] for image in images(disk)}
    assert first == {b"aa", b"ba", b"ac", b"bc"}
    disk.create(disk.root / "one", "", synced=True)
    disk.create(disk.root / "two", "", synced=True)
    names = {tuple(sorted(image.keys() - {"file"})) for image in images(disk)}
    assert names == {(), ("one",), ("two",), ("one", "two")}


def test_sectors_are_whole(disk):
    path = disk.root / "file"
    disk.create(path, "a" * 2 * SECTOR, synced=True)
    disk.sync(disk.root)
    disk.write(path, SECTOR // 2, b"b" * SECTOR)  # across their border
    halves = [b"a" * (SECTOR // 2), b"b" * (SECTOR // 2)]
    expected = {halves[0] + halves[i] + halves[j] + halves[0] for i in (0, 1) for j in (0, 1)}
    assert {image["file"] for image in images(disk)} == expected


def test_a_rename_loses_no_file(disk):
    disk.create(disk.root / "old", "text", synced=True)
    disk.sync(disk.root)
    disk.rename(disk.root / "old", "new", synced=False)
    assert {tuple(sorted(image)) for image in images(disk)} == {("old",), ("new",), ("new", "old")}


def test_changes_after_the_cut_are_in_no_image(disk):
    disk.create(disk.root / "one", "one", synced=True)
    disk.sync(disk.root)
    cut = len(read_record(disk.record.read_bytes()))
    disk.create(disk.root / "two", "two", synced=True)
    disk.sync(disk.root)
    assert all(image == {"one": b"one"} for image in images(disk, cut))


def test_some_power_losses(build):
    seed = os.environ.get("KOOWATCH_SEED") or random.SystemRandom().randrange(1, 10**6)
    run = subprocess.run(
        [
            *(sys.executable, STRESS / "power-loss", str(CUTS), "--build", build),
            *("--seed", str(seed), "--tasks", str(TASKS), "--jobs", "1"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert f"seed {seed}: " in run.stdout and f" {CUTS} cuts, 0 failures" in run.stdout
