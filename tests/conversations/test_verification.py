"""What becomes of a quote."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.folding import fold, fold_plain
from apps.conversations.verification import (
    SEVERITY,
    FoldedPages,
    Verdict,
    Verification,
    line_range,
    verify_quote,
    worst,
)

LEASE = """\
12. Termination. Either party may terminate this Lease with 120 days' written notice to the other party,
provided that the Tenant is not in default. The land-
lord shall return the security deposit of $1,200.50 to the Tenant within thirty days after the end of the
term. Acme Holdings Ltd. shall indemnify Beta Corp against all losses of more than 5 % per annum. The “premises”
are the ﬁrst ﬂoor of 12 Main Street, rented from 12/03/2024 until the end of June 2026. The supplier must
deliver 250 kg of unlawful goods - 5 to 10 units - at -5 °C without delay. The lessor pays the lessee promptly.
It is notable that nothing in this clause limits the internal audit. The tenant shall pay the landlord.
"""
RATES = (
    "The interest rate is 4.75 percent and the maximum term is ninety months for every borrower listed here."
)
PAGES = {
    (1, 1): "A table of contents that nobody quotes from in any answer, on purpose.",
    (3, 12): LEASE,
    (3, 13): RATES,
    (3, 14): "",
    (5, 1): "The same sentence stands here and there and makes nobody wiser.",
    (5, 2): "The same sentence stands here and there and makes nobody wiser.",
    (6, 1): "本契約は、当事者の一方が百二十日前に書面で通知することにより終了することができる。",
}


def check(quote: str, key: tuple[int, int] | None = (3, 12), last: int | None = None) -> Verification:
    return verify_quote(quote, key, FoldedPages(PAGES.__getitem__, PAGES), last=last)


EXACT = {
    "word for word": "Either party may terminate this Lease with 120 days' written notice",
    "over a line break": "written notice to the other party, provided that the Tenant",
    "other white space": "Either  party may\nterminate this\u00a0Lease with 120 days' written notice",
    "another case": "EITHER PARTY MAY TERMINATE THIS LEASE",
    "hyphenated at the line's end": "The landlord shall return the security deposit",
    "hyphenated as printed": "The land-\nlord shall return the security deposit",
    "hyphenated with the line break as a space": "The land- lord shall return the security deposit",
    "other quote signs": 'The "premises" are the first floor of 12 Main Street',
    "ligatures": "are the first floor of 12 Main Street",
    "curly apostrophe": "terminate this Lease with 120 days’ written notice",
    "a last stop too many": "The Tenant within thirty days after the end of the term...",
    "ending before the printed stop": "within thirty days after the end of the term",
    "ellipses around it": "… provided that the Tenant is not in default …",
    "numbers": "return the security deposit of $1,200.50 to the Tenant",
    "a negative number": "5 to 10 units - at -5 °C without delay",
}
ALTERED = {
    "a number": "Either party may terminate this Lease with 90 days' written notice",
    "one digit": "Either party may terminate this Lease with 128 days' written notice",
    "a number cut short": "Either party may terminate this Lease with 12 days' written notice",
    "a decimal": "return the security deposit of $1,200.60 to the Tenant within thirty days",
    "a separator": "return the security deposit of $12,00.50 to the Tenant within thirty days",
    "a number's head cut off": "200.50 to the Tenant within thirty days after the end",
    "a number in words": "security deposit of $1,200.50 to the Tenant within sixty days after the end",
    "a currency": "return the security deposit of €1,200.50 to the Tenant within thirty days",
    "a currency dropped": "return the security deposit of 1,200.50 to the Tenant within thirty days",
    "a negation dropped": "provided that the Tenant is in default",
    "a negation added": "Either party may not terminate this Lease with 120 days' written notice",
    "not able for notable": "It is not able that nothing in this clause limits the internal audit",
    "a modal verb": "Either party shall terminate this Lease with 120 days' written notice",
    "must for may": "Either party must terminate this Lease with 120 days' written notice",
    "a unit": "Either party may terminate this Lease with 120 weeks' written notice",
    "a unit dropped": "against all losses of more than 5 per annum",
    "a weight": "The supplier must deliver 250 mg of unlawful goods",
    "a date's day": "rented from 13/03/2024 until the end of June 2026",
    "a date's year": "rented from 12/03/2024 until the end of June 2027",
    "a month": "rented from 12/03/2024 until the end of July 2026",
    "a name": "Acme Holdings Ltd. shall indemnify Gamma Corp against all losses",
    "a name letter": "Acme Holdings Ltd. shall indemnify Bela Corp against all losses",
    "a name at the start": "Apex Holdings Ltd. shall indemnify Beta Corp against all losses",
    "parties swapped": "Beta Corp shall indemnify Acme Holdings Ltd. against all losses",
    "common parties swapped": "The landlord shall pay the tenant",
    "lessor for lessee": "The lessee pays the lessor promptly",
    "lessor alone": "The lessor pays the lessor promptly",
    "a prefix of negation": "The supplier must deliver 250 kg of lawful goods",
    "a prefix cut off": "lawful goods - 5 to 10 units - at -5 °C without delay",
    "internal for external": "nothing in this clause limits the external audit",
    "nothing for anything": "It is notable that anything in this clause limits the internal audit",
    "without for with": "5 to 10 units - at -5 °C with delay",
    "a sign": "5 to 10 units - at 5 °C without delay",
    "numbers run together": "510 units - at -5 °C without delay",
    "less for more": "against all losses of less than 5 % per annum",
    "a qualifying word missing": "It is notable that nothing in this clause limits the audit. The tenant shall pay the landlord",
    "before for after": "to the Tenant within thirty days before the end of the term",
}
CLOSE = {
    "a misspelt word": "Either party may terminnate this Lease with 120 days' written notice",
    "a letter missing": "provided that the Tenant is not in defauilt. The landlord shall return",
    "an article missing": "shall return security deposit of $1,200.50 to the Tenant within thirty days",
    "a comma missing": "written notice to the other party provided that the Tenant is not in default",
    "scan: rn for m": "Either party may terrninate this Lease with 120 days' written notice",
    "scan: l for I": "Either party may terminate thls Lease with 120 days' written notice",
    "scan: O for 0": "Either party may terminate this Lease with 12O days' written notice",
    "scan: l for 1": "Either party may terminate this Lease with l20 days' written notice",
    "scan: S for 5": "return the security deposit of $1,200.S0 to the Tenant within thirty days",
    "scan: O for 0 behind a point": "the security deposit of $1,200.5O to the Tenant within thirty days",
    "scan in a short quote": "The lessor pays the lessee prornptly",
    "scan in a name": "Acrne Holdings Ltd. shall indemnify Beta Corp against all losses",
}


def by_id(table: dict[str, str], verdict: Verdict) -> list[object]:
    return [pytest.param(quote, verdict, id=f"{verdict}: {name}") for name, quote in table.items()]


@pytest.mark.parametrize(
    ("quote", "verdict"), by_id(EXACT, "exact") + by_id(ALTERED, "altered") + by_id(CLOSE, "close")
)
def test_a_quote_gets_its_verdict(quote: str, verdict: Verdict) -> None:
    found = check(quote)
    assert found.verdict == verdict, found
    assert found.page_key == (3, 12)
    assert found.start is not None
    assert found.end is not None
    if verdict == "exact":
        printed = fold_plain(LEASE[found.start : found.end])
        assert fold_plain(quote).strip(".…,") == printed.strip(".,")
    else:
        assert verdict == "close" or found.differences


def test_a_difference_names_both_wordings_and_the_words_around_them() -> None:
    [difference] = check(ALTERED["a number"]).differences
    assert difference.to_json() == {
        "kind": "number",
        "quoted": "90",
        "printed": "120",
        "before": "this Lease with",
        "after": "days' written notice",
        "matters": True,
    }


@pytest.mark.parametrize(
    ("quote", "kind", "quoted", "printed"),
    [
        (ALTERED["a negation dropped"], "negation", "", "not"),
        (ALTERED["a modal verb"], "modal", "shall", "may"),
        (ALTERED["a unit"], "unit", "weeks", "days"),
        (ALTERED["a name"], "name", "Gamma", "Beta"),
        (ALTERED["a currency dropped"], "unit", "", "$"),
        (ALTERED["a qualifying word missing"], "left_out", "", "internal"),
        ("It is notable that in this clause", "negation", "", "nothing"),
        (CLOSE["a misspelt word"], "spelling", "terminnate", "terminate"),
        ("may promptly terminate this Lease with 120 days", "added", "promptly", ""),
    ],
)
def test_a_difference_says_of_what_kind_it_is(quote: str, kind: str, quoted: str, printed: str) -> None:
    [difference] = check(quote).differences
    assert (difference.kind, difference.quoted, difference.printed) == (kind, quoted, printed)
    assert difference.matters == (kind != "spelling")


def test_a_quote_that_leaves_out_its_middle_shows_what_it_left_out() -> None:
    found = check("Either party may terminate this Lease [...] provided that the Tenant is not in default")
    assert found.verdict == "altered"
    [difference] = found.differences
    assert difference.kind == "ellipsis"
    assert difference.printed == "with 120 days' written notice to the other party,"
    assert LEASE[found.start : found.end].endswith("in default")


def test_parts_of_a_quote_in_another_order_are_no_quote_with_its_middle_left_out() -> None:
    found = check("The lessor pays the lessee … Either party may terminate this Lease")
    assert found.verdict == "not_found"


def test_words_cut_off_behind_their_negation_are_altered() -> None:
    found = check("in default. The landlord shall return the security deposit")
    assert found.verdict == "altered"
    assert [difference.printed for difference in found.differences] == ["not"]


@pytest.mark.parametrize(
    ("page", "quote"),
    [
        ("The lessee doesn't have to restore the premises.", "have to restore the premises"),
        ("The lessee cannot terminate the lease before May.", "terminate the lease before May"),
        ("He may act without the written consent of the lessor.", "the written consent of the lessor"),
        ("Neither party may assign this agreement.", "party may assign this agreement"),
        ("Er haftet ohne Rücksicht auf ein Verschulden.", "Rücksicht auf ein Verschulden"),
    ],
)
def test_what_denies_the_words_behind_it_is_not_cut_off(page: str, quote: str) -> None:
    found = verify_quote(quote, (1, 1), FoldedPages({(1, 1): page}.__getitem__, [(1, 1)]))
    assert (found.verdict, found.differences[0].kind) == ("altered", "negation")


@pytest.mark.parametrize(
    ("page", "quote", "verdict"),
    [
        ("A clearance of 5' is kept here.", 'A clearance of 5" is kept here', "altered"),
        ("A clearance of 5' is kept here.", "A clearance of 5 is kept here", "altered"),
        ("A clearance of 5″ is kept here.", 'A clearance of 5" is kept here', "exact"),
        ("A wall 5' 10” high is kept here.", "A wall 5’ 10'' high is kept here", "exact"),
        ("The “Lease of 2019” is kept here.", "The 'Lease of 2019' is kept here", "exact"),
        ("In the 1990's it was kept here.", "In the 1990s it was kept here", "exact"),
    ],
)
def test_feet_and_inches_are_told_from_quote_signs(page: str, quote: str, verdict: str) -> None:
    pages = FoldedPages({(1, 1): page}.__getitem__, [(1, 1)])
    assert verify_quote(quote, (1, 1), pages).verdict == verdict


def test_words_that_stand_nowhere_are_not_found() -> None:
    assert check("The moon is made of an excellent green cheese").verdict == "not_found"
    assert check("any words at all but a page without any text", (3, 14)).verdict == "not_found"


def test_two_passages_joined_are_not_one_run() -> None:
    assert check("Either party may terminate this Lease. The lessor pays the lessee").verdict == "not_found"


def test_a_page_deep_inside_a_long_range_is_a_page_that_was_named() -> None:
    texts = {(1, number): f"On page {number} nothing is said of it." for number in range(1, 40)}
    texts[1, 30] = "The maximum term is ninety months."
    pages = FoldedPages(texts.__getitem__, texts)
    found = verify_quote("the maximum term is ninety months", (1, 1), pages, last=39)
    assert (found.verdict, found.page_key) == ("exact", (1, 30))
    found = verify_quote("the maximum term is ninety months", (1, 1), pages, last=29)
    assert (found.verdict, found.page_key) == ("elsewhere", (1, 30))


def test_a_quote_of_the_one_other_page_is_pointed_there() -> None:
    found = check("the maximum term is ninety months for every borrower")
    assert (found.verdict, found.page_key) == ("elsewhere", (3, 13))
    assert found.start == RATES.index("the maximum")


def test_a_quote_that_several_other_pages_have_is_not_re_pointed() -> None:
    assert check("The same sentence stands here and there").verdict == "not_found"


def test_exact_elsewhere_wins_over_altered_here() -> None:
    pages = {(1, 1): "Notice is 120 days before the end.", (1, 2): "Notice is 90 days before the end."}
    found = verify_quote("Notice is 90 days before the end", (1, 1), FoldedPages(pages.__getitem__, pages))
    assert (found.verdict, found.page_key) == ("elsewhere", (1, 2))


def test_a_range_is_searched_page_by_page() -> None:
    found = check("the maximum term is ninety months for every borrower", (3, 12), last=13)
    assert (found.verdict, found.page_key) == ("exact", (3, 13))


@pytest.mark.parametrize("quote", ["", "this Lease", "is not in default"[:11], "120 days", "“term”"])
def test_a_short_quote_names_only_a_page(quote: str) -> None:
    assert check(quote).verdict == "page_only"


def test_a_short_quote_still_has_its_place() -> None:
    found = check("security deposit")
    assert LEASE[found.start : found.end] == "security deposit"


def test_a_page_that_was_not_sent_is_invalid() -> None:
    assert check("The moon is made of an excellent green cheese", (9, 9)).verdict == "invalid"
    assert check("", (9, 9)).verdict == "invalid"
    found = check("the maximum term is ninety months for every borrower", (9, 9))
    assert (found.verdict, found.page_key) == ("elsewhere", (3, 13))


def test_a_quote_without_marker_is_pointed_to_its_page() -> None:
    assert check("the maximum term is ninety months for every borrower", None).verdict == "elsewhere"
    assert check("The moon is made of an excellent green cheese", None).verdict == "not_found"


def test_scripts_without_spaces_are_compared_character_by_character() -> None:
    assert check("当事者の一方が百二十日前に書面で通知することにより", (6, 1)).verdict == "exact"
    assert check("当事者の一方が百三十日前に書面で通知することにより", (6, 1)).verdict == "altered"


def test_a_dash_on_the_line_above_is_no_sign() -> None:
    pages = {(1, 1): "Change\n-\n100 % of the provision was used up"}
    found = verify_quote("100 % of the provision was used up", (1, 1), FoldedPages(pages.__getitem__, pages))
    assert found.verdict == "exact"


def test_all_places_of_a_repeated_quote_are_listed() -> None:
    pages = {(1, 1): "No smoking in the hall. Mind the step. No smoking in the hall."}
    found = verify_quote("No smoking in the hall", (1, 1), FoldedPages(pages.__getitem__, pages))
    assert len(found.places) == 2
    assert found.places[0] == (found.start, found.end)


def test_a_page_with_a_space_after_each_letter_is_readable() -> None:
    pages = {(1, 1): " ".join("the tenant may not sublet the premises")}
    found = verify_quote("may not sublet the premises", (1, 1), FoldedPages(pages.__getitem__, pages))
    assert found.verdict == "exact"


def test_worst_orders_verdicts_for_a_chip() -> None:
    assert worst([]) == "page_only"
    assert worst(["exact", "close", "exact"]) == "close"
    assert worst(["altered", "not_found", "elsewhere"]) == "not_found"
    assert len(SEVERITY) == 7


def test_lines_are_counted_from_one() -> None:
    text = "a\nbb\nccc\n"
    assert line_range(text, 0, 1) == (1, 1)
    assert line_range(text, 2, 8) == (2, 3)
    assert line_range(text, 2, 5) == (2, 2)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_a_fold_maps_back_and_folds_once(text: str) -> None:
    folded = fold(text)
    assert len(folded.origins) == len(folded.text)
    assert folded.origins == sorted(folded.origins)
    assert fold_plain(folded.text) == folded.text
    for start in range(len(folded.text)):
        origin, end = folded.span(start, start + 1)
        assert folded.text[start] in fold_plain(text[origin:end])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whole_words_of_a_page_are_exact_wherever_they_stand(data: st.DataObject) -> None:
    words = LEASE.split()
    start = data.draw(st.integers(0, len(words) - 8))
    length = data.draw(st.integers(8, 30))
    quote = " ".join(words[start : start + length])
    found = check(quote)
    is_denied = start > 0 and words[start - 1] in {"not", "without"}
    assert found.verdict == ("altered" if is_denied else "exact")
    assert found.start is not None


@pytest.mark.parametrize("parting", ["", " "], ids=["characters", "words"])
def test_one_change_in_a_long_quote_is_found_without_holding_others_up(parting: str) -> None:
    words = [
        chr(0x4E00 + number * 7 % 3000)
        if not parting
        else f"word{chr(97 + number % 26)}{chr(97 + number // 26)}"
        for number in range(600)
    ]
    quoted = [*words[:300], "否" if not parting else "never", *words[301:]]
    text = parting.join([*words[-40:], *words, *words[:40]])
    pages = FoldedPages({(1, 1): text}.__getitem__, [(1, 1)])
    started = time.thread_time()
    found = verify_quote(parting.join(quoted), (1, 1), pages)
    assert time.thread_time() - started < 1
    assert found.verdict == "altered"
    [difference] = found.differences
    assert (difference.quoted, difference.printed) == (quoted[300], words[300])


def test_a_large_corpus_is_searched_in_seconds() -> None:
    page = LEASE * 3
    keys = [(1, number) for number in range(1, 4001)]
    pages = FoldedPages(lambda key: f"{page} number {key[1]} of them all stands here", keys)
    started = time.perf_counter()
    found = verify_quote("number 3999 of them all stands here", (1, 1), pages)
    assert (found.verdict, found.page_key) == ("elsewhere", (1, 3999))
    assert time.perf_counter() - started < 15
