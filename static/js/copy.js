// <copy-button for="id"><button>Copy</button></copy-button> copies the text of the element, or the value of an
// input; with text="…" that text. <copy-answer src="url"> copies what the address gives, {html, text}: with its
// looks where the other program keeps them. Both say so in the button for two seconds, and aloud where they hold a
// role="status". Without leave to use the clipboard the text is shown, chosen, to be copied by hand.

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.label = this.button.textContent;
    this.button.addEventListener("click", () => this.copy());
  }

  async copy() {
    const source = document.getElementById(this.getAttribute("for"));
    const text = this.getAttribute("text") ?? (source?.value ?? source?.textContent ?? "").trim();
    try {
      await navigator.clipboard.writeText(text);
      this.say("Copied");
    } catch {
      offer(text);
    }
  }

  say(words) {
    this.button.textContent = words;
    const status = this.querySelector("[role=status]");
    if (status) status.textContent = words;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.button.textContent = this.label;
      if (status) status.textContent = "";
    }, 2000);
  }
}

class CopyAnswer extends CopyButton {
  async copy() {
    const copied = fetch(this.getAttribute("src")).then((response) =>
      response.ok ? response.json() : Promise.reject(new Error(response.statusText)),
    );
    // Browsers lend the clipboard for the click alone, so the item promises what is still on its way.
    const part = async (type, key) => new Blob([(await copied)[key]], { type });
    try {
      await navigator.clipboard.write([
        new ClipboardItem({ "text/html": part("text/html", "html"), "text/plain": part("text/plain", "text") }),
      ]);
      this.say("Copied");
    } catch {
      copied.then(({ text }) => offer(text)).catch(() => this.say("Not copied"));
    }
  }
}

function offer(text) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog copy-dialog";
  dialog.setAttribute("aria-label", "Copy by hand");
  const help = document.createElement("p");
  help.textContent = "This browser does not let the page copy. Press Ctrl+C or ⌘C.";
  const area = document.createElement("textarea");
  area.readOnly = true;
  area.rows = 12;
  area.value = text;
  area.setAttribute("aria-label", "Text to copy");
  const close = document.createElement("button");
  close.className = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(help, area, close);
  document.body.append(dialog);
  dialog.showModal();
  area.focus();
  area.select();
}

customElements.define("copy-button", CopyButton);
customElements.define("copy-answer", CopyAnswer);
