"""The programs that read metrics, as test programs: node_exporter, Prometheus, promtool.

None listens on a fixed port.
"""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

PROMTOOL = shutil.which("promtool")
EXPORTER = shutil.which("prometheus-node-exporter")
PROMETHEUS = shutil.which("prometheus")
PATIENCE = 30  # seconds


def run_promtool(*arguments, **how):
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=PATIENCE, **how)


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=PATIENCE) as answer:
        return answer.read().decode()


@contextlib.contextmanager
def running(command, **how):
    """A program, whose output pytest shows if the test fails."""
    process = subprocess.Popen(
        command, env={"PATH": os.environ["PATH"]}, stderr=subprocess.PIPE, text=True, **how
    )
    try:
        yield process
    finally:
        process.kill()
        print(process.communicate()[1])


@contextlib.contextmanager
def exporting(directory):
    """node_exporter with the *.prom files there; yields its URL. Its socket is handed to it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, fd = listening.getsockname()[1], listening.fileno()
        command = [
            # LISTEN_PID is known to the process itself only
            *("bash", "-c", f'exec 3<&{fd}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "bash"),
            *(EXPORTER, "--web.systemd-socket", "--collector.disable-defaults"),
            *("--collector.textfile", f"--collector.textfile.directory={directory}"),
        ]
        with running(command, pass_fds=[fd]):
            yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def serving(pages):
    """A web server of {path: (content type, text)}; yields its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content_type, text = pages[self.path]
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Prometheus:
    def __init__(self, url):
        self.url = url

    def get(self, what, **parameters):
        text = fetch(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}")
        return json.loads(text)["data"]

    def query(self, expression):
        """[(labels, value)], without those of the target."""
        rows = self.get("query", query=expression)["result"]
        own = ("instance", "job")
        return [
            ({name: value for name, value in row["metric"].items() if name not in own}, float(row["value"][1]))
            for row in rows
        ]

    def firing(self):
        """{name: alert} of those that fire."""
        alerts = self.get("alerts")["alerts"]
        return {alert["labels"]["alertname"]: alert for alert in alerts if alert["state"] == "firing"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def wait_until_ready(process, url):
    """Returns whether it is; not when it has ended, as when another one took its port."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            fetch(f"{url}/-/ready")
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def scraping(directory, targets, rules=()):
    """Prometheus that scrapes the URLs each second; yields a Prometheus. Keeps its files in directory."""
    config = directory / "prometheus.yml"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(path) for path in rules],
                "scrape_configs": [
                    {
                        "job_name": "koowatch",
                        "static_configs": [{"targets": [url.removeprefix("http://") for url in targets]}],
                    }
                ],
            }
        )
    )
    for _ in range(5):
        port = free_port()
        command = [
            *(PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={directory / 'tsdb'}"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
        ]
        with running(command, stdout=subprocess.DEVNULL) as process:
            url = f"http://127.0.0.1:{port}"
            if wait_until_ready(process, url):
                yield Prometheus(url)
                return
    raise AssertionError("Prometheus does not start")
