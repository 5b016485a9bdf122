// Live parts: elements with data-live="topic" fetch themselves again when their topic is touched.
// One tab of the browser holds the event stream (a Web Lock says which), the others hear it over a BroadcastChannel:
// eight tabs must not use up HTTP/1.1's six connections. Without a stream every part asks by itself, every 15 s.
import { busy, onLanded } from "./acts.js";
import { mark } from "./livemark.js";

const POLL = 15_000;
const HIDDEN_POLL = 60_000;
const SIGN = 6_000; // the leading tab gives a sign every 2.5 s
const channel = "BroadcastChannel" in window ? new BroadcastChannel("ops-live") : null;
const wanted = new Map(); // tab → topics
const timers = new Map(); // of parts, by id
const tab = Math.random().toString(36).slice(2);
let source = null;
let leading = false;
let subscribed = "";
let lastSign = 0;
let lastPoll = performance.now();

const parts = () => [...document.querySelectorAll("[data-live]")];
const topics = () => [...new Set(parts().map((part) => part.dataset.live))];

// An answer on its way may be older than what was just told: the part is asked again when that has taken its place.
const refresh = (part) => {
  clearTimeout(timers.get(part.id));
  const later = () => {
    const here = document.getElementById(part.id);
    if (!here) return;
    if (busy(here) || here.matches(".htmx-request")) refresh(here);
    else window.htmx?.trigger(here, "live");
  };
  timers.set(part.id, setTimeout(later, busy(part) ? 1000 : 150));
};
const hear = (topic) => parts().filter((part) => part.dataset.live === topic).forEach(refresh);

const subscribe = () => {
  if (!leading) return;
  wanted.set(tab, topics());
  const all = [...new Set([...wanted.values()].flat())].sort().join(",");
  if (all === subscribed && source && source.readyState !== EventSource.CLOSED) return;
  source?.close();
  source = null;
  subscribed = all;
  if (!all) return;
  source = new EventSource(`/events/?topics=${encodeURIComponent(all)}`);
  source.onerror = () => {
    lastSign = 0;
    mark(false);
  };
  source.onmessage = (event) => {
    const { t } = JSON.parse(event.data);
    channel?.postMessage({ hear: t });
    hear(t);
  };
};
const announce = () => channel?.postMessage({ want: topics(), tab });
channel?.addEventListener("message", ({ data }) => {
  if (data.hear) hear(data.hear);
  if (data.alive) lastSign = performance.now();
  if (data.hello) announce();
  if (data.gone) wanted.delete(data.gone);
  if (data.want && leading) {
    wanted.set(data.tab, data.want);
    subscribe();
  }
});
addEventListener("pagehide", () => channel?.postMessage({ gone: tab }));

setInterval(() => {
  if (leading) {
    subscribe();
    if (source?.readyState === EventSource.OPEN) {
      lastSign = performance.now();
      channel?.postMessage({ alive: true });
    }
  }
  const live = lastSign > 0 && performance.now() - lastSign < SIGN;
  mark(live);
  if (!live && performance.now() - lastPoll > (document.hidden ? HIDDEN_POLL : POLL)) {
    lastPoll = performance.now();
    parts().forEach(refresh);
  }
}, 2500);

document.addEventListener("htmx:afterSettle", () => {
  announce();
  subscribe();
});
onLanded((part) => part.dataset.live && refresh(part));
if (channel && navigator.locks) {
  navigator.locks.request("ops-live", () => {
    leading = true;
    channel.postMessage({ hello: true });
    subscribe();
    return new Promise(() => {}); // held until this tab goes
  });
  announce();
}
