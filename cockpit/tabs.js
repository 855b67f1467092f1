// Tabs, as the authoring practices of ARIA have them: arrows move, the chosen one is in the tab order.

import { el, newId, setText } from "./dom.js";

export class Tabs {
    // tabs: [[id, text, content]], the first is shown for an unknown id; go(id): somebody has chosen.
    constructor(tabs, go) {
        this.tabs = tabs.map(([id, text, content]) => {
            const panelId = newId();
            const badge = el("span", { class: "badge", hidden: true });
            const tab = el("button", { type: "button", role: "tab", id: newId(), class: "tab", "aria-controls": panelId,
                                       onclick: () => go(id) }, text, " ", badge);
            const panel = el("div", { role: "tabpanel", id: panelId, "aria-labelledby": tab.id }, content);

            return { id, tab, panel, badge };
        });
        this.go = go;
        this.list = el("div", { role: "tablist", class: "tabs", onkeydown: event => this.#move(event) },
                       ...this.tabs.map(t => t.tab));
        this.element = el("div", {}, this.list, ...this.tabs.map(t => t.panel));
        this.current = null;
    }

    show(id) {
        const chosen = this.tabs.find(t => t.id === id) || this.tabs[0];

        this.current = chosen.id;
        for (const { tab, panel } of this.tabs) {
            const isChosen = tab === chosen.tab;

            tab.setAttribute("aria-selected", String(isChosen));
            tab.tabIndex = isChosen ? 0 : -1;
            panel.hidden = !isChosen;
        }
    }

    // "" for none
    setBadge(id, text) {
        const { badge } = this.tabs.find(t => t.id === id);

        setText(badge, text);
        badge.hidden = !text;
    }

    #move(event) {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const at = this.tabs.findIndex(t => t.id === this.current);

        if (!step)
            return;
        const next = this.tabs[(at + step + this.tabs.length) % this.tabs.length];

        event.preventDefault();
        this.go(next.id);
        next.tab.focus();
    }
}
