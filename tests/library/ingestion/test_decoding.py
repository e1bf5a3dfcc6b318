"""Texts in whatever encoding come out as people wrote them, and what is no text is told."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.ingestion.source.decoding import decode, is_binary

CODE = "def total(rows):\n    return sum(rows)\n"
WORDS = {
    "German": "# Die Prüfung der größeren Flächen hat überraschend höhere Werte für jeden ergeben.\n",
    "French": "# Les élèves ont été très étonnés à Noël: ça coûte déjà plus cher là où l'on achète.\n",
    "Russian": "# Это комментарий к функции, которая проверяет данные и возвращает сумму.\n",
    "Greek": "# Αυτό είναι ένα σχόλιο για τη συνάρτηση που επιστρέφει το άθροισμα.\n",
    "Czech": "# Příliš žluťoučký kůň úpěl ďábelské ódy a nikdo ho neslyšel.\n",
    "Japanese": "# これはデータを確認して合計を返す関数のコメントです。\n",
    "Chinese": "# 这是检查数据并返回总和的函数的注释，请不要删除。\n",
    "Taiwanese": "# 這是檢查資料並傳回總和的函式的註解，請勿刪除。\n",
    "Korean": "# 이것은 데이터를 확인하고 합계를 반환하는 함수의 주석입니다.\n",
}


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        ("German", "cp1252"),
        ("German", "latin-1"),
        ("French", "cp1252"),
        ("Russian", "cp1251"),
        ("Russian", "koi8-r"),
        ("Greek", "cp1253"),
        ("Czech", "cp1250"),
        ("Japanese", "shift-jis"),
        ("Japanese", "euc-jp"),
        ("Chinese", "gb18030"),
        ("Taiwanese", "big5"),
        ("Korean", "cp949"),
        *[
            ("German", name)
            for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le")
        ],
        *[("Russian", name) for name in ("utf-16", "utf-32", "utf-32-be")],
    ],
)
def test_a_text_comes_out_as_it_was_written(language: str, encoding: str) -> None:
    text = (CODE + WORDS[language]) * 3
    decoded = decode(text.encode(encoding))
    assert decoded.text == text
    assert not decoded.flags
    assert not is_binary(text.encode(encoding))


def test_a_single_letter_of_western_europe_is_read_as_such() -> None:
    decoded = decode("# Müller\n".encode("latin-1") + CODE.encode())
    assert decoded.text == "# Müller\n" + CODE
    assert decoded.encoding == "cp1252"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_plain_english_in_wide_letters_is_text(encoding: str) -> None:
    assert decode((CODE * 5).encode(encoding)).text == CODE * 5


def test_a_declared_encoding_is_believed() -> None:
    text = "# -*- coding: iso-8859-2 -*-\n# źle\n"
    assert decode(text.encode("iso-8859-2")).text == text


def test_alphabets_that_are_never_guessed_are_believed_where_a_file_names_them() -> None:
    for name, word in (("shift_jis", "日本"), ("iso-8859-3", "ĝis"), ("koi8-u", "їжак"), ("euc-kr", "한국")):
        text = f"# coding: {name}\n# {word}\n"
        assert decode(text.encode(name)).text == text


def test_what_claims_an_encoding_that_it_breaks_is_read_nevertheless() -> None:
    assert decode(b"# coding: cp932\n# fianc\xe9\n").text == "# coding: cp932\n# fiancé\n"


@pytest.mark.parametrize(
    ("data", "text", "flags"),
    [
        (b"a\r\nb\r\n", "a\nb\n", ("crlf",)),
        (b"a\rb\r", "a\nb\n", ("crlf",)),
        (b"a\r\nb\rc\n", "a\nb␍c\n", ("crlf", "replacements")),
        (b"a\x1b[0m " * 9 + b"and more words of text \x0c\n", "a␛[0m " * 9 + "and more words of text \x0c\n", ("replacements",)),
        ("left \u202eright".encode(), "left \u202eright", ("bidi",)),
        ("one\u2028two\x85\nthree".encode(), "one\u2028two\x85\nthree", ()),
        (b"", "", ()),
    ],
    ids=["CRLF", "CR alone", "CR within", "controls", "direction", "separators", "empty"],
)  # fmt: skip
def test_signs_that_mislead_are_shown_and_said(data: bytes, text: str, flags: tuple[str, ...]) -> None:
    decoded = decode(data)
    assert decoded.text == text
    assert decoded.flags == flags


def test_broken_utf_8_keeps_what_is_whole_and_counts_the_rest() -> None:
    decoded = decode("Größe über alles, schön müde\n".encode() * 4 + b"\xff\xfe\n")
    assert decoded.text.startswith("Größe")
    assert (decoded.encoding, decoded.replacements, decoded.flags) == ("utf-8", 2, ("replacements",))


def test_a_nul_far_from_the_beginning_is_shown() -> None:
    decoded = decode(b"line of text\n" * 1_000 + b"\x00\n")
    assert decoded.text.endswith("line of text\n␀\n")
    assert not decoded.is_binary


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"\x7fELF\x02\x01\x01" + b"\x00" * 9,
        b"".join(struct.pack("<I", number * 7) for number in range(2_000)),
        b"".join(struct.pack("<H", number) for number in range(2_000)),
        b"\xde\x12\x04\x95" + struct.pack("<6I", 0, 40, 28, 348, 55, 668) + b"msgid",
        b"text \x00 text" * 3,
        random.Random(1).randbytes(5_000),
        bytes(byte for byte in random.Random(2).randbytes(9_000) if byte),
    ],
    ids=["picture", "program", "numbers of four", "numbers of two", "catalogue", "zeros", "noise", "noise without zeros"],
)  # fmt: skip
def test_what_is_no_text_is_told(data: bytes) -> None:
    assert decode(data).is_binary


@given(st.binary(max_size=400))
def test_any_bytes_give_text_that_can_be_stored(data: bytes) -> None:
    decoded = decode(data)
    assert not set(decoded.text) & {*map(chr, range(9)), "\x0b", *map(chr, range(14, 32)), "\r", "\x7f"}
    decoded.text.encode()


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=300))
def test_any_text_in_utf_8_comes_out_as_it_is(text: str) -> None:
    assert decode(text.encode()).text == text.removeprefix("\ufeff")
