// KooDrive's answers as JSON text. Pure.

// Ids are integers beyond 2^53 in some answers: JSON.parse() would change their last digits.
export const quoteLongNumbers = text => {
    let result = "";
    let at = 0;

    for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g)) {
        const found = match[0];

        result += text.slice(at, match.index) + (found.startsWith("\"") ? found : `"${found}"`);
        at = match.index + found.length;
    }
    return result + text.slice(at);
};

// null: it is no JSON.
export const parseAnswer = text => {
    try {
        return JSON.parse(quoteLongNumbers(text));
    } catch (error) {
        return null;
    }
};

// Outermost first, without recursion: whoever wrote the text chose its depth.
const find = (root, wanted) => {
    const queue = [root];

    for (let i = 0; i < queue.length && i < 10000; i++) {
        const value = queue[i];

        if (value === null || typeof value !== "object")
            continue;
        if (!Array.isArray(value) && wanted(value) !== undefined)
            return wanted(value);
        queue.push(...Object.values(value).slice(0, 1000));
    }
    return undefined;
};

const idOf = key => value => {
    const id = Object.hasOwn(value, key) ? value[key] : undefined;

    return typeof id === "string" || typeof id === "number" ? String(id) : undefined;
};

// From KooDrive's answer to the request that made the task.
export const idsOf = text => {
    const root = parseAnswer(text);

    if (root === null)
        return null;
    return { taskId: find(root, idOf("taskId")) ?? "", shareId: find(root, idOf("shareId")) ?? "" };
};

const STATUS = { 0: "pending", 1: "succeeded", 2: "failed" };

// taskInfos: an array, or a single object.
export const filesOf = text => {
    const root = text ? parseAnswer(text) : null;
    const infos = root === null ? undefined : find(root, value =>
        Object.hasOwn(value, "taskInfos") && value.taskInfos !== null && typeof value.taskInfos === "object"
            ? value.taskInfos : undefined);

    return [infos ?? []].flat().filter(file => file && typeof file === "object").map(file => ({
        id: String(file.fileId ?? ""),
        status: STATUS[file.status] ?? "unknown",
        newId: String(file.newFileId ?? ""),
    }));
};

export const pretty = text => {
    const root = parseAnswer(text);

    return root === null ? text : JSON.stringify(root, null, 2);
};
