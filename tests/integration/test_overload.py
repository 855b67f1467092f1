"""More tasks than RateLimit= allows polls for: what is said of it."""

import re


def test_lag_is_shown_and_warned_of_once(koowatch, sim):
    koowatch.settings["Account"]["RateLimit"] = "20/min"
    koowatch.start()
    for i in range(8):
        koowatch.add_task(f"task{i}", sim.add_task(hold=True))
    behind = "^polling of account default is [0-9]+ s behind: .*RateLimit="
    entry = koowatch.wait_entry(behind, timeout=60)
    assert entry.level == "warning"
    koowatch.wait_status(r"watching 8 .*; polling of account default [0-9]+ s behind.*")

    koowatch.settings["Account"]["RateLimit"] = "500/s"
    koowatch.reload()
    koowatch.wait(
        lambda: not re.search("behind", koowatch.notified("STATUS")[-1]),
        "a status without a lag",
        timeout=60,
    )
    assert len(koowatch.find(behind)) == 1
