"""Paged files that are not PDFs, made by code: books, office files, pictures."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

from PIL import Image, ImageDraw

from apps.library.ingestion.pymupdf_lean import pymupdf
from tests.library.ingestion import pdfs

CHAPTERS = ("The term", "Notice", "Return of the premises")
PARAGRAPH = f"<p>{pdfs.PROSE}</p>"


def packed(members: Mapping[str, str | bytes], *, stored: tuple[str, ...] = ()) -> bytes:
    """A zip archive; members named in stored are not compressed, and come as they stand."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            way = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), content, way)
    return made.getvalue()


def epub(paragraphs: int = 12, *, chapter: str = "") -> bytes:
    """Three chapters with a table of contents. chapter: HTML that each begins with."""
    manifest = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(len(CHAPTERS))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(CHAPTERS)))
    points = "".join(
        f'<navPoint id="n{n}" playOrder="{n + 1}"><navLabel><text>{title}</text></navLabel>'
        f'<content src="c{n}.xhtml"/></navPoint>'
        for n, title in enumerate(CHAPTERS)
    )
    pages = {
        f"c{n}.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>{title}</h1>{chapter}'
        f"{PARAGRAPH * paragraphs}</body></html>"
        for n, title in enumerate(CHAPTERS)
    }
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">'
            '<rootfiles><rootfile full-path="book.xml" media-type="application/oebps-package+xml"/></rootfiles></container>',
            "book.xml": '<package xmlns="http://www.idpf.org/2007/opf" version="2.0" unique-identifier="id"><metadata '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Lease of an office</dc:title><dc:creator>The Landlord'
            '</dc:creator><dc:identifier id="id">x</dc:identifier><dc:language>en</dc:language></metadata><manifest>'
            f'<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>{manifest}</manifest>'
            f'<spine toc="ncx">{spine}</spine></package>',
            "toc.ncx": '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><navMap>'
            f"{points}</navMap></ncx>",
            **pages,
        },
        stored=("mimetype",),
    )


def html(paragraphs: int = 12) -> bytes:
    sections = "".join(f"<h1>{title}</h1>{PARAGRAPH * paragraphs}" for title in CHAPTERS)
    hidden = "<script>words('of a script')</script><p style='display:none'>words that nobody sees</p>"
    return (
        f"<!doctype html><html><head><title>Lease of an office</title></head><body>{sections}{hidden}</body></html>"
    ).encode()


def fb2(paragraphs: int = 12) -> bytes:
    sections = "".join(
        f"<section><title><p>{title}</p></title>{PARAGRAPH * paragraphs}</section>" for title in CHAPTERS
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0">'
        "<description><title-info><book-title>Lease of an office</book-title></title-info></description>"
        f"<body>{sections}</body></FictionBook>"
    ).encode()


def mobi(paragraphs: int = 12) -> bytes:
    """An uncompressed book of one text record each 4,096 bytes. Source: the MOBI page of the MobileRead wiki."""
    html = "".join(f"<h1>{title}</h1>{PARAGRAPH * paragraphs}<mbp:pagebreak/>" for title in CHAPTERS)
    text = f"<html><body>{html}</body></html>".encode()
    records = [text[start : start + 4096] for start in range(0, len(text), 4096)]
    header = struct.pack(">HHIHHHH", 1, 0, len(text), len(records), 4096, 0, 0)
    header += b"MOBI" + struct.pack(">IIIII", 232, 2, 65001, 1, 6) + bytes(232 - 24)
    head_records = [header + bytes(16), *records]
    count = len(head_records)
    place = 78 + 8 * count + 2
    places = b""
    for index, record in enumerate(head_records):
        places += struct.pack(">II", place, index)
        place += len(record)
    head = b"Lease".ljust(32, b"\0") + struct.pack(">HHIIIIII", 0, 0, 0, 0, 0, 0, 0, 0) + b"BOOKMOBI"
    head += struct.pack(">IIH", 0, 0, count)
    return head + places + b"\0\0" + b"".join(head_records)


_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def _office(
    main: str, main_type: str, parts: Mapping[str, tuple[str, str]], links: Mapping[str, str]
) -> bytes:
    """An office file. parts: name -> (content type, XML). links: of the main part, id -> (type, target) as XML."""
    types = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, (kind, _) in parts.items()
    )
    folder, _, name = main.rpartition("/")
    relations = "".join(
        f'<Relationship Id="{key}" Type="{_DOCUMENT}/{link.split("|")[0]}" Target="{link.split("|")[1]}"/>'
        for key, link in links.items()
    )
    return packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
            f'ContentType="application/xml"/>{types}</Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
            f'Type="{_DOCUMENT}/officeDocument" Target="{main}"/></Relationships>',
            f"{folder}/_rels/{name}.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>',
            **{part: xml for part, (_, xml) in parts.items()},
        }
    )


