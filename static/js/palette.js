// The command palette: pages, actions and records in one dialog. Without script the link opens the same as a page.
const dialog = document.getElementById("palette");
const input = document.getElementById("palette-q");
const list = document.getElementById("palette-list");

const options = () => [...list.querySelectorAll("[role=option]")];

const select = (index) => {
  const all = options();
  all.forEach((option, at) => {
    option.id ||= `palette-option-${at}`;
    option.tabIndex = -1;
    option.setAttribute("aria-selected", String(at === index));
  });
  if (!all[index]) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", all[index].id);
  all[index].scrollIntoView({ block: "nearest" });
};

const open = () => {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  input.select();
  window.htmx?.trigger(input, "palette");
};

if (dialog) {
  document.addEventListener("palette", open);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-palette]") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
  list.addEventListener("htmx:afterSwap", () => select(0));
  input.addEventListener("keydown", (event) => {
    const all = options();
    const here = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      select((here + step + all.length) % (all.length || 1));
    } else if (event.key === "Enter" && all[here]) {
      event.preventDefault();
      dialog.close();
      all[here].click();
    }
  });
}
