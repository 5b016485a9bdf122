// The event stream. One tab of the browser holds it (a Web Lock says which), the others hear it over a BroadcastChannel:
// eight tabs must not use up HTTP/1.1's six connections. A stream begins at what its pages know, so that nothing is missed
// between a page and its stream, nor between one stream and the next.
import { mark } from "./livemark.js";

const SIGN = 6_000; // the leading tab gives a sign every 2.5 s
const channel = "BroadcastChannel" in window ? new BroadcastChannel("ops-live") : null;
const wanted = new Map(); // tab → topics
const tab = Math.random().toString(36).slice(2);
const received = Number(document.body.dataset.received);
const now = () => Math.floor(received + performance.now()); // by the server's clock
let known = received; // until then all topics were followed
let topics = () => [];
let hear = () => {};
let source = null;
let leading = false;
let subscribed = "";
let lastSign = 0;

export const isLive = () => lastSign > 0 && performance.now() - lastSign < SIGN;
const told = () => {
  lastSign = performance.now();
  known = now();
};

const subscribe = (isBehind = false) => {
  wanted.set(tab, topics());
  const all = [...new Set([...wanted.values()].flat())].sort().join(",");
  if (!isBehind && all === subscribed && source && source.readyState !== EventSource.CLOSED) return;
  source?.close();
  source = null;
  subscribed = all;
  if (!all) return;
  source = new EventSource(`/events/?since=${known}&topics=${encodeURIComponent(all)}`);
  source.onopen = () => (known = now());
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
// What this tab shows now is followed from now on.
export const follow = () => {
  if (leading) subscribe();
  else channel?.postMessage({ want: topics(), tab, known });
};

channel?.addEventListener("message", ({ data }) => {
  if (data.hear) hear(data.hear);
  if (data.alive) told();
  if (data.hello) follow();
  if (data.gone) wanted.delete(data.gone);
  if (data.want && leading) {
    const isNew = !wanted.has(data.tab);
    wanted.set(data.tab, data.want);
    if (isNew) known = Math.min(known, data.known);
    subscribe(isNew);
  }
});
addEventListener("pagehide", () => channel?.postMessage({ gone: tab }));
setInterval(() => {
  if (!leading) return;
  subscribe();
  if (source?.readyState !== EventSource.OPEN) return;
  told();
  channel.postMessage({ alive: true });
}, 2500);

export const connect = (asked, heard) => {
  [topics, hear] = [asked, heard];
  if (!channel || !navigator.locks) return;
  navigator.locks.request("ops-live", () => {
    leading = true;
    channel.postMessage({ hello: true });
    subscribe();
    return new Promise(() => {}); // held until this tab goes
  });
  follow();
};
