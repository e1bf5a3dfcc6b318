"""One page of an open document as it is stored: text, notes, filled fields, state. Runs inside a parser child only."""

from __future__ import annotations

from typing import Any

from apps.common.markers import packed_tail
from apps.library.ingestion import garbled
from apps.library.ingestion.clean_text import page_text
from apps.library.ingestion.hidden_text import has_hidden_text
from apps.library.ingestion.instructions import speaks_to_model
from apps.library.ingestion.layout import join, read_layout
from apps.library.ingestion.page_extras import annotation_lines, form_lines
from apps.library.ingestion.readers.base import PageState, PageText
from apps.llm.tokens import count_tokens

# A scan with a stamp or a header laid over it has a few words; a page of prose has hundreds of characters.
_SCAN_PICTURE_SHARE = 0.5
SCAN_CHARACTERS = 120
# Pictures of less than this together, in square points, are bullets; only others are looked at for figures.
_LEAST_PICTURE_AREA = 256.0


def read_page(page: Any, number: int, label: str) -> PageText:
    """page: loaded, of any kind that MuPDF opens. number: 1-based. What MuPDF raises is the caller's business."""
    layout = read_layout(page)
    body = join(layout.blocks)
    flags = []
    if layout.blocks and has_hidden_text(page, layout):
        flags.append("hidden_text")
    extras = []
    if notes := annotation_lines(page, body):
        flags.append("annotations")
        extras += notes
    if values := form_lines(page):
        flags.append("form_values")
        extras += values
    if layout.picture_area >= _LEAST_PICTURE_AREA:
        flags.append("pictures")
    gibberish = garbled.is_garbled(body)
    shown = "" if gibberish else body
    text = page_text("\n\n".join(part for part in (shown, "\n".join(extras)) if part))
    state, reason = _state(page, body, bool(text), layout.picture_area)
    if gibberish:
        state, reason = "no_text", garbled.SENTENCE
    if state == "read" and not text:
        flags.append("blank")
    if speaks_to_model(text):
        flags.append("instructions")
    return PageText(
        number=number,
        label=label,
        text=text,
        tokens=count_tokens(packed_tail(text)) if text else 0,
        source="text_layer",
        state=state,
        reason=reason,
        width=round(page.rect.width, 2),
        height=round(page.rect.height, 2),
        rotation=page.rotation,
        flags=tuple(flags),
    )


def _state(page: Any, body: str, has_text: bool, picture_area: float) -> tuple[PageState, str]:
    # Coordinates may be nonsense; a page without area has no share to speak of.
    page_area = page.rect.width * page.rect.height if picture_area else 0.0
    share = picture_area / page_area if page_area else 0.0
    if share >= _SCAN_PICTURE_SHARE:
        characters = sum(map(str.isalnum, body))
        if characters < SCAN_CHARACTERS:
            words = "no text layer" if not characters else "hardly any text layer"
            return "no_text", f"A picture covers {round(share * 100)} % of the page and it has {words}."
    if not has_text and page.get_bboxlog():
        return "no_text", "The page shows pictures or drawings and has no text layer."
    return "read", ""
