// <upload-zone> around the upload form: files dropped anywhere on the page or chosen go up three at a time, each
// with its own row, progress and, if refused, the server's sentence. Without this module the form just posts.

const AT_ONCE = 3;

class UploadZone extends HTMLElement {
  connectedCallback() {
    this.waiting = [];
    this.running = 0;
    this.list = document.getElementById("uploads");
    this.template = document.getElementById("upload-row");
    this.veil = document.querySelector(".drop-veil");
    this.input = this.querySelector("input[type=file]");
    this.token = this.querySelector("[name=csrfmiddlewaretoken]").value;
    this.input.addEventListener("change", () => {
      this.add([...this.input.files]);
      this.input.value = "";
    });
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    let depth = 0;
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth += 1;
      this.veil.hidden = false;
    }, options);
    document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault(), options);
    document.addEventListener("dragleave", (event) => {
      if (!hasFiles(event)) return;
      depth -= 1;
      if (depth <= 0) this.veil.hidden = true;
    }, options);
    document.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      this.veil.hidden = true;
      this.add([...event.dataTransfer.files]);
    }, options);
    addEventListener("beforeunload", (event) => this.running && event.preventDefault(), options);
  }

  disconnectedCallback() {
    this.listeners.abort();
  }

  add(files) {
    for (const file of files) {
      const row = this.template.content.firstElementChild.cloneNode(true);
      row.querySelector(".upload-name").textContent = file.name;
      row.querySelector(".upload-state").textContent = "waiting";
      const close = row.querySelector(".upload-close");
      close.setAttribute("aria-label", `Cancel ${file.name}`);
      close.addEventListener("click", () => this.cancel(row));
      this.list.append(row);
      this.waiting.push({ file, row });
    }
    this.next();
  }

  cancel(row) {
    this.waiting = this.waiting.filter((one) => one.row !== row);
    row.request?.abort();
    row.remove();
  }

  next() {
    while (this.running < AT_ONCE && this.waiting.length) this.send(this.waiting.shift());
  }

  send({ file, row }) {
    const limit = Number(this.dataset.maxBytes);
    if (file.size > limit) {
      this.refuse(row, `It has ${mebibytes(file.size)} MiB; up to ${mebibytes(limit)} MiB are taken. Split it, or ask the operator to raise the limit.`);
      return;
    }
    const state = row.querySelector(".upload-state");
    const bar = row.querySelector(".upload-progress");
    const request = new XMLHttpRequest();
    row.request = request;
    this.running += 1;
    request.open("POST", this.dataset.url);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", this.token);
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = (100 * event.loaded) / event.total;
      state.textContent = event.loaded < event.total ? `${Math.floor(bar.value)} %` : "checking";
    });
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) this.finish(row, request.response);
      else this.refuse(row, request.response?.error?.message ?? `The server refused it (${request.status}).`);
    });
    request.addEventListener("error", () => {
      this.refuse(row, "The connection broke. Check it, then bring the file again.");
    });
    request.addEventListener("loadend", () => {
      this.running -= 1;
      this.next();
    });
    const body = new FormData();
    body.append("file", file);
    request.send(body);
  }

  finish(row, answer) {
    if (answer?.documents?.every((one) => one.is_known)) {
      this.close(row, "It is in this corpus already.", "known");
      setTimeout(() => row.remove(), 6000);
    } else {
      row.remove();
    }
    // A hundred small files end within seconds; the list is fetched once for those that end together.
    clearTimeout(this.refresh);
    this.refresh = setTimeout(() => htmx.trigger(document.body, "documents-changed"), 150);
  }

  refuse(row, sentence) {
    this.close(row, sentence, "refused");
  }

  close(row, sentence, kind) {
    row.classList.add(kind);
    row.querySelector(".upload-progress").remove();
    row.querySelector(".upload-state").remove();
    const words = document.createElement("p");
    words.className = "upload-sentence";
    words.textContent = sentence;
    row.append(words);
    row.querySelector(".upload-close").setAttribute("aria-label", "Dismiss");
  }
}

function mebibytes(bytes) {
  return (bytes / 1048576).toFixed(bytes < 10485760 ? 1 : 0);
}

customElements.define("upload-zone", UploadZone);
