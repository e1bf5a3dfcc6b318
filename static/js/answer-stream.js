// <answer-stream data-src data-url>: follows a running answer. A connection that cannot be resumed begins with a
// snapshot, so whatever arrives is put in its place, never appended blindly. Once the answer has ended the
// server's own rendering of the turn replaces all of it. Hidden tabs let go of their connection: browsers allow
// six of them. Nothing here scrolls: the question stands on top, and the reader sets the pace.

import { setTrustedHtml } from "./trusted-html.js";

const LONGEST_WAIT_MS = 15000;
const ENDS = { done: "The answer is finished.", stopped: "The answer is stopped." };

class AnswerStream extends HTMLElement {
  connectedCallback() {
    this.sentence = this.querySelector("[data-status]");
    this.progress = this.querySelector("[data-progress]");
    this.fold = this.querySelector("details.evidence");
    this.list = this.querySelector(".evidence-list");
    this.count = this.querySelector("[data-evidence-count]");
    this.blocks = this.querySelector(".answer-blocks");
    this.tries = 0;
    this.onVisibility = () => (document.hidden ? this.close() : this.open());
    document.addEventListener("visibilitychange", this.onVisibility);
    if (!document.hidden) this.open();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.close();
  }

  open() {
    if (this.source || this.hasEnded) return;
    const source = new EventSource(this.dataset.src);
    this.source = source;
    const on = (name, handle) =>
      source.addEventListener(name, (event) => {
        this.tries = 0;
        handle.call(this, JSON.parse(event.data));
      });
    on("status", this.showStatus);
    on("evidence", this.showEvidence);
    on("block", this.showBlock);
    on("snapshot", this.showSnapshot);
    on("end", this.finish);
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      this.close();
      this.tries += 1;
      if (this.tries > 8) this.finish();
      else this.timer = setTimeout(() => this.open(), Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.tries));
    };
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  showStatus({ stage, sentence, done, total }) {
    this.dataset.stage = stage;
    if (this.sentence.textContent !== sentence) this.sentence.textContent = sentence;
    this.progress.hidden = !total;
    if (total) {
      this.progress.max = total;
      this.progress.value = done;
    }
  }

  showEvidence({ position, html }) {
    this.fold.hidden = false;
    const holder = document.createElement("ul");
    setTrustedHtml(holder, html);
    const item = holder.firstElementChild;
    if (!item) return;
    item.dataset.position = position;
    const known = this.list.querySelector(`:scope > [data-position="${Number(position)}"]`);
    if (known) known.replaceWith(item);
    else this.list.append(item);
    this.countEvidence();
  }

  countEvidence() {
    const number = this.list.children.length;
    this.fold.hidden = number === 0;
    this.count.textContent = number === 1 ? "1 quote" : `${number} quotes`;
  }

  showBlock({ index, html }) {
    this.foldEvidence();
    setTrustedHtml(this.blockAt(index), html);
  }

  blockAt(index) {
    while (this.blocks.children.length <= index) {
      const block = document.createElement("div");
      block.className = "block";
      this.blocks.append(block);
    }
    return this.blocks.children[index];
  }

  foldEvidence() {
    if (this.hasFolded) return;
    this.hasFolded = true;
    this.fold.open = false;
  }

  showSnapshot({ blocks, evidence }) {
    this.list.replaceChildren();
    this.blocks.replaceChildren();
    evidence.forEach((html, index) => this.showEvidence({ position: index, html }));
    this.countEvidence();
    blocks.forEach((html, index) => this.showBlock({ index, html }));
  }

  // The turn is about to be replaced, and its own words with it: the end is told from a place that stays.
  finish(end) {
    this.hasEnded = true;
    this.close();
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = ENDS[end?.status] ?? end?.sentence ?? "";
    const turn = this.closest(".turn");
    htmx.ajax("GET", this.dataset.url, { target: turn, swap: "outerHTML", source: turn });
  }
}

customElements.define("answer-stream", AnswerStream);
