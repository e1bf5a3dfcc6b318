"""A damaged PDF mended into a copy, by a second library, in a child of its own. Rare, so its zygote lives for one call.

qpdf is not loaded where pages are read: it would double what every reading process keeps in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.library.ingestion.limits import Limits
from apps.library.ingestion.sandbox import Sandbox

REPAIRABLE = frozenset({"damaged", "no_pages", "fewer_pages"})
"""Codes of describe() that a repair may cure."""

_JOB_MODULES = ("apps.library.ingestion.repair_jobs",)


@dataclass(frozen=True, slots=True)
class Repaired:
    """pages: of the copy, the lost ones among them. lost: pages that the file states and does not hold any more."""

    pages: int
    lost: int
    is_rebuilt: bool
    """The page tree was gone; pages were found one by one."""

    @property
    def sentence(self) -> str:
        if self.lost:
            return (
                f"The page tree was broken and was rebuilt. {self.pages - self.lost} of {self.pages} pages were "
                "found, the others are listed as missing at the end."
            )
        if self.is_rebuilt:
            return f"The page tree was broken and was rebuilt; {self.pages} pages were found. Their order may differ."
        return f"The file was damaged and is read from a repaired copy with {self.pages} pages."


def repair(fd: int, writable_fd: int, *, password: str = "", limits: Limits | None = None) -> Repaired:
    """Write a mended copy of an open PDF to writable_fd.

    Raises IngestionError (damaged, no_pages, too_many_pages, needs_password, wrong_password), ChildDied, ChildFailed.
    """
    box = Sandbox(job_modules=_JOB_MODULES)
    try:
        args = {"password": password}
        for value in box.run("pdf.repair", fd=fd, args=args, limits=limits, writable_fd=writable_fd):
            return Repaired(**value)
    finally:
        box.close()
    raise AssertionError("The repair job ended without a value and without an error.")
