"""A stub of KooDrive: nginx, whose answers are fixed and cost next to nothing."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from bench import TOP, cores, end, on, wait_until, write

sys.path.insert(0, str(TOP / "tests" / "simulator"))
import certificates  # noqa: E402

ANSWER_BYTES = 542
PROTOCOLS = ("HTTP/1.1", "TLS", "HTTP/2")


def answer(status, size=ANSWER_BYTES):
    """An answer for any task, as it carries no id of one."""
    ends = {1: "null", 2: '"20260101001005"'}[status]
    link = {1: "null", 2: '"https://example.com/p/0123456789abcdef"'}[status]
    result, progress = {1: ("null", 40), 2: (1, 100)}[status]
    job = f'"userId":"1505084218764547200","taskType":1,"taskStatus":{status},"taskResultCode":{result}'
    job += f',"createTime":"20260101000000","startTime":"20260101000005","endTime":{ends}'
    job += f',"progress":{progress},"downloadUrl":{link}'
    files = [f'{{"fileId":"FbY3m0a1c{i:024d}","status":1,"srcContainerId":"' for i in range(3)]
    head = f'{{"jobInfo":{{{job}}},"taskInfos":[' + 'default"},'.join(files)
    tail = '"}],"code":0,"msg":"Success."}'
    return head + "d" * (size - len(head) - len(tail)) + tail


NGINX = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port}{listen};
        {tls}
        location / {{
            if (-f {dir}/completed) {{ return 200 '{completed}'; }}
            return 200 '{running}';
        }}
    }}
    server {{
        listen unix:{dir}/count;
        location / {{ stub_status; }}
    }}
}}
"""


class Server:
    """nginx that answers each poll of a task: it runs, or, after complete(), it has ended."""

    def __init__(self, bench, protocol="HTTP/1.1"):
        self.protocol = protocol
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="nginx-", dir=bench.path))
        self.directory.chmod(0o777)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        listen, tls, self.ca = "", "", None
        if protocol != "HTTP/1.1":
            self.ca, key = certificates.issue(self.directory)
            listen = " ssl" if protocol == "TLS" else " ssl http2"
            tls = f"ssl_certificate {self.ca}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;"
        self.url = f"{'http' if protocol == 'HTTP/1.1' else 'https'}://127.0.0.1:{self.port}"
        config = NGINX.format(
            dir=self.directory, port=self.port, listen=listen, tls=tls, running=answer(1), completed=answer(2)
        )
        write(self.directory / "conf", config, 0o644)
        self._asked = 0
        self._process = None

    def __enter__(self):
        if not shutil.which("nginx"):
            sys.exit("nginx is missing (apt-get install nginx-light)")
        command = ["nginx", "-c", self.directory / "conf", "-p", self.directory, "-e", self.directory / "error.log"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **on(cores()[1]))
        wait_until(self._is_up, "nginx", self._process)
        return self

    def __exit__(self, *exception):
        self.go_on()
        end(self._process)

    def _is_up(self):
        with contextlib.suppress(OSError):
            return self.counts()
        return None

    def hold(self):
        """Answers nothing until go_on()."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def _pids(self):
        pid = self._process.pid
        return [pid, *map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def complete(self):
        """From now on every task has completed."""
        write(self.directory / "completed", "", 0o644)

    def counts(self):
        """Connections and requests so far, those of this question apart."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.directory / "count"))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            text = b""
            while data := client.recv(4096):
                text += data
        self._asked += 1
        accepted, _, requests = map(int, text.split(b"requests\n")[1].split()[:3])
        return accepted - self._asked, requests - self._asked

    @property
    def requests(self):
        return self.counts()[1]
