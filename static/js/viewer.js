// The viewer: zoom without a round trip, the quoted words scrolled into sight, Esc closes, focus returns.

const ZOOMS = [50, 75, 100, 125, 150, 200, 300];
const KEY = "viewer-zoom";

const viewer = () => document.getElementById("viewer");

function setZoom(zoom) {
  const pane = viewer();
  if (!pane?.dataset.zoom) return;
  pane.dataset.zoom = zoom;
  const shown = pane.querySelector("[data-zoom-shown]");
  if (shown) shown.textContent = `${zoom} %`;
  for (const link of pane.querySelectorAll("[data-zoom-step]")) {
    const edge = link.dataset.zoomStep === "1" ? ZOOMS[ZOOMS.length - 1] : ZOOMS[0];
    link.setAttribute("aria-disabled", String(zoom === edge));
  }
  sessionStorage.setItem(KEY, zoom);
}

function step(direction) {
  const at = ZOOMS.indexOf(Number(viewer().dataset.zoom));
  setZoom(ZOOMS[Math.max(0, Math.min(ZOOMS.length - 1, at + direction))]);
}

function settle() {
  const pane = viewer();
  if (!pane?.dataset.zoom) return;
  const kept = Number(sessionStorage.getItem(KEY));
  if (ZOOMS.includes(kept)) setZoom(kept);
  const scroll = pane.querySelector(".viewer-scroll");
  const box = pane.querySelector(".quote-box");
  if (box && scroll) {
    const at = box.getBoundingClientRect();
    const frame = scroll.getBoundingClientRect();
    scroll.scrollTop += at.top - frame.top - frame.height / 3;
    scroll.scrollLeft += at.left - frame.left - 24;
  }
  const picture = pane.querySelector(".sheet-picture");
  const fail = () => {
    pane.querySelector(".sheet")?.classList.add("no-picture");
    const said = pane.querySelector(".picture-failed");
    if (said) said.hidden = false;
  };
  picture?.addEventListener("error", fail);
  if (picture?.complete && !picture.naturalWidth) fail();
}

function close() {
  const closed = document.getElementById("viewer-closed");
  if (!closed || !viewer()) return;
  viewer().replaceWith(closed.content.cloneNode(true));
  document.dispatchEvent(new CustomEvent("viewer:closed"));
}

document.addEventListener("click", (event) => {
  const zoom = event.target.closest?.("[data-zoom-step]");
  if (zoom) {
    event.preventDefault();
    step(Number(zoom.dataset.zoomStep));
  } else if (event.target.closest?.("[data-close-viewer]")) {
    close();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || !viewer()?.dataset.opened) return;
  if (event.target.matches?.("input, textarea, select") && !viewer().contains(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  close();
});

// A deleted document's page must not stay on the screen.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt.matches?.("[data-closes-viewer]")) close();
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id === "viewer") settle();
});

settle();
