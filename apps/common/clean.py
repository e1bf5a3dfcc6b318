"""Text from outside made fit for rows, Redis and HTML: no NUL, no halves of characters."""

from __future__ import annotations


class TextCleaner:
    """Cleans a text that comes in pieces.

    NUL goes, because PostgreSQL refuses it. Halves of a surrogate pair are joined, also over two pieces; one
    without its other half becomes U+FFFD.
    """

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """The next piece, clean; a first half at its end waits for the next."""
        text = self._half + piece.replace("\x00", "")
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text.isascii():
            return text
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
