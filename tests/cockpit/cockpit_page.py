"""Cockpit with the page in it, and Chromium that looks at it."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 30
NEEDED = ("chromium", "chromedriver", "cockpit-bridge", "node")
WS = next((path for path in ("/usr/lib/cockpit/cockpit-ws", "/usr/libexec/cockpit-ws") if os.path.exists(path)), None)


def missing():
    """What keeps the browser's tests from running; empty: nothing does."""
    absent = [program for program in NEEDED if not shutil.which(program)]
    if not WS:
        absent.append("cockpit-ws")
    try:
        import selenium  # noqa: F401
    except ImportError:
        absent.append("python3-selenium")
    return absent


def wait_for(condition, what, patience=PATIENCE):
    """Returns what condition() returns, once that is true."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"in vain waited for {what}"
        time.sleep(0.05)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def install(build, directory):
    """The page as meson installs it; returns the directory for XDG_DATA_DIRS."""
    subprocess.run(
        ["meson", "install", "-C", build, "--destdir", directory, "--tags", "cockpit", "--no-rebuild", "--quiet"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    [page] = pathlib.Path(directory).rglob("koowatch/index.html")
    return page.parents[2]


class Cockpit:
    """cockpit-ws of a session that is logged in; the page talks to the bus at `address`."""

    def __init__(self, data, address, home):
        self.port = free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("LANG", "LANGUAGE", "LC_ALL")},
            "DBUS_SYSTEM_BUS_ADDRESS": address,
            "XDG_DATA_DIRS": f"{data}:/usr/local/share:/usr/share",
            "XDG_DATA_HOME": f"{home}/share",
            "XDG_CONFIG_HOME": f"{home}/config",
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
        }
        self.process = subprocess.Popen(
            [WS, "--no-tls", "-a", "127.0.0.1", "-p", str(self.port), "--local-session=cockpit-bridge"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=open(pathlib.Path(home) / "cockpit-ws.log", "w", encoding="utf-8"),  # noqa: SIM115
        )
        wait_for(self._listens, "cockpit-ws")

    def _listens(self):
        assert self.process.poll() is None, "cockpit-ws has ended"
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/cockpit/@localhost/koowatch/index.html"

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def browser(language="en-US", size=(1280, 900), home=None):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--force-color-profile=srgb",
        f"--lang={language}",
        f"--window-size={size[0]},{size[1]}",
        "--proxy-server=direct://",
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    driver.set_page_load_timeout(PATIENCE)
    return driver


sys.dont_write_bytecode = True
