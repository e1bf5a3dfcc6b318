"""Figures of pages: the pictures that a page places, each drawn as it is seen. Runs inside a parser child only.

A figure is drawn by MuPDF on white, at the picture's own resolution: this resolves every encoding, colour space,
soft mask and turn in one way, and a picture that is larger than wanted is thinned out while it is decoded.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from typing import Any, NamedTuple

from PIL import Image, PngImagePlugin, WebPImagePlugin

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.page_pictures import Picture, Rect, placed_pictures
from apps.library.ingestion.pymupdf_lean import pymupdf

# Saving looks plugins up by importing them, which a child cannot do any more.
Image.preinit()
assert WebPImagePlugin.WebPImageFile.format == "WEBP"
assert PngImagePlugin.PngImageFile.format == "PNG"
_mupdf = pymupdf.mupdf

# Llama 4 takes at most 16 tiles of 336 pixels; twice the side that those can show is plenty to zoom into.
MAX_SIDE = 2048
_WEBP_QUALITY = 80
# Drawings of few colours are smaller, and exact, as PNG with a palette.
_MOST_PALETTE_COLORS = 64
# A picture that claims more pixels is not tried: decoding it would use up the child's processor time.
_MOST_SOURCE_PIXELS = 500_000_000
# Below this many points or pixels a side it is a bullet, a rule or an icon; 16 points are 6 mm.
_SMALLEST_POINTS, _SMALLEST_PIXELS = 16.0, 16
_LONGEST_SIDE_RATIO = 20.0
# A picture over this share of the page is the page: its scan, its slide, its background.
_WHOLE_PAGE = 0.9
# Channels that differ by less than this over the whole picture show nothing.
_LEAST_CONTRAST = 8
# Pictures whose edges are this close, in points, are pieces of one.
_SEAM = 1.0
# A picture with this share of itself on another one belongs to it, unless that one is nearly the page.
_COVERED, _MOST_OF_PAGE = 0.9, 0.5
_MOST_PIECES = 2_000
_PLAIN_SPACES = (
    _mupdf.ll_fz_colorspace_is_gray,
    _mupdf.ll_fz_colorspace_is_rgb,
    _mupdf.ll_fz_colorspace_is_cmyk,
    _mupdf.ll_fz_colorspace_is_lab,
)


class Region(NamedTuple):
    """Pictures that are seen as one; box in points of the page as shown."""

    pieces: list[Picture]
    box: Rect


def figures_of(document: Any, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Values for each of args["pages"] (1-based): {page, found}, then one for each region, then {page, end}.

    found: regions of the page. A region is {page, index, dropped: reason}, {page, index, failed: reason}, or
    {page, index, digest, width, height, box, format, data}; data (base64) is null where the digest came before
    in this child. args["start"]: index to begin with on the first page. args["draw"] false: figures are
    counted and not drawn. The end says how many pictures the page places: {page, end: pictures}.

    A drawn region also has its key, and args["known"] gives by key what others looked like ({dropped}, or
    {digest, width, height, format}): those are not drawn again.
    """
    given: dict[str, str] = {}
    known: dict[str, dict[str, Any]] = args["known"]
    start = args["start"]
    for number in args["pages"]:
        if not 1 <= number <= document.page_count:
            raise IngestionError("no_such_page", number=number)
        page = document.load_page(number - 1)
        pictures = placed_pictures(page)
        frame = (0.0, 0.0, float(page.rect.width), float(page.rect.height))
        regions = joined(pictures, frame)
        yield {"page": number, "found": len(regions)}
        is_scan = any(decoration(region, frame) == "whole_page" for region in regions)
        for index, region in enumerate(regions):
            if index < start:
                continue
            if is_scan and all(piece.ink is not None for piece in region.pieces):
                # Scanners cut a page into a background and stencils with its letters.
                value: dict[str, Any] = {"dropped": "part_of_scan"}
            else:
                value = _region(region, frame, args["draw"], given, known)
            yield {"page": number, "index": index, **value}
        start = 0
        yield {"page": number, "end": len(pictures)}


