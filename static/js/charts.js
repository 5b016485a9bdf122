// A crosshair over server-drawn charts: all charts inside one [data-crosshair] show the same moment.
const NS = "http://www.w3.org/2000/svg";
const make = (name, attributes, text = "") => {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
};

const curves = (plot) =>
  [...plot.querySelectorAll("path[data-v]")].map((path) => ({
    name: path.dataset.name,
    // The path's own x coordinates (0 … 1000) stand beside the exact values.
    xs: path.getAttribute("d").match(/[ML]([\d.-]+) /g)?.map((part) => Number(part.slice(1)) / 1000) ?? [],
    values: path.dataset.v.split(" ").map(Number),
  }));

const figure = (value) => {
  const size = Math.abs(value);
  return value.toLocaleString("en", { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 });
};

const show = (plot, share) => {
  plot.querySelector("[data-hover]")?.remove();
  plot.curves ??= curves(plot);
  const { t0, t1, top, floor, unit } = plot.dataset;
  const group = make("g", { "data-hover": "", "aria-hidden": "true" });
  const words = [];
  for (const { xs, values } of plot.curves) {
    const near = xs.reduce((best, x, at) => (Math.abs(x - share) < Math.abs(xs[best] - share) ? at : best), 0);
    if (xs.length && Math.abs(xs[near] - share) < 0.02) words.push(`${figure(values[near])}${unit ? ` ${unit}` : ""}`);
  }
  const at = new Date((Number(t0) + (Number(t1) - Number(t0)) * share) * 1000);
  const zone = document.documentElement.dataset.zone || "UTC";
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
  const text = [time, ...words].join(" · ");
  const x = `${(share * 100).toFixed(2)}%`;
  const label = make("svg", { x, y: Number(top), overflow: "visible" });
  const shown = make("text", { class: "tipt", y: 13 }, text);
  label.append(shown);
  group.append(make("line", { class: "x", x1: x, x2: x, y1: top, y2: floor }), label);
  plot.append(group);
  // Measured once it stands: the box fits the reader's own font.
  const width = shown.getComputedTextLength() + 12;
  const shift = share > 0.5 ? -width : 0;
  shown.setAttribute("x", shift + 6);
  label.prepend(make("rect", { class: "tip", x: shift, width, height: 18, rx: 3 }));
};

const plots = (scope) => (scope.closest("[data-crosshair]") || scope.closest("[data-chart]")).querySelectorAll("[data-chart] svg.area");

document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.("svg.area");
  if (!plot) return;
  const box = plot.getBoundingClientRect();
  const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  for (const other of plots(plot)) show(other, share);
});
document.addEventListener("pointerout", (event) => {
  const plot = event.target.closest?.("svg.area");
  if (!plot || plot.contains(event.relatedTarget)) return;
  for (const other of plots(plot)) other.querySelector("[data-hover]")?.remove();
});
