"""What has to be true before the parts start: folders, tables up to date, static files collected.

Run as `python -m docanalyst.prepare [--address]`. Reports on standard error. Writes one JSON object to
standard output, `{"has_users": bool}`; with --address a line that tells where to begin instead.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from docanalyst.installation import InstallationError, installation_from_environment
from docanalyst.secrets import read_secret


def main() -> None:
    """Migrate, collect static files when they changed, and say whether anybody can sign in yet."""
    os.umask(0o077)
    try:
        installation = installation_from_environment()
        installation.prepare_folders()
    except InstallationError as error:
        sys.exit(str(error))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docanalyst.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0, stdout=sys.stderr)
    collect_static()
    has_users = get_user_model().objects.exists()
    if "--address" in sys.argv[1:]:
        print(start_address(installation.url, has_users=has_users))
    else:
        json.dump({"has_users": has_users}, sys.stdout)


def start_address(url: str, *, has_users: bool) -> str:
    """Where to begin: the front page, or the one-time page that makes the first administrator."""
    return f"{url}/" if has_users else f"{url}/first-run/{read_secret('first_run_token')}/"


def collect_static() -> bool:
    """Collect static files unless they are the ones collected last; say whether that was needed."""
    root = Path(settings.STATIC_ROOT)
    stamp = root / ".collected"
    digest = static_digest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0, stdout=sys.stderr)
    stamp.write_text(digest, encoding="ascii")
    return True


def static_digest() -> str:
    """A digest over name, size and time of every static file; reads no contents."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
