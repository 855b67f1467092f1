// org.koowatch1 on the system bus: calls, signals, and whether it is there.

import { dictionaries, dictionary } from "./values.js";

const NAME = "org.koowatch1";
const PATH = "/org/koowatch1";
const INTERFACE = "org.koowatch1.Manager";
const PROPERTIES = "org.freedesktop.DBus.Properties";
const TIMEOUT = 30000;
const TIMEOUT_FIRST = 5000;
const PAUSE_MAX = 2000;

const KINDS = {
    "org.freedesktop.DBus.Error.AccessDenied": "denied",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": "denied",
    "org.freedesktop.DBus.Error.ServiceUnknown": "absent",
    "org.freedesktop.DBus.Error.NameHasNoOwner": "absent",
    "org.freedesktop.DBus.Error.UnknownMethod": "older",
    "org.freedesktop.DBus.Error.UnknownInterface": "older",
    "org.freedesktop.DBus.Error.Timeout": "silent",
    "org.freedesktop.DBus.Error.NoReply": "silent",
    "org.freedesktop.DBus.Error.Disconnected": "lost",
};

const PROBLEMS = { "not-found": "absent", "access-denied": "denied", "timeout": "silent" };

const kindOf = error => KINDS[error?.name] || PROBLEMS[error?.problem] || "lost";

export class BusError extends Error {
    constructor(kind, message) {
        super(message);
        this.kind = kind; // denied, absent, older, silent, lost, or of org.koowatch1.Error
    }
}

// Cockpit says it in one of two fields, depending on its release.
const wrap = error => {
    if (error instanceof BusError)
        return error;
    const own = /^org\.koowatch1\.Error\.(\w+)$/.exec(error?.name || "");

    if (own)
        return new BusError(own[1], error.message);
    return new BusError(kindOf(error), error?.message || "");
};

const addressOfBus = async () => {
    const set = await cockpit.spawn(["printenv", "DBUS_SYSTEM_BUS_ADDRESS"]).catch(() => "");

    return set.trim() || "unix:path=/run/dbus/system_bus_socket";
};

export class Bus {
    // on: { signal(name, facts), properties(changes), state(state, error) }; state is
    // "connecting", "ready", "absent", "denied", "older", "silent" or "lost".
    constructor(on) {
        this.on = on;
        this.client = null;
        this.pause = 500;
        this.timer = null;
        this.owner = null;
        this.where = { bus: "system" }; // the connection that Cockpit's bridge has for all pages
    }

    // Also after the user has gained or given up administrative access.
    open() {
        this.close();
        const client = cockpit.dbus(NAME, { ...this.where, superuser: "try" });

        this.client = client;
        this.owner = null;
        client.subscribe({ path: PATH, interface: INTERFACE }, (_path, _interface, signal, args) => {
            this.on.signal(signal, dictionary(args[0]));
        });
        client.subscribe({ path: PATH, interface: PROPERTIES, member: "PropertiesChanged" },
                         (_path, _interface, _signal, args) => this.#changed(args));
        client.addEventListener("owner", (_event, owner) => this.#owned(client, owner));
        client.addEventListener("close", (_event, options) => this.#closed(client, options));
        this.#begin(client);
    }

    close() {
        const client = this.client;

        clearTimeout(this.timer);
        this.client = null;
        client?.close();
    }

    async call(method, type, ...args) {
        const client = this.client;

        if (!client)
            throw new BusError("lost", "");
        try {
            return await client.call(PATH, INTERFACE, method, args, { type, timeout: TIMEOUT });
        } catch (error) {
            const wrapped = wrap(error);

            // Cockpit 337 does not say by itself that the bus has gone, and lets calls wait for an answer.
            if (wrapped.kind === "lost" && client === this.client)
                this.#begin(client);
            throw wrapped;
        }
    }

    async list(filter, cursor, limit) {
        const [tasks, next] = await this.call("List", "a{sv}su", filter, cursor, limit);

        return { tasks: dictionaries(tasks), next };
    }

    async history(filter, cursor, limit) {
        const [runs, next] = await this.call("History", "a{sv}su", filter, cursor, limit);

        return { runs: dictionaries(runs), next };
    }

    async get(name) {
        return dictionary((await this.call("Get", "s", name))[0]);
    }

    async accounts() {
        return dictionaries((await this.call("ListAccounts", ""))[0]);
    }

    add(name, settings) {
        return this.call("Add", "sa{sv}", name, settings);
    }

    redeliver(name, options) {
        return this.call("Redeliver", "sa{sv}", name, options);
    }

    // Poll, Remove, Dismiss
    order(method, name) {
        return this.call(method, "s", name);
    }

    reload() {
        return this.call("Reload", "");
    }

    #changed([name, changes, invalidated]) {
        if (name !== INTERFACE)
            return;
        this.on.properties(dictionary(changes));
        if (invalidated.length > 0)
            this.#begin(this.client);
    }

    // Reads the properties, which also shows whether one may call.
    async #begin(client) {
        // On a dead connection 337 lets even that wait for ever.
        const timer = setTimeout(() => this.#closed(client, { problem: "disconnected", kind: "silent" }),
                                 TIMEOUT_FIRST + 1000);

        try {
            const [all] = await client.call(PATH, PROPERTIES, "GetAll", [INTERFACE],
                                            { type: "s", timeout: TIMEOUT_FIRST });

            if (client !== this.client)
                return;
            clearTimeout(this.timer);
            this.pause = 500;
            this.on.properties(dictionary(all));
            this.on.state("ready");
        } catch (error) {
            if (client !== this.client)
                return;
            const wrapped = wrap(error);

            if (wrapped.kind === "lost" || wrapped.kind === "silent") {
                this.#closed(client, { problem: "disconnected", kind: wrapped.kind });
                return;
            }
            this.on.state(wrapped.kind, wrapped);
            if (wrapped.kind === "absent")
                this.#later();
        } finally {
            clearTimeout(timer);
        }
    }

    // The daemon came, went, or was replaced.
    #owned(client, owner) {
        if (client !== this.client || owner === this.owner)
            return;
        const isFirst = this.owner === null;

        this.owner = owner || "";
        if (!owner) {
            this.on.state("absent");
            this.#later();
        } else if (!isFirst)
            this.#begin(client);
    }

    // There was no daemon, or the bus is gone.
    async #closed(client, options) {
        if (client !== this.client)
            return;
        this.client = null;
        client.close();
        // The bridge's connection never comes back, one of our own does.
        if (options?.problem === "disconnected")
            this.where = { bus: "none", address: await addressOfBus() };
        this.on.state(options?.kind || kindOf(options));
        this.#later();
    }

    // Nothing else may bring news: a bus that ends can look like a daemon that does, without a close.
    #later() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.open(), this.pause);
        this.pause = Math.min(this.pause * 2, PAUSE_MAX);
    }
}
