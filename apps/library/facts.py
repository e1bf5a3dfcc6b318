"""What a file says of itself, how it was read, and what to know of a page, in words. No query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from django.conf import settings

from apps.library.figures import PICTURES_FLAG
from apps.library.ingestion.kinds import KIND_OF_NAME, REPOSITORY
from apps.library.models import Page, Revision


def kind_words(revision: Revision) -> str:
    """What the file is: PDF, EPUB, JPEG …"""
    kind = KIND_OF_NAME.get(revision.reader)
    return kind.words if kind else revision.content_type


def kind_mark(revision: Revision, *, source_url: str = "") -> str:
    """The same in at most four capitals. source_url: of its document."""
    if revision.reader == REPOSITORY:
        return "GIT" if source_url else "CODE"
    kind = KIND_OF_NAME.get(revision.reader)
    return (kind.extensions[0].lstrip(".") if kind else revision.reader)[:4].upper()


class Attachment(TypedDict):
    name: str
    size_bytes: int | None


def attachments(revision: Revision) -> list[Attachment]:
    """Files inside the file, listed and never opened; readings of old knew their names alone."""
    return [_attachment(one) for one in revision.facts.get("attachments", [])]


def _attachment(value: Any) -> Attachment:
    if isinstance(value, str):
        return {"name": value, "size_bytes": None}
    if isinstance(value, dict):
        return {"name": str(value.get("name", "")), "size_bytes": value.get("size_bytes", value.get("size"))}
    name, *rest = value
    return {"name": str(name), "size_bytes": rest[0] if rest else None}


def remarks(revision: Revision) -> list[str]:
    """Sentences on the file as a whole: what was mended, what of it is not read, whether it is protected."""
    facts = revision.facts
    found = [facts["repaired"]] if facts.get("repaired") else []
    found += facts.get("notes", [])
    if revision.password_box:
        found.append("The file is protected and was opened with the password that was given.")
    elif facts.get("encrypted"):
        found.append("The file is protected against changes, and opens without a password.")
    return [str(sentence) for sentence in found]


def recognised_pages(revision: Revision) -> str:
    """Which pages text recognition reads: scans, all or never."""
    return str(revision.options.get("ocr") or ("scans" if settings.RECOGNISE_SCANS else "never"))


FLAG_HEADINGS = {
    "hidden_text": "Text that cannot be seen",
    "instructions": "Text that speaks to a model",
    "annotations": "Notes in the file",
    "form_values": "Filled form fields",
    "uncertain_text": "Text that could hardly be recognised",
    "blank": "Blank pages",
}
"""Flag of a page → what its pages have in common, for a document."""

FLAG_SENTENCES = {
    "hidden_text": "This page holds text that cannot be seen. It is sent to the model with the rest.",
    "instructions": "This page holds text that speaks to a model. It is sent as it stands; models are told that it is data.",
    "annotations": "The file has notes on this page. They stand at the end of its text.",
    "form_values": "This page has filled form fields. They stand at the end of its text.",
    "uncertain_text": "Recognition was not sure of many letters of this page.",
    "blank": "There is nothing on this page.",
}
"""Flag of a page → what its reader should know."""

OCR_WORDS = {
    "scans": "Text layer, and recognition of pages without text",
    "all": "Recognition of every page",
    "never": "Text layer alone",
}


def told_flags(flags: Sequence[str]) -> list[str]:
    """Those that a reader should hear of; that a page has pictures is seen."""
    return [flag for flag in flags if flag != PICTURES_FLAG]


def flag_heading(flag: str) -> str:
    """Readers may raise flags that have no words of their own here."""
    return FLAG_HEADINGS.get(flag, flag.replace("_", " ").capitalize())


def how_it_was_read(revision: Revision) -> str:
    """The options of a reading in words; one without a base reads text layers, whatever comes after it."""
    if revision.reader == REPOSITORY:
        return _how_a_tree_was_read(revision)
    kind = KIND_OF_NAME.get(revision.reader)
    if kind is not None and kind.document == "text":
        return "Text as brought"
    return OCR_WORDS["never"] if revision.base_id is None else OCR_WORDS[recognised_pages(revision)]


def _how_a_tree_was_read(revision: Revision) -> str:
    source = f"Commit {revision.commit[:10]}" if revision.commit else "Files as brought"
    patterns = sum(len(revision.options.get(name, ())) for name in ("include", "exclude"))
    chosen = f"{patterns} pattern{'' if patterns == 1 else 's'}" if patterns else ""
    restored = len(revision.options.get("restored", ()))
    taken_in = f"{restored} path{'' if restored == 1 else 's'} taken in" if restored else ""
    return ", ".join(part for part in (source, chosen, taken_in) if part)


@dataclass(frozen=True)
class PageNote:
    sentence: str
    is_caution: bool = False


def page_notes(page: Page, following: Revision | None = None) -> list[PageNote]:
    """What the reader of a page should know before trusting it. following: the reading that is to replace its own."""
    notes = []
    if page.state == Page.State.NO_TEXT and following is not None and following.is_running:
        notes.append(PageNote("This page has no text yet: it is being recognised."))
    elif page.state == Page.State.NO_TEXT:
        notes.append(
            PageNote(f"This page has no text and is not sent to the model. {page.reason}".strip(), True)
        )
    elif page.state == Page.State.UNREADABLE:
        notes.append(
            PageNote(f"This page could not be read and is not sent to the model. {page.reason}".strip(), True)
        )
    elif page.source == Page.Source.OCR:
        notes.append(PageNote("Text by recognition: check it against the picture."))
    elif page.source == Page.Source.VISION:
        notes.append(PageNote("Text from a model’s reading of the picture: check it against the picture."))
    notes += [PageNote(FLAG_SENTENCES.get(flag, f"{flag_heading(flag)}.")) for flag in told_flags(page.flags)]
    return notes
