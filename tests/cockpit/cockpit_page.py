"""Cockpit with the page in it, and Chromium that looks at it."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 30
AXE = "axe-core@4.10.3"
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
    # Chromium ends when a bus that it has connected to goes away.
    nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    service = Service(shutil.which("chromedriver"), env={**os.environ, **nowhere})
    driver = webdriver.Chrome(service=service, options=options)
    driver.set_page_load_timeout(PATIENCE)
    return driver


def axe(directory):
    """The source of axe-core, from npm; None where the registry cannot be reached."""
    if not shutil.which("npm"):
        return None
    done = subprocess.run(
        ["npm", "pack", "--silent", "--fetch-retries=0", AXE, "--pack-destination", directory],
        cwd=directory,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        return None
    [archive] = pathlib.Path(directory).glob("*.tgz")
    shutil.unpack_archive(archive, directory)
    return (pathlib.Path(directory) / "package" / "axe.min.js").read_text(encoding="utf-8")


# What a person reads of an element, and whether it is to be seen.
LOOK = """
const seen = e => e.checkVisibility({ visibilityProperty: true });
const words = e => e.innerText.trim().replace(/\\s+/g, " ");
const name = e => e.getAttribute("aria-label") || words(e);
"""


class Page:
    """The page as a person sees it: found by words, waited for, never by a fixed time."""

    def __init__(self, driver, url, frame=None):
        self.driver, self.url, self.frame = driver, url, frame
        self.expected = []  # patterns of complaints of the browser that a test brings about

    def open(self, address="#/", theme="light"):
        self.driver.get("about:blank")
        self.driver.get(self.url + address)
        if self.script("return localStorage.getItem('shell:style')") != theme:
            self.script("localStorage.setItem('shell:style', arguments[0])", theme)
            self.driver.refresh()
        wait_for(lambda: self.script("return document.querySelector('#page')?.getAttribute('aria-busy') === 'false'"),
                 "the page")
        return self

    def go(self, address):
        self.script("location.hash = arguments[0]", address)
        return self

    def leave(self):
        complaints = [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and not any(re.search(pattern, entry["message"]) for pattern in self.expected)
        ]
        self.driver.get("about:blank")
        assert not complaints, complaints

    def script(self, text, *arguments):
        return self.driver.execute_script(LOOK + text, *arguments)

    @property
    def text(self):
        return self.script("return words(document.body)")

    def wait_text(self, *texts, patience=PATIENCE):
        for text in texts:
            try:
                wait_for(lambda: text in self.text, text, patience)
            except AssertionError:
                raise AssertionError(f"in vain waited for {text!r}, there is: {self.text}") from None
        return self

    def wait_count(self, text):
        """Of the table, once it is there."""
        self.wait_for(".count", text)
        return self

    def wait_no_text(self, text):
        wait_for(lambda: text not in self.text, f"{text!r} to go")

    def find(self, selector, name=None, within=None):
        """The first that is seen, of that accessible name; None: there is none."""
        return self.script(
            """
            const [selector, wanted, within] = arguments;
            const root = within || [...document.querySelectorAll("dialog[open]")].at(-1) || document;
            return [...root.querySelectorAll(selector)].find(e => seen(e) && (wanted === null || name(e) === wanted));
            """,
            selector, name, within,
        )

    def wait_for(self, selector, name=None, within=None):
        return wait_for(lambda: self.find(selector, name, within), f"{selector} {name or ''}")

    def press(self, name, within=None):
        from selenium.common.exceptions import WebDriverException

        def pressed():
            element = self.find("button, [role=tab], summary, a", name, within)
            try:
                element and element.click()
            except WebDriverException:  # it has been painted anew, or something is before it: a person looks again
                return False
            return element

        wait_for(pressed, f"the button {name}")
        return self

    def field(self, label):
        return wait_for(
            lambda: self.script(
                """
                const root = [...document.querySelectorAll("dialog[open]")].at(-1) || document;
                const of = [...root.querySelectorAll("label")].find(e => seen(e) && words(e) === arguments[0]);
                return of?.control || root.querySelector(`[aria-label="${CSS.escape(arguments[0])}"]`);
                """,
                label,
            ),
            f"the field {label}",
        )

    def row(self, name):
        """{column: text} of a task's row; None: it is not there."""
        return self.script(
            """
            const row = [...document.querySelectorAll("table.tasks tbody tr")]
                .find(tr => seen(tr) && tr.querySelector(".name").textContent === arguments[0]);
            return row && Object.fromEntries([...row.children].slice(1).map(td => [td.dataset.label, words(td)]));
            """,
            name,
        )

    def rows(self):
        return self.script(
            "return [...document.querySelectorAll('table.tasks')].filter(seen)[0]"
            "?.querySelectorAll('tbody .name').values().map(e => e.textContent).toArray() ?? []"
        )

    def troubles(self):
        """[text of each entry of what needs attention]"""
        return self.script("return [...document.querySelectorAll('.trouble')].filter(seen).map(words)")

    def trouble(self, text):
        return wait_for(
            lambda: self.script(
                "return [...document.querySelectorAll('.trouble')].find(e => seen(e) && words(e).includes(arguments[0]))", text
            ),
            f"the trouble {text}",
        )

    def violations(self, source):
        """What axe finds: ["rule: target"]."""
        self.driver.execute_script(source)
        found = self.driver.execute_async_script(
            """
            const done = arguments[0];
            axe.run(document, { resultTypes: ["violations"] }).then(r => done(r.violations.flatMap(v =>
                v.nodes.map(n => `${v.id}: ${n.target} ${n.any[0]?.message ?? ""}`))), e => done([String(e)]));
            """
        )
        return found

    def size(self, width, height=900):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        )

    def shoot(self, name):
        directory = os.environ.get("KOOWATCH_SCREENSHOTS")
        if directory:
            pathlib.Path(directory).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(pathlib.Path(directory) / f"{name}.png"))


