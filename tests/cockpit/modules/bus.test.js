import assert from "node:assert/strict";
import test from "node:test";

import { Bus } from "../../../cockpit/bus.js";

// A client as cockpit.dbus() makes it, whose answers and events the test gives.
class Client {
    constructor() {
        this.listeners = {};
        this.calls = [];
    }

    subscribe() {}
    close() {}

    addEventListener(type, listener) {
        this.listeners[type] = listener;
    }

    call() {
        return new Promise((resolve, reject) => this.calls.push({ resolve, reject }));
    }

    owner(name) {
        this.listeners.owner({}, name);
    }
}

const settled = () => new Promise(resolve => setImmediate(resolve));
const absent = { name: "org.freedesktop.DBus.Error.ServiceUnknown", message: "" };
const present = [{ Version: { t: "s", v: "0.1.0" } }];

const open = t => {
    const clients = [];
    const states = [];

    globalThis.cockpit = { dbus: () => clients[clients.push(new Client()) - 1] };
    t.after(() => delete globalThis.cockpit);
    const bus = new Bus({ signal() {}, properties() {}, state: state => states.push(state) });

    bus.open();
    t.after(() => bus.close());
    return { bus, clients, states };
};

test("a daemon that comes after the page is asked", async t => {
    const { bus, clients: [client], states } = open(t);

    bus.pause = 1000;
    client.owner("");
    client.calls[0].reject(absent);
    await settled();
    client.owner(":1.7");
    client.calls[1].resolve(present);
    await settled();
    assert.equal(states.at(-1), "ready");
});

test("while there is no daemon it is looked for anew, as an owner may not be told", async t => {
    const { bus, clients, states } = open(t);

    clients[0].calls[0].resolve(present);
    clients[0].owner(":1.7");
    await settled();
    assert.equal(states.at(-1), "ready");
    bus.pause = 1;
    clients[0].owner(""); // of a bus that has ended, too
    while (clients.length < 2)
        await new Promise(resolve => setTimeout(resolve, 1));
    assert.equal(states.at(-1), "absent");
    clients[1].calls[0].reject(absent);
    while (clients.length < 3)
        await new Promise(resolve => setTimeout(resolve, 1));
    clients[2].calls[0].resolve(present);
    await settled();
    assert.equal(states.at(-1), "ready");
});
