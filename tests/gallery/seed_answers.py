"""Conversations of the gallery: an answer in every state, with every verdict, short and very long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.accounts.models import User
from apps.conversations.models import Answer, Conversation, ReadingPass, Verdict
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.models import Corpus, Document, Page
from tests.factories import (
    LEASE_PAGES,
    add_evidence,
    add_mentions,
    make_answer,
    make_answered,
    make_conversation,
    make_document,
    make_question,
    pdf_bytes,
)
from tests.gallery.seed_code import about_code, about_old_code
from tests.gallery.words import (
    ARABIC_PAGE,
    CLAUSES,
    CODE_AND_TABLE,
    JAPANESE_PAGE,
    LONG_NAME,
    MINUTES,
    VERDICT_TEXT,
    clause_pages,
)

Claim = Callable[[], dict[str, object]]
Corpora = Mapping[str, Corpus]
NOTICE_QUOTE = "Either party may terminate with 120 days written notice."


def boxes_on(text: str, words: str) -> list[list[float]]:
    """Where words stand on the page that `pdf_bytes` makes of a text."""
    with pymupdf.open(stream=pdf_bytes([text])) as document:
        page = document[0]
        return [
            [
                place.x0 / page.rect.width,
                place.y0 / page.rect.height,
                place.x1 / page.rect.width,
                place.y1 / page.rect.height,
            ]
            for place in page.search_for(words)
        ]


BOX = boxes_on(LEASE_PAGES[1], NOTICE_QUOTE)


def make_answers(corpora: Corpora, people: Mapping[str, User], claim: Claim) -> dict[str, Answer]:
    alice = people["alice"]
    small = corpora["small"]
    answers = {
        "done": make_answered(small, alice),
        **running_answers(small, alice, claim),
        **ended_answers(small, alice),
        "verdicts": every_verdict(small, alice),
        "rich": with_code_and_table(small, alice),
        "branches": with_branches(small, alice),
        "many-citations": with_many_citations(corpora["many"], alice),
        "long-labels": with_long_labels(corpora["states"], alice),
        "foreign": in_other_scripts(corpora["foreign"], alice),
        "deep": about_an_archive(corpora["deep"], alice),
        "shared": make_answered(small, people["bob"], "When is the rent due?"),
        "source-removed": with_removed_source(small, alice),
        "of-a-file": about_a_file(corpora["files"], alice),
        "of-code": about_code(corpora["code"], alice),
        "of-old-code": about_old_code(corpora["code"], alice),
        "in-passes": in_passes(corpora["deep"], alice),
        "right-to-left": in_hebrew(corpora["foreign"], alice),
    }
    Conversation.objects.filter(pk=answers["shared"].question.conversation_id).update(
        shared_at=timezone.now()
    )
    for number in range(1, 41):
        title = LONG_NAME if number % 9 == 0 else f"Question {number} about the lease"
        conversation = make_conversation(small, alice, title)
        Conversation.objects.filter(pk=conversation.pk).update(
            touched_at=timezone.now() - timedelta(hours=7 * number)
        )
    return answers


def running_answers(corpus: Corpus, owner: User, claim: Claim) -> dict[str, Answer]:
    def stage(name: str, sentence: str, done: int = 0, total: int = 0) -> dict[str, Any]:
        return {"stage": name, "sentence": sentence, "done": done, "total": total}

    def running(status: Answer.Status, text: str = "", **fields: Any) -> Answer:
        question = make_question(make_conversation(corpus, owner, f"An answer that is {status}"))
        return make_answer(question, text, status=status, **claim(), **fields)

    writing = running(
        Answer.Status.WRITING,
        "The lease can be ended early with 120 days' notice [[1:2]]. Notice is given by",
        stage=stage("writing", "Writing"),
    )
    add_evidence(writing, NOTICE_QUOTE, 2, boxes=BOX)
    add_mentions(writing)
    return {
        "queued": running(Answer.Status.QUEUED, stage=stage("queued", "Waiting for a free worker")),
        "reading": running(
            Answer.Status.READING,
            stage=stage("reading", "Reading: 184,000 of 512,000 tokens", 184_000, 512_000),
        ),
        "writing": writing,
    }


def ended_answers(corpus: Corpus, owner: User) -> dict[str, Answer]:
    def ended(status: Answer.Status, text: str, title: str, **fields: Any) -> Answer:
        answer = make_answer(
            make_question(make_conversation(corpus, owner, title)), text, status=status, **fields
        )
        if text:
            add_evidence(answer, NOTICE_QUOTE, 2, boxes=BOX)
            add_mentions(answer)
        return answer

    kept = "The lease can be ended early with 120 days' notice [[1:2]]. Notice is"
    return {
        "stopped": ended(Answer.Status.STOPPED, kept, "Stopped", is_estimated=True),
        "failed": ended(
            Answer.Status.FAILED, "", "Failed at once", error_code="key_rejected",
            error_sentence="The host refuses the key of this endpoint. Put another one into Connections, then retry.",
        ),
        "failed-midway": ended(
            Answer.Status.FAILED, kept, "Failed midway", error_code="stream_cut",
            error_sentence="The host broke off in the middle of the answer. Retry to ask again.",
        ),
        "noticed": ended(
            Answer.Status.DONE, kept, "Cut at its longest",
            notices=[
                {"code": "cut", "sentence": "The answer reached its longest length and was cut."},
                {"code": "pages_not_read", "sentence": "2 of 9 pages have no text and were not sent."},
            ],
        ),
    }  # fmt: skip


def every_verdict(corpus: Corpus, owner: User) -> Answer:
    question = make_question(make_conversation(corpus, owner, "Every verdict"), "What does the lease say?")
    answer = make_answer(question, VERDICT_TEXT)
    add_evidence(answer, NOTICE_QUOTE, 2, boxes=BOX)
    add_evidence(
        answer, "The rent is 1,950 euros a month and is due on the third working day.", 3, Verdict.ALTERED,
        boxes=boxes_on(LEASE_PAGES[2], "The rent is 1,850 euros a month and is due on the third working day."),
        differences=[
            {"kind": "number", "quoted": "1,950", "printed": "1,850", "before": "The rent is",
             "after": "euros a month", "matters": True},
        ],
    )  # fmt: skip
    addendum = clause_pages(6)
    add_evidence(
        answer, "The tenant shall return all kevs on the last day", 1, Verdict.CLOSE, ordinal=2,
        boxes=boxes_on(addendum[0], "The tenant shall return all keys on the last day"),
        differences=[
            {"kind": "spelling", "quoted": "kevs", "printed": "keys", "before": "shall return all",
             "after": "on the last", "matters": False},
        ],
    )  # fmt: skip
    add_evidence(
        answer, CLAUSES[2], 2, Verdict.ELSEWHERE, ordinal=2, boxes=boxes_on(addendum[1], CLAUSES[2]),
        marker_given="[[2:5]]", why="who pays for what",
    )  # fmt: skip
    add_evidence(answer, "keys", 3, Verdict.PAGE_ONLY, ordinal=2)
    add_evidence(answer, "The cellar is let to a third party.", 4, Verdict.NOT_FOUND, ordinal=2)
    add_evidence(answer, "Page nine says more than this.", 9, Verdict.INVALID, document_id=None)
    for ordinal, number, verdict in (
        (1, 2, Verdict.EXACT), (1, 3, Verdict.ALTERED), (2, 1, Verdict.CLOSE), (2, 2, Verdict.ELSEWHERE),
        (2, 3, Verdict.PAGE_ONLY), (2, 4, Verdict.NOT_FOUND),
    ):  # fmt: skip
        mention(answer, ordinal, number, verdict)
    return answer


def mention(answer: Answer, ordinal: int, number: int, verdict: Verdict) -> None:
    """The first marker of a page in the answer's text, as a mention."""
    marker = f"[[{ordinal}:{number}]]"
    entry = next(one for one in answer.manifest if one["ordinal"] == ordinal)
    answer.mentions.create(
        offset=answer.text.index(marker), marker=marker, ordinal=ordinal, first=number, last=number,
        document_id=entry["document_id"], verdict=verdict,
    )  # fmt: skip


