"""What changes without an event of inotify: it is found by looking again, within two minutes."""

import os
import subprocess

import pytest
from conftest import needs_root
from koodrive_simulator import DEFAULT_TOKEN
from koowatch import task_text, wait_polls

TWO_MINUTES = 150  # with what a busy machine takes


def in_its_mounts(koowatch, *command):
    """Runs a command where the daemon sees its effect, and nobody else."""
    subprocess.run(["nsenter", f"--mount=/proc/{koowatch.process.pid}/ns/mnt", *command], check=True)


def write(path, task, **keys):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(task_text(task, **keys))


def replace(path, task):
    write(path.with_name(f".{path.name}"), task)
    path.with_name(f".{path.name}").rename(path)


def becoming(mount):
    """What mounts something that only the daemon sees, and becomes the daemon."""
    return ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$0" "$@"']


@pytest.fixture
def namespace(koowatch):
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace of its own")
    koowatch.wrapper = ["unshare", "--mount"]


class Base:
    """Each method lays out one task directory, and returns what is done to it in the end."""

    def __init__(self, koowatch, sim):
        self.koowatch, self.sim = koowatch, sim
        self.top = koowatch.path / "layouts"

    def new(self):
        return self.sim.add_task(hold=True)


class Layouts(Base):
    def link_to_a_file(self, top, before, after):
        write(top / "src/a.task", before)
        (top / "tasks.d").mkdir()
        (top / "tasks.d/a.task").symlink_to("../src/a.task")
        return top / "tasks.d", lambda: replace(top / "src/a.task", after)

    def chain_of_links(self, top, before, after):
        write(top / "src/a.task", before)
        (top / "tasks.d").mkdir()
        (top / "middle").symlink_to("src/a.task")
        (top / "tasks.d/b.task").symlink_to("../middle")
        return top / "tasks.d", lambda: replace(top / "src/a.task", after)

    def link_whose_target_comes_late(self, top, before, after):
        (top / "tasks.d").mkdir(parents=True)
        (top / "tasks.d/c.task").symlink_to("../late")
        return top / "tasks.d", lambda: write(top / "late", after)

    def kubernetes(self, top, before, after):
        write(top / "..v1/d.task", before)
        (top / "..data").symlink_to("..v1")
        (top / "d.task").symlink_to("..data/d.task")

        def swap():
            write(top / "..v2/d.task", after)
            (top / "..new").symlink_to("..v2")
            (top / "..new").rename(top / "..data")

        return top, swap

    def retargeted_directory(self, top, before, after):
        write(top / "v1/tasks.d/e.task", before)
        write(top / "v2/tasks.d/e.task", after)
        (top / "current").symlink_to("v1")

        def retarget():
            (top / "new").symlink_to("v2")
            (top / "new").rename(top / "current")

        return top / "current/tasks.d", retarget

    def replaced_parent(self, top, before, after):
        write(top / "a/b/tasks.d/f.task", before)
        write(top / "new/b/tasks.d/f.task", after)

        def exchange():
            (top / "a").rename(top / "old")
            (top / "new").rename(top / "a")

        return top / "a/b/tasks.d", exchange

    def late_target_of_a_directory(self, top, before, after):
        top.mkdir(parents=True)
        (top / "link").symlink_to("late")
        return top / "link/tasks.d", lambda: write(top / "late/tasks.d/g.task", after)

    def written_by_another_name(self, top, before, after):
        write(top / "tasks.d/h.task", before)
        (top / "other").hardlink_to(top / "tasks.d/h.task")
        return top / "tasks.d", lambda: (top / "other").write_text(task_text(after))

    def removed_through_a_link(self, top, before, after):
        write(top / "low/i.task", after)
        write(top / "high-src/i.task", before)
        (top / "high").symlink_to("high-src")

        def exchange():
            (top / "high-src").rename(top / "old")
            write(top / "high-src/other.task", self.new())

        return f"{top}/high:{top}/low", exchange

    def kdstoken_that_comes_late(self, top, before, after):
        write(top / "tasks.d/j.task", after, KdsTokenFile=top / "kdstoken")
        return top / "tasks.d", lambda: (top / "kdstoken").write_text("kds-of-j\n")


class Mounts(Base):
    def mounted_over_it(self, top, before, after):
        write(top / "tasks.d/k.task", before)
        write(top / "other/k.task", after)
        return top / "tasks.d", lambda: in_its_mounts(self.koowatch, "mount", "--bind", top / "other", top / "tasks.d")

    def mounted_over_an_ancestor(self, top, before, after):
        write(top / "a/b/tasks.d/l.task", before)
        write(top / "other/b/tasks.d/l.task", after)
        return top / "a/b/tasks.d", lambda: in_its_mounts(self.koowatch, "mount", "--bind", top / "other", top / "a")

    def mounted_where_nothing_was(self, top, before, after):
        (top / "tasks.d").mkdir(parents=True)
        write(top / "other/m.task", after)
        return top / "tasks.d", lambda: in_its_mounts(self.koowatch, "mount", "--bind", top / "other", top / "tasks.d")

    def file_mounted_over_a_file(self, top, before, after):
        write(top / "tasks.d/n.task", before)
        write(top / "other", after)
        return top / "tasks.d", lambda: in_its_mounts(self.koowatch, "mount", "--bind", top / "other", top / "tasks.d/n.task")

    def below_an_overlay(self, top, before, after):
        write(top / "lower/o.task", before)
        for name in ("upper", "work", "tasks.d"):
            (top / name).mkdir()
        options = f"lowerdir={top}/lower,upperdir={top}/upper,workdir={top}/work"
        mount = f"mount -t overlay overlay -o {options} {top}/tasks.d"
        if subprocess.run(["unshare", "--mount", "sh", "-c", mount], capture_output=True).returncode == 0:
            self.koowatch.wrapper = becoming(mount)
            return top / "tasks.d", lambda: replace(top / "upper/p.task", after)
        return top / "upper", lambda: replace(top / "upper/p.task", after)  # none upon this file system


