// Keeps what is typed into <form data-draft="name"> in this browser until the server has it, for the person who typed it.
const name = (form) => `${document.body.dataset.person}:${form.dataset.draft}`;
const key = (form) => `draft:${name(form)}`;
const SENT = "sent:";
const FORGET = "saved=; path=/; max-age=0; samesite=lax";
const taken = () => decodeURIComponent(document.cookie.match(/(?:^|; )saved=([^;]*)/)?.[1] ?? "");
const drafted = () => [...document.querySelectorAll("form[data-draft]")];
const fields = (form) => [...form.elements].filter((field) => field.name && field.matches("textarea, input[type=text], input:not([type])"));
const keep = (form) => {
  const values = Object.fromEntries(fields(form).filter((field) => field.value).map((field) => [field.name, field.value]));
  // A text that replaces another one is sent as written over the one that stood there then.
  const based = form.elements.namedItem("version")?.value;
  if (Object.keys(values).length) localStorage.setItem(key(form), JSON.stringify({ ...values, ...(based && { version: based }) }));
  else localStorage.removeItem(key(form));
};

// A plain post came before this page, and the page of both sides goes on with its text. Only the server's own word, a cookie
// that names the form's address (opsportal/core/htmx.py), says that it has it: a sign-in, an error, a form that complains
// and a connection that broke leave the text where it is.
const settle = () => {
  const saved = taken();
  const merge = document.querySelector("form[data-merge]");
  for (const mark of Object.keys(sessionStorage).filter((one) => one.startsWith(SENT))) {
    const address = sessionStorage.getItem(mark);
    sessionStorage.removeItem(mark);
    const whose = mark.slice(SENT.length);
    if (merge) Object.assign(merge.dataset, { draft: whose.slice(whose.indexOf(":") + 1), restored: "yes" });
    else if (saved === address) localStorage.removeItem(`draft:${whose}`);
  }
  if (saved) document.cookie = FORGET;
};

const announce = (form) => {
  const said = Object.assign(document.createElement("div"), { className: "row wrap f13" });
  said.setAttribute("role", "status");
  const discard = Object.assign(document.createElement("button"), { type: "button", className: "btn quiet", textContent: "Discard it" });
  discard.addEventListener("click", () => {
    localStorage.removeItem(key(form));
    form.reset();
    const version = form.elements.namedItem("version");
    if (version) version.value = version.dataset.now;
    said.remove();
  });
  said.append(Object.assign(document.createElement("span"), { textContent: "What you typed here and did not save is back in the form." }), discard);
  form.prepend(said);
};

const restore = (form) => {
  if (form.dataset.restored) return;
  form.dataset.restored = "yes";
  try {
    const values = JSON.parse(localStorage.getItem(key(form)) || "{}");
    const differ = fields(form).filter((field) => values[field.name] && field.value !== values[field.name]);
    const isOver = differ.some((field) => field.value);
    // The server's own answer to a form that it refused is newer than what was kept.
    if (isOver && form.querySelector("[aria-invalid]")) return;
    for (const field of differ) field.value = values[field.name];
    const version = form.elements.namedItem("version");
    if (!isOver) return;
    if (version && values.version) [version.dataset.now, version.value] = [version.value, values.version];
    announce(form);
  } catch {
    localStorage.removeItem(key(form));
  }
};

const restoreAll = () => drafted().forEach(restore);

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
  if (form.hasAttribute("hx-post")) return;
  document.cookie = FORGET;
  sessionStorage.setItem(SENT + name(form), decodeURIComponent(new URL(form.getAttribute("action"), location.href).pathname));
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const form = event.detail.requestConfig?.elt?.closest?.("form[data-draft]");
  // The composer is empty from the moment its line is on its way; what stands there now is the next one.
  if (!form || form.dataset.composer || event.detail.requestConfig.verb !== "post" || event.detail.xhr.status >= 400) return;
  localStorage.removeItem(key(form));
  if (form.isConnected) fields(form).forEach((field) => (field.value = field.defaultValue));
});
document.addEventListener("htmx:afterSettle", restoreAll);
settle();
restoreAll();
