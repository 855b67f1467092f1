// A list of finished tasks: their outcome, when, and how long they took.

import { _ } from "./i18n.js";
import { el } from "./dom.js";
import { label } from "./parts.js";
import { durationOf } from "./statistics.js";
import { ago, duration, parse } from "./time.js";
import { deliveryNote, outcomeWord, tone } from "./words.js";

const noteOf = run => deliveryNote(run) || run.errorMessage || run.description || "";

export const runsTable = (runs, name, open, now) => {
    const heads = [_("Task"), _("Outcome"), _("Ended"), _("Took"), _("Polls"), _("Note")];
    const cell = (i, attributes, ...content) => el("td", { role: "cell", "data-label": heads[i], ...attributes }, ...content);

    return el("table", { class: "tasks", role: "table", "aria-label": name },
        el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
            heads.map(head => el("th", { scope: "col", role: "columnheader" }, head)))),
        el("tbody", { role: "rowgroup" }, runs.map(run => {
            const at = parse(run.finishedAt);
            const took = durationOf(run);

            return el("tr", { role: "row" },
                el("th", { scope: "row", role: "rowheader" },
                   el("button", { type: "button", class: "button-link name", onclick: () => open(run.name) }, run.name)),
                cell(1, {}, label(tone(run), outcomeWord(run))),
                cell(2, { class: "number" }, at === null ? "" : ago(at, now)),
                cell(3, { class: "number" }, took === null ? "" : duration(took)),
                cell(4, { class: "number" }, run.polls === undefined ? "" : String(run.polls)),
                cell(5, { class: "note" }, noteOf(run)));
        })));
};
