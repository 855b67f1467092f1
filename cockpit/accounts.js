// Accounts: state, reason and what to do, requests against the limit, where the token comes from.

import { _, format, ngettext } from "./i18n.js";
import { el } from "./dom.js";
import { Actions } from "./actions.js";
import { isAdministrator } from "./access.js";
import { alert, bar, button, facts, label, linkButton, setBar } from "./parts.js";
import { perMinute } from "./rate.js";
import { ago, duration, moment, parse } from "./time.js";
import { accountAdvice, accountReason, accountStateWord, accountTone } from "./words.js";

const requests = account => {
    const sent = account.requestsLastMinute;
    const most = perMinute(account.rateLimit);

    if (!Number.isFinite(sent))
        return null;
    if (most === null)
        return String(sent);
    const share = bar(format(_("Requests of account $0 in the last minute"), account.name), 100 * sent / most,
                      sent >= most ? "warn" : "busy");

    setBar(share, 100 * sent / most, sent >= most ? "warn" : "busy");
    return el("div", {}, format(_("$0 of $1 that RateLimit= allows"), sent, Math.round(most)), share);
};

export class AccountsView {
    // showTasks(account)
    constructor(model, actions, showTasks) {
        Object.assign(this, { model, actions, showTasks });
        this.element = el("div", { class: "accounts" });
        this.key = "";
    }

    paint() {
        const accounts = [...this.model.accounts.values()].sort((a, b) => a.name < b.name ? -1 : 1);
        const key = JSON.stringify([accounts, isAdministrator(), Math.floor(Date.now() / 1000)]);

        if (key === this.key || this.element.contains(document.activeElement) && this.isSame(accounts))
            return;
        this.key = key;
        this.names = accounts.map(a => a.name + a.state).join("\n");
        this.element.replaceChildren(...(accounts.length > 0 ? accounts.map(account => this.#card(account))
            : [alert("none", _("No account is configured"), _("Sections [Account NAME] of koowatch.conf."))]));
    }

    // While somebody is at its buttons only a change of state paints anew.
    isSame(accounts) {
        return this.names === accounts.map(a => a.name + a.state).join("\n");
    }

    #card(account) {
        const now = Date.now();
        const next = parse(account.nextRequestAt);
        const since = parse(account.tokenSince);
        const isOk = account.state === "ok";

        return el("section", { class: "card account" },
                  el("h2", {}, account.name, " ", label(accountTone(account.state), accountStateWord(account))),
                  isOk ? null : alert(accountTone(account.state), accountAdvice(account.state) || accountStateWord(account),
                                      accountReason(account), ...this.#help(account)),
                  facts([
                      [_("Tasks"), linkButton(format(ngettext("$0 task", "$0 tasks", account.tasks || 0), account.tasks || 0),
                                              () => this.showTasks(account.name))],
                      [_("Requests in the last minute"), requests(account)],
                      [_("Open requests"), account.inFlight === undefined ? "" : String(account.inFlight)],
                      [_("Next attempt"), next === null ? "" : ago(next, now)],
                      [_("Behind"), account.behindUsec >= 1e6 ? duration(account.behindUsec / 1000) : ""],
                      [_("Signs in with"), account.auth === "app" ? _("an app's secret") : account.auth ? _("a token") : ""],
                      [_("Token from"), account.tokenSource ? el("span", { class: "path" }, account.tokenSource) : ""],
                      [_("In use since"), since === null ? "" : format(_("$0 ($1)"), moment(since), ago(since, now))],
                      [_("Endpoint"), account.endpoint ? el("span", { class: "path" }, account.endpoint) : ""],
                      [_("Configured"), account.configured === false ? _("no longer; it goes when its tasks have ended") : ""],
                  ]));
    }

    #help(account) {
        if (account.state !== "unauthorized" || !Actions.tokenFile(account))
            return [];
        return [button(_("Replace token"), () => this.actions.replaceToken(account), {
            kind: "primary",
            name: format(_("Replace token: $0"), account.name),
            reason: isAdministrator() ? "" : _("It needs administrative access."),
        })];
    }
}