def _region(
    region: Region, frame: Rect, draw: bool, given: dict[str, str], known: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    if reason := decoration(region, frame):
        return {"dropped": reason}
    if any(piece.image.w() * piece.image.h() > _MOST_SOURCE_PIXELS for piece in region.pieces):
        return {"failed": "The picture has more pixels than are drawn."}
    try:
        key = _key(region)
        if key in known:
            found = known[key]
            return (
                found if "dropped" in found else {**found, "box": _fractions(region.box, frame), "data": None}
            )
        if not draw:
            return {"dropped": "over_limit"}
        picture = _drawn(region)
    except Exception as error:  # whatever a decoder says of one picture; the next one may be well
        return {"failed": str(error)[:200] or type(error).__name__}
    looks, content = _looks(picture, given)
    if key:
        known[key] = looks
        looks = {**looks, "key": key}
    if "dropped" in looks:
        return looks
    data = None if content is None else base64.b64encode(content).decode("ascii")
    return {**looks, "box": _fractions(region.box, frame), "data": data}


def _looks(picture: Image.Image, given: dict[str, str]) -> tuple[dict[str, Any], bytes | None]:
    if all(high - low < _LEAST_CONTRAST for low, high in _extrema(picture)):
        return {"dropped": "blank"}, None
    digest = hashlib.sha256(f"{picture.width}x{picture.height}:".encode() + picture.tobytes()).hexdigest()
    content = None
    if digest not in given:
        given[digest], content = _encoded(picture)
    looks = {"digest": digest, "width": picture.width, "height": picture.height, "format": given[digest]}
    return looks, content


def _key(region: Region) -> str:
    """Names what a region looks like without decoding it; empty when its parts cannot be named for sure."""
    name = hashlib.sha256(repr(_size(region)).encode())
    for piece in region.pieces:
        a, b, c, d, e, f = piece.matrix
        place = (a, b, c, d, e - region.box[0], f - region.box[1])
        name.update(repr((piece.ink, [round(number, 2) for number in place])).encode())
        image = piece.image.m_internal
        for part in (image, image.mask):
            if part:
                stored = _stored(part)
                if stored is None:
                    return ""
                name.update(hashlib.sha256(stored).digest())
    return name.hexdigest()


def _stored(image: Any) -> bytes | None:
    """How a picture is stored, and all that changes its colours; None for palettes and special inks, which do."""
    held = _mupdf.FzImage(_mupdf.ll_fz_keep_image(image))
    compressed = _mupdf.fz_compressed_image_buffer(held).m_internal
    space = ""
    if image.colorspace:
        space = _mupdf.ll_fz_colorspace_name(image.colorspace)
        if not any(is_plain(image.colorspace) for is_plain in _PLAIN_SPACES):
            return None
    if not compressed or image.use_colorkey or image.use_decode:
        return None
    content = _mupdf.fz_buffer_extract_copy(_mupdf.FzBuffer(_mupdf.ll_fz_keep_buffer(compressed.buffer)))
    return f"{image.w} {image.h} {image.bpc} {image.n} {image.imagemask} {space}:".encode() + bytes(content)


def decoration(region: Region, frame: Rect) -> str:
    """Why a region is no figure: whole_page, line or tiny; empty for a figure. Makes no picture."""
    x0, y0, x1, y1 = region.box
    width, height = x1 - x0, y1 - y0
    if width * height >= _WHOLE_PAGE * frame[2] * frame[3]:
        return "whole_page"
    if max(width, height) > _LONGEST_SIDE_RATIO * min(width, height):
        return "line"
    pixels_across, pixels_down = _size(region)
    if min(width, height) < _SMALLEST_POINTS or min(pixels_across, pixels_down) < _SMALLEST_PIXELS:
        return "tiny"
    return ""


def joined(pictures: list[Picture], frame: Rect) -> list[Region]:
    """Pictures cut into strips or tiles, and pictures laid on others, as one region each, in order of drawing."""
    if len(pictures) > _MOST_PIECES:
        # Comparing all with all would take minutes; a page of that many is drawn from bits.
        return [Region([picture], picture.box) for picture in pictures]
    regions = [Region([picture], picture.box) for picture in pictures]
    merged = True
    while merged:
        merged = False
        kept: list[Region] = []
        for region in regions:
            for position, other in enumerate(kept):
                if _belong_together(other.box, region.box, frame):
                    kept[position] = Region(other.pieces + region.pieces, _union(other.box, region.box))
                    merged = True
                    break
            else:
                kept.append(region)
        regions = kept
    return regions


def _belong_together(a: Rect, b: Rect, frame: Rect) -> bool:
    same_columns = abs(a[0] - b[0]) <= _SEAM and abs(a[2] - b[2]) <= _SEAM
    same_rows = abs(a[1] - b[1]) <= _SEAM and abs(a[3] - b[3]) <= _SEAM
    if same_columns and min(abs(a[3] - b[1]), abs(b[3] - a[1])) <= _SEAM:
        return True
    if same_rows and min(abs(a[2] - b[0]), abs(b[2] - a[0])) <= _SEAM:
        return True
    areas = sorted((_area(a), _area(b)))
    common = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return areas[1] < _MOST_OF_PAGE * _area(frame) and _area(common) >= _COVERED * areas[0]


def _area(box: Rect) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _union(a: Rect, b: Rect) -> Rect:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def _size(region: Region) -> tuple[int, int]:
    """Pixels across and down at the finest resolution of its pieces, not over MAX_SIDE; at least 1."""
    width, height = region.box[2] - region.box[0], region.box[3] - region.box[1]
    scale = max(piece.pixels_per_point for piece in region.pieces)
    scale = min(scale, MAX_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _drawn(region: Region) -> Image.Image:
    width, height = _size(region)
    x0, y0, x1, y1 = region.box
    across, down = width / (x1 - x0), height / (y1 - y0)
    pixels = _mupdf.fz_new_pixmap(_mupdf.fz_device_rgb(), width, height, _mupdf.FzSeparations(), 0)
    _mupdf.fz_clear_pixmap_with_value(pixels, 255)
    device = _mupdf.fz_new_draw_device(_mupdf.FzMatrix(), pixels)
    for piece in region.pieces:
        a, b, c, d, e, f = piece.matrix
        # Rounded, because a picture of 300 pixels in 299.99 would be drawn smaller by one.
        place = (a * across, b * down, c * across, d * down, (e - x0) * across, (f - y0) * down)
        matrix = _mupdf.FzMatrix(*(round(number, 3) for number in place))
        if piece.ink is None:
            # A soft mask is the business of whoever draws; fz_fill_image leaves it out.
            mask = piece.image.m_internal.mask
            if mask:
                kept = _mupdf.FzImage(_mupdf.ll_fz_keep_image(mask))
                _mupdf.fz_clip_image_mask(device, kept, matrix, _mupdf.FzRect(0, 0, width, height))
            _mupdf.fz_fill_image(device, piece.image, matrix, 1.0, _mupdf.FzColorParams())
            if mask:
                _mupdf.fz_pop_clip(device)
        else:
            ink = _mupdf.new_floats(3)
            for position, part in enumerate(piece.ink):
                _mupdf.floats_setitem(ink, position, part)
            _mupdf.fz_fill_image_mask(
                device, piece.image, matrix, _mupdf.fz_device_rgb(), ink, 1.0, _mupdf.FzColorParams()
            )
            _mupdf.delete_floats(ink)
    _mupdf.fz_close_device(device)
    return copied(pymupdf.Pixmap("raw", pixels))


def copied(pixels: Any) -> Image.Image:
    """An RGB pixmap as a picture of its own; the samples live only as long as the pixmap that is asked for them."""
    size = (pixels.width, pixels.height)
    return Image.frombuffer("RGB", size, pixels.samples_mv, "raw", "RGB", 0, 1).copy()


def _extrema(picture: Image.Image) -> list[tuple[int, int]]:
    return [(int(low), int(high)) for low, high in picture.getextrema()]  # type: ignore[misc]


def _encoded(picture: Image.Image) -> tuple[str, bytes]:
    """(format, content): WebP, or PNG where that is smaller; neither carries metadata."""
    webp = io.BytesIO()
    picture.save(webp, "WEBP", quality=_WEBP_QUALITY, method=0)
    colors = picture.getcolors(_MOST_PALETTE_COLORS)
    if colors is not None:
        png = io.BytesIO()
        if all(len(set(color)) == 1 for _, color in colors):  # type: ignore[arg-type]
            few = picture.convert("L")
        else:
            few = picture.quantize(_MOST_PALETTE_COLORS, dither=Image.Dither.NONE)
        few.save(png, "PNG")
        if png.tell() < webp.tell():
            return "png", png.getvalue()
    return "webp", webp.getvalue()


def _fractions(box: Rect, frame: Rect) -> list[float]:
    places = (box[0] / frame[2], box[1] / frame[3], box[2] / frame[2], box[3] / frame[3])
    return [round(min(1.0, max(0.0, place)), 5) for place in places]
