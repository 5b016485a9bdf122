// The keyboard map: never in fields, never with Ctrl, Alt or Meta, and off when the person says so.
import { OFF, showKeys } from "./keymap.js";

const NAV = { t: "today", i: "incidents", m: "monitoring", s: "slos", c: "checklists", w: "maintenance", d: "decisions", r: "reports" };
const NEVER = -Infinity; // not 0: the page itself may be younger than a second
let afterG = NEVER;

const off = () => localStorage.getItem(OFF) === "yes" || document.documentElement.dataset.keys === "off";
const inField = (target) => target?.closest?.("input, textarea, select, [contenteditable], [role=combobox]");
const rows = () => [...document.querySelectorAll(".main .tbl tbody tr:has(a.go)")];
const selected = () => document.querySelector(".main .tbl tr.sel");
// A row outlives its element: a live part that fetches itself again brings a new one.
const name = (row) => row?.id || row?.querySelector("a.go")?.getAttribute("href");
let chosen = name(selected());

const move = (step) => {
  const all = rows();
  if (!all.length) return;
  const here = all.indexOf(selected());
  const next = all[Math.min(Math.max(here + step, 0), all.length - 1)];
  selected()?.classList.remove("sel");
  next.classList.add("sel");
  chosen = name(next);
  next.querySelector("a.go").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
};

// A key that belongs to rows acts on the chosen one and on no other.
const press = (key) => {
  const sign = `[data-key="${CSS.escape(key)}"]`;
  const target =
    selected()?.querySelector(sign) ||
    document.querySelector(`${sign}:not(.tbl *), [data-key-target="${CSS.escape(key)}"]`);
  if (inField(target)) target.focus();
  else target?.click();
  return Boolean(target);
};

document.addEventListener("htmx:afterSettle", () => {
  const row = selected() || (chosen && rows().find((one) => name(one) === chosen));
  row?.classList.add("sel");
  chosen = name(row) || chosen;
});

document.addEventListener("keydown", (event) => {
  const { key } = event;
  if (event.altKey || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "k") {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("palette"));
    return;
  }
  // A ticked box keeps the focus: its row's keys still work.
  const boxed = event.target.matches?.("input[type=checkbox]");
  if (event.ctrlKey || event.metaKey || off() || document.querySelector("dialog[open]") || (inField(event.target) && !boxed)) return;
  if (event.timeStamp - afterG < 1200 && NAV[key]) {
    const link = document.querySelector(`.rail [data-nav="${NAV[key]}"]`);
    afterG = NEVER;
    if (link) link.click();
    return;
  }
  afterG = key === "g" ? event.timeStamp : NEVER;
  const done =
    key === "j" ? move(1) !== false
    : key === "k" ? move(-1) !== false
    : key === "/" ? document.dispatchEvent(new CustomEvent("palette"))
    : key === "?" ? (showKeys(), true)
    : key.length === 1 && press(key);
  if (done) event.preventDefault();
});
