"""Archives for benchmarks: a known package's sources, the same a little changed, and a tree of two million lines."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

DJANGO = "django==5.2.19"
REPOMIX = "repomix@1.18.1"


def download_sources(requirement: str, folder: Path) -> Path:
    """The source distribution of a package, by pip. Raises CalledProcessError or TimeoutExpired when there is none."""
    name = requirement.partition("==")[0]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", name]
    subprocess.run([*command, "-d", str(folder), requirement], check=True, timeout=120, capture_output=True)
    return next(folder.glob("*.tar.gz"))


def install_repomix(folder: Path) -> Path:
    """Its program, by npm. Raises as download_sources, and FileNotFoundError without npm."""
    folder.mkdir()
    subprocess.run(
        ["npm", "install", "--silent", "--prefix", str(folder), REPOMIX],
        check=True,
        timeout=180,
        capture_output=True,
    )
    return folder / "node_modules" / ".bin" / "repomix"


def changed(archive: bytes, *, every: int, sign: str) -> bytes:
    """The archive with a line more in every so many-th of its Python files, so one in a hundred files is another."""
    buffer = io.BytesIO()
    seen = 0
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6) as new,
    ):
        for member in old:
            file = old.extractfile(member)
            content = file.read() if file else b""
            if member.isfile():
                seen += 1
                if seen % every == 0 and content.isascii() and content:
                    content += f"\n# {sign}\n".encode()
            member.size = len(content)
            new.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return buffer.getvalue()


def large_tree(files: int, lines: int) -> bytes:
    """A tar.gz of that many Python files of so many lines, each a little different."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for number in range(files):
            text = "".join(
                f"    value_{line} = compute(left={number * line % 997}, right='part {number % 31}')\n"
                if line % 8
                else f"def step_{number}_{line}(context):\n"
                for line in range(lines)
            )
            member = tarfile.TarInfo(f"tree/area_{number % 20}/unit_{number % 400}/file_{number}.py")
            data = text.encode()
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
