// Files are dropped or pasted into the composer.
import { toast } from "./toasts.js";
import { newKey, refresh, refusal } from "./unsent.js";

const upload = async (form, file) => {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  body.set("client_key", newKey());
  body.set("file", file, file.name || "pasted");
  try {
    const answer = await fetch(form.dataset.composer, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (answer.ok) toast(`Attached ${file.name || "the file"}.`);
    else toast((answer.status === 413 ? "" : refusal(await answer.text())) || `${file.name || "The file"} was not taken.`, "fail");
  } catch {
    toast(`${file.name || "The file"} was not sent: the portal did not answer.`, "fail");
  }
  refresh();
};
const target = (event) => event.target.closest?.("form[data-composer]");
document.addEventListener("dragover", (event) => target(event) && event.dataTransfer.types.includes("Files") && event.preventDefault());
document.addEventListener("drop", (event) => {
  const form = target(event);
  if (!form || !event.dataTransfer.files.length) return;
  event.preventDefault();
  for (const file of event.dataTransfer.files) upload(form, file);
});
document.addEventListener("paste", (event) => {
  const form = target(event);
  if (!form || !event.clipboardData?.files.length) return;
  event.preventDefault();
  for (const file of event.clipboardData.files) upload(form, file);
});
