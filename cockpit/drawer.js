// A task's story: what koowatchctl show tells, beside the table.

import { _, format, list, ngettext } from "./i18n.js";
import { isOfAdministrator } from "./allowed.js";
import { filesOf, pretty } from "./answer.js";
import { curve } from "./curve.js";
import { el, newId, webLink } from "./dom.js";
import { icon } from "./icons.js";
import { alert, block, button, copyButton, facts, hooksWord, label } from "./parts.js";
import { ago, duration, moment, parse } from "./time.js";
import { explain, isUnexplained } from "./trouble.js";
import { hasHookTrouble, isElsewhere, isFailing, isWatched, outcomeWord, runTone, runWord, shortReason, stateWord, tone, typeWord } from "./words.js";

const FILES_SHOWN = 200;
const AGAIN = 1000;

const both = (text, now) => {
    const at = parse(text);

    return at === null ? null : format(_("$0 ($1)"), moment(at), ago(at, now));
};

// Sections that are painted anew only where what they show has changed: the selection stays, as does the focus.
class Sections {
    constructor(element) {
        this.element = element;
        this.keys = new Map();
    }

    paint(name, key, make) {
        const text = JSON.stringify(key);
        const old = this.keys.get(name);

        if (old?.text === text)
            return;
        const isOpen = old ? [...old.place.querySelectorAll("details")].map(d => d.open) : [];
        const place = old?.place || el("div", {});
        const focusable = () => [...place.querySelectorAll("button, a, summary, [tabindex]")];
        const focused = focusable().indexOf(document.activeElement);

        place.replaceChildren(...[make()].flat().filter(Boolean));
        [...place.querySelectorAll("details")].forEach((d, i) => {
            d.open = isOpen[i] ?? d.open;
        });
        focusable()[focused]?.focus({ preventScroll: true });
        if (!old)
            this.element.append(place);
        this.keys.set(name, { text, place });
    }

    show(name) {
        const { place } = this.keys.get(name);

        this.element.scrollTop = place.offsetTop - this.element.offsetTop; // scrollIntoView() would move the page, too
        place.querySelector("[tabindex]")?.focus({ preventScroll: true });
    }
}

// Below the buttons it stands with.
const hint = text => el("p", { class: "dim small" }, text);

const section = (title, ...content) => el("section", {}, el("h3", {}, title), ...content);

const runs = (task, now) => {
    const all = [...(task.runs || [])].reverse();

    return all.length === 0 ? null : section(hooksWord(), el("ul", { class: "runs" }, all.map(run => {
        const started = parse(run.startedAt);
        const end = run.signal !== undefined ? format(_("signal $0"), run.signal)
            : run.exitStatus > 0 ? format(_("exit status $0"), run.exitStatus) : "";
        const words = list([format(_("attempt $0"), run.attempt), end,
                            run.durationUsec > 0 ? format(_("took $0"), duration(run.durationUsec / 1000)) : "",
                            started === null ? "" : ago(started, now)]);

        return el("li", {},
                  el("p", { class: "run" }, label(runTone(run), runWord(run)), el("span", { class: "code" }, run.hook),
                     el("span", { class: "dim" }, words)),
                  run.tail ? block(run.tail, format(_("Last lines of $0, attempt $1"), run.hook, run.attempt)) : null);
    })));
};

const table = (heads, rows, name) => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
    el("table", { class: "small-table" },
       el("thead", {}, el("tr", {}, heads.map(head => el("th", { scope: "col" }, head)))),
       el("tbody", {}, rows.map(cells => el("tr", {}, cells.map((cell, i) => i === 0
           ? el("th", { scope: "row" }, cell) : el("td", {}, cell)))))));

const settings = task => (task.settings || []).length === 0 ? null : el("details", {},
    el("summary", {}, _("Settings and where they come from")),
    table([_("Setting"), _("Value"), _("Origin")],
          task.settings.map(s => [s.key, s.value, s.origin]), _("Settings")));

const variables = task => Object.keys(task.variables || {}).length === 0 ? null : el("details", {},
    el("summary", {}, _("Variables for hooks")),
    table([_("Variable"), _("Value")], Object.entries(task.variables), _("Variables")));

const FILE_WORDS = () => ({
    succeeded: label("good", _("Succeeded")),
    failed: label("bad", _("Failed")),
    pending: label("none", _("Pending")),
    unknown: label("warn", _("Unknown")),
});

const results = task => {
    const files = filesOf(task.answer);
    const failed = files.filter(file => file.status === "failed").length;
    const sorted = [...files].sort((a, b) => Number(b.status === "failed") - Number(a.status === "failed"));

    if (files.length === 0)
        return null;
    return el("details", { open: failed > 0 },
              el("summary", {}, format(ngettext("$0 file", "$0 files", files.length), files.length),
                 failed > 0 ? format(ngettext(", $0 of them failed", ", $0 of them failed", failed), failed) : ""),
              table([_("File"), _("Result"), _("New file")],
                    sorted.slice(0, FILES_SHOWN).map(f => [f.id, FILE_WORDS()[f.status], f.newId]), _("Files")),
              files.length > FILES_SHOWN
                  ? el("p", { class: "dim" }, format(_("The first $0 are shown."), FILES_SHOWN)) : null);
};

