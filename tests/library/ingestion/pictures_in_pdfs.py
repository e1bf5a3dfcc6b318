"""PDFs with one picture in every encoding that can be written, made by code.

Filters go by their short names (ISO 32000-1, table 94), which MuPDF takes everywhere.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pikepdf
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 120, 80


def drawing(mode: str = "RGB") -> Image.Image:
    """Left half dark, right half light, a bright square at the top left: turned or mirrored, it looks different."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), (200, 210, 220))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, WIDTH // 2 - 1, HEIGHT), fill=(30, 40, 90))
    draw.rectangle((8, 8, 31, 31), fill=(250, 60, 40))
    return picture.convert(mode)


def _stream(pdf: pikepdf.Pdf, content: bytes, picture: Image.Image, **entries: Any) -> pikepdf.Object:
    stream = pikepdf.Stream(pdf, content)
    stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    stream.Width, stream.Height = picture.size
    stream.BitsPerComponent = 8
    for name, value in entries.items():
        stream[f"/{name}"] = value
    return pdf.make_indirect(stream)


def _name(name: str) -> pikepdf.Name:
    return pikepdf.Name(f"/{name}")


def _encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, format, **options)
    return content.getvalue()


def raw_rgb(pdf: pikepdf.Pdf) -> pikepdf.Object:
    picture = drawing()
    return _stream(pdf, picture.tobytes(), picture, ColorSpace=_name("DeviceRGB"))


def packed_gray(pdf: pikepdf.Pdf) -> pikepdf.Object:
    picture = drawing("L")
    return _stream(
        pdf, zlib.compress(picture.tobytes()), picture,
        ColorSpace=_name("DeviceGray"), Filter=_name("Fl"),
    )  # fmt: skip


def jpeg_rgb(pdf: pikepdf.Pdf) -> pikepdf.Object:
    picture = drawing()
    content = _encoded(picture, "JPEG", quality=95, comment=b"who made it")
    return _stream(pdf, content, picture, ColorSpace=_name("DeviceRGB"), Filter=_name("DCTDecode"))


def jpeg_cmyk(pdf: pikepdf.Pdf) -> pikepdf.Object:
    picture = drawing("CMYK")
    content = _encoded(picture, "JPEG", quality=95)
    # Pillow writes CMYK inverted, as Adobe's programs do.
    return _stream(
        pdf, content, picture, ColorSpace=_name("DeviceCMYK"), Filter=_name("DCTDecode"),
        Decode=[1, 0, 1, 0, 1, 0, 1, 0],
    )  # fmt: skip


def jpeg2000(pdf: pikepdf.Pdf) -> pikepdf.Object:
    picture = drawing()
    return _stream(
        pdf, _encoded(picture, "JPEG2000"), picture, ColorSpace=_name("DeviceRGB"), Filter=_name("JPXDecode")
    )


def ccitt(pdf: pikepdf.Pdf) -> pikepdf.Object:
    picture = (
        drawing("L").point(lambda value: 255 if value > 100 else 0).convert("1", dither=Image.Dither.NONE)
    )
    tiff = _encoded(picture, "TIFF", compression="group4")
    with Image.open(io.BytesIO(tiff)) as read:
        start, length = read.tag_v2[273][0], read.tag_v2[279][0]
        black_is_zero = read.tag_v2[262] == 1
    params = pikepdf.Dictionary(K=-1, Columns=WIDTH, Rows=HEIGHT, BlackIs1=black_is_zero)
    return _stream(
        pdf, tiff[start : start + length], picture, BitsPerComponent=1,
        ColorSpace=_name("DeviceGray"), Filter=_name("CCITTFaxDecode"), DP=params,
    )  # fmt: skip


def indexed(pdf: pikepdf.Pdf) -> pikepdf.Object:
    picture = drawing().quantize(4)
    palette = bytes((picture.getpalette() or [])[: 4 * 3])
    space = pikepdf.Array([_name("Indexed"), _name("DeviceRGB"), 3, pikepdf.String(palette)])
    return _stream(pdf, picture.tobytes(), picture, ColorSpace=space)


def separation(pdf: pikepdf.Pdf) -> pikepdf.Object:
    """One special ink, full where the drawing is dark."""
    picture = drawing("L").point(lambda value: 255 - value)
    tint = pikepdf.Dictionary(FunctionType=2, Domain=[0, 1], C0=[0, 0, 0, 0], C1=[0, 0.5, 1, 0.2], N=1)
    space = pikepdf.Array([_name("Separation"), _name("Spot"), _name("DeviceCMYK"), tint])
    return _stream(pdf, picture.tobytes(), picture, ColorSpace=space)


