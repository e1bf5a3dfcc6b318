"""Static files under names with a hash of their content, so that browsers may keep them for ever."""

from __future__ import annotations

from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Also what our modules import gets its hash; without it a browser would mix old and new modules."""

    support_js_module_import_aggregation = True
    # Ours alone: comments in the scripts of libraries look like imports of files that are not there.
    _js_module_import_aggregation_patterns = (
        "js/*.js",
        HashedFilesMixin._js_module_import_aggregation_patterns[1],  # type: ignore[attr-defined]
    )
