"""What is done before the parts start."""

import os
from pathlib import Path
from typing import Any

import pytest

from docanalyst.prepare import collect_static, start_address
from docanalyst.secrets import read_secret


@pytest.fixture
def sources(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "own.css").write_text("a {}")
    settings.STATICFILES_DIRS = [folder]
    settings.STATIC_ROOT = tmp_path / "collected"
    return folder


def test_static_files_are_collected_only_when_they_changed(sources: Path, tmp_path: Path) -> None:
    assert collect_static() is True
    assert (tmp_path / "collected" / "own.css").read_text() == "a {}"
    assert collect_static() is False
    (sources / "own.css").write_text("b {}")
    os.utime(sources / "own.css", ns=(1, 1))
    assert collect_static() is True
    assert (tmp_path / "collected" / "own.css").read_text() == "b {}"


def test_a_removed_static_file_is_gone_after_collecting(sources: Path, tmp_path: Path) -> None:
    (sources / "old.css").write_text("")
    collect_static()
    (sources / "old.css").unlink()
    assert collect_static() is True
    assert not (tmp_path / "collected" / "old.css").exists()


def test_it_begins_at_the_one_time_page_until_somebody_can_sign_in() -> None:
    token = read_secret("first_run_token")
    assert (
        start_address("https://docs.example.org", has_users=False)
        == f"https://docs.example.org/first-run/{token}/"
    )
    assert start_address("https://docs.example.org", has_users=True) == "https://docs.example.org/"
