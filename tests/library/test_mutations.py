"""Sixty broken files; `make soak` reads two thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.accounts.models import User
from apps.library.models import Corpus
from tests.factories import make_corpus, make_user, make_workspace
from tests.library.ingestion.mutations import MUTATORS, mutate
from tests.library.mutants import LIMITS, bring, made_by_code, measure, run_mutants


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice@example.org")


@pytest.fixture
def corpus(alice: User) -> Corpus:
    return make_corpus(make_workspace("Broken", owner=alice))


def test_the_same_seed_gives_the_same_file() -> None:
    sources = made_by_code()
    for seed in range(len(MUTATORS)):
        assert mutate(seed, sources) == mutate(seed, sources)


def test_every_broken_file_comes_to_an_end_inside_its_limits(
    alice: User, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, settings
) -> None:
    settings.RECOGNISE_SCANS = False
    usage = measure(monkeypatch)
    sources = made_by_code()
    states = run_mutants(alice, corpus, (mutate(seed, sources) for seed in range(44)), print)

    assert states.total() == 44
    assert states["ready"] > 10, states
    assert usage.children > 44
    assert usage.within(LIMITS), usage


def test_broken_files_of_others_come_to_an_end_too(
    alice: User, corpus: Corpus, corpora: Path, monkeypatch: pytest.MonkeyPatch, settings
) -> None:
    settings.RECOGNISE_SCANS = False
    usage = measure(monkeypatch)
    small = [path.read_bytes() for path in sorted(corpora.rglob("*.pdf")) if 0 < path.stat().st_size < 60_000]
    states = run_mutants(alice, corpus, (mutate(seed, small) for seed in range(1_000, 1_022)), print)

    assert states.total() == 22
    assert usage.within(LIMITS), usage


@pytest.mark.parametrize("count", [b"-1", b"99999999999999999999"])
def test_a_count_of_pages_that_cannot_be_is_mended(
    alice: User, corpus: Corpus, settings, count: bytes
) -> None:
    settings.RECOGNISE_SCANS = False
    assert bring(alice, corpus, made_by_code()[0].replace(b"/Count 1", b"/Count " + count)) == "ready"
