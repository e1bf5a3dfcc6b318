// A password that was sent does not stay on the screen, whatever comes of it.

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  if (event.detail.successful && form.matches?.(".password-form")) form.reset();
});
