// <select data-group-of="id">: of its groups only the one that the other select's choice stands in is offered.
const group = (select) => select.selectedOptions[0]?.closest("optgroup")?.label;
const narrow = (select) => {
  const chosen = group(document.getElementById(select.dataset.groupOf));
  for (const part of select.querySelectorAll("optgroup")) part.hidden = part.disabled = Boolean(chosen) && part.label !== chosen;
  if (select.selectedOptions[0]?.closest("optgroup")?.disabled) select.value = "";
};
const all = () => document.querySelectorAll("select[data-group-of]").forEach(narrow);
document.addEventListener("change", all);
document.addEventListener("htmx:afterSettle", all);
all();
