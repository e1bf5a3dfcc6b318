// What becomes of a folder that was dropped or chosen: one archive of everything in it, or, where it holds nothing but
// documents, each of them by itself.

import { sortOut } from "./folder.js";
import { mebibytes, sentenceRow } from "./upload-words.js";

// walk: gives every file of the folder, and tells how many there are so far.
export async function bringFolder(zone, name, walk) {
  const looking = new FolderRow(zone.newRow(), name);
  try {
    const files = await walk((count) => looking.show(count));
    if (!files.length) {
      looking.refuse("There is no file in this folder, or nothing but .git. Nothing was brought.");
      return;
    }
    const { archive, documents, heaviest } = sortOut(files, name, {
      documents: zone.dataset.documents.split(","),
      pictures: zone.dataset.pictures.split(","),
    });
    looking.row.remove();
    if (!archive) {
      zone.add(documents);
      return;
    }
    zone.add([archive], remedyFor(heaviest));
    if (documents.length) offerDocuments(zone, name, documents);
  } catch {
    looking.refuse("The folder could not be read. Check that it is still there, then bring it again.");
  }
}

class FolderRow {
  constructor(row, name) {
    this.row = row;
    Object.assign(row.querySelector(".upload-name"), { textContent: name, title: name });
    this.state = row.querySelector(".upload-state");
    this.close = row.querySelector(".upload-close");
    this.close.hidden = true;
    this.close.setAttribute("aria-label", `Dismiss ${name}`);
    this.close.addEventListener("click", () => row.remove());
    row.querySelector(".upload-progress").remove();
    this.show(0);
  }

  show(count) {
    this.state.textContent = count ? `looking through, ${count.toLocaleString("en")} files` : "looking through";
  }

  refuse(sentence) {
    this.row.classList.add("refused");
    this.state.remove();
    this.close.hidden = false;
    this.row.append(sentenceRow(sentence));
  }
}

// What a repository's reader skips can be brought as documents, if somebody wants that.
function offerDocuments(zone, name, documents) {
  const row = zone.newRow(document.getElementById("upload-offer"));
  const [{ name: first }] = documents;
  const counted = documents.length === 1 ? `a document (${first})` : `${documents.length.toLocaleString("en")} documents (${first} …)`;
  row.querySelector(".upload-sentence").textContent = `${name} holds ${counted}, read only when brought singly.`;
  row.querySelector(".upload-bring").addEventListener("click", () => {
    row.remove();
    zone.add(documents);
  });
  row.querySelector(".upload-close").addEventListener("click", () => row.remove());
}

function remedyFor({ name, size }) {
  const less = name ? `${name}/ alone holds ${mebibytes(size)} MiB: bring the folder without it` : "Bring less of it";
  return `${less}, add it from a git address, or ask the operator to raise the limit.`;
}
