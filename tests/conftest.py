"""What every test gets: a closed door to the outside, empty caches, and an honest closing line."""

import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from tests.services import (  # noqa: F401 (fixtures)
    MISSING,
    chromium,
    corpora,
    live_stack,
    postgres_server,
    redis_client,
    redis_server_url,
)

IS_CI = os.environ.get("CI", "").lower() in {"1", "true"}


class OutsideConnection(Exception):
    """A test tried to reach a host other than this machine."""


def refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: sees every connection that Python's socket module makes, in all threads.

    It cannot see those of other processes, nor uvloop's.
    """
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if isinstance(address, tuple) and not is_here(str(address[0])):
            raise OutsideConnection(f"{event} to {address!r}")
    elif event == "socket.getaddrinfo" and arguments[0] and not is_here(arguments[0]):
        raise OutsideConnection(f"looking up {arguments[0]!r}")


def is_here(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return ip_address(name.split("%", 1)[0]).is_loopback or name in {"0.0.0.0", "::"}
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


sys.addaudithook(refuse_outside)


@pytest.fixture(autouse=True)
def _empty_cache():
    from django.core.cache import cache

    cache.clear()


@pytest.fixture(scope="session")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The installation of tests/live/conftest.py; what starts it takes longer than most tests in it."""
    from tests.live.conftest import run_house

    with run_house(tmp_path_factory.mktemp("house")) as house:
        yield house


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="run only tests that use the database")


def pytest_configure(config: pytest.Config) -> None:
    # A variable of the shell wins over pyproject.toml, and the installation's own settings name its own data.
    chosen = getattr(config.option, "ds", None) or os.environ.get("DJANGO_SETTINGS_MODULE", "tests.settings")
    if not chosen.startswith("tests."):
        pytest.exit(
            f"DJANGO_SETTINGS_MODULE is {chosen}: tests run with tests.settings alone; unset it.",
            returncode=4,
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database-only"):
        chosen = [item for item in items if uses_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen


def uses_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db", "django_db_serialized_rollback"}
    return item.get_closest_marker("django_db") is not None or not fixtures.isdisjoint(
        getattr(item, "fixturenames", ())
    )


# The closing lines --------------------------------------------------------------------------------

_missing: dict[str, int] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # With several workers, reports arrive at the process that prints the summary.
    if report.skipped and isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]:
        part = report.longrepr[2].split(MISSING, 1)[1]
        _missing[part] = _missing.get(part, 0) + 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _missing and IS_CI and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for part, count in sorted(_missing.items()):
        terminalreporter.write_line(
            f"Not run: {count} tests, for want of {part}", yellow=not IS_CI, red=IS_CI
        )
    if not _missing:
        terminalreporter.write_line("Nothing was left out for want of a part.")
