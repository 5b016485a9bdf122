// The browser knows the names of all zones: no page has to carry them.
document.addEventListener("focusin", ({ target }) => {
  if (target.getAttribute?.("list") !== "zones" || target.list) return;
  const list = document.createElement("datalist");
  list.id = "zones";
  list.append(...Intl.supportedValuesOf("timeZone").map((name) => new Option(name, name)));
  target.after(list);
});
