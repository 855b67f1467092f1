"""Credentials that are replaced: noticed without an event, and never used half written."""

import contextlib
import os
import threading
import time

import pytest
from koodrive_simulator import DEFAULT_TOKEN
from koowatch import age, wait_polls

WHOLE = "Bearer " + "6ebb6266dd5cdefa1d71" * 3
PERIOD = 60  # seconds after which files are looked at again
ELSEWHERE = "elsewhere"


def credentials(sim):
    with sim.lock:
        return [request.header("Authorization") for request in sim.requests]


def put(path, token):
    """By a finished file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    with open(hidden, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(token + "\n")
    age(hidden)
    hidden.rename(path)


def link(path, target):
    """Replaces what is there by a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    hidden.symlink_to(target)
    hidden.rename(path)


@contextlib.contextmanager
def written_in_pieces(path, text, pieces=6, pause=0.3):
    """Into one open file, with a pause before each piece but the first; done at the end."""
    length = len(text) // pieces + 1
    begun = threading.Event()

    def write():
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            for start in range(0, len(text), length):
                if start:
                    time.sleep(pause)
                file.write(text[start : start + length])
                file.flush()
                begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait()
    yield
    thread.join()


# Half written


def test_half_a_token_is_not_used_at_the_start(koowatch, sim):
    sim.tokens = {WHOLE}
    koowatch.add_task("photos", sim.add_task(polls=3))
    koowatch.token_path.unlink()
    with written_in_pieces(koowatch.token_path, WHOLE):
        koowatch.start()
    koowatch.wait_entry("^photos: completed")
    assert set(credentials(sim)) == {WHOLE}
    assert not koowatch.find("^account")


@pytest.mark.parametrize("noticed", ["by an event", "by a reload", "by an attempt"])
def test_half_a_token_is_not_used_later(koowatch, sim, noticed):
    """The file is open all the time: only who looks sees a part of it."""
    sim.tokens = {WHOLE} | ({DEFAULT_TOKEN} if noticed != "by an attempt" else set())
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    wait_polls(sim, task)
    pieces = 10 if noticed == "by an attempt" else 2  # there is one in two seconds
    with written_in_pieces(koowatch.token_path, WHOLE, pieces):
        if noticed == "by an event":
            (koowatch.path / "beside").touch()
        elif noticed == "by a reload":
            koowatch.reload()
    sim.wait_for(lambda s: s.requests[-1].header("Authorization") == WHOLE)
    assert set(credentials(sim)) == {DEFAULT_TOKEN, WHOLE}
    assert {r.verdict for r in sim.requests if r.header("Authorization") == WHOLE} == {"ok"}


def test_half_a_refresh_token_is_not_spent(koowatch, sim):
    session = sim.sessions.add_session()
    put(koowatch.token_path, session.token)
    path = koowatch.path / "refresh"
    koowatch.settings["Account"] |= {"Refresh": "carrier", "RefreshTokenFile": path}
    session.expire()
    koowatch.add_task("photos", sim.add_task(require=session, polls=2))
    with written_in_pieces(path, session.refresh_token):
        koowatch.start()
    koowatch.wait_entry("^photos: completed")
    refreshes = [request for request in sim.requests if request.kind == "refresh"]
    assert [request.verdict for request in refreshes] == ["ok"]
    assert not koowatch.find("^account")


def test_a_finished_file_is_used_at_once(koowatch, sim):
    """Before one that is written at the same time, which might be half of what it will be."""
    path = koowatch.path / "second"
    put(path, DEFAULT_TOKEN)
    koowatch.settings["Account second"] = koowatch.settings["Account"] | {"TokenFile": path}
    for name in ("default", "second"):
        koowatch.add_task(name, sim.add_task(hold=True), Account=name)
    koowatch.start()
    sim.tokens.add("Bearer new")
    koowatch.set_token("Bearer new", in_place=True)
    hidden = koowatch.path / ".second"
    hidden.write_text("Bearer new")
    hidden.chmod(0o600)
    hidden.rename(path)
    koowatch.wait_entry("replaced, trying it", count=2)
    replaced = [entry.fields["KOOWATCH_ACCOUNT"] for entry in koowatch.find("replaced, trying it")]
    assert replaced == ["second", "default"]


# Without an event


def target_of_a_link(koowatch, token):
    path = koowatch.path / "target" / "token"
    put(koowatch.path / ELSEWHERE / "target", token)
    if not path.is_symlink():
        link(path, koowatch.path / ELSEWHERE / "target")
    return path


def late_target_of_a_link(koowatch, token):
    path = koowatch.path / "late" / "token"
    if path.is_symlink():
        put(koowatch.path / ELSEWHERE / "late", token)
    else:
        link(path, koowatch.path / ELSEWHERE / "late")
    return path


def volume_of_kubernetes(koowatch, token):
    path = koowatch.path / "kubernetes" / "token"
    volume = koowatch.path / "volume"
    data = f"..{len(list(volume.glob('..*')))}"
    put(volume / data / "token", token)
    link(volume / "..data", data)
    if not path.is_symlink():
        link(volume / "token", "..data/token")
        link(path, volume / "token")
    return path


def retargeted_directory(koowatch, token):
    path = koowatch.path / "current" / "token"
    release = koowatch.path / f"release{len(list(koowatch.path.glob('release*')))}"
    put(release / "token", token)
    link(path.parent, release.name)
    return path


def replaced_ancestor(koowatch, token):
    path = koowatch.path / "ancestor" / "middle" / "token"
    if path.exists():
        path.parent.parent.rename(koowatch.path / "away")
    put(path, token)
    return path


LAYOUTS = [
    target_of_a_link,
    late_target_of_a_link,
    volume_of_kubernetes,
    retargeted_directory,
    replaced_ancestor,
]


def test_what_no_event_tells_is_noticed(koowatch, sim):
    """All in one, because it takes a minute."""
    for layout in LAYOUTS:
        name = layout.__name__
        sim.tokens |= {f"Bearer old {name}", f"Bearer new {name}"}
        koowatch.settings[f"Account {name}"] = koowatch.settings["Account"] | {
            "TokenFile": layout(koowatch, f"Bearer old {name}")
        }
        koowatch.add_task(name, sim.add_task(hold=True), Account=name)
    koowatch.start()
    present = {f"Bearer old {x.__name__}" for x in LAYOUTS if x is not late_target_of_a_link}
    sim.wait_for(lambda s: present <= set(credentials(s)))
    for layout in LAYOUTS:
        layout(koowatch, f"Bearer new {layout.__name__}")
    new = {f"Bearer new {layout.__name__}" for layout in LAYOUTS}
    sim.wait_for(lambda s: new <= set(credentials(s)), PERIOD + 20)
    koowatch.wait_entry("^account late_target_of_a_link: ok again")


def test_an_attempt_while_unauthorized_looks_first(koowatch, sim):
    """The file is replaced where no event comes from, and the next attempt is not in vain."""
    sim.tokens = {"Bearer new"}
    koowatch.settings["Account"]["TokenFile"] = target_of_a_link(koowatch, "Bearer old")
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_entry("^account default: unauthorized")
    target_of_a_link(koowatch, "Bearer new")
    refused = credentials(sim)
    koowatch.wait_entry("^photos: completed", timeout=PERIOD - 5)
    assert credentials(sim) == refused + ["Bearer new"]
