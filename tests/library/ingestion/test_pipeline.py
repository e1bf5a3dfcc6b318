import io
import json
import time
from pathlib import Path

import psutil
import pytest

from apps.library.ingestion import pipeline
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.pipeline import MAX_PIECE, PipelineOptions, RangeRead, plan_ranges, read_document
from apps.library.ingestion.readers.base import DocumentInfo, PageText
from apps.library.ingestion.sandbox import ChildDied, Sandbox
from tests.library.ingestion import pdfs


def collect(steps) -> tuple[DocumentInfo, dict[int, PageText]]:
    info, *ranges = list(steps)
    pages: dict[int, PageText] = {}
    for part in ranges:
        assert isinstance(part, RangeRead)
        assert len(part.pages) <= MAX_PIECE
        assert [page.number for page in part.pages] == list(range(part.first, part.last + 1))
        for page in part.pages:
            assert page.number not in pages
            pages[page.number] = page
    return info, pages


def scripted(tmp_path: Path, pages: int, bad: dict[int, str]) -> Path:
    path = tmp_path / "script"
    path.write_text(json.dumps({"pages": pages, "bad": bad}))
    return path


def options(**changes) -> PipelineOptions:
    return PipelineOptions(
        reader="test",
        workers=2,
        limits=Limits(wall_seconds=20, cpu_seconds=2, memory_bytes=512 * 1024**2),
        **changes,
    )


@pytest.mark.parametrize(
    ("pages", "workers", "skip", "expected"),
    [
        (1, 2, (), [(1, 1)]),
        (40, 2, (), [(1, 16), (17, 32), (33, 40)]),
        (40, 2, range(5, 20), [(1, 4), (20, 35), (36, 40)]),
        (
            300,
            2,
            (),
            [(1, 100), (101, 167), (168, 212), (213, 242), (243, 262), (263, 278), (279, 294), (295, 300)],
        ),
        (3, 2, (1, 2, 3), []),
        (0, 2, (), []),
    ],
    ids=["one page", "short", "partly stored", "shrinking", "all stored", "none"],
)
def test_ranges_cover_what_is_not_stored(pages, workers, skip, expected) -> None:
    assert plan_ranges(pages, workers, skip) == expected


@pytest.mark.parametrize(("pages", "largest"), [(2_400, 256), (10_000, 625)])
def test_ranges_of_long_files_are_large_and_shrink_towards_the_end(pages: int, largest: int) -> None:
    sizes = [last - first + 1 for first, last in plan_ranges(pages, 2, ())]
    assert sum(sizes) == pages
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == largest
    assert sizes[-2] == 16


def test_a_child_whose_time_is_up_leaves_the_rest_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_RANGE_SECONDS", 0.0)
    path = pdfs.save(tmp_path / "made.pdf", *[pdfs.text(str(number)) for number in range(1, 8)])
    _, pages = collect(read_document(path, PipelineOptions(workers=1)))
    assert {number: page.text for number, page in pages.items()} == {n: str(n) for n in range(1, 8)}


def test_every_page_of_a_long_file_comes_exactly_once(tmp_path: Path) -> None:
    path = pdfs.save(
        tmp_path / "long.pdf", *[pdfs.text(f"This is page {number}") for number in range(1, 131)]
    )
    info, pages = collect(read_document(path, PipelineOptions(workers=2)))
    assert info.pages == 130
    assert {number: page.text for number, page in pages.items()} == {
        number: f"This is page {number}" for number in range(1, 131)
    }


def test_stored_pages_are_not_read_again(tmp_path: Path) -> None:
    path = pdfs.save(tmp_path / "made.pdf", *[pdfs.text(str(number)) for number in range(1, 41)])
    _, pages = collect(read_document(path, PipelineOptions(skip=range(1, 39))))
    assert sorted(pages) == [39, 40]


