"""One archive that holds an installation: its database, its files, its secrets.

    python -m docanalyst.backup create [--if-any]
    python -m docanalyst.backup restore [--force] ARCHIVE

An archive is a tar file, mode 0600: `manifest.json`, then the database (`database.sqlite3`, or `database.dump`
in pg_dump's custom format), then `files/…` and `secrets/…`. The database is copied first, as one consistent
snapshot, while everything goes on: a file exists before the row that names it, so each row of the snapshot finds
its file, unless the document was deleted meanwhile; such files are counted in the closing line.
Redis is not in it: it holds messages and streams, which the database can replace.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from docanalyst.installation import Installation, InstallationError, installation_from_environment
from docanalyst.postgres_tools import PostgresToolMissing, client_environment, find_tool
from docanalyst.secrets import PROJECT_ROOT

FORMAT = 1
FOLDERS = ("files", "secrets")
SQLITE_MEMBER = "database.sqlite3"
POSTGRES_MEMBER = "database.dump"


class BackupError(Exception):
    """The archive cannot be made or used; the message is a sentence for the operator."""


def backup_folder() -> Path:
    """DOCANALYST_BACKUP_DIR, by default `backups` beside the data folder, so that wiping one keeps the other."""
    given = os.environ.get("DOCANALYST_BACKUP_DIR", "").strip()
    if given:
        return Path(given).expanduser().resolve()
    return installation_from_environment().data_dir.parent / "backups"


# Making an archive --------------------------------------------------------------------------------


def create_backup(folder: Path) -> Path:
    """Write an archive into folder, which is made when missing, and give its path. Raises BackupError."""
    installation = installation_from_environment()
    database = database_settings()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"docanalyst-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar"
    vanished = 0
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=folder) as work_name:
        work = Path(work_name)
        partial = work / name
        with tarfile.open(partial, "w") as archive:
            member, snapshot = snapshot_database(database, work)
            manifest = {"format": FORMAT, "created_at": datetime.now(UTC).isoformat(), "database": member}
            (work / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
            archive.add(work / "manifest.json", "manifest.json", filter=anonymous)
            archive.add(snapshot, member, filter=anonymous)
            snapshot.unlink()
            for top in FOLDERS:
                vanished += add_folder(archive, installation.data_dir / top, top)
        partial.chmod(0o600)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        final = folder / name
        if final.exists():
            raise BackupError(f"{final} exists already; try again in a second.")
        partial.rename(final)
    if vanished:
        print(
            f"{vanished} files were deleted while the archive was written and are not in it.", file=sys.stderr
        )
    return final


def add_folder(archive: tarfile.TarFile, folder: Path, top: str) -> int:
    """Add the regular files below folder; give how many vanished between being listed and being read."""
    vanished = 0
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                member = archive.gettarinfo(
                    arcname=f"{top}/{path.relative_to(folder).as_posix()}", fileobj=file
                )
                archive.addfile(anonymous(member), file)
        except FileNotFoundError:
            vanished += 1
    return vanished


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owner and mode as every archive has them: names and numbers of this machine mean nothing elsewhere."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def snapshot_database(database: dict[str, Any], work: Path) -> tuple[str, Path]:
    """Copy the database as it is at one moment; gives its name in the archive and the copy."""
    if is_sqlite(database):
        copy = work / SQLITE_MEMBER
        source_path = Path(database["NAME"])
        if not source_path.is_file():
            raise BackupError(f"There is no database at {source_path} yet; nothing to back up.")
        with (
            closing(sqlite3.connect(source_path, timeout=30)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            # All pages in one step: a copy in slices starts over whenever somebody writes between them.
            source.backup(target)
            # One file, without a write-ahead log beside it.
            target.execute("PRAGMA journal_mode=DELETE")
        return SQLITE_MEMBER, copy
    copy = work / POSTGRES_MEMBER
    run_tool("pg_dump", database, "--format=custom", "--no-owner", "--no-acl", f"--file={copy}")
    return POSTGRES_MEMBER, copy


# Using an archive ---------------------------------------------------------------------------------


def restore_backup(archive_path: Path, *, force: bool) -> None:
    """Put an archive's installation into the data folder and the database of this environment.

    Refuses a data folder that holds an installation, or a PostgreSQL database that holds tables, unless
    forced, and always one that is running. Raises BackupError; the old data folder stays until the new one is whole.
    """
    installation = installation_from_environment()
    data_dir = installation.data_dir
    if not archive_path.is_file():
        raise BackupError(f"There is no archive at {archive_path}. Write: make restore BACKUP=path")
    with stopped(installation):
        occupied = [
            name for name in HOLDS_WORK if (data_dir / name).exists() and not is_empty(data_dir / name)
        ]
        if occupied and not force:
            raise BackupError(
                f"{data_dir} holds an installation already ({', '.join(occupied)}). "
                "Move it away, or write FORCE=1 to replace it."
            )
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=data_dir) as work_name:
            work = Path(work_name)
            manifest = unpack(archive_path, work)
            restore_database(manifest["database"], work, data_dir, force=force)
            for top in FOLDERS:
                shutil.rmtree(data_dir / top, ignore_errors=True)
                if (work / top).is_dir():
                    (work / top).rename(data_dir / top)
        # What was queued belongs to the installation that was; the reapers queue again from the database.
        shutil.rmtree(data_dir / "redis", ignore_errors=True)


# Secrets alone do not count: any command makes them, and without rows they protect nothing.
HOLDS_WORK = ("docanalyst.sqlite3", "files")


def is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def unpack(archive_path: Path, target: Path) -> dict[str, Any]:
    """Write an archive's members below target; gives its manifest. Raises BackupError for a foreign one."""
    try:
        with tarfile.open(archive_path, "r:*") as archive:
            for member in archive:
                path = checked_member(member, target)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                content = archive.extractfile(member)
                assert content is not None
                with content, path.open("xb") as file:
                    shutil.copyfileobj(content, file)
                path.chmod(0o600)
        manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    except (tarfile.TarError, OSError, ValueError) as error:
        raise BackupError(f"{archive_path} is not a readable archive of DocAnalyst: {error}.") from error
    if manifest.get("format") != FORMAT or manifest.get("database") not in (SQLITE_MEMBER, POSTGRES_MEMBER):
        raise BackupError(
            f"{archive_path} has a format this version does not know: {manifest.get('format')!r}."
        )
    return manifest


