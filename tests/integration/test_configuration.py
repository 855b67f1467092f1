"""The command line, and what of a configuration is accepted."""

import os
import pathlib
import subprocess

import pytest
from koowatch import task_text, wait_polls
from postgresql import sqlite_only


def line_of(text, line):
    return text.splitlines().index(line) + 1


# Options


def test_version(koowatch):
    run = koowatch.run("--version")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("koowatchd ")


def test_help_names_the_options(koowatch):
    run = koowatch.run("--help")
    assert (run.returncode, run.stderr) == (0, "")
    for option in ("--config", "--check", "--bus", "--log-level", "--version", "--help"):
        assert option in run.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["argument"], ["--config"], ["--log-level", "loud"], ["--bus", "tram"]],
)
def test_usage(koowatch, arguments):
    run = koowatch.run(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr


def test_log_level_of_the_command_line_wins(koowatch, sim):
    koowatch.settings["Daemon"]["LogLevel"] = "error"
    koowatch.add_task("photos", sim.add_task())
    koowatch.start("--log-level", "debug")
    entry = koowatch.wait_entry("^photos: polled")
    assert entry.level == "debug"
    assert len(entry.fields["KOODRIVE_TRACE_ID"]) == 58


def test_log_level(koowatch, sim):
    koowatch.settings["Daemon"]["LogLevel"] = "warning"
    koowatch.record()
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    koowatch.wait_record()
    koowatch.stop()
    assert koowatch.entries == []


@pytest.mark.skipif(os.path.exists("/run/systemd/journal/socket"), reason="there is a journal")
@sqlite_only
def test_no_journal_to_log_to(koowatch):
    koowatch.settings["Daemon"]["LogTarget"] = "journal"
    (koowatch.state / "state.db").mkdir()
    koowatch.start(wait=False)
    assert koowatch.end() == 1
    koowatch.wait_entry("cannot write to the journal")
    koowatch.wait_entry("state.db: cannot open")


# Files


def test_an_unknown_key_is_warned_of(koowatch):
    koowatch.settings["Daemon"]["Colour"] = "red"
    koowatch.start()
    line = line_of(koowatch.config_path.read_text(), "Colour=red")
    entry = koowatch.wait_entry(f"{koowatch.config_path}:{line}: .*Colour")
    assert entry.level == "warning"


def test_an_unknown_section_is_warned_of(koowatch):
    koowatch.settings["Colours"] = {"One": "red"}
    koowatch.start()
    line = line_of(koowatch.config_path.read_text(), "[Colours]")
    koowatch.wait_entry(f"{koowatch.config_path}:{line}: .*Colours")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("Poll", "IntervalMax", "soon"),
        ("Poll", "IntervalMin", "0"),
        ("Hooks", "MaxParallel", "0"),
        ("Daemon", "LogTarget", "printer"),
        ("Account", "RateLimit", "10/fortnight"),
        ("Account", "Endpoint", "ftp://127.0.0.1"),
        ("Account", "Auth", "password"),
        ("Account", "Refresh", "yes"),
        ("Account", "RefreshTokenFile", "refresh-token"),
        ("Account", "AppId", "one,two"),
        ("Account", "AppSecretFile", "app-secret"),
        ("Account", "SignedHeaders", "x-date;authorization"),
        ("Account", "StringToSign", "date"),
    ],
)
def test_a_bad_value(koowatch, section, key, value):
    koowatch.settings[section][key] = value
    koowatch.start(wait=False)
    line = line_of(koowatch.config_path.read_text(), f"{key}={value}")
    assert koowatch.end() == 78
    entry = koowatch.wait_entry(f"{koowatch.config_path}:{line}: .*{key}")
    assert entry.level == "error" and "expected" in entry.message


def test_intervals_that_do_not_fit_each_other(koowatch):
    koowatch.settings["Poll"] |= {"IntervalMin": "1h", "IntervalMax": "2s"}
    koowatch.start(wait=False)
    assert koowatch.end() == 78
    koowatch.wait_entry("IntervalMin.*IntervalMax")


def test_plain_http_to_another_host(koowatch):
    koowatch.settings["Account"]["Endpoint"] = "http://koodrive.example"
    koowatch.start(wait=False)
    assert koowatch.end() == 78
    koowatch.wait_entry("AllowPlainHttp")


