// The question box: Ctrl+Enter asks, a suggestion fills the box. The live plan line is htmx's.

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = event.target.closest?.("form.composer");
  const button = form?.querySelector("#ask-button");
  if (!form) return;
  event.preventDefault();
  // Also while the last plan could not be met: what it was about may be there by now, and else the server says why not.
  if (button && !button.disabled) form.requestSubmit(button);
});

document.addEventListener("click", (event) => {
  const suggestion = event.target.closest?.("[data-suggest]");
  const choice = event.target.closest?.("[data-choose-model]");
  if (suggestion) {
    const box = document.getElementById("question-text");
    if (!box) return;
    event.preventDefault();
    box.value = suggestion.dataset.suggest;
    box.focus();
    box.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (choice) {
    const select = document.getElementById("question-model");
    if (!select) return;
    event.preventDefault();
    if (![...select.options].some((option) => option.value === choice.dataset.chooseModel)) {
      select.add(new Option(choice.dataset.name, choice.dataset.chooseModel));
    }
    select.value = choice.dataset.chooseModel;
    select.dispatchEvent(new Event("change", { bubbles: true }));
    select.focus();
  }
});

// While a question is on its way, or once it was refused, a plan for the same words must not take the place of what
// the server says about it.
let asked = null;

const wording = (form) => JSON.stringify([form.elements.text?.value, form.elements.model?.value]);

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  const form = elt.closest?.("form.composer");
  if (elt === form && form) {
    asked = wording(form);
    htmx.trigger(form.querySelector(".composer-bar"), "htmx:abort");
  } else if (form && elt.matches(".composer-bar") && requestConfig.triggeringEvent?.type === "input") {
    if (wording(form) === asked) event.preventDefault();
  }
});

// What asks for a plan may have given way meanwhile, to Stop for example: then its answer concerns nobody.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { requestConfig } = event.detail;
  const asker = requestConfig.elt;
  if (asker.matches(".composer-bar") && !asker.isConnected) event.detail.shouldSwap = false;
});

// A request that is refused says so in words where they are looked for, not only in the console.
function say(event, sentence) {
  const plan = event.target.closest?.("form.composer")?.querySelector("#plan");
  if (!plan) return;
  const words = document.createElement("p");
  words.className = "plan-refusal";
  words.textContent = sentence;
  plan.replaceChildren(words);
}

document.addEventListener("htmx:sendError", (event) => {
  say(event, "The server cannot be reached. Your question is still here.");
});
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  say(event, status === 403 || status === 404
    ? "This can no longer be asked here. Reload the page; copy your question first."
    : "Something went wrong on the server. Your question is still here; ask again in a moment.");
});
