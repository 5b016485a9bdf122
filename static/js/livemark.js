// The badge that says whether the page is told of changes, or asks, or does neither because nobody answers.
let lost = false;
export const mark = (on) => {
  for (const element of document.querySelectorAll("[data-live-mark]")) {
    element.classList.toggle("ok", on);
    element.classList.toggle("off", !on && !lost);
    element.classList.toggle("fail", !on && lost);
    element.querySelector("span").textContent = on ? "live" : lost ? "no connection" : "every 15 s";
  }
};
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  lost = !detail.xhr?.status;
  if (lost) mark(false);
});
addEventListener("offline", () => {
  lost = true;
  mark(false);
});
