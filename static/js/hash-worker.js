// A module worker that takes the SHA-256 of a file piece by piece: {file} in, {done} in bytes while it goes on,
// {sha256} at the end, {failed} when the file cannot be read.

import { sha256 } from "../vendor/js-sha256/sha256.min.js";

// The browser's own is several times faster, but wants the whole file in memory.
const WHOLE_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 4 * 1024 * 1024;

self.addEventListener("message", async ({ data: { file } }) => {
  try {
    self.postMessage({ sha256: await digest(file) });
  } catch (error) {
    self.postMessage({ failed: String(error) });
  }
});

async function digest(file) {
  if (file.size <= WHOLE_BYTES && self.crypto?.subtle) {
    const bytes = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const hash = sha256.create();
  for (let start = 0; start < file.size; start += PIECE_BYTES) {
    hash.update(await file.slice(start, start + PIECE_BYTES).arrayBuffer());
    self.postMessage({ done: Math.min(start + PIECE_BYTES, file.size) });
  }
  return hash.hex();
}
