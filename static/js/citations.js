// Citations: a click opens the page with the words boxed, Alt+Up and Alt+Down step through them, hover and focus
// show the quote. Without this module a citation is a link to the same page.

import { showPane } from "./show-pane.js";

const thread = () => document.getElementById("thread");
const chips = () => [...(thread()?.querySelectorAll(".answer-blocks a.cite") ?? [])];

let current = null;

export function openCitation(link) {
  setCurrent(link);
  hideCard();
  showPane("viewer");
  htmx.ajax("GET", link.href, { target: "#viewer", swap: "outerHTML", source: link });
}

function setCurrent(link) {
  current?.removeAttribute("aria-current");
  current = link;
  current?.setAttribute("aria-current", "true");
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.cite, a.evidence-open");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !document.getElementById("viewer")) return;
  event.preventDefault();
  openCitation(link);
});

document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const all = chips();
  if (!all.length) return;
  event.preventDefault();
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = all.indexOf(current?.isConnected ? current : document.activeElement);
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length];
  next.scrollIntoView({ block: "nearest" });
  next.focus({ preventScroll: true });
  openCitation(next);
});

// The reader returns to where the page was opened from.
document.addEventListener("viewer:closed", () => {
  const from = current;
  setCurrent(null);
  if (from?.isConnected) from.focus();
});

// The quote card --------------------------------------------------------------------------------------------

let card = null;
let timer = 0;

function quotesOf(link) {
  const page = link.dataset.cite;
  const turn = link.closest(".turn");
  if (!page || !turn) return [];
  const [ordinal, range] = page.split(":");
  const [first, last = first] = range.split("-").map(Number);
  return [...turn.querySelectorAll(".evidence-item[data-page]")].filter((item) => {
    const [itemOrdinal, number] = item.dataset.page.split(":");
    return itemOrdinal === ordinal && Number(number) >= first && Number(number) <= last;
  });
}

function showCard(link) {
  const items = quotesOf(link);
  if (!items.length) return;
  hideCard();
  card = document.createElement("div");
  card.className = "cite-card";
  card.id = "cite-card";
  card.setAttribute("role", "tooltip");
  for (const item of items.slice(0, 3)) {
    const quote = document.createElement("q");
    quote.dir = "auto";
    quote.textContent = item.querySelector(".evidence-quote")?.textContent ?? "";
    const verdict = document.createElement("p");
    verdict.textContent = item.querySelector(".verdict")?.textContent ?? "";
    card.append(quote, verdict);
  }
  if (items.length > 3) {
    const more = document.createElement("p");
    more.textContent = `and ${items.length - 3} more`;
    card.append(more);
  }
  document.getElementById("main").append(card);
  link.setAttribute("aria-describedby", "cite-card");
  // The card stands for the plain tooltip.
  if (link.title) {
    link.dataset.title = link.title;
    link.removeAttribute("title");
  }
  const box = link.getBoundingClientRect();
  const width = card.offsetWidth;
  const height = card.offsetHeight;
  const left = Math.max(8, Math.min(box.left, innerWidth - width - 8));
  const top = box.bottom + 6 + height < innerHeight ? box.bottom + 6 : Math.max(8, box.top - height - 6);
  card.style.left = `${left}px`;
  card.style.top = `${top}px`;
}

function hideCard() {
  clearTimeout(timer);
  card?.remove();
  card = null;
  for (const link of document.querySelectorAll("a.cite[aria-describedby=cite-card]")) {
    link.removeAttribute("aria-describedby");
  }
}

document.addEventListener("pointerover", (event) => {
  const link = event.target.closest?.("a.cite");
  if (link) {
    clearTimeout(timer);
    timer = setTimeout(() => showCard(link), 120);
  } else if (!event.target.closest?.(".cite-card")) {
    clearTimeout(timer);
    timer = setTimeout(hideCard, 120);
  }
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("a.cite:focus-visible")) showCard(event.target);
  else hideCard();
});
document.addEventListener("scroll", hideCard, { capture: true, passive: true });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && card) {
    hideCard();
    event.stopImmediatePropagation();
  }
});
