"""What is done to one document, by keys alone, in a real browser before real workers."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.library.ingestion.pymupdf_lean import pymupdf
from tests.browser.conftest import Desk, tab_to
from tests.factories import LEASE_PAGES, pdf_bytes
from tests.live.conftest import House, run_house

pytestmark = [pytest.mark.services, pytest.mark.browser]

FILE_PASSWORD = "kestrel-19"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation that recognises text."""
    with run_house(tmp_path_factory.mktemp("house"), DOCANALYST_OCR="1") as house:
        yield house


def protected_pdf() -> bytes:
    with pymupdf.open(stream=pdf_bytes(LEASE_PAGES), filetype="pdf") as document:
        content: bytes = document.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="another", user_pw=FILE_PASSWORD
        )
    return content


def type_password(page: Page, password: str) -> None:
    tab_to(page, ".document [name=password]")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def test_a_protected_file_is_opened_by_keys_after_a_wrong_password(desk: Desk) -> None:
    corpus_id, path = desk.corpus("Protected")
    desk.house.api.upload(corpus_id, "lease.pdf", protected_pdf())
    page = desk.page()
    page.goto(path)
    page.wait_for_selector(".document.needs_password", timeout=30_000)

    type_password(page, "not this one")
    page.wait_for_selector(".document.needs_password >> text=does not open", timeout=30_000)
    assert page.input_value(".document [name=password]") == ""

    type_password(page, FILE_PASSWORD)
    page.wait_for_selector(".document.ready", timeout=30_000)
    assert FILE_PASSWORD not in page.content()
    page.locator(".document-name").click()
    page.wait_for_selector("#viewer[data-page]")
    page.wait_for_function("() => document.querySelector('.sheet-picture').naturalWidth > 0")


def test_reading_again_is_started_and_cancelled_by_keys(desk: Desk) -> None:
    corpus_id, path = desk.corpus("Read twice")
    document = desk.house.api.upload(corpus_id, "lease.pdf", pdf_bytes(LEASE_PAGES * 4))
    desk.house.api.wait_until_read([document["id"]])
    page = desk.page()
    page.goto(path)
    tab_to(page, ".document-name")
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer[data-page]")
    tab_to(page, ".viewer-tabs a:last-child")
    page.keyboard.press("Enter")
    page.wait_for_selector("#about-state")
    assert page.is_disabled("#viewer [value=scans]")
    assert "12 pages, about" in page.inner_text("#viewer .again")

    tab_to(page, "#read-again")
    page.keyboard.press("Enter")
    page.wait_for_selector("#cancel-reading")
    row = page.locator(".document")
    row.get_by_text("ecognising text").wait_for()
    assert "ready" in (row.get_attribute("class") or "")

    tab_to(page, "#cancel-reading")
    page.keyboard.press("Enter")
    page.wait_for_selector("#read-again")
    row.get_by_text("ecognising text").wait_for(state="detached")
    state = desk.house.api.get(f"/documents/{document['id']}")
    assert (state["status"], state["read_again"], state["pages_not_read"]) == ("ready", None, 0)


# Files of a repository, at the lines that answers quote ---------------------------------------------

NEEDLE = "the needle of a line of three hundred thousand characters"
FILES = {
    "crlf.c": b"int main(void)\r\n{\r\n    int notice_days = 120;\r\n    return notice_days;\r\n}\r\n",
    "latin.py": "# Größe in Zoll\nbreite = 12\nhöhe_über_alles = breite * 3\n".encode("latin-1"),
    "long.json": f'["{"-" * 150_000} {NEEDLE} {"-" * 150_000}"]\n'.encode(),
    "many.txt": b"Notice is given in writing to the landlord.\n" * 40,
    "tabs.go": b"func Notice() int {\n\tif late {\n\t\treturn\t120 + graceDays\n\t}\n\treturn 0\n}\n",
    "wide.cs": "class Lease\n{\n    string Tenant = \"Zoë Ångström\";\n}\n".encode("utf-16"),
}  # fmt: skip


@dataclass(frozen=True)
class Cited:
    """A quote of a file and the lines that it must end in."""

    path: str
    quote: str
    first: int
    last: int


CITED = (
    Cited("crlf.c", "int notice_days = 120; return notice_days;", 3, 4),
    Cited("latin.py", "höhe_über_alles = breite * 3", 3, 3),
    Cited("long.json", NEEDLE, 1, 1),
    Cited("many.txt", "Notice is given in writing to the landlord.", 1, 1),
    Cited("tabs.go", "return 120 + graceDays", 3, 3),
    Cited("wide.cs", 'string Tenant = "Zoë Ångström";', 3, 3),
)


