// The table of tasks with its filters, sort and pages.

import { _, format, ngettext } from "./i18n.js";
import { el, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";
import { bar, button, label, linkButton, setBar } from "./parts.js";
import { everything, PAGE, pageOf, select } from "./select.js";
import { ago, parse, until } from "./time.js";
import { nextOf, note, stateWord, tone } from "./words.js";

const COLUMNS = () => [
    ["name", _("Name")],
    ["account", _("Account")],
    ["state", _("State")],
    ["progress", _("Progress")],
    ["added", _("Added")],
    ["next", _("Next check"), _("Next poll, or next retry of hooks")],
    ["note", _("Note")],
];

const STATES = () => [
    ["", _("All states")],
    ["trouble", _("Needs attention")],
    ["running", _("Running")],
    ["pending", _("Pending")],
    ["finished", _("Finished")],
    ["failed", _("Ended badly")],
    ["invalid", _("Invalid")],
];

class Row {
    constructor(open) {
        this.name = el("button", { type: "button", class: "button-link name", onclick: () => open(this.task.name) });
        this.description = el("span", { class: "dim small" });
        this.account = el("td");
        this.state = el("td");
        this.progress = el("td");
        this.added = el("td", { class: "number" });
        this.next = el("td", { class: "number" });
        this.note = el("td", { class: "note" });
        const cells = [this.account, this.state, this.progress, this.added, this.next, this.note];

        cells.forEach((cell, i) => {
            cell.setAttribute("role", "cell");
            cell.dataset.label = COLUMNS()[i + 1][1];
        });
        this.element = el("tr", { role: "row" },
                          el("th", { scope: "row", role: "rowheader" }, this.name, this.description), ...cells);
    }

    show(task, now) {
        const tint = tone(task);

        if (this.task !== task) {
            this.task = task;
            setText(this.name, task.name);
            setText(this.description, task.description || "");
            setText(this.account, task.account || "");
            setText(this.note, note(task) === task.description ? "" : note(task));
            this.#showState(task, tint);
            this.#showProgress(task, tint);
        }
        const registered = parse(task.registeredAt);

        setText(this.added, registered === null ? "" : ago(registered, now));
        setText(this.next, until(nextOf(task), now));
    }

    #showState(task, tint) {
        const word = stateWord(task);

        if (this.shown !== tint + word)
            this.state.replaceChildren(label(tint, word));
        this.shown = tint + word;
    }

    #showProgress(task, tint) {
        if (task.progress === undefined)
            this.progress.replaceChildren();
        else if (this.progress.firstChild)
            setBar(this.progress.firstChild, task.progress, tint);
        else
            this.progress.append(bar(format(_("Progress of $0"), task.name), task.progress, tint));
    }
}

export class TasksView {
    // open(name) shows a task, empty() what stands there while there is none.
    constructor(model, { open, empty }) {
        this.model = model;
        this.open = open;
        this.empty = empty;
        this.wanted = { ...everything };
        this.rows = new Map(); // by name, those of the page
        this.accounts = "";
        this.chosen = null; // the name of the task that is shown beside the table
        this.#build();
    }

    visible() {
        return [...this.rows.keys()];
    }

    filter(changes) {
        Object.assign(this.wanted, changes, { page: 0 });
        this.search.value = this.wanted.text;
        this.states.value = this.wanted.state;
        this.accountChoice.value = this.wanted.account;
        this.paint();
    }

    paint() {
        const { model, wanted } = this;

        this.#paintAccounts();
        const found = select(model.tasks.values(), wanted, model.accounts);
        const page = pageOf(found, wanted.page);

        wanted.page = page.page;
        this.#paintRows(page.rows);
        this.#paintPager(found.length, page);
        const isEmpty = model.isWhole && model.tasks.size === 0;

        if (isEmpty && !this.emptyPlace.firstChild)
            this.emptyPlace.append(this.empty());
        this.emptyPlace.hidden = !isEmpty;
        this.full.hidden = isEmpty;
        this.none.hidden = found.length > 0 || !model.isWhole;
    }

    // Time passes.
    tick() {
        const now = Date.now();

        for (const row of this.rows.values())
            row.show(row.task, now);
    }

    #build() {
        const choice = (name, options, key) => el("select", {
            "aria-label": name,
            class: "input",
            onchange: event => this.filter({ [key]: event.target.value }),
        }, options.map(([value, text]) => el("option", { value }, text)));

