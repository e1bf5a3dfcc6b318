// Menus are <details class="menu">: they open without this module; it closes them as people expect.

const open = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu[open]") ?? open()[0];
  if (!menu) return;
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && menu.contains(event.target)) {
    const items = [...menu.querySelectorAll(".menu-list :is(a, button, input)")].filter(
      (item) => item.checkVisibility(),
    );
    if (!items.length) return;
    const step = event.key === "ArrowDown" ? 1 : -1;
    const from = items.indexOf(document.activeElement);
    const next = from < 0 ? (step > 0 ? 0 : items.length - 1) : (from + step + items.length) % items.length;
    items[next].focus();
    event.preventDefault();
  }
});