def repository() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path, content in FILES.items():
            member = tarfile.TarInfo(f"notices/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def squeezed(text: str) -> str:
    return " ".join(text.split())


def numbers_of(lines: Locator) -> list[int]:
    return [int(line.locator(".code-number").get_attribute("data-number") or 0) for line in lines.all()]


def is_in_sight(element: Locator, frame: Locator) -> bool:
    inner, outer = element.bounding_box(), frame.bounding_box()
    assert inner is not None
    assert outer is not None
    return outer["y"] <= inner["y"] <= inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1


def test_quotes_of_code_open_the_lines_that_hold_them(desk: Desk) -> None:
    corpus_id, _ = desk.corpus("Code")
    document = desk.house.api.upload(corpus_id, "notices.tar", repository())
    [read] = desk.house.api.wait_until_read([document["id"]])
    assert (read["status"], read["pages"]) == ("ready", len(FILES))
    numbers = {path: number for number, path in enumerate(sorted(FILES), start=1)}
    evidence = "".join(f'[[1:{numbers[one.path]}]] "{one.quote}"\n' for one in CITED)
    text = " ".join(f"Quoted from {one.path} [[1:{numbers[one.path]}]]." for one in CITED)
    desk.house.provider.script({"text": f"<evidence>\n{evidence}</evidence>\n{text}"})
    answer_id = desk.house.api.ask(corpus_id, "Where is notice spoken of?")
    answer = desk.house.api.wait_for_answer(answer_id)
    assert [(one["verdict"], one["lines"]) for one in answer["evidence"]] == [
        ("exact", [one.first, one.last]) for one in CITED
    ]

    page = desk.page()
    page.goto(f"/w/tenancy/answers/{answer_id}/")
    chips = page.locator(".answer-blocks a.cite")
    expect(chips).to_have_count(len(CITED))
    scroll = page.locator("#viewer-scroll")
    for number, one in enumerate(CITED):
        chips.nth(number).click()
        expect(page.locator("#code-path")).to_have_text(one.path)
        lines = page.locator(".cited-line")
        assert numbers_of(lines) == list(range(one.first, one.last + 1)), one.path
        shown = squeezed(" ".join(line.locator(".code-text").inner_text() for line in lines.all()))
        assert one.quote in shown, one.path
        marks = [squeezed(mark.inner_text()) for mark in lines.locator("mark").all()]
        assert squeezed(" ".join(marks)).strip('";.') == one.quote.strip('";.'), one.path
        assert is_in_sight(page.locator(".code-text mark").first, scroll), one.path
    # The whole of a line that is cut for showing is a click away, with its quote marked.
    chips.nth(2).click()
    expect(page.locator("#code-path")).to_have_text("long.json")
    page.click(".viewer-tabs a:text-is('Text')")
    expect(page.locator(".page-text mark")).to_have_text(NEEDLE)
    assert len(page.locator(".page-text").text_content() or "") > 300_000
    assert is_in_sight(page.locator(".page-text mark"), scroll)


def test_lines_of_a_file_are_chosen_copied_and_jumped_to(desk: Desk) -> None:
    corpus_id, _ = desk.corpus("Lines")
    program = "".join(f"def step_{number}():\n\treturn {number}\n\n" for number in range(1, 201))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as made:
        for path in ("a/steps.py", "b/other.py"):
            member = tarfile.TarInfo(path)
            member.size = len(program)
            made.addfile(member, io.BytesIO(program.encode()))
    document = desk.house.api.upload(corpus_id, "steps.tar", archive.getvalue())
    desk.house.api.wait_until_read([document["id"]])
    page = desk.page()
    page.goto(f"/w/tenancy/documents/{document['id']}/?page=steps.py:301-303")
    assert page.url.endswith("lines=301-303#L301-L303")
    expect(page.locator("#code-path")).to_have_text("a/steps.py")
    expect(page.locator(".cited-line")).to_have_count(3)
    assert is_in_sight(page.locator("#L302"), page.locator("#viewer-scroll"))

    page.locator("#L305").click()
    page.locator("#L310").click(modifiers=["Shift"])
    assert numbers_of(page.locator(".chosen-line")) == list(range(305, 311))
    link = page.get_attribute("[data-copy-link]", "text") or ""
    assert link.endswith("&lines=305-310#L305-L310")
    copied = page.evaluate(
        """() => {
            const range = document.createRange();
            range.setStartBefore(document.getElementById("L1").parentElement);
            range.setEndAfter(document.getElementById("L9").parentElement);
            getSelection().removeAllRanges();
            getSelection().addRange(range);
            return getSelection().toString();
        }"""
    )
    assert copied.rstrip("\n") == "".join(program.splitlines(keepends=True)[:9]).rstrip("\n")

    page.goto(link)
    expect(page.locator(".cited-line")).to_have_count(6)
    page.fill("#viewer-page", "2")
    page.keyboard.press("Enter")
    expect(page.locator(".cited-line")).to_have_count(1)
    assert numbers_of(page.locator(".cited-line")) == [2]
    page.click("#viewer-after")
    expect(page.locator("#code-path")).to_have_text("b/other.py")
