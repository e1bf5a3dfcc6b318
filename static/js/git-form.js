// The dialog for a git address: an address pasted anywhere on the page opens it filled in, and it closes once the
// repository is among the documents.

const ADDRESS = /^https:\/\/[^\s/]+\/\S+$/;

document.addEventListener("paste", (event) => {
  const opener = document.getElementById("git-open");
  const text = event.clipboardData.getData("text/plain").trim();
  if (!opener || event.target.closest?.("input, textarea, dialog[open]") || !ADDRESS.test(text)) return;
  event.preventDefault();
  const address = `${opener.href}?url=${encodeURIComponent(text)}`;
  htmx.ajax("GET", address, { target: "#git-form", swap: "outerHTML" });
  document.getElementById("git-dialog").showModal();
});

document.addEventListener("git-added", () => document.getElementById("git-dialog")?.close());
