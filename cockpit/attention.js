// The first thing on the page: what needs attention, why, and the button that helps.

import { _, format, ngettext } from "./i18n.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { alert, button, linkButton } from "./parts.js";
import { troubles } from "./trouble.js";
import { Actions } from "./actions.js";
import { isAdministrator } from "./access.js";

const SHOWN = 4;
const MOST = 100;

export class AttentionView {
    // open(name), openHooks(name), showAccounts(), showTroubles(), showJournal(name or "")
    constructor(model, actions, go) {
        Object.assign(this, { model, actions, go });
        this.key = null;
        this.counts = { tasks: 0, accounts: 0 }; // by the tab that shows them in full
        this.isOpen = false; // all are shown
        this.element = el("section", { class: "attention", "aria-label": _("What needs attention") });
    }

    paint() {
        const { model } = this;
        const found = model.isWhole || model.tasks.size > 0
            ? troubles(model.tasks.values(), model.accounts, model.sentences) : [];
        const ofAccounts = found.filter(t => t.kind === "account").length;

        this.counts = { tasks: found.length - ofAccounts, accounts: ofAccounts };
        const key = JSON.stringify([model.isWhole, this.isOpen, isAdministrator(),
            found.map(t => [t.title, t.also, t.why, t.name, t.helps, model.accounts.get(t.name)?.tokenSource])]);

        if (key === this.key)
            return;
        this.key = key;
        const focus = document.activeElement?.closest?.(".attention [data-focus]")?.dataset.focus;

        if (found.length > 0)
            this.#paintTroubles(found);
        else if (model.isWhole)
            this.element.replaceChildren(alert("good", _("Nothing needs attention")));
        else
            this.element.replaceChildren();
        if (focus)
            (this.element.querySelector(`[data-focus="${CSS.escape(focus)}"]`) ?? this.element.querySelector("button"))
                ?.focus();
    }

    #paintTroubles(found) {
        const shown = found.slice(0, this.isOpen ? MOST : SHOWN);

        this.element.replaceChildren(
            el("h2", {}, format(ngettext("$0 thing needs attention", "$0 things need attention", found.length), found.length)),
            el("ul", { class: "troubles" }, shown.map(trouble => this.#entry(trouble))),
            ...this.#more(found.length));
    }

    #more(count) {
        if (this.isOpen)
            return count > MOST ? [linkButton(_("The others are in the table"), this.go.showTroubles)] : [];
        return count <= SHOWN ? [] : [linkButton(format(_("Show all $0"), count), () => {
            this.isOpen = true;
            this.paint();
        })];
    }

    #entry(trouble) {
        const tone = trouble.bad ? "bad" : "warn";

        return el("li", { class: `trouble trouble-${tone}` },
                  icon(tone),
                  el("div", { class: "trouble-text" },
                     el("p", { class: "trouble-title" },
                        trouble.kind === "task" ? el("strong", {}, trouble.name) : null,
                        trouble.kind === "task" ? _(": ") : null, trouble.title),
                     trouble.also ? el("p", {}, trouble.also) : null,
                     trouble.why ? el("p", { class: "trouble-why" }, trouble.why) : null,
                     trouble.advice ? el("p", { class: "dim" }, trouble.advice) : null),
                  el("div", { class: "buttons" }, this.#buttons(trouble).map((b, i) => {
                      b.dataset.focus = `${trouble.kind} ${trouble.name} ${i}`;
                      return b;
                  })));
    }

    #buttons(trouble) {
        const { actions, go } = this;
        const { task, name } = trouble;
        const named = text => format(_("$0: $1"), text, name);
        const details = button(_("Details"), () => go.open(name), { kind: "link", name: named(_("Details")) });
        const why = task ? actions.reasons(task) : {};

        switch (trouble.helps) {
        case "redeliver":
            return [button(_("Show what the hook printed"), () => go.openHooks(name),
                           { kind: "primary", name: named(_("Show what the hook printed")) }),
                    button(_("Retry failed hooks"), () => actions.retry(task),
                           { name: named(_("Retry failed hooks")), reason: why.redeliver })];
        case "edit":
        case "correct-hook":
            return [button(_("Correct the file"), () => actions.edit(task),
                           { kind: "primary", name: named(_("Correct the file")), reason: why.edit }), details];
        case "poll":
            return [button(_("Poll now"), () => actions.poll(task), { name: named(_("Poll now")), reason: why.poll }), details];
        case "replace-token":
            return this.#tokenButtons(name);
        case "reload":
            return [button(_("Reload configuration"), () => actions.reload()),
                    button(_("Journal"), () => go.showJournal(""), { kind: "link" })];
        case "journal":
            return [button(_("Journal"), () => go.showJournal(""), { kind: "link" })];
        default:
            return [button(_("Details"), go.showAccounts, { kind: "link", name: named(_("Details")) })];
        }
    }

    #tokenButtons(name) {
        const account = this.model.accounts.get(name);
        const details = button(_("Details"), this.go.showAccounts,
                               { kind: "link", name: format(_("$0: $1"), _("Details"), name) });

        if (!Actions.tokenFile(account))
            return [details];
        return [button(_("Replace token"), () => this.actions.replaceToken(account), {
            kind: "primary",
            name: format(_("Replace token: $0"), name),
            reason: isAdministrator() ? "" : _("It needs administrative access."),
        }), details];
    }
}
