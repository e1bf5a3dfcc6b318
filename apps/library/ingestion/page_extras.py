"""What a page holds besides its text: notes with their replies, filled form fields, attached files. One line each.

Runs inside a parser child only.
"""

from __future__ import annotations

import re
from typing import Any

from apps.library.ingestion.clean_text import clean_text, one_line
from apps.library.ingestion.pymupdf_lean import pymupdf

_WHITE_SPACE = re.compile(r"\s+")
_NO_VALUE = {"", "Off", "None"}
_LITERAL_STRING = re.compile(r"\(((?:[^()\\]|\\.)*)\)")
_MAX_NAME = 200
_MAX_AUTHOR = 80
# A page with more notes than this is an attack or an index of its own.
_MOST_LINES = 2_000


def annotation_lines(page: Any, body: str) -> list[str]:
    """Comments and notes with their authors, replies under what they answer; files that hang on the page.

    What the page shows as text already is not repeated.
    """
    if page.first_annot is None:
        return []
    shown = _WHITE_SPACE.sub("", body)
    lines: dict[int, str] = {}
    replies: dict[int, list[int]] = {}
    first: list[int] = []
    for annotation in page.annots():
        if len(lines) >= _MOST_LINES:
            break
        answered = annotation.irt_xref
        line = _annotation_line(annotation, shown, is_reply=bool(answered))
        if not line:
            continue
        lines[annotation.xref] = line
        if answered:
            replies.setdefault(answered, []).append(annotation.xref)
        else:
            first.append(annotation.xref)
    ordered: list[int] = []
    waiting = list(reversed(first))
    while waiting:
        xref = waiting.pop()
        ordered.append(xref)
        waiting += reversed(replies.pop(xref, []))
    # Replies to what has no words of its own, a highlight for example, or to each other in a ring.
    ordered += [xref for xrefs in replies.values() for xref in xrefs]
    return [lines[xref] for xref in ordered]


def _annotation_line(annotation: Any, shown: str, *, is_reply: bool) -> str:
    kind = annotation.type[1]
    if kind == "Popup":
        return ""
    if kind == "FileAttachment":
        return _file_line(annotation)
    facts = annotation.info
    text = clean_text(facts.get("content") or "")
    if not text or (kind == "FreeText" and _WHITE_SPACE.sub("", text) in shown):
        return ""
    author = one_line(facts.get("title") or "", _MAX_AUTHOR)
    return f"[Annotation: {'Reply' if is_reply else kind}{f', {author}' if author else ''}] {text}"


def _file_line(annotation: Any) -> str:
    facts = annotation.file_info
    name = one_line(facts.get("filename") or "unnamed", _MAX_NAME)
    size = facts.get("size", -1)
    return f"[Attached file: {name}{f', {size:,} bytes' if size >= 0 else ''}]"


def form_lines(page: Any) -> list[str]:
    """Filled fields with their names: the page shows the value, not always what it answers."""
    lines = []
    for widget in page.widgets():
        if widget.field_type in (pymupdf.PDF_WIDGET_TYPE_BUTTON, pymupdf.PDF_WIDGET_TYPE_SIGNATURE):
            continue
        value = clean_text(_value(page, widget))
        if value in _NO_VALUE:
            continue
        name = one_line(widget.field_label or widget.field_name or "unnamed", _MAX_NAME)
        lines.append(f"[Form field: {name}] {value}")
        if len(lines) >= _MOST_LINES:
            break
    return lines


def _value(page: Any, widget: Any) -> str:
    value = widget.field_value
    if widget.field_type == pymupdf.PDF_WIDGET_TYPE_RADIOBUTTON:
        # All buttons of a group state the group's value; the pressed one is named after it.
        return str(value) if value and str(value) == str(widget.on_state()) else ""
    if widget.field_type in (pymupdf.PDF_WIDGET_TYPE_COMBOBOX, pymupdf.PDF_WIDGET_TYPE_LISTBOX):
        chosen = [str(value)] if value else _several(page, widget)
        words = {
            str(pair[0]): str(pair[1])
            for pair in widget.choice_values or ()
            if isinstance(pair, tuple | list)
        }
        return ", ".join(words.get(one, one) for one in chosen)
    return str(value or "")


def _several(page: Any, widget: Any) -> list[str]:
    """The choices of a list in which several may be chosen; PyMuPDF gives a single one alone."""
    kind, value = page.parent.xref_get_key(widget.xref, "V")
    return _LITERAL_STRING.findall(value) if kind == "array" else []
