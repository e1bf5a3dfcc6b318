// In a narrow window one pane shows at a time; which one is an attribute that the server sets and the tabs change.

export function showPane(name) {
  const bench = document.getElementById("workbench");
  if (!bench) return;
  bench.dataset.pane = name;
  for (const link of document.querySelectorAll("[data-pane-link]")) {
    if (link.dataset.paneLink === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-pane-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  showPane(link.dataset.paneLink);
});

// What was asked for should be seen: an opened page, or the turn that was just asked.
document.addEventListener("htmx:afterSwap", (event) => {
  const swapped = event.detail.target;
  if (swapped?.id === "viewer") showPane("viewer");
  if (swapped?.id === "conversation") {
    showPane("conversation");
    scrollToLatest();
  }
});

export function scrollToLatest() {
  const turns = document.querySelectorAll("#thread .turn");
  turns[turns.length - 1]?.scrollIntoView({ block: "start" });
}

if (document.querySelectorAll("#thread .turn").length > 1 && !location.hash) scrollToLatest();
