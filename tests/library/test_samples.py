import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from apps.conversations.models import Verdict
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.base import ReadOptions
from apps.library.ingestion.readers.pdf import PdfReader
from apps.library.sample_corpus import REPOSITORY, repository_tar
from apps.library.samples import make_samples, office_lease, reading_with_proof

SAMPLES = {"office-lease": make_samples.make_lease, "reading-with-proof": make_samples.make_guide}


def texts(content: bytes) -> list[tuple[str, str]]:
    data = memoryview(content)
    pages = PdfReader().describe(data, ReadOptions()).pages
    return [(page.label, page.text) for page in PdfReader().read_pages(data, 1, pages, ReadOptions())]


def committed(name: str) -> Path:
    return make_samples.FOLDER / f"{name}.pdf"


@pytest.mark.parametrize("name", SAMPLES)
def test_committed_sample_is_what_its_text_makes(name: str) -> None:
    made = SAMPLES[name]()
    assert made == SAMPLES[name]()
    assert texts(made) == texts(committed(name).read_bytes())
    assert len(made) < 150_000


@pytest.mark.parametrize("name", SAMPLES)
def test_every_page_of_a_sample_is_read_and_shows_nothing_hidden(name: str) -> None:
    data = memoryview(committed(name).read_bytes())
    pages = PdfReader().describe(data, ReadOptions()).pages
    for page in PdfReader().read_pages(data, 1, pages, ReadOptions()):
        assert (page.state, page.flags) == ("read", ())
        assert page.text.endswith(page.label)


def test_labels_of_the_lease_differ_from_positions() -> None:
    labels = [label for label, _ in texts(committed("office-lease").read_bytes())]
    assert labels[:4] == ["i", "ii", "1", "2"]
    assert 10 <= len(labels) <= 12


def test_contents_name_the_printed_pages_and_sums_agree() -> None:
    pages = dict(texts(committed("office-lease").read_bytes()))
    for entry in pymupdf.open(committed("office-lease")).get_toc():
        title, position = " ".join(entry[1].split()), entry[2]
        assert f"{title}\t{position - 2}" in pages["ii"]
        assert title in pages[str(position - 2)]
    assert sum(area for *_, area in office_lease.ROOMS) == 1_240
    monthly = sum(cost for _, cost in office_lease.SERVICES) * office_lease.SHARE_PER_MILLE / 12_000
    assert -(-monthly // 10) * 10 == 4_340
    assert "120 days’ written notice" in " ".join(pages["3"].split())


def test_the_guide_calls_verdicts_as_the_screens_do() -> None:
    section = dict(reading_with_proof.SECTIONS)["Verifying"]
    assert set(re.findall("<tr><td>(.*?)</td>", section)) == set(Verdict.labels)


def test_the_guide_promises_one_pass_and_nothing_more() -> None:
    guide = " ".join(
        " ".join(text for _, text in texts(committed("reading-with-proof").read_bytes())).split()
    )
    assert "One pass reads everything" in guide
    assert "passes" not in guide.replace("the passes, the documents", "")
    assert "thorough" not in guide


def test_the_sample_repository_works_and_its_notice_is_that_of_the_lease(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(repository_tar())) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = tmp_path / REPOSITORY
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-c",
            os.devnull,
            "--rootdir",
            ".",
            "-p",
            "no:cacheprovider",
            "tests",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ".", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "5 passed" in ran.stdout, ran.stdout + ran.stderr

    pages = dict(texts(committed("office-lease").read_bytes()))
    days = re.search(r"NOTICE_DAYS = (\d+)", (folder / "notice_dates" / "notice.py").read_text())
    assert days is not None
    assert f"{days[1]} days’ written notice" in " ".join(pages["3"].split())
