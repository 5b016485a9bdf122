// The composer: a line that could not be sent waits in this browser and is tried again under the same key, so that it is
// neither lost nor doubled.
import { ACTS, hold, settle, TIMEOUT } from "./lost.js";
import { change, drop, fill, forms, lines, refresh, refusal, show } from "./unsent.js";

const AGAIN = 5_000;
// What passes without the line being changed, and what it waits for.
const WAITS = { 401: "Sign in or load the page again, then it is sent:", 408: "", 425: "", 429: "" };

const send = async (form, line) => {
  const body = new URLSearchParams(new FormData(form));
  const held = Math.round((Date.now() - line.since) / 1000);
  for (const [name, value] of Object.entries({ text: line.text, client_key: line.key, contact: line.contact, held })) body.set(name, value);
  const answer = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(TIMEOUT) });
  if (answer.ok) {
    drop(form, line.key);
    refresh();
  } else if (answer.status in WAITS) change(form, line.key, { waits: WAITS[answer.status] });
  else if (answer.status < 500) {
    change(form, line.key, { refused: refusal(await answer.text()) || `Not taken (${answer.status}):` });
  } else throw new Error(`the portal answered ${answer.status}`);
};

let trying = false;
const again = async () => {
  if (trying) return;
  trying = true;
  settle();
  try {
    // One form only: all of a page's composers share their lines.
    for (const form of forms().slice(0, 1)) for (const line of lines(form)) if (!line.sending && !line.refused) await send(form, line);
  } catch {
    // Not yet: the next round tries again.
  } finally {
    trying = false;
  }
};

const composer = (config) => (config?.elt?.matches?.("form[data-composer]") ? config.elt : null);
const keyOf = (config) => config.formData.get("client_key");
// Its answer replaces the composer; once an incident is closed there is none.
const present = (form) => document.getElementById(form.id);
// A line that was not taken is its writer's again; what stands in the field by now stays there.
const giveBack = (form, key, why) => {
  const line = lines(form).find((one) => one.key === key);
  if (!line) return;
  const at = present(form);
  if (!at || at.elements.text.value) return change(form, key, { sending: false, refused: why });
  drop(form, key);
  fill(at, line.text);
};

// The field is free for the next line from the moment this one is on its way.
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  const form = composer(detail.requestConfig);
  if (form) hold(form);
});
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const form = composer(detail.requestConfig);
  if (!form || detail.xhr.status < 400 || !detail.shouldSwap) return;
  // The refusal comes with the line in its field, unless the next one is being written there.
  detail.shouldSwap = !present(form)?.elements.text.value;
  if (detail.shouldSwap) drop(form, keyOf(detail.requestConfig));
  else giveBack(form, keyOf(detail.requestConfig), refusal(detail.xhr.responseText) || `Not taken (${detail.xhr.status}):`);
});
document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const next = detail.fragment.querySelector?.("form[data-composer] [name=text]");
  if (next && detail.target.elements?.text.value) next.value = detail.target.elements.text.value;
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const form = composer(detail.requestConfig);
  const line = form && lines(form).find((one) => one.key === keyOf(detail.requestConfig));
  if (!line) return;
  const { status } = detail.xhr;
  if (status && status < 400) {
    drop(form, line.key);
    // One's own line is seen: the composer comes to rest right below it.
    const end = (element) => element.getBoundingClientRect().bottom;
    const at = present(form);
    const panel = at?.closest(".panel");
    if (panel && end(panel) > end(at) + 2) panel.scrollIntoView({ block: "end" });
  } else if (!line.sending) {
    // Told already, by what it was refused with.
  } else if (ACTS.test(line.text) || (status && status < 500 && !(status in WAITS))) giveBack(form, line.key, `Not taken (${status || "no answer"}):`);
  else change(form, line.key, { sending: false, waits: WAITS[status] });
});
document.addEventListener("htmx:afterSettle", () => forms().forEach((form) => form.querySelector(".unsent") || show(form)));
addEventListener("online", again);
setInterval(again, AGAIN);
settle();
for (const form of forms()) {
  show(form);
  // Nor does it stand in the field.
  if (lines(form).some((line) => line.text === form.elements.text.value)) fill(form, "");
}
