"""Volumes without room: uploads are refused in words, nothing of them stays, and everything else goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.client import ApiClient, ApiError
from tests.live.conftest import EMAIL, PASSWORD
from tests.live.test_uploads import MIB, a_pdf
from tests.live.tus import Tus
from tests.services import LiveStack, missing, run_live_stack, wait_for

pytestmark = pytest.mark.services

ARRIVING_MIB = 64
STORED_MIB = 8


@dataclass
class SmallHouse:
    """Uploads arrive on one small volume and are stored on another."""

    stack: LiveStack
    api: ApiClient

    @property
    def uploads(self) -> Path:
        return self.stack.data_dir / "uploads"

    @property
    def files(self) -> Path:
        return self.stack.data_dir / "files"

    def left(self) -> list[Path]:
        """What lies where uploads arrive, and files nobody has a document of."""
        return [one for one in self.uploads.iterdir() if one.name != "filler"]

    def fill(self, size: int) -> Path:
        filler = self.uploads / "filler"
        filler.write_bytes(bytes(size))
        return filler


@pytest.fixture(scope="module", name="house")
def small_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHouse]:
    data = tmp_path_factory.mktemp("small") / "data"
    with ExitStack() as ends:
        for name, size in {"uploads": ARRIVING_MIB, "files": STORED_MIB}.items():
            mount(data / name, size)
            ends.callback(subprocess.run, ["umount", "--lazy", str(data / name)], check=True)
        with run_live_stack(data) as stack:
            arguments = (EMAIL, "--password-stdin", "--workspace", "Small", "--role", "owner")
            stack.manage("create_user", *arguments, text_input=PASSWORD)
            token = stack.manage("create_token", EMAIL).strip().splitlines()[-1]
            yield SmallHouse(stack, ApiClient(stack.url, token))


@pytest.fixture(autouse=True)
def _fresh_provider() -> None:
    """No model is asked here."""


def mount(folder: Path, size_mib: int) -> None:
    """A volume of this size, in memory."""
    if sys.platform != "linux" or os.geteuid() != 0:
        missing("a small volume", "mounting one takes root on Linux")
    folder.mkdir(parents=True, mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        missing("a small volume", done.stderr.strip())


def test_what_cannot_fit_is_refused_before_a_byte(house: SmallHouse) -> None:
    tus, corpus_id = Tus(house.api), house.api.new_corpus("Announced")
    refused = tus.announce(corpus_id, "large.pdf", 40 * MIB)
    assert (refused.status, refused.error_code) == (507, "disk_full")
    first = tus.announce(corpus_id, "one.pdf", 20 * MIB)
    assert first.status == 201
    # What was promised to the first is not there for the second.
    assert tus.announce(corpus_id, "two.pdf", 20 * MIB).error_code == "disk_full"
    assert tus.call("DELETE", first.headers["location"]).status == 204


def test_a_volume_that_fills_up_meanwhile_keeps_nothing_of_the_upload(house: SmallHouse) -> None:
    tus, corpus_id = Tus(house.api), house.api.new_corpus("Meanwhile")
    content = a_pdf(20 * MIB)
    path = tus.begin(corpus_id, "large.pdf", content)
    assert tus.patch(path, 0, content[: 2 * MIB]).status == 204
    filler = house.fill(20 * MIB)
    refused = tus.patch(path, 2 * MIB, content[2 * MIB :])
    assert (refused.status, refused.error_code) == (507, "disk_full")
    assert house.left() == []
    assert tus.call("HEAD", path).status == 404
    assert house.stack.is_ready()
    filler.unlink()
    small = a_pdf()
    assert tus.patch(tus.begin(corpus_id, "small.pdf", small), 0, small).status == 204


def test_an_ordinary_upload_into_a_full_volume_is_refused(house: SmallHouse) -> None:
    corpus_id = house.api.new_corpus("Ordinary")
    filler = house.fill(ARRIVING_MIB * MIB - MIB)
    with pytest.raises(ApiError) as refused:
        house.api.upload(corpus_id, "ordinary.pdf", a_pdf(4 * MIB))
    assert refused.value.status == 507
    assert "no room left" in str(refused.value.body)
    wait_for(lambda: house.left() == [], seconds=10, what="nothing left behind")
    filler.unlink()
    assert house.api.upload(corpus_id, "ordinary.pdf", a_pdf())["status"] == "uploaded"


@pytest.mark.parametrize("way", ["resumable", "ordinary"])
def test_a_full_storage_refuses_and_keeps_what_it_has(house: SmallHouse, way: str) -> None:
    tus, corpus_id = Tus(house.api), house.api.new_corpus("Storage")
    kept = house.api.upload(corpus_id, "kept.pdf", a_pdf())
    stored = sorted(house.files.glob("*/*/original"))
    content = a_pdf(12 * MIB)
    if way == "resumable":
        path = tus.begin(corpus_id, "large.pdf", content)
        refused = tus.patch(path, 0, content)
        assert (refused.status, refused.error_code) == (507, "disk_full")
        assert tus.call("HEAD", path).status == 404
    else:
        with pytest.raises(ApiError) as ordinary:
            house.api.upload(corpus_id, "large.pdf", content)
        assert ordinary.value.status == 507
    wait_for(lambda: house.left() == [], seconds=10, what="nothing left behind")
    assert sorted(house.files.glob("*/*/original")) == stored
    (document,) = house.api.wait_until_read([kept["id"]])
    assert document["status"] == "ready"
