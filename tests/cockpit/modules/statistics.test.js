import assert from "node:assert/strict";
import { test } from "node:test";

import { delays, durationsByType, histogram, perDay, quantile, resultOf, roundUp, steps } from "../../../cockpit/statistics.js";
import { perMinute } from "../../../cockpit/rate.js";
import { range, widthAbove } from "../../../cockpit/time.js";

const run = (finishedAt, outcome, result, more = {}) => ({ finishedAt, outcome, result, ...more });
const noon = new Date(2026, 3, 10, 12).getTime();
const on = (day, hour = 12) => new Date(2026, 3, day, hour).toISOString();

test("each outcome is counted on its day, and what is older is not", () => {
    const days = perDay([
        run(on(10), "completed", "succeeded"), run(on(10, 0), "completed", "partial"), run(on(9, 23), "rejected"),
        run(on(9), "completed", "failed"), run(on(7), "completed", "succeeded"), run(undefined, "completed", "succeeded"),
    ], noon, 3);

    assert.deepEqual(days.map(d => [d.succeeded, d.partial, d.failed, d.other]), [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0]]);
    assert.equal(new Date(days[0].at).getDate(), 8);
    assert.equal(resultOf(run("", "completed", "unknown")), "other");
});

test("quantiles lie between values", () => {
    assert.equal(quantile([], 0.5), null);
    assert.equal(quantile([7], 0.95), 7);
    assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
    assert.equal(quantile([0, 10], 0.9), 9);
});

test("a histogram's last bin is open", () => {
    assert.deepEqual(histogram([0, 1, 1.5, 2, 99], [1, 2]), [1, 2, 2]);
});

test("steps of a histogram are of equal width and take 19 of 20", () => {
    const upTo = (last, outlier) => [...Array.from({ length: 99 }, (_v, i) => 1 + i * (last - 1) / 98), outlier];

    assert.deepEqual(steps(upTo(14, 400), 1, roundUp), [3, 5, 7, 9, 11, 13, 15]);
    assert.deepEqual(steps([1, 1, 2], 1, roundUp), [2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(steps(upTo(6200, 90_000), 0, widthAbove), [1000, 2000, 3000, 4000, 5000, 6000, 7000]);
    assert.deepEqual(histogram([1, 2, 3, 14, 400], steps(upTo(14, 400), 1, roundUp)), [2, 1, 0, 0, 0, 0, 1, 1]);
});

test("durations by type, of what has completed", () => {
    const took = (seconds, taskType, outcome = "completed") => run(
        new Date(noon + seconds * 1000).toISOString(), outcome, "succeeded",
        { taskType, registeredAt: new Date(noon).toISOString() });
    const types = durationsByType([took(10, 1), took(30, 1), took(20, "1"), took(5, 2), took(900, 2, "timeout"), took(1)]);

    assert.deepEqual(types.map(t => [t.type, t.count, t.median]), [[0, 1, 1000], [1, 3, 20000], [2, 1, 5000]]);
});

test("a daemon that tells no delay has none", () => {
    assert.deepEqual(delays([{ detectionDelay: 1.5 }, {}, { detectionDelay: null }, { detectionDelay: -1 }]), [1.5, 0]);
});

test("a step of time is named in one unit", () => {
    assert.equal(range(600, 800, widthAbove(130)), "0.6–0.8 s");
    assert.equal(range(5000, 10_000, widthAbove(2001)), "5–10 s");
    assert.equal(range(420_000, null, widthAbove(59_000)), "≥ 7 min");
    assert.equal(range(0, 86_400_000, widthAbove(1e12)), "0–1 d");
});

test("rate limits a minute", () => {
    assert.equal(perMinute("10/1s"), 600);
    assert.equal(perMinute("100/1min 40s"), 60);
    assert.equal(perMinute("5/500ms"), 600);
    assert.equal(perMinute(60), 60);
    assert.equal(perMinute(undefined), null);
    assert.equal(perMinute("none"), null);
});