@pytest.mark.parametrize(
    ("keys", "missing"),
    [
        ({"UserId": "s3cret"}, "AppId"),
        ({"AppId": "s3cret"}, "UserId"),
        (
            {"AppId": "s3cret", "UserId": "s3cret", "SignedHeaders": "X-Hw-Agentname"},
            "AgentName",
        ),
    ],
)
def test_app_authentication_that_is_not_complete(koowatch, keys, missing):
    koowatch.settings["Account"] |= {"Auth": "app"} | keys
    koowatch.start(wait=False)
    line = line_of(koowatch.config_path.read_text(), "[Account]")
    assert koowatch.end() == 78
    entry = koowatch.wait_entry(f"{koowatch.config_path}:{line}: {missing} of account default: ")
    assert entry.level == "error" and "required" in entry.message
    assert not [entry for entry in koowatch.entries if "s3cret" in entry.line]


def test_check_warns_of_a_refresh_that_app_authentication_ignores(koowatch):
    keys = {"Auth": "app", "AppId": "app-1", "UserId": "1", "Refresh": "session"}
    koowatch.settings["Account"] |= keys
    run = koowatch.check()
    line = line_of(koowatch.config_path.read_text(), "[Account]")
    assert run.returncode == 0
    assert run.stdout.startswith(f"{koowatch.config_path}:{line}: warning: Refresh of account ")
    assert len(run.stdout.splitlines()) == 1


def test_an_interval_above_the_life_of_a_token_is_warned_of(koowatch):
    koowatch.settings["Poll"]["IntervalMax"] = "16min"
    run = koowatch.check()
    line = line_of(koowatch.config_path.read_text(), "IntervalMax=16min")
    assert run.returncode == 0
    assert run.stdout.startswith(f"{koowatch.config_path}:{line}: warning: IntervalMax (16min) ")
    assert "every 14min" in run.stdout


def test_a_file_that_is_missing(koowatch):
    run = koowatch.run("--config", koowatch.path / "none.conf")
    assert run.returncode == 78
    assert "none.conf" in run.stderr


def test_drop_ins_win_in_the_order_of_their_names(koowatch, sim):
    drop_ins = koowatch.path / "koowatch.conf.d"
    drop_ins.mkdir()
    for name, user in (("20-b.conf", "2"), ("10-a.conf", "1"), (".30-c.conf", "3"), ("40-d", "4")):
        (drop_ins / name).write_text(f"[Account]\nUserId={user}\n")
    koowatch.settings["Account"]["UserId"] = "0"
    koowatch.add_task("photos", sim.add_task())
    koowatch.start()
    assert sim.wait_for(lambda s: s.requests)[0].header("X-User-Id") == "2"


@sqlite_only
def test_state_directory_of_the_service_manager(koowatch, sim):
    del koowatch.settings["Daemon"]["StateDirectory"]
    state = koowatch.path / "other" / "state"
    (state / "tasks.d").mkdir(parents=True)
    koowatch.add_task("photos", sim.add_task(), where=state / "tasks.d")
    koowatch.start(STATE_DIRECTORY=str(state))
    koowatch.wait_entry("^photos: completed")
    assert (state / "state.db").exists()


def test_a_state_directory_is_made(koowatch, sim):
    koowatch.settings["Daemon"]["StateDirectory"] = koowatch.path / "made" / "state"
    koowatch.start()
    assert (koowatch.path / "made" / "state" / "tasks.d").is_dir()


def test_a_second_daemon_on_the_same_state_is_refused(koowatch, sim):
    task = sim.add_task(hold=True)
    koowatch.add_task("photos", task)
    koowatch.start()
    run = koowatch.run("--config", koowatch.config_path, "--bus", "none")
    assert run.returncode == 1
    assert f"{koowatch.state}: in use by another koowatchd" in run.stderr
    wait_polls(sim, task, 2)


# --check


def test_check_finds_nothing(koowatch, sim):
    koowatch.add_task("photos", sim.add_task())
    run = koowatch.check()
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert not sim.requests


