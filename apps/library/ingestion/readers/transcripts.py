"""Transcripts (WebVTT, SubRip) as running speech: who speaks from when, instead of a line for every two seconds.

Source: WebVTT, W3C Candidate Recommendation 2019, 4; SubRip as its own program wrote it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.library.ingestion.readers.parts import Part

PAGE_CHARACTERS = 4_000
"""About four minutes of speech: close enough to find it in the recording."""
_PARAGRAPH_CHARACTERS = 600
_LONGEST_PAUSE_SECONDS = 5.0

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,]\d{1,3}"
_TIMES = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,100})?\s{1,10}([^<>]{1,200})>")
_TAG = re.compile(r"<[^<>]{0,300}>|\{\\[^{}]{0,100}\}")


@dataclass(slots=True)
class _Speech:
    """start, end: seconds. speaker: empty where the transcript names nobody."""

    start: int
    end: int
    speaker: str
    words: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        speaker = f"{self.speaker}: " if self.speaker else ""
        return f"[{_clock(self.start)}] {speaker}{' '.join(self.words)}\n"


def transcript_parts(text: str) -> list[Part]:
    """Pages called `00:12:03–00:15:40`; none where there is no cue."""
    parts: list[Part] = []
    page: list[_Speech] = []
    characters = 0
    for speech in _speeches(text):
        if page and characters + len(speech.line) > PAGE_CHARACTERS:
            parts.append(_part(page))
            page, characters = [], 0
        page.append(speech)
        characters += len(speech.line)
    return [*parts, _part(page)] if page else parts


def _part(page: list[_Speech]) -> Part:
    label = f"{_clock(page[0].start)}–{_clock(max(speech.end for speech in page))}"
    return Part(label, "".join(speech.line for speech in page))


def _speeches(text: str) -> Iterator[_Speech]:
    """Cues of one speaker joined, until a pause or a paragraph's length."""
    current: _Speech | None = None
    before = ""
    for start, end, lines in _cues(text):
        for line in lines:
            voice = _VOICE.search(line)
            words = " ".join(html.unescape(_TAG.sub("", line)).split())
            # Live captions say the last line again while the next one grows.
            if not words or words == before:
                continue
            before = words
            speaker = " ".join(html.unescape(voice[1]).split()) if voice else ""
            if current is None or _is_new(current, start, speaker):
                if current:
                    yield current
                current = _Speech(start, end, speaker)
            current.words.append(words)
            current.end = max(current.end, end)
    if current:
        yield current


def _is_new(current: _Speech, start: int, speaker: str) -> bool:
    return (
        speaker != current.speaker
        or start - current.end > _LONGEST_PAUSE_SECONDS
        or sum(map(len, current.words)) > _PARAGRAPH_CHARACTERS
    )


def _cues(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """(start, end, lines) of each cue; numbers, names of cues, notes and styles stand outside of them."""
    cue: tuple[int, int, list[str]] | None = None
    for line in text.split("\n"):
        if times := _TIMES.fullmatch(line):
            if cue:
                # Without a blank line between, the last line was the next cue's number.
                if cue[2] and cue[2][-1].strip().isdigit():
                    cue[2].pop()
                yield cue
            cue = _seconds(*times.group(1, 2, 3)), _seconds(*times.group(4, 5, 6)), []
        elif not line.strip():
            if cue:
                yield cue
            cue = None
        elif cue:
            cue[2].append(line)
    if cue:
        yield cue


def _seconds(hours: str | None, minutes: str, seconds: str) -> int:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
