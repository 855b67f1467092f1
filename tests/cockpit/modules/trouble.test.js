import assert from "node:assert/strict";
import { test } from "node:test";

import { explain, isInTrouble, isUnexplained, troubles } from "../../../cockpit/trouble.js";

const accounts = new Map([
    ["default", { name: "default", state: "ok" }],
    ["office", { name: "office", state: "unauthorized", reason: "HTTP 401" }],
    ["slow", { name: "slow", state: "throttled", reason: "429" }],
]);
const parked = { name: "b", state: "finished", outcome: "completed", delivery: "parked", reason: "x failed" };
const failing = { name: "a", state: "finished", outcome: "completed", delivery: "waiting", attempts: 2 };
const invalid = { name: "c", state: "invalid", delivery: "none", reason: "c.task:2: bad" };

test("what is bad comes first, each with what helps", () => {
    const found = troubles([failing, parked, invalid], accounts, []);

    assert.deepEqual(found.map(t => [t.kind, t.name, t.helps]), [
        ["account", "office", "replace-token"],
        ["task", "b", "redeliver"],
        ["task", "c", "edit"],
        ["account", "slow", null],
        ["task", "a", "redeliver"],
    ]);
    assert.equal(found[1].why, "x failed");
});

test("what has ended badly, too, is said beside its hooks", () => {
    const also = task => troubles([task], new Map(), [])[0].also;

    assert.equal(also({ ...parked, result: "partial" }), "Completed: some files failed");
    assert.equal(also({ ...failing, outcome: "timeout" }), "Past its deadline");
    assert.equal(also({ ...failing, result: "succeeded" }), "");
    assert.equal(also(invalid), "");
});

test("an account's trouble is said once, not for each of its tasks", () => {
    const task = account => ({ name: "d", state: "running", delivery: "none", account, reason: "HTTP 401" });

    assert.ok(!isInTrouble(task("office"), accounts));
    assert.ok(isInTrouble(task("default"), accounts));
});

test("a task that another node polls is in no trouble", () => {
    const far = { name: "d", state: "pending", delivery: "none", account: "default", reason: "node b polls account default" };

    assert.ok(!isInTrouble({ ...far, node: "b" }, accounts));
    assert.ok(isInTrouble(far, accounts));
});

test("a task that has ended badly needs no attention, nor one whose hooks run the first time", () => {
    assert.ok(!isInTrouble({ name: "e", state: "finished", outcome: "canceled", delivery: "none" }, accounts));
    assert.ok(!isInTrouble({ name: "e", state: "finished", outcome: "completed", delivery: "waiting" }, accounts));
});

test("the daemon's sentences are there unless an entry says the same", () => {
    const sentences = ["account office unauthorized: HTTP 401", "1 invalid task file: c.task:2: bad",
                       "1 delivery was given up", "the store is not writable, outcomes wait",
                       "the configuration has errors, the old one is in effect"];
    const titles = found => found.map(t => t.title);

    assert.deepEqual(troubles([parked, invalid], accounts, sentences).filter(t => t.kind === "daemon")
        .map(t => [t.title, t.helps]), [[sentences[3], "journal"], [sentences[4], "reload"]]);
    assert.deepEqual(titles(troubles([], new Map(), sentences)), sentences);
});

test("why hooks were not run is told by their runs of the last attempt", () => {
    const missing = { hook: "named.d/x", attempt: 2, status: "failed", tail: "no such hook in named.d of $& and /b" };
    const masked = { hook: "named.d/y", attempt: 2, status: "failed", tail: "/a/named.d/y: is no executable" };
    const failed = { hook: "finished.d/z", attempt: 2, status: "failed", exitStatus: 1, tail: "no such hook, it says" };
    const reason = "finished.d/z failed with status 1, named.d/x was not run";

    assert.deepEqual(explain({ reason, runs: [{ ...masked, attempt: 1 }, failed, missing] }),
                     { reason: `${reason}: ${missing.tail}`, missing: ["named.d/x"] });
    assert.deepEqual(explain({ reason: "named.d/y was not run", runs: [{ ...missing, attempt: 1 }, masked] }),
                     { reason: `named.d/y was not run: ${masked.tail}`, missing: [] });
    assert.deepEqual(explain({ reason: "finished.d/z failed with status 1", runs: [failed] }),
                     { reason: "finished.d/z failed with status 1", missing: [] });
    assert.deepEqual(explain({}), { reason: "", missing: [] });
});

test("Get is asked once, and only where it knows more", () => {
    assert.ok(isUnexplained(failing));
    assert.ok(!isUnexplained(parked) && !isUnexplained(invalid));
    assert.ok(isUnexplained({ ...parked, reason: "named.d/x was not run" }));
    assert.ok(!isUnexplained({ ...failing, ...explain({}) }));
});

test("a hook that does not exist is corrected in the file", () => {
    const found = troubles([{ ...parked, missing: ["named.d/x"] }, { ...failing, missing: ["named.d/x"] }], new Map(),
                           ["1 delivery was given up"]);

    assert.deepEqual(found.map(t => [t.name, t.helps]), [["b", "correct-hook"], ["a", "correct-hook"]]);
});
