"""One room whose every word is hostile, and its twin with harmless words of the same shape.

Run as `python -m tests.browser.hostile_seed EMAIL` with an installation's environment. Prints JSON:
{"hostile": {name: path}, "harmless": {name: path}}.
"""

from __future__ import annotations

import json
import os
import re
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docanalyst.settings")
django.setup()

from django.urls import reverse  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.conversations.models import Answer, Evidence, Verdict  # noqa: E402
from apps.library.models import Corpus, Page, Revision  # noqa: E402
from apps.workspaces.models import Workspace  # noqa: E402
from tests.conversations.hostile_texts import HOSTILE  # noqa: E402
from tests.factories import (  # noqa: E402
    add_mentions,
    make_answer,
    make_conversation,
    make_document,
    make_question,
)

# NUL cannot be stored, and what a row keeps has no lone surrogates.
PAYLOADS = tuple(text.replace("\0", "") for text in HOSTILE)
PAGES = 8
CITED = 40


def harmless(text: str) -> str:
    """The same white space, another word in the place of all else."""
    return re.sub(r"\S+", lambda word: "w" * min(len(word[0]), 40), text)


def make_room(workspace: Workspace, alice: User, texts: tuple[str, ...]) -> dict[str, str]:
    corpus = Corpus.objects.create(
        workspace=workspace, name=texts[0][:100], suggested_question=texts[1][:300]
    )
    document = make_document(
        corpus,
        texts[2][:200],
        ["\n".join(texts[number::PAGES]) for number in range(PAGES)],
        with_file=True,
        facts={
            "title": texts[3],
            "author": texts[4],
            "outline": [[1, text[:200], 1] for text in texts],
            "attachments": [{"name": text[:200], "size_bytes": 1} for text in texts],
            "notes": list(texts[:20]),
            "instructed": [1],
        },
    )
    for number, page in enumerate(Page.objects.filter(revision=document.current_revision)):
        page.label, page.flags = texts[number][:300], ["hidden_text", texts[number][:100]]
        page.save()
    for text in texts[:60]:
        make_document(
            corpus,
            text[:200],
            (),
            status=Revision.Status.FAILED,
            error_code="damaged",
            error_sentence=text[:500],
        )
    conversation = make_conversation(corpus, alice, texts[5][:200])
    for text in texts[:60]:
        make_conversation(corpus, alice, text[:200])
    question = make_question(conversation, "\n".join(texts))
    cited = "\n\n".join(
        f"{text}\n\nAs said [[1:{number % PAGES + 1}]]." for number, text in enumerate(texts[:CITED])
    )
    answer = make_answer(
        question,
        cited,
        status=Answer.Status.FAILED,
        error_code="interrupted",
        error_sentence=texts[6][:500],
        not_sent=[
            {"ordinal": 1, "name": text[:200], "first": None, "last": None, "reason": text[:200]} for text in texts[:40]
        ],
        notices=[
            {"code": "instructions_in_document", "sentence": text, "pages": [
                {"ordinal": 1, "page": 1, "label": text[:200], "name": text[:200], "words": text}
            ]}
            for text in texts[:40]
        ],
    )  # fmt: skip
    verdicts = [Verdict.EXACT, Verdict.CLOSE, Verdict.ALTERED, Verdict.ELSEWHERE, Verdict.NOT_FOUND]
    entry = answer.manifest[0]
    Evidence.objects.bulk_create(
        Evidence(
            answer=answer,
            position=number,
            marker=f"[[1:{number % PAGES + 1}]]",
            marker_given=text[:200],
            ordinal=1,
            page_number=number % PAGES + 1,
            document_id=entry["document_id"],
            revision_id=entry["revision_id"],
            label=text[:300],
            quote=text,
            why=text[:500],
            verdict=verdicts[number % len(verdicts)],
            differences=[{"kind": "word", "quoted": text, "printed": text, "before": text, "after": text}],
            boxes=[[0.1, 0.1, 0.6, 0.2]],
        )
        for number, text in enumerate(texts)
    )
    add_mentions(answer)
    slug = workspace.slug
    return {
        "corpus": reverse("library:corpus", args=[slug, corpus.pk]),
        "conversation": reverse("conversations:detail", args=[slug, conversation.pk]),
        "coverage": reverse("conversations:coverage", args=[slug, answer.pk]),
        "cited page": reverse("conversations:cite", args=[slug, answer.pk, 1, 1]),
        "document": reverse("library:document-about", args=[slug, document.pk]),
        "page": reverse("library:page", args=[slug, document.pk, 2]),
        "text of a page": reverse("library:page", args=[slug, document.pk, 2]) + "?tab=text",
        "export": reverse("conversations:export", args=[slug, answer.pk, "md"]),
    }


def main() -> None:
    alice = User.objects.get(email=sys.argv[1])
    workspace = Workspace.objects.get(memberships__user=alice)
    rooms = {"hostile": PAYLOADS, "harmless": tuple(map(harmless, PAYLOADS))}
    print(json.dumps({name: make_room(workspace, alice, texts) for name, texts in rooms.items()}))


if __name__ == "__main__":
    main()
