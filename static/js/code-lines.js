// Lines of a file: a click on a number marks its line, with Shift the lines up to it, and “copy link” then names them.
// In a window of its own the address names them, too: #L42, #L42-L50.

const HASH = /^#L(\d+)(?:-L(\d+))?$/;

const viewer = () => document.querySelector("#viewer[data-permalink]");
const isAlone = () => Boolean(document.querySelector(".workbench.alone"));
const numberOf = (number) => document.getElementById(`L${number}`);
const lineOf = (number) => numberOf(number)?.parentElement;

let chosen = null;

function anchorOf([first, last]) {
  return first === last ? `#L${first}` : `#L${first}-L${last}`;
}

function choose(range) {
  chosen = range;
  for (const line of document.querySelectorAll(".chosen-line")) line.classList.remove("chosen-line");
  for (let number = range[0]; number <= range[1]; number += 1) lineOf(number)?.classList.add("chosen-line");
  link();
}

// Without a choice the link leads to the lines that are cited.
function link() {
  const pane = viewer();
  const button = pane?.querySelector("[data-copy-link]");
  if (!button) return;
  const cited = [...pane.querySelectorAll(".cited-line")].map((line) => Number(line.firstElementChild.id.slice(1)));
  const range = chosen ?? (cited.length ? [cited[0], cited[cited.length - 1]] : null);
  const url = new URL(pane.dataset.permalink, location.href);
  if (range) {
    url.searchParams.set("lines", range[0] === range[1] ? range[0] : range.join("-"));
    url.hash = anchorOf(range);
  }
  button.setAttribute("text", url.href);
}

function settle() {
  chosen = null;
  if (!viewer()) return;
  const named = isAlone() ? HASH.exec(location.hash) : null;
  if (named) {
    const numbers = [Number(named[1]), Number(named[2] ?? named[1])].sort((one, other) => one - other);
    choose(numbers);
    numberOf(numbers[0])?.scrollIntoView({ block: "start" });
  }
  link();
}

document.addEventListener("click", (event) => {
  const number = event.target.closest?.(".code-number");
  if (!number || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const line = Number(number.id.slice(1));
  const range = event.shiftKey && chosen ? [Math.min(chosen[0], line), Math.max(chosen[1], line)] : [line, line];
  choose(range);
  if (isAlone()) history.replaceState(history.state, "", anchorOf(range));
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id === "viewer") settle();
});
addEventListener("hashchange", settle);

settle();
