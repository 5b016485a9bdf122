// Copies the text beside its button; without script the text can be selected.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.dataset.copy || button.parentElement.querySelector("pre, code, output").textContent;
  const before = button.lastChild.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.lastChild.textContent = "Copied";
  } catch {
    button.lastChild.textContent = "Select it by hand";
  }
  setTimeout(() => (button.lastChild.textContent = before), 2000);
});
