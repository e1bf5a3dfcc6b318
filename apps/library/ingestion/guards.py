"""What is refused before or while reading, and the words for it.

These checks see name, size and first bytes: a file that passes may still turn out damaged, and a reader says
so with the same error family.
"""

from __future__ import annotations

from typing import IO

from apps.library.ingestion.kinds import HEAD_BYTES, Kind, kind_of

MAX_PAGES = 20_000
MAX_CHARACTERS = 100_000_000
MAX_PIXELS = 50_000_000

# One place for cause and remedy; the codes are part of the API (README.md of this package).
SENTENCES: dict[str, str] = {
    "empty_file": "The file is empty. Check that it was saved completely, then bring it again.",
    "not_a_pdf": "This is not a PDF, whatever its name says. Export the document as PDF and bring that.",
    "other_content": "The content is not {kind}, whatever the name says. Give the file its true ending, or bring it as PDF.",
    "kind_not_accepted": "Files of this kind are not read yet. Export the document as PDF and bring that.",
    "too_large": "The file has more than {limit} MiB. Split it, or ask the operator to raise the limit.",
    "damaged": "The file is damaged and cannot be opened. Open it in its own program, save it anew, and bring that.",
    "locked": "The file is locked by its seller (DRM) and cannot be read. Bring a copy without the lock.",
    "no_pages": "The file has no page that can be loaded. Open it in its own program, save it anew, and bring that.",
    "fewer_pages": "Only {found} of {declared} pages can be loaded. Open the file in another program, save it anew, and bring that.",
    "too_many_pages": "The file has {pages} pages, {limit} are allowed. Split it and bring the parts.",
    "too_much_text": "The file holds more than {limit} million characters. Split it and bring the parts.",
    "needs_password": "The file is protected. Enter its password, and it is read; it is kept encrypted.",
    "wrong_password": "This password does not open the file. Check capitals and spaces, and enter it again.",
    "not_an_archive": "The content is not the kind of archive that the name says. Pack the folder anew as zip or tar.gz, and bring that.",
    "damaged_archive": "The archive is damaged or cut off {place}. Pack the folder anew, and bring that.",
    "archive_bomb": "The archive unpacks to more than {limit} times its size, as only a trap does. Pack the sources alone, and bring that.",
    "archive_overlap": "Files inside the archive share the same bytes, as only a trap does. Pack the folder anew, and bring that.",
    "archive_memory": "Unpacking needs more than {limit} MiB of memory. Pack the folder with ordinary settings, and bring that.",
    "archive_headers": "The archive describes its files in more than {limit} MiB of headers. Pack the folder anew as zip or tar.gz, and bring that.",
    "archive_encrypted": "The archive is protected by a password. Pack the folder without one, and bring that.",
    "too_many_entries": "The archive holds more than {limit} files and folders. Pack the folder with the sources alone, and bring that.",
    "too_many_rules": "The .gitignore files come to more than {limit} MiB. Pack the folder with the sources alone, and bring that.",
    "long_patterns": "A .gitignore file holds a pattern of such a length that it cannot be applied. Shorten it, or pack the folder without that file, and bring that.",
    "no_room": "This installation has no room left on its disk to unpack the archive. Tell the operator, then try again.",
    "nothing_to_read": "No file in it is read: {skipped} were left out, most of them as “{reason}”. Bring a folder with sources, or change what is left out.",
    "tree_too_large": "The files come to more than {limit} GiB. Pack the folder with the sources alone, and bring that.",
    "tree_too_long": "The files hold more than {characters} million characters or {pages} pages of text. Leave folders out, or bring parts of the tree one by one.",
    "no_readable_page": "No page could be read: {reason}",
    "no_such_page": "The file has no page {number}.",
    "bad_glob": "A pattern of paths cannot be used: {reason}.",
    "reader_failed": "The file could not be read because of an unexpected error. Try again; if it stays, report the file.",
}


class IngestionError(Exception):
    """A file that will not be read: code (snake_case, stable) and a sentence with cause and remedy."""

    def __init__(self, code: str, **numbers: object) -> None:
        self.code = code
        self.sentence = SENTENCES[code].format(**numbers)
        super().__init__(self.sentence)

    @classmethod
    def restored(cls, code: str, sentence: str) -> IngestionError:
        """The error that a child reported, with its own numbers in the sentence."""
        error = cls.__new__(cls)
        Exception.__init__(error, sentence)
        error.code, error.sentence = code, sentence
        return error


def check_kind(filename: str, head: bytes) -> Kind:
    """The kind by extension and by content; head: the first HEAD_BYTES, or all of a smaller file.

    Raises IngestionError: empty_file, kind_not_accepted (extension), or the kind's own mismatch code.
    """
    kind = kind_of(filename)
    if kind is None:
        raise IngestionError("kind_not_accepted")
    if not head:
        raise IngestionError("empty_file")
    if not kind.matches(head):
        raise IngestionError(kind.mismatch_code, kind=kind.words)
    return kind


def check_file(filename: str, file: IO[bytes], *, max_bytes: int) -> Kind:
    """check_kind on an open, seekable file, with its size; leaves the file at its start."""
    file.seek(0, 2)
    if file.tell() > max_bytes:
        raise IngestionError("too_large", limit=max_bytes // 1024**2)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return check_kind(filename, head)
