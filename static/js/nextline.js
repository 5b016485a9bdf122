// The next line may be finished while one is on its way: Enter takes it out of the field, so that what is typed on is a line
// of its own, and it goes as soon as the answer is here. Should the page go first, it is kept like any line on its way.
import { hold } from "./lost.js";
import { drop, fill, forms, lines } from "./unsent.js";

const entered = []; // keys of lines, in their order
const onItsWay = (form) => lines(form).some((line) => line.sending && !entered.includes(line.key));
const send = () => {
  const form = forms()[0];
  if (!form || !entered.length || onItsWay(form)) return;
  const key = entered.shift();
  const line = lines(form).find((one) => one.key === key);
  if (!line) return send();
  const typed = form.elements.text.value;
  drop(form, key);
  fill(form, line.text);
  form.requestSubmit();
  if (typed) fill(form, typed);
};

document.addEventListener("keydown", (event) => {
  const { form } = event.target;
  if (event.key !== "Enter" || event.isComposing || !form?.matches("form[data-composer]") || !onItsWay(form)) return;
  event.preventDefault();
  if (form.elements.text.value.trim()) entered.push(hold(form).key);
});
document.addEventListener("htmx:afterRequest", () => setTimeout(send));
