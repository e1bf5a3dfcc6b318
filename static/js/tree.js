// Ticks in the token tree of a repository. A folder of which only part is ticked shows so; what a tick means for the
// folders above and below it is seen at once, and the server's word replaces it a moment later.
//
// Decisions are {path: is it asked about}: the nearest one on the way up decides, as in apps/library/path_ticks.py.

const isBelow = (path, folder) => path !== folder && path.startsWith(folder) && (!folder || folder.endsWith("/"));

function upwards(path) {
  const found = [path];
  while (path) {
    path = path.slice(0, path.replace(/\/$/, "").lastIndexOf("/") + 1);
    found.push(path);
  }
  return found;
}

function isTicked(decisions, path) {
  const decided = upwards(path).find((one) => one in decisions);
  return decided === undefined || decisions[decided];
}

function stateOf(decisions, path) {
  if (Object.keys(decisions).some((one) => isBelow(one, path))) return "mixed";
  return isTicked(decisions, path) ? "on" : "off";
}

function withPath(decisions, path, ticked) {
  const kept = Object.fromEntries(Object.entries(decisions).filter(([one]) => one !== path && !isBelow(one, path)));
  return isTicked(kept, path) === ticked ? kept : { ...kept, [path]: ticked };
}

// A box that is half ticked counts as unticked, so that a click on it ticks all.
function show(box, state) {
  box.checked = state === "on";
  box.indeterminate = state === "mixed";
}

function apply(row) {
  const ticks = row.querySelector(".tree-ticks");
  if (!ticks) return;
  const decisions = JSON.parse(ticks.dataset.decisions);
  const whole = stateOf(decisions, "");
  show(row.querySelector(".document-tick input[type=checkbox]"), whole);
  row.classList.toggle("unticked", whole === "off");
  row.classList.toggle("partly", whole === "mixed");
  for (const box of row.querySelectorAll(".tree-tick")) {
    const state = stateOf(decisions, box.dataset.path);
    show(box, state);
    box.closest(".tree-entry").classList.toggle("unticked", state === "off");
  }
}

document.addEventListener("change", ({ target }) => {
  const box = target.closest?.(".tree-tick, .document-tick input[type=checkbox]");
  const ticks = box?.closest(".document")?.querySelector(".tree-ticks");
  if (!ticks) return;
  const decisions = withPath(JSON.parse(ticks.dataset.decisions), box.dataset.path ?? "", box.checked);
  ticks.dataset.decisions = JSON.stringify(decisions);
  apply(box.closest(".document"));
});

const applyAll = () => document.querySelectorAll(".document:has(.tree-ticks)").forEach(apply);

document.addEventListener("htmx:afterSettle", applyAll);
document.addEventListener("htmx:oobAfterSwap", applyAll);
applyAll();
