// The badge that says whether the page is told of changes, or asks.
export const mark = (on) => {
  for (const element of document.querySelectorAll("[data-live-mark]")) {
    element.classList.toggle("ok", on);
    element.classList.toggle("off", !on);
    element.querySelector("span").textContent = on ? "live" : "every 15 s";
  }
};
