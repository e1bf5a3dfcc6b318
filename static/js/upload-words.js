// Words and figures that the rows of uploads share.

export function sentenceRow(sentence) {
  return Object.assign(document.createElement("p"), { className: "upload-sentence", textContent: sentence });
}

export function sentenceOf(error) {
  const response = error.originalResponse;
  if (!response) return "The file could not be sent. Check that it is still there, then bring it again.";
  try {
    return JSON.parse(response.getBody()).error.message;
  } catch {
    return `The server refused it (${response.getStatus()}).`;
  }
}

export function mebibytes(bytes) {
  const value = bytes / 1048576;
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
