// Citations: a click opens the page with the words boxed, Alt+Up and Alt+Down step through them, hover and focus
// show the quote. Without this module a citation is a link to the same page.

import { showPane } from "./show-pane.js";

const MOST_QUOTES = 3;
const SHOW_AFTER_MS = 120;
const HIDE_AFTER_MS = 200;

const chips = () => [...document.querySelectorAll("#thread .answer-blocks a.cite")];

let current = null;

function openCitation(link) {
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

// Steps begin at the citation that is open, else at the one that has the focus, else at an end.
function step(direction) {
  const all = chips();
  if (!all.length) return;
  const at = all.indexOf(current?.isConnected ? current : document.activeElement);
  const next = all[at < 0 ? (direction > 0 ? 0 : all.length - 1) : (at + direction + all.length) % all.length];
  next.scrollIntoView({ block: "nearest" });
  openCitation(next);
  return next;
}

// The reader returns to where the page was opened from.
function returnToAnswer() {
  const from = current;
  if (!from?.isConnected) return;
  showPane("conversation");
  from.scrollIntoView({ block: "nearest" });
  from.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || !document.getElementById("thread")) return;
  const link = event.target.closest?.("a.cite, a.evidence-open");
  if (link) {
    event.preventDefault();
    openCitation(link);
    return;
  }
  const stepper = event.target.closest?.("[data-cite-step]");
  if (stepper) step(Number(stepper.dataset.citeStep));
  if (event.target.closest?.("[data-back-to-answer]")) {
    event.preventDefault();
    showPane("conversation");
    returnToAnswer();
  }
});

document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const next = step(event.key === "ArrowDown" ? 1 : -1);
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  hideCard();
});

document.addEventListener("viewer:closed", () => {
  if (document.getElementById("workbench")?.dataset.pane === "conversation") returnToAnswer();
  setCurrent(null);
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "viewer") return;
  const place = document.querySelector("#viewer [data-cite-at]");
  if (!place) return;
  const all = chips();
  const at = all.indexOf(current);
  if (at >= 0) place.textContent = `citation ${at + 1} of ${all.length}`;
});

// The quote card --------------------------------------------------------------------------------------------

let card = null;
let owner = null;
let timer = 0;

// “3:12” and “3:12-14” as document, first and last page.
function pagesOf(words = "") {
  const [ordinal, range = ""] = words.split(":");
  const [first, last = first] = range.split("-").map(Number);
  return [ordinal, first, last];
}

// The lines of the evidence fold that belong to a citation's pages.
function quotesOf(link) {
  const [ordinal, first, last] = pagesOf(link.dataset.cite);
  return [...(link.closest(".turn")?.querySelectorAll(".evidence-item[data-page]") ?? [])].filter((item) => {
    const [itemOrdinal, itemFirst, itemLast] = pagesOf(item.dataset.page);
    return itemOrdinal === ordinal && itemLast >= first && itemFirst <= last;
  });
}

function line(words, className) {
  const element = document.createElement("p");
  element.className = className;
  element.textContent = words;
  return element;
}

function showCard(link) {
  hideCard();
  owner = link;
  card = document.createElement("div");
  card.className = "cite-card";
  card.id = "cite-card";
  card.setAttribute("role", "tooltip");
  // The card stands for the plain tooltip: “document, page: verdict”.
  link.dataset.title ||= link.title;
  link.removeAttribute("title");
  const items = quotesOf(link);
  card.append(line(items.length ? link.dataset.title.replace(/: [^:]*$/, "") : link.dataset.title, "cite-card-source"));
  for (const item of items.slice(0, MOST_QUOTES)) {
    for (const part of item.querySelectorAll(".evidence-quote, .verdict, .words-hidden, .differences")) {
      card.append(part.cloneNode(true));
    }
  }
  if (!items.length) card.append(line("The answer names this page without quoting from it.", "soft"));
  if (items.length > MOST_QUOTES) card.append(line(`and ${items.length - MOST_QUOTES} more`, "faint"));
  document.getElementById("main").append(card);
  link.setAttribute("aria-describedby", "cite-card");
  place(card, link.getClientRects()[0]);
}

// Below the citation where there is room, else above it.
function place(element, at) {
  const { offsetWidth: width, offsetHeight: height } = element;
  const top = at.bottom + 4 + height < innerHeight ? at.bottom + 4 : Math.max(8, at.top - height - 4);
  element.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  element.style.top = `${top}px`;
}

function hideCard() {
  clearTimeout(timer);
  card?.remove();
  card = null;
  document.querySelector("a.cite[aria-describedby=cite-card]")?.removeAttribute("aria-describedby");
}

document.addEventListener("pointerover", (event) => {
  const link = event.target.closest?.("a.cite");
  // A finger that opens a citation does not rest on it.
  if (link && event.pointerType !== "touch") {
    clearTimeout(timer);
    timer = setTimeout(() => showCard(link), SHOW_AFTER_MS);
  } else if (event.target.closest?.(".cite-card")) {
    clearTimeout(timer);
  } else if (card || timer) {
    clearTimeout(timer);
    timer = setTimeout(hideCard, HIDE_AFTER_MS);
  }
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("a.cite:focus-visible")) showCard(event.target);
  else hideCard();
});
// The card goes with its citation, as long as that is in sight.
document.addEventListener(
  "scroll",
  () => {
    if (!card) return;
    const at = owner.getClientRects()[0];
    const frame = document.getElementById("thread")?.getBoundingClientRect();
    if (at && frame && at.bottom > frame.top && at.top < frame.bottom) place(card, at);
    else hideCard();
  },
  { capture: true, passive: true },
);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !card) return;
  hideCard();
  event.stopImmediatePropagation();
});
