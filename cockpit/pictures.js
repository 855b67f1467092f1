// Pictures of the finished tasks, in SVG: each has a sentence for screen readers and a table of its figures.

import { _, format, ngettext } from "./i18n.js";
import { el, svg } from "./dom.js";
import { delays, durationsByType, histogram, perDay, polls, quantile, RESULTS, roundUp, steps } from "./statistics.js";
import { DAY, dayName, duration, range, widthAbove } from "./time.js";
import { typeWord } from "./words.js";

const WIDTH = 400;
const HEIGHT = 170;
const LEFT = 34;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 22;
const NAMES = 76; // left of the bars

const RESULT_WORDS = () => ({
    succeeded: _("All succeeded"),
    partial: _("Some failed"),
    failed: _("All failed"),
    other: _("Canceled, late, rejected"),
});

const frame = (name, ...content) => svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": name },
                                        ...content);

const table = (heads, rows) => el("details", { class: "figures" }, el("summary", {}, _("As a table")),
    el("table", { class: "small-table" },
       el("thead", {}, el("tr", {}, heads.map(head => el("th", { scope: "col" }, head)))),
       el("tbody", {}, rows.map(cells => el("tr", {}, cells.map((cell, i) => i === 0
           ? el("th", { scope: "row" }, String(cell)) : el("td", { class: "number" }, String(cell))))))));

const picture = (title, sentence, drawing, ...rest) => el("section", { class: "card picture" },
    el("h2", {}, title), el("p", { class: "dim" }, sentence), el("figure", {}, drawing), ...rest);

const grid = most => [0, most / 2, most].filter(Number.isInteger).map(value => {
    const y = TOP + (1 - value / most) * (HEIGHT - TOP - BOTTOM);

    return [svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }),
            svg("text", { class: "axis", x: LEFT - 5, y: y + 4, "text-anchor": "end" }, String(value))];
});

// columns: [{ label, parts: [[class, value]] }]
const columnsOf = (columns, name) => {
    const sums = columns.map(column => column.parts.reduce((sum, [, value]) => sum + value, 0));
    const most = roundUp(Math.max(...sums, 1));
    const step = (WIDTH - LEFT - RIGHT) / columns.length;
    const every = Math.ceil(columns.length / 8);

    return frame(name, ...grid(most), ...columns.map((column, i) => {
        let y = HEIGHT - BOTTOM;

        return [
            ...column.parts.filter(([, value]) => value > 0).map(([kind, value]) => {
                const height = value / most * (HEIGHT - TOP - BOTTOM);

                y -= height;
                return svg("rect", { class: `fill-${kind}`, x: LEFT + i * step + step * 0.12, y,
                                     width: step * 0.76, height }, svg("title", {}, `${column.label}: ${value}`));
            }),
            i % every === 0 ? svg("text", { class: "axis", x: LEFT + (i + 0.5) * step, y: HEIGHT - 6,
                                            "text-anchor": "middle" }, column.label) : null,
        ];
    }));
};

const legend = () => el("ul", { class: "legend" }, RESULTS.map(result => el("li", {},
    svg("svg", { viewBox: "0 0 10 10", class: "swatch", "aria-hidden": "true" },
        svg("rect", { class: `fill-${result}`, width: 10, height: 10 })), RESULT_WORDS()[result])));

const outcomes = (runs, now, days) => {
    const all = perDay(runs, now, days);
    const sum = result => all.reduce((n, day) => n + day[result], 0);
    const total = RESULTS.reduce((n, result) => n + sum(result), 0);
    const sentence = format(ngettext("$0 task ended, $1 of them with all files succeeded.",
                                     "$0 tasks ended, $1 of them with all files succeeded.", total),
                            total, sum("succeeded"));

    return picture(_("Outcomes per day"), sentence,
                   columnsOf(all.map(day => ({ label: dayName(day.at), parts: RESULTS.map(r => [r, day[r]]) })), sentence),
                   legend(),
                   table([_("Day"), ...Object.values(RESULT_WORDS())],
                         all.map(day => [dayName(day.at), ...RESULTS.map(r => day[r])])));
};

