// Light or dark, as the shell around the page.

const system = window.matchMedia("(prefers-color-scheme: dark)");

export const followTheme = () => {
    const apply = style => {
        const wanted = style || localStorage.getItem("shell:style") || "auto";
        const isDark = wanted === "dark" || (wanted === "auto" && system.matches);

        document.documentElement.classList.toggle("dark", isDark);
    };

    window.addEventListener("storage", event => event.key === "shell:style" && apply());
    window.addEventListener("cockpit-style", event => apply(event.detail?.style));
    system.addEventListener("change", () => apply());
    apply();
};
