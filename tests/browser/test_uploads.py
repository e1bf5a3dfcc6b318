"""Bringing files in a real browser: with a broken line, a reload in the middle, a pause, and a known file."""

from __future__ import annotations

import hashlib
import random
import re
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Locator, Page, expect

from tests.browser.conftest import Desk
from tests.browser.dropping import drop
from tests.factories import pdf_bytes
from tests.services import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.services]

MIB = 1024**2
SIZE = 24 * MIB
"""More than one piece."""


def write_pdf(path: Path, size: int = 0) -> Path:
    content = pdf_bytes([f"The rent is due on the third day. {random.random()}"])
    if size:
        content += b"\n%" + random.Random(size).randbytes(size - len(content) - 2)
    path.write_bytes(content)
    return path


def slow_down(page: Page, bytes_per_second: int) -> CDPSession:
    """Let the page send no faster than that; -1 takes the limit away."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    set_speed(session, bytes_per_second)
    return session


def set_speed(session: CDPSession, bytes_per_second: int, *, is_offline: bool = False) -> None:
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": is_offline,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        },
    )


def row(page: Page) -> Locator:
    return page.locator("#uploads .upload-row")


def document(page: Page, name: str) -> Locator:
    return page.locator(".document-list").get_by_text(name)


def offset(desk: Desk, corpus_id: str) -> int:
    return sum(one["offset"] for one in desk.house.api.all(f"/corpora/{corpus_id}/uploads"))


def is_stored(desk: Desk, path: Path) -> bool:
    digest = hashlib.sha256(path.read_bytes()).digest()
    originals = (desk.house.stack.data_dir / "files").glob("*/*/original")
    return any(hashlib.sha256(one.read_bytes()).digest() == digest for one in originals)


def test_a_reload_in_the_middle_costs_only_choosing_the_file_again(desk: Desk, tmp_path: Path) -> None:
    corpus_id, path = desk.corpus("Reload")
    file, page = write_pdf(tmp_path / "large.pdf", SIZE), desk.page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(path)
    session = slow_down(page, 2 * MIB)
    page.set_input_files("input[type=file]", file)
    expect(row(page).locator(".upload-state")).to_have_text(re.compile(r"of 24 MiB, \d+ (s|min) left"))
    wait_for(lambda: offset(desk, corpus_id) > MIB, seconds=20, what="some bytes there")
    page.reload()
    expect(row(page)).to_contain_text(
        re.compile(r"of 24 MiB are here\. Choose the same file again to go on\.")
    )
    here = offset(desk, corpus_id)
    assert MIB < here < SIZE
    sent: list[int] = []
    page.on("request", lambda request: sent.append(int(request.headers.get("upload-offset", "-1"))))
    session.detach()
    page.set_input_files("input[type=file]", file)
    expect(document(page, "large.pdf")).to_be_visible(timeout=30_000)
    expect(row(page)).to_have_count(0)
    assert min(start for start in sent if start >= 0) >= here
    assert is_stored(desk, file)


def test_a_broken_line_is_waited_for(desk: Desk, tmp_path: Path) -> None:
    corpus_id, path = desk.corpus("Line")
    file, page = write_pdf(tmp_path / "line.pdf", SIZE), desk.page()
    page.goto(path)
    session = slow_down(page, 4 * MIB)
    page.set_input_files("input[type=file]", file)
    wait_for(lambda: offset(desk, corpus_id) > MIB, seconds=20, what="some bytes there")
    set_speed(session, 4 * MIB, is_offline=True)
    expect(row(page).locator(".upload-state")).to_have_text("no connection, waiting for it")
    set_speed(session, -1)
    expect(document(page, "line.pdf")).to_be_visible(timeout=30_000)
    assert is_stored(desk, file)
    # The browser reports each request that failed.
    desk.said[:] = [one for one in desk.said if "ERR_INTERNET_DISCONNECTED" not in one and " 423 " not in one]


def test_pausing_holds_and_cancelling_forgets(desk: Desk, tmp_path: Path) -> None:
    corpus_id, path = desk.corpus("Pause")
    file, page = write_pdf(tmp_path / "pause.pdf", SIZE), desk.page()
    page.goto(path)
    session = slow_down(page, 4 * MIB)
    page.set_input_files("input[type=file]", file)
    wait_for(lambda: offset(desk, corpus_id) > MIB, seconds=20, what="some bytes there")
    page.get_by_role("button", name="Pause pause.pdf").click()
    expect(row(page).locator(".upload-state")).to_have_text("paused")
    page.wait_for_timeout(1500)
    held = offset(desk, corpus_id)
    page.wait_for_timeout(1000)
    assert offset(desk, corpus_id) == held
    page.get_by_role("button", name="Resume pause.pdf").click()
    wait_for(lambda: offset(desk, corpus_id) > held, seconds=20, what="more bytes")
    page.get_by_role("button", name="Cancel pause.pdf").click()
    expect(row(page)).to_have_count(0)
    wait_for(
        lambda: desk.house.api.all(f"/corpora/{corpus_id}/uploads") == [], seconds=10, what="it forgotten"
    )
    assert not is_stored(desk, file)
    session.detach()


def test_a_known_file_is_not_sent_again(desk: Desk, tmp_path: Path) -> None:
    _, path = desk.corpus("Known")
    file, page = write_pdf(tmp_path / "known.pdf"), desk.page()
    page.goto(path)
    page.set_input_files("input[type=file]", file)
    expect(document(page, "known.pdf")).to_be_visible()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.set_input_files("input[type=file]", file)
    expect(row(page)).to_contain_text("It is here already, so nothing was sent.")
    assert "PATCH" not in sent


def test_what_cannot_be_taken_says_why_in_its_row(desk: Desk, tmp_path: Path) -> None:
    _, path = desk.corpus("Refused")
    words, program, page = tmp_path / "words.pdf", tmp_path / "program.exe", desk.page()
    words.write_bytes(b"These are only words. " * 500_000)
    program.write_bytes(b"MZ")
    page.goto(path)
    page.set_input_files("input[type=file]", [words, program])
    expect(row(page).filter(has_text="words.pdf")).to_contain_text("This is not a PDF")
    expect(row(page).filter(has_text="program.exe")).to_contain_text("not read yet")
    page.get_by_role("button", name="Dismiss words.pdf").click()
    expect(row(page)).to_have_count(1)
    # The browser reports each status that is a refusal.
    desk.said[:] = [one for one in desk.said if "status of 415" not in one]


def test_too_many_unfinished_uploads_are_named_until_there_is_room(desk: Desk, tmp_path: Path) -> None:
    _, path = desk.corpus("Too many")
    file, page = write_pdf(tmp_path / "later.pdf"), desk.page()
    page.goto(path)
    sentence = "You have 20 unfinished uploads. Finish or discard some of them first."
    refusal = {"error": {"code": "too_many_uploads", "message": sentence}}
    # The first try and the one at once after it.
    page.route("**/uploads", lambda route: route.fulfill(status=429, json=refusal), times=2)
    page.set_input_files("input[type=file]", file)
    expect(row(page)).to_contain_text(sentence)
    expect(document(page, "later.pdf")).to_be_visible()
    desk.said[:] = [one for one in desk.said if "status of 429" not in one]


def test_a_large_file_is_hashed_in_pieces(desk: Desk, tmp_path: Path) -> None:
    corpus_id, path = desk.corpus("Pieces")
    file, page = write_pdf(tmp_path / "pieces.pdf", 65 * MIB), desk.page()
    page.goto(path)
    slow_down(page, MIB)
    page.set_input_files("input[type=file]", file)
    wait_for(
        lambda: bool(desk.house.api.all(f"/corpora/{corpus_id}/uploads")), seconds=60, what="it announced"
    )
    (upload,) = desk.house.api.all(f"/corpora/{corpus_id}/uploads")
    assert upload["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    page.get_by_role("button", name="Cancel pieces.pdf").click()
    expect(row(page)).to_have_count(0)


def test_without_scripts_the_form_posts(desk: Desk, tmp_path: Path) -> None:
    _, path = desk.corpus("Plain")
    file, page = write_pdf(tmp_path / "plain.pdf"), desk.page(java_script_enabled=False)
    page.goto(f"{path}?pane=documents")
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Upload").click()
    expect(document(page, "plain.pdf")).to_be_visible()


def write_folder(folder: Path) -> Path:
    """A small repository with what is left out, kept in git, or brought otherwise."""
    files = {
        "rents/src/rent.py": "def rent():\n    # falcon: the rent is due on the third day\n    return 1850\n",
        "rents/src/deep/näme.py": "GREETING = 'osprey'\n",
        "rents/tests/test_rent.py": "def test_rent():\n    assert 'kestrel'\n",
        "rents/docs/heron.md": "The heron stands in the docs.\n",
        "rents/.gitignore": "*.log\n",
        "rents/noise.log": "a buzzard nobody shall read\n",
        "rents/.git/HEAD": "ref: refs/heads/main\n",
        "rents/yarn.lock": "# a lock file\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    write_pdf(folder / "rents" / "lease.pdf")
    return folder / "rents"


def test_a_dropped_folder_is_read_and_asked_about_but_for_what_is_unticked(
    desk: Desk, tmp_path: Path
) -> None:
    _, path = desk.corpus("Dropped")
    page = desk.page()
    page.goto(path)
    drop(page, write_folder(tmp_path))
    expect(row(page).filter(has_text="lease.pdf")).to_contain_text("rents holds a document (lease.pdf)")
    entry = page.locator(".document", has_text="rents")
    expect(entry).to_have_class(re.compile("ready"), timeout=40_000)
    expect(entry.locator(".document-name")).to_have_text(re.compile("^CODErents$"))

    entry.locator(".tree-root > summary").click()
    page.get_by_label("Ask about tests/").uncheck()
    src = entry.locator(".tree-folder", has_text="src/")
    src.locator("summary").first.click()
    page.get_by_label("Ask about src/deep/").uncheck()
    for name in ("Ask about src/", "Ask about rents"):
        box = page.get_by_label(name, exact=True)
        expect(box).to_have_js_property("indeterminate", True)
    expect(entry).to_have_class(re.compile("partly"))

    page.locator("#question-text").fill("When is the rent due?")
    expect(page.locator("#plan strong")).to_be_visible()
    page.locator("#ask-button").click()
    page.locator(".answer.done").wait_for(timeout=30_000)
    sent = "".join(message["content"] for message in desk.house.provider.messages())
    assert "falcon" in sent
    assert "heron" in sent
    for left_out in ("kestrel", "osprey", "buzzard", "a lock file"):
        assert left_out not in sent

    page.get_by_role("button", name="Bring them too").click()
    expect(document(page, "lease.pdf")).to_be_visible()
    # The list was drawn anew around the open tree.
    expect(page.get_by_label("Ask about src/deep/")).to_be_visible()
    expect(page.get_by_label("Ask about rents", exact=True)).to_have_js_property("indeterminate", True)


def test_an_empty_folder_says_so(desk: Desk, tmp_path: Path) -> None:
    _, path = desk.corpus("Nothing")
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    page = desk.page()
    page.goto(path)
    drop(page, tmp_path / "empty")
    expect(row(page)).to_contain_text("There is no file in this folder")


def test_a_chosen_folder_of_documents_is_brought_file_by_file(desk: Desk, tmp_path: Path) -> None:
    _, path = desk.corpus("Singly")
    for name in ("one.pdf", "deep/two.pdf"):
        (tmp_path / "room" / name).parent.mkdir(parents=True, exist_ok=True)
        write_pdf(tmp_path / "room" / name)
    page = desk.page()
    page.goto(path)
    page.set_input_files("input[webkitdirectory]", tmp_path / "room")
    expect(document(page, "one.pdf")).to_be_visible()
    expect(document(page, "two.pdf")).to_be_visible()


def test_a_pasted_address_opens_the_form_with_it(desk: Desk) -> None:
    _, path = desk.corpus("Pasted")
    page = desk.page()
    page.goto(path)
    page.evaluate(
        """() => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", " https://code.example.org/rents.git\\n");
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }"""
    )
    expect(page.locator("#git-form [name=url]")).to_have_value("https://code.example.org/rents.git")
    page.keyboard.press("Escape")
    expect(page.locator("#git-dialog")).not_to_be_visible()
