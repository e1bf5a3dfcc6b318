"""The job that reads files of a repository: bytes in, pages out. Runs inside a parser child only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from apps.common.markers import neutralise
from apps.library.ingestion import jobs
from apps.library.ingestion.instructions import speaks_to_model
from apps.library.ingestion.jobs import job
from apps.library.ingestion.source import secrets
from apps.library.ingestion.source.cutting import Slice, cut, shorten_lines
from apps.library.ingestion.source.decoding import decode, load_codecs
from apps.library.ingestion.source.labels import page_label, page_tokens
from apps.library.ingestion.source.notebooks import notebook_text


def read_file(path: str, data: bytes) -> dict[str, Any]:
    """One file as it is stored.

    {"path", "encoding", "flags", "lines", "pages": [{"label", "text", "tokens", "flags"}], "findings": [{"line",
    "kind", "is_masked"}]}, or {"path", "skipped": reason} for what turns out to be no text. Flags of files: those of
    Decoded (replacements as `replacements:12`), notebook, cut, masked; of pages: blank, instructions. Of the path
    only its suffix and the labels' beginning matter.
    """
    decoded = decode(data)
    if decoded.is_binary:
        return {"path": path, "skipped": "binary"}
    flags = [f"{flag}:{decoded.replacements}" if flag == "replacements" else flag for flag in decoded.flags]
    text = decoded.text
    if PurePosixPath(path).suffix.lower() == ".ipynb" and (rendered := notebook_text(text)) is not None:
        # Its strings may hold what is no text, as any bytes may: controls, halves of characters.
        shown = decode(rendered.encode(errors="replace"))
        if not shown.is_binary:
            text = shown.text
            flags += ["notebook", *("bidi" for flag in shown.flags if flag == "bidi" and flag not in flags)]
    shortened = shorten_lines(text)
    if shortened is not text:
        flags.append("cut")
    masked = secrets.mask(shortened)
    if any(place.is_masked for place in masked.places):
        flags.append("masked")
    slices = cut(neutralise(masked.text))
    return {
        "path": path,
        "encoding": decoded.encoding,
        "flags": flags,
        "lines": slices[-1].last_line if slices else 0,
        "pages": [_page(path, part) for part in slices],
        "findings": [
            {"line": place.line, "kind": place.kind, "is_masked": place.is_masked} for place in masked.places
        ],
    }


def _page(path: str, part: Slice) -> dict[str, Any]:
    label = page_label(path, part.first_line, part.last_line)
    flags = ["blank"] if part.text.isspace() else ["instructions"] if speaks_to_model(part.text) else []
    return {"label": label, "text": part.text, "tokens": page_tokens(label, part.text), "flags": flags}


def prepare() -> None:
    """Load what children share: rules, codecs. Once in the process that forks them."""
    secrets.load(jobs.cache_folder)
    load_codecs()


@job("tree.read", counts_tokens=True, rehearse=prepare)
def read_tree(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The files of args["files"], in their order: [path, offset, size], where their bytes lie in data.

    Yields read_file's value for each, as soon as it has it.
    """
    for path, offset, size in args["files"]:
        yield read_file(path, bytes(data[offset : offset + size]))