def docx(paragraphs: int = 12) -> bytes:
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>{title}</w:t></w:r></w:p>'
        + f"<w:p><w:r><w:t>{pdfs.PROSE}</w:t></w:r></w:p>" * paragraphs
        for title in CHAPTERS
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return _office(
        "word/document.xml",
        kind,
        {
            "word/document.xml": (
                f"{kind}.document.main+xml",
                f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>',
            )
        },
        {},
    )


def xlsx() -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>{name}</t></is></c><c r="B{n}"><v>{amount}</v></c></row>'
        for n, (name, amount) in enumerate((("Heating", 310), ("Cleaning", 185.5), ("Lift", 92.75)), 1)
    )
    return _office(
        "xl/workbook.xml",
        kind,
        {
            "xl/workbook.xml": (
                f"{kind}.sheet.main+xml",
                f'<workbook xmlns="{space}" xmlns:r="{_DOCUMENT}"><sheets><sheet name="Costs" sheetId="1" r:id="r1"/>'
                "</sheets></workbook>",
            ),
            "xl/worksheets/sheet1.xml": (
                f"{kind}.worksheet+xml",
                f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>',
            ),
        },
        {"r1": "worksheet|worksheets/sheet1.xml"},
    )


def pptx() -> bytes:
    kind = "application/vnd.openxmlformats-officedocument.presentationml"
    spaces = (
        'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
        f'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="{_DOCUMENT}"'
    )
    slides = {
        f"ppt/slides/slide{n}.xml": (
            f"{kind}.slide+xml",
            f"<p:sld {spaces}><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:txBody>"
            "</p:sp></p:spTree></p:cSld></p:sld>",
        )
        for n, title in enumerate(CHAPTERS, 1)
    }
    ids = "".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in range(1, len(CHAPTERS) + 1))
    return _office(
        "ppt/presentation.xml",
        kind,
        {
            "ppt/presentation.xml": (
                f"{kind}.presentation.main+xml",
                f"<p:presentation {spaces}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
            ),
            **slides,
        },
        {f"r{n}": f"slide|slides/slide{n}.xml" for n in range(1, len(CHAPTERS) + 1)},
    )


def xps(pages: int = 2) -> bytes:
    """Fixed pages of one line each, in the Helvetica that comes with MuPDF."""
    space = "http://schemas.microsoft.com/xps/2005/06"
    contents = "".join(f'<PageContent Source="{n}.fpage"/>' for n in range(1, pages + 1))
    return packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="fdseq" ContentType='
            '"application/vnd.ms-package.xps-fixeddocumentsequence+xml"/><Default Extension="fdoc" ContentType='
            '"application/vnd.ms-package.xps-fixeddocument+xml"/><Default Extension="fpage" ContentType='
            '"application/vnd.ms-package.xps-fixedpage+xml"/><Default Extension="ttf" ContentType='
            '"application/vnd.ms-opentype"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" Type='
            '"http://schemas.microsoft.com/xps/2005/06/fixedrepresentation" Target="/all.fdseq"/></Relationships>',
            "all.fdseq": f'<FixedDocumentSequence xmlns="{space}"><DocumentReference Source="/one.fdoc"/>'
            "</FixedDocumentSequence>",
            "one.fdoc": f'<FixedDocument xmlns="{space}">{contents}</FixedDocument>',
            "font.ttf": pymupdf.Font("helv").buffer,
            **{
                f"{n}.fpage": f'<FixedPage xmlns="{space}" Width="816" Height="1056" xml:lang="en"><Glyphs '
                f'Fill="#ff000000" FontUri="/font.ttf" FontRenderingEmSize="16" OriginX="96" OriginY="96" '
                f'UnicodeString="This is page {n} of the lease"/></FixedPage>'
                for n in range(1, pages + 1)
            },
        }
    )


def picture(words: str = "This is page 1", size: tuple[int, int] = (800, 600)) -> Image.Image:
    made = Image.new("RGB", size, "white")
    ImageDraw.Draw(made).text((60, 80), words, fill="black", font_size=40)
    return made


def image(kind: str, **options: object) -> bytes:
    """kind: a format of Pillow."""
    made = io.BytesIO()
    picture().save(made, kind, **options)
    return made.getvalue()


def tiff(pages: int = 3) -> bytes:
    made = io.BytesIO()
    first, *others = (picture(f"This is page {n}") for n in range(1, pages + 1))
    first.save(made, "TIFF", save_all=True, append_images=others, compression="tiff_lzw", dpi=(96, 96))
    return made.getvalue()


def cbz(pages: int = 3) -> bytes:
    return packed({f"{n:03}.png": image("PNG") for n in range(1, pages + 1)})


def svg() -> bytes:
    return (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="400" height="200">'
        b'<text x="20" y="60" font-size="20">A plan of the office</text></svg>'
    )
