"""HTML of ours as PDF. Runs inside a parser child only; apps/library/printing.py is for callers."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Iterator
from typing import Any

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.jobs import job
from apps.library.ingestion.pymupdf_lean import pymupdf

# For titles; Python imports a codec at first use, which a parser child cannot any more.
codecs.lookup("utf_16_be")

MOST_PAGES = 2_000
_PAPER = pymupdf.paper_rect("a4")
_TEXT = pymupdf.Rect(64, 60, _PAPER.width - 64, _PAPER.height - 60)
"""In points from the top left: A4 inside its margins."""
_FOOT = (_PAPER.width / 2, _PAPER.height - 34)

_CSS = """
body { font-family: serif; font-size: 10.5pt; line-height: 1.4; }
h1 { font-family: sans-serif; font-size: 17pt; line-height: 1.25; margin: 0 0 10pt 0; }
h2 { font-family: sans-serif; font-size: 13pt; margin: 18pt 0 5pt 0; }
h3 { font-family: sans-serif; font-size: 11.5pt; margin: 13pt 0 4pt 0; }
h4, h5, h6 { font-family: sans-serif; font-size: 10.5pt; margin: 11pt 0 3pt 0; }
p, li, pre, code { overflow-wrap: break-word; }
p { margin: 0 0 6pt 0; }
ul, ol { margin: 0 0 6pt 0; padding-left: 18pt; }
blockquote { margin: 0 0 6pt 14pt; }
pre { white-space: pre-wrap; font-family: monospace; font-size: 8.5pt; line-height: 1.3; margin: 0 0 8pt 0; background-color: #f2f2f0; }
code { font-family: monospace; font-size: 9pt; }
sup { font-size: 7.5pt; }
a { color: #1f4e8c; text-decoration: none; }
table { border-collapse: collapse; margin: 4pt 0 8pt 0; }
th, td { border: 0.5pt solid #888888; padding: 3pt 6pt; font-size: 9.5pt; }
"""


@job("print.html")
def print_html(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """data: UTF-8. args: title, for the file's own properties. Nothing is loaded: the story has no archive."""
    story = pymupdf.Story(html=bytes(data).decode(), user_css=_CSS)
    document = story.write_with_links(_place_page)
    for page in document:
        words = f"{page.number + 1} / {document.page_count}"
        left = _FOOT[0] - pymupdf.get_text_length(words, fontsize=8) / 2
        page.insert_text((left, _FOOT[1]), words, fontsize=8, color=(0.4, 0.4, 0.4))
    document.set_metadata({"title": args["title"]})
    # A story embeds every font whole: megabytes for one Greek letter.
    document.subset_fonts()
    written = document.tobytes(garbage=3, deflate=True)
    yield {"pdf": base64.b64encode(written).decode("ascii"), "pages": document.page_count}


def _place_page(number: int, filled: Any) -> tuple[Any, Any, None]:
    if number >= MOST_PAGES:
        raise IngestionError("too_many_pages", pages=number, limit=MOST_PAGES)
    return _PAPER, _TEXT, None
