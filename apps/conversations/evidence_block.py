"""The evidence block, line by line: quotes over several lines, remarks among them, a block that is never closed."""

from __future__ import annotations

from dataclasses import replace

from apps.common.markers import PATH_MARKER
from apps.conversations.marker_grammar import EvidenceLine, PageOfLine, parse_evidence_line

_QUOTE_LINES = 8
"""A quote that goes on over more lines than this has lost its closing sign."""
_ANSWER_LINES = 2
"""So many lines in a row that are no evidence: the model forgot to close its block."""


class EvidenceBlock:
    """Reads the lines between `<evidence>` and its end. Nothing is lost: what is no evidence is kept or given back."""

    def __init__(self, page_of_line: PageOfLine | None = None) -> None:
        self._page_of_line = page_of_line
        self._quote: list[str] = []  # lines of a quote that is not closed yet
        self._loose: list[str] = []  # lines that are no evidence; whether they are remarks is not known yet

    def take(self, line: str) -> list[EvidenceLine]:
        """The evidence that is decided with this line."""
        stripped = line.strip()
        found: list[EvidenceLine] = []
        if self._quote:
            item = parse_evidence_line(stripped)
            if stripped and item is None and len(self._quote) < _QUOTE_LINES:
                self._quote.append(stripped)
                return self.end_quote() if '"' in stripped else []
            found += self.end_quote()
        if not stripped.strip("`~"):
            if self._loose:
                self._loose.append(line)
            return found
        item = parse_evidence_line(stripped)
        if item is None:
            self._loose.append(line)
            return found
        found += self._remarks()
        if stripped.count('"') == 1:
            self._quote = [stripped]
            return found
        return [*found, self._placed(item)]

    def close(self) -> list[EvidenceLine]:
        """The block's end was written: what is still open belongs to it."""
        return [*self.end_quote(), *self._remarks()]

    def end_quote(self) -> list[EvidenceLine]:
        """A quote that is still open ends here."""
        item = parse_evidence_line(" ".join(self._quote)) if self._quote else None
        self._quote = []
        return [self._placed(item)] if item else []

    @property
    def is_answer(self) -> bool:
        """Its last lines are none of evidence: the answer has begun without the block's end."""
        return sum(1 for line in self._loose if line.strip()) >= _ANSWER_LINES

    @property
    def is_open(self) -> bool:
        return bool(self._quote or self._loose)

    def give_back(self) -> list[str]:
        """The lines that were no evidence, to be read again as the answer's."""
        lines, self._loose = self._loose, []
        return lines

    def _remarks(self) -> list[EvidenceLine]:
        """Lines that turned out to stand inside the block: remarks without marker and quote."""
        lines = [line.strip() for line in self.give_back() if line.strip()]
        return [EvidenceLine("", None, None, "", line) for line in lines]

    def _placed(self, item: EvidenceLine) -> EvidenceLine:
        path = PATH_MARKER.fullmatch(item.marker_text) if item.ordinal is None else None
        if path is None or self._page_of_line is None:
            return item
        lines = int(path["first"]), int(path["last"] or path["first"])
        found = self._page_of_line(path["path"], *lines)
        return replace(item, ordinal=found[0], page=found[1], last=found[2]) if found else item
