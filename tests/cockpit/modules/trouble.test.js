import assert from "node:assert/strict";
import { test } from "node:test";

import { isInTrouble, troubles } from "../../../cockpit/trouble.js";

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

test("an account's trouble is said once, not for each of its tasks", () => {
    const task = account => ({ name: "d", state: "running", delivery: "none", account, reason: "HTTP 401" });

    assert.ok(!isInTrouble(task("office"), accounts));
    assert.ok(isInTrouble(task("default"), accounts));
});

test("a task that has ended badly needs no hand, nor one whose hooks run the first time", () => {
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