def test_file_objects_serve_with_and_without_a_descriptor(tmp_path: Path) -> None:
    path = pdfs.save(tmp_path / "made.pdf", pdfs.prose)
    with path.open("rb") as file:
        assert len(collect(read_document(file))[1]) == 1
    assert len(collect(read_document(io.BytesIO(path.read_bytes())))[1]) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("crash", "crashed"),
        ("spin", "2 seconds of processor time"),
        ("hog", "512 MiB of memory"),
        ("raise", "unexpected error"),
    ],
)
def test_bad_page_costs_no_other_page(box: Sandbox, tmp_path: Path, fault: str, words: str) -> None:
    path = scripted(tmp_path, 40, {17: fault})
    _, pages = collect(read_document(path, options(), box=box))
    assert len(pages) == 40
    assert [page.number for page in pages.values() if page.state != "read"] == [17]
    assert pages[17].state == "unreadable"
    assert words in pages[17].reason
    assert pages[17].label == "17"


def test_several_bad_pages_in_one_range_are_all_found(box: Sandbox, tmp_path: Path) -> None:
    bad = {1: "crash", 2: "raise", 9: "crash", 16: "crash", 20: "crash"}
    _, pages = collect(read_document(scripted(tmp_path, 20, bad), options(), box=box))
    assert sorted(number for number, page in pages.items() if page.state == "unreadable") == sorted(bad)


def test_document_without_a_readable_page_fails_with_the_reason(box: Sandbox, tmp_path: Path) -> None:
    path = scripted(tmp_path, 3, dict.fromkeys((1, 2, 3), "crash"))
    with pytest.raises(IngestionError) as failed:
        collect(read_document(path, options(), box=box))
    assert failed.value.code == "no_readable_page"
    assert "crashed" in failed.value.sentence


def test_too_much_text_is_refused(box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(IngestionError) as refused:
        collect(read_document(scripted(tmp_path, 40, {}), options(max_characters=100), box=box))
    assert refused.value.code == "too_much_text"


def test_closing_kills_the_children_soon(box: Sandbox, tmp_path: Path) -> None:
    path = scripted(tmp_path, 200, dict.fromkeys(range(30, 200), "slow"))
    steps = read_document(path, options(), box=box)
    next(steps)
    assert isinstance(next(steps), RangeRead)
    started = time.monotonic()
    steps.close()
    # Reading on would take over half a minute.
    assert time.monotonic() - started < 10
    zygote = psutil.Process(box._process.pid)
    while zygote.children() and time.monotonic() - started < 15:
        time.sleep(0.02)
    assert zygote.children() == []


def test_killed_zygote_costs_no_page(box: Sandbox, tmp_path: Path) -> None:
    path = scripted(tmp_path, 60, {5: "slow", 25: "slow"})
    steps = read_document(path, options(), box=box)
    info = next(steps)
    rest = []
    for position, part in enumerate(steps):
        if position == 0:
            box._process.kill()
        rest.append(part)
    _, pages = collect([info, *rest])
    assert [pages[number].state for number in range(1, 61)] == ["read"] * 60


def test_every_real_file_reaches_an_end(corpora: Path) -> None:
    ends = {}
    for path in sorted(corpora.rglob("*.pdf")):
        try:
            info, pages = collect(read_document(path))
        except (IngestionError, ChildDied) as end:
            ends[path.name] = getattr(end, "code", "limit")
            continue
        assert info.pages == len(pages) > 0
        ends[path.name] = "ready"
    assert {name: end for name, end in ends.items() if end != "ready"} == {
        "empty.pdf": "empty_file",
        "libreoffice-writer-password.pdf": "needs_password",
        "password-example.pdf": "needs_password",
        "unreadablemetadata.pdf": "no_pages",
    }


def test_page_counts_agree_with_what_others_state(corpora: Path) -> None:
    stated = json.loads((corpora / "sample-files" / "files.json").read_text())["data"]
    for entry in stated:
        path = corpora / "sample-files" / entry["path"]
        if (
            entry.get("encrypted")
            or "unreadable" in entry["path"]
            or entry.get("pages") is None
            or not path.exists()
        ):
            continue
        assert collect(read_document(path))[0].pages == entry["pages"], entry["path"]
