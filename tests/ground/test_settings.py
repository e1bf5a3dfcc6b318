"""Settings refuse nonsense, and every variable is documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ROOT, clean_environment

READS = re.compile(r"""(?:env_\w+|_seconds|(?:environ|environment)(?:\.get)?)[(\[]\s*"([A-Z][A-Z0-9_]+)\"""")
NOT_SETTINGS = {"PATH", "DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE", "TMPDIR", "MAKEFLAGS"}


def variables_read() -> set[str]:
    found: set[str] = set()
    for folder in ("apps", "docanalyst"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(READS.findall(path.read_text(encoding="utf-8")))
    catalogue = (ROOT / "apps/llm/catalogue.toml").read_text(encoding="utf-8")
    found |= set(re.findall(r'_env = "([A-Z_]+)"', catalogue))
    return found - NOT_SETTINGS


def test_every_variable_has_a_line_in_the_readme() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", table))

    assert variables_read() - documented == set()
    assert {name for name in documented if name.startswith("DOCANALYST_")} - variables_read() == set()


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        cwd=ROOT,
        env=clean_environment(
            DJANGO_SETTINGS_MODULE="docanalyst.settings", DOCANALYST_DATA_DIR=str(tmp_path), **environment
        ),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("DOCANALYST_DEBUG", "maybe"),
        ("DOCANALYST_MONTHLY_BUDGET_USD", "-1"),
        ("DOCANALYST_MONTHLY_BUDGET_USD", "nan"),
        ("DOCANALYST_LOG_LEVEL", "LOUD"),
        ("DOCANALYST_URL", "docs.example.org"),
        ("DOCANALYST_URL", "http://docs.example.org"),
        ("DOCANALYST_SECRET_KEY", "short"),
        ("DOCANALYST_SECRET_KEY", "a" * 60),
        ("DOCANALYST_MAX_UPLOAD_MB", "1.5"),
    ],
)
def test_nonsense_is_refused_with_the_variables_name(tmp_path: Path, name: str, value: str) -> None:
    done = start(tmp_path, **{name: value})

    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name} " in done.stderr


def test_debug_is_for_this_machine_alone(tmp_path: Path) -> None:
    done = start(tmp_path, DOCANALYST_DEBUG="1", DOCANALYST_URL="https://docs.example.org")
    assert "DOCANALYST_DEBUG is for this machine alone" in done.stderr


def test_the_defaults_start(tmp_path: Path) -> None:
    assert start(tmp_path).returncode == 0
