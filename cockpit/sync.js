// Keeps the model in step with the daemon, and says when there is something to paint.

import { explain, isUnexplained } from "./trouble.js";
import { nextOf } from "./words.js";

const PAGE_FIRST = 200; // so that something is there soon
const PAGE = 1000;
const AT_ONCE = 10; // rows read anew in a round
const MANY = 200; // all are read anew, when so many have changed
const ROUND = 1000;
const AGAIN = 5000; // for a row of which no signal has come
const ACCOUNTS_EVERY = 5000;

const areHooksRunning = task => task.delivery === "waiting" && !task.nextAttemptAt;

export class Sync {
    // visible(): the names that are on the screen; changed(): something is to be painted.
    constructor(model, bus, visible, changed) {
        Object.assign(this, { model, bus, visible, changed });
        this.generation = 0;
        this.busy = new Set();
        this.readAt = new Map(); // by name, where a row was read alone
        this.accountsAt = 0;
        this.isReading = false; // a round lasts as long as it takes
        this.timer = null;
    }

    // Everything anew: what was heard before does not count.
    async start() {
        const generation = ++this.generation;

        clearInterval(this.timer);
        this.timer = setInterval(() => this.#round(), ROUND);
        this.isReading = true;
        try {
            await this.readAccounts();
            await this.#readAll(generation);
        } finally {
            if (generation === this.generation)
                this.isReading = false;
        }
        this.#round(); // what List leaves open is not to wait for the timer
    }

    async #readAll(generation) {
        const names = new Set();
        let cursor = "";
        let limit = PAGE_FIRST;

        this.model.stale.clear();
        this.readAt.clear();
        do {
            const { tasks, next } = await this.bus.list({}, cursor, limit);

            if (generation !== this.generation)
                return;
            for (const task of tasks) {
                names.add(task.name);
                this.model.setTask(task);
            }
            this.changed();
            cursor = next;
            limit = PAGE;
        } while (cursor);
        for (const name of this.model.stale) // came meanwhile
            names.add(name);
        this.model.keepOnly(names);
        this.changed();
    }

    stop() {
        this.generation++;
        this.isReading = false;
        clearInterval(this.timer);
    }

    signal(signal, facts) {
        if (!this.model.applySignal(signal, facts))
            return;
        if (signal === "AccountChanged")
            this.accountsAt = 0;
        this.changed();
    }

    // Hooks that have run do not change a task's state: the counts tell.
    properties(changes) {
        const before = this.model.properties;
        const isMoved = ["DeliveriesWaiting", "DeliveriesParked", "Invalid"].some(key =>
            key in changes && key in before && changes[key] !== before[key]);

        this.model.setProperties(changes);
        this.changed();
        if (isMoved)
            this.readDeliveries().catch(() => {}); // the next round does it
    }

    async readAccounts() {
        this.accountsAt = Date.now();
        this.model.setAccounts(await this.bus.accounts());
        this.changed();
    }

    async readDeliveries() {
        const found = new Set();

        for (const delivery of ["waiting", "parked"]) {
            const { tasks } = await this.bus.list({ delivery: cockpit.variant("s", delivery) }, "", PAGE);

            for (const task of tasks) {
                found.add(task.name);
                this.model.setTask(task);
            }
        }
        for (const task of this.model.tasks.values())
            if (task.delivery !== "none" && !found.has(task.name))
                this.model.stale.add(task.name);
        this.changed();
        await this.#round();
    }

    async readTask(name) {
        if (this.busy.has(name))
            return;
        this.busy.add(name);
        this.readAt.set(name, Date.now());
        this.model.unmark(name);
        try {
            const { tasks } = await this.bus.list({ name: cockpit.variant("s", name) }, "", 1);

            if (tasks.length > 0)
                this.model.setTask(await this.#explained(tasks[0]));
            else
                this.model.removeTask(name);
            this.changed();
        } finally {
            this.busy.delete(name);
        }
    }

    async #explained(task) {
        return isUnexplained(task) ? { ...task, ...explain(await this.bus.get(task.name)) } : task;
    }

    // What is on the screen and not of now any more; then what is not.
    #due() {
        const now = Date.now();
        const isPast = name => {
            const task = this.model.tasks.get(name);
            const next = task ? nextOf(task) : null;

            return next !== null && next < now - ROUND && now - (this.readAt.get(name) || 0) >= AGAIN;
        };
        const seen = this.visible().filter(name => this.model.stale.has(name) || isPast(name));

        const others = [...this.model.tasks.values()].filter(task => isUnexplained(task) || areHooksRunning(task))
            .map(task => task.name);

        return [...new Set([...seen, ...this.model.stale, ...others])].slice(0, AT_ONCE);
    }

    async #round() {
        const { generation } = this;

        if (document.hidden || this.isReading)
            return;
        this.isReading = true;
        try {
            if (Date.now() - this.accountsAt >= ACCOUNTS_EVERY)
                await this.readAccounts();
            if (this.model.stale.size > MANY)
                await this.#readAll(generation);
            await Promise.all(this.#due().map(name => this.readTask(name)));
        } catch (error) {
            // The bus says what has become of the daemon.
        } finally {
            if (generation === this.generation)
                this.isReading = false;
        }
    }
}
