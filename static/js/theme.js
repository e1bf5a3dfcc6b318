// The theme changes at once and is saved behind it; without this module the same form reloads the page.

document.documentElement.dataset.script = "on";

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-theme-form]");
  const chosen = event.submitter?.value;
  if (!form || !chosen) return;
  event.preventDefault();
  document.documentElement.dataset.theme = chosen;
  for (const button of document.querySelectorAll("form[data-theme-form] button")) {
    button.setAttribute("aria-pressed", String(button.value === chosen));
  }
  const body = new FormData(form);
  body.set("theme", chosen);
  await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
});
