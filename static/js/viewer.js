// The viewer: zoom without a round trip, the quoted words scrolled into sight, keys while it has the focus (+ − 0
// zoom, ← → turn pages where nothing scrolls sideways), Esc closes.

import { showPane } from "./show-pane.js";

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

function zoomBy(direction) {
  const at = ZOOMS.indexOf(Number(viewer().dataset.zoom));
  setZoom(ZOOMS[Math.max(0, Math.min(ZOOMS.length - 1, at + direction))]);
}

function settle() {
  const pane = viewer();
  if (!pane?.dataset.zoom) return;
  const kept = Number(sessionStorage.getItem(KEY));
  if (ZOOMS.includes(kept)) setZoom(kept);
  const scroll = pane.querySelector(".viewer-scroll");
  const quoted = pane.querySelector(".quote-box, .page-text mark, .code-text mark, .cited-line");
  if (quoted && scroll) {
    const at = quoted.getBoundingClientRect();
    const frame = scroll.getBoundingClientRect();
    scroll.scrollTop += at.top - frame.top - frame.height / 3;
    if (at.right > frame.right) scroll.scrollLeft += at.left - frame.left - 24;
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
  const pane = viewer();
  if (!closed || !pane) return;
  showPane(pane.closest("[data-pane-before]")?.dataset.paneBefore ?? "conversation");
  pane.replaceWith(closed.content.cloneNode(true));
  document.dispatchEvent(new CustomEvent("viewer:closed"));
}

document.addEventListener("click", (event) => {
  const zoom = event.target.closest?.("[data-zoom-step], [data-zoom-to]");
  if (zoom) {
    event.preventDefault();
    if (zoom.dataset.zoomTo) setZoom(Number(zoom.dataset.zoomTo));
    else zoomBy(Number(zoom.dataset.zoomStep));
  } else if (event.target.closest?.("[data-close-viewer]")) {
    close();
  }
});

const ZOOM_KEYS = {
  "+": () => zoomBy(1),
  "=": () => zoomBy(1),
  "-": () => zoomBy(-1),
  0: () => setZoom(100),
};
const TURN_KEYS = { ArrowLeft: "-1", ArrowRight: "1" };

document.addEventListener("keydown", (event) => {
  const scroll = event.target.closest?.("#viewer-scroll");
  if (!scroll || event.altKey || event.ctrlKey || event.metaKey) return;
  if (ZOOM_KEYS[event.key] && viewer().querySelector("[data-zoom-shown]")) {
    event.preventDefault();
    ZOOM_KEYS[event.key]();
  } else if (TURN_KEYS[event.key] && scroll.scrollWidth <= scroll.clientWidth) {
    viewer().querySelector(`[data-page-step="${TURN_KEYS[event.key]}"]`)?.click();
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

// What had the focus may be gone with the page before; then the page has it, and keys go on working.
let hadFocus = false;
document.addEventListener("htmx:beforeSwap", (event) => {
  hadFocus = event.detail.target?.id === "viewer" && event.detail.target.contains(document.activeElement);
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "viewer") return;
  settle();
  if (hadFocus && !viewer().contains(document.activeElement)) viewer().querySelector(".viewer-scroll")?.focus();
});

settle();
