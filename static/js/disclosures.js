// What a person opened stays open when its part of the page is drawn anew.
let open = [];

const ids = (part) => [...part.querySelectorAll("details[open][id]")].map((one) => one.id);

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  open = ids(detail.target);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  open = [];
});
