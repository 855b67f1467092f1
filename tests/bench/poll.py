"""CPU of a poll, beside a bare loop and other clients; paced, and with 64 requests open all the time."""

import contextlib
import os
import shutil
import subprocess
import time

import bench as common
from bench import HERE, KDSTOKEN, TOKEN, cores, on
from instance import Daemon
from stub import ANSWER_BYTES, PROTOCOLS, Server

TITLE = "poll: CPU of a poll (user and system, of the process and its children)"
IN_FLIGHT = 64
BODY = f'{{"taskId":"1600000000000000001","shareId":"1700000000000000001","kdstoken":"{KDSTOKEN}"}}'
PATH = "/koodrive/ose/v1/share/taskDetail"
HEADERS = {
    "Authorization": TOKEN,
    "Content-Type": "application/json",
    "X-Date": "20260101T000000Z",
    "X-Traceid": "0123456789" * 5 + "01234567",
    "X-User-Id": "1505084218764547200",
}

# The goals: of koowatchd's CPU beside the other's
PACED_GOALS = {"bare": 0.75, "Go": 0.45, "the other build": 0.5}
SATURATED_GOALS = {"bare": 1.25, "Go": 0.7}


class Load:
    """What is measured: watches, and milliseconds between the polls of each (0: no pause)."""

    def __init__(self, bench, watches, interval, settle, seconds):
        self.watches, self.interval, self.in_flight = watches, interval, IN_FLIGHT
        self.settle, self.seconds = bench.size(settle, 0.5), bench.size(seconds, 1)


@contextlib.contextmanager
def koowatchd(bench, server, load, build=None, wrapper=(), store=None):
    """The first polls go at the rate of all the later ones, so that they stay spread."""
    paced = load.interval > 0
    # An account sends at most 10,000 requests a second.
    daemon = Daemon(
        bench, server.url, server.ca, build, accounts=1 if paced else 4, in_flight=load.in_flight,
        rate=f"{max(load.watches * 1000 // load.interval, 1)}/s" if paced else "10000/s",
        # Between equal limits there would be no jitter.
        interval=f"{load.interval * 90 // 100 or 1}ms", interval_max=f"{load.interval * 105 // 100 or 1}ms",
    )  # fmt: skip
    if store:
        daemon.settings["Store"] = store
    with daemon:
        daemon.make_tasks(load.watches)
        daemon.start(wrapper)
        if paced:
            common.wait_until(lambda: server.requests >= load.watches, "the first polls", daemon.process, pause=0.2)
            daemon.settings["Account"]["RateLimit"] = "10000/s"
            daemon.reload()
        yield daemon.process


@contextlib.contextmanager
def program(bench, command, **environment):
    process = subprocess.Popen(
        list(map(str, command)),
        **on(cores()[0]),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        common.end(process)


def bare(bench, server, load):
    return program(bench, poller(bench, server, load, [bench.program("bench-bare")]))


def poller(bench, server, load, command):
    token = bench.path / "token"
    common.write(token, TOKEN + "\n")
    ca = server.ca or "-"
    return [*command, server.url + PATH, token, ca, load.watches, load.in_flight, load.interval]


def go(bench, server, load):
    binary = bench.path / "poll-go"
    if not binary.exists():
        environment = {**os.environ, "GOCACHE": str(bench.path / "go"), "GO111MODULE": "off", "CGO_ENABLED": "0"}
        subprocess.run(["go", "build", "-o", binary, HERE / "poll.go"], check=True, env=environment)
    return program(bench, poller(bench, server, load, [binary]))


def aiohttp(bench, server, load):
    return program(bench, poller(bench, server, load, ["/usr/bin/python3", HERE / "poll-aiohttp"]))


def wrk(bench, server, load):
    script = bench.path / "poll.lua"
    lines = ['wrk.method = "POST"', f"wrk.body = '{BODY}'"]
    lines += [f"wrk.headers[{name!r}] = {value!r}" for name, value in HEADERS.items()]
    common.write(script, "\n".join(lines))
    return program(bench, ["wrk", "-t1", f"-c{load.in_flight}", "-d1h", "-s", script, server.url + PATH])


def h2load(bench, server, load):
    body = bench.path / "body"
    common.write(body, BODY)
    streams = ["-c1", f"-m{load.in_flight}"] if server.protocol == "HTTP/2" else [f"-c{load.in_flight}", "-m1", "--h1"]
    headers = [item for name, value in HEADERS.items() for item in ("-H", f"{name}: {value}")]
    return program(bench, ["h2load", *streams, "-D3600", "-t1", "-d", body, *headers, server.url + PATH])


def contenders(bench, paced, protocol):
    """By name; those whose tools are missing are noted and left out."""
    found = {"koowatchd": koowatchd, "bare": bare}
    if bench.against:
        found["the other build"] = lambda b, server, load: koowatchd(b, server, load, bench.against)
    others = {"Go": ("go", go)}
    if protocol != "HTTP/2":
        others["aiohttp"] = (None, aiohttp)
    if not paced:
        others["h2load"] = ("h2load", h2load)
        if protocol != "HTTP/2":
            others["wrk"] = ("wrk", wrk)
    for name, (tool, contender) in others.items():
        there = shutil.which(tool) if tool else subprocess.run(
            ["/usr/bin/python3", "-c", "import aiohttp"], stderr=subprocess.DEVNULL, check=False
        ).returncode == 0  # fmt: skip
        if there:
            found[name] = contender
        else:
            bench.note(f"{name} is left out: it is not installed")
    return found


def measure(bench, server, contender, load):
    """Returns microseconds of CPU a poll, polls a second, and connections opened from the start."""
    with contender(bench, server, load) as process:
        first = server.requests
        common.wait_until(lambda: server.requests > first, "polls", process)
        time.sleep(load.settle)
        polls = server.requests
        cpu, began = common.cpu_seconds(process.pid), time.monotonic()
        time.sleep(load.seconds)
        opened, requests = server.counts()
        polls = requests - polls
        took, cpu = time.monotonic() - began, common.cpu_seconds(process.pid) - cpu
        return cpu / max(polls, 1) * 1e6, polls / took, opened


def run_load(bench, name, load, goals):
    for protocol in PROTOCOLS:
        found = contenders(bench, load.interval > 0, protocol)
        results = {who: [] for who in found}
        for _ in range(bench.rounds):
            for who, contender in found.items():
                with Server(bench, protocol) as server:
                    results[who].append(measure(bench, server, contender, load))
        for who, rows in results.items():
            bench.add(f"{name}, {protocol}: {who}", [cpu for cpu, _, _ in rows], "µs")
            bench.add("  polls a second", [rate for _, rate, _ in rows])
            if who == "koowatchd":
                goal = 1 if protocol == "HTTP/2" else load.in_flight
                bench.add("  connections opened, from the start", [opened for _, _, opened in rows], goal=goal)
                continue
            ratios = [mine[0] / other[0] for mine, other in zip(results["koowatchd"], rows)]
            bench.add(f"  koowatchd, × {who}", ratios, goal=goals.get(who))


def run(bench):
    bench.note(f"a request of {len(BODY)} bytes of body, a token of {len(TOKEN)}; an answer of {ANSWER_BYTES} bytes")
    paced = Load(bench, bench.size(10_000, 200), bench.size(10_000, 1000), settle=3, seconds=10)
    run_load(bench, "paced", paced, PACED_GOALS)
    saturated = Load(bench, bench.size(1_000, 200), 0, settle=1, seconds=5)
    run_load(bench, "saturated", saturated, SATURATED_GOALS)
