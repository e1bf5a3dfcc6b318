"""A repository of the gallery: a small library, with a masked secret, a very long line and awkward files, read twice."""

from __future__ import annotations

import textwrap

from apps.accounts.models import User
from apps.conversations.models import Answer, Verdict
from apps.library.models import Corpus, Document, Page, Revision, SkippedPath, SourceFile, Untick
from apps.workspaces.models import Workspace
from tests.factories import add_evidence, make_answer, make_conversation, make_corpus, make_question
from tests.repositories import add_files, make_repository

COMMIT = "9f31c07be2d84a6f55d0c1e7a3b84492d6f0a1c8"
DATES = '''\
"""When a lease ends: the last day on which notice may be given, and the day that it ends on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

NOTICE_DAYS = 120
HOLIDAYS = frozenset({(1, 1), (5, 1), (12, 25)})  # month, day


@dataclass(frozen=True)
class Lease:
    begins: date
    years: int = 5

    @property
    def ends(self) -> date:
        """The last day of the term, which is the day before its anniversary."""
        return self.begins.replace(year=self.begins.year + self.years) - timedelta(days=1)


def is_working_day(day: date) -> bool:
    return day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS


def last_day_of_notice(lease: Lease, *, days: int = NOTICE_DAYS) -> date:
    """Notice counts from its receipt; one that comes on a holiday counts from the day after."""
    day = lease.ends - timedelta(days=days)
    while not is_working_day(day):
        day -= timedelta(days=1)
    return day
'''
OLD_DATES = DATES.replace("NOTICE_DAYS = 120", "NOTICE_DAYS = 90")
STEPS = "".join(
    textwrap.dedent(
        f"""\

        def test_a_lease_of_{years}_years_ends_the_day_before() -> None:
            assert Lease(date(2020, 3, 1), years={years}).ends == date({2020 + years}, 2, {29 if years % 4 == 0 else 28})

        """
    )
    for years in range(1, 121)
)
HEADER = (
    "/*\r\n * Prüfziffern für Aktenzeichen\r\n */\r\n#include <stddef.h>\r\n\r\n"
    "int check_digit(const char *digits, size_t length)\r\n{\r\n\tint sum = 0;\r\n"
    "\tfor (size_t at = 0; at < length; at++)\r\n\t\tsum += (digits[at] - '0') * (at % 2 ? 3 : 1);\r\n"
    "\treturn (10 - sum % 10) % 10;\r\n}\r\n"
).encode("cp1252")
SETTINGS = (
    "# How the office sends its letters\nMAIL_HOST = 'mail.example.org'\n"
    "MAIL_TOKEN = 'ghp_••••••••••••••••••••••••••••••••••••'\n"
    "MAIL_PASSWORD = 'change me'\nMAIL_NAME = 'notice \u202e\u2066retrop'\n"
)
RATES = "[" + ", ".join(f'{{"year": {1900 + number % 130}, "rate": {number % 9}.{number % 7}}}' for number in range(9_000)) + "]\n"  # fmt: skip
QUOTED_RATE = '{"year": 1977, "rate": 5.0}'
FILES = {
    "README.md": "# notice-dates\n\nWhen a lease ends, and until when notice may be given.\n",
    "notice_dates/__init__.py": "",
    "notice_dates/dates.py": DATES,
    "notice_dates/settings.py": SETTINGS,
    "data/rates.json": RATES,
    "src/check_digit.c": HEADER,
    "tests/test_dates.py": f"from datetime import date\n\nfrom notice_dates.dates import Lease\n{STEPS}",
}
SKIPPED = (
    ("node_modules/", "vendored", 1_204),
    ("docs/_build/", "generated", 88),
    ("docs/logo.png", "image", 1),
    ("docs/plan.pdf", "document", 1),
    ("uv.lock", "lock file", 1),
)


def make_code(workspace: Workspace, owner: User) -> Corpus:
    """The repository, of which an answer knows an earlier commit (`old_answer`)."""
    corpus = make_corpus(workspace, "Notice dates")
    document = make_repository(
        corpus,
        FILES,
        "notice-dates",
        added_by=owner,
        source_url="https://github.com/example/notice-dates.git",
        commit=COMMIT,
        skipped=SKIPPED,
        findings=[
            ("notice_dates/settings.py", 3, "GitHub token", True),
            ("notice_dates/settings.py", 4, "Password in a setting", False),
        ],
    )
    SourceFile.objects.filter(revision__document=document, path="notice_dates/settings.py").update(
        flags=["bidi", "masked"]
    )
    Untick.objects.create(user=owner, entry=document.entries.get(), paths=["tests/"])
    return corpus


def page_with(document: Document, words: str) -> Page:
    return Page.objects.get(revision_id=document.current_revision_id, text__contains=words)


