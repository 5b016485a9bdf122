// The composer: a line that could not be sent waits in this browser and is tried again under the same key, so that it is
// neither lost nor doubled.
import { change, drop, empty, forms, keep, lines, refresh, refusal, show } from "./unsent.js";

const AGAIN = 5_000;
const TIMEOUT = 15_000;
// A command that changes the incident is not carried out behind its writer's back: it stays in the field.
const ACTS = /^\s*\/(?!(at|decision|pin|metric|task)\b)/i;

const send = async (form, line) => {
  const body = new URLSearchParams(new FormData(form));
  const held = Math.round((Date.now() - line.since) / 1000);
  for (const [name, value] of Object.entries({ text: line.text, client_key: line.key, contact: line.contact, held })) body.set(name, value);
  const answer = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(TIMEOUT) });
  if (answer.ok) {
    drop(form, line.key);
    refresh();
  } else if (answer.status === 401) change(form, line.key, { signedOut: true });
  else if (answer.status < 500) {
    change(form, line.key, { refused: refusal(await answer.text()) || `Not taken (${answer.status}):` });
  } else throw new Error(`the portal answered ${answer.status}`);
};

let trying = false;
const again = async () => {
  if (trying) return;
  trying = true;
  try {
    // One form only: all of a page's composers share their lines.
    for (const form of forms().slice(0, 1)) for (const line of lines(form)) if (!line.sending && !line.refused) await send(form, line);
  } catch {
    // Not yet: the next round tries again.
  } finally {
    trying = false;
  }
};

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  const form = detail.elt;
  if (!form.matches?.("form[data-composer]") || ACTS.test(form.elements.text.value)) return;
  const { text, client_key: key, contact } = form.elements;
  keep(form, [...lines(form), { key: key.value, text: text.value, contact: contact?.value || "", since: Date.now(), sending: true }]);
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const form = detail.requestConfig?.elt;
  if (!form?.matches?.("form[data-composer]")) return;
  const key = detail.requestConfig.formData.get("client_key");
  if (detail.xhr.status && detail.xhr.status < 500) return drop(form, key);
  if (!lines(form).some((line) => line.key === key)) return;
  change(form, key, { sending: false });
  if (form.elements.client_key.value === key) empty(form);
});
document.addEventListener("htmx:afterSettle", () => forms().forEach((form) => form.querySelector(".unsent") || show(form)));
addEventListener("online", again);
setInterval(again, AGAIN);

// What was on its way when the page went: it is tried again, and stands in the field no longer.
for (const form of forms()) {
  const left = lines(form).map((line) => ({ ...line, sending: false }));
  if (!left.length) continue;
  keep(form, left);
  if (left.some((line) => line.text === form.elements.text.value)) empty(form);
}
