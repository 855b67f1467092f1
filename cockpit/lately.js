// The last few that have ended, below the table: their files may be gone already.

import { _ } from "./i18n.js";
import { el } from "./dom.js";
import { linkButton } from "./parts.js";
import { runsTable } from "./runs.js";

const SHOWN = 5;
const PAUSE = 500;

export class LatelyView {
    constructor(bus, open, showHistory) {
        Object.assign(this, { bus, open, showHistory });
        this.timer = null;
        this.element = el("section", { class: "card", hidden: true });
    }

    // Many may end at once.
    readSoon() {
        if (this.timer !== null)
            return;
        this.timer = setTimeout(() => {
            this.timer = null;
            this.read();
        }, PAUSE);
    }

    async read() {
        try {
            const { runs } = await this.bus.history({}, "", SHOWN);

            this.runs = runs;
            this.paint();
        } catch (error) {
            this.element.hidden = true; // the bus says why
        }
    }

    paint() {
        if (!this.runs || this.element.contains(document.activeElement))
            return;
        this.element.hidden = this.runs.length === 0;
        this.element.replaceChildren(el("h2", {}, _("Ended lately")),
                                     runsTable(this.runs, _("Ended lately"), this.open, Date.now()),
                                     linkButton(_("All that has ended"), this.showHistory));
    }
}
