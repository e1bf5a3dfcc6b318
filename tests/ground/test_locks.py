"""The two locks and pyproject.toml say the same."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.services import ROOT

LOCKS = ["requirements.lock", "requirements-dev.lock", "docanalyst/bootstrap.lock"]
ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\$")


def locked(path: str) -> dict[str, set[str]]:
    """Versions by name; one name has several where platforms differ."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / path).read_text().splitlines():
        if not line.startswith((" ", "#")) and line:
            match = ENTRY.match(line)
            assert match, f"{path}: {line}"
            found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.lock", project()["project"]["dependencies"]),
        ("requirements-dev.lock", project()["project"]["dependencies"]),
        ("requirements-dev.lock", project()["dependency-groups"]["dev"]),
    ],
    ids=["running", "running-in-dev", "dev"],
)
def test_every_requirement_is_locked_at_a_version_it_allows(lock: str, requirements: list[str]) -> None:
    versions = locked(lock)
    for text in requirements:
        requirement = Requirement(text)
        found = versions.get(canonicalize_name(requirement.name), set())
        assert found, f"{requirement.name} is not in {lock}"
        assert all(requirement.specifier.contains(Version(version)) for version in found), (text, found)


def test_the_development_lock_holds_the_running_one() -> None:
    running, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: development.get(name) for name in running} == running


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_has_hashes_and_no_lock_names_a_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    entries = re.split(r"\n(?=[^\s#])", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_security_floors_hold() -> None:
    versions = locked("requirements.lock")
    assert {Version(version) >= Version("5.2.17") for version in versions["django"]} == {True}
    assert {Version(version) >= Version("2.0") for version in versions["pymupdf"]} == {True}


def test_no_other_lock_lies_about() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*.lock")}
    assert names == {"requirements.lock", "requirements-dev.lock"}
    assert not Path(ROOT / "uv.lock").exists()
