// Folders as a browser gives them, dropped or chosen: walked without reading a byte, and what becomes of each.

import { pack } from "./tar.js";

// What desktops leave in every folder.
const DESKTOP_FILES = new Set([".DS_Store", "Thumbs.db", "desktop.ini"]);

// Must be called while the drop is handled: afterwards the entries are gone.
export function entriesOf(dataTransfer) {
  return [...dataTransfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
}

// Every file below a directory entry, as {path, file} with the folder's own name in front; .git is left out.
export async function filesBelow(directory, progress) {
  const found = [];
  const waiting = [{ directory, path: directory.name }];
  while (waiting.length) {
    const { directory, path } = waiting.pop();
    for (const entry of await childrenOf(directory)) {
      const below = `${path}/${entry.name}`;
      if (entry.name === ".git") continue;
      if (entry.isDirectory) waiting.push({ directory: entry, path: below });
      else found.push({ path: below, file: await asFile(entry) });
    }
    progress(found.length);
  }
  return found;
}

// The same of <input webkitdirectory>, which has walked already.
export function filesChosen(files) {
  return [...files]
    .map((file) => ({ path: file.webkitRelativePath, file }))
    .filter(({ path }) => !path.split("/").includes(".git"));
}

export function asFile(entry) {
  return entry instanceof File ? entry : new Promise((resolve, reject) => entry.file(resolve, reject));
}

// {archive}: one repository, with the documents in it that can be brought besides; {documents} alone: a folder of
// nothing else, whose files are brought one by one. kinds: {documents, pictures}, lists of suffixes.
export function sortOut(files, name, kinds) {
  const own = files.filter(({ file }) => !DESKTOP_FILES.has(file.name));
  const documents = own.filter(({ file }) => endsIn(file.name, kinds.documents)).map(({ file }) => file);
  const others = own.filter(({ file }) => !endsIn(file.name, [...kinds.documents, ...kinds.pictures]));
  if (!others.length) return { documents: own.map(({ file }) => file) };
  return { archive: pack(files, `${name}.tar`), documents, heaviest: heaviestOf(own) };
}

function endsIn(name, suffixes) {
  return suffixes.some((suffix) => name.toLowerCase().endsWith(suffix));
}

// The folder right below the top that holds most: what to leave out where all is too much.
function heaviestOf(files) {
  const sizes = new Map();
  for (const { path, file } of files) {
    const [, below, ...rest] = path.split("/");
    if (rest.length) sizes.set(below, (sizes.get(below) ?? 0) + file.size);
  }
  const [name, size] = [...sizes].reduce((most, one) => (one[1] > most[1] ? one : most), ["", 0]);
  return { name, size };
}

// A directory gives its entries in handfuls, and none at the end.
async function childrenOf(directory) {
  const reader = directory.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...some);
  }
}
