"""PyMuPDF without its layout models: the one place that imports it.

PyMuPDF 2.0 imports pymupdf.layout and pymupdf4llm when they are installed, and with them onnxruntime and
numpy: seven times the start-up time, three times the memory and five threads, which is bad before a fork.
Neither changes text, search or rendering.
"""

from __future__ import annotations

import codecs
import sys
from typing import Any

for _heavy in ("pymupdf.layout", "pymupdf4llm"):
    sys.modules.setdefault(_heavy, None)  # type: ignore[arg-type]

import pymupdf  # noqa: E402

# PyMuPDF decodes keys of objects with it; Python imports a codec at first use, which a parser child cannot any more.
codecs.lookup("raw_unicode_escape")

# A broken file makes MuPDF print one line per object; the reader reports what matters as a reason.
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)

# PyMuPDF loads the whole outline whenever it opens a file, 0.4 s for a manual of 2,400 pages; every child opens it
# anew and few want the outline. So it is loaded when the table of contents is asked for.
_load_outline, _get_toc = pymupdf.Document._loadOutline, pymupdf.Document.get_toc


def _outline_if_wanted(document: Any) -> Any:
    return _load_outline(document) if vars(document).get("wants_outline") else None


def _get_toc_with_outline(document: Any, *args: Any, **options: Any) -> Any:
    document.wants_outline = True
    return _get_toc(document, *args, **options)


pymupdf.Document._loadOutline = _outline_if_wanted
pymupdf.Document.get_toc = _get_toc_with_outline

__all__ = ["pymupdf"]
