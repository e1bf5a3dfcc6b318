"""Secrets of a repository, from the archive to the bytes that a provider receives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from apps.common.redis import sync_redis
from apps.conversations import answering, services
from apps.library.models import SecretFinding
from tests.conversations.conftest import Desk
from tests.library.ingestion.secret_samples import Sample, decoys, secrets
from tests.library.trees import bring, read
from tests.provider_server import ProviderServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

# Longer pieces of a secret are found nowhere in what is sent.
TELLING = 9
PRICES = '[[prices]]\nendpoint = "test-scout"\nfrom = 2026-01-01\ninput = "1.00"\noutput = "2.00"\n'


@pytest.fixture(name="provider")
def provider_that_keeps_what_it_receives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_client: Redis
) -> Iterator[ProviderServer]:
    sync_redis.cache_clear()
    with ProviderServer() as server:
        (tmp_path / "catalogue.toml").write_text(server.catalogue_entry("test-scout"))
        (tmp_path / "prices.toml").write_text(PRICES)
        monkeypatch.setenv("DOCANALYST_CATALOGUE", str(tmp_path / "catalogue.toml"))
        monkeypatch.setenv("DOCANALYST_PRICES", str(tmp_path / "prices.toml"))
        yield server


def pieces(sample: Sample) -> set[str]:
    """Every telling piece of a secret; what frames a key is none."""
    lines = [line for line in sample.secret.split("\n") if "-----" not in line]
    return {line[at : at + TELLING] for line in lines for at in range(max(1, len(line) - TELLING + 1))}


def test_no_certain_secret_reaches_a_provider(desk: Desk, provider: ProviderServer) -> None:
    real, others = secrets(), decoys()
    files = {
        f"top/settings/{number:03}.conf": f"# Set {number}\n{sample.text}"
        for number, sample in enumerate(real)
    }
    files |= {f"top/src/{number:03}.txt": sample.text for number, sample in enumerate(others)}
    document = bring(desk.alice, desk.corpus, files)
    revision = read(document)
    answer = services.ask_question(desk.alice, desk.conversation, "Which services are configured?")
    answering.run_answer(str(answer.pk))

    sent = "\n".join(message["content"] for message in provider.messages())
    assert "settings/099.conf:1–" in sent
    assert "src/099.txt:1" in sent
    leaked = [sample.kind for sample in real if any(piece in sent for piece in pieces(sample))]
    print(f"\nSecrets that reached the provider: {len(leaked)} of {len(real)} {leaked}")
    assert leaked == []
    masked = SecretFinding.objects.filter(revision=revision, is_masked=True, path__startswith="settings/")
    assert masked.values("path").distinct().count() == len(real)