def with_code_and_table(corpus: Corpus, owner: User) -> Answer:
    question = make_question(
        make_conversation(corpus, owner, "Rent by year"), "Show the rent by year, and as a program."
    )
    answer = make_answer(question, CODE_AND_TABLE)
    add_evidence(answer, "It rises by 2 per cent a year.", 3, boxes=BOX)
    add_mentions(answer)
    return answer


def with_branches(corpus: Corpus, owner: User) -> Answer:
    """A follow-up asked in three wordings; the last one is shown."""
    first = make_answered(corpus, owner, "How can the lease end, and who has to be told?")
    answers = [
        make_answered(corpus, owner, text, parent=first)
        for text in ("And the keys?", "What happens to the keys?", "Who returns the keys, and when?")
    ]
    return answers[-1]


def with_many_citations(corpus: Corpus, owner: User) -> Answer:
    """Two hundred citations of as many documents."""
    question = make_question(make_conversation(corpus, owner, "Every contract"), "What does each one say?")
    lines = [f"- Contract {number} allows it with notice [[{number}:1]]." for number in range(1, 201)]
    answer = make_answer(question, "Each of them allows it:\n\n" + "\n".join(lines))
    verdicts = (Verdict.EXACT, Verdict.EXACT, Verdict.CLOSE, Verdict.ALTERED)
    for number in range(1, 201):
        verdict = verdicts[number % 4]
        add_evidence(answer, CLAUSES[number % len(CLAUSES)], 1, verdict, ordinal=number, boxes=BOX)
        mention(answer, number, 1, verdict)
    return answer


