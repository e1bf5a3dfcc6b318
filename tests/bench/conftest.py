"""The benchmarks' own table, and an installation with a model endpoint beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.figures import Figures

_figures = Figures()


@pytest.fixture(scope="session")
def figures() -> Figures:
    """Where a benchmark tells what it measured; all of it is printed as a table at the end."""
    return _figures


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _figures.rows or _figures.left_out:
        terminalreporter.section("figures")
        for line in _figures.table():
            terminalreporter.write_line(line)
