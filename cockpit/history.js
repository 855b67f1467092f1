// What has ended: the pictures, and the latest outcomes.

import { _, format } from "./i18n.js";
import { el } from "./dom.js";
import { alert, button, card } from "./parts.js";
import { pictures } from "./pictures.js";
import { runsTable } from "./runs.js";
import { resultOf } from "./statistics.js";
import { DAY } from "./time.js";

const PAGE = 1000;
const MOST = 20000; // beyond that a picture says no more
const ROWS = 20;

export class HistoryView {
    constructor(bus, open) {
        Object.assign(this, { bus, open });
        this.days = 14;
        this.at = 0;
        this.onlyBad = false;
        this.generation = 0;
        this.pictures = el("div", { class: "pictures" });
        this.list = el("div", {});
        this.state = el("p", { class: "dim", role: "status" });
        this.element = el("div", {},
            el("div", { class: "toolbar" },
               el("label", {}, _("Period"), " ",
                  el("select", { class: "input", onchange: event => this.#period(event) },
                     [7, 14, 30, 90].map(days => el("option", { value: days, selected: days === this.days },
                                                    format(_("$0 days"), days))))),
               button(_("Refresh"), () => this.read()), this.state),
            this.pictures, this.list);
    }

    #period(event) {
        this.days = Number(event.target.value);
        this.read();
    }

    // The daemon answers in pages; what is painted is whole.
    async read() {
        const generation = ++this.generation;
        const since = new Date(Date.now() - this.days * DAY).toISOString().replace(/\.\d+Z/, "Z");
        const runs = [];
        let cursor = "";

        this.state.textContent = _("Reading…");
        try {
            do {
                const page = await this.bus.history({ since: cockpit.variant("s", since) }, cursor, PAGE);

                if (generation !== this.generation)
                    return;
                runs.push(...page.runs);
                cursor = page.next;
            } while (cursor && runs.length < MOST);
        } catch (error) {
            if (generation !== this.generation)
                return;
            this.state.textContent = "";
            this.pictures.replaceChildren(alert("bad", _("The history cannot be read"), error.message));
            return;
        }
        this.state.textContent = cursor ? format(_("The latest $0 tasks"), runs.length) : "";
        this.runs = runs;
        this.at = 0;
        this.pictures.replaceChildren(...pictures(runs, Date.now(), this.days));
        this.#paintList();
    }

    #paintList() {
        const found = this.runs.filter(run => !this.onlyBad || resultOf(run) !== "succeeded");
        const shown = found.slice(this.at, this.at + ROWS);
        const step = by => () => {
            this.at += by;
            this.#paintList();
        };
        const choose = event => {
            this.onlyBad = event.target.checked;
            this.at = 0;
            this.#paintList();
            this.list.querySelector("input").focus();
        };

        this.list.replaceChildren(card(_("Ended tasks"),
            el("label", { class: "choice" }, el("input", { type: "checkbox", checked: this.onlyBad, onchange: choose }),
               el("span", {}, _("Only those that ended badly"))),
            shown.length > 0 ? runsTable(shown, _("Ended tasks"), this.open, Date.now())
                : el("p", { class: "nothing" }, _("There is none in this period.")),
            found.length > ROWS ? el("nav", { class: "pager", "aria-label": _("Pages of ended tasks") },
                button(_("Previous"), step(-ROWS), { reason: this.at === 0 ? _("This is the first page.") : "" }),
                el("span", { class: "dim" }, format(_("$0 to $1 of $2"), this.at + 1, this.at + shown.length, found.length)),
                button(_("Next page"), step(ROWS),
                       { reason: this.at + ROWS >= found.length ? _("This is the last page.") : "" })) : null));
    }
}
