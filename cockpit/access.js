// Whether the user has Cockpit's administrative access, which can be switched at the top of the window.

const superuser = cockpit.dbus(null, { bus: "internal" }).proxy("cockpit.Superuser", "/superuser");

// null: it is not known yet.
export const isAdministrator = () => {
    if (!superuser.valid || superuser.Current === "init")
        return null;
    return superuser.Current !== "none";
};

// run() when that has changed, not when it is first known.
export const onAccessChange = run => {
    let before = null;

    superuser.addEventListener("changed", () => {
        const now = isAdministrator();
        const isChange = now !== before && before !== null;

        before = now ?? before;
        if (isChange && now !== null)
            run();
    });
};
