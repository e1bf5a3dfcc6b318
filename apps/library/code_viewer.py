"""A file at its lines: the whole of it while that can be taken in, else the slice that was asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from django.db.models import Q
from django.db.models.functions import Length
from django.urls import reverse

from apps.library.code_lines import Span, lines_html
from apps.library.facts import FLAG_SENTENCES, PageNote, flag_heading, told_flags
from apps.library.highlighting import colour_runs, lexer_of
from apps.library.models import Document, Page, SecretFinding, SourceFile
from apps.library.source_links import SourceLink, source_link
from apps.workspaces.models import Workspace

WHOLE_LINES = 2_000
WHOLE_BYTES = 400_000
"""A file up to these is shown whole; of a larger one a slice at a time."""
MOST_FINDINGS = 100
"""Of secrets in one file that are marked at their lines."""

_LABEL = re.compile(r"(?:(?P<path>.+):|(?:.+ · )?lines? )(?P<first>[0-9]{1,9})(?:[–-](?P<last>[0-9]{1,9}))?")
"""Of a slice: `src/app.py:1–120`, of a single line `src/app.py:7`; in a text, which is one file,
`lines 1–120` or `Heading · lines 1–120`."""
_LINES = r"L?(?P<first>[0-9]{1,9})(?:[–-]L?(?P<last>[0-9]{1,9}))?"
_WANTED_LINES = re.compile(rf"(?P<path>)[:#]?{_LINES}")
_WANTED_FILE = re.compile(rf"(?P<path>.+?)(?:[:#]{_LINES})?")

FLAG_WORDS = {
    "replacements": "bytes are no text in this encoding, or control codes; they show as � or as small pictures.",
    "bidi": "It holds signs that change the direction of text; they are shown as codes, since with them code can read otherwise than it runs.",
    "cut": "A line of it is longer than a million characters; what is beyond is not read, which the line says.",
    "notebook": "A notebook: its cells are shown as text, pictures are left out, and lines are counted here.",
}
"""Flag of a file that is a caution → what its reader should know."""
ENCODING_WORDS = {
    "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32",
    "cp1252": "Windows-1252 (western European)", "latin_1": "Latin-1 (western European)",
    "iso8859_15": "Latin-9 (western European)", "shift_jis": "Shift JIS (Japanese)", "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)", "big5": "Big5 (Chinese)", "euc_kr": "EUC-KR (Korean)",
}  # fmt: skip
"""Names of encodings that say more than Python's."""


