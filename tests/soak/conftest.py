"""Everything here takes minutes: it bears the marker, and `make test` does not collect the folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker("soak")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of lines about documents that were brought and deleted tell nothing here."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)
