// Acts into a part of the page that are under way. A refresh of the part gives way to them, no act cuts another short: each
// has its answer shown where the part stands by then, and what others did meanwhile is fetched behind the last.
const acts = new Map(); // id of a part → how many
const heard = [];
const isActedOn = (part) => acts.get(part.id) > 0;
export const onLanded = (hear) => heard.push(hear);

document.addEventListener("htmx:beforeSend", ({ detail }) => {
  const { requestConfig, target, xhr } = detail;
  if (requestConfig.verb !== "post" || !target.id) return;
  const { id } = target;
  if (target !== requestConfig.elt) window.htmx.trigger(target, "htmx:abort");
  acts.set(id, (acts.get(id) || 0) + 1);
  xhr.addEventListener("readystatechange", () => {
    if (!detail.target.isConnected) detail.target = document.getElementById(id) || detail.target;
  });
  xhr.addEventListener("loadend", () => {
    acts.set(id, acts.get(id) - 1);
    const part = document.getElementById(id);
    if (part) for (const hear of heard) hear(part);
  });
});

// What is being typed or read by selection is never pulled away: the part waits until the focus leaves it.
export const busy = (part) =>
  isActedOn(part) ||
  part.querySelector("dialog[open], details.menu[open]") ||
  (part.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), textarea, select")) ||
  (!getSelection().isCollapsed && part.contains(getSelection().anchorNode));
