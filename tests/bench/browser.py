"""The page in Cockpit with many tasks, in Chromium: until there is something to see, and what an update takes."""

import contextlib
import statistics
import sys

import bench as common
import start
from listing import message_bus

sys.path.append(str(common.TOP / "tests" / "cockpit"))
import cockpit_page  # noqa: E402

TITLE = "browser: the page in Cockpit (wall clock from the navigation; script, style and layout of a frame)"

# In the page before its own scripts: when rows are there, and how long each of its frames takes.
WATCH = """
window.benchFrames = [];
const request = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = paint => request(now => {
    const began = performance.now();
    paint(now);
    document.body?.offsetHeight;
    window.benchFrames.push(performance.now() - began);
});
new MutationObserver((_changes, observer) => {
    if (document.querySelector("table.tasks tbody tr") && window.benchFirst === undefined)
        request(() => setTimeout(() => { window.benchFirst = performance.now(); }));
    if (window.benchFirst !== undefined && /^[0-9,]+ /.test(document.querySelector(".count")?.textContent ?? "")) {
        window.benchWhole = performance.now();
        observer.disconnect();
    }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""

SEARCH = """
const began = performance.now();
const field = document.querySelector(".search");
field.value = arguments[0];
field.dispatchEvent(new Event("input"));
document.body.offsetHeight;
return performance.now() - began;
"""


@contextlib.contextmanager
def page(bench, address):
    home = bench.path / "home"
    home.mkdir()
    data = cockpit_page.install(bench.build, bench.path / "installed")
    cockpit = cockpit_page.Cockpit(data, address, home)
    driver = cockpit_page.browser()
    try:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        yield cockpit_page.Page(driver, cockpit.url)
    finally:
        driver.quit()
        cockpit.close()


def value(page, name):
    return common.wait_until(lambda: page.script(f"return window.{name} ?? 0"), name, patience=60)


def update(daemon, page, name):
    """A task's file goes and comes back: two signals. Returns milliseconds of the longest frame meanwhile."""
    path = daemon.tasks / f"{name}.task"
    away = path.with_name(f".{name}")
    shown = lambda: page.script("return Number(document.querySelector('.count').textContent.match(/[0-9]+/)[0])")  # noqa: E731
    count = shown()
    page.script("window.benchFrames.length = 0")
    path.rename(away)
    common.wait_until(lambda: shown() == count - 1, "a task to go", patience=60)
    away.rename(path)
    common.wait_until(lambda: shown() == count, "a task to come", patience=60)
    return max(page.script("return window.benchFrames"))


def run(bench):
    count = bench.size(10_000, 200)
    absent = cockpit_page.missing()
    if absent:
        bench.note(f"left out: {', '.join(absent)} missing")
        return
    with start.make(bench, count) as daemon, message_bus(daemon.path) as address:
        daemon.start(bus="system", DBUS_SYSTEM_BUS_ADDRESS=address)
        names = sorted(path.stem for path in daemon.tasks.glob("*.task"))
        first, whole, frames, searches = [], [], [], []
        with page(bench, address) as looked_at:
            common.wait_idle(daemon.process.pid)
            for i in range(bench.rounds):
                looked_at.open()
                first.append(value(looked_at, "benchFirst") / 1000)
                whole.append(value(looked_at, "benchWhole") / 1000)
                frames.append(update(daemon, looked_at, names[i * 7]))
                texts = [name[-2:] for name in names[:5]]
                searches.append(statistics.median(looked_at.script(SEARCH, text) for text in [*texts, ""]))
        bench.add(f"{count:,} tasks, until the first rows", first, "s", goal=1)
        bench.add("  until all of them are read", whole, "s")
        bench.add("  an update: the longest frame", frames, "ms", goal=50)
        bench.add("  a search", searches, "ms", goal=50)
