// Lines that were not sent yet: kept in this browser for the person who wrote them, shown in the composer.
export const forms = () => [...document.querySelectorAll("form[data-composer]")];
const store = (form) => `unsent:${document.body.dataset.person}:${form.dataset.draft}`;
export const lines = (form) => {
  try {
    return JSON.parse(localStorage.getItem(store(form)) || "[]");
  } catch {
    return [];
  }
};
export const keep = (form, kept) => {
  if (kept.length) localStorage.setItem(store(form), JSON.stringify(kept));
  else localStorage.removeItem(store(form));
  for (const one of forms()) show(one);
};
export const drop = (form, key) => keep(form, lines(form).filter((line) => line.key !== key));
export const change = (form, key, changes) => keep(form, lines(form).map((line) => (line.key === key ? { ...line, ...changes } : line)));
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const refresh = () => document.querySelectorAll(".tl > li.more[data-live]").forEach((part) => window.htmx?.trigger(part, "live"));
export const fill = (form, text) => {
  const field = form.elements.text;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  form.elements.client_key.value = newKey();
};

const make = (tag, values) => Object.assign(document.createElement(tag), values);
export const show = (form) => {
  form.querySelector(".unsent")?.remove();
  const waiting = lines(form).filter((line) => !line.sending);
  if (!waiting.length) return;
  const list = make("ul", { className: "unsent" });
  list.setAttribute("role", "status");
  for (const line of waiting) {
    const item = make("li", {});
    const why = line.refused || line.waits || "Not sent yet, retrying:";
    item.append(make("b", { textContent: why }), make("span", { textContent: line.text }));
    if (line.refused) {
      const button = (textContent) => make("button", { type: "button", className: "btn quiet", textContent });
      const [back, discard] = [button("Edit"), button("Discard")];
      discard.addEventListener("click", () => {
        drop(form, line.key);
        form.elements.text.focus();
      });
      back.addEventListener("click", () => {
        // What stands in the field takes the line's place.
        const aside = { ...line, key: newKey(), text: form.elements.text.value, refused: "Put aside:" };
        keep(form, lines(form).flatMap((one) => (one.key !== line.key ? [one] : aside.text ? [aside] : [])));
        fill(form, line.text);
        form.elements.text.focus();
      });
      item.append(back, discard);
    }
    list.append(item);
  }
  form.prepend(list);
};

// What the portal said in the page of a refusal.
export const refusal = (text) => new DOMParser().parseFromString(text, "text/html").querySelector(".err")?.textContent.trim();
