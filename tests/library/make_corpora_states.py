"""Writes corpora_states.toml anew: what every PDF of the corpora must come to, by pikepdf alone.

Run with `python -m tests.library.make_corpora_states`. The library that reads documents has no say in this.
What pikepdf cannot open is settled by hand below, each with its reason.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pikepdf

from tests.library.ingestion.odd_pdfs import every_case

TABLE = Path(__file__).parent / "corpora_states.toml"
CORPORA = Path(__file__).parents[3] / "shared" / "corpora"

PASSWORDS = {
    # From the folder's name and from the test suite that the other file belongs to.
    "sample-files/005-libreoffice-writer-password/libreoffice-writer-password.pdf": "openpassword",
    "pdfplumber/pdfs/password-example.pdf": "test",
}
BY_HAND: dict[str, dict[str, object]] = {
    "pdfplumber/pdfs/empty.pdf": {
        "state": "refused", "code": "empty_file", "pages": 0, "why": "The file has no bytes.",
    },
    "sample-files/017-unreadable-meta-data/unreadablemetadata.pdf": {
        "state": "ready", "code": "", "pages": 4, "missing": 1,
        "why": "pikepdf: root of pages tree has no /Kids array. files.json and the file's first object state 4 pages; "
        "the objects 79 to 174 are zeros, and one of the four pages with them.",
    },
}  # fmt: skip


def expected(path: Path, name: str) -> dict[str, object]:
    """The row of one file. missing: pages that exist in name only. why: where pikepdf has no say."""
    if name in BY_HAND:
        return {"missing": 0, "encrypted": False, "password": "", **BY_HAND[name]}
    password = PASSWORDS.get(name, "")
    with pikepdf.open(path, password=password) as document:
        return {
            "state": "needs_password" if password else "ready",
            "code": "needs_password" if password else "",
            "pages": len(document.pages),
            "missing": 0,
            "encrypted": document.is_encrypted,
            "password": password,
            "why": "",
        }


MADE: dict[str, dict[str, object]] = {
    "a scan with a Bates stamp": {"state": "ready", "page_states": ["no_text"]},
    "words and scans in one file": {"state": "ready", "page_states": ["read", "no_text", "read"]},
    "a text layer of gibberish": {"state": "ready", "page_states": ["no_text", "read"]},
    "sticky notes": {"state": "ready", "page_states": ["read"]},
    "a filled form": {"state": "ready", "page_states": ["read"]},
    "forms that never end": {"state": "failed", "code": "no_readable_page", "page_states": ["unreadable"]},
    # No library takes such sides: the page is empty.
    "a picture past all limits: deflated, sides past 32 bits": {"state": "ready", "page_states": ["read"]},
}
"""Files made by code (ingestion/odd_pdfs.py); other pictures past all limits are scans that cannot be drawn."""


def made(name: str, content: bytes) -> dict[str, object]:
    with pikepdf.open(io.BytesIO(content)) as document:
        pages = len(document.pages)
    row = MADE.get(name, {"state": "ready", "page_states": ["no_text"]})
    return {"code": "", "pages": pages, **row}


def main() -> None:
    lines = [
        "# Made by make_corpora_states.py with pikepdf; one table a file. `why`: what settled it instead."
    ]
    for path in sorted(CORPORA.rglob("*.pdf")):
        name = path.relative_to(CORPORA).as_posix()
        lines += ["", "[[file]]", f"path = {json.dumps(name, ensure_ascii=False)}"]
        lines += [
            f"{key} = {json.dumps(value, ensure_ascii=False)}"
            for key, value in expected(path, name).items()
            if value or key in {"state", "pages"}
        ]
    for name, content in every_case().items():
        lines += ["", "[[made]]", f"name = {json.dumps(name)}"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in made(name, content).items() if value]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{TABLE.name}: {sum(line == '[[file]]' for line in lines)} files\n")


if __name__ == "__main__":
    main()
