"""Text that is not ASCII, from task file and answer to hooks, whose input is strict JSON."""

STRICT = """#!/usr/bin/python3 -IS
import json, os, sys

def refuse(word):
    raise ValueError(word)

event = json.loads(sys.stdin.buffer.read().decode("utf-8", "strict"), parse_constant=refuse)
assert event["variables"]["Name"] == os.environ["KOOWATCH_VAR_NAME"]
assert event.get("errorMessage") == os.environ.get("KOOWATCH_ERROR_MESSAGE")
sys.stdout.reconfigure(encoding="utf-8")
print(event["variables"]["Name"], event["outcome"], event["answer"]["msg"], sep="|")
"""
NAME = "Café 🗃"


def run_hook(koowatch, task):
    koowatch.hook("finished.d/10-strict", STRICT)
    koowatch.add_task("photos", task, variables={"Name": NAME}, Description="照片打包，第二批")
    koowatch.start()
    koowatch.wait_entry("hook finished.d/10-strict ended: done", KOOWATCH_NAME="photos")


def test_text_of_a_completed_task(koowatch, sim):
    run_hook(koowatch, sim.add_task(dialect="2025+utf8", polls=2))
    koowatch.wait_entry(rf"^{NAME}\|completed\|成功$")
    koowatch.wait_entry("^photos: completed, all succeeded")


def test_text_of_a_refused_task(koowatch, sim):
    text = "文件在回收站中"
    task = sim.add_task()
    sim.faults.add("refuse", task=task, code=13000306, msg=text)
    run_hook(koowatch, task)
    koowatch.wait_entry(rf"^{NAME}\|rejected\|{text}$")
    koowatch.wait_entry(f"^photos: rejected.*{text}")
