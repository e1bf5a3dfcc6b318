"""What one parser child may use, and the words for what it ran out of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LimitName = Literal["time", "idle", "cpu", "memory", "disk", "output", "crash", "killed", "lost"]

LIMIT_SENTENCES: dict[LimitName, str] = {
    "time": "Reading took longer than {wall_seconds} seconds and was stopped.",
    "idle": "Reading made no progress for {idle_seconds} seconds and was stopped.",
    "cpu": "Reading used more than {cpu_seconds} seconds of processor time and was stopped.",
    "memory": "Reading needed more than {memory_mib} MiB of memory and was stopped.",
    "disk": "Reading wrote more than {disk_mib} MiB and was stopped.",
    "output": "Reading gave more than {output_mib} MiB of text and was stopped.",
    "crash": "The PDF library crashed on this content.",
    "killed": "Reading was stopped by the operating system, most likely for lack of memory.",
    "lost": "The reading process went away.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings of one child, by default of one that reads a range of pages; past one of them it is killed."""

    wall_seconds: float = 60
    idle_seconds: float = 0
    """Without a value from the child, counted by the parent; 0 leaves it to the wall."""
    cpu_seconds: int = 45
    memory_bytes: int = 2 * 1024**3
    """Address space, RLIMIT_AS."""
    disk_bytes: int = 1024**3
    open_files: int = 32
    output_bytes: int = 64 * 1024**2
    """What the child may hand back for one request, counted by the parent."""

    def sentence(self, limit: LimitName) -> str:
        return LIMIT_SENTENCES[limit].format(
            wall_seconds=round(self.wall_seconds),
            idle_seconds=round(self.idle_seconds),
            cpu_seconds=self.cpu_seconds,
            memory_mib=self.memory_bytes // 1024**2,
            disk_mib=self.disk_bytes // 1024**2,
            output_mib=self.output_bytes // 1024**2,
        )
