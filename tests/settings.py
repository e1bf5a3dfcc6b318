"""Settings of in-process tests: the installation's own, in a data folder that goes away, without outside help.

A variable of the shell that runs the tests must not change their outcome, and a provider key must not be found.
TEST_DATABASE_URL chooses the database (PostgreSQL); by default it is an SQLite file, as in a real installation.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

for _name in list(os.environ):
    if _name.startswith("DOCANALYST_") or _name.endswith(("_API_KEY", "_API_TOKEN")):
        del os.environ[_name]
for _name in ("HOST", "PORT", "REDIS_URL", "DATABASE_URL", "HF_TOKEN", "MAVERICK_UP_TO_TOKENS"):
    os.environ.pop(_name, None)

_data_dir = tempfile.mkdtemp(prefix="docanalyst-test-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
os.environ["DOCANALYST_DATA_DIR"] = _data_dir
# Rules that take seconds to compile are compiled once for all runs.
os.environ["DOCANALYST_CACHE_DIR"] = str(Path(sys.prefix) / "cache")
# Where recognition is tested it is switched on: elsewhere a scan would set work off that nobody looks at.
os.environ["DOCANALYST_OCR"] = "0"
for _name in ("files", "uploads", "static"):
    (Path(_data_dir) / _name).mkdir()
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from docanalyst.settings import *  # noqa: E402, F403
from docanalyst.settings import DATABASES, STORAGES  # noqa: E402

if "TEST_DATABASE_URL" not in os.environ:
    # A file, because threads and workers share it; in memory they would lock each other out of tables.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_data_dir) / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"

# Tests ask faster than people; the limit is set where it is tested.
ASKS_PER_MEMBER_PER_MINUTE = 1_000
# The real hasher is slow on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Nothing listens to it: tests call tasks, or start real workers (tests/services.py).
CELERY_BROKER_URL = "memory://"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
