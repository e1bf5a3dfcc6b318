"""The search over all pages: finds what stands there, keeps what it folded, and no more than it may."""

from __future__ import annotations

import random
from typing import Any

import pytest

from apps.common.folding import fold_bytes, fold_plain
from apps.conversations import page_folds
from apps.conversations.page_folds import PageFolds
from apps.library.models import Revision
from tests.factories import make_corpus, make_document, make_workspace

pytestmark = pytest.mark.django_db

TEXTS = (
    "Either party may ter-\nminate “at will”.",
    "Rent is due on the third day.",
    "",
    "Jede Partei kann kündigen: die ﬁrst notice.",
    "either PARTY may terminate at will and go",
    "本合同第三条规定，承租人应当支付租金。",
)


def revision_of(texts: Any = TEXTS) -> Revision:
    revision = make_document(make_corpus(make_workspace()), texts=texts).current_revision
    assert revision is not None
    return revision


@pytest.mark.parametrize("slab_bytes", [1, 40, 1024 * 1024], ids=["a page each", "some pages", "all in one"])
@pytest.mark.parametrize(
    ("quote", "pages"),
    [
        ("may terminate 'at will'", [1, 5]),
        ("third day.", [2]),
        ("KÜNDIGEN: Die First", [4]),
        ("承租人应当", [6]),
        ("will. Rent is due", []),
        ("nowhere at all", []),
    ],
)
def test_the_pages_that_hold_a_quote_are_found(
    monkeypatch: pytest.MonkeyPatch, slab_bytes: int, quote: str, pages: list[int]
) -> None:
    monkeypatch.setattr(page_folds, "_SLAB_BYTES", slab_bytes)
    folds, revision = PageFolds(), revision_of()
    assert folds.pages_with(revision.pk, fold_plain(quote)) == pages
    assert folds.pages_with(revision.pk, fold_plain(quote)) == pages


def test_a_revision_is_read_once_for_all_answers(django_assert_num_queries: Any) -> None:
    folds, revision = PageFolds(), revision_of()
    with django_assert_num_queries(1):
        folds.pages_with(revision.pk, "rent")
    with django_assert_num_queries(0):
        assert folds.pages_with(revision.pk, "rent") == [2]


def test_a_prepared_revision_is_searched_without_a_query(django_assert_num_queries: Any) -> None:
    folds, revision = PageFolds(), revision_of()
    with django_assert_num_queries(1):
        folds.prepare(revision.pk)
        folds.prepare(revision.pk)
    with django_assert_num_queries(0):
        assert folds.pages_with(revision.pk, "rent") == [2]


def test_no_more_is_kept_than_fits_and_the_longest_unused_goes_first(django_assert_num_queries: Any) -> None:
    one, other, third = (revision_of([letter * 100] * 3) for letter in "abc")
    folds = PageFolds(most_bytes=700)
    for revision in (one, other, one, third):
        folds.pages_with(revision.pk, "none")
    assert folds.bytes_kept <= 700
    with django_assert_num_queries(0):
        assert folds.pages_with(one.pk, "a" * 100) == [1, 2, 3]
    with django_assert_num_queries(1):
        assert folds.pages_with(other.pk, "b" * 100) == [1, 2, 3]


def test_a_revision_that_is_too_large_to_keep_is_searched_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_folds, "_SLAB_BYTES", 50)
    folds, revision = PageFolds(most_bytes=100), revision_of(["lawful " * 10] * 9)
    assert folds.pages_with(revision.pk, "lawfullawful") == list(range(1, 10))
    assert folds.bytes_kept == 0


def test_the_fold_of_bytes_is_the_fold_of_letters() -> None:
    rng = random.Random(4)
    signs = "aZ -\n\t\"'“”–—ﬁ½Éß€жИ漢１²İ…\u00ad\u200b\u0301\ud800"
    for few in (0.01, 0.1, 0.9):
        for _ in range(100):
            text = "".join(
                rng.choice(signs) if rng.random() < few else rng.choice("aZ -.\n") for _ in range(80)
            )
            apart = "".join(map(fold_plain, text))
            assert fold_plain(text) == apart
            assert fold_bytes(text) == apart.encode("utf-8", "surrogatepass")
