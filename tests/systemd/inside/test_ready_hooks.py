"""The ready-made hooks where they are installed, in the sandbox of the hooks."""

import http.server
import json
import os
import pathlib
import pwd
import shutil
import threading

import pytest
from service import ETC, write_file

CONF = ETC / "notify.conf"
HOME = pathlib.Path("/var/lib/koowatch-hook")
NAMED = pathlib.Path("/usr/lib/koowatch/hooks/named.d")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.titles.append(json.loads(body)["title"])
        data = b'{"id":"1"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    """ntfy, for the hook notify."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.titles = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def notify(service, receiver):
    text = f"[Notify]\nVia=ntfy\n[ntfy]\nTopic=koowatch\nUrl={receiver.url}\n"
    write_file(CONF, text, mode=0o640)
    shutil.chown(CONF, group="koowatch-hook")
    yield
    CONF.unlink()


def link(event):
    path = ETC / "hooks" / f"{event}.d" / "50-notify"
    path.parent.mkdir(parents=True)
    path.symlink_to(NAMED / "notify")


def test_notify_tells_of_tasks_and_accounts(service, sim, receiver, notify):
    for event in ("finished", "stalled", "account"):
        link(event)
    token = write_file("/run/koodrive-login/token", "old", mode=0o600, owner="koowatch")
    sim.tokens = {"new"}
    service.settings["Account"]["TokenFile"] = token
    service.settings["Poll"]["StallTimeout"] = "1s"
    service.add_task("ends", sim.add_task())
    service.start()
    told = receiver.titles
    service.wait(lambda: len(told) == 1, "word of the account")
    assert told.pop() == "KooDrive account default: the credentials are refused"
    write_file(token, "new", mode=0o600, owner="koowatch")
    service.wait(lambda: len(told) == 1, "word of the task")
    assert told.pop() == "KooDrive task ends: completed, all succeeded"
    memory = HOME / ".koowatch-notify"
    assert len(list(memory.iterdir())) == 1
    assert memory.stat().st_uid == pwd.getpwnam("koowatch-hook").pw_uid


def test_notify_speaks_chinese_where_it_is_told_to(service, sim, receiver, notify):
    CONF.write_text(CONF.read_text().replace("[Notify]\n", "[Notify]\nLanguage=zh_CN\n"))
    link("finished")
    service.add_task("photos", sim.add_task())
    service.start()
    service.wait(lambda: receiver.titles, "word of the task")
    assert receiver.titles == ["KooDrive 任务 photos：已完成，全部成功"]


def test_notify_waits_for_a_configuration_that_it_can_read(service, sim, receiver, notify):
    os.chown(CONF, 0, 0)
    service.add_task("photos", sim.add_task(), Hook="notify")
    service.start()
    service.wait_entry(f"^{CONF} cannot be read: .*koowatch-hook and mode 0640")
    shutil.chown(CONF, group="koowatch-hook")
    service.wait(lambda: receiver.titles, "the message")


def test_fetch_package_unpacks(service, sim):
    variables = {"Destination": HOME / "packages", "Unpack": "yes"}
    task = sim.add_task(files=3, file_size=1000)
    service.add_task("photos", task, Hook="fetch-package", variables=variables)
    service.start()
    service.wait_entry("^unpacked to .*/packages/photos, 3 files, 3000 bytes")
    files = [path for path in (HOME / "packages/photos").rglob("[!.]*") if path.is_file()]
    assert len(files) == 3 and {path.stat().st_size for path in files} == {1000}
