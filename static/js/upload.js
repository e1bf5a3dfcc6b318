// <upload-zone> around the upload form: files dropped anywhere on the page or chosen go up two at a time, each with
// its own row. A file is hashed first (the server may know it already) and then sent in pieces, which go on by
// themselves after a broken line, and after a reload once the file is chosen again. A folder goes up as one archive.
// Without this module the form just posts.

import { asFile, entriesOf, filesBelow, filesChosen } from "./folder.js";
import { bringFolder } from "./upload-folder.js";
import { duration, mebibytes, sentenceOf, sentenceRow } from "./upload-words.js";

const AT_ONCE = 2;
// So much is lost at most where a proxy keeps a request back until it is whole.
const PIECE_BYTES = 16 * 1024 * 1024;
// For half a day: a line may be away overnight.
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10000, 20000, ...Array(1500).fill(30000)];
const WORTH_RETRYING = new Set([0, 408, 409, 423, 429]);

class UploadZone extends HTMLElement {
  connectedCallback() {
    this.waiting = [];
    this.running = new Set();
    this.list = document.getElementById("uploads");
    this.template = document.getElementById("upload-row");
    this.status = document.getElementById("uploads-status");
    this.input = this.querySelector("input[type=file]");
    this.folderInput = this.querySelector("input[webkitdirectory]");
    this.token = this.querySelector("[name=csrfmiddlewaretoken]").value;
    this.input.addEventListener("change", () => {
      this.add([...this.input.files]);
      this.input.value = "";
    });
    this.folderInput.addEventListener("change", () => {
      const files = filesChosen(this.folderInput.files);
      const [name] = (this.folderInput.files[0]?.webkitRelativePath ?? "The folder").split("/");
      this.folderInput.value = "";
      bringFolder(this, name, async () => files);
    });
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    this.takeDrops(options);
    addEventListener("online", () => this.running.forEach((job) => job.isWaiting && job.goOn()), options);
    addEventListener("beforeunload", (event) => this.running.size && event.preventDefault(), options);
  }

  disconnectedCallback() {
    this.listeners.abort();
    [...this.waiting, ...this.running].forEach((job) => job.stop());
  }

  takeDrops(options) {
    const veil = document.querySelector(".drop-veil");
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    let depth = 0;
    document.addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth += 1;
      veil.hidden = false;
    }, options);
    document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault(), options);
    document.addEventListener("dragleave", (event) => {
      if (!hasFiles(event)) return;
      depth -= 1;
      if (depth <= 0) veil.hidden = true;
    }, options);
    document.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      veil.hidden = true;
      this.addDropped(entriesOf(event.dataTransfer));
    }, options);
  }

  async addDropped(entries) {
    const [folders, files] = [entries.filter((one) => one.isDirectory), entries.filter((one) => !one.isDirectory)];
    for (const folder of folders) bringFolder(this, folder.name, (progress) => filesBelow(folder, progress));
    this.add(await Promise.all(files.map(asFile)));
  }

  // remedy: what helps when it is too large.
  add(files, remedy) {
    for (const file of files) this.waiting.push(new UploadJob(this, file, this.newRow(), remedy));
    this.next();
  }

  newRow(template = this.template) {
    const row = template.content.firstElementChild.cloneNode(true);
    this.list.append(row);
    return row;
  }

  next() {
    while (this.running.size < AT_ONCE && this.waiting.length) {
      const job = this.waiting.shift();
      this.running.add(job);
      job.run();
    }
  }

  // A job that is paused makes room for the next one.
  leave(job) {
    this.waiting = this.waiting.filter((one) => one !== job);
    this.running.delete(job);
    this.next();
  }

  // What the server keeps of this file from another time: its address, and its row goes.
  takeUnfinished(file, sha256) {
    for (const row of document.querySelectorAll("[data-upload-url]")) {
      const { uploadUrl, size, sha256: announced, name } = row.dataset;
      if (Number(size) !== file.size) continue;
      if (announced ? announced !== sha256 : name !== file.name) continue;
      row.remove();
      return uploadUrl;
    }
    return null;
  }

  async library() {
    // Loaded with the first file: most visits bring none.
    if (!window.tus) await import(this.dataset.tus);
    return window.tus;
  }

  say(sentence) {
    this.status.textContent = sentence;
  }

  refresh() {
    // A hundred small files end within seconds; the list is fetched once for those that end together.
    clearTimeout(this.refreshing);
    this.refreshing = setTimeout(() => htmx.trigger(document.body, "documents-changed"), 150);
  }
}

