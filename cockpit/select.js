// Which tasks the table shows, in which order, on which page. Pure.

import { isInTrouble } from "./trouble.js";
import { nextOf, note, tone } from "./words.js";
import { parse } from "./time.js";

export const PAGE = 50;

export const everything = { text: "", state: "", account: "", sort: "state", descending: false, page: 0 };

const STATES = { invalid: 0, running: 2, pending: 3, finished: 4 };

// What needs attention first, then what moves, then what waits, then what has ended.
const urgency = task => tone(task) === "bad" && task.state !== "finished" ? 0
    : task.delivery === "parked" ? 0
        : task.delivery === "waiting" ? 1 : STATES[task.state] ?? 5;

const last = Number.MAX_SAFE_INTEGER;

const KEYS = {
    name: () => 0,
    account: task => task.account || "",
    state: urgency,
    progress: task => task.progress ?? -1,
    added: task => -(parse(task.registeredAt) ?? 0),
    next: task => nextOf(task) ?? last,
    note,
};

const takes = (task, wanted, text, accounts) => {
    if (wanted.account && task.account !== wanted.account)
        return false;
    if (wanted.state === "trouble") {
        if (!isInTrouble(task, accounts))
            return false;
    } else if (wanted.state === "failed") {
        if (task.state !== "finished" || !task.outcome || task.result === "succeeded")
            return false;
    } else if (wanted.state && task.state !== wanted.state) {
        return false;
    }
    return !text || task.name.toLowerCase().includes(text) ||
        (task.description || "").toLowerCase().includes(text) ||
        (task.taskId || "").includes(text) || note(task).toLowerCase().includes(text);
};

const byName = (a, b) => a.task.name < b.task.name ? -1 : Number(a.task.name > b.task.name);

export const select = (tasks, wanted, accounts) => {
    const text = wanted.text.trim().toLowerCase();
    const key = KEYS[wanted.sort] || KEYS.name;
    const sign = wanted.descending ? -1 : 1;
    const found = [];

    for (const task of tasks)
        if (takes(task, wanted, text, accounts))
            found.push({ task, key: key(task) });
    found.sort((a, b) => {
        if (a.key !== b.key)
            return a.key < b.key ? -sign : sign;
        return wanted.sort === "name" ? sign * byName(a, b) : byName(a, b);
    });
    return found.map(entry => entry.task);
};

// The page, moved into what there is.
export const pageOf = (found, page) => {
    const pages = Math.max(Math.ceil(found.length / PAGE), 1);
    const at = Math.min(Math.max(page, 0), pages - 1);

    return { page: at, pages, first: at * PAGE, rows: found.slice(at * PAGE, (at + 1) * PAGE) };
};
