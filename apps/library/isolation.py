"""How far parser children are locked in on this machine, in words for /readyz."""

from __future__ import annotations

from apps.library.ingestion.sandbox import sandbox_report


def parser_isolation() -> str:
    """`ok`, with what this platform lacks behind it. Starts this process's zygote, which pictures need anyway."""
    report = sandbox_report()
    if not report["seccomp"]:
        return "ok, without a filter of system calls: this platform has none"
    return (
        "ok" if report["network_namespace"] else "ok, without a network namespace; system calls are filtered"
    )
