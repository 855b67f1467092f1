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

export const age = (at, now) => at === null ? "" : span(Math.max(Math.floor((now - at) / SECOND), 1) * SECOND);

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