def about_code(corpus: Corpus, owner: User) -> Answer:
    """Quotes of several files, one altered, one from a line of 300,000 characters."""
    document = corpus.entries.get().document
    dates, rates = page_with(document, "NOTICE_DAYS = 120"), page_with(document, QUOTED_RATE)
    digits, settings = page_with(document, "check_digit("), page_with(document, "MAIL_TOKEN")
    question = make_question(
        make_conversation(corpus, owner, "Notice dates"), "How is the last day of notice found?"
    )
    answer = make_answer(
        question,
        f"Notice is given 120 days before the lease ends [[1:{dates.number}]], moved back to a working day. "
        f"The rate of 1977 is 5 [[1:{rates.number}]], check digits weigh every second digit by three "
        f"[[1:{digits.number}]], and letters go out by a mail host [[1:{settings.number}]].",
    )
    quotes = (
        (dates, "day = lease.ends - timedelta(days=days)", 29, Verdict.EXACT),
        (dates, "while not is_working_day(day):", 30, Verdict.EXACT),
        (rates, QUOTED_RATE, 1, Verdict.EXACT),
        (digits, "sum += (digits[at] - '0') * (at % 2 ? 2 : 1);", 10, Verdict.ALTERED),
        (settings, "MAIL_HOST = 'mail.example.org'", 2, Verdict.EXACT),
    )
    for page, quote, line, verdict in quotes:
        differs = {
            "kind": "number",
            "quoted": "2",
            "printed": "3",
            "before": "at % 2 ?",
            "after": ": 1",
            "matters": True,
        }
        add_evidence(
            answer, quote, page.number, verdict, label=page.label, lines=[line, line],
            differences=[differs] if verdict == Verdict.ALTERED else [],
            places=[{"ordinal": 1, "page": page.number, "label": page.label, "times": 1}]
            if verdict == Verdict.EXACT else None,
        )  # fmt: skip
    for page, verdict in ((dates, "exact"), (rates, "exact"), (digits, "altered"), (settings, "exact")):
        marker = f"[[1:{page.number}]]"
        answer.mentions.create(
            offset=answer.text.index(marker), marker=marker, ordinal=1, first=page.number, last=page.number,
            document_id=document.pk, verdict=verdict,
        )  # fmt: skip
    leave_out_tests(answer, document)
    return answer


def leave_out_tests(answer: Answer, document: Document) -> None:
    """The answer was asked with the folder `tests/` unticked."""
    kept = SourceFile.objects.filter(revision_id=document.current_revision_id).exclude(
        path__startswith="tests/"
    )
    answer.manifest[0]["ranges"] = [
        [row.first_page, row.first_page + row.page_count - 1] for row in kept if row.page_count
    ]
    paths = {"include": [], "exclude": ["/tests/"]}
    answer.manifest[0] |= {"commit": COMMIT, "files": 6, "files_left_out": 1, "paths": paths}
    answer.save(update_fields=["manifest"])
    question = answer.question
    question.selection = {
        "documents": None,
        "paths": {str(document.pk): {"include": [], "exclude": ["/tests/"]}},
    }
    question.save(update_fields=["selection"])


def about_old_code(corpus: Corpus, owner: User) -> Answer:
    """Asked of a commit that has been replaced since."""
    document = corpus.entries.get().document
    current = document.current_revision
    assert current is not None
    old = Revision.objects.create(
        workspace_id=document.workspace_id, document=document, sha256="0" * 64, commit="4b" * 20, size_bytes=1,
        content_type=current.content_type, reader=current.reader, options=current.options,
        tokenizer=current.tokenizer, packing_version=current.packing_version, status=Revision.Status.READY,
        ready_at=document.created_at, figures_at=document.created_at,
    )  # fmt: skip
    add_files(old, {**FILES, "notice_dates/dates.py": OLD_DATES})
    SkippedPath.objects.create(revision=old, path="uv.lock", reason="lock file")
    page = Page.objects.get(revision=old, text__contains="NOTICE_DAYS = 90")
    question = make_question(make_conversation(corpus, owner, "Days of notice"), "How many days is notice?")
    answer = make_answer(question, f"Notice is 90 days [[1:{page.number}]].")
    answer.manifest[0] |= {"revision_id": str(old.pk), "ranges": [[1, old.page_count]]}
    answer.save(update_fields=["manifest"])
    add_evidence(answer, "NOTICE_DAYS = 90", page.number, label=page.label, lines=[8, 8])
    answer.mentions.create(
        offset=answer.text.index("[["), marker=f"[[1:{page.number}]]", ordinal=1, first=page.number,
        last=page.number, document_id=document.pk, verdict="exact",
    )  # fmt: skip
    return answer
