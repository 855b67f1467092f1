// Figures of the finished tasks, for the pictures. Pure.

import { parse } from "./time.js";

export const RESULTS = ["succeeded", "partial", "failed", "other"];

export const resultOf = run => {
    if (run.outcome !== "completed")
        return "other";
    return run.result === "partial" || run.result === "failed" ? run.result
        : run.result === "succeeded" ? "succeeded" : "other";
};

const startOfDay = at => new Date(at).setHours(0, 0, 0, 0);

// The days up to now, the oldest first, each with its counts by result.
export const perDay = (runs, now, days) => {
    const found = [];
    const byDay = new Map();

    for (let i = days - 1; i >= 0; i--) {
        const date = new Date(startOfDay(now));

        date.setDate(date.getDate() - i); // not every day has 24 hours
        const day = { at: date.getTime(), succeeded: 0, partial: 0, failed: 0, other: 0 };

        found.push(day);
        byDay.set(day.at, day);
    }
    for (const run of runs) {
        const at = parse(run.finishedAt);
        const day = at === null ? undefined : byDay.get(startOfDay(at));

        if (day)
            day[resultOf(run)]++;
    }
    return found;
};

export const quantile = (sorted, q) => {
    if (sorted.length === 0)
        return null;
    const at = (sorted.length - 1) * q;
    const below = Math.floor(at);

    return sorted[below] + (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]) * (at - below);
};

// The next of 1, 2, 5, 10, ... at or above.
export const roundUp = value => {
    const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));

    return [1, 2, 5, 10].map(step => step * power).find(step => step >= value);
};

const STEPS = 7;

// The ends of steps of equal width, from the least value that can be: 19 of 20 lie in them. widthAbove: rounds a width up.
export const steps = (sorted, least, widthAbove) => {
    const width = widthAbove((quantile(sorted, 0.95) - least + 1) / STEPS);

    return Array.from({ length: STEPS }, (_step, i) => least + (i + 1) * width);
};

// How many lie below each of the ends, and beyond the last.
export const histogram = (values, ends) => {
    const counts = new Array(ends.length + 1).fill(0);

    for (const value of values) {
        const at = ends.findIndex(end => value < end);

        counts[at < 0 ? ends.length : at]++;
    }
    return counts;
};

export const delays = runs => runs.map(run => run.detectionDelay).filter(Number.isFinite).map(d => Math.max(d, 0));

export const polls = runs => runs.map(run => run.polls).filter(Number.isFinite);

export const durationOf = run => {
    const from = parse(run.registeredAt);
    const to = parse(run.finishedAt);

    return from === null || to === null ? null : Math.max(to - from, 0);
};

// [{ type, count, low, median, high }] of what has completed, low and high leave a tenth on either side.
export const durationsByType = runs => {
    const byType = new Map();

    for (const run of runs) {
        const duration = durationOf(run);

        if (run.outcome !== "completed" || duration === null)
            continue;
        const type = Number(run.taskType) || 0;

        byType.set(type, [...(byType.get(type) || []), duration]);
    }
    return [...byType].sort((a, b) => a[0] - b[0]).map(([type, values]) => {
        values.sort((a, b) => a - b);
        return {
            type,
            count: values.length,
            low: quantile(values, 0.1),
            median: quantile(values, 0.5),
            high: quantile(values, 0.9),
        };
    });
};
