// Live parts: elements with data-live="topic" fetch themselves again when their topic is touched. Without a stream every part
// asks by itself, every 15 s.
import { busy, onLanded } from "./acts.js";
import { mark } from "./livemark.js";
import { connect, follow, isLive } from "./stream.js";

const POLL = 15_000;
const HIDDEN_POLL = 60_000;
const timers = new Map(); // of parts that are to ask, by id
let lastPoll = performance.now();

const parts = () => [...document.querySelectorAll("[data-live]")];

// An answer on its way may be older than what was just told: the part is asked again when that has taken its place. A part
// that waits to ask is not put off by what is told meanwhile: in a storm it would stand still.
const refresh = (part) => {
  if (timers.has(part.id)) return;
  const later = () => {
    timers.delete(part.id);
    const here = document.getElementById(part.id);
    if (!here) return;
    if (busy(here) || here.matches(".htmx-request")) refresh(here);
    else window.htmx?.trigger(here, "live");
  };
  timers.set(part.id, setTimeout(later, busy(part) ? 1000 : 150));
};

setInterval(() => {
  const live = isLive();
  mark(live);
  if (live || performance.now() - lastPoll < (document.hidden ? HIDDEN_POLL : POLL)) return;
  lastPoll = performance.now();
  parts().forEach(refresh);
}, 2500);

document.addEventListener("htmx:afterSettle", follow);
onLanded((part) => part.dataset.live && refresh(part));
connect(
  () => [...new Set(parts().map((part) => part.dataset.live))],
  (topic) => parts().filter((part) => part.dataset.live === topic).forEach(refresh),
);