def lay_out(layouts):
    """The directories, what is to be done, and the tasks that must be asked about afterwards."""
    directories, actions, expected = [], [], {}
    for name in dir(layouts):
        method = getattr(layouts, name)
        if name.startswith("_") or name == "new" or not callable(method):
            continue
        before, after = layouts.new(), layouts.new()
        directory, action = method(layouts.top / name, before, after)
        directories.append(str(directory))
        actions.append(action)
        expected[name] = after
    return directories, actions, expected


def see_all(koowatch, sim, layouts):
    directories, actions, expected = lay_out(layouts)
    koowatch.settings["Daemon"]["TaskDirectories"] = ":".join(directories)
    sentinel = sim.add_task(hold=True)
    write(layouts.top / "sentinel/sentinel.task", sentinel)
    koowatch.settings["Daemon"]["TaskDirectories"] += f":{layouts.top}/sentinel"
    koowatch.start()
    wait_polls(sim, sentinel, 2)
    for action in actions:
        action()
    missing = lambda: [name for name, task in expected.items() if sim.polls(task) == 0]  # noqa: E731
    try:
        sim.wait_for(lambda s: not missing(), timeout=TWO_MINUTES)
    except TimeoutError:
        pytest.fail(f"not noticed: {missing()}")
    return expected


@needs_root
def test_links_and_directories_that_are_exchanged(koowatch, sim):
    expected = see_all(koowatch, sim, Layouts(koowatch, sim))
    assert len(koowatch.find("KdsTokenFile= cannot be read")) == 1
    assert len(expected) >= 10


@needs_root
def test_mounts(koowatch, sim, namespace):
    assert len(see_all(koowatch, sim, Mounts(koowatch, sim))) == 5


@needs_root
def test_a_directory_that_is_away(koowatch, sim, namespace):
    """An unmounted file system: nothing of it is forgotten, and nothing of it is new afterwards."""
    running, done = sim.add_task(hold=True), sim.add_task()
    write(koowatch.path / "disk/running.task", running)
    write(koowatch.path / "disk/done.task", done)
    koowatch.wrapper = becoming(f"mount --bind {koowatch.path}/disk {koowatch.low}")
    koowatch.start()
    koowatch.wait_entry("^done: completed")
    wait_polls(sim, running, 2)
    in_its_mounts(koowatch, "umount", koowatch.low)
    koowatch.reload()
    koowatch.wait_entry("another directory, which is empty; is a file system not mounted")
    wait_polls(sim, running, 4)
    in_its_mounts(koowatch, "mount", "--bind", koowatch.path / "disk", koowatch.low)
    koowatch.reload()
    koowatch.wait_entry("it is there again")
    asked = sim.polls(done)
    wait_polls(sim, running, 8)
    assert sim.polls(done) == asked
    assert len(koowatch.find("^done: completed")) == len(koowatch.find("^running: registered")) == 1


# Published at once, under a name that is given last


def publish_by_link(koowatch, name, task):
    hidden, path = koowatch.low / f".{name}", koowatch.low / f"{name}.task"
    hidden.write_text(task_text(task))
    path.hardlink_to(hidden)
    hidden.unlink()


def publish_unnamed(koowatch, name, task):
    fd = os.open(koowatch.low, os.O_TMPFILE | os.O_WRONLY, 0o640)
    os.write(fd, task_text(task).encode())
    folder = os.open("/proc/self/fd", os.O_PATH)  # with one given, os.link() follows links
    os.link(str(fd), koowatch.low / f"{name}.task", src_dir_fd=folder)
    os.close(folder)
    os.close(fd)


@pytest.mark.parametrize("publish", [publish_by_link, publish_unnamed])
def test_published_by_its_name(koowatch, sim, publish):
    koowatch.start()
    for number in range(5):
        publish(koowatch, f"t{number}", sim.add_task())
    koowatch.wait_entry("^t[0-9]: completed", count=5)


# inotify itself is used up


@pytest.mark.parametrize("resource", ["instances", "watches"])
def test_inotify_is_used_up(koowatch, sim, resource):
    """It starts all the same, says so once, and finds by looking what is new."""
    script = f'echo 0 >/proc/sys/user/max_inotify_{resource} && exec "$@"'
    wrapper = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"]
    if subprocess.run([*wrapper, "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespace of its own")
    koowatch.record()
    koowatch.start(wrapper=wrapper)
    koowatch.add_task("photos", sim.add_task())
    sim.tokens = {DEFAULT_TOKEN, "Bearer second"}
    koowatch.set_token("Bearer second")
    koowatch.wait_entry("^credential of account default replaced", timeout=TWO_MINUTES)
    koowatch.wait_entry("^photos: completed", timeout=TWO_MINUTES)
    assert len(koowatch.find(f"max_user_{resource}")) == 1
