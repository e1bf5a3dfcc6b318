"""Links to the host a repository came from, as a table."""

from __future__ import annotations

import pytest

from apps.library.source_links import source_link

COMMIT = "1f2e3d4c5b6a79880123456789abcdef01234567"
PATH = "src/app [id]/café #1.py"
FILE = "src/app%20%5Bid%5D/caf%C3%A9%20%231.py"


@pytest.mark.parametrize(
    ("cloned", "file", "one_line", "lines"),
    [
        ("https://github.com/o/n.git", f"https://github.com/o/n/blob/{COMMIT}/{FILE}", "#L7", "#L7-L9"),
        ("https://github.com/o/n/", f"https://github.com/o/n/blob/{COMMIT}/{FILE}", "#L7", "#L7-L9"),
        ("https://gitlab.com/g/s/n.git", f"https://gitlab.com/g/s/n/-/blob/{COMMIT}/{FILE}", "#L7", "#L7-9"),
        ("https://gitlab.example.org:8443/g/n", f"https://gitlab.example.org:8443/g/n/-/blob/{COMMIT}/{FILE}", "#L7", "#L7-9"),
        ("https://salsa.debian.org/d/n", f"https://salsa.debian.org/d/n/-/blob/{COMMIT}/{FILE}", "#L7", "#L7-9"),
        ("https://bitbucket.org/o/n.git", f"https://bitbucket.org/o/n/src/{COMMIT}/{FILE}", "#lines-7", "#lines-7:9"),
        ("https://codeberg.org/o/n", f"https://codeberg.org/o/n/src/commit/{COMMIT}/{FILE}", "#L7", "#L7-L9"),
        ("https://gitea.com/o/n.git", f"https://gitea.com/o/n/src/commit/{COMMIT}/{FILE}", "#L7", "#L7-L9"),
        ("https://forgejo.example.org/o/n", f"https://forgejo.example.org/o/n/src/commit/{COMMIT}/{FILE}", "#L7", "#L7-L9"),
        ("https://git.sr.ht/~o/n", f"https://git.sr.ht/~o/n/tree/{COMMIT}/item/{FILE}", "#L7", "#L7-9"),
    ],
)  # fmt: skip
def test_known_hosts_show_the_file_at_the_commit_and_its_lines(
    cloned: str, file: str, one_line: str, lines: str
) -> None:
    links = [source_link(cloned, COMMIT, PATH, *of) for of in ((), (7,), (7, 7), (7, 9), (9, 7))]
    assert [link and link.url for link in links] == [
        file, file + one_line, file + one_line, file + lines, file + one_line.replace("7", "9"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cloned", "query"),
    [("https://github.com/o/n", "?plain=1#L3"), ("https://codeberg.org/o/n", "?display=source#L3")],
)
def test_pages_are_asked_for_as_source_where_lines_are_meant(cloned: str, query: str) -> None:
    links = [source_link(cloned, COMMIT, "README.md", *of) for of in ((3,), ())]
    assert [link.url.rpartition("/")[2] for link in links if link] == [f"README.md{query}", "README.md"]


@pytest.mark.parametrize(
    ("cloned", "commit"),
    [
        ("https://git.example.org/o/n", COMMIT),
        ("https://github.com.example.org/o/n", COMMIT),
        ("https://notgitlab.com/o/n", COMMIT),
        ("http://github.com/o/n", COMMIT),
        ("https://github.com/", COMMIT),
        ("https://github.com/o/n", ""),
        ("javascript://github.com/o/n", COMMIT),
        ("", COMMIT),
    ],
)
def test_other_hosts_have_no_link(cloned: str, commit: str) -> None:
    assert source_link(cloned, commit, PATH, 7) is None


def test_a_link_carries_no_user_and_leads_to_no_other_host() -> None:
    link = source_link("https://user:secret@github.com/o/n@evil.example/../x", COMMIT, "//evil.example/x", 1)
    assert link is not None
    assert link.host == "github.com"
    assert link.url.startswith("https://github.com/o/n%40evil.example/")
    assert "secret" not in link.url
