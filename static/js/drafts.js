// Keeps what is typed into <form data-draft="name"> in this browser until the server has it, for the person who typed it.
const name = (form) => `${document.body.dataset.person}:${form.dataset.draft}`;
const key = (form) => `draft:${name(form)}`;
const SENT = "sent:";
const FORGET = "saved=; path=/; max-age=0; samesite=lax";
const taken = () => decodeURIComponent(document.cookie.match(/(?:^|; )saved=([^;]*)/)?.[1] ?? "");
const drafted = () => [...document.querySelectorAll("form[data-draft]")];
const fields = (form) => [...form.elements].filter((field) => field.name && field.matches("textarea, input[type=text], input:not([type])"));
const drop = (form) => {
  localStorage.removeItem(key(form));
  form.querySelector(".restored")?.remove();
};
const keep = (form) => {
  const values = Object.fromEntries(fields(form).filter((field) => field.value).map((field) => [field.name, field.value]));
  // A text that replaces another one is sent as written over the one that stood there then.
  const based = form.elements.namedItem("version")?.value;
  if (Object.keys(values).length) localStorage.setItem(key(form), JSON.stringify({ ...values, ...(based && { version: based }) }));
  else if (!form.dataset.merge) drop(form); // the page of both sides sends what it has no box for as it came
};

// A form was sent from this tab, and the page of both sides goes on with its text. Only the server's own word, a cookie
// that names the form's address (opsportal/core/htmx.py), says that it has it: a sign-in, an error, a form that complains
// and a connection that broke leave the text where it is.
const settle = (marks) => {
  const saved = taken();
  const merge = document.querySelector("form[data-merge]");
  for (const mark of marks) {
    const address = sessionStorage.getItem(mark);
    sessionStorage.removeItem(mark);
    const whose = mark.slice(SENT.length);
    if (merge) Object.assign(merge.dataset, { draft: whose.slice(whose.indexOf(":") + 1), restored: "yes" });
    else if (saved === address) localStorage.removeItem(`draft:${whose}`);
  }
  if (saved) document.cookie = FORGET;
};

const announce = (form) => {
  const said = Object.assign(document.createElement("div"), { className: "restored row wrap f13" });
  said.setAttribute("role", "status");
  const discard = Object.assign(document.createElement("button"), { type: "button", className: "btn quiet", textContent: "Discard it" });
  discard.addEventListener("click", () => {
    drop(form);
    form.reset();
    const version = form.elements.namedItem("version");
    if (version?.dataset.now) version.value = version.dataset.now;
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
    const isOver = differ.some((field) => field.value); // a text that stands in the form
    // The server's own answer to a form that it refused is newer than what was kept.
    if (isOver && form.querySelector("[aria-invalid]")) return;
    if (!differ.length) return;
    for (const field of differ) field.value = values[field.name];
    const version = form.elements.namedItem("version");
    if (isOver && version && values.version) [version.dataset.now, version.value] = [version.value, values.version];
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
document.addEventListener("submit", ({ target: form, defaultPrevented }) => {
  if (!form.dataset.draft) return;
  clearTimeout(form.draftTimer);
  keep(form);
  if (form.dataset.composer && defaultPrevented) return; // its lines are kept until they are sent (static/js/unsent.js)
  document.cookie = FORGET;
  sessionStorage.setItem(SENT + name(form), decodeURIComponent(new URL(form.getAttribute("action"), location.href).pathname));
});
// Of an answer that sends the browser on, htmx tells nobody but by this; behind another answer the page stays.
document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig: { elt, verb } } }) => {
  const mark = elt.dataset.draft && verb === "post" && SENT + name(elt);
  if (mark && sessionStorage.getItem(mark) !== null) settle([mark]);
});
document.addEventListener("htmx:afterSettle", restoreAll);
settle(Object.keys(sessionStorage).filter((one) => one.startsWith(SENT)));
restoreAll();
