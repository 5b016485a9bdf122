import { change, fill, forms, keep, lines, newKey } from "./unsent.js";

export const TIMEOUT = 15_000;
// A command that changes the incident is not carried out behind its writer's back: it comes back into the field.
export const ACTS = /^\s*\/(?!(at|decision|pin|metric|task)\b)/i;
export const tab = newKey(); // who is sending a line
const GONE = "gone";
// The line in the field is on its way; the field is free for the next.
export const hold = (form) => {
  const { text, client_key: key, contact } = form.elements;
  const line = { key: key.value, text: text.value, contact: contact?.value || "", since: Date.now(), sending: tab };
  keep(form, [...lines(form), line]);
  fill(form, "");
  return line;
};

// What was on its way when its page went is tried again, a command is left to its writer. All tabs share the lines: what
// another one is sending is left to it, unless that tab is gone without a word.
const isLost = ({ sending, since }) => sending && sending !== tab && (sending === GONE || Date.now() - since > TIMEOUT);
export const settle = () => {
  for (const form of forms().slice(0, 1))
    for (const line of lines(form).filter(isLost)) change(form, line.key, { sending: false, ...(ACTS.test(line.text) && { refused: "Perhaps not carried out:" }) });
};
addEventListener("pagehide", () => {
  for (const form of forms().slice(0, 1)) for (const line of lines(form)) if (line.sending === tab) change(form, line.key, { sending: GONE });
});