def with_long_labels(corpus: Corpus, owner: User) -> Answer:
    question = make_question(
        make_conversation(corpus, owner, LONG_NAME), f"{LONG_NAME}: what does it say about {'x' * 90}?"
    )
    answer = make_answer(question, "It says so here [[8:1]] and there [[9:2]].")
    Page.objects.filter(revision__document__entries__corpus=corpus, number__in=(1, 2)).update(
        label="Appendix xxxviii to Schedule B, continued"
    )
    for ordinal, number in ((8, 1), (9, 2)):
        add_evidence(
            answer, CLAUSES[0] + " " + "w" * 120, number, ordinal=ordinal, boxes=BOX,
            label="Appendix xxxviii to Schedule B, continued",
        )  # fmt: skip
    add_mentions(answer)
    return answer


def in_other_scripts(corpus: Corpus, owner: User) -> Answer:
    question = make_question(
        make_conversation(corpus, owner, "متى ينتهي العقد؟"), "متى ينتهي عقد الإيجار وكيف يبلغ الطرف الآخر؟"
    )
    answer = make_answer(
        question,
        "يمكن إنهاء العقد بإشعار مدته 120 يوما [[1:1]].\n\n本契約は百二十日前までの通知で解約できる [[3:1]]。",
    )
    add_evidence(answer, ARABIC_PAGE.split(".", maxsplit=1)[0], 1, ordinal=1)
    add_evidence(answer, JAPANESE_PAGE[:30], 1, ordinal=3)
    add_mentions(answer)
    return answer


