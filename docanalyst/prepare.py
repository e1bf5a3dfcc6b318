"""What has to be true before the parts start: tables up to date, static files collected.

Run as `python -m docanalyst.prepare`. Reports on standard error; writes one JSON object to standard
output: `{"has_users": bool}`.
"""

import hashlib
import json
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def main() -> None:
    """Migrate, collect static files when they changed, and say whether anybody can sign in yet."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0, stdout=sys.stderr)
    collect_static()
    json.dump({"has_users": get_user_model().objects.exists()}, sys.stdout)


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
