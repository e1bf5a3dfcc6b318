"""Which pictures a page places, and where, without decoding any. Runs inside a parser child only."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

from apps.library.ingestion.pymupdf_lean import pymupdf

_mupdf = pymupdf.mupdf
_Device: Any = _mupdf.FzDevice2

Rect: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 in points of the page as shown, origin top left."""

_EVERYWHERE: Rect = (-math.inf, -math.inf, math.inf, math.inf)
# Pages of more are drawn from bits; the rest of such a page is not listed.
_MOST_PICTURES = 20_000
# Drawn this faintly, nobody sees it.
_LEAST_ALPHA = 0.05


class Picture(NamedTuple):
    """One picture on a page. box: the part that is seen. matrix: of the unit square, a to f.

    image: MuPDF's, not decoded. ink: RGB, 0 to 1, of a stencil, which has no colours of its own; else None.
    """

    image: Any
    matrix: tuple[float, float, float, float, float, float]
    box: Rect
    ink: tuple[float, float, float] | None

    @property
    def pixels_per_point(self) -> float:
        a, b, c, d, _, _ = self.matrix
        return float(max(self.image.w() / math.hypot(a, b), self.image.h() / math.hypot(c, d)))


def placed_pictures(page: Any) -> list[Picture]:
    """Pictures in order of drawing: inline ones, those in forms and annotations too.

    Without what is not seen as a picture of its own: pattern cells, masks of others, what lies outside the page
    or was clipped away whole. page: loaded. Raises what MuPDF raises.
    """
    device = _Pictures(float(page.rect.width), float(page.rect.height))
    _mupdf.fz_run_page(page.this, device, _mupdf.FzMatrix(), _mupdf.FzCookie())
    _mupdf.fz_close_device(device)
    return device.found


class _Pictures(_Device):  # type: ignore[misc]
    """A device that notes pictures and draws nothing; clips are followed as rectangles."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__()
        for name in (
            "fill_image", "fill_image_mask", "clip_path", "clip_stroke_path", "clip_text", "clip_stroke_text",
            "clip_image_mask", "pop_clip", "begin_mask", "end_mask", "begin_tile", "end_tile",
        ):  # fmt: skip
            getattr(self, f"use_virtual_{name}")()
        self.found: list[Picture] = []
        self._clips: list[Rect] = [(0.0, 0.0, width, height)]
        self._hidden = 0
        """Depth of pattern cells and masks."""

    def fill_image(self, _context: Any, image: Any, matrix: Any, alpha: float, _params: Any) -> None:
        self._note(image, matrix, alpha)

    def fill_image_mask(self, _context: Any, image: Any, matrix: Any, *paint: Any) -> None:
        colorspace, color, alpha, _params = paint
        self._note(image, matrix, alpha, _rgb(colorspace, color))

    def _note(
        self, image: Any, matrix: Any, alpha: float, ink: tuple[float, float, float] | None = None
    ) -> None:
        if self._hidden or alpha < _LEAST_ALPHA or len(self.found) >= _MOST_PICTURES:
            return
        numbers = (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
        if not all(map(math.isfinite, numbers)):
            return
        box = _common(_bounds(numbers), self._clips[-1])
        if box[2] - box[0] > 0 and box[3] - box[1] > 0:
            kept = _mupdf.FzImage(_mupdf.ll_fz_keep_image(image))
            self.found.append(Picture(kept, numbers, box, ink))

    def clip_path(self, _context: Any, path: Any, _even_odd: Any, matrix: Any, _scissor: Any) -> None:
        bounds = _mupdf.ll_fz_bound_path(path, None, matrix)
        self._clip((bounds.x0, bounds.y0, bounds.x1, bounds.y1))

    def clip_image_mask(self, _context: Any, _image: Any, matrix: Any, _scissor: Any) -> None:
        self._clip(_bounds((matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)))

    def clip_stroke_path(self, *_: Any) -> None:
        self._clip(_EVERYWHERE)

    def clip_text(self, *_: Any) -> None:
        self._clip(_EVERYWHERE)

    def clip_stroke_text(self, *_: Any) -> None:
        self._clip(_EVERYWHERE)

    def pop_clip(self, *_: Any) -> None:
        if len(self._clips) > 1:
            self._clips.pop()

    def begin_mask(self, *_: Any) -> None:
        self._hidden += 1

    def end_mask(self, *_: Any) -> None:
        # What follows is drawn through the mask, until a pop_clip.
        self._hidden -= 1
        self._clip(_EVERYWHERE)

    def begin_tile(self, *_: Any) -> int:
        self._hidden += 1
        return 0

    def end_tile(self, *_: Any) -> None:
        self._hidden -= 1

    def _clip(self, box: Rect) -> None:
        self._clips.append(_common(box, self._clips[-1]))


def _rgb(colorspace: Any, color: Any) -> tuple[float, float, float]:
    """Of a paint as MuPDF hands it over: a colour space and a pointer to as many numbers as it has parts."""
    parts = [
        _mupdf.floats_getitem(color, position) for position in range(_mupdf.ll_fz_colorspace_n(colorspace))
    ]
    match parts:
        case [grey]:
            return grey, grey, grey
        case [red, green, blue]:
            return red, green, blue
        case [cyan, magenta, yellow, black]:
            return (1 - cyan) * (1 - black), (1 - magenta) * (1 - black), (1 - yellow) * (1 - black)
    # Special inks: what matters is that something is there.
    return 0.0, 0.0, 0.0


def _bounds(matrix: tuple[float, float, float, float, float, float]) -> Rect:
    """Of the unit square under a matrix."""
    a, b, c, d, e, f = matrix
    return (
        e + min(0, a) + min(0, c),
        f + min(0, b) + min(0, d),
        e + max(0, a) + max(0, c),
        f + max(0, b) + max(0, d),
    )


def _common(a: Rect, b: Rect) -> Rect:
    return (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
