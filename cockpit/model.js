// What the page knows of the daemon. Pure: others fetch and paint.

import { isUnexplained } from "./trouble.js";

// What a signal has no word for any more, of a task in another state.
const PASSING = { finished: ["nextPollAt", "intervalUsec", "reason"], running: [], pending: [], invalid: [] };

export class Model {
    constructor() {
        this.clear();
    }

    clear() {
        this.tasks = new Map(); // by name
        this.accounts = new Map();
        this.properties = Object.create(null);
        this.stale = new Set(); // names of which a signal said less than List would
        this.isWhole = false; // every page of List is there
    }

    // As List has it. What a signal says while that is on its way is newer: the mark stays.
    setTask(task) {
        const old = this.tasks.get(task.name);

        if (isUnexplained(task) && old?.delivery === task.delivery && old.attempts === task.attempts)
            Object.assign(task, { reason: old.reason, missing: old.missing }); // Get told it
        this.tasks.set(task.name, task);
    }

    // It is about to be read.
    unmark(name) {
        this.stale.delete(name);
    }

    removeTask(name) {
        this.tasks.delete(name);
        this.stale.delete(name);
    }

    setAccounts(accounts) {
        this.accounts = new Map(accounts.map(account => [account.name, account]));
    }

    setProperties(properties) {
        Object.assign(this.properties, properties);
    }

    // After a whole List: what has gone meanwhile, without a signal that was heard.
    keepOnly(names) {
        for (const name of [...this.tasks.keys()])
            if (!names.has(name))
                this.removeTask(name);
        this.isWhole = true;
    }

    // Returns whether anything changed.
    applySignal(signal, facts) {
        if (signal === "AccountChanged") {
            this.accounts.set(facts.name, { ...this.accounts.get(facts.name), ...facts });
            return true;
        }
        if (!signal.startsWith("Task") || !facts.name)
            return false;
        if (signal === "TaskRemoved") {
            this.removeTask(facts.name);
            return true;
        }
        const task = { delivery: "none", ...this.tasks.get(facts.name), ...facts };

        for (const key of PASSING[facts.state] || [])
            delete task[key];
        this.tasks.set(facts.name, task);
        this.stale.add(facts.name);
        return true;
    }

    get sentences() {
        return this.properties.Trouble || [];
    }
}
