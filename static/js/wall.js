// The wallboard says itself when it is no longer fed: a frozen screen must not look calm.
const STALE = 75_000; // three refreshes and a little

let fed = performance.now();
const board = () => document.getElementById("wall-board");
let since = board()?.dataset.wallAt ?? "";

document.addEventListener("htmx:afterSwap", () => {
  fed = performance.now();
  since = board()?.dataset.wallAt ?? since;
});

const show = () => {
  const stale = performance.now() - fed > STALE;
  const note = document.querySelector("[data-wall-stale]");
  note.hidden = !stale;
  note.querySelector("[data-wall-since]").textContent = since;
  document.body.classList.toggle("fed-no", stale);
};

setInterval(show, 2500);