const answer = task => task.answer ? el("details", {},
    el("summary", {}, _("KooDrive's last answer")), block(pretty(task.answer), _("KooDrive's last answer"))) : null;

const link = task => {
    if (!task.downloadUrl)
        return null;
    return section(_("Package"),
                   el("p", { class: "link-line" }, webLink(task.downloadUrl, _("Download")) ||
                      el("span", {}, _("The link is none of the web's.")), copyButton(task.downloadUrl)),
                   el("p", { class: "dim small" }, _("Whoever has this link can download the package.")));
};

const story = (task, now) => facts([
    [_("Ended"), outcomeWord(task)],
    [_("Refusal"), list([task.errorCode, task.errorMessage, task.httpStatus ? `HTTP ${task.httpStatus}` : ""])],
    [_("Account"), task.account],
    [_("Task"), task.taskId],
    [_("Share"), task.shareId],
    [_("Kind"), task.taskType === undefined ? "" : typeWord(task.taskType)],
    [_("File"), task.file ? el("span", { class: "path" }, task.file) : ""],
    [_("Registered"), both(task.registeredAt, now)],
    [_("Deadline"), both(task.deadlineAt, now)],
    [_("Finished"), both(task.finishedAt, now)],
    [_("Took"), parse(task.finishedAt) !== null && parse(task.registeredAt) !== null
        ? duration(parse(task.finishedAt) - parse(task.registeredAt)) : ""],
    [_("Noticed"), Number.isFinite(task.detectionDelay)
        ? format(_("$0 after its end"), duration(task.detectionDelay * 1000)) : ""],
    [_("Event"), task.eventId],
]);

const polls = (task, now) => {
    const next = parse(task.nextPollAt);

    if (task.polls === undefined)
        return null;
    return facts([[_("Polls"), list([String(task.polls),
                                     task.intervalUsec > 0 ? format(_("every $0"), duration(task.intervalUsec / 1000)) : "",
                                     next === null ? "" : format(_("the next $0"), ago(next, now))])]]);
};

const delivery = (task, now) => {
    const next = parse(task.nextAttemptAt);
    const tries = task.attempts > 0
        ? format(ngettext("$0 attempt made", "$0 attempts made", task.attempts), task.attempts) : "";
    const word = task.delivery === "parked" ? _("no longer retried") : isFailing(task) ? _("retried") : _("run");

    if (!task.delivery || task.delivery === "none")
        return null;
    return facts([[hooksWord(), list([word, tries, next === null ? "" : format(_("the next $0"), ago(next, now))])]]);
};

export class Drawer {
    // closed(): the address is to forget it; showJournal(name)
    constructor(model, bus, actions, go) {
        Object.assign(this, { model, bus, actions, go });
        this.name = null;
        this.hooksOf = null; // the task whose hooks are to be scrolled to
        this.task = null;
        this.asked = 0;
        this.body = el("div", { class: "drawer-body" });
        this.title = el("h2", { tabindex: "-1", id: newId() });
        this.element = el("aside", {
            class: "drawer",
            hidden: true,
            "aria-labelledby": this.title.id,
            onkeydown: event => event.key === "Escape" && this.close(),
        }, el("div", { class: "drawer-head" }, this.title,
              el("button", { type: "button", class: "button-icon", "aria-label": _("Close"), onclick: () => this.close() },
                 icon("close"))), this.body);
    }

    open(name) {
        if (this.name === name)
            return;
        if (this.element.hidden)
            this.back = document.activeElement;
        this.name = name;
        this.task = null;
        this.row = undefined;
        this.body.replaceChildren(el("p", { class: "dim" }, _("Reading…")));
        this.sections = null;
        this.title.textContent = name;
        this.element.hidden = false;
        this.title.focus();
        this.read();
    }

    // Once it is open and read: what the latest of its hooks printed.
    showHooks(name) {
        this.hooksOf = name;
        if (this.name === name && this.task)
            this.paint();
    }

    close() {
        if (this.name === null)
            return;
        this.name = null;
        this.element.hidden = true;
        this.go.closed();
        if (this.back?.isConnected)
            this.back.focus();
    }

    // The row has changed, or a second has passed.
    tick() {
        if (this.name === null)
            return;
        const row = this.model.tasks.get(this.name);
        const isDue = row !== this.row || Date.now() - this.asked > 5 * AGAIN;

        if (isDue && Date.now() - this.asked >= AGAIN)
            this.read();
        else if (this.task)
            this.paint();
    }

