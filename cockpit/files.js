// Files of the machine, with Cockpit's administrative access where the user has it.

export const read = async path => {
    const file = cockpit.file(path, { superuser: "try" });

    try {
        return await file.read();
    } finally {
        file.close();
    }
};

// Written beside it and renamed, so that no reader sees a part of it. owner: [user, group]
const publish = async (path, content, mode, owner) => {
    const slash = path.lastIndexOf("/") + 1;
    const fresh = `${path.slice(0, slash)}.${path.slice(slash)}.cockpit`;
    const options = { superuser: "try", err: "message", environ: ["LC_ALL=C.UTF-8"] };
    const [user, group] = owner;

    await cockpit.spawn(["install", "-m", mode, "-o", user, "-g", group, "/dev/stdin", fresh], options).input(content);
    await cockpit.spawn(["mv", "-T", "--", fresh, path], options);
};

export const replace = async (path, content) => {
    const [mode, user, group] = (await cockpit.spawn(["stat", "-L", "-c", "%a %U %G", "--", path],
                                                     { superuser: "try", err: "message" })).trim().split(" ");

    await publish(path, content, mode, [user, group]);
};

// Only the daemon may read it.
export const replaceSecret = (path, content) => publish(path, content, "0600", ["koowatch", "koowatchd"]);

export const remove = path => cockpit.spawn(["rm", "--", path], { superuser: "require", err: "message" });