        this.search = el("input", {
            type: "search",
            class: "input search",
            placeholder: _("Name, description, note"),
            "aria-label": _("Search in tasks"),
            oninput: event => this.filter({ text: event.target.value }),
        });
        this.states = choice(_("State"), STATES(), "state");
        this.accountChoice = choice(_("Account"), [["", _("All accounts")]], "account");
        this.order = el("select", { // in place of the heads, where it is narrow
            "aria-label": _("Sorted by"),
            class: "input narrow-only",
            onchange: event => this.#sort(event.target.value),
        }, COLUMNS().map(([key, text]) => el("option", { value: key }, format(_("Sorted by: $0"), text))));
        this.count = el("span", { class: "dim count", role: "status" });
        this.body = el("tbody", { role: "rowgroup" });
        this.heads = new Map(COLUMNS().map(([key, text, title]) => [key, this.#head(key, text, title)]));
        this.none = el("p", { class: "nothing", hidden: true }, _("No task fits these filters."), " ",
                       linkButton(_("Show all tasks"), () => this.filter(everything)));
        this.emptyPlace = el("div", { hidden: true });
        this.pager = this.#makePager();
        this.full = el("div", {},
                       el("div", { class: "toolbar" }, this.search, this.states, this.accountChoice, this.order, this.count),
                       el("table", { class: "tasks", role: "table", "aria-label": _("Tasks") },
                          el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...this.heads.values())),
                          this.body),
                       this.none, this.pager);
        this.element = el("div", {}, this.emptyPlace, this.full);
    }

    #head(key, text, title = null) {
        return el("th", { scope: "col", role: "columnheader", class: `column-${key}` },
                  el("button", { type: "button", class: "sort", title, onclick: () => this.#sort(key) },
                     text, icon("both")));
    }

    #sort(key) {
        const { wanted } = this;

        wanted.descending = wanted.sort === key && !wanted.descending;
        wanted.sort = key;
        wanted.page = 0;
        this.paint();
    }

    #makePager() {
        const go = by => () => {
            this.wanted.page += by;
            this.paint();
        };

        this.previous = button(_("Previous"), go(-1));
        this.following = button(_("Next page"), go(1));
        this.place = el("span", { class: "dim" });
        return el("nav", { class: "pager", "aria-label": _("Pages of tasks"), hidden: true },
                  this.previous, this.place, this.following);
    }

    #paintAccounts() {
        const names = [...this.model.accounts.keys()].sort();
        const key = names.join("\n");

        if (key === this.accounts)
            return;
        this.accounts = key;
        this.accountChoice.replaceChildren(el("option", { value: "" }, _("All accounts")),
                                           ...names.map(name => el("option", { value: name }, name)));
        this.accountChoice.value = this.wanted.account;
    }

    #paintRows(tasks) {
        const now = Date.now();
        const kept = new Map();
        let at = this.body.firstChild;

        for (const task of tasks) {
            const row = this.rows.get(task.name) || new Row(this.open);

            row.show(task, now);
            setAttribute(row.element, "aria-current", String(task.name === this.chosen));
            kept.set(task.name, row);
            if (row.element === at)
                at = at.nextSibling;
            else
                this.body.insertBefore(row.element, at);
        }
        for (const [name, row] of this.rows)
            if (!kept.has(name))
                row.element.remove();
        this.rows = kept;
        this.order.value = this.wanted.sort;
        for (const [key, head] of this.heads) {
            const isSorted = key === this.wanted.sort;
            const shape = !isSorted ? "both" : this.wanted.descending ? "down" : "up";

            if (head.dataset.shape === shape)
                continue;
            head.dataset.shape = shape;
            head.setAttribute("aria-sort", !isSorted ? "none" : this.wanted.descending ? "descending" : "ascending");
            head.querySelector("svg").replaceWith(icon(shape));
        }
    }

    #paintPager(count, { page, pages, first, rows }) {
        const all = this.model.tasks.size;

        setText(this.count, !this.model.isWhole ? format(_("Reading… $0"), all)
            : count === all ? format(ngettext("$0 task", "$0 tasks", all), all)
                : format(_("$0 of $1 tasks"), count, all));
        this.pager.hidden = count <= PAGE;
        setText(this.place, format(_("$0 to $1 of $2"), first + 1, first + rows.length, count));
        setAttribute(this.previous, "aria-disabled", String(page === 0));
        setAttribute(this.following, "aria-disabled", String(page === pages - 1));
    }
}
