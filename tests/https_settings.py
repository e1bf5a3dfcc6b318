"""The installation's own settings, as the environment gives them, without Redis and collected files."""

from docanalyst.settings import *  # noqa: F403
from docanalyst.settings import STORAGES

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
