import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, duration, parse, span, until } from "../../../cockpit/time.js";
import { hooksOf, reasons } from "../../../cockpit/allowed.js";

test("spans have one number, with koowatchctl's steps", () => {
    assert.deepEqual([12, 999, 1000, 99999, 100000, 5999999, 6000000, 172799999, 172800000].map(span),
                     ["12 ms", "999 ms", "1 s", "99 s", "1 min", "99 min", "1 h", "47 h", "2 d"]);
});

test("durations can be compared", () => {
    assert.deepEqual([0, 12.4, 999.6, 1499, 9999, 59_999, 60_000, 80_500, 3_599_999, 3_600_000, 18_720_000, 172_799_999,
                      172_800_000, 183_600_000].map(duration),
                     ["0 ms", "12 ms", "1 s", "1.4 s", "9.9 s", "59 s", "1 min", "1 min 20 s", "59 min 59 s", "1 h",
                      "5 h 12 min", "47 h 59 min", "2 d", "2 d 3 h"]);
});

test("what is ahead is rounded up, what is past down", () => {
    assert.equal(until(1500, 0), "2 s");
    assert.equal(until(0, 0), "now");
    assert.equal(until(null, 0), "");
    assert.equal(ago(1500, 0), "in 2 s");
    assert.equal(ago(0, 1999), "1 s ago");
    assert.equal(ago(0, 999), "just now");
});

test("a time that is none is unknown", () => {
    assert.equal(parse("2026-11-28T21:06:28Z"), Date.UTC(2026, 10, 28, 21, 6, 28));
    assert.equal(parse("soon"), null);
    assert.equal(parse(undefined), null);
});

test("what cannot be done has a reason", () => {
    const running = { state: "running", delivery: "none", file: "/var/lib/koowatch/tasks.d/a.task" };
    const ended = { state: "finished", outcome: "canceled", delivery: "parked", file: "/etc/koowatch/tasks.d/a.task" };
    const can = (task, hasFile, isAdministrator) => Object.entries(reasons(task, hasFile, isAdministrator))
        .filter(([, reason]) => !reason).map(([what]) => what);

    assert.deepEqual(can(running, true, false), ["poll", "remove"]);
    assert.deepEqual(can(running, true, true), ["poll", "edit", "remove"]);
    assert.deepEqual(can(ended, true, true), ["redeliver", "reread", "dismiss", "edit", "remove"]);
    assert.deepEqual(can(ended, true, false), ["redeliver", "reread", "dismiss"]);
    assert.deepEqual(can({ ...ended, outcome: "completed" }, false, true), ["redeliver", "ask", "dismiss"]);
    assert.deepEqual(can({ state: "invalid", delivery: "none", file: "/etc/x.task" }, true, false), []);
});

test("which hooks a redelivery runs", () => {
    const runs = [["e", "failed"], ["d", "done"], ["named.d/a", "failed"], ["e", "failed"], ["named.d/b", "skipped"]]
        .map(([hook, status]) => ({ hook, status }));
    const settings = [{ key: "Hook", value: " b  c " }];

    assert.deepEqual(hooksOf({ delivery: "parked", runs, settings }),
                     { committed: ["e", "named.d/a"], reread: ["e", "named.d/c"], done: ["d", "named.d/b"] });
    assert.deepEqual(hooksOf({ delivery: "waiting", runs: [...runs, { hook: "e", status: "done" }] }),
                     { committed: ["named.d/a"], reread: [], done: ["e", "d", "named.d/b"] });
    assert.deepEqual(hooksOf({ delivery: "none", runs, settings }),
                     { committed: ["e", "d", "named.d/a", "named.d/b"], reread: ["e", "d", "named.d/b", "named.d/c"], done: [] });
    assert.deepEqual(hooksOf({ delivery: "none" }), { committed: [], reread: [], done: [] });
});
