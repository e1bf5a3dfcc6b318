"""Planted pairs of a page and a quote: what a lawyer calls the quote's words is what the verdict says.

The pairs stand in pairs/*.toml, written by hand before the code that is measured by them. `{printed|quoted}`
in a quote is the one place where it departs from its page. As a script this prints the table of the room's
README: `python -m tests.conversations.test_verification_pairs`.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.conversations.verification import FoldedPages, Verification, verify_quote

EXPECTED = {"exact": {"exact"}, "scanned": {"close", "altered"}, "altered": {"altered", "not_found"}}
"""Verdicts that are right for each part of a file."""
NAMES = {"exact": "true", "scanned": "true, badly written", "altered": "altered"}

README = Path(__file__).parents[2] / "apps" / "conversations" / "README.md"
_CHANGE = re.compile(r"\{([^|}]*)\|([^}]*)\}")
HERE, ELSEWHERE, ELSEWHERE_TOO = (1, 1), (1, 2), (2, 7)
UNRELATED = (
    "A page about the tides of the northern sea, the moon above them and the boats that wait for both."
)


@dataclass(frozen=True)
class Pair:
    """A page's text, a quote as a model may give it, and the same words as they are printed."""

    source: str
    part: str
    kind: str
    page: str
    quote: str
    printed: str
    is_code: bool = False

    def __str__(self) -> str:
        return f"{self.source}, {self.kind}: {self.quote[:60]}"


def read_pairs() -> Iterator[Pair]:
    for path in sorted((Path(__file__).parent / "pairs").glob("*.toml")):
        table = tomllib.loads(path.read_text())
        is_code = table.get("is_code", False)
        for part in EXPECTED.keys() & table.keys():
            for kind, quotes in table[part].items():
                for marked in quotes:
                    quote, printed = _CHANGE.sub(r"\2", marked), _CHANGE.sub(r"\1", marked)
                    shown = f"code: {kind}" if is_code else kind
                    yield Pair(path.stem, part, shown, table["page"], quote, printed, is_code)


PAIRS = sorted(read_pairs(), key=str)


def check(pair: Pair, quote: str = "", **pages: str) -> Verification:
    """The pair's quote, or another, said to stand on page `here`; pages by the names of their keys."""
    texts = {
        HERE: pages.get("here", UNRELATED),
        ELSEWHERE: pages.get("elsewhere", UNRELATED),
        ELSEWHERE_TOO: pages.get("elsewhere_too", UNRELATED),
    }
    pages_sent = FoldedPages(texts.__getitem__, texts, is_code=pair.is_code)
    return verify_quote(quote or pair.quote, HERE, pages_sent)


def test_there_are_four_hundred_pairs_and_none_is_there_twice() -> None:
    assert len(PAIRS) >= 400
    assert len({(pair.source, pair.quote) for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_planted_quote_gets_its_verdict(pair: Pair) -> None:
    found = check(pair, here=pair.page)
    assert found.verdict in EXPECTED[pair.part], found
    if found.verdict in {"close", "altered"}:
        assert found.differences, "a reader must be told what differs"


def test_the_words_without_their_change_stand_on_the_page() -> None:
    for pair in PAIRS:
        if pair.quote != pair.printed:
            assert check(pair, pair.printed, here=pair.page).verdict == "exact", pair.printed


def test_a_quote_is_pointed_to_the_one_page_that_has_it_and_to_no_other() -> None:
    for pair in PAIRS:
        if pair.part == "exact":
            assert check(pair).verdict == "not_found"
            found = check(pair, elsewhere=pair.page)
            assert (found.verdict, found.page_key) == ("elsewhere", ELSEWHERE), pair
            found = check(pair, here=pair.page, elsewhere=pair.page)
            assert (found.verdict, found.page_key) == ("exact", HERE), pair
            found = check(pair, elsewhere=pair.page, elsewhere_too=pair.page)
            assert (found.verdict, found.start) == ("not_found", None), pair


def test_a_changed_quote_is_never_pointed_anywhere() -> None:
    for pair in PAIRS:
        if pair.part == "altered":
            assert check(pair, elsewhere=pair.page).verdict == "not_found", pair


def test_the_table_in_the_readme_is_what_these_pairs_get() -> None:
    assert table_of_results() in README.read_text()


def table_of_results() -> str:
    """Kinds of pairs by the verdicts they got, in Markdown."""
    verdicts = ["exact", "close", "altered", "not_found"]
    rows: dict[tuple[str, str], Counter[str]] = {}
    for part in EXPECTED:
        for pair in PAIRS:
            if pair.part == part:
                found = check(pair, here=pair.page)
                rows.setdefault((part, pair.kind), Counter())[found.verdict] += 1
    lines = [
        f"| Pairs | | {' | '.join(f'`{verdict}`' for verdict in verdicts)} |",
        "|---|---|" + "---:|" * len(verdicts),
    ]
    for (part, kind), counts in sorted(
        rows.items(), key=lambda row: (list(EXPECTED).index(row[0][0]), row[0])
    ):
        assert counts.keys() <= set(verdicts)
        cells = " | ".join(str(counts[verdict] or "") for verdict in verdicts)
        lines.append(f"| {NAMES[part]} | {kind} | {cells} |")
    total = sum(rows.values(), Counter())
    lines.append(f"| all | {total.total()} | {' | '.join(str(total[verdict]) for verdict in verdicts)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table_of_results())
