"""What a model wrote, split as it streams into evidence, text and citation markers.

Models do not keep to one spelling (marker_grammar.py); text that leaves this module does.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from apps.common.markers import PATH_MARKER
from apps.conversations.answer_text import AnswerText
from apps.conversations.evidence_block import EvidenceBlock
from apps.conversations.marker_grammar import (
    AFTER_NAME,
    AFTER_OPEN_BRACKET,
    DOUBLE,
    MARKER_CHARACTERS,
    SINGLE,
    EvidenceLine,
    PageKey,
    PageOfLine,
    canonical_marker,
    parse_pairs,
)

# No space behind `<`: that is how a document's own tag was broken when it was stored.
_TAG = re.compile(r"<(/\s{0,3})?evidence\s{0,3}>", re.IGNORECASE)
_TAG_CLOSE = re.compile(r"</\s{0,3}evidence\s{0,3}>", re.IGNORECASE)
_TAG_BEGUN = re.compile(
    r"<(?:/\s{0,3})?(?:e(?:v(?:i(?:d(?:e(?:n(?:c(?:e\s{0,3})?)?)?)?)?)?)?)?\Z", re.IGNORECASE
)
_SPECIAL = re.compile(r"[<\[【［`~\n]")
_FENCE_LINE = re.compile(r"(`{3,}|~{3,})([^\n]*)\n")
_MAYBE_FENCE_END = re.compile(r"[ \t>]*[`~]*[ \t>]*\Z")

# How much of a stream may be held back until a decision: each is a window over the text from the
# character in question, so that decisions depend on the text and never on how it was cut.
_MARKER_WINDOW = 400
_PATH_MARKER_WINDOW = 400
_CODE_SPAN_WINDOW = 200
_FENCE_LINE_WINDOW = 200
_EVIDENCE_LINE_WINDOW = 4_000


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text, evidence taken out, markers canonical."""

    text: str


@dataclass(frozen=True, slots=True)
class MarkerSeen:
    """A marker in the text. offset: of its first `[`, in Unicode code points of the text.

    known: both ends of its range were sent. An unknown marker stays in the text as the model wrote it.
    """

    offset: int
    ordinal: int
    first: int
    last: int
    raw: str
    known: bool = True


Event = EvidenceLine | TextDelta | MarkerSeen