def in_hebrew(corpus: Corpus, owner: User) -> Answer:
    """Text from right to left with names, numbers and verdicts that run the other way."""
    question = make_question(
        make_conversation(corpus, owner, "מתי מסתיים החוזה?"), "מתי מסתיים חוזה השכירות?"
    )
    text = "החוזה מסתיים לאחר 120 יום [[2:1]], לפי section 4.2 של ההסכם [[4:1]]. המפתחות מוחזרים [[1:1]]."
    answer = make_answer(question, text)
    add_evidence(answer, ARABIC_PAGE.split(".", maxsplit=1)[0], 1, Verdict.ALTERED, ordinal=2,
                 differences=[{"quoted": "90", "printed": "120", "before": "بإشعار خطي مدته", "after": "يوما"}])  # fmt: skip
    add_evidence(answer, CLAUSES[0], 1, Verdict.CLOSE, ordinal=4)
    add_evidence(answer, ARABIC_PAGE.rsplit(".", maxsplit=2)[1], 1, ordinal=1)
    for ordinal, verdict in ((2, Verdict.ALTERED), (4, Verdict.CLOSE), (1, Verdict.EXACT)):
        mention(answer, ordinal, 1, verdict)
    return answer


def about_a_file(corpus: Corpus, owner: User) -> Answer:
    """An answer from a file that is read by lines."""
    question = make_question(make_conversation(corpus, owner, "The minutes"), "When does the lease end?")
    answer = make_answer(question, "The lease ends on 30 June [[1:1]].")
    add_evidence(answer, MINUTES[3], 1, lines=[124, 124], label="lines 121–240")
    add_mentions(answer)
    return answer


def in_passes(corpus: Corpus, owner: User) -> Answer:
    """Read in windows that share documents, and written in a pass of its own."""
    answer = make_answered(corpus, owner, "What do all volumes say about notice?")
    done = answer.passes.get()
    windows: tuple[list[tuple[int, int, int]], ...] = (
        [(1, 1, 800)],
        [(1, 801, 1200), (2, 1, 400)],
        [(2, 401, 640), (3, 1, 75), (4, 1, 3)],
        [],
    )
    for number, window in enumerate(windows, start=1):
        ReadingPass.objects.update_or_create(
            answer=answer, number=number,
            defaults={
                "kind": ReadingPass.Kind.READ if window else ReadingPass.Kind.WRITE,
                "status": ReadingPass.Status.DONE,
                "pages": [{"ordinal": ordinal, "first": first, "last": last} for ordinal, first, last in window],
                "endpoint_id": done.endpoint_id, "model_id": done.model_id, "attempts": 1,
                "tokens_counted": 310_000, "tokens_reported": 310_412, "output_tokens": 900, "cost_usd": "0.031",
            },
        )  # fmt: skip
    return answer


def about_an_archive(corpus: Corpus, owner: User) -> Answer:
    """Sent: two thousand pages; a few cited, some without text, a document left out."""
    answer = make_answered(corpus, owner, "What does the archive say about notice?")
    revisions = {entry["revision_id"]: entry for entry in answer.manifest}
    blank = Page.objects.filter(revision_id__in=revisions, state=Page.State.NO_TEXT)
    answer.not_sent = [
        {
            "ordinal": revisions[str(page.revision_id)]["ordinal"],
            "name": revisions[str(page.revision_id)]["name"],
            "first": page.number, "last": page.number, "reason": "no text",
        }
        for page in blank
    ] + [{"ordinal": 9, "name": "Scans.pdf", "first": None, "last": None, "reason": "it is still being read"}]  # fmt: skip
    answer.save(update_fields=["not_sent"])
    return answer


def with_removed_source(corpus: Corpus, owner: User) -> Answer:
    """An answer about a document that was deleted afterwards."""
    removed = make_document(corpus, "Removed.pdf", ["Notice is 90 days."], added_by=owner)
    ordinal = removed.entries.get().ordinal
    question = make_question(make_conversation(corpus, owner, "A source that is gone"))
    answer = make_answer(question, f"Notice is 90 days [[{ordinal}:1]].")
    add_evidence(answer, "Notice is 90 days.", 1, ordinal=ordinal, boxes=BOX)
    add_mentions(answer)
    now = timezone.now()
    removed.entries.update(removed_at=now)
    Page.objects.filter(revision__document=removed).delete()
    Document.objects.filter(pk=removed.pk).update(deleted_at=now)
    return answer