// nameOf(from, end, width) of a step, the last of which has no end
const distribution = (title, values, [least, width], nameOf, sentenceOf, none) => {
    const sorted = [...values].sort((a, b) => a - b);

    if (sorted.length === 0)
        return picture(title, none, null);
    const ends = steps(sorted, least, width);
    const counts = histogram(sorted, ends);
    const names = [least, ...ends].map((from, i) => nameOf(from, ends[i] ?? null, ends[1] - ends[0]));
    const sentence = sentenceOf(quantile(sorted, 0.5), quantile(sorted, 0.95));

    return picture(title, sentence,
                   columnsOf(counts.map((count, i) => ({ label: names[i], parts: [["plain", count]] })), sentence),
                   table([title, _("Tasks")], counts.map((count, i) => [names[i], count])));
};

const detection = runs => distribution(
    _("From end to detection"), delays(runs).map(s => s * 1000), [0, widthAbove], range,
    (median, late) => format(_("Half are noticed within $0, 19 of 20 within $1."), duration(median), duration(late)),
    _("No finished task tells it yet."));

const pollCounts = runs => distribution(
    _("Polls per task"), polls(runs), [1, roundUp],
    (from, end, width) => end === null ? `≥ ${from}` : width === 1 ? String(from) : `${from}–${end - 1}`,
    (median, late) => format(_("Half of the tasks took at most $0 polls, 19 of 20 at most $1."),
                             Math.ceil(median), Math.ceil(late)),
    _("No task has finished yet."));

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TICKS = [SECOND / 10, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, 10 * HOUR, 2 * DAY, 20 * DAY];

// A logarithmic axis from the tick below to the tick above.
const axisOf = (lowest, highest) => {
    const from = Math.max(TICKS.findLastIndex(tick => tick <= lowest), 0);
    const to = TICKS.findIndex(tick => tick >= highest && tick > TICKS[from]);
    const ticks = TICKS.slice(from, to < 0 ? undefined : to + 1);
    const low = Math.log(ticks[0]);
    const width = Math.log(Math.max(ticks.at(-1), highest)) - low;

    return { ticks, x: ms => NAMES + (Math.log(Math.max(ms, ticks[0])) - low) / width * (WIDTH - NAMES - 24) };
};

const durations = runs => {
    const title = _("Duration by kind of task");
    const types = durationsByType(runs);

    if (types.length === 0)
        return picture(title, _("No task has completed yet."), null);
    const { ticks, x } = axisOf(Math.min(...types.map(type => type.low)), Math.max(...types.map(type => type.high)));
    const sentence = types.map(type => format(_("$0: half within $1"), typeWord(type.type), duration(type.median))).join("; ");
    const rowHeight = (HEIGHT - BOTTOM) / types.length;

    return picture(title, `${sentence}.`, frame(sentence, ...ticks.map(tick => [
        svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 0, y2: HEIGHT - BOTTOM }),
        svg("text", { class: "axis", x: x(tick), y: HEIGHT - 6, "text-anchor": "middle" }, duration(tick)),
    ]), ...types.map((type, i) => {
        const y = (i + 0.5) * rowHeight;

        return [
            svg("text", { class: "axis strong", x: NAMES - 12, y: y + 4, "text-anchor": "end" }, typeWord(type.type)),
            svg("rect", { class: "fill-plain", x: x(type.low), y: y - 9, width: Math.max(x(type.high) - x(type.low), 3),
                          height: 18, rx: 3 }),
            svg("line", { class: "median", x1: x(type.median), x2: x(type.median), y1: y - 14, y2: y + 14 }),
        ];
    })), el("p", { class: "dim small" }, _("Bar: all but the shortest and the longest tenth. Line: half are done. The axis is logarithmic.")),
                   table([_("Kind"), _("Tasks"), _("A tenth within"), _("Half within"), _("9 of 10 within")],
                         types.map(t => [typeWord(t.type), t.count, duration(t.low), duration(t.median), duration(t.high)])));
};

export const pictures = (runs, now, days) => [
    outcomes(runs, now, days), durations(runs),
    // A daemon that does not tell it yet has no such picture.
    ...(runs.length === 0 || runs.some(run => run.detectionDelay !== undefined) ? [detection(runs)] : []),
    pollCounts(runs),
];
