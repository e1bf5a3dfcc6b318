// Shows one of the three panes in a narrow window; in a wide one all are there and nothing is seen of it.

export function showPane(name) {
  const bench = document.getElementById("workbench");
  if (!bench) return;
  // Where a closed page leads back to.
  if (name === "viewer" && bench.dataset.pane !== "viewer") bench.dataset.paneBefore = bench.dataset.pane;
  bench.dataset.pane = name;
  for (const link of document.querySelectorAll("[data-pane-link]")) {
    if (link.dataset.paneLink === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
