import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.library.ingestion.sandbox import Sandbox


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A sandbox that also knows the jobs which misbehave on purpose."""
    made = Sandbox(
        job_modules=(
            "apps.library.ingestion.readers.pdf",
            "apps.library.ingestion.picture_jobs",
            "tests.library.ingestion.jobs_for_tests",
        )
    )
    yield made
    made.close()


@pytest.fixture
def input_fd(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "input"
    path.write_bytes(b"hello")
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)
