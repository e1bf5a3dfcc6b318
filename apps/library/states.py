"""How a document stands, told from the reading in use and the one that is to replace it."""

from __future__ import annotations

from dataclasses import dataclass

from apps.library.models import Document, Revision

RECOGNISING = "Recognising text"


@dataclass(frozen=True)
class DocumentState:
    """One document for people and programs. No query when both revisions were selected with the document."""

    current: Revision
    next: Revision | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it can be asked about; what a next reading does changes nothing in that."""
        return self.current.status == Revision.Status.READY

    @property
    def running(self) -> Revision | None:
        """The reading that is under way or waits for its turn."""
        if self.next is not None and self.next.is_running:
            return self.next
        return self.current if self.current.is_running else None

    @property
    def is_running(self) -> bool:
        return self.running is not None

    @property
    def is_being_replaced(self) -> bool:
        """Usable now, and being read again."""
        return self.is_usable and self.is_running

    @property
    def is_settled(self) -> bool:
        """Read, and nothing to wait for or to look at."""
        return self.is_usable and self.next is None

    @property
    def pages_read(self) -> int:
        return self.current.page_count - self.current.pages_not_read

    @property
    def status(self) -> str:
        """The current reading's, except `reading` while none of its pages is read and a next one is under way."""
        if self.is_being_replaced and self.pages_read == 0:
            return Revision.Status.READING
        return self.current.status

    @property
    def status_words(self) -> str:
        return str(Revision.Status(self.status).label)

    @property
    def stage(self) -> str:
        running = self.running
        if running is None or running.stage or running is self.current:
            return running.stage if running else ""
        return f"Waiting: {RECOGNISING.lower()}" if running.base_id else "Waiting: reading again"

    @property
    def done(self) -> int:
        return (self.running or self.current).done

    @property
    def total(self) -> int:
        return (self.running or self.current).total

    @property
    def seconds_left(self) -> int:
        """Estimate of the reading under way; 0 when nobody knows."""
        return self.running.seconds_left if self.running else 0

    @property
    def error_code(self) -> str:
        return self.current.error_code

    @property
    def error_sentence(self) -> str:
        return self.current.error_sentence

    @property
    def needs_password(self) -> bool:
        return self.status == Revision.Status.NEEDS_PASSWORD

    @property
    def failed_next(self) -> Revision | None:
        """A next reading that ended without success; it stays until it is tried again or dismissed."""
        return self.next if self.next is not None and not self.next.is_running else None


def state_of(document: Document) -> DocumentState | None:
    """None for a document whose current revision is gone."""
    if document.current_revision is None:
        return None
    return DocumentState(document.current_revision, document.next_revision)
