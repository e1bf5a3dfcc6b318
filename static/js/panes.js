// In a narrow window one pane shows at a time; which one is an attribute that the server sets and the tabs change.

import { showPane } from "./show-pane.js";

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-pane-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  showPane(link.dataset.paneLink);
});

// What was asked for should be seen: an opened page, or the turn that was just asked.
document.addEventListener("htmx:afterSwap", (event) => {
  const swapped = event.detail.target;
  // What refreshes by itself pulls nobody away from another pane.
  if (swapped?.id === "viewer" && event.detail.requestConfig?.triggeringEvent) showPane("viewer");
  if (swapped?.id === "conversation") {
    showPane("conversation");
    scrollToLatest();
  }
});

// A session that has ended answers with the sign-in page: that belongs into the window, not into a pane.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!new URL(event.detail.xhr.responseURL, location.href).pathname.startsWith("/accounts/login")) return;
  event.detail.shouldSwap = false;
  location.reload();
});

function scrollToLatest() {
  const turns = document.querySelectorAll("#thread .turn");
  turns[turns.length - 1]?.scrollIntoView({ block: "start" });
}

if (document.querySelectorAll("#thread .turn").length > 1 && !location.hash) scrollToLatest();
