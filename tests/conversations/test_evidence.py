"""Where verified words stand on the page picture."""

from __future__ import annotations

from apps.conversations.evidence import boxes_of_span
from apps.library.ingestion.quotes import PageWords, Word


def page_of(text: str) -> PageWords:
    words, place = [], 0
    for word in text.split():
        words.append(Word(place / 100, 0.1, (place + len(word)) / 100, 0.2, word, 0, 0))
        place += len(word) + 1
    return PageWords(595, 842, tuple(words))


def test_the_whole_word_that_was_found_is_boxed_and_not_its_letters_before() -> None:
    text = "It is unlawful and then lawful again"
    start = text.index(" lawful") + 1
    assert boxes_of_span(page_of(text), text, start, start + 6) == [[0.24, 0.1, 0.3, 0.2]]


def test_a_phrase_printed_twice_is_boxed_where_it_was_found() -> None:
    text = "the rent is due and the rent is paid"
    second = text.rindex("the rent is")
    assert boxes_of_span(page_of(text), text, second, second + 11) == [[0.2, 0.1, 0.31, 0.2]]


def test_words_that_the_picture_does_not_show_have_no_box() -> None:
    assert boxes_of_span(page_of("only these"), "[Note] words of a note", 7, 22) == []
