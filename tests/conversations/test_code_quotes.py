"""Quotes of code: what counts as the same, what differs, and in which lines of the file they stand."""

from __future__ import annotations

import pytest

from apps.conversations.code_quotes import find_code, split_code
from apps.conversations.evidence import EvidenceChecker
from apps.conversations.marker_grammar import EvidenceLine
from apps.conversations.models import Answer, Evidence
from apps.conversations.source_lines import first_line, is_code
from apps.conversations.verification import FoldedPages, verify_quote
from apps.library.models import Document, Page
from tests.conversations.conftest import Desk
from tests.factories import make_answer, make_question
from tests.repositories import make_repository

PAGE = """\
def refresh(cache, key):
    # Values are taken
    # from the table, never
    #
    # from the caller.
    if not cache.is_open(key):
        return -1
    limit = 1.200; flag = !ready(key)
    println!("hello {}", key);
    if key == "" and limit <= 10:
        return "it's " + names['k'] # see 例えば here
"""


def verdict_of(quote: str) -> tuple[str, list[str]]:
    found = verify_quote(quote, (1, 1), FoldedPages(lambda _: PAGE, [(1, 1)], is_code=True))
    return found.verdict, [difference.kind for difference in found.differences]


@pytest.mark.parametrize(
    "quote",
    [
        "if not cache.is_open(key): return -1",
        'if key == "" and limit<=10:',
        "return 'it\\'s ' + names[\"k\"]".replace("\\", ""),
        "if key == '' and limit <= 10:",
        "Values are taken from the table, never from the caller.",
        "# Values are taken # from the table, never",
        '("hello {}", key); if key ==',
        "see 例えば here",
    ],
)
def test_white_space_quote_signs_and_signs_of_comments_say_nothing(quote: str) -> None:
    assert find_code(quote, PAGE), quote


@pytest.mark.parametrize(
    ("quote", "kind"),
    [
        ("if cache.is_open(key): return -1", "negation"),
        ("cache.is_open(key): return -1", "negation"),
        ("ready(key) println!(\"hello {}\", key);", "negation"),
        ("if not cache.is_open(key): return 1", "sign"),
        ("if key != \"\" and limit <= 10:", "negation"),
        ("if key == \"\" and limit < 10:", "sign"),
        ("if key == \"\" and limit <= 11:", "number"),
        ("if Key == \"\" and limit <= 10:", "name"),
        ("if keys == \"\" and limit <= 10:", "name"),
        ("if key == \"x\" and limit <= 10:", "name"),
    ],
)  # fmt: skip
def test_every_other_difference_makes_it_altered(quote: str, kind: str) -> None:
    verdict, kinds = verdict_of(quote)
    assert verdict == "altered"
    assert kind in kinds


@pytest.mark.parametrize("quote", ["ache.is_open(key", "limit <", "200; flag", "ready(key)", "return 1"])
def test_no_name_number_or_operator_is_cut_in_two(quote: str) -> None:
    assert not find_code(quote, PAGE)


def test_code_in_a_comment_s_place_is_no_comment() -> None:
    assert not find_code("a = 1 b = 2 c = 3", "a = 1\n# b = 2\nc = 3\n")


def test_a_short_quote_keeps_its_line() -> None:
    found = verify_quote("return -1", (1, 1), FoldedPages(lambda _: PAGE, [(1, 1)], is_code=True))
    assert (found.verdict, PAGE[found.start : found.end]) == ("page_only", "return -1")


def test_words_of_code_are_names_numbers_and_operators() -> None:
    assert [word.form for word in split_code('a1_b >>= 0x1F + "x" – ""')] == [
        "a1_b", ">>=", "0x1F", "+", "x", "-", '""',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("src/app.py:1–120", True), ("Makefile:7", True), ("a/.gitignore:1–3", True), ("web/index.html:1–9", True),
        ("README.md:1–9", False), ("docs/LICENSE:1–9", False), ("notes.txt:3", False), ("xii", False),
    ],
)  # fmt: skip
def test_documentation_is_no_code(label: str, code: bool) -> None:
    assert is_code(label) == code


