"""A corpus with a lease, somebody who may ask about it, and a model whose replies the test writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.accounts.models import User
from apps.conversations import reaping
from apps.conversations.models import Conversation
from apps.conversations.services import start_conversation
from apps.library.models import Corpus
from apps.llm.providers.scripted import Script, scripted_provider
from apps.workspaces.models import Role, Workspace
from tests.factories import add_member, make_corpus, make_document, make_user, make_workspace


@dataclass
class Desk:
    """alice owns the workspace, bob is a member; the corpus holds one lease of three pages."""

    alice: User
    bob: User
    workspace: Workspace
    corpus: Corpus
    conversation: Conversation


@pytest.fixture
def desk(db: None) -> Desk:
    alice, bob = make_user("alice@example.org"), make_user("bob@example.org")
    workspace = make_workspace("Tenancy", owner=alice)
    add_member(workspace, bob, Role.MEMBER)
    corpus = make_corpus(workspace)
    make_document(corpus, with_file=True)
    return Desk(alice, bob, workspace, corpus, start_conversation(alice, corpus))


@pytest.fixture(autouse=True)
def _short_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaping, "SECOND_LOOK_SECONDS", 0.2)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """The only model that is connected; it costs 1 and 20 dollars a million tokens."""
    catalogue, prices = tmp_path / "catalogue.toml", tmp_path / "prices.toml"
    catalogue.write_text(
        "[endpoints.scripted]\n"
        'provider = "custom"\nprotocol = "scripted"\nbase_url = "http://localhost"\nmodel_id = "scripted"\n'
        'family = "maverick"\ncontext_tokens = 200000\nmax_output_tokens = 4096\n'
    )
    prices.write_text(
        '[[prices]]\nendpoint = "scripted"\nfrom = 2026-01-01\ninput = "1.00"\noutput = "20.00"\n'
    )
    monkeypatch.setenv("DOCANALYST_CATALOGUE", str(catalogue))
    monkeypatch.setenv("DOCANALYST_PRICES", str(prices))
    with scripted_provider(endpoint_id="scripted", family="maverick") as written:
        yield written
