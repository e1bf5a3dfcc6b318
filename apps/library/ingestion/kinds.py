"""The kinds of files that are taken: what their names end in, what their first bytes hold, who reads them.

What first bytes cannot tell (which of the zip archives is a book) the reader finds out in its child, and refuses
with the same code. Left out on purpose: WebP, which MuPDF does not open, and spreadsheets (README.md of this package).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from apps.library.ingestion.source.decoding import decode, is_binary

HEAD_BYTES = 2048

REPOSITORY = "repository"
"""Reader of archives, and of what is fetched by git, which is stored as a tar."""

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _holds(pattern: bytes, within_bytes: int = HEAD_BYTES) -> Callable[[bytes], bool]:
    found = re.compile(pattern)
    return lambda head: found.search(head, 0, within_bytes) is not None


def _is_tar(head: bytes) -> bool:
    # The header's checksum is the sum of its bytes, itself taken as spaces. Source: POSIX pax, ustar.
    stated = head[148:156].strip(b" \0")
    return (
        len(head) >= 512
        and re.fullmatch(rb"[0-7]{1,7}", stated) is not None
        and int(stated, 8) == sum(head[:148]) + 8 * ord(" ") + sum(head[156:512])
    )


# How files of other kinds begin, some of which hold no NUL so early.
_OTHERS = (
    b"%PDF-",
    b"PK\3\4",
    b"\x7fELF",
    b"MZ",
    b"{\\rtf",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"\x1f\x8b",
    b"\xd0\xcf\x11\xe0",
)


def _is_text(pattern: str = "") -> Callable[[bytes], bool]:
    """Text, in whatever encoding, in which the pattern is found; its case and a byte order mark do not matter."""
    found = re.compile(pattern, re.IGNORECASE)

    def matches(head: bytes) -> bool:
        if head.startswith(_OTHERS) or is_binary(head):
            return False
        return found.search(decode(head).text) is not None

    return matches


def _is_mobi(head: bytes) -> bool:
    # Type and creator of a Palm database.
    return head[60:68] in (b"BOOKMOBI", b"TEXtREAd")


@dataclass(frozen=True, slots=True)
class Kind:
    """name: Revision.reader, prefix of its jobs. document: Document.Kind.

    formats: as MuPDF names what it opened; empty where it is not asked.
    """

    name: str
    words: str
    extensions: tuple[str, ...]
    content_type: str
    matches: Callable[[bytes], bool]
    formats: tuple[str, ...] = ()
    document: Literal["pdf", "paged", "repository", "text"] = "paged"
    mismatch_code: str = "other_content"


def _text(name: str, words: str, matches: Callable[[bytes], bool], *extensions: str) -> Kind:
    # Downloads are plain text, whatever a browser could make of them.
    return Kind(name, words, extensions, "text/plain", matches, (), "text")


def _archive(content_type: str, matches: Callable[[bytes], bool], *extensions: str) -> Kind:
    return Kind(
        REPOSITORY, "Repository", extensions, content_type, matches, (), "repository", "not_an_archive"
    )  # fmt: skip


KINDS: tuple[Kind, ...] = (
    # Readers in use accept a header anywhere in the first 1024 bytes (ISO 32000-1, annex H, note 13).
    Kind("pdf", "PDF", (".pdf",), "application/pdf", _holds(rb"%PDF-", 1024), ("PDF",), "pdf", "not_a_pdf"),
    Kind("epub", "EPUB", (".epub",), "application/epub+zip", _begins(_ZIP), ("EPUB",)),
    Kind("mobi", "MOBI", (".mobi", ".prc"), "application/x-mobipocket-ebook", _is_mobi, ("MOBI",)),
    Kind("fb2", "FictionBook", (".fb2",), "application/x-fictionbook+xml", _holds(rb"<FictionBook"), ("FictionBook2",)),
    Kind("xps", "XPS", (".xps", ".oxps"), "application/vnd.ms-xpsdocument", _begins(_ZIP), ("XPS",)),
    Kind(
        "docx", "Word", (".docx",),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document", _begins(_ZIP), ("Office document",),
    ),
    Kind(
        "pptx", "PowerPoint", (".pptx",),
        "application/vnd.openxmlformats-officedocument.presentationml.presentation", _begins(_ZIP), ("Office document",),
    ),
    Kind("cbz", "CBZ", (".cbz",), "application/vnd.comicbook+zip", _begins(_ZIP), ("zip", "CBZ")),
    Kind("png", "PNG", (".png",), "image/png", _begins(b"\x89PNG\r\n\x1a\n"), ("Image",)),
    Kind("jpeg", "JPEG", (".jpg", ".jpeg", ".jpe"), "image/jpeg", _begins(b"\xff\xd8\xff"), ("Image",)),
    Kind("tiff", "TIFF", (".tif", ".tiff"), "image/tiff", _begins(b"II*\0", b"MM\0*"), ("TIFF",)),
    Kind("gif", "GIF", (".gif",), "image/gif", _begins(b"GIF87a", b"GIF89a"), ("Image",)),
    Kind("bmp", "BMP", (".bmp",), "image/bmp", _begins(b"BM"), ("BMP", "Image")),
    Kind(
        "jp2", "JPEG 2000", (".jp2", ".jpx", ".j2k"), "image/jp2",
        _begins(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), ("Image",),
    ),
    Kind("pnm", "PNM", (".pbm", ".pgm", ".ppm", ".pnm"), "image/x-portable-anymap", _holds(rb"\AP[1-7]\s"), ("PNM",)),
    # A download under its own type could be opened in a browser and run scripts there.
    Kind("svg", "SVG", (".svg",), "application/octet-stream", _holds(rb"<svg[\s>]"), ("SVG",)),
    # As a picture of its pages it runs no script either; downloads as above.
    Kind("html", "HTML", (".html", ".htm", ".xhtml"), "application/octet-stream", _is_text(r"<[a-z!?]"), ("HTML5", "XHTML")),
    _text("text", "Text", _is_text(), ".txt", ".text", ".log", ".rst", ".adoc", ".tex", ".json", ".xml", ".yaml", ".yml"),
    _text("markdown", "Markdown", _is_text(), ".md", ".markdown"),
    _text("csv", "CSV", _is_text(), ".csv", ".tsv"),
    _text("jsonl", "JSON lines", _is_text(r"\A\s*[\[{\"\dtfn-]"), ".jsonl", ".ndjson"),
    _text("vtt", "WebVTT", _is_text(r"\AWEBVTT\b"), ".vtt"),
    _text("srt", "SubRip", _is_text(r"\d:\d\d[,.]\d{1,3}\s+-->\s+\d"), ".srt"),
    _text("eml", "E-mail", _is_text(r"\A(?:From |[!-9;-~]+:[ \t])"), ".eml"),
    _archive("application/zip", _begins(_ZIP, _EMPTY_ZIP), ".zip"),
    _archive("application/x-tar", _is_tar, ".tar"),
    _archive("application/gzip", _begins(b"\x1f\x8b"), ".tar.gz", ".tgz"),
    _archive("application/zstd", _begins(b"\x28\xb5\x2f\xfd"), ".tar.zst", ".tzst"),
    _archive("application/x-xz", _begins(b"\xfd7zXZ\0"), ".tar.xz", ".txz"),
)  # fmt: skip

PAGED_KINDS = tuple(kind for kind in KINDS if kind.formats)
"""What MuPDF opens."""
TEXT_KINDS = tuple(kind for kind in KINDS if kind.document == "text")
KIND_OF_EXTENSION = {extension: kind for kind in KINDS for extension in kind.extensions}
KIND_OF_NAME = {kind.name: kind for kind in KINDS}
ACCEPT = ",".join(KIND_OF_EXTENSION)
"""For the `accept` of a file chooser."""


def extension_of(filename: str) -> str:
    """The ending that names a kind, lower case (`.tar.gz` before `.gz`); empty when none is known."""
    suffixes = [suffix.lower() for suffix in PurePath(filename).suffixes[-2:]]
    return next((end for end in ("".join(suffixes), *suffixes[-1:]) if end in KIND_OF_EXTENSION), "")


def kind_of(filename: str) -> Kind | None:
    return KIND_OF_EXTENSION.get(extension_of(filename))


def stem(filename: str) -> str:
    """The name without the ending that names its kind."""
    return filename[: len(filename) - len(extension_of(filename))]
