import assert from "node:assert/strict";
import { test } from "node:test";

import { everything, PAGE, pageOf, select } from "../../../cockpit/select.js";

const tasks = [
    { name: "done", state: "finished", delivery: "none", outcome: "completed", result: "succeeded", account: "a",
      registeredAt: "2026-01-01T00:00:00Z" },
    { name: "lost", state: "finished", delivery: "none", outcome: "rejected", account: "b" },
    { name: "stuck", state: "finished", delivery: "parked", outcome: "completed", result: "succeeded", account: "a" },
    { name: "wait", state: "pending", delivery: "none", account: "b", description: "Weekly DUMP", progress: 0,
      registeredAt: "2026-01-03T00:00:00Z", nextPollAt: "2026-02-01T00:00:09Z" },
    { name: "run", state: "running", delivery: "none", account: "a", progress: 40, taskId: "168977",
      registeredAt: "2026-01-02T00:00:00Z", nextPollAt: "2026-02-01T00:00:01Z" },
    { name: "bad", state: "invalid", delivery: "none" },
];
const names = wanted => select(tasks, { ...everything, ...wanted }, new Map()).map(task => task.name);

test("what needs attention is first, then what moves", () => {
    assert.deepEqual(names({}), ["bad", "stuck", "run", "wait", "done", "lost"]);
    assert.deepEqual(names({ descending: true }), ["done", "lost", "wait", "run", "bad", "stuck"]);
});

test("each column sorts", () => {
    assert.deepEqual(names({ sort: "name" }), ["bad", "done", "lost", "run", "stuck", "wait"]);
    assert.deepEqual(names({ sort: "name", descending: true }), ["wait", "stuck", "run", "lost", "done", "bad"]);
    assert.deepEqual(names({ sort: "progress", descending: true }).slice(0, 2), ["run", "wait"]);
    assert.deepEqual(names({ sort: "next" }).slice(0, 2), ["run", "wait"]);
    assert.deepEqual(names({ sort: "added" }).slice(0, 3), ["wait", "run", "done"]);
    assert.deepEqual(names({ sort: "account" }), ["bad", "done", "run", "stuck", "lost", "wait"]);
});

test("filters are all held", () => {
    assert.deepEqual(names({ state: "trouble" }), ["bad", "stuck"]);
    assert.deepEqual(names({ state: "failed" }), ["lost"]);
    assert.deepEqual(names({ state: "finished", account: "a" }), ["stuck", "done"]);
    assert.deepEqual(names({ text: " weekly dump " }), ["wait"]);
    assert.deepEqual(names({ text: "1689" }), ["run"]);
    assert.deepEqual(names({ text: "rejected" }), ["lost"]);
});

test("a page stays within what there is", () => {
    const many = Array.from({ length: 2 * PAGE + 1 }, (_, i) => i);

    assert.deepEqual(pageOf(many, 2), { page: 2, pages: 3, first: 2 * PAGE, rows: [2 * PAGE] });
    assert.equal(pageOf(many, 9).page, 2);
    assert.equal(pageOf(many, -1).page, 0);
    assert.deepEqual(pageOf([], 3), { page: 0, pages: 1, first: 0, rows: [] });
});
