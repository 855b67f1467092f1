// koowatchd as a unit of systemd: whether it runs, and starting it.

const NAME = "org.freedesktop.systemd1";
const PATH = "/org/freedesktop/systemd1";
const MANAGER = "org.freedesktop.systemd1.Manager";
const UNIT = "koowatchd.service";

const withSystemd = async (superuser, run) => {
    const client = cockpit.dbus(NAME, { bus: "system", superuser });

    try {
        return await run(client);
    } finally {
        client.close();
    }
};

// { isInstalled, state }: state as systemctl has it, such as inactive or failed.
export const unitState = () => withSystemd("try", async client => {
    const [path] = await client.call(PATH, MANAGER, "LoadUnit", [UNIT], { type: "s" });
    const [properties] = await client.call(path, "org.freedesktop.DBus.Properties", "GetAll",
                                           ["org.freedesktop.systemd1.Unit"], { type: "s" });

    return { isInstalled: properties.LoadState.v !== "not-found", state: properties.ActiveState.v };
});

export const startUnit = () => withSystemd("require", client =>
    client.call(PATH, MANAGER, "StartUnit", [UNIT, "replace"], { type: "ss" }));