// One file on its way, and its row.
class UploadJob {
  constructor(zone, file, row, remedy = "Split it, or ask the operator to raise the limit.") {
    this.zone = zone;
    this.file = file;
    this.row = row;
    this.remedy = remedy;
    this.state = row.querySelector(".upload-state");
    this.bar = row.querySelector(".upload-progress");
    this.pause = row.querySelector(".upload-pause");
    this.close = row.querySelector(".upload-close");
    Object.assign(row.querySelector(".upload-name"), { textContent: file.name, title: file.name });
    this.bar.setAttribute("aria-label", `Upload of ${file.name}`);
    this.pause.setAttribute("aria-label", `Pause ${file.name}`);
    this.pause.addEventListener("click", () => (this.isPaused ? this.resume() : this.hold()));
    this.close.setAttribute("aria-label", `Cancel ${file.name}`);
    this.close.addEventListener("click", () => this.cancel());
    this.state.textContent = "waiting";
  }

  async run() {
    const { size } = this.file;
    const limit = Number(this.zone.dataset.maxBytes);
    if (size > limit) {
      this.refuse(`It has ${mebibytes(size)} MiB; up to ${mebibytes(limit)} MiB are taken. ${this.remedy}`);
      return;
    }
    try {
      if (this.sha256 === undefined) this.sha256 = await this.hash();
      if (this.isOver || this.isPaused) return;
      this.upload ??= await this.prepare();
      if (this.isOver || this.isPaused) return;
      this.speed = null;
      this.pause.hidden = false;
      this.upload.start();
    } catch {
      if (!this.isOver) this.refuse("The file could not be read. Check that it is still there, then bring it again.");
    }
  }

  // Hexadecimal, or empty where it cannot be had; rejects when the file itself cannot be read.
  hash() {
    return new Promise((resolve, reject) => {
      this.worker = new Worker(this.zone.dataset.hashWorker, { type: "module" });
      const end = (settle, value) => {
        this.worker?.terminate();
        this.worker = null;
        settle(value);
      };
      this.worker.addEventListener("error", () => end(resolve, ""));
      this.worker.addEventListener("message", ({ data }) => {
        if (data.sha256) end(resolve, data.sha256);
        else if (data.failed) end(reject, new Error(data.failed));
        else this.show(data.done, "checking");
      });
      this.state.textContent = "checking";
      this.worker.postMessage({ file: this.file });
    });
  }

  async prepare() {
    const tus = await this.zone.library();
    const metadata = { filename: this.file.name };
    if (this.sha256) metadata.sha256 = this.sha256;
    return new tus.Upload(this.file, {
      endpoint: this.zone.dataset.endpoint,
      uploadUrl: this.zone.takeUnfinished(this.file, this.sha256),
      metadata,
      headers: { "X-CSRFToken": this.zone.token, Accept: "application/json" },
      chunkSize: PIECE_BYTES,
      retryDelays: RETRY_DELAYS,
      // The server knows what is unfinished; it is found by its content, in any browser.
      storeFingerprintForResuming: false,
      onAfterResponse: (request, response) => this.hear(request, response),
      onShouldRetry: (error) => this.isWorthRetrying(error),
      onProgress: (sent) => this.progress(sent),
      onError: (error) => this.refuse(sentenceOf(error)),
      onSuccess: () => this.finish(),
    });
  }