class ShellPage(Page):
    """The page inside Cockpit's shell."""

    def open(self, address="#/", theme="light"):
        self.driver.switch_to.default_content()
        self.driver.get("about:blank")
        self.driver.get(self.url + address)
        self.enter()
        wait_for(lambda: self.script("return document.querySelector('#page')?.getAttribute('aria-busy') === 'false'"),
                 "the page")
        return self

    def enter(self):
        self.driver.switch_to.default_content()
        frame = wait_for(
            lambda: self.driver.execute_script("return document.querySelector('iframe[name=\"cockpit1:localhost/koowatch\"]')"),
            "the page's frame",
        )
        self.driver.switch_to.frame(frame)


class Shell:
    """Cockpit's own window around the page."""

    def __init__(self, driver, url):
        self.driver, self.url = driver, url
        self.page = ShellPage(driver, f"{url}/koowatch")

    def log_in(self, user, password):
        self.driver.get(f"{self.url}/koowatch")
        for field, text in (("user", user), ("password", password)):
            wait_for(lambda: self._seen(f"#login-{field}-input"), "the form to log in").send_keys(text)  # noqa: B023
        self._seen("#login-button").click()
        try:
            self.page.enter()
        except AssertionError:
            self.page.shoot("login-failed")
            raise

    def _seen(self, selector):
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].find(e => e.checkVisibility())", selector
        )

    def _press(self, selector, text):
        wait_for(
            lambda: self.driver.execute_script(
                """
                const found = [...document.querySelectorAll(arguments[0])]
                    .find(e => e.checkVisibility() && e.textContent.trim() === arguments[1] && !e.disabled);
                found?.click();
                return Boolean(found);
                """,
                selector, text,
            ),
            f"the shell's {text}",
        )

    def set_administrative(self, wanted, password):
        """As a person does it, at the top of the window."""
        self.driver.switch_to.default_content()
        here = {True: "Limited access", False: "Administrative access"}[wanted]
        there = {False: "Limited access", True: "Administrative access"}[wanted]
        state = lambda: self.driver.execute_script(  # noqa: E731
            "return [...document.querySelectorAll('button')].map(b => b.textContent.trim())"
            ".find(t => t === 'Limited access' || t === 'Administrative access')"
        )
        if wait_for(state, "the shell's access") == here:
            self._press("button", here)
            if wanted:
                wait_for(lambda: self._seen("input[type=password]"), "the password's field").send_keys(password)
                self._press("button", "Authenticate")
            else:
                self._press("button", "Limit access")
            wait_for(lambda: state() == there, there)
            self._close_dialog()
        self.page.enter()

    def _close_dialog(self):
        wait_for(
            lambda: self.driver.execute_script(
                "const close = [...document.querySelectorAll('[role=dialog] button')].find(b => b.textContent.trim() === 'Close');"
                "close?.click(); return !document.querySelector('[role=dialog]');"
            ),
            "the shell's dialog to go",
        )
