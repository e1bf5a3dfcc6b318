"""Cheap signs, in the drawing operators of a page and of its forms, of words that may not be seen.

A sign costs a closer look (hidden_text.py) and nothing else, so it may be wrong in that direction.
Source: ISO 32000-1, 8.6.8 (colour operators), 8.10 (forms), 9.3.6 (text rendering modes).
"""

from __future__ import annotations

import re
from typing import Any

from apps.library.ingestion.pymupdf_lean import pymupdf

# Text rendering modes 3 and 7, and fills that are white or nearly so. Each pattern begins with fixed bytes where
# it can: streams are long.
_INVISIBLE = re.compile(rb"[37]\s+Tr\b")
_WHITES = (
    re.compile(rb"1(?<![\d.]1)(?:\.0*)?\s+(?:(?:1(?:\.0*)?\s+){2}(?:rg|scn?)|g|scn?)\b"),
    re.compile(rb"\.9\d*\s+(?:0?\.9\d*\s+0?\.9\d*\s+(?:rg|scn?)|g|scn?)\b"),
    re.compile(rb"0 0 0 0(?<![\d.]0 0 0 0)\s+(?:k|scn?)\b"),
)
# What comes first after a white fill: words, a form that takes the colour over, or another colour (a white
# ground is the common case).
_SHOWN_OR_CHANGED = re.compile(rb"T[jJ]\b|\bDo\b|(?<=\s)(?:rg|g|k|scn?|Q)\b")
# One component of an ink of its own, which 1 stands for in full: black, for the most part.
_ONE_COMPONENT = re.compile(rb"[\d.]+\s+scn?\Z")
_COLOUR_SPACE = re.compile(rb"/([^\s/\[\]()<>]+)\s+cs\b")
_INKS = ("Separation", "DeviceN")
_FARTHEST_COLOUR_SPACE = 2_000
_WORDS = re.compile(rb"T[jJ]\b")
# Forms within forms, and forms of one page, are looked into so far.
_DEEPEST_FORM = 8
_MOST_FORMS = 200


def has_signs(page: Any) -> bool:
    """Whether the contents of a page of a PDF, or forms that it may draw, show words in a suspicious way."""
    mupdf = pymupdf.mupdf
    resources = mupdf.pdf_page_resources(mupdf.pdf_page_from_fz_page(page.this))
    forms = _forms(resources)
    in_forms = _signs_in_forms(page.parent, forms, 0) if forms else None
    return in_forms is True or _are_suspicious(
        page.read_contents(), resources, has_forms=in_forms is not None
    )


def _are_suspicious(contents: bytes, resources: Any, *, has_forms: bool) -> bool:
    """has_forms: that show words, in whatever colour they are drawn."""
    if b"Tr" in contents and _INVISIBLE.search(contents):
        return True
    for pattern in _WHITES:
        for white in pattern.finditer(contents):
            used = _SHOWN_OR_CHANGED.search(contents, white.end())
            while used and used[0] == b"Do" and not has_forms:
                used = _SHOWN_OR_CHANGED.search(contents, used.end())
            if used and used[0] in (b"Tj", b"TJ", b"Do") and not _is_ink(contents, white, resources):
                return True
    return False


def _is_ink(contents: bytes, white: re.Match[bytes], resources: Any) -> bool:
    """Whether a fill that looks white is the full tint of an ink."""
    if not _ONE_COMPONENT.match(white[0]):
        return False
    start = max(0, white.start() - _FARTHEST_COLOUR_SPACE)
    chosen = _COLOUR_SPACE.findall(contents, start, white.start())
    if not chosen:
        return False
    mupdf = pymupdf.mupdf
    spaces = mupdf.pdf_dict_get(resources, pymupdf.PDF_NAME("ColorSpace"))
    family = mupdf.pdf_array_get(mupdf.pdf_dict_gets(spaces, chosen[-1].decode("latin-1")), 0)
    return mupdf.pdf_to_name(family) in _INKS


def _forms(resources: Any) -> list[Any]:
    """The forms that resources name, without the pictures."""
    mupdf = pymupdf.mupdf
    named = mupdf.pdf_dict_get(resources, pymupdf.PDF_NAME("XObject"))
    found = []
    for index in range(min(mupdf.pdf_dict_len(named), _MOST_FORMS)):
        form = mupdf.pdf_dict_get_val(named, index)
        subtype = mupdf.pdf_dict_get(form, pymupdf.PDF_NAME("Subtype"))
        if mupdf.pdf_name_eq(subtype, pymupdf.PDF_NAME("Form")):
            found.append(form)
    return found


def _signs_in_forms(document: Any, forms: list[Any], depth: int) -> bool | None:
    """True: there are signs. False: there are words, without signs. None: no words at all."""
    # Pages share their forms, letterheads for example: each is looked into once for a document.
    known: dict[int, bool | None] = vars(document).setdefault("_signs_in_forms", {})
    verdict: bool | None = None
    for form in forms:
        xref = pymupdf.mupdf.pdf_to_num(form)
        if xref not in known:
            known[xref] = None  # what a form that draws itself finds
            known[xref] = _signs_in_form(document, form, depth)
        if known[xref]:
            return True
        verdict = verdict if known[xref] is None else False
    return verdict


def _signs_in_form(document: Any, form: Any, depth: int) -> bool | None:
    mupdf = pymupdf.mupdf
    inner: bool | None = None
    resources = mupdf.pdf_dict_get(form, pymupdf.PDF_NAME("Resources"))
    if depth < _DEEPEST_FORM:
        inner = _signs_in_forms(document, _forms(resources), depth + 1)
    if inner is None and mupdf.pdf_is_dict(resources) and not _has_fonts(resources):
        return None
    contents = mupdf.pdf_load_stream(form).fz_buffer_extract()
    if inner or _are_suspicious(contents, resources, has_forms=inner is False):
        return True
    return False if inner is False or _WORDS.search(contents) else None


def _has_fonts(resources: Any) -> bool:
    mupdf = pymupdf.mupdf
    return bool(mupdf.pdf_dict_len(mupdf.pdf_dict_get(resources, pymupdf.PDF_NAME("Font"))))
