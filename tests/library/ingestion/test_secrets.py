"""Secrets in source code: certain ones cannot be read any more, decoys stay as they are."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.conf import settings

from apps.library.ingestion.source import secrets
from apps.library.ingestion.source.secrets import MASK, MOST_PLACES, mask
from tests.library.ingestion import secret_samples
from tests.library.ingestion.secret_samples import Sample

LEAST_RECALL = 0.97
MOST_FALSE_POSITIVES = 0.03
# Longer pieces of a secret are found nowhere in what is sent.
TELLING = 9


@pytest.fixture(scope="module", autouse=True)
def _rules() -> None:
    secrets.load(settings.CACHE_DIR)


def remains(sample: Sample) -> bool:
    """Whether a telling piece of the secret stands in the masked text; what frames a key is none."""
    masked = mask(sample.text).text
    pieces = [line for line in sample.secret.split("\n") if "-----" not in line]
    return any(
        line[at : at + TELLING] in masked for line in pieces for at in range(max(1, len(line) - TELLING + 1))
    )


def kinds(samples: Iterable[Sample]) -> str:
    return ", ".join(sorted({sample.kind for sample in samples})) or "none"


def test_secrets_are_masked_and_decoys_are_not() -> None:
    real, others = secret_samples.secrets(), secret_samples.decoys()
    assert len(real) == len(others) == 100
    missed = [sample for sample in real if remains(sample)]
    changed = [sample for sample in others if mask(sample.text).text != sample.text]
    doubted = [sample for sample in others if mask(sample.text).places and sample not in changed]
    print(
        f"\nSecrets masked: {100 - len(missed)} of 100 (missed: {kinds(missed)}). "
        f"Decoys masked: {len(changed)} of 100 ({kinds(changed)}); reported: {len(doubted)} ({kinds(doubted)})."
    )
    assert len(missed) <= (1 - LEAST_RECALL) * 100
    assert len(changed) + len(doubted) <= MOST_FALSE_POSITIVES * 100


def test_masking_keeps_lines_and_says_where() -> None:
    key = next(sample.secret for sample in secret_samples.secrets() if sample.kind == "RSA key")
    token = next(
        sample.secret for sample in secret_samples.secrets() if sample.kind == "GitHub personal token"
    )
    text = f"first = 1\nTOKEN = '{token}'\n{key}\nlast = 2\n"
    masked = mask(text)
    before, after = text.split("\n"), masked.text.split("\n")
    assert len(before) == len(after)
    assert after[0] == before[0]
    assert after[1] == f"TOKEN = '{token[:4]}{MASK * 36}'"
    assert after[2] == before[2]
    assert set(after[3]) == {MASK}
    assert after[-2] == "last = 2"
    assert [(place.line, place.kind, place.is_masked) for place in masked.places] == [
        (2, "github pat", True),
        (3, "private key", True),
    ]


def test_letters_of_several_bytes_before_a_secret_move_no_mask() -> None:
    token = secret_samples.secrets()[0].secret
    masked = mask(f"größe = 'äöü€😀' # {token} done\n")
    assert masked.text == f"größe = 'äöü€😀' # {token[:4]}{MASK * 36} done\n"


@pytest.mark.parametrize(
    "line",
    [
        "password = 'kd8x92lqpw'",
        '{"api_key": "9f8d7c6b5a4e3d2c"}',
        "secret: 'aXk29dkwQ21'",
    ],
)
def test_a_doubtful_secret_is_reported_and_left(line: str) -> None:
    masked = mask(line)
    assert masked.text == line
    assert [(place.line, place.is_masked) for place in masked.places] == [(1, False)]


@pytest.mark.parametrize(
    "line",
    [
        "postgres://user:password@localhost/db",
        "mysql://root:root@127.0.0.1/test",
        "https://user:${TOKEN}@git.example.org/a.git",
        "password = 'password123'",
        "server=db;user=sa;password={password};",
    ],
)
def test_a_placeholder_is_no_secret(line: str) -> None:
    assert not mask(line).places


def test_a_file_full_of_secrets_is_masked_whole_and_told_in_part() -> None:
    token = secret_samples.secrets()[0].secret
    masked = mask(f"{token}\n" * (MOST_PLACES + 500))
    assert token not in masked.text
    assert len(masked.places) == MOST_PLACES
    assert masked.places[-1].line == MOST_PLACES
