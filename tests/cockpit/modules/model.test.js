import assert from "node:assert/strict";
import { test } from "node:test";

import { Model } from "../../../cockpit/model.js";
import { dictionaries, dictionary } from "../../../cockpit/values.js";

const variant = (t, v) => ({ t, v });

test("a signal changes one task and marks it as to be read", () => {
    const model = new Model();

    model.setTask({ name: "a", state: "pending", delivery: "none", description: "x", nextPollAt: "later" });
    model.applySignal("TaskChanged", { name: "a", state: "running", progress: 5 });
    assert.deepEqual(model.tasks.get("a"), { name: "a", state: "running", delivery: "none", description: "x",
                                             nextPollAt: "later", progress: 5 });
    assert.deepEqual([...model.stale], ["a"]);
    model.applySignal("TaskFinished", { name: "a", state: "finished", outcome: "completed", result: "succeeded" });
    assert.equal(model.tasks.get("a").nextPollAt, undefined);
    model.unmark("a");
    assert.equal(model.stale.size, 0);
});

test("a signal that comes while a task is being read is not forgotten", () => {
    const model = new Model();

    model.setTask({ name: "a", state: "running" });
    model.unmark("a");
    model.applySignal("TaskChanged", { name: "a", state: "running" });
    model.setTask({ name: "a", state: "running", progress: 1 });
    assert.deepEqual([...model.stale], ["a"]);
});

test("the table's row object changes with its task, so that it is painted", () => {
    const model = new Model();

    model.setTask({ name: "a", state: "pending" });
    const before = model.tasks.get("a");

    model.applySignal("TaskChanged", { name: "a", progress: 1 });
    assert.notEqual(model.tasks.get("a"), before);
});

test("why hooks fail stays until they have failed again", () => {
    const model = new Model();
    const failing = { name: "a", state: "finished", delivery: "waiting", attempts: 1 };

    model.setTask({ ...failing, reason: "x was not run: no such hook", missing: ["x"] });
    model.setTask({ ...failing });
    assert.deepEqual(model.tasks.get("a"), { ...failing, reason: "x was not run: no such hook", missing: ["x"] });
    model.setTask({ ...failing, attempts: 2 });
    assert.equal(model.tasks.get("a").reason, undefined);
});

test("tasks come and go", () => {
    const model = new Model();

    assert.ok(model.applySignal("TaskAdded", { name: "a", state: "pending" }));
    assert.ok(model.applySignal("TaskAdded", { name: "b", state: "pending" }));
    model.keepOnly(new Set(["b"]));
    assert.deepEqual([...model.tasks.keys()], ["b"]);
    assert.ok(model.isWhole && !model.stale.has("a"));
    model.applySignal("TaskRemoved", { name: "b" });
    assert.equal(model.tasks.size, 0);
    assert.ok(!model.applySignal("Other", { name: "b" }));
});

test("an account's state changes, the rest of it stays", () => {
    const model = new Model();

    model.setAccounts([{ name: "default", state: "ok", tasks: 3 }]);
    model.applySignal("AccountChanged", { name: "default", state: "unauthorized", reason: "401" });
    assert.deepEqual(model.accounts.get("default"), { name: "default", state: "unauthorized", tasks: 3, reason: "401" });
});

test("values of the bus, nested, and with keys that are special", () => {
    const task = dictionary({
        name: variant("s", "a"),
        polls: variant("x", 3),
        runs: variant("aa{sv}", [{ hook: variant("s", "h") }]),
        variables: variant("a{ss}", JSON.parse('{"__proto__": "x", "A": "b"}')),
        hooks: variant("as", ["h"]),
        nested: variant("a{sv}", { deep: variant("b", true) }),
    });

    assert.equal(task.runs[0].hook, "h");
    assert.deepEqual(Object.entries(task.variables), [["__proto__", "x"], ["A", "b"]]);
    assert.deepEqual(task.hooks, ["h"]);
    assert.equal(task.nested.deep, true);
    assert.equal(dictionaries([{ a: variant("s", "b") }])[0].a, "b");
});
