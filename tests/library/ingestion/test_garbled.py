"""Text layers that are gibberish are found, and nothing else is taken for one."""

from __future__ import annotations

import base64
import random
import string
from pathlib import Path

import pytest

from apps.library.ingestion.garbled import is_garbled
from apps.library.ingestion.readers.base import PageText, ReadOptions
from apps.library.ingestion.readers.pdf import PdfReader
from tests.library.ingestion import odd_pdfs, pdfs

LANGUAGES = {
    "English": "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
    "conscience and should act towards one another in a spirit of brotherhood.",
    "German": "Beide Seiten können diesen Vertrag nach sechs Monaten kündigen, und jede muss das schreiben. "
    "Die Miete bleibt bis zu diesem Tag geschuldet, und das Haus wird in gutem Zustand übergeben.",
    "Polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni "
    "rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler ve "
    "birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on annettu "
    "järki ja omatunto, ja heidän on toimittava toisiaan kohtaan veljeyden hengessä.",
    "Indonesian": "Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama. Mereka dikaruniai "
    "akal dan hati nurani dan hendaknya bergaul satu sama lain dalam semangat persaudaraan.",
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi. Mọi con người "
    "đều được tạo hoá ban cho lý trí và lương tâm và cần phải đối xử với nhau trong tình bằng hữu.",
    "Welsh": "Genir pawb yn rhydd ac yn gydradd ag urddas a hawliau. Fe'u cynysgaeddir â rheswm a chydwybod, a "
    "dylai pawb ymddwyn y naill at y llall mewn ysbryd cymodlon.",
    "Hungarian": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az emberek, ésszel és "
    "lelkiismerettel bírván, egymással szemben testvéri szellemben kell hogy viseltessenek.",
    "Swahili": "Watu wote wamezaliwa huru, hadhi na haki zao ni sawa. Wote wamejaliwa akili na dhamiri, hivyo "
    "yapasa watendeane kindugu.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и "
    "совестью и должны поступать в отношении друг друга в духе братства.",
    "Arabic": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميراً وعليهم أن يعامل بعضهم بعضاً بروح الإخاء.",
    "Chinese": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
}  # fmt: skip
DICE = random.Random(7)
OTHERS = {
    "a table of numbers": "\n".join("\t".join(f"{DICE.random() * 1000:.2f}" for _ in range(8)) for _ in range(40)),
    "a formula": "∀ε > 0 ∃δ > 0 : |x − a| < δ ⇒ |f(x) − f(a)| < ε\n∫ \x10 e−x2 dx = √π \ue001\n" * 12,
    "code": 'for (int i = 0; i < n; ++i) { a[i] = b[i] * (c[i] - d[i]) >> 2; } // "x" != \'y\' && z\n' * 12,
    "shell": 'x=$(echo "$y" | sed -e "s/[^a-z]*//g;s/\\(.*\\)/<\\1>/"); [ -z "$x" ] && exit 1\n' * 12,
    "hexadecimal numbers": "\n".join(DICE.randbytes(16).hex(" ") for _ in range(30)),
    "keys": "\n".join(base64.b64encode(DICE.randbytes(48)).decode() for _ in range(20)),
    "sequences": "\n".join("".join(DICE.choices("ACGT", k=60)) for _ in range(30)),
    "part numbers": "\n".join("".join(DICE.choices(string.ascii_uppercase + string.digits, k=9)) for _ in range(60)),
    "an index with leaders": "\n".join(f"Clause {n} {'. ' * 40}{n}" for n in range(40)),
    "notes of music among words": "Jesu, meine Freude\n" * 8 + "\x00\n\x05\x05\n\x1a \x00\n" * 60,
    "bullets of a symbol font": "\uf0b7 Heating\n\uf0b7 Cleaning\n\uf0b7 Lift\n" * 30,
    "next to nothing": "\x01\x02\x03",
    "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("text", LANGUAGES.values(), ids=LANGUAGES)
def test_languages_are_not_gibberish(text: str) -> None:
    assert not is_garbled(f"{text}\n" * 4)


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_what_is_not_prose_is_not_gibberish(text: str) -> None:
    assert not is_garbled(text)


def shifted(text: str, by: int) -> str:
    return "".join(chr(ord(sign) + by) if sign != "\n" else sign for sign in text)


@pytest.mark.parametrize(
    "garble",
    [
        lambda text: shifted(text, -29),
        lambda text: "".join(f"\0{sign}" for sign in shifted(text, -29)),
        lambda text: shifted(text, 0xE000),
        lambda text: "".join(sign if sign in " \n" else "\ufffd" for sign in text),
        lambda text: text.translate(str.maketrans(string.ascii_letters, string.ascii_letters[5:] + "abcde")),
        lambda text: "".join(
            sign if sign == "\n" else chr(0x21 + list(dict.fromkeys(text)).index(sign)) for sign in text
        ),
    ],
    ids=[
        "glyph numbers", "glyph numbers of two bytes", "private use", "replacement signs", "renamed letters",
        "numbers in the order of first use",
    ],
)  # fmt: skip
def test_gibberish_is_found(garble) -> None:
    assert is_garbled(garble(pdfs.PROSE * 3))


def read(path: Path) -> list[PageText]:
    data = memoryview(path.read_bytes())
    return list(
        PdfReader().read_pages(data, 1, PdfReader().describe(data, ReadOptions()).pages, ReadOptions())
    )


@pytest.mark.parametrize("offset", [0xE000, -29, 3], ids=["private use", "glyph numbers", "renamed letters"])
def test_a_page_of_gibberish_is_listed_for_recognition_and_not_sent(tmp_path: Path, offset: int) -> None:
    def page(page) -> None:
        odd_pdfs.gibberish(page, offset)
        page.add_text_annot((500, 72), "This note is legible")

    path = pdfs.save(tmp_path / "made.pdf", page, pdfs.prose)
    garbled, legible = read(path)
    assert garbled.state == "no_text"
    assert "gibberish" in garbled.reason
    assert garbled.text == "[Annotation: Text] This note is legible"
    assert (legible.state, legible.reason) == ("read", "")


def test_real_files_hold_gibberish_where_it_was_seen_and_nowhere_else(corpora: Path) -> None:
    for name in (
        "issue-67-example",
        "pr-136-example",
        "issue-192-example",
        "chelsea_pdta",
        "federal-register-2020-17221",
    ):
        for page in read(corpora / f"pdfplumber/pdfs/{name}.pdf")[:8]:
            assert "gibberish" not in page.reason, (name, page.number)