def checked_member(member: tarfile.TarInfo, target: Path) -> Path:
    """Where a member belongs below target. Raises BackupError for anything create_backup does not write."""
    parts = PurePosixPath(member.name).parts
    is_ours = member.name in ("manifest.json", SQLITE_MEMBER, POSTGRES_MEMBER) or (
        len(parts) > 1 and parts[0] in FOLDERS
    )
    if not member.isreg() or not is_ours or ".." in parts or member.name.startswith("/"):
        raise BackupError(f"The archive holds {member.name!r}, which no backup of DocAnalyst contains.")
    return target.joinpath(*parts)


def restore_database(member: str, work: Path, data_dir: Path, *, force: bool) -> None:
    database = database_settings()
    if is_sqlite(database) != (member == SQLITE_MEMBER):
        kinds = {SQLITE_MEMBER: "SQLite", POSTGRES_MEMBER: "PostgreSQL"}
        raise BackupError(
            f"The archive holds a {kinds[member]} database; set DATABASE_URL to one of that kind, or unset it."
        )
    if member == SQLITE_MEMBER:
        target = Path(database["NAME"])
        for suffix in ("", "-wal", "-shm", "-journal"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(work / member, target)
        return
    listed = run_tool("psql", database, "--tuples-only", "--no-align", "--command", TABLE_COUNT)
    if listed.strip() != "0" and not force:
        raise BackupError(
            "The PostgreSQL database holds tables already. Empty it, or write FORCE=1 to replace them."
        )
    run_tool(
        "pg_restore",
        database,
        *("--clean", "--if-exists", "--no-owner", "--no-acl", "--exit-on-error", "--single-transaction"),
        *("--dbname", database["NAME"], str(work / member)),
    )


TABLE_COUNT = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"


@contextmanager
def stopped(installation: Installation) -> Iterator[None]:
    """Hold the data folder's lock, so that nothing runs from it meanwhile."""
    installation.prepare_folders()
    descriptor = installation.take_lock()
    try:
        yield
    finally:
        os.close(descriptor)


# Databases ----------------------------------------------------------------------------------------


def database_settings() -> dict[str, Any]:
    """Django's settings of the default database."""
    import django
    from django.conf import settings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docanalyst.settings")
    django.setup()
    return dict(settings.DATABASES["default"])


def is_sqlite(database: dict[str, Any]) -> bool:
    return str(database["ENGINE"]).endswith("sqlite3")


def run_tool(tool: str, database: dict[str, Any], *arguments: str) -> str:
    """Run one of PostgreSQL's programs against the database; gives its output. Raises BackupError."""
    environment = {**os.environ, **client_environment(database)}
    done = subprocess.run(
        [find_tool(tool), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
    )
    if done.returncode != 0:
        raise BackupError(f"{tool} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def main(arguments: list[str]) -> None:
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="python -m docanalyst.backup")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create")
    create.add_argument("--if-any", action="store_true", help="do nothing when there is no installation yet")
    restore = commands.add_parser("restore")
    restore.add_argument("--force", action="store_true", help="replace what is there")
    restore.add_argument("archive", help="the archive to restore from")
    options = parser.parse_args(arguments)
    try:
        if options.command == "create":
            if options.if_any and not (installation_from_environment().data_dir / "secrets").is_dir():
                print("No installation yet: nothing to back up.")
                return
            print(create_backup(backup_folder()))
        else:
            restore_backup(Path(options.archive).expanduser(), force=options.force)
            print(f"Restored from {options.archive}.")
    except (BackupError, InstallationError, PostgresToolMissing) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
