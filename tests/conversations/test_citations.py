"""The stream of an answer, taken apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.conversations.citations import (
    AnswerParser,
    Event,
    MarkerSeen,
    TextDelta,
)
from apps.conversations.marker_grammar import (
    EvidenceLine,
    SentPages,
    canonical_marker,
    parse_evidence_line,
)

SENT = SentPages([(1, 1, 4), (3, 1, 40), (12, 7, 7)])


def parse(*chunks: str, sent: SentPages = SENT) -> list[Event]:
    parser = AnswerParser(sent)
    events: list[Event] = []
    for chunk in chunks:
        events += parser.feed(chunk)
    events += parser.finish()
    return joined(events)


def joined(events: Iterable[Event]) -> list[Event]:
    """Text deltas as one, in front: what must not depend on the chunks."""
    events = list(events)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    return [TextDelta(text), *[event for event in events if not isinstance(event, TextDelta)]]


def text_of(events: list[Event]) -> str:
    assert isinstance(events[0], TextDelta)
    return events[0].text


def markers_of(events: list[Event]) -> list[MarkerSeen]:
    return [event for event in events if isinstance(event, MarkerSeen)]


def evidence_of(events: list[Event]) -> list[EvidenceLine]:
    return [event for event in events if isinstance(event, EvidenceLine)]


GOOD = (
    "<evidence>\n"
    '[[3:12]] "either party may terminate with 120 days written notice"\n'
    '[[1:2]] "rent is due" — names the day\n'
    "</evidence>\n"
    "The lease can be ended early with 120 days' notice [[3:12]].\n"
)


def test_the_asked_for_form_is_read_as_it_stands() -> None:
    events = parse(GOOD)
    assert text_of(events) == "The lease can be ended early with 120 days' notice [[3:12]]."
    assert evidence_of(events) == [
        EvidenceLine("[[3:12]]", 3, 12, "either party may terminate with 120 days written notice", last=12),
        EvidenceLine("[[1:2]]", 1, 2, "rent is due", "names the day", 2),
    ]
    [marker] = markers_of(events)
    assert (marker.ordinal, marker.first, marker.last, marker.known) == (3, 12, 12, True)
    assert text_of(events)[marker.offset :].startswith("[[3:12]]")


@pytest.mark.parametrize(
    ("written", "canonical", "pairs"),
    [
        ("[[3:12]]", "[[3:12]]", [(3, 12, 12)]),
        ("[3:12]", "[[3:12]]", [(3, 12, 12)]),
        ("[[3:12-14]]", "[[3:12-14]]", [(3, 12, 14)]),
        ("[[3:12–14]]", "[[3:12-14]]", [(3, 12, 14)]),
        ("[[3:12 — 14]]", "[[3:12-14]]", [(3, 12, 14)]),
        ("[[3:12-3:14]]", "[[3:12-14]]", [(3, 12, 14)]),
        ("[[3:14-12]]", "[[3:12-14]]", [(3, 12, 14)]),
        ("[[3:12, 3:14]]", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("[[3:12; 1:2]]", "[[3:12]][[1:2]]", [(3, 12, 12), (1, 2, 2)]),
        ("[[3:12, 14]]", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("[[3:12], [3:14]]", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("[[3:12][3:14]]", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("[[3:12]][[3:14]]", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("[3:12, 3:14]", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("【3:12】", "[[3:12]]", [(3, 12, 12)]),
        ("【【3：12】】", "[[3:12]]", [(3, 12, 12)]),
        ("［［3:12］］", "[[3:12]]", [(3, 12, 12)]),
        ("[[3: 12]]", "[[3:12]]", [(3, 12, 12)]),
        ("[[ 3:12 ]]", "[[3:12]]", [(3, 12, 12)]),
        ("[[3:p. 12]]", "[[3:12]]", [(3, 12, 12)]),
        ("[[3:12]", "[[3:12]]", [(3, 12, 12)]),
        ("`[[3:12]]`", "[[3:12]]", [(3, 12, 12)]),
        ("[[3:39-40]]", "[[3:39-40]]", [(3, 39, 40)]),
        ("[3:12][3:14]", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("[3:12] [3:14]", "[[3:12]] [[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("[3:12, 14]", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("【3：12，3：14】", "[[3:12]][[3:14]]", [(3, 12, 12), (3, 14, 14)]),
        ("【3:12–14】", "[[3:12-14]]", [(3, 12, 14)]),
        ("[[3:\u00a012]]", "[[3:12]]", [(3, 12, 12)]),
        ("[[" + ", ".join(["3:12"] * 40) + "]]", "[[3:12]]" * 40, [(3, 12, 12)] * 40),
    ],
)
def test_spellings_become_the_canonical_one(
    written: str, canonical: str, pairs: list[tuple[int, int, int]]
) -> None:
    events = parse(f"So it is {written}, they say.")
    assert text_of(events) == f"So it is {canonical}, they say."
    assert [(m.ordinal, m.first, m.last) for m in markers_of(events)] == pairs
    for marker in markers_of(events):
        expected = canonical_marker(marker.ordinal, marker.first, marker.last)
        assert text_of(events)[marker.offset :].startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "an index [9:3] of nothing sent",
        "code `rows[3:12]` stays code",
        "and so does rows[3:12] or f()[3:12] or a[0][3:12]",
        "stored as [ 3:12] or 【 3:12】 or [[3:\n12]]",
        "other digits [[٣:١٢]] and [[３:１２]]",
        "< evidence> and < /evidence> and < / evidence> of a page",
        "```python\nrows[3:12]\nx = [[3:12]]\n```\nand on",
        "~~~\n[[3:12]]\n~~~",
        "a link [3:12](https://example.org/) stays a link",
        "copied from a page [ [3:12]] stays broken",
        "[[src/app.py:42]] and [[README.md:7]] are paths",
        "[[wiki link]] and [x] and [[ -z $HOME ]] are none of ours",
        "a time [12:30] and a verse [Gen 3:12]",
        "open [[3:",
        "a < b and <evident> and <|eot|>",
    ],
)
def test_what_is_no_marker_is_left_alone(text: str) -> None:
    events = parse(text)
    assert text_of(events) == text
    assert markers_of(events) == []


def test_an_unknown_pair_stays_as_written_and_is_told() -> None:
    events = parse("Never sent [[9:99]] and [[3:39–41]].")
    assert text_of(events) == "Never sent [[9:99]] and [[3:39–41]]."
    assert [(m.ordinal, m.first, m.last, m.known) for m in markers_of(events)] == [
        (9, 99, 99, False),
        (3, 39, 41, False),
    ]
    assert [text_of(events)[m.offset : m.offset + 2] for m in markers_of(events)] == ["[[", "[["]


def test_offsets_count_code_points() -> None:
    events = parse("👩🏽‍⚖️ judges é [[3:12]]")
    [marker] = markers_of(events)
    assert marker.offset == len("👩🏽‍⚖️ judges é ")


def test_an_unclosed_code_span_does_not_swallow_a_marker() -> None:
    events = parse("five feet 3` long [[3:12]]\nand more")
    assert len(markers_of(events)) == 1


def test_a_block_in_the_middle_and_at_the_end_is_taken_out() -> None:
    events = parse('Yes [[3:12]].\n<EVIDENCE >\n[[3:12]] "a b c d"\n</ evidence>\nIndeed.')
    assert text_of(events) == "Yes [[3:12]].\n\nIndeed."
    assert [line.quote for line in evidence_of(events)] == ["a b c d"]
    assert text_of(parse('Yes.\n\n<evidence>\n[[3:12]] "a b c d"\n</evidence>\n')) == "Yes."


def test_an_empty_block_leaves_only_the_answer() -> None:
    assert parse("<evidence>\n</evidence>\nNot in the documents.") == [TextDelta("Not in the documents.")]


def test_an_answer_on_the_line_of_the_closing_tag_is_kept() -> None:
    events = parse('<evidence>[[3:12]] "a b c d"</evidence>Yes.')
    assert text_of(events) == "Yes."
    assert len(evidence_of(events)) == 1


def test_a_block_that_is_never_closed_loses_nothing() -> None:
    events = parse('<evidence>\n[[3:12]] "a b c d"\n\nFirst paragraph [[3:12]].\n\nSecond.\n')
    assert text_of(events) == "First paragraph [[3:12]].\n\nSecond."
    assert [line.quote for line in evidence_of(events)] == ["a b c d"]
    assert text_of(parse('<evidence>\n[[3:12]] "a b c d"\nOne line of answer.')) == "One line of answer."


def test_a_quote_broken_over_lines_is_joined_with_spaces() -> None:
    events = parse('<evidence>\n[[3:12]] "either party\nmay terminate\nat will" — how\n</evidence>\nYes.')
    assert evidence_of(events) == [
        EvidenceLine("[[3:12]]", 3, 12, "either party may terminate at will", "how", 12)
    ]


def test_remarks_inside_the_block_are_kept_as_remarks() -> None:
    events = parse('<evidence>\nFrom the lease:\n[[3:12]] "a b c d"\n</evidence>\nYes.')
    assert evidence_of(events)[0] == EvidenceLine("", None, None, "", "From the lease:")
    assert text_of(events) == "Yes."


def test_a_fence_around_the_block_is_dropped() -> None:
    events = parse('```xml\n<evidence>\n[[3:12]] "a b c d"\n</evidence>\n```\nYes.')
    assert text_of(events) == "Yes."
    assert len(evidence_of(events)) == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('[[3:12]] "he said "no" to it"', EvidenceLine("[[3:12]]", 3, 12, 'he said "no" to it', last=12)),
        ('- [[3:12]]: "a b"', EvidenceLine("[[3:12]]", 3, 12, "a b", last=12)),
        ("2. [3:12] “a b” - because", EvidenceLine("[3:12]", 3, 12, "a b", "because", 12)),
        ('[[3:12-13]] "a b"', EvidenceLine("[[3:12-13]]", 3, 12, "a b", last=13)),
        ("[[3:12]]", EvidenceLine("[[3:12]]", 3, 12, "", last=12)),
        ("[[3:12]] bare words", EvidenceLine("[[3:12]]", 3, 12, "bare words", last=12)),
        ('"a b" [[3:12]]', EvidenceLine("[[3:12]]", 3, 12, "a b", last=12)),
        ('"a b c"', EvidenceLine("", None, None, "a b c")),
        ("[[3:12]] «a b» — c", EvidenceLine("[[3:12]]", 3, 12, "a b", "c", 12)),
        ('[[3:12]] Section 4 says "a b"', EvidenceLine("[[3:12]]", 3, 12, "a b", "Section 4 says", 12)),
        ('[[3:12]] See "a b" — why', EvidenceLine("[[3:12]]", 3, 12, "a b", "See … why", 12)),
        ('[[src/app.py:12]] "a b"', EvidenceLine("[[src/app.py:12]]", None, None, "a b")),
        ("plain words", None),
    ],
)
def test_evidence_lines_are_read_tolerantly(line: str, expected: EvidenceLine | None) -> None:
    assert parse_evidence_line(line) == expected


def page_of_line(path: str, first: int, last: int) -> tuple[int, int, int] | None:
    return (1, first // 100 + 1, last // 100 + 1) if path in ("src/app.py", "app/[id]/page.tsx") else None


def parse_code(*chunks: str) -> list[Event]:
    parser = AnswerParser(SENT, page_of_line)
    return joined([*(event for chunk in chunks for event in parser.feed(chunk)), *parser.finish()])


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[[src/app.py:42]]", "[[1:1]]"),
        ("[[src/app.py:90-130]]", "[[1:1-2]]"),
        ("[[app/[id]/page.tsx:7]]", "[[1:1]]"),
        ("[[src/gone.py:42]]", "[[src/gone.py:42]]"),
        ("[[src/app.py:4200]]", "[[src/app.py:4200]]"),
        ("[[ -z $HOME ]] and [[3:12]]", "[[ -z $HOME ]] and [[3:12]]"),
    ],
)
def test_a_line_of_a_file_becomes_the_page_that_holds_it(written: str, shown: str) -> None:
    raw = f'<evidence>\n[[src/app.py:142]] "a b c d"\n</evidence>\nSee {written}.\nEnd.'
    events = parse_code(raw)
    assert text_of(events) == f"See {shown}.\nEnd."
    assert evidence_of(events) == [EvidenceLine("[[src/app.py:142]]", 1, 2, "a b c d", last=2)]
    assert parse_code(*raw) == events


def test_carriage_returns_and_nul_are_dropped() -> None:
    assert text_of(parse("a\r", "\nb\0c")) == "a\nbc"


def test_little_is_held_back() -> None:
    parser = AnswerParser(SENT)
    shown = 0
    sentence = "A plain sentence without anything special. "
    for number in range(1, 50):
        shown += sum(len(e.text) for e in parser.feed(sentence) if isinstance(e, TextDelta))
        assert number * len(sentence) - shown <= 16


PIECES = st.sampled_from(
    [
        "[[", "]]", "[", "]", "3:12", "12", ":", "-", "–", ", ", "3", "9:99", " ", "\n", "\n\n", "`", "```",
        "```\n", "~~~", "<", ">", "<evidence>", "</evidence>", "evidence", '"', '"quoted words"', "word", "é",
        "👩🏽‍⚖️", "【", "】", "(", "(url)", ". ", "[[3:12]]", '[[3:12]] "a b c d"\n', "- ", "> ", "/", "\r\n", "\t",
        "\u00a0", "\u3000", "：", "，", "；", "p. ", "P", "٣", "１２", "[3:12][3:14]", "[[3:12, 14; 1:2]]", "rows[3:12]",
        "【3：12】", "［［3:12］］", "[[3:12]](", " — why", "“smart words”", "« mots »", "```xml\n", "</ evidence >",
        "[[src/app.py:42]]", "|", "\u2028", "\x00", "\ue000",
    ]
)  # fmt: skip
WORD = re.compile(r"[^\W\d_]+")
TAG = re.compile(r"<(?:/\s{0,3})?evidence\s{0,3}>", re.IGNORECASE)
# A fence around the evidence block goes with its tag.
WRAPPER = re.compile(r"(?:`{3,}|~{3,})[^\n`]*\n\s*(?=<evidence\s{0,3}>)", re.IGNORECASE)


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=30), st.data())
def test_any_split_gives_the_same_events(pieces: list[str], data: st.DataObject) -> None:
    raw = "".join(pieces)
    whole = parse(raw)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=8))
    edges = [0, *sorted(cuts), len(raw)]
    assert parse(*[raw[a:b] for a, b in pairwise(edges)]) == whole
    assert parse(*raw) == whole


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=30))
def test_no_word_is_lost(pieces: list[str]) -> None:
    raw = "".join(pieces)
    events = parse(raw)
    kept = " ".join(
        event.text if isinstance(event, TextDelta) else f"{event.marker_text} {event.quote} {event.why}"
        for event in events
        if not isinstance(event, MarkerSeen)
    )
    written = TAG.sub(" ", WRAPPER.sub(" ", raw.replace("\r", "").replace("\0", "")))
    # The `p.` of a marker is no word.
    lost = Counter(letters(written)) - Counter(letters(kept))
    assert set(lost) <= set("pP")


def letters(text: str) -> str:
    return "".join(WORD.findall(text))


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=30))
def test_markers_stand_where_they_say(pieces: list[str]) -> None:
    events = parse("".join(pieces))
    for marker in markers_of(events):
        here = text_of(events)[marker.offset :]
        written = canonical_marker(marker.ordinal, marker.first, marker.last)
        assert here.startswith(written) or (not marker.known and here[0] in "[【")
