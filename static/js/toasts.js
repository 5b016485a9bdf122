// Short messages in the one live region; what htmx could not do is said here, with what was kept.
const region = document.getElementById("toasts");
const STAY = 6000;

export const toast = (text, kind = "ok", link = null) => {
  const element = document.createElement("div");
  element.className = "toast";
  element.dataset.toast = kind;
  element.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (link) element.append(link);
  region.append(element);
  expire(element);
};

const expire = (element) => {
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
  close.addEventListener("click", () => element.remove());
  element.append(close);
  // Errors stay until they are read.
  if (element.dataset.toast !== "fail") setTimeout(() => element.remove(), STAY);
};

const WORDS = {
  403: "Not allowed. Nothing was changed.",
  404: "It is no longer there, or not yours to see.",
  413: "Too large. Nothing was changed; what you typed is kept.",
  429: "Too many tries. Wait a minute.",
  503: "The database is away. What you typed is kept; try again in a moment.",
};

const signedOut = () => {
  if (region.querySelector("[data-signed-out]")) return;
  const next = encodeURIComponent(location.pathname + location.search);
  const link = Object.assign(document.createElement("a"), { href: `/accounts/login/?next=${next}`, textContent: "Sign in" });
  link.dataset.signedOut = "";
  toast("You are signed out. What you typed is kept.", "fail", link);
};

document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 401) return signedOut();
  if (xhr.getResponseHeader("X-Toast")) return; // said below, in the server's words
  if (!event.target.closest("[data-live]") || xhr.status !== 503) {
    toast(WORDS[xhr.status] || `The portal answered ${xhr.status}. What you typed is kept.`, "fail");
  }
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    // A live part tries again by itself; what completes a field is not missed.
    if (!event.target.matches("[data-live], datalist")) toast("The portal did not answer. What you typed is kept.", "fail");
  });
}
document.addEventListener("htmx:afterRequest", (event) => {
  const sent = event.detail.xhr?.getResponseHeader("X-Toast");
  if (!sent) return;
  // Header values are ASCII: the server wrote other signs as character references.
  toast(new DOMParser().parseFromString(sent.replaceAll("<", "&lt;"), "text/html").body.textContent, event.detail.xhr.status >= 400 ? "fail" : "ok");
});
document.addEventListener("htmx:oobAfterSwap", () => {
  for (const element of region.querySelectorAll("[data-toast]:not(:has(button))")) expire(element);
});
