"""Dockerfile and docker-compose.yml start what the supervisor starts, with as few rights."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from docanalyst import redis_server
from docanalyst.processes import Part, parts
from tests.services import ROOT

IN_CONTAINERS = parts(host="0.0.0.0", port=8000, data_dir=Path("/data"), ingest_processes=2, ocr_threads=1)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [part.name for part in IN_CONTAINERS] + ["prepare"]


def dockerfile_stages() -> list[list[str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    starts = [index for index, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


@pytest.mark.parametrize("part", IN_CONTAINERS, ids=lambda part: part.name)
def test_each_part_is_a_service_with_the_supervisors_command(part: Part) -> None:
    assert SERVICES[part.name]["command"] == ["python", *part.command()[1:]]


def test_there_is_no_service_without_a_part() -> None:
    assert set(SERVICES) == {*OURS, "redis", "database"}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_rights_they_do_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "data:/data" in service["volumes"]
    assert "privileged" not in service


def test_the_web_part_is_published_on_this_machine_alone_and_nothing_else_is() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${PORT:-8000}:8000"]}


def test_parts_wait_for_the_prepared_database() -> None:
    for part in IN_CONTAINERS:
        assert SERVICES[part.name]["depends_on"] == {
            "prepare": {"condition": "service_completed_successfully"}
        }
    assert SERVICES["prepare"]["depends_on"] == {
        "redis": {"condition": "service_healthy"},
        "database": {"condition": "service_healthy"},
    }


def test_redis_keeps_data_as_the_self_started_one_does(tmp_path: Path) -> None:
    own = redis_server.server_command(Path("valkey-server"), tmp_path)
    given = SERVICES["redis"]["command"]
    for flag in ("--appendonly", "--appendfsync", "--save", "--maxmemory-policy"):
        assert given[given.index(flag) + 1] == own[own.index(flag) + 1]


def test_no_password_is_written_down() -> None:
    assert SERVICES["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_the_image_starts_the_web_part() -> None:
    [command] = [line for line in dockerfile_stages()[-1] if line.startswith("CMD ")]
    assert json.loads(command.removeprefix("CMD ")) == SERVICES["web"]["command"]


def test_the_image_runs_as_nobody_special_and_brings_no_build_tools() -> None:
    last = dockerfile_stages()[-1]
    [user] = [line for line in last if line.startswith("USER ")]
    assert user not in {"USER root", "USER 0"}
    assert last.index(user) < next(index for index, line in enumerate(last) if line.startswith("CMD "))
    assert not re.search(r"\b(gcc|g\+\+|make|build-essential|uv|pip)\b", " ".join(last).lower())


def test_the_image_installs_the_lock_by_hash() -> None:
    first = " ".join(dockerfile_stages()[0])
    assert first.count("--require-hashes") == 2
    assert "requirements.lock" in first


def test_every_file_the_image_needs_passes_dockerignore() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {
        "apps",
        "docanalyst",
        "static",
        "templates",
        "manage.py",
        "requirements.lock",
        "LICENSE",
    } == allowed
    assert all((ROOT / name).exists() for name in allowed)
