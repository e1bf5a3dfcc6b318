"""How large pictures of pages come, for those who draw them and those who say so beforehand."""

from __future__ import annotations

import math

from apps.library.ingestion.guards import MAX_PIXELS

# The format's own ceiling. Source: RFC 9649, section 2.
WEBP_MAX_SIDE = 16_383
# A strip shows them about 100 points high, on screens of twice the pixels.
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 144, 192


def picture_zoom(width: float, height: float, dpi: int) -> float:
    """Pixels per point of a page of so many points at dpi, or at what 50 megapixels and WebP hold."""
    zoom = dpi / 72
    across, down = max(width * zoom, 1), max(height * zoom, 1)
    return zoom * min(1.0, math.sqrt(MAX_PIXELS / (across * down)), WEBP_MAX_SIDE / max(across, down))


def picture_size(width: float, height: float, dpi: int) -> tuple[int, int]:
    """Pixels across and down of the picture of a page, give or take one."""
    zoom = picture_zoom(width, height, dpi)
    return max(1, round(width * zoom)), max(1, round(height * zoom))


def thumbnail_zoom(width: float, height: float) -> float:
    """Pixels per point of a thumbnail."""
    return min(THUMBNAIL_WIDTH / max(width, 1), THUMBNAIL_HEIGHT / max(height, 1))
