"""A real tree, short form of tests/soak/test_trees.py: a part of the installed Django."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import django
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.library.services import add_upload
from tests.library.house import House, house_with_lease  # noqa: F401 (fixture)
from tests.library.real_trees import check_against_git, check_counts, unpack
from tests.library.trees import read


def test_a_part_of_django_is_read_as_git_and_the_tokenizer_say(house: House, tmp_path: Path) -> None:
    sources = Path(django.__file__).parent
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for part in ("utils", "template", "contrib/sites", "conf/locale/de", "conf/locale/ar"):
            archive.add(sources / part, f"django/{part}")
        for name, content in (
            ("django/.gitignore", b"*.pyc\n/utils/html.py\n"),
            ("django/utils/a.log", b"x\n"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    (tmp_path / "django.tar.gz").write_bytes(buffer.getvalue())
    file = SimpleUploadedFile("django.tar.gz", buffer.getvalue())
    revision = read(add_upload(house.people["alice"], house.corpus, file).document)
    told = check_against_git(revision, unpack(tmp_path / "django.tar.gz", tmp_path / "unpacked"))
    assert told["read"] > 90
    assert check_counts(revision, every=7) > 15
