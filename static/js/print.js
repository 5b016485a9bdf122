// The print button of reports; without script the browser's own menu does the same, so it starts hidden.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
