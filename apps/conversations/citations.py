"""What a model wrote, split as it streams into evidence, text and citation markers.

Models do not keep to one spelling (marker_grammar.py); text that leaves this module does.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, replace

from apps.common.markers import PATH_MARKER
from apps.conversations.marker_grammar import (
    AFTER_OPEN_BRACKET,
    DOUBLE,
    MARKER_CHARACTERS,
    SINGLE,
    EvidenceLine,
    PageKey,
    PageOfLine,
    canonical_marker,
    parse_evidence_line,
    parse_pairs,
)

_TAG = re.compile(r"<\s{0,3}(/?)\s{0,3}evidence\s{0,3}>", re.IGNORECASE)
_TAG_CLOSE = re.compile(r"<\s{0,3}/\s{0,3}evidence\s{0,3}>", re.IGNORECASE)
_TAG_BEGUN = re.compile(
    r"<\s{0,3}/?\s{0,3}(?:e(?:v(?:i(?:d(?:e(?:n(?:c(?:e\s{0,3})?)?)?)?)?)?)?)?\Z", re.IGNORECASE
)
_SPECIAL = re.compile(r"[<\[【［`~\n]")
_FENCE_LINE = re.compile(r"(`{3,}|~{3,})([^\n]*)\n")
_MAYBE_FENCE_END = re.compile(r"[ \t>]*[`~]*[ \t]*\Z")
_LINE_START = re.compile(r"[ \t>]*\Z")

# How much of a stream may be held back until a decision: each is a window over the text from the
# character in question, so that decisions depend on the text and never on how it was cut.
_MARKER_WINDOW = 120
_PATH_MARKER_WINDOW = 400
_CODE_SPAN_WINDOW = 200
_FENCE_LINE_WINDOW = 200
_EVIDENCE_LINE_WINDOW = 4_000
_QUOTE_LINES = 8


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
        self._in_evidence = False
        self._fence = ""  # the run that opened the code block we are in
        self._wrapper = ""  # a fence around the evidence block, dropped with its end
        self._line = ""  # what came since the last line feed of the text, at most a few characters
        self._tail = ""
        self._space = ""  # white space not yet known to stand between words
        self._length = 0
        self._pending: list[str] = []
        self._events: list[Event] = []
        self._quote_open: list[str] = []
        self._loose: list[str] = []

    def feed(self, chunk: str) -> list[Event]:
        """Take the next chunk; gives what is decided by now."""
        self._buffer += chunk.replace("\r", "").replace("\0", "")
        return self._run(final=False)

    def finish(self) -> list[Event]:
        """The stream is over: decide what was held back. Call once."""
        return self._run(final=True)

    # -- the machine --

    def _run(self, *, final: bool) -> list[Event]:
        while self._buffer or (final and (self._quote_open or self._loose)):
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

    def _emit(self, text: str) -> None:
        if not text:
            return
        line_feed = text.rfind("\n")
        self._line = text[line_feed + 1 :] if line_feed != -1 else self._line + text
        if len(self._line) > 80:
            self._line = "x"  # long enough not to be a line's beginning
        self._tail = (self._tail + text)[-2:]
        content = text.rstrip()
        if not content:
            if self._length:
                self._space += text
            return
        if not self._length:
            text = text.lstrip()
        whole = self._space + text
        kept = whole.rstrip()
        self._space = whole[len(kept) :]
        self._length += len(kept)
        self._pending.append(kept)

    def _flush(self) -> None:
        if self._pending:
            self._events.append(TextDelta("".join(self._pending)))
            self._pending = []

    def _at_line_start(self) -> bool:
        return _LINE_START.fullmatch(self._line) is not None

    # -- text --

    def _step_text(self, final: bool) -> bool:
        special = _SPECIAL.search(self._buffer)
        if special is None:
            self._emit(self._take(len(self._buffer)))
            return True
        if special.start():
            self._emit(self._take(special.start()))
        sign = self._buffer[0]
        if sign == "\n":
            self._emit(self._take(1))
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
        self._emit(self._take(1))
        return True

    def _step_fence_or_span(self, final: bool) -> bool:
        sign = self._buffer[0]
        run = len(self._buffer) - len(self._buffer.lstrip(sign))
        if run == len(self._buffer) and run < _CODE_SPAN_WINDOW and not final:
            return False
        if run >= 3 and self._at_line_start():
            return self._step_fence(run, final)
        if sign == "~":
            self._emit(self._take(run))
            return True
        return self._step_span(run, final)

    def _step_fence(self, run: int, final: bool) -> bool:
        window = self._buffer[:_FENCE_LINE_WINDOW]
        match = _FENCE_LINE.match(window)
        if match is None:
            if not final and "\n" not in window and len(window) < _FENCE_LINE_WINDOW:
                return False
            self._emit(self._take(run))
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
        self._emit(self._take(match.end()))
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
            self._emit(self._take(run))
            return True
        marker = DOUBLE.fullmatch(line[run : end.start()].strip())
        self._take(end.end())
        if marker:
            self._mark(marker)
        else:
            self._emit(line[: end.end()])
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
        # A document's own `[[3:12]]` was stored as `[ [3:12]]`; copied by a model it must not become ours.
        if match and not AFTER_OPEN_BRACKET.search(self._tail) and self._all_known(match[1]):
            self._take(match.end())
            self._mark(match)
            return True
        self._emit(self._take(1))
        return True

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
        self._emit(match[0])
        offset = self._length - len(match[0])
        self._flush()
        self._events += [MarkerSeen(offset, *pair, match[0], False) for pair in pairs]

    def _emit_marker(self, pair: tuple[int, int, int], raw: str) -> None:
        written = canonical_marker(*pair)
        self._emit(written)
        offset = self._length - len(written)
        self._flush()
        self._events.append(MarkerSeen(offset, *pair, raw, self._is_known(*pair)))

    # -- code --

    def _step_code(self, final: bool) -> bool:
        line_feed = self._buffer.find("\n")
        line = self._buffer if line_feed == -1 else self._buffer[:line_feed]
        if self._line == "" and line_feed == -1 and not final and _MAYBE_FENCE_END.fullmatch(line):
            return False
        if self._line == "":
            run = line.strip(" \t>")
            if len(run) >= len(self._fence) and not run.strip(self._fence[0]):
                self._fence = ""
        self._emit(self._take(len(line) + (line_feed != -1)))
        return True

    # -- evidence --

    def _step_evidence(self, final: bool) -> bool:
        window = self._buffer[:_EVIDENCE_LINE_WINDOW]
        line_feed = window.find("\n")
        line = window if line_feed == -1 else window[:line_feed]
        close = _TAG_CLOSE.search(line)
        if close:
            self._take(close.end())
            self._evidence_line(line[: close.start()])
            self._end_quote()
            self._end_loose()
            self._in_evidence = False
            return True
        if line_feed != -1:
            self._take(line_feed + 1)
            self._evidence_line(line)
            if self._loose_is_answer():
                self._give_back("\n")
            return True
        if len(window) == _EVIDENCE_LINE_WINDOW:
            self._end_quote()
            self._loose.append("")
            self._give_back("")
            return True
        if final:
            self._take(len(line))
            self._evidence_line(line)
            self._end_quote()
            self._give_back("")
            return True
        return False

    def _evidence_line(self, line: str) -> None:
        stripped = line.strip()
        if self._quote_open:
            item = parse_evidence_line(stripped)
            if stripped and item is None and len(self._quote_open) < _QUOTE_LINES:
                self._quote_open.append(stripped)
                if '"' in stripped:
                    self._end_quote()
                return
            self._end_quote()
        if not stripped or not stripped.strip("`~"):
            if self._loose:
                self._loose.append(line)
            return
        item = parse_evidence_line(stripped)
        if item is None:
            self._loose.append(line)
            return
        self._end_loose()
        if stripped.count('"') == 1:
            self._quote_open = [stripped]
            return
        self._add(item)

    def _end_quote(self) -> None:
        if self._quote_open:
            item = parse_evidence_line(" ".join(self._quote_open))
            self._quote_open = []
            if item:
                self._add(item)

    def _end_loose(self) -> None:
        """Lines that turned out to stand inside the block: kept as remarks without marker and quote."""
        for line in self._loose:
            if line.strip():
                self._add(EvidenceLine("", None, None, "", line.strip()))
        self._loose = []

    def _loose_is_answer(self) -> bool:
        """Two lines in a row that are no evidence: the model forgot to close its block."""
        return sum(1 for line in self._loose if line.strip()) >= 2

    def _give_back(self, end: str) -> None:
        self._buffer = "\n".join(self._loose) + (end if self._loose else "") + self._buffer
        self._loose = []
        self._in_evidence = False

    def _add(self, item: EvidenceLine) -> None:
        self._flush()
        path = PATH_MARKER.fullmatch(item.marker_text) if item.ordinal is None else None
        if path and self._page_of_line:
            lines = int(path["first"]), int(path["last"] or path["first"])
            found = self._page_of_line(path["path"], *lines)
            if found:
                item = replace(item, ordinal=found[0], page=found[1], last=found[2])
        self._events.append(item)
