// Puts the page together: the model, what keeps it in step, the views, and the address.

import { _, format, language, ngettext } from "./i18n.js";
import { AccountsView } from "./accounts.js";
import { Actions } from "./actions.js";
import { AttentionView } from "./attention.js";
import { Bus } from "./bus.js";
import { Drawer } from "./drawer.js";
import { HistoryView } from "./history.js";
import { LatelyView } from "./lately.js";
import { Model } from "./model.js";
import { Sync } from "./sync.js";
import { TasksView } from "./tasks.js";
import { el, setText } from "./dom.js";
import { followTheme } from "./theme.js";
import { isAdministrator, onAccessChange } from "./access.js";
import { notices, say } from "./notices.js";
import { alert, button } from "./parts.js";
import { openAdd } from "./add.js";
import { banner, noTasks, versionNote, wholePage } from "./states.js";
import { Tabs } from "./tabs.js";
import { hasHookTrouble, outcomeWord, tone } from "./words.js";
import { VERSION } from "./version.js";

const page = document.getElementById("page");
const model = new Model();

const showJournal = name => {
    const which = name ? `priority=debug&KOOWATCH_NAME=${encodeURIComponent(name)}`
        : "priority=info&service=koowatchd.service";

    cockpit.jump(`/system/logs#/?${which}`);
};

const openTask = name => cockpit.location.go(cockpit.location.path, { ...cockpit.location.options, task: name });

const closeTask = () => {
    const { task, ...rest } = cockpit.location.options;

    if (task !== undefined)
        cockpit.location.go(cockpit.location.path, rest);
};

const goTo = tab => cockpit.location.go(tab === "tasks" ? [] : [tab], cockpit.location.options);

const bus = new Bus({
    signal: (signal, facts) => {
        sync.signal(signal, facts);
        if (signal === "TaskFinished")
            onFinished(facts);
    },
    properties: changes => sync.properties(changes),
    state: onState,
});
const sync = new Sync(model, bus, () => tasksView.visible(), paintSoon);

const actions = new Actions(model, bus, name => {
    if (name)
        sync.readTask(name).catch(() => {});
    else
        sync.readAccounts().catch(() => {});
    drawer.read();
    latelyView.readSoon();
});

const add = () => openAdd(model, bus, name => sync.readTask(name).catch(() => {}));

const tasksView = new TasksView(model, { open: openTask, empty: () => noTasks(add) });
const accountsView = new AccountsView(model, actions, account => {
    goTo("tasks");
    tasksView.filter({ account, state: "", text: "" });
});
const historyView = new HistoryView(bus, openTask);
const latelyView = new LatelyView(bus, openTask, () => goTo("history"));
const drawer = new Drawer(model, bus, actions, { closed: closeTask, showJournal });
const attentionView = new AttentionView(model, actions, {
    open: openTask,
    openHooks: name => {
        drawer.showHooks(name);
        openTask(name);
    },
    showAccounts: () => goTo("accounts"),
    showJournal,
    showTroubles: () => {
        goTo("tasks");
        tasksView.filter({ state: "trouble", account: "", text: "" });
    },
});

const tabs = new Tabs([
    ["tasks", _("Tasks"), el("div", {}, attentionView.element, el("div", { class: "card" }, tasksView.element), latelyView.element)],
    ["accounts", _("Accounts"), accountsView.element],
    ["history", _("History"), historyView.element],
], goTo);

const summary = el("p", { class: "dim summary", role: "status" });
const top = el("div", {});
const content = el("div", { hidden: true }, tabs.element);
const instead = el("div", {});
const buttons = el("div", { class: "buttons", hidden: true },
                   button(_("Add task"), add, { kind: "primary" }),
                   button(_("Reload configuration"), () => actions.reload()));

// ---- what the bus says ----

let state = "connecting";
let isRead = false; // there is something to show
let lastTrue = Date.now(); // when it was of now