  hear(request, response) {
    this.isWaiting = false;
    if (request.getMethod() !== "POST" || response.getStatus() !== 201) return;
    if (JSON.parse(response.getBody()).document_id) {
      this.upload.abort();
      this.finish("It is here already, so nothing was sent.");
    }
  }

  isWorthRetrying(error) {
    const status = error.originalResponse?.getStatus() ?? 0;
    if (!WORTH_RETRYING.has(status) && status < 500) return false;
    // A full disk says so with 507, and will not be emptied by asking again.
    if (status === 507) return false;
    this.isWaiting = true;
    this.speed = null;
    const cause = navigator.onLine ? "the line broke, trying again" : "no connection, waiting for it";
    // Too many at once is not the line's fault, and its sentence says what helps.
    this.state.textContent = status === 429 ? sentenceOf(error) : cause;
    return true;
  }

  progress(sent) {
    if (this.isOver || this.isPaused) return;
    this.show(sent, sent < this.file.size ? `${mebibytes(sent)} of ${mebibytes(this.file.size)} MiB${this.timeLeft(sent)}` : "making a document of it");
  }

  show(done, words) {
    this.bar.value = this.file.size ? (100 * done) / this.file.size : 100;
    this.state.textContent = words === "checking" ? `checking ${Math.floor(this.bar.value)} %` : words;
  }

  // By the speed of the last seconds, smoothed; nothing before it can be known.
  timeLeft(sent) {
    const now = performance.now();
    this.speed ??= { at: now, sent, perSecond: 0 };
    const seconds = (now - this.speed.at) / 1000;
    if (seconds >= 1) {
      const latest = (sent - this.speed.sent) / seconds;
      const smooth = this.speed.perSecond ? 0.7 * this.speed.perSecond + 0.3 * latest : latest;
      this.speed = { at: now, sent, perSecond: smooth };
    }
    if (!this.speed.perSecond) return "";
    return `, ${duration((this.file.size - sent) / this.speed.perSecond)} left`;
  }

  hold() {
    this.isPaused = true;
    this.upload?.abort();
    this.pause.textContent = "Resume";
    this.pause.setAttribute("aria-label", `Resume ${this.file.name}`);
    this.state.textContent = "paused";
    this.zone.leave(this);
  }

  resume() {
    this.isPaused = false;
    this.pause.textContent = "Pause";
    this.pause.setAttribute("aria-label", `Pause ${this.file.name}`);
    this.state.textContent = "waiting";
    this.zone.waiting.unshift(this);
    this.zone.next();
  }

  // At once instead of at the next try.
  goOn() {
    this.upload.abort();
    this.upload.start();
  }

  stop() {
    this.isOver = true;
    this.worker?.terminate();
    this.upload?.abort();
  }

  cancel() {
    if (!this.isOver) {
      this.stop();
      // What arrived is forgotten there too; should that fail, it goes within a day.
      if (this.upload?.url) this.upload.abort(true).catch(() => {});
      this.zone.leave(this);
    }
    this.row.remove();
  }

  finish(sentence = "") {
    this.isOver = true;
    this.zone.leave(this);
    this.zone.refresh();
    this.zone.say(`${this.file.name}: ${sentence || "uploaded."}`);
    if (sentence) {
      this.end(sentence, "known");
      setTimeout(() => this.row.remove(), 6000);
    } else {
      this.row.remove();
    }
  }

  refuse(sentence) {
    this.isOver = true;
    this.zone.leave(this);
    this.zone.say(`${this.file.name}: ${sentence}`);
    this.end(sentence, "refused");
  }

  end(sentence, kind) {
    this.row.classList.add(kind);
    this.bar.remove();
    this.state.remove();
    this.pause.remove();
    this.row.append(sentenceRow(sentence));
    this.close.setAttribute("aria-label", `Dismiss ${this.file.name}`);
  }
}

customElements.define("upload-zone", UploadZone);
