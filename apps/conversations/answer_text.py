"""The text of an answer as it leaves the parser: trimmed, counted, and known to stand at a line's start or not."""

from __future__ import annotations

import re

_LINE_START = re.compile(r"[ \t>]*\Z")
# A line of more is not at its beginning any more, so its words need not be kept.
_LONGEST_START = 80


class AnswerText:
    """Takes pieces of text and gives them out without the white space around the whole.

    length: code points that are decided by now. tail: the last two characters that came, white space too. line:
    what came since the last line feed; of a long line only that it is one.
    """

    def __init__(self) -> None:
        self.length = 0
        self.tail = ""
        self.line = ""
        self._space = ""  # white space not yet known to stand between words
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        if not text:
            return
        line_feed = text.rfind("\n")
        self.line = text[line_feed + 1 :] if line_feed != -1 else self.line + text
        if len(self.line) > _LONGEST_START:
            self.line = "x"
        self.tail = (self.tail + text)[-2:]
        if not text.strip():
            if self.length:
                self._space += text
            return
        whole = self._space + (text if self.length else text.lstrip())
        kept = whole.rstrip()
        self._space = whole[len(kept) :]
        self.length += len(kept)
        self._pieces.append(kept)

    def take(self) -> str:
        """What came since the last call; empty when nothing did."""
        text = "".join(self._pieces)
        self._pieces.clear()
        return text

    @property
    def is_at_line_start(self) -> bool:
        """Nothing but indentation and quote signs stand before what comes next."""
        return _LINE_START.fullmatch(self.line) is not None
