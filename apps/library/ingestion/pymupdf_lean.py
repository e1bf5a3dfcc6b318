"""PyMuPDF without its layout models: the one place that imports it.

PyMuPDF 2.0 imports pymupdf.layout and pymupdf4llm when they are installed, and with them onnxruntime and
numpy: seven times the start-up time, three times the memory and five threads, which is bad before a fork.
Neither changes text, search or rendering.
"""

from __future__ import annotations

import codecs
import sys

for _heavy in ("pymupdf.layout", "pymupdf4llm"):
    sys.modules.setdefault(_heavy, None)  # type: ignore[arg-type]

import pymupdf  # noqa: E402

# PyMuPDF decodes keys of objects with it; Python imports a codec at first use, which a parser child cannot any more.
codecs.lookup("raw_unicode_escape")

# A broken file makes MuPDF print one line per object; the reader reports what matters as a reason.
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)

__all__ = ["pymupdf"]
