// A crosshair over server-drawn charts: all charts inside one [data-crosshair] show the same moment.
const NS = "http://www.w3.org/2000/svg";
const WIDE = 10_000; // a path's own units across
const make = (name, attributes, text = "") => {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
};

const curves = (plot) =>
  [...plot.querySelectorAll("path[data-v]")].map((path) => ({
    name: path.dataset.name,
    quiet: path.classList.contains("l2"),
    // The path's own x coordinates stand beside the exact values.
    xs: path.getAttribute("d").match(/[ML](-?\d+) /g)?.map((part) => Number(part.slice(1)) / WIDE) ?? [],
    values: path.dataset.v.split(" ").map(Number),
  }));

const figure = (value) => {
  const size = Math.abs(value);
  return value.toLocaleString("en", { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 });
};
const instant = ({ t0, t1 }, share) => new Date((Number(t0) + (Number(t1) - Number(t0)) * share) * 1000);
const written = (plot, share) => {
  const options = { hour: "2-digit", minute: "2-digit", timeZone: document.documentElement.dataset.zone || "UTC" };
  const days = Number(plot.dataset.t1) - Number(plot.dataset.t0) > 86_400;
  return instant(plot.dataset, share).toLocaleString("en-GB", days ? { day: "numeric", month: "short", ...options } : options);
};

// What the curves of a plot read at that share of its width.
const read = (plot, share) => {
  plot.curves ??= curves(plot);
  const words = [];
  for (const { name, quiet, xs, values } of plot.curves) {
    const near = xs.reduce((best, x, at) => (Math.abs(x - share) < Math.abs(xs[best] - share) ? at : best), 0);
    if (!xs.length || Math.abs(xs[near] - share) >= 0.02) continue;
    const unit = plot.dataset.unit;
    words.push(`${figure(values[near])}${unit ? ` ${unit}` : ""}${quiet ? ` ${name}` : ""}`);
  }
  return words;
};

const show = (plot, share) => {
  plot.querySelector("[data-hover]")?.remove();
  const { top, floor } = plot.dataset;
  const group = make("g", { "data-hover": "", "aria-hidden": "true" });
  const words = read(plot, share);
  const x = `${(share * 100).toFixed(2)}%`;
  const label = make("svg", { x, y: Number(top), overflow: "visible" });
  const shown = make("text", { class: "tipt", y: 13 }, [written(plot, share), ...words].join(" · "));
  label.append(shown);
  group.append(make("line", { class: "x", x1: x, x2: x, y1: top, y2: floor }), label);
  plot.append(group);
  // Measured once it stands: the box fits the reader's own font.
  const width = shown.getComputedTextLength() + 12;
  const shift = share > 0.5 ? -width : 0;
  shown.setAttribute("x", shift + 6);
  label.prepend(make("rect", { class: "tip", x: shift, width, height: 18, rx: 3 }));
  return `${plot.getAttribute("aria-label")} ${words.join(", ") || "no data"}`;
};

const scopeOf = (element) => element.closest("[data-crosshair]") || element.closest("[data-chart]");
const plotsOf = (scope) => [...scope.querySelectorAll("[data-chart] svg.area")];
const shareAt = (plot, clientX) => {
  const box = plot.getBoundingClientRect();
  return Math.min(Math.max((clientX - box.left) / box.width, 0), 1);
};
const showAll = (scope, share) => {
  const all = plotsOf(scope);
  return all.length ? [written(all[0], share), ...all.map((plot) => show(plot, share))].join("; ") : "";
};
const clear = (scope) => scope.querySelectorAll("[data-hover]").forEach((group) => group.remove());

document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.("svg.area");
  if (plot) showAll(scopeOf(plot), shareAt(plot, event.clientX));
});
document.addEventListener("pointerout", (event) => {
  const plot = event.target.closest?.("svg.area");
  if (plot && !plot.contains(event.relatedTarget)) clear(scopeOf(plot));
});

export { clear, instant, make, plotsOf, scopeOf, shareAt, showAll };
