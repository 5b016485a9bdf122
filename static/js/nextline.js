// The next line may be finished while one is on its way: Enter is remembered, and it goes as soon as the answer is here.
import { lines } from "./unsent.js";

const onItsWay = (form) => lines(form).some((line) => line.sending);
let entered = "";
const send = () => {
  const form = document.getElementById(entered);
  if (!form || onItsWay(form)) return;
  entered = "";
  if (form.elements.text.value) form.requestSubmit();
};

document.addEventListener("keydown", (event) => {
  const { form } = event.target;
  if (event.key !== "Enter" || !form?.matches("form[data-composer]") || !onItsWay(form)) return;
  event.preventDefault();
  entered = form.id;
});
document.addEventListener("htmx:afterSettle", send);
// Without an answer nothing settles.
document.addEventListener("htmx:afterRequest", ({ detail }) => detail.successful || setTimeout(send));
