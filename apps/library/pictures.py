"""Pictures of pages and the places of their words: read in a limited child, then kept in the storage."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeAlias

from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.library.ingestion import pictures
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import LimitName
from apps.library.ingestion.pictures import DEFAULT_DPI
from apps.library.ingestion.quotes import PageWords
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Revision
from apps.library.passwords import opened
from apps.library.storage import home, ocr_words_name, open_readable, picture_name, thumbnail_name, words_name

ZOOM_DPI = (DEFAULT_DPI, 2 * DEFAULT_DPI)
"""The two sizes that are made: for reading, and for zooming in. A closed set bounds what is kept."""


THUMBNAILS_AT_ONCE = 16
"""Neighbours that one child draws: a strip of a hundred costs seven children."""

WORDS_AT_ONCE = 32
"""Pages that one child reads the words of."""
MOST_CHILDREN = 4
WAIT_SECONDS = 20
_children = threading.BoundedSemaphore(MOST_CHILDREN)
FAILURE_SECONDS = 15 * 60
"""How long a page that broke its child is not tried again, unless somebody asks for it."""
# What another moment would not mend; a child that was killed or lost may do better the next time.
_LASTING: frozenset[LimitName] = frozenset({"time", "cpu", "memory", "disk", "output", "crash"})
# Two viewers of one page wait for one child. A few pages share a lock by chance, which costs only time.
_locks = tuple(threading.Lock() for _ in range(64))

Subject: TypeAlias = Literal["picture", "words"]


class PicturesBusy(Exception):
    """All parser children that pictures may have are at work; try again in a moment."""


@contextmanager
def _place_for_a_child(name: str) -> Iterator[None]:
    """Bounds what one process starts: a hostile page costs each child its whole time and memory.

    name: of what is made; only one thread of this process makes it at a time. Raises PicturesBusy.
    """
    lock = _locks[hash(name) % len(_locks)]
    if not lock.acquire(timeout=WAIT_SECONDS):
        raise PicturesBusy
    try:
        if not _children.acquire(timeout=WAIT_SECONDS):
            raise PicturesBusy
        try:
            yield
        finally:
            _children.release()
    finally:
        lock.release()


def page_picture(revision: Revision, number: int, dpi: int = DEFAULT_DPI) -> bytes:
    """A page (1-based) as WebP, made at first sight. Raises as ingestion.pictures.render_page, ValueError for
    another dpi than ZOOM_DPI names, FileNotFoundError when the original is gone, PicturesBusy. A page that broke
    its child is not tried again for FAILURE_SECONDS: IngestionError with code no_picture."""
    if dpi not in ZOOM_DPI:
        raise ValueError(f"Pictures are made at {ZOOM_DPI} dpi.")
    name = picture_name(revision, number, dpi)
    if (kept := _kept_picture(name)) is not None:
        return kept
    with _place_for_a_child(name):
        if (kept := _kept_picture(name)) is not None:
            return kept
        with _remembering(revision, number, "picture"), open_readable(revision) as file:
            picture = pictures.render_page(
                file.fileno(), number, dpi=dpi, password=opened(revision), reader=revision.reader
            )
        _keep(name, picture)
        return picture


def page_thumbnail(revision: Revision, number: int) -> bytes:
    """A page (1-based) as WebP of at most 4 kB, made at first sight with its neighbours. Raises as page_picture."""
    name = thumbnail_name(revision, number)
    if (kept := _kept_picture(name)) is not None:
        return kept
    first = (number - 1) // THUMBNAILS_AT_ONCE * THUMBNAILS_AT_ONCE + 1
    with _place_for_a_child(thumbnail_name(revision, first)):
        if (kept := _kept_picture(name)) is None:
            last = max(number, min(first + THUMBNAILS_AT_ONCE - 1, revision.page_count))
            _make_thumbnails(revision, number, range(first, last + 1))
            kept = _kept_picture(name)
    if kept is None:
        raise _no_picture(failure(revision, number) or "It could not be drawn.")
    return kept


def _make_thumbnails(revision: Revision, wanted: int, numbers: Sequence[int]) -> None:
    """Draw what is missing of a batch. A page that kills its child is noted, and the rest goes on in another one
    until the wanted page was tried."""
    left = [
        number
        for number in numbers
        if not default_storage.exists(thumbnail_name(revision, number)) and not failure(revision, number)
    ]
    while wanted in left:
        try:
            with open_readable(revision) as file:
                for number, thumbnail in pictures.render_thumbnails(
                    file.fileno(), left, password=opened(revision), reader=revision.reader
                ):
                    left = [other for other in left if other > number]
                    if thumbnail:
                        _keep(thumbnail_name(revision, number), thumbnail)
            return
        except (ChildDied, ChildFailed) as error:
            if not left:
                return
            _note_failure(revision, left[0], "picture", error)
            del left[0]


def failure(revision: Revision, number: int, subject: Subject = "picture") -> str:
    """Why a page has no picture (or words) for now; empty when none was tried or it came out well."""
    return str(cache.get(_failure_key(revision, number, subject), ""))


def forget_failure(revision: Revision, number: int) -> None:
    """Somebody wants the page tried again."""
    cache.delete_many([_failure_key(revision, number, subject) for subject in ("picture", "words")])


def _failure_key(revision: Revision, number: int, subject: Subject) -> str:
    # The bytes break it, whichever reading asks; a repaired copy is other bytes.
    return f"page-failed:{subject}:{home(revision)}:{bool(revision.repaired_name)}:{number}"


@contextmanager
def _remembering(revision: Revision, number: int, subject: Subject) -> Iterator[None]:
    """Refuse what failed a moment ago, and note what fails now: each try may cost a minute of a core."""
    if sentence := failure(revision, number, subject):
        raise _no_picture(sentence)
    try:
        yield
    except (ChildDied, ChildFailed) as error:
        _note_failure(revision, number, subject, error)
        raise


def _note_failure(revision: Revision, number: int, subject: Subject, error: ChildDied | ChildFailed) -> None:
    if isinstance(error, ChildFailed) or error.limit in _LASTING:
        cache.set(_failure_key(revision, number, subject), error.sentence, FAILURE_SECONDS)


def _no_picture(sentence: str) -> IngestionError:
    return IngestionError.restored("no_picture", sentence)


def page_words(revision: Revision, numbers: Sequence[int]) -> dict[int, PageWords]:
    """Words of pages (1-based) with places as fractions 0–1 of the picture, read from the file at first use.

    Raises as page_picture.
    """
    found = {number: kept for number in numbers if (kept := _kept_words(revision, number)) is not None}
    missing = [number for number in numbers if number not in found]
    for first in range(0, len(missing), WORDS_AT_ONCE):
        found |= _read_together(revision, missing[first : first + WORDS_AT_ONCE])
    for number in missing:
        if number not in found and (words := _read_words(revision, number)) is not None:
            found[number] = words
    return found


def _read_together(revision: Revision, numbers: Sequence[int]) -> dict[int, PageWords]:
    """Words of several pages from one child, which is most of what a page costs. None where it dies: read one by
    one, the pages tell which of them is to blame."""
    numbers = [number for number in numbers if not failure(revision, number, "words")]
    if len(numbers) < 2:
        return {}
    with _place_for_a_child(words_name(revision, numbers[0])), open_readable(revision) as file:
        try:
            found = pictures.page_words(
                file.fileno(), numbers, password=opened(revision), reader=revision.reader
            )
        except (ChildDied, ChildFailed):
            return {}
    for number, words in found.items():
        _keep_words(revision, number, words)
    return found


def _read_words(revision: Revision, number: int) -> PageWords | None:
    name = words_name(revision, number)
    with _place_for_a_child(name):
        if (words := _kept_words(revision, number)) is not None:
            return words
        with _remembering(revision, number, "words"), open_readable(revision) as file:
            words = pictures.page_words(
                file.fileno(), [number], password=opened(revision), reader=revision.reader
            ).get(number)
        if words is not None:
            _keep_words(revision, number, words)
        return words


def _keep_words(revision: Revision, number: int, words: PageWords) -> None:
    # Words are tuples already; `asdict` would copy each.
    value = {name: getattr(words, name) for name in ("width", "height", "words", "hidden")}
    _keep(words_name(revision, number), json.dumps(value, ensure_ascii=False).encode())


def _kept_words(revision: Revision, number: int) -> PageWords | None:
    # Recognised pages first: what their text layer says, if anything, is not what was stored.
    names = (ocr_words_name,) if revision.base_id else ()
    for name in (*names, words_name):
        try:
            with default_storage.open(name(revision, number)) as kept:
                return PageWords.from_json(json.load(kept))
        except (FileNotFoundError, ValueError):
            # A file cut short by a full disk is read anew.
            continue
    return None


def _kept_picture(name: str) -> bytes | None:
    """What was made before; None when there is none, or when a full disk or a crash cut it short."""
    try:
        with default_storage.open(name) as stored:
            content = bytes(stored.read())
    except FileNotFoundError:
        return None
    # RIFF states its length behind its first four bytes. Source: RFC 9649, section 2.4.
    if len(content) >= 12 and int.from_bytes(content[4:8], "little") + 8 <= len(content):
        return content
    default_storage.delete(name)
    return None


def _keep(name: str, content: bytes) -> None:
    # Two processes may both get here; the storage gives the second copy another name, so look again.
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(content))
