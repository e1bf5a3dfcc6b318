// A tick moves the meter at once; the server's own meter replaces it a moment later.

const UNITS = 1000;

function words(count) {
  if (count < 1000) return String(count);
  if (count < 999500) return `${count < 10000 ? (count / 1000).toFixed(1) : Math.round(count / 1000)} k`;
  return `${(count / 1e6).toFixed(2)} M`;
}

document.addEventListener("change", (event) => {
  const box = event.target.closest?.(".document-tick input[type=checkbox]");
  if (!box) return;
  box.closest(".document").classList.toggle("unticked", !box.checked);
  const meter = document.getElementById("meter");
  const shown = document.querySelectorAll(".document-tick input[type=checkbox]");
  // A list that is not shown whole cannot be added up here.
  if (!meter || document.querySelector(".documents-more")) return;
  let selected = 0;
  for (const one of shown) {
    if (one.indeterminate) selected += Number(one.closest(".document").querySelector(".size-part").dataset.tokens);
    else if (one.checked) selected += Number(one.dataset.tokens);
  }
  meter.querySelector("[data-meter-selected]").textContent = words(selected);
  const width = Math.round((UNITS * selected) / Number(meter.dataset.scale));
  meter.querySelector(".meter-fill").setAttribute("width", selected ? Math.max(width, 4) : 0);
});
