"""Hooks that misbehave, with both kinds of runner: each spoils its own event, and nothing else."""

import os
import re
import signal

import pytest
from koowatch import wait_polls
from runner_socket import RunnerSocket

TIMEOUT = 12  # seconds until a hook that hangs is ended; all that does not hang happens before


@pytest.fixture(params=["spawn", "socket"])
def hooks(request, koowatch):
    """A koowatch whose hook runners are started in this way."""
    if request.param == "spawn":
        yield koowatch
        return
    koowatch.settings["Hooks"]["Runner"] = koowatch.path / "runner"
    with RunnerSocket(koowatch):
        yield koowatch


# What a task's hook does, and what is logged of it in the end. $DIR is the test's folder: what a
# hook leaves behind ends when that is gone.
HANGING = {
    "ignores-sigterm": "trap '' TERM HUP INT; while :; do sleep 1; done",
    "stops-itself": "kill -STOP $$",
    "waits-for-a-child": "setsid sh -c \"$STAY\" & wait",
}
ENDING = {
    "leaves-a-daemon": ('setsid sh -c "$STAY" & exit 0', "ended: done"),
    "leaves-a-daemon-behind-a-daemon": ('setsid sh -c "setsid sh -c \\"$STAY\\" &" & exit 0', "ended: done"),
    "leaves-children-that-write": ("yes & yes >&2 & exit 0", "ended: done"),
    "leaves-fifty-children": ("for i in $(seq 50); do sleep 1000 & done; exit 0", "ended: done"),
    "closes-all": ("exec <&- >&- 2>&-; exit 0", "ended: done"),
    "closes-its-input": ("read -r nothing; exec <&-; cat; exit 0", "ended: done"),
    "kills-its-group": ("kill -KILL 0", "ended: failed, signal 9"),
    "ends-its-runner": ("kill $PPID; sleep 1000", "the hook runner exited before"),
    "kills-its-runner": ('kill -KILL $PPID; exec sh -c "$STAY"', "the hook runner exited before"),
    "deletes-itself": ('rm "$0"; echo "the rest"; exit 0', "ended: done"),
    "replaces-itself": ('cp "$DIR/other" "$0.new"; mv "$0.new" "$0"; exit 1', r"ended: done"),
    "empties-itself": (': >"$0"; exit 1', "masks it"),
    "removes-its-x-bit": ('chmod a-x "$0"; exit 1', "it is not executable"),
    "writes-to-itself": ('echo "echo; exit 3" >>"$0"; read -r line; exit 4', "ended: failed, exit status 4"),
    "later-for-ever": ("exit 75", "giving up after 2 attempts"),
}


def test_a_hook_spoils_its_own_event_only(hooks, sim):
    """All at once: the hooks of another task run, and tasks are polled, while some hang."""
    stay = f"while [ -e {hooks.path} ]; do sleep 0.1; done"
    prelude = f"DIR={hooks.path} STAY='{stay}'\n"
    texts = HANGING | {name: text for name, (text, _) in ENDING.items()}
    for name, text in texts.items():
        hooks.hook(f"named.d/{name}", prelude + text)
        hooks.add_task(name, sim.add_task(), Hook=name)
    (hooks.path / "other").write_text("#!/bin/sh\nexit 0\n")
    (hooks.path / "other").chmod(0o755)
    hooks.record("named.d/record")
    hooks.settings["Hooks"] |= {"MaxParallel": str(len(texts)), "Timeout": f"{TIMEOUT}s", "Attempts": "2"}
    held = sim.add_task(hold=True)
    hooks.add_task("held", held)
    hooks.start()
    for name in HANGING:
        hooks.wait_entry(f"hook named.d/{name} started")

    hooks.add_task("another", sim.add_task(), Hook="record")
    hooks.wait_record(name="another")
    done = hooks.wait_entry("named.d/record ended: done")
    wait_polls(sim, held, 5)
    hung = [hooks.wait_entry(f"^{name}: .* ended: failed, timed out after") for name in HANGING]
    for name, (_, end) in ENDING.items():
        hooks.wait_entry(end, KOOWATCH_NAME=name)
    assert hooks.entries.index(done) < min(hooks.entries.index(entry) for entry in hung)
    assert not hooks.find("^another: .* ended: (failed|later)")


