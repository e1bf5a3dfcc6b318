// A folder as a plain tar (ustar, with pax headers for names that do not fit), made of parts: a browser reads a
// file's bytes only when they are sent. The same files give the same bytes: sorted, without times and owners.

const BLOCK = 512;
const MOST_BYTES = 8 ** 11 - 1;
const encoder = new TextEncoder();

// entries: [{path, file}], paths with "/" and without one at the front. Gives a File called `name`.
export function pack(entries, name) {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
  const parts = sorted.flatMap(({ path, file }) => [
    ...heads(encoder.encode(path), file.size),
    file,
    new Uint8Array(padding(file.size)),
  ]);
  // Two empty blocks end an archive.
  return new File([...parts, new Uint8Array(2 * BLOCK)], name, { type: "application/x-tar" });
}

function heads(path, size) {
  if (size > MOST_BYTES) throw new RangeError("A file of 8 GiB or more does not fit into a tar of this kind.");
  const isPlain = path.every((byte) => byte > 31 && byte < 127);
  const split = isPlain ? splitOf(path) : null;
  if (split !== null) return [head(path.subarray(split && split + 1), path.subarray(0, split), size, "0")];
  const record = paxRecord(path);
  return [
    head(encoder.encode("path"), [], record.length, "x"),
    record,
    new Uint8Array(padding(record.length)),
    head(encoder.encode("file"), [], size, "0"),
  ];
}

// Where a path is parted into prefix and name: 0 when it fits whole, null when there is no such place.
function splitOf(path) {
  if (path.length <= 100) return 0;
  for (let at = Math.min(155, path.length - 2); at >= path.length - 101 && at > 0; at -= 1) {
    if (path[at] === 47) return at;
  }
  return null;
}

// "<length> path=<path>\n", where the length counts its own digits.
function paxRecord(path) {
  const rest = encoder.encode(" path=").length + path.length + 1;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length += 1;
  const record = new Uint8Array(length);
  record.set(encoder.encode(`${length} path=`));
  record.set(path, length - path.length - 1);
  record[length - 1] = 10;
  return record;
}

function head(name, prefix, size, kind) {
  const bytes = new Uint8Array(BLOCK);
  const put = (text, at) => bytes.set(encoder.encode(text), at);
  bytes.set(name, 0);
  put("0000644\0" + "0000000\0" + "0000000\0", 100);
  put(`${size.toString(8).padStart(11, "0")}\0`, 124);
  put("00000000000\0", 136);
  put(`        ${kind}`, 148);
  put("ustar\x0000", 257);
  bytes.set(prefix, 345);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

function padding(size) {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
