// Times and spans in words. Pure: "now" is an argument; all in milliseconds.

import { _, format, language } from "./i18n.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

// RFC 3339 in UTC, as the bus has it; null: it is not known.
export const parse = text => {
    const at = text ? Date.parse(text) : NaN;

    return Number.isNaN(at) ? null : at;
};

// One number is enough for the eye: the same steps as koowatchctl's.
export const span = ms => {
    const length = Math.max(ms, 0);

    if (length < SECOND)
        return format(_("$0 ms"), Math.round(length));
    if (length < 100 * SECOND)
        return format(_("$0 s"), Math.floor(length / SECOND));
    if (length < 100 * MINUTE)
        return format(_("$0 min"), Math.floor(length / MINUTE));
    if (length < 48 * HOUR)
        return format(_("$0 h"), Math.floor(length / HOUR));
    return format(_("$0 d"), Math.floor(length / DAY));
};

// How long something took: so precise that two of them can be compared.
export const duration = ms => {
    const length = Math.max(Math.round(ms), 0);
    const [s, min, h] = [SECOND, MINUTE, HOUR].map(unit => Math.floor(length / unit));

    if (s < 1)
        return format(_("$0 ms"), length);
    if (s < 10)
        return format(_("$0 s"), Math.floor(length / 100) / 10);
    if (min < 1)
        return format(_("$0 s"), s);
    if (h < 1)
        return s % 60 > 0 ? format(_("$0 min $1 s"), min, s % 60) : format(_("$0 min"), min);
    if (h < 48)
        return min % 60 > 0 ? format(_("$0 h $1 min"), h, min % 60) : format(_("$0 h"), h);
    return h % 24 > 0 ? format(_("$0 d $1 h"), Math.floor(h / 24), h % 24) : format(_("$0 d"), h / 24);
};

const WIDTHS = [SECOND / 10, SECOND / 5, SECOND / 2, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND,
                MINUTE, 2 * MINUTE, 5 * MINUTE, HOUR, 2 * HOUR, DAY];

// A step of an axis that numbers in one unit can name.
export const widthAbove = ms => WIDTHS.find(width => width >= ms) ?? WIDTHS.at(-1);

// Of such a step; to is null: whatever is longer.
export const range = (from, to, width) => {
    const [text, unit] = width < MINUTE ? [_("$0 s"), SECOND] : width < HOUR ? [_("$0 min"), MINUTE]
        : width < DAY ? [_("$0 h"), HOUR] : [_("$0 d"), DAY];

    return format(text, to === null ? `≥ ${from / unit}` : `${from / unit}–${to / unit}`);
};

export const ago = (at, now) => {
    if (at > now)
        return format(_("in $0"), span(at - now + SECOND - 1));
    if (now - at < SECOND)
        return _("just now");
    return format(_("$0 ago"), span(now - at));
};

export const until = (at, now) => {
    if (at === null)
        return "";
    return at > now ? span(Math.ceil((at - now) / SECOND) * SECOND) : _("now");
};

const formats = new Map();

const formatter = options => {
    const key = language() + JSON.stringify(options);

    if (!formats.has(key))
        formats.set(key, new Intl.DateTimeFormat(language(), options));
    return formats.get(key);
};

export const moment = at => formatter({ dateStyle: "medium", timeStyle: "medium" }).format(at);
export const dayName = at => formatter({ month: "short", day: "numeric" }).format(at);
export const clock = at => formatter({ timeStyle: "medium" }).format(at);