def soft_masked(pdf: pikepdf.Pdf) -> pikepdf.Object:
    """Its right half is transparent."""
    picture = drawing()
    alpha = Image.new("L", picture.size, 255)
    ImageDraw.Draw(alpha).rectangle((WIDTH // 2, 0, WIDTH, HEIGHT), fill=0)
    mask = _stream(pdf, alpha.tobytes(), alpha, ColorSpace=_name("DeviceGray"))
    return _stream(pdf, picture.tobytes(), picture, ColorSpace=_name("DeviceRGB"), SMask=mask)


def color_keyed(pdf: pikepdf.Pdf) -> pikepdf.Object:
    """Its light half is transparent by colour."""
    picture = drawing()
    return _stream(
        pdf, picture.tobytes(), picture, ColorSpace=_name("DeviceRGB"), Mask=[200, 200, 210, 210, 220, 220]
    )


def stencil(pdf: pikepdf.Pdf) -> pikepdf.Object:
    picture = (
        drawing("L").point(lambda value: 255 if value > 100 else 0).convert("1", dither=Image.Dither.NONE)
    )
    stream = _stream(pdf, picture.tobytes(), picture, ImageMask=True, BitsPerComponent=1)
    return stream


ENCODINGS: dict[str, Callable[[pikepdf.Pdf], pikepdf.Object]] = {
    made.__name__: made
    for made in (
        raw_rgb, packed_gray, jpeg_rgb, jpeg_cmyk, jpeg2000, ccitt, indexed, separation, soft_masked,
        color_keyed, stencil,
    )
}  # fmt: skip

INLINE = b"BI /W 120 /H 80 /BPC 8 /CS /RGB /F /AHx ID " + drawing().tobytes().hex().encode() + b"> EI"


def add_page(
    pdf: pikepdf.Pdf,
    content: str | bytes,
    pictures: dict[str, pikepdf.Object] | None = None,
    size: tuple[float, float] = (595, 842),
    **entries: Any,
) -> pikepdf.Page:
    """A page with a content stream that draws pictures by name."""
    pdf.add_blank_page(page_size=size)
    page = pdf.pages[-1]
    page.obj.Contents = pdf.make_stream(content if isinstance(content, bytes) else content.encode())
    font = pikepdf.Dictionary(Type=_name("Font"), Subtype=_name("Type1"), BaseFont=_name("Helvetica"))
    page.obj.Resources = pikepdf.Dictionary(
        XObject=pikepdf.Dictionary({f"/{name}": one for name, one in (pictures or {}).items()}),
        Font=pikepdf.Dictionary(F1=font),
    )
    for name, value in entries.items():
        page.obj[f"/{name}"] = value
    return page


def at(x: float, y: float, width: float, height: float, name: str = "P") -> str:
    """Draws a picture with its lower left corner at x, y (points from the bottom left)."""
    return f"q {width} 0 0 {height} {x} {y} cm /{name} Do Q\n"


def prose(lines: int = 12) -> str:
    """Enough text for a page to be read as one with text."""
    shown = "".join(
        f"(Either party may terminate with notice, line {line} of the page.) Tj T*\n" for line in range(lines)
    )
    return f"BT /F1 11 Tf 13 TL 60 790 Td\n{shown}ET\n"


def saved(pdf: pikepdf.Pdf, **options: Any) -> bytes:
    content = io.BytesIO()
    pdf.save(content, **options)
    return content.getvalue()


def one_picture(encoding: Callable[[pikepdf.Pdf], pikepdf.Object], **entries: Any) -> bytes:
    """A page of text with one picture of 240 × 160 points, 100 from the left, 300 from the bottom."""
    pdf = pikepdf.new()
    add_page(pdf, prose() + at(100, 300, 240, 160), {"P": encoding(pdf)}, **entries)
    return saved(pdf)


def pages_of(*drawn: Sequence[str], **pictures: Callable[[pikepdf.Pdf], pikepdf.Object]) -> bytes:
    """A page for each list of drawing commands, all with the same named pictures."""
    pdf = pikepdf.new()
    made = {name: make(pdf) for name, make in pictures.items()}
    for commands in drawn:
        add_page(pdf, prose() + "".join(commands), made)
    return saved(pdf)


def noise_pages(count: int, side: int = 700) -> bytes:
    """A page for each picture of noise, all different: drawing one takes a while."""

    def noise(pdf: pikepdf.Pdf) -> pikepdf.Object:
        picture = Image.effect_noise((side, side), 90)
        content = _encoded(picture, "JPEG")
        return _stream(pdf, content, picture, ColorSpace=_name("DeviceGray"), Filter=_name("DCTDecode"))

    names = [f"P{number}" for number in range(count)]
    return pages_of(*[[at(100, 300, 240, 240, name)] for name in names], **dict.fromkeys(names, noise))
