import asyncio
import re
import time
from dataclasses import replace
from decimal import Decimal
from unittest.mock import ANY

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.markers import (
    EVIDENCE_CLOSE,
    EVIDENCE_OPEN,
    MARKER,
    QUESTION_HEADING,
    REMINDER_HEADING,
    pack_page,
)
from apps.llm.catalogue import load_catalogue
from apps.llm.gateway import stream_chat
from apps.llm.providers.quote_finder import find_answer, read_prompt, write_answer
from apps.llm.providers.quote_search import PackedPage, find_quotes, language_of, question_terms
from apps.llm.types import ChatMessage, ChatRequest, Finished, RequestSent, TextDelta, Usage

LEASE = {
    (1, 1): "This lease is made between the Landlord and the Tenant for the premises on the second floor.",
    (
        1,
        2,
    ): "12.1 Early end. Either party may terminate this lease\nearly with 120 days' written notice. Rent is due monthly.",
    (2, 1): "Die Mieterin kann den Vertrag kündigen. Eine Kündigung bedarf der Schriftform.",
    (3, 7): "本契約は30日前の書面通知により解約できる。賃料は毎月支払う。",
}


def make_request(
    question: str, pages: dict[tuple[int, int], str] | None = None, role: str = "user"
) -> ChatRequest:
    documents = ["# Document 1: lease.pdf\n"]
    documents += [pack_page(*key, text) for key, text in (LEASE if pages is None else pages).items()]
    rules = (
        'Answer like this:\n<evidence>\n[[3:12]] "either party may terminate with notice"\n</evidence>\n\n'
    )
    asked = [QUESTION_HEADING + question + "\n\n", REMINDER_HEADING + "Quote first.\nThen cite.\n"]
    if role == "system":
        messages = ChatMessage("system", (rules, *documents)), ChatMessage("user", tuple(asked))
    else:
        messages = ChatMessage("system", (rules,)), ChatMessage("user", (*documents, *asked))
    return ChatRequest(load_catalogue()["quote-finder"], messages, input_tokens=77, max_output_tokens=4096)


@pytest.mark.parametrize("role", ["user", "system"])
@pytest.mark.parametrize(
    ("question", "evidence"),
    [
        (
            "How much notice is needed to terminate early?",
            '[[1:2]] "Either party may terminate this lease early with 120 days\' written notice."',
        ),
        ("When is termination possible?", "Either party may terminate this lease early"),
        ("Welche Form hat die Kündigung?", '[[2:1]] "Eine Kündigung bedarf der Schriftform."'),
        ("解約の通知は何日前ですか", '[[3:7]] "本契約は30日前の書面通知により解約できる。"'),
    ],
)
def test_the_best_sentence_is_quoted_with_its_marker(question: str, evidence: str, role: str) -> None:
    answer = find_answer(make_request(question, role=role))
    block, _, text = answer.partition("</evidence>\n")
    assert evidence in block
    assert re.search(r"^- “.+” \[\[\d+:\d+\]\]$", text, re.MULTILINE)


def test_the_example_in_the_rules_is_not_taken_for_a_page() -> None:
    pages, question = read_prompt(make_request("# Question\nreally?"))
    assert [(page.ordinal, page.number) for page in pages] == list(LEASE)
    assert question == "# Question\nreally?"


@pytest.mark.parametrize(
    "tail",
    [
        (QUESTION_HEADING + "Why?\n\n" + REMINDER_HEADING + "Quote.\n",),
        (QUESTION_HEADING + "Why?\n\n", REMINDER_HEADING + "Quote.\n"),
        ("Why?\n",),
    ],
)
def test_the_reminder_is_not_part_of_the_question(tail: tuple[str, ...]) -> None:
    request = make_request("")
    request = replace(request, messages=(ChatMessage("user", (pack_page(1, 1, "A page."), *tail)),))
    assert read_prompt(request)[1] == "Why?"


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("unicorn farming?", "No sentence"),
        ("Was steht hier zum Einhorn?", "Kein Satz"),
        ("Où est la licorne ?", "Aucune"),
    ],
)
def test_nothing_found_is_said_in_the_language_of_the_question(question: str, sentence: str) -> None:
    answer = find_answer(make_request(question))
    assert answer.startswith("<evidence>\n</evidence>\n" + sentence)
    assert MARKER.search(answer) is None


def test_a_question_without_telling_words_gets_the_openings() -> None:
    answer = find_answer(make_request("What is this about?"))
    assert "begin like this" in answer
    assert "[[1:1]]" in answer
    assert "[[2:1]]" in answer
    assert find_answer(make_request("What is this about?", pages={})).startswith("<evidence>\n</evidence>\n")


