"""The text of a file, whatever its encoding, and what was done to its bytes on the way."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

# Where git looks for a NUL, and calls a file binary when there is one.
_BINARY_SAMPLE = 8_000
# Share of control characters above which bytes are no text either: logs in colour have many, other encodings none.
_MOST_CONTROLS = 0.3
_MOST_FOREIGN_CONTROLS = 0.05

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16, whose mark it begins with.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE_SAMPLE = 4_096

# Shown as their pictures. Tab, line feed and form feed belong to text; a carriage return where it ends a line.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0d-\x1f\x7f]")
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\f"} | {0x7F: 0x2421}
_ALL_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
# Signs that turn the direction of text, so that code reads otherwise than it runs.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")

# How Python, editors, HTML and XML name the encoding of a file within it.
_DECLARED = re.compile(rb"(?:coding[:=]|charset=|encoding=)[ \t]*[\"']?([-\w.]{3,30})")
_DECLARED_WITHIN = 1_024
# What texts are found in. A child can load no further codec, so these are all there are.
# fmt: off
_CODECS = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "mac_roman",
    "cp437", "cp850", "cp866", "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_15", "latin_1",
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "johab",
)
# Believed where a file names them.
_DECLARED_CODECS = (
    *_CODECS, "shift_jis", "euc_kr", "gb2312", "gbk", "big5hkscs", "iso2022_jp", "koi8_u", "cp874", "cp1258",
    "iso8859_3", "iso8859_4", "iso8859_6", "iso8859_8", "iso8859_9", "iso8859_10", "iso8859_13", "iso8859_14",
    "iso8859_16", "mac_cyrillic",
)
# fmt: on
_DETECTION_SAMPLE = 8_192
# Fewer bytes beyond ASCII say nothing about an alphabet; western letters are then the likeliest.
_LEAST_EVIDENCE = 24
_LIKELY_CHAOS = 0.07
# Of well-formed characters beyond ASCII, how many stand beside a broken one where the text is UTF-8 nevertheless.
_WELL_FORMED = 4


@dataclass(frozen=True, slots=True)
class Decoded:
    """text: line ends are "\\n", of control characters only tab and form feed are left. encoding: Python's name.

    flags: of "crlf" (line ends were changed), "bidi" (signs that turn the direction of text), "replacements" (broken
    bytes are shown as U+FFFD, controls as their pictures). replacements: how many. is_binary: then there is no text.
    """

    text: str
    encoding: str
    flags: tuple[str, ...] = ()
    replacements: int = 0
    is_binary: bool = False


BINARY = Decoded(text="", encoding="", is_binary=True)


def decode(data: bytes) -> Decoded:
    """The text of a whole file. Never raises; bytes that are no text give BINARY."""
    has_zeros = b"\x00" in data[:_BINARY_SAMPLE]
    if data.isascii() and not has_zeros:
        text, encoding, replaced = data.decode("ascii"), "utf-8", 0
    elif found := _decode_unicode(data):
        text, encoding, replaced = found
    elif has_zeros:
        return BINARY
    else:
        text, encoding, replaced = _decode_legacy(data)
        if len(_ALL_CONTROLS.findall(text)) > _MOST_FOREIGN_CONTROLS * len(text):
            return BINARY
    flags = []
    if _CONTROLS.search(text):
        text, had_others = _unify_line_ends(text)
        if had_others:
            flags.append("crlf")
        controls = len(_CONTROLS.findall(text))
        if "\x00" in text[:_BINARY_SAMPLE] or controls > _MOST_CONTROLS * len(text):
            return BINARY
        if controls:
            text = text.translate(_PICTURES)
            replaced += controls
    if not text.isascii() and _BIDI.search(text):
        flags.append("bidi")
    if replaced:
        flags.append("replacements")
    return Decoded(text, encoding, tuple(flags), replaced)


def is_binary(head: bytes) -> bool:
    """Whether a file that begins so is no text; head: its first bytes, 4 KiB or more unless it is shorter."""
    if b"\x00" not in head[:_BINARY_SAMPLE]:
        return False
    return not head.startswith(tuple(bom for bom, _ in _BOMS)) and _wide_encoding(head) is None


def load_codecs() -> None:
    """Load every codec that decode may need, before a process loses the right to open files."""
    for name in (*_DECLARED_CODECS, *(encoding for _, encoding in _BOMS)):
        codecs.lookup(name)
    from_bytes("Prüfung größerer Flächen".encode("cp1252") * 8, cp_isolation=list(_CODECS))


def _decode_unicode(data: bytes) -> tuple[str, str, int] | None:
    """(text, encoding, broken characters) of a text in Unicode, or None."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _decode_leniently(data[len(bom) :], encoding)
    if wide := _wide_encoding(data):
        return _decode_leniently(data, wide)
    try:
        return data.decode("utf-8"), "utf-8", 0
    except UnicodeDecodeError:
        text, encoding, broken = _decode_leniently(data, "utf-8")
    well_formed = sum(1 for sign in text if sign > "\x7f") - broken
    return (text, encoding, broken) if well_formed >= _WELL_FORMED * broken else None