function paintState() {
    const context = { retry: () => bus.open(), isAdministrator: isAdministrator(), showJournal };
    const note = state === "ready" ? versionNote(model.properties.Version, VERSION) : "";

    buttons.hidden = state !== "ready";
    content.hidden = !isRead;
    attentionView.element.hidden = state !== "ready"; // it would speak of an earlier time
    content.classList.toggle("outdated", state !== "ready");
    instead.replaceChildren(...(isRead ? [] : [wholePage(state, context)]));
    top.replaceChildren(...(isRead && state !== "ready" && state !== "connecting" ? [banner(state, lastTrue, context)] : []),
                        ...(note ? [alert("none", note)] : []));
    page.setAttribute("aria-busy", String(!isRead && state === "connecting"));
    if (state !== "ready")
        setText(summary, "");
}

async function onReady() {
    try {
        await sync.start();
    } catch (error) {
        if (error.kind === "older" || error.kind === "denied")
            onState(error.kind, error);
        return; // else the bus says what has become of the daemon
    }
    latelyView.readSoon();
    if (tabs.current === "history")
        historyView.read();
}

function onState(now) {
    const before = state;

    state = now;
    if (now === "ready") {
        isRead = true;
        paintState();
        onReady();
    } else {
        if (before === "ready")
            lastTrue = Date.now();
        sync.stop();
        if (now === "denied" || now === "older") { // links are not for everybody
            isRead = false;
            model.clear();
            drawer.close();
        }
        paintState();
    }
}

function onFinished(task) {
    say(tone({ delivery: "none", ...task }), format(_("$0 has ended: $1"), task.name, outcomeWord(task)),
        { label: _("Details"), run: () => openTask(task.name) });
    latelyView.readSoon();
}

// ---- painting: at most once a frame, however many signals come ----

let isDue = false;

function paintSoon() {
    if (isDue)
        return;
    isDue = true;
    requestAnimationFrame(() => {
        isDue = false;
        paint();
    });
}

function paint() {
    if (!isRead)
        return;
    const { properties } = model;
    const count = key => properties[key] || 0;
    const [pending, running, finished, invalid] = ["Pending", "Running", "Finished", "Invalid"].map(count);
    const all = pending + running + finished + invalid;
    let troubled = 0;

    for (const task of model.tasks.values())
        troubled += Number(hasHookTrouble(task));
    setText(summary, state === "ready" && properties.Version ? format(
        ngettext("koowatchd $0, $1 task: $2 pending, $3 running, $4, $5 invalid",
                 "koowatchd $0, $1 tasks: $2 pending, $3 running, $4, $5 invalid", all),
        properties.Version, all, pending, running,
        troubled > 0 ? format(_("$0 finished ($1 with hook trouble)"), finished, troubled) : format(_("$0 finished"), finished),
        invalid) : "");
    attentionView.paint();
    for (const [tab, n] of Object.entries(attentionView.counts))
        tabs.setBadge(tab, n > 0 && tabs.current !== tab
            ? format(ngettext("$0 needs attention", "$0 need attention", n), n) : "");
    if (tabs.current === "tasks")
        tasksView.paint();
    if (tabs.current === "accounts")
        accountsView.paint();
}

function tick() {
    if (document.hidden || !isRead)
        return;
    tasksView.tick();
    drawer.tick();
    latelyView.paint();
    if (tabs.current === "accounts")
        accountsView.paint();
}

// ---- the address: #/, #/accounts, #/history, each with ?task=NAME ----

function onAddress() {
    const { path, options } = cockpit.location;
    const before = tabs.current;

    tabs.show(path[0]);
    if (typeof options.task === "string")
        drawer.open(options.task);
    else
        drawer.close();
    page.classList.toggle("with-drawer", typeof options.task === "string");
    tasksView.chosen = options.task;
    if (tabs.current === "history" && before !== "history" && state === "ready")
        historyView.read();
    paintSoon();
}

followTheme();
document.documentElement.lang = language();
document.title = _("KooDrive tasks");
page.append(
    el("div", { class: "main" },
       el("header", { class: "head" },
          el("div", {}, el("h1", {}, _("KooDrive tasks")), summary), buttons),
       top, instead, content),
    drawer.element, notices());
cockpit.addEventListener("locationchanged", onAddress);
onAccessChange(() => bus.open());
setInterval(tick, 1000);
onAddress();
paintState();
bus.open();
