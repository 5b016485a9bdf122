// The list of keys, built when it is first asked for: no page carries it.
const KEYS = [
  [["/"], "search or run an action"],
  [["Ctrl", "K"], "the same"],
  [["i"], "declare an incident"],
  [["g", "t"], "go to Today"],
  [["g", "i"], "go to incidents"],
  [["g", "m"], "go to monitoring"],
  [["g", "s"], "go to SLOs"],
  [["g", "c"], "go to checklists"],
  [["g", "w"], "go to maintenance windows"],
  [["g", "d"], "go to decisions"],
  [["g", "r"], "go to reports"],
  [["j"], "next row"],
  [["k"], "row before"],
  [["Enter"], "open the row"],
  [["x"], "tick the item"],
  [["n"], "note"],
  [["a"], "not applicable"],
  [["t"], "write into the incident's log"],
  [["u"], "first line that is new to you"],
  [["?"], "this list"],
  [["Esc"], "close"],
];
export const OFF = "keys-off";

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const build = () => {
  const list = element("dl", { className: "kv keys" });
  for (const [keys, text] of KEYS) {
    const signs = keys.flatMap((key) => [element("kbd", { textContent: key }), " "]);
    list.append(element("dt", {}, ...signs), element("dd", { textContent: text }));
  }
  const box = element("input", { type: "checkbox", className: "box", checked: localStorage.getItem(OFF) === "yes" });
  box.addEventListener("change", () => localStorage.setItem(OFF, box.checked ? "yes" : "no"));
  const close = element("button", { type: "submit", className: "btn end", textContent: "Close" });
  const title = element("h2", { id: "keys-title", textContent: "Keys" });
  const head = element("form", { method: "dialog", className: "row" }, title, close);
  const off = element("label", { className: "row f13" }, box, "Switch single keys off in this browser");
  const dialog = element("dialog", { id: "keys", className: "dialog" }, element("header", {}, head), element("div", { className: "body" }, list, off));
  dialog.setAttribute("aria-labelledby", "keys-title");
  document.body.append(dialog);
  return dialog;
};

export const showKeys = () => (document.getElementById("keys") || build()).showModal();

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keymap]")) showKeys();
});
