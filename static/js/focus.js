// The keyboard's place outlives a swap: the same link or control, else the same row's link.
let places = [];
const attribute = (element, key) => `[${key}="${CSS.escape(element.getAttribute(key))}"]`;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const here = document.activeElement;
  if (here === document.body || !detail.target?.contains(here)) return;
  const row = here.closest("tr[id]");
  places = [
    here.id && `#${CSS.escape(here.id)}`,
    here.matches("a[href]") && `a${attribute(here, "href")}`,
    here.form?.hasAttribute("action") && `form${attribute(here.form, "action")} ${here.localName}`,
    row && `#${CSS.escape(row.id)} a.go`,
  ].filter(Boolean);
});
document.addEventListener("htmx:afterSettle", () => {
  if (document.activeElement === document.body)
    for (const place of places) {
      document.querySelector(place)?.focus({ preventScroll: true });
      if (document.activeElement !== document.body) break;
    }
  places = [];
});