def test_first_line_is_read_from_every_form_of_label() -> None:
    labels = ["src/a.py:121–240", "src/a.py:7", "lines 121–240", "line 7", "xii"]
    assert [first_line(label) for label in labels] == [121, 7, 121, 7, 1]


# -- lines of files as they come --

LINE = "value = compute(first, second)  # the seventh step"
CASES: dict[str, bytes] = {
    "crlf.py": b"# one\r\n# two\r\n" + LINE.encode() + b"\r\n# four\r\n",
    "tabs.c": b"\n\n\t\t" + LINE.encode().replace(b" = ", b"\t=\t") + b"\n",
    "long.js": b"var a;\n\nlet x = [" + b"0," * 150_000 + LINE.encode() + b"," + b"1," * 20_000 + b"];\n",
    "wide.cs": ("\n\n" + LINE + "\nö\n").encode("utf-16"),
    "latin.py": "# Größe\n# übrig\n".encode("latin-1") + LINE.encode() + b"\n",
    "feeds.el": b"a\x0cb\n\x0c\n" + LINE.encode() + b"\n",
    "separators.py": "a\u2028b\x85c\nd\n".encode() + LINE.encode() + b"\n",
    "again.py": LINE.encode() + b"\n" + (b"# between\n" * 130) + LINE.encode() + b"\n",
}


@pytest.fixture
def checker(desk: Desk) -> EvidenceChecker:
    make_repository(desk.corpus, CASES)
    return EvidenceChecker(make_answer(make_question(desk.conversation), status=Answer.Status.READING))


def page_of(path: str, line: int) -> Page:
    """The slice with this line."""
    for page in Page.objects.filter(label__startswith=f"{path}:"):
        if first_line(page.label) <= line < first_line(page.label) + page.text.count("\n"):
            return page
    raise AssertionError(f"{path} has no line {line}")


def checked(checker: EvidenceChecker, page: Page, quote: str, position: int = 0) -> Evidence:
    marker = f"[[2:{page.number}]]"
    return checker.check(EvidenceLine(marker, 2, page.number, quote), position)


@pytest.mark.parametrize("path", sorted(CASES))
def test_a_quote_ends_in_the_lines_that_contain_it(checker: EvidenceChecker, path: str) -> None:
    line = {"again.py": 132}.get(path, 3)
    row = checked(checker, page_of(path, line), LINE)
    assert (row.verdict, row.lines) == ("exact", [line, line])
    document = Document.objects.get(name="code")
    assert document.current_revision is not None
    text = "".join(
        document.current_revision.pages.filter(label__startswith=f"{path}:").values_list("text", flat=True)
    )
    cited = text.split("\n")[line - 1]
    assert find_code(LINE, cited)


def test_a_repeated_quote_names_the_place_its_marker_names(checker: EvidenceChecker) -> None:
    first, second = page_of("again.py", 1), page_of("again.py", 132)
    assert first.pk != second.pk
    assert checked(checker, first, LINE).lines == [1, 1]
    assert checked(checker, second, LINE, 1).lines == [132, 132]


def test_a_quote_over_the_border_of_two_slices_has_the_lines_of_both(desk: Desk) -> None:
    lines = [f"call_number_{number}(argument)\n" for number in range(1, 200)]
    document = make_repository(desk.corpus, {"a.py": "".join(lines), "b.py": "call_number_200(argument)\n"})
    assert document.current_revision is not None
    first, second, other = document.current_revision.pages.order_by("number")
    border = first.text.count("\n")
    checker = EvidenceChecker(make_answer(make_question(desk.conversation), status=Answer.Status.READING))
    quote = f"call_number_{border}(argument) call_number_{border + 1}(argument)"
    row = checked(checker, first, quote)
    assert (row.verdict, row.marker, row.lines) == ("exact", "[[2:1-2]]", [border, border])
    assert row.continued is not None
    assert row.continued["lines"] == [border + 1, border + 1]
    end = second.text.count("\n") + border
    over_files = checked(checker, second, f"call_number_{end}(argument) call_number_200(argument)", 1)
    assert over_files.verdict != "exact"
    assert other.label == "b.py:1"