class AnswerParser:
    """Turns the raw stream of an answer into events, whatever its chunks.

    sent: the pages of the manifest. page_of_line: for repositories, so that `[[path:line]]` is a marker too.
    `text` is every TextDelta joined, without surrounding white space.
    Line feeds alone end lines: carriage returns and NUL, which no row can keep, are dropped.
    """

    def __init__(self, sent: Container[PageKey], page_of_line: PageOfLine | None = None) -> None:
        self._sent = sent
        self._page_of_line = page_of_line
        self._buffer = ""
        self._out = AnswerText()
        self._block = EvidenceBlock(page_of_line)
        self._in_evidence = False
        self._fence = ""  # the run that opened the code block we are in
        self._wrapper = ""  # a fence around the evidence block, dropped with its end
        self._events: list[Event] = []

    def feed(self, chunk: str) -> list[Event]:
        """Take the next chunk; gives what is decided by now."""
        self._buffer += chunk.replace("\r", "").replace("\0", "")
        return self._run(final=False)

    def finish(self) -> list[Event]:
        """The stream is over: decide what was held back. Call once."""
        return self._run(final=True)

    # -- the machine --

    def _run(self, *, final: bool) -> list[Event]:
        while self._buffer or (final and self._block.is_open):
            if self._in_evidence:
                moved = self._step_evidence(final)
            elif self._fence:
                moved = self._step_code(final)
            else:
                moved = self._step_text(final)
            if not moved:
                break
        self._flush()
        events, self._events = self._events, []
        return events

    def _take(self, count: int) -> str:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _flush(self) -> None:
        if text := self._out.take():
            self._events.append(TextDelta(text))

    def _add_evidence(self, lines: list[EvidenceLine]) -> None:
        if lines:
            self._flush()
            self._events += lines

    # -- text --

    def _step_text(self, final: bool) -> bool:
        special = _SPECIAL.search(self._buffer)
        if special is None:
            self._out.add(self._take(len(self._buffer)))
            return True
        if special.start():
            self._out.add(self._take(special.start()))
        sign = self._buffer[0]
        if sign == "\n":
            self._out.add(self._take(1))
            return True
        if sign == "<":
            return self._step_tag(final)
        if sign in "`~":
            return self._step_fence_or_span(final)
        return self._step_marker(final)

    def _step_tag(self, final: bool) -> bool:
        match = _TAG.match(self._buffer)
        if match:
            self._take(match.end())
            # A closing tag without its opening one is no part of the answer either.
            self._in_evidence = not match[1]
            return True
        if not final and _TAG_BEGUN.match(self._buffer):
            return False
        self._out.add(self._take(1))
        return True

    def _step_fence_or_span(self, final: bool) -> bool:
        sign = self._buffer[0]
        run = len(self._buffer) - len(self._buffer.lstrip(sign))
        if run == len(self._buffer) and run < _CODE_SPAN_WINDOW and not final:
            return False
        if run >= 3 and self._out.is_at_line_start:
            return self._step_fence(run, final)
        if sign == "~":
            self._out.add(self._take(run))
            return True
        return self._step_span(run, final)

    def _step_fence(self, run: int, final: bool) -> bool:
        window = self._buffer[:_FENCE_LINE_WINDOW]
        match = _FENCE_LINE.match(window)
        if match is None:
            if not final and "\n" not in window and len(window) < _FENCE_LINE_WINDOW:
                return False
            self._out.add(self._take(run))
            return True
        sign, info = self._buffer[0], match[2]
        if sign == "`" and "`" in info:
            return self._step_span(run, final)
        if self._wrapper and sign == self._wrapper[0] and not info.strip():
            self._wrapper = ""
            self._take(match.end())
            return True
        # Some models put the whole block into a fence, against what they were asked.
        after = window[match.end() :].lstrip()
        tag = _TAG.match(after)
        if tag and not tag[1]:
            self._wrapper = sign * run
            self._take(match.end())
            return True
        if not final and len(window) < _FENCE_LINE_WINDOW and (not after or _TAG_BEGUN.match(after)):
            return False
        self._fence = sign * run
        self._out.add(self._take(match.end()))
        return True

    def _step_span(self, run: int, final: bool) -> bool:
        """Code on one line, within the window, is left alone, except when it is nothing but a marker."""
        window = self._buffer[:_CODE_SPAN_WINDOW]
        line_end = window.find("\n")
        line = window if line_end == -1 else window[:line_end]
        end = re.compile(rf"(?<!`)`{{{run}}}(?!`)").search(line, run)
        complete = final or line_end != -1 or len(window) == _CODE_SPAN_WINDOW
        if not complete and (end is None or end.end() == len(line)):
            return False
        if end is None:
            self._out.add(self._take(run))
            return True
        marker = DOUBLE.fullmatch(line[run : end.start()].strip())
        self._take(end.end())
        if marker:
            self._mark(marker)
        else:
            self._out.add(line[: end.end()])
        return True

    def _step_marker(self, final: bool) -> bool:
        window = self._buffer[:_MARKER_WINDOW]
        match = DOUBLE.match(window)
        if match:
            self._take(match.end())
            self._mark(match)
            return True
        run = MARKER_CHARACTERS.match(window)
        if not final and len(window) < _MARKER_WINDOW and run and run.end() == len(window):
            return False
        if self._page_of_line and self._buffer.startswith("[["):
            moved = self._step_path_marker(self._page_of_line, final)
            if moved is not None:
                return moved
        match = SINGLE.match(window)
        if match and self._may_stand_alone(match) and self._all_known(match[1]):
            self._take(match.end())
            self._mark(match)
            return True
        self._out.add(self._take(1))
        return True

    def _may_stand_alone(self, match: re.Match[str]) -> bool:
        """A single bracket is no slice of code, and no second half of a document's own `[ [3:12]]`."""
        is_slice = re.match(r"\[[0-9]", match[0]) and AFTER_NAME.search(self._out.tail)
        return not is_slice and not AFTER_OPEN_BRACKET.search(self._out.tail)

    def _step_path_marker(self, page_of_line: PageOfLine, final: bool) -> bool | None:
        """None: it is none. A path that was not sent stays text, like any brackets."""
        window = self._buffer[:_PATH_MARKER_WINDOW]
        if not final and len(window) < _PATH_MARKER_WINDOW and "]]" not in window and "\n" not in window:
            return False
        match = PATH_MARKER.match(window)
        if match is None:
            return None
        found = page_of_line(match["path"], int(match["first"]), int(match["last"] or match["first"]))
        if found is None or not self._is_known(*found):
            return None
        self._take(match.end())
        self._emit_marker(found, match[0])
        return True

    def _is_known(self, ordinal: int, first: int, last: int) -> bool:
        return (ordinal, first) in self._sent and (ordinal, last) in self._sent

    def _all_known(self, body: str) -> bool:
        return all(self._is_known(*pair) for pair in parse_pairs(body))

    def _mark(self, match: re.Match[str]) -> None:
        pairs = parse_pairs(match[1])
        if any(self._is_known(*pair) for pair in pairs):
            for pair in pairs:
                self._emit_marker(pair, match[0])
            return
        self._out.add(match[0])
        offset = self._out.length - len(match[0])
        self._flush()
        self._events += [MarkerSeen(offset, *pair, match[0], False) for pair in pairs]

    def _emit_marker(self, pair: tuple[int, int, int], raw: str) -> None:
        written = canonical_marker(*pair)
        self._out.add(written)
        offset = self._out.length - len(written)
        self._flush()
        self._events.append(MarkerSeen(offset, *pair, raw, self._is_known(*pair)))

    # -- code --

    def _step_code(self, final: bool) -> bool:
        line_feed = self._buffer.find("\n")
        line = self._buffer if line_feed == -1 else self._buffer[:line_feed]
        if self._out.line == "" and line_feed == -1 and not final and _MAYBE_FENCE_END.fullmatch(line):
            return False
        if self._out.line == "":
            run = line.strip(" \t>")
            if len(run) >= len(self._fence) and not run.strip(self._fence[0]):
                self._fence = ""
        self._out.add(self._take(len(line) + (line_feed != -1)))
        return True

    # -- evidence --

    def _step_evidence(self, final: bool) -> bool:
        window = self._buffer[:_EVIDENCE_LINE_WINDOW]
        line_feed = window.find("\n")
        line = window if line_feed == -1 else window[:line_feed]
        close = _TAG_CLOSE.search(line)
        if close:
            self._take(close.end())
            self._add_evidence(self._block.take(line[: close.start()]) + self._block.close())
            self._in_evidence = False
            return True
        if line_feed != -1:
            self._take(line_feed + 1)
            self._add_evidence(self._block.take(line))
            if self._block.is_answer:
                self._back_to_text(*self._block.give_back(), "")
            return True
        if len(window) == _EVIDENCE_LINE_WINDOW:
            self._add_evidence(self._block.end_quote())
            self._back_to_text(*self._block.give_back(), "")
            return True
        if final:
            self._take(len(line))
            self._add_evidence(self._block.take(line) + self._block.end_quote())
            self._back_to_text(*self._block.give_back())
            return True
        return False

    def _back_to_text(self, *lines: str) -> None:
        """The block was never closed: these lines are of the answer."""
        self._buffer = "\n".join(lines) + self._buffer
        self._in_evidence = False
