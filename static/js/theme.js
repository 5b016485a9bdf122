// Runs before the first paint. The person's setting comes from the server; the switch overrides it in this browser
// until that setting changes.
(() => {
  const root = document.documentElement;
  const setting = root.dataset.theme || "system";
  const read = () => {
    try {
      return JSON.parse(localStorage.getItem("theme") || "null");
    } catch {
      return null;
    }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  const stored = read();
  if (stored && stored.over === setting) apply(stored.theme);
  addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    localStorage.setItem("theme", JSON.stringify({ theme, over: setting }));
    apply(theme);
  });
})();
