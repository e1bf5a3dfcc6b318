// <copy-button for="id"><button>Copy</button></copy-button> copies the text of the element, or the value
// of an input, and says so in the button for two seconds.

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.label = this.button.textContent;
    this.button.addEventListener("click", () => this.copy());
  }

  async copy() {
    const source = document.getElementById(this.getAttribute("for"));
    if (!source) return;
    try {
      await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
      this.say("Copied");
    } catch {
      this.say("Press Ctrl+C");
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
    }
  }

  say(words) {
    this.button.textContent = words;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.button.textContent = this.label;
    }, 2000);
  }
}

customElements.define("copy-button", CopyButton);