def test_a_hook_that_stops_its_runner(hooks, sim):
    """The daemon waits for neither of them, at its own end least of all."""
    hooks.settings["Hooks"]["MaxParallel"] = "2"
    hooks.hook("named.d/stop", "kill -STOP $PPID; kill -STOP $$")
    hooks.record("named.d/record")
    hooks.add_task("photos", sim.add_task(), Hook="stop")
    hooks.start()
    hooks.wait_entry("^photos: completed")  # whether its start is reported is a matter of luck
    for name in ("one", "two"):
        hooks.add_task(name, sim.add_task(), Hook="record")
        hooks.wait_entry(f"^{name}: hook named.d/record ended: done")
    hooks.restart()
    hooks.add_task("three", sim.add_task(), Hook="record")
    hooks.wait_entry("^three: hook named.d/record ended: done")


def test_by_each_signal(hooks, sim):
    numbers = sorted(signal.valid_signals() - {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
    ignored = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
    for number in numbers:
        hooks.hook(f"finished.d/{int(number):02}", f"ulimit -c 0; kill -{int(number)} $$; exit 0")
    hooks.settings["Hooks"]["Attempts"] = "1"
    hooks.add_task("photos", sim.add_task())
    hooks.start()
    hooks.wait_entry("^photos: giving up after 1 attempt")
    for number in numbers:
        end = "done" if number in ignored else f"failed, signal {int(number)} "
        [entry] = hooks.find(f"finished.d/{int(number):02} ended: ")
        assert f"ended: {end}" in entry.message


def test_gigabytes_of_output(hooks, sim):
    """Neither memory nor log grows with them; the other stream is read, too."""
    peak = "grep VmHWM: /proc/$PPID/status"
    flood = "head -c 1G /dev/zero"
    hooks.hook("finished.d/10-flood", f"{peak} >{hooks.path}/before; {flood} & {flood} >&2; wait; {peak} >{hooks.path}/after")
    hooks.add_task("photos", sim.add_task())
    held = sim.add_task(hold=True)
    hooks.add_task("held", held)
    hooks.start()
    hooks.wait_entry("10-flood started")
    wait_polls(sim, held, 3)
    hooks.wait_entry("10-flood ended: done")
    before, after = (int((hooks.path / name).read_text().split()[1]) for name in ("before", "after"))
    assert after - before < 16 * 1024
    assert sum(len(entry.line) for entry in hooks.entries) < 1024 * 1024


def test_a_thousand_hooks(koowatch, sim):
    """Each runs once, and other tasks are polled, and their hooks run, in between."""
    ran = koowatch.path / "ran"
    ran.mkdir(0o777)
    for number in range(1000):
        koowatch.hook(f"finished.d/{number:03}", f'[ "$KOOWATCH_NAME" = photos ] && mkdir {ran}/{number:03}; exit 0')
    koowatch.add_task("photos", sim.add_task())
    held = sim.add_task(hold=True)
    koowatch.add_task("held", held)
    koowatch.start()
    koowatch.wait_entry("^photos: hook finished.d/100 ended")
    koowatch.add_task("another", sim.add_task())
    koowatch.wait_entry("^another: hook finished.d/000 ended: done")
    wait_polls(sim, held, 3)
    koowatch.wait_entry("^photos: hook finished.d/999 ended: done", timeout=120)
    assert len(os.listdir(ran)) == 1000
    starts = [entry for entry in koowatch.entries if re.match("(photos|another): hook .* started", entry.message)]
    order = [entry.fields["KOOWATCH_NAME"] for entry in starts]
    assert order.index("another") < 999
    assert not koowatch.find("^photos: .* ended: (failed|later)")