def _decode_leniently(data: bytes, encoding: str) -> tuple[str, str, int]:
    try:
        return data.decode(encoding), encoding, 0
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        return text, encoding, text.count("\ufffd")


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, told by where the zeros stand beside western letters, digits and spaces."""
    sample = data[:_WIDE_SAMPLE]
    if b"\x00" not in sample or len(sample) < 4:
        return None
    zeros = [sample[start::4].count(0) / len(sample[start::4]) for start in range(4)]
    even, odd = (zeros[0] + zeros[2]) / 2, (zeros[1] + zeros[3]) / 2
    if zeros[0] < 0.05 and min(zeros[2:]) > 0.9:
        encoding, width = "utf-32-le", 4
    elif zeros[3] < 0.05 and min(zeros[:2]) > 0.9:
        encoding, width = "utf-32-be", 4
    elif even < 0.02 and odd > 0.4:
        encoding, width = "utf-16-le", 2
    elif odd < 0.02 and even > 0.4:
        encoding, width = "utf-16-be", 2
    else:
        return None
    # Numbers have their zeros there too, and are no letters, or full of control characters.
    try:
        text = sample[: len(sample) // width * width].decode(encoding)
    except UnicodeDecodeError:
        return None
    controls = len(_ALL_CONTROLS.findall(text))
    return encoding if controls <= _MOST_FOREIGN_CONTROLS * len(text) and "\x00" not in text else None


def _decode_legacy(data: bytes) -> tuple[str, str, int]:
    declared = _DECLARED.search(data, 0, _DECLARED_WITHIN)
    if declared and (name := _known_codec(declared[1].decode("ascii", "replace"))):
        text, _, broken = _decode_leniently(data, name)
        if not broken:
            return text, name, 0
    return _decode_leniently(data, _detect(data))


def _known_codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
    except (LookupError, OSError):
        # Nobody knows it, or a child that may open no file has not loaded it.
        return None
    return found if found in {codecs.lookup(codec).name for codec in _DECLARED_CODECS} else None


def _detect(data: bytes) -> str:
    """The codec of a text that is not Unicode, from the lines that hold anything beyond ASCII."""
    sample = b""
    for line in data.split(b"\n"):
        if not line.isascii():
            sample += line[:_DETECTION_SAMPLE] + b"\n"
            if len(sample) > _DETECTION_SAMPLE:
                break
    if sum(byte > 0x7F for byte in sample) >= _LEAST_EVIDENCE:
        matches = from_bytes(sample, cp_isolation=list(_CODECS))
        if (best := matches.best()) is not None:
            # Short texts fit several alphabets; the western one is the likeliest of those that fit.
            fits = (
                match.chaos < best.chaos + _LIKELY_CHAOS and match.coherence >= best.coherence
                for match in matches
                if "cp1252" in match.could_be_from_charset
            )
            return "cp1252" if any(fits) else best.encoding
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin_1"
    return "cp1252"


def _unify_line_ends(text: str) -> tuple[str, bool]:
    """(text, whether it had others than "\\n"). Alone, a carriage return ends lines only where nothing else does."""
    if "\r" not in text:
        return text, False
    unified = text.replace("\r\n", "\n")
    if "\n" not in unified:
        unified = unified.replace("\r", "\n")
    return unified, unified != text
