// RateLimit= as a number of requests a minute. Pure.

const UNITS = { us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86400, w: 604800 };

// "10/1s", "100/1min 30s", or a number, which is a minute's already. null: not known, or no limit.
export const perMinute = limit => {
    if (Number.isFinite(limit))
        return limit > 0 ? limit : null;
    const match = /^(\d+)\/(.+)$/.exec(limit || "");
    let seconds = 0;

    if (!match)
        return null;
    for (const [, number, unit] of match[2].matchAll(/(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w)/g))
        seconds += Number(number) * UNITS[unit];
    return seconds > 0 ? Number(match[1]) * 60 / seconds : null;
};