def test_check_finds_a_bad_value(koowatch):
    koowatch.settings["Poll"]["Timeout"] = "soon"
    run = koowatch.check()
    line = line_of(koowatch.config_path.read_text(), "Timeout=soon")
    assert run.returncode == 1
    assert run.stdout.startswith(f"{koowatch.config_path}:{line}: ") and "Timeout" in run.stdout


def test_check_finds_what_is_wrong_with_tasks(koowatch, sim):
    task = sim.add_task()
    bad = koowatch.add_task("bad", text="[Task]\nTaskId=1\nShareId=2\nTimeout=soon\n")
    one = koowatch.add_task("one", task)
    two = koowatch.add_task("two", task, where=koowatch.high)
    lost = koowatch.add_task("lost", sim.add_task(), Account="other", where=koowatch.spool)
    run = koowatch.check()
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert len(lines) == 3
    assert any(line.startswith(f"{bad}:4: ") and "Timeout" in line for line in lines)
    assert any(str(one) in line and str(two) in line for line in lines)
    assert any(line.startswith(f"{lost}: ") and "[Account other]" in line for line in lines)


def test_check_warns_of_an_unknown_key_and_exits_well(koowatch, sim):
    path = koowatch.add_task("photos", text=task_text(sim.add_task()) + "Colour=red\n")
    run = koowatch.check()
    assert run.returncode == 0
    assert run.stdout.startswith(f"{path}:4: warning: ") and "Colour" in run.stdout


def test_a_files_name_forges_no_line_of_check(koowatch):
    directory = koowatch.add_task("photos", text="[Task]\n").parent
    (directory / "a\nforged: all is well\x1b[2K.task").write_text("[Task]\n")
    assert "a?forged: all is well?[2K.task" in koowatch.check().stdout


def test_check_warns_of_labels_that_only_another_node_could_have(koowatch, sim):
    koowatch.settings["Hooks"]["Labels"] = "disk"
    path = koowatch.add_task("photos", sim.add_task(), RunOn="disk gpu")
    run = koowatch.check()
    expected = f"{path}: warning: RunOn=gpu is not among Labels= in [Hooks], its hooks do not run\n"
    assert (run.returncode, run.stdout) == (0, "" if koowatch.server else expected)


def test_check_warns_of_hooks_and_exits_well(koowatch, sim):
    hook = koowatch.hook("finished.d/10-mail", "true", mode=0o775)
    path = koowatch.add_task("photos", sim.add_task(), Hook="fetch-pakage")
    run = koowatch.check()
    assert run.returncode == 0
    assert run.stdout.splitlines() == [
        f"{path}: warning: Hook=fetch-pakage does not exist",
        f"{hook}: warning: would not run: it is writable by group or others",
    ]


def test_check_leaves_the_state_alone(koowatch, sim):
    koowatch.add_task("photos", sim.add_task())
    koowatch.check()
    assert not (koowatch.state / "state.db").exists()


def test_check_beside_a_running_daemon(koowatch, sim):
    koowatch.add_task("photos", sim.add_task(hold=True))
    koowatch.start()
    assert koowatch.check().returncode == 0


# Installation

CONF = pathlib.Path(__file__).parent.parent.parent / "conf"


def install_config(directory, **environment):
    run = subprocess.run(
        [CONF / "install-config", CONF / "koowatch.conf", directory],
        env={"PATH": os.environ["PATH"], **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout


def test_installing_again_keeps_an_edited_configuration(tmp_path):
    text = (CONF / "koowatch.conf").read_text()
    path, new = tmp_path / "etc/koowatch.conf", tmp_path / "etc/koowatch.conf.new"
    assert install_config(path.parent) == install_config(path.parent) == ""
    assert path.read_text() == text and not new.exists()
    path.write_text("[Poll]\n")
    assert str(new) in install_config(path.parent)
    assert path.read_text() == "[Poll]\n" and new.read_text() == text


def test_a_package_gets_the_configuration_as_it_is(tmp_path):
    path = tmp_path / "etc/koowatch/koowatch.conf"
    path.parent.mkdir(parents=True)
    path.write_text("of an earlier version")
    install_config("/etc/koowatch", DESTDIR=str(tmp_path))
    assert path.read_text() == (CONF / "koowatch.conf").read_text()
    assert list(path.parent.iterdir()) == [path]
