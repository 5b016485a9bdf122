// Keeps what is typed into <form data-draft="name"> in this browser until the server has it, for the person who typed it.
const name = (form) => `${document.body.dataset.person}:${form.dataset.draft}`;
const key = (form) => `draft:${name(form)}`;
const sent = (form) => `sent:${name(form)}`;
const fields = (form) => [...form.elements].filter((field) => field.name && field.matches("textarea, input[type=text], input:not([type])"));
const keep = (form) => {
  const values = Object.fromEntries(fields(form).filter((field) => field.value).map((field) => [field.name, field.value]));
  if (Object.keys(values).length) localStorage.setItem(key(form), JSON.stringify(values));
  else localStorage.removeItem(key(form));
};

const restore = (form) => {
  if (form.dataset.restored) return;
  form.dataset.restored = "yes";
  // A plain post came back without a complaint: the server has the text.
  if (sessionStorage.getItem(sent(form)) && !form.querySelector("[aria-invalid]")) localStorage.removeItem(key(form));
  sessionStorage.removeItem(sent(form));
  try {
    const values = JSON.parse(localStorage.getItem(key(form)) || "{}");
    for (const field of fields(form)) if (!field.value && values[field.name]) field.value = values[field.name];
  } catch {
    localStorage.removeItem(key(form));
  }
};

const restoreAll = () => document.querySelectorAll("form[data-draft]").forEach(restore);

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form?.dataset.draft) return;
  clearTimeout(form.draftTimer);
  form.draftTimer = setTimeout(() => keep(form), 300);
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.draft) return;
  clearTimeout(form.draftTimer);
  keep(form);
  if (!form.hasAttribute("hx-post")) sessionStorage.setItem(sent(form), "yes");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const form = event.detail.requestConfig?.elt?.closest?.("form[data-draft]");
  if (!form || event.detail.requestConfig.verb !== "post" || event.detail.xhr.status >= 400) return;
  localStorage.removeItem(key(form));
  if (form.isConnected) fields(form).forEach((field) => (field.value = field.defaultValue));
});
document.addEventListener("htmx:afterSettle", restoreAll);
restoreAll();