    async read() {
        const name = this.name;

        if (name === null)
            return;
        this.asked = Date.now();
        this.row = this.model.tasks.get(name);
        try {
            const task = await this.bus.get(name);

            if (name !== this.name)
                return;
            this.task = isUnexplained(task) ? { ...task, ...explain(task) } : task;
            this.paint();
        } catch (error) {
            if (name === this.name && error.kind === "NotFound") {
                this.task = null;
                this.sections = null;
                this.body.replaceChildren(alert("none", _("There is no such task any more.")));
            }
        }
    }

    paint() {
        const { task } = this;
        const now = Date.now();

        if (!this.sections) {
            this.body.replaceChildren();
            this.sections = new Sections(this.body);
        }
        const s = this.sections;
        const { runs: allRuns, answer: text, samples, settings: set, variables: vars, ...rest } = task;
        const second = Math.floor(now / 1000);
        const why = this.actions.reasons(task);

        s.paint("head", [tone(task), stateWord(task), task.description], () => [
            el("p", {}, label(tone(task), stateWord(task)), " ", el("span", { class: "dim" }, task.description || "")),
        ]);
        s.paint("trouble", [task.reason, task.state, task.delivery, why], () => this.#hint(task));
        s.paint("actions", [why, task.state, task.delivery], () => this.#buttons(task, why));
        s.paint("delivery", [task.delivery, task.attempts, task.nextAttemptAt, second], () => delivery(task, now));
        s.paint("link", task.downloadUrl || "", () => link(task));
        s.paint("files", [text], () => results(task));
        s.paint("runs", [allRuns, Math.floor(second / 10)], () => runs(task, now));
        s.paint("curve", [samples, task.finishedAt], () => {
            const drawn = curve(task);

            return drawn ? section(_("Progress"), drawn) : null;
        });
        s.paint("polls", [task.polls, task.nextPollAt, second], () => polls(task, now));
        s.paint("story", [rest, Math.floor(second / 10)], () => section(_("Story"), story(task, now)));
        s.paint("settings", [set, vars], () => [settings(task), variables(task)]);
        s.paint("answer", [text], () => answer(task));
        if (this.hooksOf === this.name) {
            this.hooksOf = null;
            s.show("runs");
        }
    }

    #hint(task) {
        const why = shortReason(task);

        if (hasHookTrouble(task))
            return alert(task.delivery === "parked" ? "bad" : "warn",
                         task.delivery === "parked" ? _("Its hooks are no longer retried") : _("Its hooks fail"), why,
                         ...this.#hookButtons(task));
        if (task.state === "invalid")
            return alert("bad", _("Its file is invalid"), why,
                         button(_("Correct the file"), () => this.actions.edit(task),
                                { kind: "primary", reason: this.actions.reasons(task).edit }));
        if (task.outcome === "rejected")
            return alert("bad", _("KooDrive refuses to return this task"), task.errorMessage || "");
        return isWatched(task) && why && !isElsewhere(task) ? alert("warn", _("The last poll"), why) : null;
    }

    #hookButtons(task) {
        const { actions } = this;
        const why = actions.reasons(task);
        const edit = kind => button(_("Correct the file"), () => actions.edit(task), { kind, reason: why.edit });
        const dismiss = [button(_("Dismiss"), () => actions.dismiss(task), { kind: "link" }),
                         hint(isOfAdministrator(task) ? _("Dismiss: no more retries; the task stays in the list.")
                             : _("Dismiss: no more retries; the task file goes, its history stays."))];

        if (task.missing?.length > 0)
            return [edit("primary"), ...dismiss];
        return [button(_("Retry failed hooks"), () => actions.retry(task), { kind: task.delivery === "parked" ? "secondary" : "primary" }),
                edit("secondary"), ...dismiss];
    }

    #buttons(task, why) {
        const { actions } = this;

        return el("div", { class: "buttons" },
                  isWatched(task) || task.state === "invalid"
                      ? button(_("Poll now"), () => actions.poll(task), { reason: why.poll }) : null,
                  task.state === "finished"
                      ? button(hasHookTrouble(task) ? _("Retry with options…") : _("Run all hooks again…"),
                               () => actions.redeliver(task), { reason: why.redeliver }) : null,
                  isWatched(task) || (task.state === "finished" && task.delivery === "none")
                      ? button(_("Edit file"), () => actions.edit(task), { reason: why.edit }) : null,
                  button(_("Remove"), () => actions.remove(task),
                         { kind: "danger-quiet", reason: why.remove }),
                  button(_("Journal"), () => this.go.showJournal(task.name), { kind: "link" }),
                  why.remove ? null : hint(isWatched(task)
                      ? _("Remove: the task file goes and nobody is told of the end; nothing in KooDrive is deleted.")
                      : _("Remove: the task file goes, its history stays; nothing in KooDrive is deleted.")));
    }
}
