// What stands on the page when there is no table to show, or none that is of now.

import { _, format } from "./i18n.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { alert, block, button, copyButton } from "./parts.js";
import { clock } from "./time.js";
import { say } from "./notices.js";
import { startUnit, unitState } from "./service.js";

const EXAMPLE = `cat >/etc/koowatch/tasks.d/.photos.task <<'EOF'
[Task]
TaskId=<TaskId>
ShareId=<ShareId>
EOF
mv /etc/koowatch/tasks.d/.photos.task /etc/koowatch/tasks.d/photos.task`;

const INSTALL = "apt-get install koowatch";

const emptyState = (tone, title, ...content) => el("section", { class: "empty card" }, icon(tone), el("h2", {}, title),
                                                   ...content);

const example = (text, name) => el("div", { class: "example" }, block(text, name), copyButton(text));

// In a card already.
export const noTasks = add => el("section", { class: "empty" }, icon("none"), el("h2", {}, _("No task is watched")),
    el("p", {}, _("koowatch watches sharing tasks of KooDrive and says when they have ended. " +
                  "Add one here, or let a file register it, with the ids of your sharing request:")),
    example(EXAMPLE, _("Example of a task file")),
    button(_("Add task"), add, { kind: "primary" }));

const start = async retry => {
    try {
        await startUnit();
        say("good", _("koowatchd is starting."));
    } catch (error) {
        say("bad", error.problem === "access-denied"
            ? _("Starting it needs administrative access: turn it on at the top of the window.") : error.message);
    }
    retry();
};

const startButton = (retry, isAdministrator) => button(_("Start koowatchd"), () => start(retry), {
    kind: "primary",
    reason: isAdministrator === false ? _("It needs administrative access: turn it on at the top of the window.") : "",
});

const journal = showJournal => button(_("Journal"), () => showJournal(""), { kind: "link" });

const absent = context => {
    const place = emptyState("warn", _("koowatchd is not running"),
                             el("p", {}, _("Nothing is polled until it runs. No outcome is lost meanwhile.")));
    const end = (...content) => place.append(...content);

    unitState().then(({ isInstalled, state }) => {
        if (!isInstalled)
            end(el("p", {}, _("The package koowatch is not installed.")), example(INSTALL, _("How to install it")));
        else
            end(state === "failed" ? el("p", {}, _("It has failed; its journal says why.")) : "",
                el("div", { class: "buttons" }, startButton(context.retry, context.isAdministrator),
                   journal(context.showJournal)));
    }).catch(() => end(el("p", {}, _("Start it with:")), example("systemctl start koowatchd", _("How to start it"))));
    return place;
};

const denied = ({ isAdministrator }) => {
    const place = emptyState("warn", _("You may not see the tasks"),
        el("p", {}, _("koowatch shows its tasks and their download links to root and to members of the group koowatch.")),
        isAdministrator === false
            ? el("p", {}, _("Turn on administrative access at the top of the window; this page goes on by itself.")) : null,
        el("p", {}, _("Or let an administrator add you to the group, and log in again:")));

    cockpit.user().then(({ name }) => place.append(example(`usermod -aG koowatch ${name}`, _("How to join the group"))));
    return place;
};

const older = () => emptyState("warn", _("koowatchd is too old for this page"),
    el("p", {}, _("Upgrade the package koowatch, then restart koowatchd.")),
    example("apt-get install koowatch && systemctl restart koowatchd", _("How to upgrade")));

const silent = context => emptyState("warn", _("koowatchd does not answer"),
    el("p", {}, _("It is asked again by itself.")), journal(context.showJournal));

const lost = () => emptyState("warn", _("There is no connection to the bus"),
    el("p", {}, _("It is tried again by itself.")));

const connecting = () => emptyState("busy", _("Connecting to koowatchd…"));

const PAGES = { absent, denied, older, silent, lost, connecting };

// In place of the table, while nothing was ever read.
export const wholePage = (state, context) => (PAGES[state] || lost)(context);

// Above the table, which is of an earlier time.
export const banner = (state, since, context) => {
    const old = format(_("What you see is of $0."), clock(since));

    switch (state) {
    case "absent":
        return alert("warn", _("koowatchd has stopped"), old, startButton(context.retry, context.isAdministrator));
    case "denied":
        return alert("warn", _("You may no longer see the tasks"),
                     `${old} ${_("Turn on administrative access, or ask to be added to the group koowatch.")}`);
    case "silent":
        return alert("warn", _("koowatchd does not answer"), old);
    default:
        return alert("warn", _("The connection to the bus is lost; it is tried again"), old);
    }
};

// A daemon of another version than the page's; "" where they are the same.
export const versionNote = (daemon, page) => {
    const numbers = version => (version || "").split(/[^0-9]+/).map(Number);
    const [a, b] = [numbers(daemon), numbers(page)];
    const at = a.findIndex((number, i) => number !== (b[i] ?? 0));

    if (!daemon || at < 0)
        return "";
    return a[at] > (b[at] ?? 0)
        ? format(_("koowatchd $0 is newer than this page ($1): reload the page, or upgrade cockpit-koowatch."), daemon, page)
        : format(_("koowatchd $0 is older than this page ($1): what it does not tell is left out."), daemon, page);
};
