// Zooming into charts that share a range: by dragging, or by the cursor's keys. The address carries the range, so that
// Back restores it and the link can be sent; without script the links beside do the same.
import { clear, instant, make, plotsOf, scopeOf, shareAt, showAll } from "./charts.js";

const LEAST = 0.01; // of the width: less is a click
let drag = null;

const mark = (scope, from, to) => {
  for (const plot of plotsOf(scope)) {
    plot.querySelector("[data-zoomed]")?.remove();
    const { top, floor } = plot.dataset;
    const [x, width] = [Math.min(from, to), Math.abs(to - from)].map((share) => `${(share * 100).toFixed(2)}%`);
    plot.append(make("rect", { class: "zoom", "data-zoomed": "", x, width, y: top, height: floor - top }));
  }
};
const unmark = (scope) => scope.querySelectorAll("[data-zoomed]").forEach((rect) => rect.remove());
const go = (scope, from, to) => {
  const [plot] = plotsOf(scope);
  const [first, last] = [Math.min(from, to), Math.max(from, to)].map((share) => instant(plot.dataset, share));
  const address = new URL(location.href);
  address.searchParams.delete("range");
  for (const [name, at] of [["from", first], ["to", last]]) address.searchParams.set(name, `${at.toISOString().slice(0, 19)}Z`);
  location.assign(address);
};

document.addEventListener("pointerdown", (event) => {
  const plot = event.target.closest?.("[data-crosshair] svg.area");
  if (plot && event.button === 0) drag = { scope: scopeOf(plot), plot, from: shareAt(plot, event.clientX) };
});
document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  drag.to = shareAt(drag.plot, event.clientX);
  mark(drag.scope, drag.from, drag.to);
});
document.addEventListener("pointerup", () => {
  if (!drag) return;
  const { scope, from, to = from } = drag;
  drag = null;
  unmark(scope);
  if (Math.abs(to - from) >= LEAST) go(scope, from, to);
});
document.addEventListener("pointercancel", () => {
  if (drag) unmark(drag.scope);
  drag = null;
});

// The cursor: a native slider, so arrows, Home and End work and its value is spoken. Enter marks, Enter again zooms.
const read = (cursor) => {
  const scope = scopeOf(cursor);
  const share = cursor.value / cursor.max;
  const text = showAll(scope, share);
  cursor.setAttribute("aria-valuetext", text);
  scope.querySelector("[data-readout]").textContent = text;
  if (cursor.marked !== undefined) mark(scope, cursor.marked, share);
};
const forget = (cursor) => {
  delete cursor.marked;
  unmark(scopeOf(cursor));
};
document.addEventListener("input", (event) => event.target.matches("[data-cursor]") && read(event.target));
document.addEventListener("focusin", (event) => event.target.matches("[data-cursor]") && read(event.target));
document.addEventListener("focusout", (event) => {
  if (!event.target.matches("[data-cursor]")) return;
  forget(event.target);
  clear(scopeOf(event.target));
});
document.addEventListener("keydown", (event) => {
  const cursor = event.target;
  if (!cursor.matches?.("[data-cursor]") || !["Enter", "Escape"].includes(event.key)) return;
  event.preventDefault();
  const share = cursor.value / cursor.max;
  if (event.key === "Escape") forget(cursor);
  else if (cursor.marked === undefined) {
    cursor.marked = share;
    mark(scopeOf(cursor), share, share);
  } else if (Math.abs(share - cursor.marked) >= LEAST) go(scopeOf(cursor), cursor.marked, share);
});
for (const part of document.querySelectorAll("[data-cursor-row]")) part.hidden = false;

// A refresh that brings the same text changes nothing: an open table and the crosshair stay.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target.matches?.("[data-same]")) return;
  detail.shouldSwap &&= detail.target.same !== detail.serverResponse;
  detail.target.same = detail.serverResponse;
});
