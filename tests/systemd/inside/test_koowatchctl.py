"""koowatchctl with the installed service, and the unit that waits."""

import json
import os
import re
import subprocess
import threading
import unicodedata

import pytest
from service import DAEMON, PATIENCE, run, show, systemctl, write_file

HERE = r"^on the system bus as org\.koowatch1$"
UNITS = "/run/systemd/system"


def as_user(user):
    """What runs a command as that one; None: as root."""
    group = "nogroup" if user == "nobody" else user
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups"] if user else []


def ctl(*arguments, user=None, **environment):
    return subprocess.run(
        [*as_user(user), "koowatchctl", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )


@pytest.fixture(scope="module")
def member(installed):
    """A user that is in the group koowatch besides its own."""
    name = "koowatch-ctl-test"
    run("systemd-sysusers", "-", input=f"u {name} -\nm {name} koowatch\n")
    return name


@pytest.fixture
def on_bus(service):
    service.start()
    service.wait_entry(HERE)
    return service


@pytest.fixture
def units(service):
    """Writes units that are gone after the test."""
    names, paths = [], []

    def add(name, *lines):
        paths.append(write_file(f"{UNITS}/{name}", "\n".join([*lines, ""])))
        names.append(name.partition(".d/")[0])
        systemctl("daemon-reload")

    yield add
    systemctl("stop", *names, "koowatch-wait@*", check=False)
    for path in paths:
        path.unlink()
    systemctl("daemon-reload")
    systemctl("reset-failed")


def test_a_member_of_the_group_adds_and_waits(on_bus, sim, member):
    task = sim.add_task(polls=3, result=1)
    added = ctl("add", "photos", f"--task-id={task.task_id}", f"--share-id={task.share_id}", user=member)
    assert (added.returncode, added.stderr) == (0, "")
    waited = ctl("wait", "photos", user=member)
    assert (waited.returncode, waited.stdout.splitlines()[-1]) == (0, "photos: completed: all succeeded")
    assert ctl("show", "photos", user=member).returncode == 0


def test_a_stranger_is_told_which_group_to_join(on_bus):
    refused = ctl("list", user="nobody")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "usermod -aG koowatch nobody" in refused.stderr


def test_a_service_that_is_stopped(service):
    down = ctl("list")
    assert (down.returncode, down.stderr) == (
        1,
        "koowatchctl: koowatchd is not running: systemctl start koowatchd\n",
    )
    assert ctl("is-ok").returncode == 4
    assert ctl("wait", "photos").returncode == 16


class Wait:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(["koowatchctl", "wait", *arguments], stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def end(self):
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code


def test_a_wait_sits_out_restarts_and_crashes_but_no_stop(on_bus, sim):
    on_bus.add_task("photos", sim.add_task(polls=100000))
    wait = Wait("--create", "photos")
    on_bus.wait(lambda: "photos: running\n" in wait.lines, "running")
    for times, command in enumerate((("restart", DAEMON), ("kill", "-s", "KILL", DAEMON)), 1):
        pid = on_bus.pid
        systemctl(*command)
        on_bus.wait_restarted(pid)
        on_bus.wait(lambda: wait.lines.count("koowatchd is back\n") == times, "it is back")
    assert wait.process.poll() is None
    systemctl("stop", DAEMON)
    assert wait.end() == 16
    assert wait.lines[-1] == "photos: koowatchd was stopped\n"


def test_a_unit_is_started_after_a_success(on_bus, sim, units):
    units(
        "after.service",
        "[Unit]",
        "Requires=koowatch-wait@photos.service",
        "After=koowatch-wait@photos.service",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
        "ExecStart=/bin/sh -c 'koowatchctl list --json photos || :'",
    )
    on_bus.add_task("photos", sim.add_task(polls=5, result=1))
    systemctl("start", "after.service")
    assert show("ActiveState", "koowatch-wait@photos.service") == "active"
    assert show("ActiveState", "after.service") == "active"
    # Again, as after another boot: it has ended already.
    systemctl("stop", "after.service", "koowatch-wait@photos.service")
    systemctl("start", "after.service")
    assert show("ActiveState", "after.service") == "active"


def test_another_end_fails_and_hands_on_the_exit_status(on_bus, sim, units, tmp_path):
    if int(run("systemctl", "--version").split()[1]) < 251:
        pytest.skip("no MONITOR_EXIT_STATUS before systemd 251")
    said = tmp_path / "said"
    units("sorry.service", "[Service]", "Type=oneshot", f"ExecStart=/bin/sh -c 'echo $MONITOR_EXIT_STATUS >{said}'")
    units("koowatch-wait@.service.d/50-test.conf", "[Unit]", "OnFailure=sorry.service")
    on_bus.add_task("photos", sim.add_task(polls=3, result=2))
    systemctl("start", "koowatch-wait@photos.service", check=False)
    assert show("Result", "koowatch-wait@photos.service") == "exit-code"
    on_bus.wait(lambda: said.exists() and said.read_text().strip(), "OnFailure=")
    assert said.read_text() == "10\n"


def test_an_unknown_name_fails_the_unit(on_bus, units):
    systemctl("start", "koowatch-wait@none@a.b.service", check=False)
    assert show("ExecMainStatus", "koowatch-wait@none@a.b.service") == "1"


def test_logs_are_of_the_daemon_and_of_its_hooks(on_bus, sim):
    on_bus.hook("echo from the hook")
    on_bus.add_task("photos", sim.add_task(result=1))
    on_bus.add_task("other", sim.add_task(result=1))
    on_bus.wait_output("from the hook", 2)
    run("logger", "--journald", input="MESSAGE=forged\nKOOWATCH_NAME=photos\n")
    on_bus.wait_entry("^forged$")
    shown = ctl("logs", "photos", "--since=-5min", "--json").stdout
    messages = [json.loads(line) for line in shown.splitlines()]
    assert {entry["KOOWATCH_NAME"] for entry in messages} == {"photos"}
    said = [entry["MESSAGE"] for entry in messages]
    assert "from the hook" in said and "forged" not in said
    assert any(text.startswith("photos: completed") for text in said)


def test_hooks_are_tested_in_the_services_sandbox(on_bus, sim):
    on_bus.hook("id -un; touch /etc/koowatch/hooks/x 2>/dev/null || echo protected")
    on_bus.add_task("photos", sim.add_task(polls=100000))
    on_bus.wait(lambda: ctl("show", "photos").returncode == 0, "registered")
    tested = ctl("hook", "test", "finished", "photos")
    assert (tested.returncode, tested.stdout) == (0, "finished.d/10-test: done\n")
    on_bus.wait_output("koowatch-hook")
    on_bus.wait_output("protected")
    dry = ctl("hook", "test", "finished", "photos", "--dry-run")
    assert "HOME=/var/lib/koowatch-hook" in dry.stdout


def test_check_looks_with_the_eyes_of_the_service(on_bus, sim, tmp_path):
    assert ctl("check").returncode == 0, ctl("check").stdout
    token = write_file("/etc/koowatch/office.token", "Bearer x\n", mode=0o600)  # root's alone
    write_file("/etc/koowatch/koowatch.conf.d/60-office.conf", f"[Account office]\nTokenFile={token}\n")
    checked = ctl("check")
    token.unlink()
    assert checked.returncode == 1
    assert f"{token}: TokenFile of account office: Permission denied" in checked.stdout


def test_an_edit_as_root_keeps_the_owner(on_bus, sim):
    task = sim.add_task(polls=100000)
    assert ctl("add", "photos", f"--task-id={task.task_id}", f"--share-id={task.share_id}").returncode == 0
    edited = subprocess.run(
        ["koowatchctl", "edit", "photos"],
        env={"PATH": "/usr/bin:/bin", "EDITOR": "sed -i s/ShareId/Description=edited\\nShareId/"},
        capture_output=True,
        text=True,
    )
    assert (edited.returncode, edited.stderr) == (0, ""), edited
    described = lambda: json.loads(ctl("show", "photos", "--json").stdout)["task"].get("description")  # noqa: E731
    on_bus.wait(lambda: described() == "edited", "the new description")
    assert run("stat", "-c", "%U", "/var/lib/koowatch/tasks.d/photos.task") == "koowatch"


# In Chinese


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """The environment of a user who reads Chinese, on a terminal of 80 columns."""
    locales = tmp_path_factory.mktemp("locales")
    for charset in ("UTF-8", "GB18030"):
        run("localedef", "--no-archive", "-i", "zh_CN", "-f", charset, str(locales / f"zh_CN.{charset}"))
    return {"LOCPATH": str(locales), "LC_ALL": "zh_CN.UTF-8", "COLUMNS": "80"}


def place(line, text):
    """The columns of a terminal that lie before the text."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line[: line.index(text)])


def is_chinese(text):
    return re.search("[\u4e00-\u9fff]", text)


def test_help_is_chinese_and_fits_a_terminal(installed, chinese):
    whole = ctl("--help", **chinese).stdout
    verbs = re.findall(r"^  ([a-z][a-z-]+) ", whole, re.M)
    assert len(verbs) == 19
    for text in (whole, *(ctl(verb, "--help", **chinese).stdout for verb in verbs)):
        lines = text.splitlines()
        assert lines[0].startswith("用法：koowatchctl ") and is_chinese(lines[1])
        for line in lines:
            assert place(f"{line}|", "|") <= 80, line
            assert not line.startswith("  ") or re.fullmatch(r".{24} .*[\u4e00-\u9fff].*| .* (?:auto、always.*)", line), line


def test_screens_are_chinese_and_aligned(on_bus, sim, chinese):
    on_bus.hook("exit 1")
    on_bus.add_task("photos", sim.add_task(), Description="每晚备份的照片")
    on_bus.wait_entry("^photos: hook .* failed")
    title, row, count = ctl("list", **chinese).stdout.splitlines()
    assert title.split() == ["名称", "状态", "进度", "时长", "下次", "说明"] and count == "1 个任务"
    assert place(title, "状态") == place(row, "finished") and place(title, "说明") == place(row, "钩子失败；")
    assert re.match(r"koowatchd \S+：没有问题\n +任务：pending 0，", ctl("status", **chinese).stdout)
    shown = ctl("show", "photos", **chinese).stdout.splitlines()
    assert shown[0] == "photos - 每晚备份的照片" and shown[-2] == "立即重试失败的钩子：koowatchctl redeliver photos"
    labels = [line for line in shown[1:] if re.match(r" +\S+：", line)]
    assert len(labels) > 8 and {place(line, "：") for line in labels} == {12}
    assert re.search(r"^ +结束时间：\S+Z（(刚刚|.+ 前)）$", "\n".join(labels), re.M)


def test_errors_are_chinese_and_exit_the_same(on_bus, chinese):
    missing = ctl("list", "--frob", **chinese)
    assert (missing.returncode, missing.stderr) == (2, "koowatchctl: --frob：list 没有这个选项\n")
    unknown = ctl("show", "stranger", **chinese)
    assert (unknown.returncode, unknown.stderr) == (1, "koowatchctl: 没有任务 stranger\n")
    systemctl("stop", DAEMON)
    away = ctl("status", **chinese)
    assert (away.returncode, away.stderr) == (1, "koowatchctl: koowatchd 没有运行：systemctl start koowatchd\n")


def test_what_programs_read_is_the_same_in_all_languages(on_bus, sim, chinese):
    on_bus.hook("exit 0")
    on_bus.add_task("photos", sim.add_task(result=2))
    on_bus.wait_entry("^photos: hook .* ended: done")
    for words in (
        ["--json", "list"],
        ["--json", "show", "photos"],
        ["show", "stranger", "--json"],
        ["--json", "list", "--frob"],
        ["--frob", "list", "--json"],
        ["--json", "check"],
        ["wait", "photos", "--json=lines"],
        ["list", "--no-legend", "-o", "name,state,outcome,note"],
        ["status", "--monitor"],
        ["__complete", "--", "list", "--state", ""],
    ):
        told = [ctl(*words, **{**chinese, "LC_ALL": locale}) for locale in ("zh_CN.UTF-8", "C")]
        outputs = [(each.returncode, each.stdout, each.stderr) for each in told]
        assert outputs[0] == outputs[1], words
        assert not is_chinese(outputs[0][1] + outputs[0][2]), words


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C.UTF-8", "LANGUAGE": "zh_CN"},  # in glibc 2.36 LANGUAGE would count
        {"LC_ALL": "zh_CN.GB18030"},  # what is shown is UTF-8
        {"LC_ALL": "zh_CN.UTF-8", "LOCPATH": "/nonexistent"},
        {"LC_ALL": "C", "LANGUAGE": "zh_CN"},
    ],
)
def test_it_is_english_elsewhere(installed, chinese, environment):
    assert ctl("--help", **{**chinese, **environment}).stdout == ctl("--help", LC_ALL="C").stdout
    refused = ctl("list", "--frob", **{**chinese, **environment})
    assert refused.stderr == "koowatchctl: --frob: no such option of list\n"
