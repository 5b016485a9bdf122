// Keeps <time data-ago> and <time data-until> fresh by the server's clock, which may run faster than ours.
const { now: start, rate } = document.documentElement.dataset;
const origin = Date.parse(start);
const loaded = performance.now();

export const serverNow = () => origin + (performance.now() - loaded) * Number(rate);

const NBSP = "\u00a0";

export const ago = (then) => {
  const seconds = (serverNow() - then) / 1000;
  const size = Math.abs(seconds);
  const text =
    size < 5 ? "now"
    : size < 60 ? `${Math.floor(size)}${NBSP}s`
    : size < 3600 ? `${Math.floor(size / 60)}${NBSP}min`
    : size < 172800 ? `${Math.floor(size / 3600)}${NBSP}h`
    : size < 5184000 ? `${Math.floor(size / 86400)}${NBSP}d`
    : `${Math.floor(size / 2592000)}${NBSP}mo`;
  return seconds < -5 ? `in${NBSP}${text}` : text;
};

export const stopwatch = (seconds) => {
  const sign = seconds < 0 ? "\u2212" : "";
  const whole = Math.floor(Math.abs(seconds));
  const two = (n) => String(n).padStart(2, "0");
  if (whole < 3600) return `${sign}${two(Math.floor(whole / 60))}:${two(whole % 60)}`;
  return `${sign}${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}${NBSP}h`;
};

const write = (element, text) => {
  const target = element.querySelector(":scope > span") || element;
  if (target.textContent !== text) target.textContent = text;
};

const tick = (selector, text) => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll(selector)) write(element, text(Date.parse(element.dateTime)));
};

setInterval(() => tick("time[data-ago]", ago), 10_000);
setInterval(() => tick("time[data-until]", (due) => stopwatch((due - serverNow()) / 1000)), 1000);
