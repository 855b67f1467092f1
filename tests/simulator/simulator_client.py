"""A client for the simulator's own tests, and a clock that they move by hand."""

import http.client
import json
import time
import urllib.parse

import app_signature
from koodrive_simulator import DEFAULT_TOKEN, DETAIL_PATH


class Clock:
    """A monotonic clock that only the test moves."""

    def __init__(self):
        self.value = 1000.0

    def __call__(self):
        return self.value


class Client:
    """One keep-alive connection, as the daemon's would be."""

    def __init__(self, simulator, context=None):
        self.simulator = simulator
        if context:
            self.connection = http.client.HTTPSConnection(
                simulator.host, simulator.port, timeout=10, context=context
            )
        else:
            self.connection = http.client.HTTPConnection(
                simulator.host, simulator.port, timeout=10
            )

    def send(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        response.content = response.read()
        return response

    def poll(self, task, headers=None, body=None, path=DETAIL_PATH, method="POST"):
        """headers are added; one whose value is None is left out."""
        if body is None:
            document = {"taskId": task.task_id, "shareId": task.share_id}
            if task.kdstoken:
                document["kdstoken"] = task.kdstoken
            body = json.dumps(document)
        every = {"Authorization": DEFAULT_TOKEN, "Content-Type": "application/json"}
        every.update(headers or {})
        every = {name: value for name, value in every.items() if value is not None}
        return self.send(method, path, body, every)

    def job(self, task):
        return json.loads(self.poll(task).content)["jobInfo"]

    def download(self, url, headers=None):
        parts = urllib.parse.urlsplit(url)
        return self.send("GET", f"{parts.path}?{parts.query}", None, headers)


def verdict(sim):
    return sim.requests[-1].verdict


def stamp(moment):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


def signed(task, app_id, secret, *, names=("x-date", "x-user-id"), kind="formula", headers=None):
    """The headers and the body of a poll as an app makes it, for Client.poll()."""
    body = json.dumps({"taskId": task.task_id, "shareId": task.share_id})
    headers = {
        "X-Date": stamp(time.time() - 5),
        "X-User-Id": "1505084218764547200",
        **(headers or {}),
    }
    message = app_signature.Message("POST", DETAIL_PATH, headers.items(), body.encode())
    made = app_signature.signature(secret, message, names, kind)
    items = f"AppId={app_id},SignedHeaders={';'.join(names)},Signature={made}"
    return {**headers, "Authorization": f"HMAC-SHA256 {items}"}, body


def ask(port, method, path, document=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, json.dumps(document), headers or {})
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content
