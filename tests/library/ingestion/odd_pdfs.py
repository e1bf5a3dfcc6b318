"""PDFs that are odd or hostile, made by code: gibberish, stamps on scans, forms without end, pictures past all limits."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from apps.library.ingestion.pymupdf_lean import pymupdf
from tests.library.ingestion import pdfs


def gibberish(page: Any, offset: int = 0xE000) -> None:
    """Prose that looks right, in a font that says other letters: private ones, or the ASCII ones `offset` further on."""
    # A font of its own: the others of the document keep their letters.
    page.insert_textbox(pymupdf.Rect(72, 72, 523, 770), pdfs.PROSE * 3, fontname="tiro", fontsize=11)
    document = page.parent
    table = document.get_new_xref()
    document.update_object(table, "<<>>")
    entries = "\n".join(f"<{code:02x}> <{offset + code:04x}>" for code in range(32, 127))
    document.update_stream(
        table,
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange\n"
        b"95 beginbfchar\n" + entries.encode() + b"\nendbfchar endcmap end",
    )
    for font in page.get_fonts():
        document.xref_set_key(font[0], "ToUnicode", f"{table} 0 R")


def stamped_scan(page: Any) -> None:
    pdfs.picture(page)
    page.insert_text((440, 825), "LEASE-000017", fontsize=9)


def notes(page: Any) -> None:
    pdfs.prose(page)
    note = page.add_text_annot((500, 72), "Is this period usual?")
    note.set_info(title="Alice")
    page.add_text_annot((500, 92), "Yes, see clause 4.").set_irt_xref(note.xref)


def form(page: Any) -> None:
    widget = pymupdf.Widget()
    widget.field_name, widget.field_type, widget.field_value = "tenant", pymupdf.PDF_WIDGET_TYPE_TEXT, "Vera"
    widget.rect = pymupdf.Rect(72, 600, 300, 620)
    pdfs.prose(page)
    page.add_widget(widget)


def plain(objects: Sequence[bytes]) -> bytes:
    """A PDF of the given objects, numbered from 1; the first is the catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>startxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))


def stream(facts: bytes, content: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (facts, len(content), content)


def endless_forms(levels: int = 13) -> bytes:
    """One page whose forms each draw the next one ten times: 10 ** levels of them in less than 2.8 kB."""
    forms = [
        stream(
            b"/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</x %d 0 R>>>>" % (5 + level), b"/x Do " * 10
        )
        for level in range(1, levels)
    ]
    last = stream(b"/Subtype/Form/BBox[0 0 9 9]", b"0 0 1 1 re f")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</x 5 0 R>>>>>>"
    made = plain(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            page,
            stream(b"", b"/x Do"),
            *forms,
            last,
        ]
    )
    assert len(made) <= 2_800
    return made


def with_picture(facts: bytes, content: bytes, words: bytes = b"") -> bytes:
    """A page with words, if any, and one picture over all of it."""
    drawn = b"q 595 0 0 842 0 0 cm /i Do Q" + (b" BT /f 4 Tf 30 720 Td (%s) Tj ET" % words if words else b"")
    return plain(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</i 5 0 R>>"
            b"/Font<</f<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
            stream(b"", drawn),
            stream(b"/Subtype/Image" + facts, content),
        ]
    )


def _deflated_zeros(size: int) -> bytes:
    """`size` zero bytes, deflated without ever being whole in memory."""
    packer, parts, block = zlib.compressobj(9), [], bytes(1 << 20)
    for start in range(0, size, len(block)):
        parts.append(packer.compress(block[: min(len(block), size - start)]))
    return b"".join([*parts, packer.flush()])


def _jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header states another size."""
    made = io.BytesIO()
    Image.new("L", (8, 8)).save(made, "JPEG")
    content = bytearray(made.getvalue())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(content)


def _jpx(width: int, height: int) -> bytes:
    """The main header of a JPEG 2000 code stream that states a size, and one empty tile. Source: ISO 15444-1, annex A."""
    size = b"".join(number.to_bytes(4, "big") for number in (width, height, 0, 0, width, height, 0, 0))
    image_size = b"\xff\x51" + (41).to_bytes(2, "big") + b"\0\0" + size + b"\0\1" + b"\x07\x01\x01"
    cod = b"\xff\x52\0\x0c\0\0\0\1\0\5\4\4\0\1"
    qcd = b"\xff\x5c\0\x13\x40" + bytes(16)
    return b"\xff\x4f" + image_size + cod + qcd + b"\xff\x90\0\x0a\0\0\0\0\0\x0e\0\1\xff\x93\xff\xd9"


def _jbig2(width: int, height: int) -> bytes:
    """A page segment of JBIG2 that states a size, and nothing else. Source: ITU-T T.88, 7.4.8."""
    facts = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes(8) + b"\0" + b"\0\0"
    return b"\0\0\0\0\x30\0\1" + len(facts).to_bytes(4, "big") + facts


def picture_bombs() -> dict[str, bytes]:
    """One PDF for each encoding, with a picture far past every limit; most are a few kilobytes."""
    gray = b"/ColorSpace/DeviceGray/BitsPerComponent 8"
    bits = b"/ColorSpace/DeviceGray/BitsPerComponent 1"

    def facts(width: int, height: int, filter_name: bytes, more: bytes = gray) -> bytes:
        return b"/Width %d/Height %d/Filter%s%s" % (width, height, filter_name, more)

    zeros = _deflated_zeros(1 << 26)
    twice = zlib.compress(_deflated_zeros(1 << 28), 9)
    return {
        "deflated, 100,000 by 100,000": with_picture(facts(100_000, 100_000, b"/Fl"), zeros),
        "deflated twice": with_picture(facts(60_000, 60_000, b"[/Fl/Fl]"), twice),
        "deflated, sides past 32 bits": with_picture(facts(2**31, 2**31, b"/Fl"), zeros[:1000]),
        "run length": with_picture(facts(65_000, 65_000, b"/RunLengthDecode"), b"\x81\0" * 50_000),
        "fax": with_picture(
            b"/DP<</K -1/Columns 20000/Rows 20000>>" + facts(20_000, 20_000, b"/CCITTFaxDecode", bits),
            b"\xff" * 20_000,
        ),
        "jpeg header": with_picture(facts(65_500, 65_500, b"/DCTDecode"), _jpeg(65_500, 65_500)),
        "jpeg 2000 header": with_picture(facts(2**30, 2**30, b"/JPXDecode"), _jpx(2**31 - 1, 2**31 - 1)),
        "jbig2 header": with_picture(
            facts(2**30, 2**30, b"/JBIG2Decode", bits), _jbig2(2**31 - 1, 2**31 - 1)
        ),
    }


def _pages(*draw: Callable[[Any], None]) -> bytes:
    document = pymupdf.open()
    for function in draw:
        function(document.new_page())
    made: bytes = document.tobytes()
    return made


def every_case() -> dict[str, bytes]:
    """All of them by name, as corpora_states.toml names them."""
    return {
        "a scan with a Bates stamp": _pages(stamped_scan),
        "words and scans in one file": _pages(pdfs.prose, pdfs.picture, pdfs.prose),
        "a text layer of gibberish": _pages(gibberish, pdfs.prose),
        "sticky notes": _pages(notes),
        "a filled form": _pages(form),
        "forms that never end": endless_forms(),
        **{f"a picture past all limits: {name}": content for name, content in picture_bombs().items()},
    }
