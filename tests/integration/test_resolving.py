"""Names that take their time: libcurl resolves in threads, which is where there is more than one.

tests/run runs these under ThreadSanitizer too.
"""

import os
import subprocess
import time

import pytest
from koowatch import wait_polls

AT_ONCE = 5  # seconds, on a machine that is busy; a name that hangs takes longer

# NAME.MILLISECONDS.test is this machine, after a while; meanwhile a file in $RESOLVING stands for the thread.
SHIM = r"""
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void wait_for_name(const char *ms) {
        const struct timespec pause = {atol(ms) / 1000, atol(ms) % 1000 * 1000000};
        char path[4096];

        snprintf(path, sizeof(path), "%s/%d", getenv("RESOLVING"), (int) gettid());
        close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        nanosleep(&pause, NULL);
        unlink(path);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret) {
        int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
                (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))
                        dlsym(RTLD_NEXT, "getaddrinfo");

        if (node && strlen(node) > 5 && strcmp(node + strlen(node) - 5, ".test") == 0) {
                wait_for_name(strchr(node, '.') + 1);
                node = "127.0.0.1";
        }
        return next(node, service, hints, ret);
}
"""


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    source = tmp_path_factory.mktemp("resolver") / "resolver.c"
    source.write_text(SHIM)
    library = source.with_suffix(".so")
    command = ["cc", "-shared", "-fPIC", "-O2", "-D_GNU_SOURCE", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True)
    return library


class Resolver:
    """What the daemon resolves names with."""

    def __init__(self, koowatch, sim, shim):
        self.koowatch, self.sim, self.shim = koowatch, sim, shim
        self.path = koowatch.path / "resolving"
        self.path.mkdir()

    def add_account(self, name, milliseconds):
        self.koowatch.settings[f"Account {name}"] = self.koowatch.settings["Account"] | {
            "Endpoint": self.sim.url.replace("127.0.0.1", f"{name}.{milliseconds}.test"),
            "AllowPlainHttp": "yes",
        }

    def start(self):
        # The sanitizer wants to be the first library, which matters for what both replace.
        options = f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0".lstrip(":")
        self.koowatch.start(LD_PRELOAD=str(self.shim), RESOLVING=str(self.path), ASAN_OPTIONS=options)

    def wait_threads(self, predicate):
        self.koowatch.wait(lambda: predicate(len(os.listdir(self.path))), "threads that resolve")


@pytest.fixture
def resolver(koowatch, sim, shim):
    return Resolver(koowatch, sim, shim)


def test_names_that_are_resolved_at_the_same_time(koowatch, sim, resolver):
    for i in range(12):
        resolver.add_account(f"a{i}", 30 * i)
        koowatch.add_task(f"t{i}", sim.add_task(polls=5), Account=f"a{i}")
    resolver.start()
    for i in range(12):
        koowatch.wait_entry(f"^t{i}: completed")
    resolver.wait_threads(lambda count: count == 0)


def test_a_name_that_hangs_holds_up_nobody(koowatch, sim, resolver):
    resolver.add_account("hangs", 60_000)
    koowatch.add_task("stuck", sim.add_task(), Account="hangs")
    other = sim.add_task(hold=True)
    koowatch.add_task("photos", other)
    resolver.start()
    resolver.wait_threads(lambda count: count == 1)
    wait_polls(sim, other, more=5, timeout=AT_ONCE)
    began = time.monotonic()
    koowatch.reload()
    assert time.monotonic() - began < AT_ONCE
    # It is given up, its thread is left to itself, and the next attempt starts another one.
    resolver.wait_threads(lambda count: count == 2)
    wait_polls(sim, other, more=5)
    began = time.monotonic()
    koowatch.stop()
    assert time.monotonic() - began < 5 + AT_ONCE  # for requests in flight it waits up to 5 s


def test_accounts_go_while_their_names_are_resolved(koowatch, sim, resolver):
    names = [f"a{i}" for i in range(6)]
    tasks = [sim.add_task(hold=True) for _ in names]
    for i, (name, task) in enumerate(zip(names, tasks)):
        resolver.add_account(name, 100 + 150 * i)
        koowatch.add_task(name, task, Account=name)
    accounts = {key: value for key, value in koowatch.settings.items() if key.startswith("Account a")}
    resolver.start()
    for turn in range(6):
        resolver.wait_threads(lambda count: count >= 2)
        for key in accounts:
            koowatch.settings.pop(key)
        koowatch.reload()
        for key, value in accounts.items():
            host = value["Endpoint"].replace(".test", f".again{turn}.test")
            koowatch.settings[key] = value | {"Endpoint": host}
        koowatch.reload()
    for task in tasks:
        task.complete()
    for name in names:
        koowatch.wait_entry(f"^{name}: completed")
    resolver.wait_threads(lambda count: count == 0)
