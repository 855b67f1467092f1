// A task's progress over time.

import { _, format } from "./i18n.js";
import { el, svg } from "./dom.js";
import { duration, parse } from "./time.js";

const WIDTH = 400;
const HEIGHT = 120;
const LEFT = 36;
const BOTTOM = 20;
const TOP = 8;
const RIGHT = 8;

// null: there is nothing to draw.
export const curve = task => {
    const start = parse(task.registeredAt);
    const samples = (task.samples || []).map(sample => ({ at: parse(sample.at), progress: Number(sample.progress) }))
        .filter(sample => sample.at !== null && Number.isFinite(sample.progress));

    if (start === null || samples.length < 2)
        return null;
    const end = Math.max(samples.at(-1).at, parse(task.finishedAt) ?? 0, start + 1000);
    const x = at => LEFT + (Math.max(at - start, 0) / (end - start)) * (WIDTH - LEFT - RIGHT);
    const y = progress => TOP + (1 - Math.min(Math.max(progress, 0), 100) / 100) * (HEIGHT - TOP - BOTTOM);
    const points = [{ at: start, progress: 0 }, ...samples].map(s => `${x(s.at).toFixed(1)},${y(s.progress).toFixed(1)}`);
    const lines = [0, 50, 100].map(p => [
        svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(p), y2: y(p) }),
        svg("text", { class: "axis", x: LEFT - 6, y: y(p) + 4, "text-anchor": "end" }, `${p}%`),
    ]);
    const last = samples.at(-1);

    return el("figure", { class: "curve" },
              svg("svg", {
                  viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
                  role: "img",
                  "aria-label": format(_("Progress: $0 % after $1, in $2 steps"), last.progress,
                                       duration(last.at - start), samples.length),
              },
                  ...lines,
                  svg("polygon", { class: "area", points: `${x(start)},${y(0)} ${points.join(" ")} ${x(last.at)},${y(0)}` }),
                  svg("polyline", { class: "line", points: points.join(" ") }),
                  svg("circle", { class: "dot", cx: x(last.at), cy: y(last.progress), r: 3 }),
                  svg("text", { class: "axis", x: LEFT, y: HEIGHT - 4 }, "0"),
                  svg("text", { class: "axis", x: WIDTH - RIGHT, y: HEIGHT - 4, "text-anchor": "end" },
                      duration(end - start))));
};
