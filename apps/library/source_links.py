"""Where a line of a repository is shown by the host it came from. Pure.

Each form was read off the host's own permanent links; hosts that are not known have none, for a wrong link is worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_FAMILIES = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "salsa.debian.org": "gitlab",
    "framagit.org": "gitlab",
    "invent.kde.org": "gitlab",
    "bitbucket.org": "bitbucket",
    "codeberg.org": "gitea",
    "gitea.com": "gitea",
    "git.sr.ht": "sourcehut",
}
# Many run these under their own name, and say so in it.
_FAMILIES_BY_FIRST_LABEL = {"gitlab": "gitlab", "gitea": "gitea", "forgejo": "gitea"}
# GitHub shows these as pages, whose lines have no number, unless it is asked for the source.
_SHOWN_AS_PAGES = (".md", ".markdown", ".mdx", ".rst", ".adoc", ".textile", ".org", ".csv", ".tsv")


@dataclass(frozen=True)
class SourceLink:
    """host: as it is named to people."""

    host: str
    url: str


def source_link(
    source_url: str, commit: str, path: str, first: int | None = None, last: int | None = None
) -> SourceLink | None:
    """A file at a commit, at lines where they are given (1-based, inclusive); None for hosts that are not known.

    source_url: what was cloned, `https://host/owner/name(.git)`.
    """
    parts = urlsplit(source_url)
    host = parts.hostname or ""
    family = _FAMILIES.get(host) or _FAMILIES_BY_FIRST_LABEL.get(host.partition(".")[0])
    repository = parts.path.strip("/").removesuffix(".git")
    if family is None or parts.scheme != "https" or not commit or not repository:
        return None
    last = last if last is not None and first is not None and last > first else None
    file = quote(path)
    match family:
        case "github":
            query = "?plain=1" if first and path.lower().endswith(_SHOWN_AS_PAGES) else ""
            place = f"blob/{commit}/{file}{query}{_lines('#L{}', '-L{}', first, last)}"
        case "gitlab":
            place = f"-/blob/{commit}/{file}{_lines('#L{}', '-{}', first, last)}"
        case "bitbucket":
            place = f"src/{commit}/{file}{_lines('#lines-{}', ':{}', first, last)}"
        case "gitea":
            query = "?display=source" if first and path.lower().endswith(_SHOWN_AS_PAGES) else ""
            place = f"src/commit/{commit}/{file}{query}{_lines('#L{}', '-L{}', first, last)}"
        case _:
            place = f"tree/{commit}/item/{file}{_lines('#L{}', '-{}', first, last)}"
    return SourceLink(
        host, f"https://{parts.netloc.rpartition('@')[2]}/{quote(repository, safe='/~%')}/{place}"
    )


def _lines(begins: str, ends: str, first: int | None, last: int | None) -> str:
    if not first:
        return ""
    return begins.format(first) + (ends.format(last) if last else "")
