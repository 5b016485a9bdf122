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
export const empty = (form) => {
  const field = form.elements.text;
  field.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  form.elements.client_key.value = newKey();
};

export const show = (form) => {
  form.querySelector(".unsent")?.remove();
  const waiting = lines(form).filter((line) => !line.sending);
  if (!waiting.length) return;
  const list = Object.assign(document.createElement("ul"), { className: "unsent" });
  list.setAttribute("role", "status");
  for (const line of waiting) {
    const item = document.createElement("li");
    const why = line.refused || (line.signedOut ? "Sign in again, then it is sent:" : "Not sent yet, retrying:");
    item.append(Object.assign(document.createElement("b"), { textContent: why }), line.text);
    if (line.refused) {
      const back = Object.assign(document.createElement("button"), { type: "button", className: "btn quiet", textContent: "Edit" });
      back.addEventListener("click", () => {
        form.elements.text.value = line.text;
        drop(form, line.key);
        form.elements.text.focus();
      });
      item.append(back);
    }
    list.append(item);
  }
  form.prepend(list);
};

// What the portal said in the page of a refusal.
export const refusal = (text) => new DOMParser().parseFromString(text, "text/html").querySelector(".err")?.textContent.trim();