def test_quotes_are_at_most_forty_words_and_hold_the_match() -> None:
    text = "alpha beta " * 100 + "the zebra crossing is closed " + "gamma delta " * 100
    (quote,) = find_quotes([PackedPage(1, 1, text)], "Is the zebra crossing closed?")
    assert len(quote.quote.split()) == 40
    assert "zebra crossing is closed" in quote.quote


def test_the_same_sentence_on_many_pages_is_quoted_once() -> None:
    pages = [PackedPage(1, number, "The deposit is three months of rent.") for number in range(1, 30)]
    (quote,) = find_quotes(pages, "How high is the deposit?")
    assert quote.page.number == 1


@pytest.mark.parametrize(
    "text", ["A topological deﬁnition stands here.", "A longer defi-\nnition stands here."]
)
def test_ligatures_and_hyphens_at_line_ends_hide_no_word(text: str) -> None:
    (quote,) = find_quotes([PackedPage(1, 1, text)], "Which definition?")
    assert quote.quote == " ".join(text.split())


def test_markdown_in_a_quote_is_shown_and_not_obeyed() -> None:
    page = PackedPage(1, 1, "Call `run` with *args and [link](http://x) or <b>html</b> for zebras.")
    answer = write_answer(find_quotes([page], "zebras"), "zebras")
    assert r"\`run\` with \*args and \[link\](http://x) or \<b\>html\</b\>" in answer
    assert '"Call `run` with *args and [link](http://x) or <b>html</b> for zebras."' in answer


words = st.sampled_from(
    ["zebra", "lease", "Rent", 'a "quoted" bit', "x.", "\n", "\n\n", "- ", "日本語", "🦙", "}", "  "]
)


@settings(deadline=None)
@given(
    st.lists(st.lists(words, max_size=60).map(" ".join).map(str.strip), max_size=5),
    st.lists(words).map(" ".join),
)
def test_every_quote_is_verbatim_on_its_page_and_the_format_holds(texts: list[str], question: str) -> None:
    pages = [PackedPage(1, number, text) for number, text in enumerate(texts, 1)]
    answer = write_answer(find_quotes(pages, question), question)
    lines = answer.splitlines()
    assert EVIDENCE_OPEN.fullmatch(lines[0])
    closing = next(index for index, line in enumerate(lines) if EVIDENCE_CLOSE.fullmatch(line))
    for line in lines[1:closing]:
        marker = MARKER.match(line)
        assert marker is not None
        quote = line[line.index('"') + 1 : line.rindex('"')]
        assert quote in " ".join(texts[int(marker["first"]) - 1].split())
        assert 0 < len(quote.split()) <= 40


async def test_an_answer_takes_the_path_of_a_model_s_and_costs_nothing() -> None:
    started = time.monotonic()
    events = [event async for event in stream_chat(make_request("How much notice to terminate early?"))]
    assert time.monotonic() - started < 3
    assert events[0] == RequestSent(1, "quote-finder")
    assert sum(isinstance(event, TextDelta) for event in events) > 20
    assert events[-2:] == [Usage(77, 0, ANY, estimated=False, cost_usd=Decimal(0)), Finished("stop")]


async def test_a_million_tokens_take_seconds_and_leave_the_loop_free() -> None:
    filler = (
        "The quick brown fox jumps over the lazy dog and signs the lease of the office for a while. " * 25
    )
    pages = {(1, number): f"Page {number}. {filler}" for number in range(1, 1900)}
    pages[1, 1900] = "The indexation of the rent follows the consumer price index."
    request = make_request("How does indexation of the rent work?", pages)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            started = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - started)

    watching = asyncio.create_task(watch())
    started = time.monotonic()
    text = "".join([event.text async for event in stream_chat(request) if isinstance(event, TextDelta)])
    took = time.monotonic() - started
    watching.cancel()
    assert "[[1:1900]]" in text
    assert took < 10
    assert longest < 0.5


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("What does the lease say about rent?", "en"),
        ("Was steht im Vertrag über die Miete?", "de"),
        ("Que dit le bail pour le loyer ?", "fr"),
        ("¿Qué dice el contrato sobre la renta?", "es"),
        ("賃料", "en"),
    ],
)
def test_the_language_of_a_question_is_told_by_its_small_words(question: str, language: str) -> None:
    assert language_of(question) == language


@pytest.mark.parametrize(
    "family",
    ["terminate terminated terminating termination", "rent rents rented", "party parties", "lease leases"],
)
def test_forms_of_a_word_share_a_stem(family: str) -> None:
    assert len(question_terms(family)) == 1
