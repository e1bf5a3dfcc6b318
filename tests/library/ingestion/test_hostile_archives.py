"""Archives that were made to do harm: nothing outside is touched, limits hold, every refusal names its class."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import re
import stat
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import Sandbox
from apps.library.ingestion.tree import unpacking
from apps.library.ingestion.tree.members import TreeLimits
from apps.library.ingestion.tree.unpacking import TreeOptions
from tests.library.ingestion import archives as made
from tests.library.ingestion.unpacked import Unpacked, unpack_all

MIB = 1024**2
# Tight ones, so that a trap springs early.
LIMITS = TreeLimits(
    entries=1000, total_bytes=32 * MIB, file_bytes=2 * MIB, floor_bytes=4 * MIB, header_bytes=MIB
)
LONGEST_SECONDS = 10.0


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = Sandbox(job_modules=("apps.library.ingestion.tree.unpack_jobs",))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trap needs more address space than an honest archive: the interpreter, its modules, one file."""
    monkeypatch.setattr(unpacking, "_WORKING_MEMORY", 384 * MIB)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that hostile paths name; nobody touches it, and nothing appears beside it."""
    nest = tmp_path / "nest"
    nest.mkdir()
    path = nest / "canary"
    path.write_text("sings")
    before = path.stat().st_mtime_ns
    yield path
    assert path.read_text() == "sings"
    assert path.stat().st_mtime_ns == before
    assert list(nest.iterdir()) == [path]


def unpacked(box: Sandbox, content: bytes, limits: TreeLimits = LIMITS) -> Unpacked:
    return unpack_all(box, content, TreeOptions(limits=limits))


def refusal(box: Sandbox, content: bytes, limits: TreeLimits = LIMITS) -> IngestionError:
    started = time.monotonic()
    with pytest.raises(IngestionError) as refused:
        unpacked(box, content, limits)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert refused.value.spool_bytes <= limits.total_bytes + 2 * MIB  # type: ignore[attr-defined]
    return refused.value


# Paths -------------------------------------------------------------------------------------------

CLASSES: dict[str, tuple[str, str]] = {
    "path with ..": ("../../{canary}", "“..” in its path"),
    "path with .. further in": ("src/../../../{canary}", "“..” in its path"),
    "absolute path": ("/{canary}", "absolute path"),
    "drive letter": ("C:/{canary}", "drive letter in its path"),
    "drive letter without a slash": ("c:canary", "drive letter in its path"),
    "backslashes": ("..\\..\\canary", "backslash in its path"),
    "NUL": ("src/app.py\0.png", "unprintable characters in its name"),
    "line break": ("a\n[[1:1]] forged.py", "unprintable characters in its name"),
    "turned direction": ("src/gpj.\u202eyp.exe", "unprintable characters in its name"),
    "path over 1,024 bytes": ("src/" * 300 + "a", "more than 64 folders deep|path of more than 1,024 bytes"),
    "path too deep": ("d/" * 64 + "a", "more than 64 folders deep"),
    "path over 280 characters": ("x" * 281, "path of more than 280 characters"),
    "no name": ("./", ""),
    "git's own files": ("src/.git/hooks/post-checkout", "git's own files"),
    "git's own files in capitals": (".GIT/config", "git's own files"),
}  # fmt: skip


@pytest.mark.parametrize("form", ["zip", "tar"])
@pytest.mark.parametrize("case", CLASSES)
def test_hostile_path_is_skipped_by_name(box: Sandbox, canary: Path, form: str, case: str) -> None:
    path, reason = CLASSES[case]
    path = path.format(canary=str(canary).lstrip("/"))
    files = {"plain.txt": b"plain\n", path: b"owned"}
    if form == "zip":
        local, entry = made.zip_entry(b"plain.txt", b"plain\n", 0)
        other = made.zip_entry(path.encode(), b"owned", len(local), flags=0x800)
        on_unix = (other[0], other[1][:5] + b"\3" + other[1][6:])
        content = made.zip_by_hand([(local, entry), on_unix])
    elif "\0" in path:
        content = made.tar_pax(_pax("path", path))
    else:
        content = made.make_tar(files)
    found = unpacked(box, content)
    assert b"owned" not in found.files.values()
    assert b"plain\n" in found.files.values() or "\0" in path
    if reason:
        assert [why in reason.split("|") for why in found.reasons.values()] == [True]


def _pax(key: str, value: str) -> bytes:
    record = f" {key}={value}\n".encode()
    length = len(record) + 2
    return b"%d%b" % (length, record)


COLLISIONS = {
    "the same name twice": ("src/app.py", "src/app.py"),
    "names that differ in case": ("src/App.py", "src/app.py"),
    "names that differ in composition": ("caf\u00e9.py", "cafe\u0301.py"),
    "names that fold to the same": ("stra\u00dfe.py", "STRASSE.py"),
    "a file where a folder is": ("src/app.py", "src"),
    "a folder where a file is": ("src", "src/app.py"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("form", ["zip", "tar"])
@pytest.mark.parametrize("case", COLLISIONS)
def test_colliding_names_leave_the_first_alone(box: Sandbox, form: str, case: str) -> None:
    first, second = COLLISIONS[case]
    if form == "tar":
        named = [
            (tarfile.TarInfo("readme"), b""),
            (tarfile.TarInfo(first), b"1"),
            (tarfile.TarInfo(second), b"2"),
        ]
        content = made.tar_of(named)
    else:
        made_zip = io.BytesIO()
        with zipfile.ZipFile(made_zip, "w") as archive:
            for path, text in (("readme", b""), (first, b"1"), (second, b"2")):
                archive.writestr(path, text)
        content = made_zip.getvalue()
    found = unpacked(box, content)
    assert found.files == {"readme": b"", first: b"1"}
    assert list(found.skipped.values()) == [("has the name of another file", 1)]


# Natures -----------------------------------------------------------------------------------------

SPECIAL: dict[str, tuple[Callable[[str], bytes], str]] = {
    "tar: symbolic link": (lambda path: made.tar_special("x", tarfile.SYMTYPE, path), "symbolic link"),
    "tar: hard link": (lambda path: made.tar_special("x", tarfile.LNKTYPE, path), "hard link"),
    "tar: character device": (lambda path: made.tar_special("x", tarfile.CHRTYPE), "device"),
    "tar: block device": (lambda path: made.tar_special("x", tarfile.BLKTYPE), "device"),
    "tar: named pipe": (lambda path: made.tar_special("x", tarfile.FIFOTYPE), "named pipe"),
    "tar: sparse file of a terabyte": (lambda path: made.tar_sparse(), "sparse file"),
    "tar: sparse file by pax": (
        lambda path: made.tar_pax(_pax("GNU.sparse.major", "1") + _pax("GNU.sparse.realsize", "1" * 13), "x"),
        "sparse file",
    ),
    "zip: symbolic link": (lambda path: made.zip_symlink("x", path), "symbolic link"),
    "zip: device": (lambda path: made.zip_special("x", stat.S_IFBLK), "device"),
    "zip: named pipe": (lambda path: made.zip_special("x", stat.S_IFIFO), "named pipe"),
    "zip: socket": (lambda path: made.zip_special("x", stat.S_IFSOCK), "socket"),
    "zip: other compression": (
        lambda path: made.make_zip({"x": b"x" * 999}, method=zipfile.ZIP_LZMA),
        "packed in a way that is not read",
    ),
    "zip: encrypted member": (
        lambda path: made.zip_by_hand(
            [(first := made.zip_entry(b"plain.txt", b"p", 0)), made.zip_entry(b"x", b"x", len(first[0]), flags=1)]
        ),
        "encrypted",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SPECIAL)
def test_special_member_is_skipped_by_name(box: Sandbox, canary: Path, case: str) -> None:
    make, reason = SPECIAL[case]
    found = unpacked(box, make(str(canary)))
    assert {reason} <= set(found.reasons.values())
    assert b"sings" not in found.files.values()
    assert len(found.skipped) == 1


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_an_archive_inside_is_not_opened(box: Sandbox, form: str) -> None:
    inner = made.make_zip({"secret.txt": b"x\n" * 99})
    found = unpacked(box, made.EVERY_FORMAT[form]({"a.txt": b"a\n", "inner.zip": inner, "inner.dat": inner}))
    assert list(found.files) == ["a.txt"]
    assert set(found.skipped) == {"inner.zip", "inner.dat"}


# Bombs -------------------------------------------------------------------------------------------


def _zeros(size: int) -> bytes:
    return made.make_tar({f"{number}.txt": bytes(MIB) for number in range(size // MIB)})


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "gzip bomb": (lambda: gzip.compress(_zeros(16 * MIB), 9), "archive_bomb"),
    "gzip bomb in many streams": (lambda: gzip.compress(bytes(MIB), 9) * 400, "archive_bomb|tree_too_large"),
    "xz bomb": (lambda: lzma.compress(_zeros(16 * MIB), preset=0), "archive_bomb"),
    "zstd bomb": (lambda: made.compress_zstd(_zeros(16 * MIB)), "archive_bomb"),
    "zip bomb of many files": (
        lambda: made.make_zip({f"{number}.txt": b"a" * MIB for number in range(16)}),
        "archive_bomb",
    ),
    "zip bomb of overlapping files": (made.overlapping_zip, "archive_overlap"),
    "zip bomb of quoted files": (made.quoting_zip, "archive_overlap"),
    "xz with a dictionary of 1 GiB": (
        lambda: lzma.compress(
            _zeros(MIB), filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1024 * MIB}]
        ),
        "archive_memory",
    ),
    "zstd with a window of 2 GiB": (lambda: b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]) + b"\x01\0\0", "archive_memory"),
    "tar: too many entries": (lambda: made.tar_header("x") * 1001 + bytes(1024), "too_many_entries"),
    "zip: too many entries": (
        lambda: made.zip_by_hand([made.zip_entry(b"x", b"", 0)] * 1001),
        "too_many_entries",
    ),
    "zip: too many entries, fewer stated": (
        lambda: made.zip_by_hand([made.zip_entry(b"x", b"", 0)] * 1001, count=3),
        "too_many_entries",
    ),
    "tar: too large in all": (
        lambda: made.make_tar({f"{number}": bytes([number]) * MIB for number in range(34)}),
        "tree_too_large",
    ),
    "zip: too large in all": (
        lambda: made.make_zip({f"{number}": random.Random(number).randbytes(MIB) for number in range(33)},
                              method=zipfile.ZIP_STORED),
        "tree_too_large",
    ),
    "tar: pax header said to be 10 GiB": (
        lambda: made.tar_header("x", size=10 << 30, kind=b"x"), "archive_headers",
    ),
    "tar: endless path": (
        lambda: made.tar_header("x", size=MIB, kind=b"L") + b"a" * MIB + made.make_tar({"x": b"x"}),
        "archive_headers",
    ),
    "tar: pax headers without end": (lambda: made.tar_header("x", kind=b"x") * 3000, "archive_headers"),
    "a pattern of a megabyte in .gitignore": (
        lambda: made.make_tar({".gitignore": b"*a" * 500_000, "a.txt": b"x"}), "long_patterns",
    ),
    "tar: global headers without end": (lambda: made.tar_header("x", kind=b"g") * 3000, "archive_headers"),
}  # fmt: skip


@pytest.mark.parametrize("case", BOMBS)
def test_bomb_is_refused_by_its_class(box: Sandbox, case: str) -> None:
    make, codes = BOMBS[case]
    refused = refusal(box, make())
    assert refused.code in codes.split("|")
    assert refused.sentence.endswith("bring that.")


def test_a_zip_with_200_001_entries_is_refused_before_it_is_opened(box: Sandbox) -> None:
    local, entry = made.zip_entry(b"x", b"", 0)
    directory = entry * 200_001
    end = made.END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), len(local), 0)
    refused = refusal(box, local + directory + end, TreeLimits())
    assert refused.code == "too_many_entries"
    assert "200,000" in refused.sentence


# Lies and damage ---------------------------------------------------------------------------------

DAMAGED: dict[str, Callable[[], bytes]] = {
    "zip: wrong checksum": lambda: made.one_file_zip(crc=7),
    "zip: size stated too small": lambda: made.one_file_zip(size=10),
    "zip: other name in the file's own header": lambda: made.one_file_zip(local_name=b"b.txt"),
    "zip: directory stated elsewhere": lambda: made.zip_by_hand(
        [made.zip_entry(b"a.txt", b"x", 0)], shift=40
    ),
    "zip: directory before the beginning": lambda: made.END.pack(b"PK\5\6", 0, 0, 1, 1, 500, 0, 0),
    "zip: place of a file behind the end": lambda: made.zip_by_hand(
        [made.zip_entry(b"a.txt", b"x", 1 << 31)]
    ),
    "zip: no directory": lambda: made.make_zip({"a.txt": b"x"})[:-22],
    "zip: broken 64-bit extra field": lambda: made.one_file_zip(size=0xFFFFFFFF, extra=b"\1\0\4\0abcd"),
    "tar: size stated as 2 to the 80": lambda: made.tar_header("a.txt", size=1 << 80) + bytes(2048),
    "tar: size behind the end": lambda: made.tar_header("a.txt", size=100_000) + bytes(2048),
    "tar: negative size": lambda: made.checked(
        bytearray(made.tar_header("a.txt")[:124] + b"\xff" * 12 + made.tar_header("a.txt")[136:])
    ),
    "tar: size with a sign": lambda: made.checked(
        bytearray(made.tar_header("a.txt")[:124] + b"-0000001000\0" + made.tar_header("a.txt")[136:])
    ),
    "tar: no end mark": lambda: made.tar_header("a.txt", size=512) + b"x" * 512,
    "tar: header that is none": lambda: made.tar_header("a.txt", size=512) + b"x" * 1024 + bytes(1024),
    "tar: pax record without end": lambda: made.tar_pax(b"99999 path=x\n"),
    "tar: pax record of length 0": lambda: made.tar_pax(b"0 path=x\n"),
    "tar: pax record without a length": lambda: made.tar_pax(b"path=x\n" * 30),
    "tar: pax size that is no number": lambda: made.tar_pax(b"10 size=-1\n"[:11]),
    "tar: second volume": lambda: made.tar_header("a.txt", kind=b"M") + bytes(1024),
    "gzip: wrong checksum": lambda: made.make_tar_gz({"a.txt": b"x\n"})[:-8] + bytes(8),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_lying_archive_is_refused_as_damaged(box: Sandbox, case: str) -> None:
    assert refusal(box, DAMAGED[case]()).code == "damaged_archive"


@pytest.mark.parametrize("name", made.EVERY_FORMAT)
def test_archive_cut_anywhere_is_refused_and_says_how_far_it_is_whole(box: Sandbox, name: str) -> None:
    noise = random.Random(6)
    content = made.EVERY_FORMAT[name]({f"{number}.txt": noise.randbytes(3000) for number in range(9)})
    mentioned = set()
    for share in (0.75, 0.4, 0.01):
        refused = refusal(box, content[: max(6, int(len(content) * share))])
        assert refused.code == "damaged_archive"
        mentioned.add(refused.sentence)
    if name in (
        "tar",
        "tar.gz",
    ):  # the others hold what little there is in one piece, or their list at the end
        assert any(
            re.search(r"near (\d)\.txt \(\1 files before it are whole\)", sentence) for sentence in mentioned
        )


@pytest.mark.parametrize("name", made.EVERY_FORMAT)
def test_altered_bytes_end_in_files_or_a_refusal(box: Sandbox, name: str) -> None:
    """Never in an unforeseen error: what a child could not foresee would be a reader_failed."""
    dice = random.Random(f"archives {name}")
    content = made.EVERY_FORMAT[name](
        {"src/a.py": b"a = 1\n" * 50, "b.txt": dice.randbytes(900), ".gitignore": b"*.log\n"}
    )
    refused = 0
    for _ in range(25):
        altered = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            altered[dice.randrange(len(altered))] = dice.randrange(256)
        try:
            unpacked(box, bytes(altered))
        except IngestionError:
            refused += 1
    assert refused > 3
