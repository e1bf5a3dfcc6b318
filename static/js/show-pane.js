// Shows one of the three panes in a narrow window; in a wide one all are there and nothing is seen of it.

export function showPane(name) {
  const bench = document.getElementById("workbench");
  if (!bench) return;
  bench.dataset.pane = name;
  for (const link of document.querySelectorAll("[data-pane-link]")) {
    if (link.dataset.paneLink === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
