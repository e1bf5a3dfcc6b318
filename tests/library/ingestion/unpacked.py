"""An archive through the sandbox, as tests look at it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field

from apps.library.ingestion.sandbox import Sandbox
from apps.library.ingestion.tree.unpacking import TreeFile, TreeOptions, TreeSkip, unpack


@dataclass
class Unpacked:
    """files: path -> content. skipped: path -> (reason, count). spool_bytes: what was written."""

    files: dict[str, bytes] = field(default_factory=dict)
    skipped: dict[str, tuple[str, int]] = field(default_factory=dict)
    blobs: dict[str, str] = field(default_factory=dict)
    spool_bytes: int = 0

    @property
    def reasons(self) -> dict[str, str]:
        return {path: reason for path, (reason, _) in self.skipped.items()}


def unpack_all(box: Sandbox, content: bytes, options: TreeOptions | None = None) -> Unpacked:
    """Raises what unpack raises; then the number of bytes in the spool is the error's `spool_bytes`."""
    found = Unpacked()
    with tempfile.TemporaryFile() as archive, tempfile.TemporaryFile() as spool:
        archive.write(content)
        archive.flush()
        try:
            for value in unpack(
                box, fd=archive.fileno(), spool_fd=spool.fileno(), options=options or TreeOptions()
            ):
                if isinstance(value, TreeFile):
                    found.files[value.path] = os.pread(spool.fileno(), value.size, value.offset)
                    found.blobs[value.path] = value.blob
                elif isinstance(value, TreeSkip):
                    found.skipped[value.path] = (value.reason, value.count)
        except Exception as error:
            error.spool_bytes = os.fstat(spool.fileno()).st_size  # type: ignore[attr-defined]
            raise
        found.spool_bytes = os.fstat(spool.fileno()).st_size
    return found
