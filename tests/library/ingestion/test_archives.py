"""Honest archives: every format and dialect gives the same files, under the paths that people know."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator

import pytest

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import Sandbox
from apps.library.ingestion.tree.unpacking import TreeOptions
from tests.library.ingestion import archives as made
from tests.library.ingestion.unpacked import unpack_all

FILES = {
    "src/app.py": b"print('hello')\n" * 2000,
    "src/ü/straße.py": "größe = 1\n".encode(),
    "README.md": b"# Readme\n",
    "empty.txt": b"",
    "a" * 60 + "/" + "b" * 90 + "/" + "c" * 100 + ".txt": b"far away\n",
}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = Sandbox(job_modules=("apps.library.ingestion.tree.unpack_jobs",))
    yield made
    made.close()


@pytest.mark.parametrize("name", made.EVERY_FORMAT)
def test_every_format_gives_every_file_byte_for_byte(box: Sandbox, name: str) -> None:
    found = unpack_all(box, made.EVERY_FORMAT[name](FILES))
    assert found.files == FILES
    assert list(found.files) == list(FILES)
    assert found.skipped == {}
    assert found.blobs == {path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_dialects_of_tar_are_read_as_the_standard_library_reads_them(box: Sandbox, form: int) -> None:
    content = made.make_tar(FILES, form=form)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        theirs = {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]
    assert unpack_all(box, content).files == theirs == FILES


def test_names_of_old_tars_keep_their_prefix_and_their_encoding(box: Sandbox) -> None:
    path = "d" * 90 + "/" + "e" * 80
    old = made.make_tar({path: b"x\n", "README": b""}, form=tarfile.USTAR_FORMAT)
    assert list(unpack_all(box, old).files) == [path, "README"]
    header = made.checked(bytearray(made.tar_header("cafe.txt")).replace(b"cafe", b"caf\xe9"))
    assert list(unpack_all(box, header + bytes(1024)).files) == ["café.txt"]


def test_names_of_zips_are_read_in_the_code_page_they_are_in(box: Sandbox) -> None:
    for written, read in ((b"gr\x81n.txt", "grün.txt"), ("grün.txt".encode(), "grün.txt")):
        assert list(unpack_all(box, made.zip_by_hand([made.zip_entry(written, b"x\n", 0)])).files) == [read]


def test_a_zip_from_windows_may_write_backslashes(box: Sandbox) -> None:
    readme = made.zip_entry(b"README", b"", 0)
    local, entry = made.zip_entry(b"src\\app.py", b"x\n", len(readme[0]))
    on_windows = made.zip_by_hand([readme, (local, entry)])
    assert list(unpack_all(box, on_windows).files) == ["README", "src/app.py"]
    on_unix = made.zip_by_hand([readme, (local, entry[:5] + b"\3" + entry[6:])])
    assert unpack_all(box, on_unix).reasons == {"src\\app.py": "backslash in its path"}


def test_large_zips_with_64_bit_places_are_read(box: Sandbox) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive, archive.open("a.txt", "w", force_zip64=True) as file:
        file.write(b"x\n")
    plain = made.one_file_zip()
    end = plain.rindex(b"PK\5\6")
    _, _, _, _, entries, size, place, _ = made.END.unpack(plain[end:])
    end_64 = made.END_64.pack(b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, place)
    locator = made.LOCATOR.pack(b"PK\6\7", 0, end, 1)
    last = made.END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for archive_64 in (content.getvalue(), plain[:end] + end_64 + locator + last):
        assert list(unpack_all(box, archive_64).files) == ["a.txt"]


def test_a_zip_behind_a_program_is_read(box: Sandbox) -> None:
    # It begins with another signature, so it is a file of another kind by its content already.
    content = made.make_zip({"a.txt": b"x\n"})
    assert unpack_all(box, b"PK\3\4" + b"stub" * 20 + content).files == {"a.txt": b"x\n"}


@pytest.mark.parametrize("name", ["zip", "tar.gz"])
def test_a_single_top_folder_is_dropped(box: Sandbox, name: str) -> None:
    files = {"./django-5.2/a.py": b"a\n", "django-5.2/docs/b.txt": b"b\n", "__MACOSX/django-5.2/._a.py": b"?"}
    found = unpack_all(box, made.EVERY_FORMAT[name](files))
    assert list(found.files) == ["a.py", "docs/b.txt"]
    assert found.skipped == {"__MACOSX/": ("written by macOS beside the files", 1)}


def test_no_folder_is_dropped_when_a_file_lies_beside_it_or_a_commit_is_read(box: Sandbox) -> None:
    beside = {"src/a.py": b"a\n", "setup.py": b"b\n"}
    assert list(unpack_all(box, made.make_tar(beside)).files) == ["src/a.py", "setup.py"]
    clone = TreeOptions(is_clone=True)
    assert list(unpack_all(box, made.make_tar({"src/a.py": b"a\n"}), clone).files) == ["src/a.py"]


def test_a_folder_of_a_commit_is_a_submodule(box: Sandbox) -> None:
    folder = tarfile.TarInfo("vendor/lib")
    folder.type = tarfile.DIRTYPE
    content = made.tar_of([(folder, b""), (tarfile.TarInfo("a.py"), b"a\n")])
    assert unpack_all(box, content, TreeOptions(is_clone=True)).skipped == {"vendor/lib/": ("submodule", 1)}
    assert unpack_all(box, content).skipped == {}


@pytest.mark.parametrize("name", ["zip", "tar.gz"])
def test_rules_that_come_behind_their_files_govern_them(box: Sandbox, name: str) -> None:
    files = {
        "p/out.log": b"x\n",
        "p/sub/keep.log": b"x\n",
        "p/sub/.gitignore": b"!keep.log\n",
        "p/.gitignore": b"*.log\n",
    }
    content = made.EVERY_FORMAT[name](files)
    found = unpack_all(box, content)
    assert sorted(found.files) == [".gitignore", "sub/.gitignore", "sub/keep.log"]
    assert list(found.skipped) == ["out.log"]
    # Tracked files of a commit are read whatever the rules say.
    assert "p/out.log" in unpack_all(box, content, TreeOptions(is_clone=True)).files


def test_globs_and_restored_paths_reach_the_choice(box: Sandbox) -> None:
    files = {"a.py": b"a\n", "docs/b.md": b"b\n", "docs/old/c.md": b"c\n"}
    options = TreeOptions(include=["docs/**"], exclude=["docs/old/"])
    assert list(unpack_all(box, made.make_zip(files), options).files) == ["docs/b.md"]


def test_streams_that_follow_each_other_are_one_archive(box: Sandbox) -> None:
    content = made.make_tar({"a.txt": b"a" * 5000, "b.txt": b"b\n"})
    halves = gzip.compress(content[:3000]) + gzip.compress(content[3000:]) + bytes(700)
    assert list(unpack_all(box, halves).files) == ["a.txt", "b.txt"]


def test_a_file_over_20_mib_is_left_out_and_the_others_read(box: Sandbox) -> None:
    # Large enough in the archive, too, not to look like a bomb.
    large = bytes(range(32, 127)) * 230_000
    for content in (made.make_zip({"a.txt": b"a\n", "large.c": large}, method=zipfile.ZIP_STORED),
                    made.make_tar({"a.txt": b"a\n", "large.c": large})):  # fmt: skip
        found = unpack_all(box, content)
        assert list(found.files) == ["a.txt"]
        assert found.reasons == {"large.c": "larger than 20 MiB"}


def test_an_archive_with_a_password_is_refused_by_name(box: Sandbox) -> None:
    locked = made.zip_by_hand([made.zip_entry(b"a.txt", b"x\n", 0, flags=1)])
    with pytest.raises(IngestionError) as refused:
        unpack_all(box, locked)
    assert refused.value.code == "archive_encrypted"
