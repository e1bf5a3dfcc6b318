// What is done to a document where it stands: a password that was sent does not stay on the screen, and the
// focus stays in the row or in the viewer although they are drawn anew.

let row = "";

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  if (!event.detail.successful || !form.closest?.(".trouble")) return;
  form.reset?.();
  row = form.closest(".document")?.id ?? "";
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (document.activeElement !== document.body) return;
  if (row && document.getElementById(row)) {
    document.getElementById(row).querySelector(".document-name").focus();
    row = "";
  } else if (event.detail.elt?.id === "viewer") {
    event.detail.elt.focus();
  }
});
