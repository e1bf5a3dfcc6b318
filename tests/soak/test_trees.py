"""Real trees: what was read equals what git says less what was left out; counts equal Llama's own tokenizer's.

SOAK_TREES names a folder of tar archives (sources of any project); without it Django's and NumPy's are fetched by pip.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.library.services import add_upload
from tests.bench.trees import DJANGO, download_sources
from tests.library.house import House, house_with_lease  # noqa: F401 (fixture)
from tests.library.real_trees import check_against_git, check_counts, unpack
from tests.library.trees import read


def archives(folder: Path) -> list[Path]:
    if given := os.environ.get("SOAK_TREES"):
        return sorted(path for path in Path(given).iterdir() if ".tar" in path.name)
    try:
        return [download_sources(name, folder / name[:5]) for name in (DJANGO, "numpy")]
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"pip could not fetch sources: {error}")


def test_real_trees_are_read_as_git_and_the_tokenizer_say(house: House, tmp_path: Path) -> None:
    for archive in archives(tmp_path):
        started = time.monotonic()
        file = SimpleUploadedFile(archive.name, archive.read_bytes())
        revision = read(add_upload(house.people["alice"], house.corpus, file).document)
        seconds = time.monotonic() - started
        assert revision.status == "ready", revision.error_sentence
        told = check_against_git(revision, unpack(archive, tmp_path / archive.name.partition(".")[0]))
        counted = check_counts(revision)
        print(
            f"{archive.name}: {told}, {revision.facts['lines']:,} lines, {revision.token_count:,} tokens, "
            f"{counted:,} pages counted anew, {seconds:.1f} s, left out: {revision.facts['skipped']}",
            flush=True,
        )
