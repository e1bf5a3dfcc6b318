"""One archive holds an installation, and gives it back."""

import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from docanalyst.installation import Installation
from tests.services import ROOT, clean_environment, create_database

MAKE_USER = (
    "import sys; from django.contrib.auth import get_user_model; "
    "get_user_model().objects.create_user(email='alice@example.org', password='correct horse')"
)
LIST_USERS = "from django.contrib.auth import get_user_model; print(*get_user_model().objects.values_list('email', flat=True))"


class Place:
    """An installation's data folder and environment, used through commands alone."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.data_dir = folder / "data"
        self.backups = folder / "backups"
        self.environment = clean_environment(DOCANALYST_DATA_DIR=str(self.data_dir), **variables)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def succeed(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def fill(self) -> None:
        self.succeed("-m", "docanalyst.prepare")
        self.succeed("manage.py", "shell", "-v0", "-c", MAKE_USER)
        (self.data_dir / "files" / "a" / "b").mkdir(parents=True)
        (self.data_dir / "files" / "a" / "b" / "original").write_bytes(b"%PDF-1.7 \x00\xff")

    def state(self) -> tuple[str, dict[str, bytes]]:
        """The accounts, and every file and secret."""
        users = self.succeed("manage.py", "shell", "-v0", "-c", LIST_USERS)
        kept = [
            path
            for top in ("files", "secrets")
            for path in (self.data_dir / top).rglob("*")
            if path.is_file()
        ]
        return users, {path.relative_to(self.data_dir).as_posix(): path.read_bytes() for path in kept}

    def back_up(self) -> Path:
        return Path(self.succeed("-m", "docanalyst.backup", "create"))

    def restore(self, archive: Path, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "docanalyst.backup", "restore", *options, str(archive))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("filled"))
    place.fill()
    return place


@pytest.fixture(scope="module")
def archive(filled: Place) -> Path:
    return filled.back_up()


def test_a_wiped_data_folder_comes_back_as_it_was(filled: Place, archive: Path, tmp_path: Path) -> None:
    other = Place(tmp_path)
    done = other.restore(archive)
    assert done.returncode == 0, done.stderr
    assert other.state() == filled.state()
    assert other.state()[0] == "alice@example.org"
    assert (other.data_dir / "secrets" / "field_key").stat().st_mode & 0o077 == 0


def test_the_archive_is_the_operators_alone_and_lies_beside_the_data_folder(
    filled: Place, archive: Path
) -> None:
    assert archive.parent == filled.backups
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert list(archive.parent.iterdir()) == [archive]


def test_it_can_be_told_where_to_write(filled: Place, tmp_path: Path) -> None:
    place = Place(filled.data_dir.parent, DOCANALYST_BACKUP_DIR=str(tmp_path / "elsewhere"))
    assert place.back_up().parent == tmp_path / "elsewhere"


def test_a_backup_while_others_write_is_whole(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.fill()
    database = place.data_dir / "docanalyst.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE pairs (number INTEGER, side TEXT)")
    stop = threading.Event()

    def write_pairs() -> None:
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            number = 0
            while not stop.wait(0.001):
                with connection:
                    connection.executemany(
                        "INSERT INTO pairs VALUES (?, ?)", [(number, "left"), (number, "right")]
                    )
                number += 1

    writer = threading.Thread(target=write_pairs)
    writer.start()
    try:
        archive = place.back_up()
    finally:
        stop.set()
        writer.join()
    with tarfile.open(archive) as opened:
        opened.extract("database.sqlite3", tmp_path / "out", filter="data")
    with closing(sqlite3.connect(tmp_path / "out" / "database.sqlite3")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert (
            copy.execute("SELECT count(*) FROM pairs GROUP BY number HAVING count(*) != 2").fetchall() == []
        )
        assert copy.execute("SELECT count(*) FROM pairs").fetchone() > (0,)


def test_an_installation_is_not_overwritten_unless_forced(
    filled: Place, archive: Path, tmp_path: Path
) -> None:
    other = Place(tmp_path)
    other.fill()
    before = other.state()
    done = other.restore(archive)
    assert done.returncode == 1
    assert "holds an installation already" in done.stderr
    assert "FORCE=1" in done.stderr
    assert other.state() == before
    assert other.restore(archive, "--force").returncode == 0
    assert other.state() == filled.state()


def test_a_running_installation_is_not_restored_over(archive: Path, tmp_path: Path) -> None:
    other = Place(tmp_path)
    running = Installation(other.data_dir, "127.0.0.1", 8000, "http://localhost:8000", "")
    running.prepare_folders()
    descriptor = running.take_lock()
    try:
        done = other.restore(archive, "--force")
    finally:
        os.close(descriptor)
    assert done.returncode == 1
    assert "DocAnalyst is already running from" in done.stderr


def hostile_archive(path: Path, member: tarfile.TarInfo, content: bytes = b"x") -> Path:
    with tarfile.open(path, "w") as archive:
        manifest = json.dumps({"format": 1, "database": "database.sqlite3"}).encode()
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(manifest)
        archive.addfile(entry, io.BytesIO(manifest))
        if member.isreg():
            member.size = len(content)
        archive.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return path


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("files/../../canary"),
        tarfile.TarInfo("/tmp/canary"),
        tarfile.TarInfo("canary"),
        link("files/link", "/etc/passwd"),
    ],
    ids=["parent", "absolute", "top", "link"],
)
def test_an_archive_of_somebody_else_writes_nothing(member: tarfile.TarInfo, tmp_path: Path) -> None:
    place = Place(tmp_path)
    done = place.restore(hostile_archive(tmp_path / "hostile.tar", member))
    assert done.returncode == 1
    assert "which no backup of DocAnalyst contains" in done.stderr
    assert not list(tmp_path.rglob("canary"))
    assert list((place.data_dir / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "There is no archive at"), (b"not a tar file", "is not a readable archive")],
    ids=["absent", "garbage"],
)
def test_what_is_no_archive_is_named(content: bytes | None, sentence: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "archive.tar").write_bytes(content)
    done = Place(tmp_path).restore(tmp_path / "archive.tar")
    assert done.returncode == 1
    assert sentence in done.stderr


def test_a_cut_archive_leaves_the_old_installation_alone(
    filled: Place, archive: Path, tmp_path: Path
) -> None:
    other = Place(tmp_path)
    other.fill()
    before = other.state()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert other.restore(cut, "--force").returncode == 1
    assert other.state() == before


def test_without_an_installation_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    done = Place(tmp_path).run("-m", "docanalyst.backup", "create")
    assert done.returncode == 1
    assert "nothing to back up" in done.stderr


def test_an_upgrade_of_nothing_backs_nothing_up(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert "No installation yet" in place.succeed("-m", "docanalyst.backup", "create", "--if-any")
    assert not place.backups.exists()


@pytest.mark.postgres
def test_a_postgresql_installation_comes_back_as_it_was(postgres_server: str, tmp_path: Path) -> None:
    name = f"backup_{os.getpid()}"
    place = Place(tmp_path / "one", DATABASE_URL=create_database(postgres_server, name))
    place.fill()
    archive = place.back_up()
    other = Place(tmp_path / "other", DATABASE_URL=create_database(postgres_server, f"{name}_other"))
    assert other.restore(archive).returncode == 0
    assert other.state() == place.state()

    refused = other.restore(archive)
    assert "holds an installation already" in refused.stderr
    shutil.rmtree(other.data_dir)
    assert "holds tables already" in other.restore(archive).stderr
    assert other.restore(archive, "--force").returncode == 0
    assert other.state() == place.state()


@pytest.mark.postgres
def test_an_archive_of_one_kind_of_database_is_refused_by_the_other(
    archive: Path, postgres_server: str, tmp_path: Path
) -> None:
    url = create_database(postgres_server, f"kind_{os.getpid()}")
    done = Place(tmp_path, DATABASE_URL=url).restore(archive)
    assert "The archive holds a SQLite database" in done.stderr