@dataclass(frozen=True)
class LineRange:
    """Lines of a file, 1-based and inclusive."""

    first: int
    last: int

    @property
    def words(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def anchor(self) -> str:
        return f"L{self.first}" if self.first == self.last else f"L{self.first}-L{self.last}"


@dataclass(frozen=True)
class CodeFile:
    """A file, whole or in part, in the viewer.

    page: the slice that was asked for. pages: the slices that are shown. marks: quotes on that page (start, end) in
    code points of its text. cited: lines that are marked, numbered as in the file. Queries: the file, its slices,
    the secrets found in it.
    """

    workspace: Workspace
    document: Document
    page: Page
    path: str
    source: SourceFile | None
    """None for a text, which is one file by itself."""
    first_page: int
    page_count: int
    pages: tuple[Page, ...]
    marks: Sequence[Span] = ()
    cited: Sequence[Span] = ()

    @property
    def is_whole(self) -> bool:
        return len(self.pages) == self.page_count

    @cached_property
    def first_line(self) -> int:
        return slice_lines(self.pages[0].label)[0]

    @cached_property
    def last_line(self) -> int:
        return slice_lines(self.pages[-1].label)[1]

    @property
    def line_count(self) -> int:
        """Of the file, where that is known; else of what is shown."""
        return self.source.line_count if self.source else self.last_line

    @property
    def tokens(self) -> int:
        """Of what is shown."""
        return sum(page.tokens for page in self.pages)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """With its slash; empty at the top."""
        return self.path.removesuffix(self.name)

    @property
    def previous_number(self) -> int | None:
        """A page of the file before, or the slice before where slices are shown."""
        return self.pages[0].number - 1 or None

    @property
    def next_number(self) -> int | None:
        number = self.pages[-1].number + 1
        return number if number <= self.page.revision.page_count else None

    @property
    def step_word(self) -> str:
        return "File" if self.is_whole else "Part"

    @property
    def commit(self) -> str:
        return self.page.revision.commit

    @cached_property
    def lines(self) -> str:
        """As HTML."""
        text = "".join(page.text for page in self.pages)
        begins = [0, *accumulate(len(page.text) for page in self.pages)]
        before = begins[self.pages.index(self.page)]
        return lines_html(
            text,
            colour_runs(text, self._lexer),
            first_line=self.first_line,
            marks=[(before + start, before + end) for start, end in self.marks],
            marked_lines=self.cited,
            notes={
                one.line: "secret masked" if one.is_masked else "perhaps a secret" for one in self.findings
            },
            whole_href=self._whole_href,
        )

    @property
    def is_prose(self) -> bool:
        """Text whose lines run as their own letters do; code runs from left to right."""
        return self._lexer in {"", "Markdown", "reStructuredText"}

    @cached_property
    def _lexer(self) -> str:
        # A notebook's cells are stored as a program.
        return "Python" if "notebook" in self._flags else lexer_of(self.path)

    @cached_property
    def findings(self) -> list[SecretFinding]:
        if self.source is None:
            return []
        found = SecretFinding.objects.filter(revision_id=self.page.revision_id, path=self.path)
        return list(found.filter(line__range=(self.first_line, self.last_line))[:MOST_FINDINGS])

    @cached_property
    def notes(self) -> list[PageNote]:
        """What the reader of the file should know before trusting it."""
        return [*self._file_notes(), *self._page_notes()]

    def _file_notes(self) -> list[PageNote]:
        encoding = self.source.encoding if self.source else "utf-8"
        notes = []
        if encoding not in ("", "utf-8", "ascii"):
            notes.append(PageNote(f"Decoded from {ENCODING_WORDS.get(encoding, encoding)}."))
        for flag, count in self._flags.items():
            if flag in FLAG_WORDS:
                notes.append(PageNote(f"{count} {FLAG_WORDS[flag]}".strip(), flag != "notebook"))
        for is_masked, words in (
            (True, "masked before anything is sent"),
            (False, "perhaps, and sent as it stands"),
        ):
            lines = [one for one in self.findings if one.is_masked == is_masked]
            if lines:
                kinds = ", ".join(dict.fromkeys(one.kind for one in lines))
                what = "A secret was found" if len(lines) == 1 else f"{len(lines)} secrets were found"
                notes.append(PageNote(f"{what}, {words}: {kinds}.", True))
        return notes

    def _page_notes(self) -> list[PageNote]:
        flags = dict.fromkeys(flag for page in self.pages for flag in told_flags(page.flags))
        # Blank lines are seen.
        return [
            PageNote(FLAG_SENTENCES.get(flag, f"{flag_heading(flag)}.")) for flag in flags if flag != "blank"
        ]

    @cached_property
    def _flags(self) -> dict[str, str]:
        """Flag of the file → its count, where it has one: `replacements:12`."""
        flags = self.source.flags if self.source else []
        return {name: count for name, _, count in (str(flag).partition(":") for flag in flags)}

    @property
    def cited_range(self) -> LineRange | None:
        return LineRange(min(self.cited)[0], min(self.cited)[1]) if self.cited else None

    @property
    def link(self) -> SourceLink | None:
        """To the host, at the cited lines; a notebook's lines are not those of its file."""
        lines = None if "notebook" in self._flags else self.cited_range
        return source_link(
            self.document.source_url, self.commit, self.path, *((lines.first, lines.last) if lines else ())
        )

    @property
    def permalink(self) -> str:
        """This file in this very reading; an anchor names lines."""
        url = reverse("library:page", args=[self.workspace.slug, self.document.pk, self.page.number])
        return f"{url}?revision={self.page.revision_id}"

    def _whole_href(self, line: int) -> str:
        number = next(
            page.number for page in self.pages if slice_lines(page.label)[1] >= line or page is self.pages[-1]
        )
        url = reverse("library:page", args=[self.workspace.slug, self.document.pk, number])
        return f"{url}?revision={self.page.revision_id}&tab=text"


def slice_lines(label: str) -> tuple[int, int]:
    """First and last line of a slice by its label, 1-based; (1, 1) for a page that is none."""
    match = _LABEL.fullmatch(label)
    return (int(match["first"]), int(match["last"] or match["first"])) if match else (1, 1)


def _is_text_slice(label: str) -> bool:
    match = _LABEL.fullmatch(label)
    return match is not None and match["path"] is None


def code_file(
    workspace: Workspace,
    document: Document,
    page: Page,
    *,
    marks: Sequence[Span] = (),
    cited: Sequence[Span] = (),
) -> CodeFile | None:
    """The file of which a page is a slice; None for a page that is none. Two queries."""
    pages = Page.objects.filter(revision_id=page.revision_id).order_by("number")
    source = None
    if document.kind == Document.Kind.REPOSITORY:
        sources = SourceFile.objects.filter(revision_id=page.revision_id, first_page__lte=page.number)
        source = sources.order_by("-first_page").first()
        if source is None:
            return None
        path, first, count = source.path, source.first_page, source.page_count
        is_whole = source.line_count <= WHOLE_LINES and source.size_bytes <= WHOLE_BYTES
    elif not _is_text_slice(page.label):
        return None
    else:
        path, first, count = document.name, 1, page.revision.page_count
        is_whole = page.revision.size_bytes <= WHOLE_BYTES and count <= WHOLE_LINES // 50
    shown = [page]
    if is_whole and count > 1:
        shown = [
            page if one.number == page.number else one
            for one in pages.filter(number__range=(first, first + count - 1))
        ]
    return CodeFile(workspace, document, page, path, source, first, count, tuple(shown), marks, cited)


def find_lines(page: Page, document: Document, wanted: str) -> tuple[Page, LineRange | None] | None:
    """What `src/app.py:42-50`, `src/app.py` or, for the file that a page is of, `42` names in its revision.

    A path may leave out folders before it where one file ends so. None where nothing, or several, is meant; lines
    beyond the end are the last one. At most three queries.
    """
    match = _WANTED_LINES.fullmatch(wanted) or _WANTED_FILE.fullmatch(wanted)
    if match is None:
        return None
    path = match["path"].strip().removeprefix("./")
    pages = Page.objects.filter(revision_id=page.revision_id).order_by("number")
    if document.kind == Document.Kind.REPOSITORY:
        source = _source(page, path)
        if source is None:
            return None
        pages = pages.filter(number__range=(source.first_page, source.first_page + source.page_count - 1))
    elif not _is_text_slice(page.label) or path not in ("", document.name):
        return None
    labels = list(pages.values_list("number", "label"))
    if not labels:
        return None
    if not match["first"]:
        return _page(page, labels[0][0]), None
    last_line = slice_lines(labels[-1][1])[1]
    first, last = sorted(
        min(max(int(one or match["first"]), 1), last_line) for one in (match["first"], match["last"])
    )
    number = next((number for number, label in labels if slice_lines(label)[1] >= first), labels[-1][0])
    return _page(page, number), LineRange(first, last)


def _source(page: Page, path: str) -> SourceFile | None:
    files = SourceFile.objects.filter(revision_id=page.revision_id)
    if not path:
        return files.filter(first_page__lte=page.number).order_by("-first_page").first()
    ending = f"/{path}"
    # The file itself is the shortest of those that end so. On SQLite `endswith` takes `App.py` for `app.py`.
    named = files.filter(Q(path=path) | Q(path__endswith=ending)).order_by(Length("path"), "path")
    found = [one for one in named[:50] if f"/{one.path}".endswith(ending)]
    return found[0] if len(found) == 1 or (found and found[0].path == path) else None


def _page(page: Page, number: int) -> Page:
    if number == page.number:
        return page
    found = Page.objects.get(revision_id=page.revision_id, number=number)
    found.revision = page.revision
    return found


def read_lines(value: str | None) -> LineRange | None:
    """Lines out of an address, `42` or `42-50`; nonsense is none."""
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", value or "")
    if match is None:
        return None
    first, last = sorted((int(match[1]), int(match[2] or match[1])))
    return LineRange(first, last)
