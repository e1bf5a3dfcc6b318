"""Whether a page speaks to a model instead of a person: “ignore previous instructions”, tags and turn tokens of ours.

Such a page is sent like any other, and named, so that a reader looks at what rests on it. Judged by the stored
text alone: phrases that order a model to forget its rules, that tell it what it is, or that write the signs by
which a prompt is divided, in eleven languages. What a contract says of its parties' instructions is none of these:
“the Bank may disregard previous instructions” orders nobody.
Not caught: words spelt out, coded, or asked for politely.
"""

from __future__ import annotations

import re

import re2  # type: ignore[import-untyped]

LONGEST_WORDS = 120

_EARLIER = "previous|prior|above|earlier|preceding|foregoing|former|existing|initial|original|your|system|these|other"
_RULES = (
    "instructions?|prompts?|directions|directives|guidelines|guardrails|rules|commands|programming|training"
)
_MODEL = (
    r"(?:ai(?: language)? (?:model|assistant|system|agent|chatbot)|ai|llm|large language model|language model"
    r"|chat ?bot|chatgpt|gpt)"
)
# What a party may do is no order: “the Agent shall disregard earlier instructions”.
_NO_ORDER = "".join(
    f"(?<!{word} )"
    for word in ("may", "can", "will", "shall", "might", "could", "would", "should", "not", "to", "and", "or")
)

# Signs, lower case, and the phrases that hold one of them. A page is searched for signs in some microseconds;
# phrases are looked for around them alone.
_PHRASES: tuple[tuple[tuple[str, ...], str], ...] = (
    # English: forget your rules; here is what you are; here is what you were told.
    (
        ("ignore", "disregard", "forget", "override", "bypass"),
        rf"(?:{_NO_ORDER}|you (?:must|should|are to|will|to|now) )\b(?:ignore|disregard|forget|override|bypass)\b"
        rf"(?:(?: (?:all|any|every|of|the|my|to|everything)){{0,5}} (?:{_EARLIER})(?: \w+){{0,2}} (?:{_RULES})\b"
        r"| (?:everything|all|anything) (?:above\b|before this\b|you (?:were|have been) told\b))",
    ),
    (
        (" ai ", " ai,", " ai.", " ai:", " llm", "language model", "chatbot", "chat bot", "gpt"),
        rf"\b(?:you are (?:now |actually |only |just )?(?:an? |the )?|(?:if|since|because|as) you(?:'|’)re (?:an? )?"
        rf"|(?:note|message|instructions?|attention)[ :,]+(?:to|for) (?:the |any |all )?)(?:\w+ )?{_MODEL}s?\b",
    ),
    (
        ("system prompt", "systemprompt"),
        r"\b(?:your|hidden|secret|reveal the|print the|repeat the|show the|override the|new) system ?prompt\b"
        r"|\bsystem ?prompt ?(?::|override)",
    ),
    # German, Dutch
    (
        ("ignorier", "missacht", "vergiss", "vergessen sie"),
        r"\b(?:ignorier(?:e|en sie)?|missachte(?:n sie)?|vergiss|vergessen sie)\b(?: \w+){0,3}"
        r" (?:vorherig|bisherig|obig|vorangegangen|vorangehend|früher|vorstehend|deine|ihre)\w*(?: \w+){0,2}"
        r" (?:anweisung|instruktion|vorgabe|befehl|regel|prompt)\w*",
    ),
    (
        ("du bist", "sie sind"),
        r"\b(?:du bist|sie sind) (?:jetzt |nun )?(?:eine? )?(?:\w+ )?(?:ki|sprachmodell|chatbot)\b",
    ),
    (
        ("negeer", "vergeet"),
        r"\b(?:negeer|vergeet)\b(?: \w+){0,3} (?:vorige|eerdere|bovenstaande|voorgaande)(?: \w+){0,2}"
        r" (?:instructies|aanwijzingen|opdrachten|regels)\b",
    ),
    # French, Spanish, Italian, Portuguese
    (
        ("ignore", "oubli", "pas compte"),
        r"\b(?:ignore[rz]?|oublie[rz]?|pas compte)\b(?: \w+){0,3}"
        r" (?:instructions|consignes|directives|règles)(?: \w+)? (?:précédentes|antérieures|ci-dessus|préalables|initiales)\b",
    ),
    (
        ("tu es ", "vous êtes "),
        r"\b(?:tu es|vous êtes) (?:désormais |maintenant )?une? (?:ia|modèle de langage|intelligence artificielle)\b",
    ),
    (
        ("ignor", "olvid", "caso omiso"),
        r"\b(?:ignor[ae]|olvid[ae]|ha(?:z|ga) caso omiso)\b(?: \w+){0,3}"
        r" (?:instrucciones|indicaciones|órdenes|reglas)(?: \w+)? (?:anteriores|previas|precedentes|iniciales)\b",
    ),
    (("eres ",), r"\beres (?:ahora )?una? (?:ia|modelo de lenguaje|inteligencia artificial)\b"),
    (
        ("ignora", "dimentica"),
        r"\b(?:ignora(?:te|re)?|dimentica(?:te|re)?)\b(?: \w+){0,3}"
        r" (?:istruzioni|indicazioni|regole)(?: \w+)? (?:precedenti|anteriori|iniziali)\b",
    ),
    (
        ("ignor", "esqueça", "desconsidere"),
        r"\b(?:ignor[ae]|esqueça|desconsidere)\b(?: \w+){0,3}"
        r" (?:instruções|orientações|regras)(?: \w+)? (?:anteriores|prévias|acima|iniciais)\b",
    ),
    # Polish, Russian
    (
        ("ignoruj", "zapomnij"),
        r"\b(?:z?ignoruj|zapomnij)\b(?: \w+){0,3} (?:poprzednie|wcześniejsze|powyższe)(?: \w+){0,2} (?:instrukcje|polecenia)\b",
    ),
    (
        ("игнорируй", "забудь"),
        r"\b(?:про)?(?:игнорируй|забудь)(?:те)?\b(?: \w+){0,3} (?:предыдущие|прежние|прошлые)(?: \w+){0,2} (?:инструкции|указания)\b",
    ),
    # Chinese, Japanese
    (
        ("忽略", "无视", "忘记"),
        r"(?:忽略|无视|忘记).{0,6}(?:之前|以上|先前|前面|此前).{0,6}(?:指令|指示|提示|命令)",
    ),
    (("你是", "你现在是"), r"你(?:现在)?是一?个?(?:人工智能|ai|(?:大型?)?语言模型)"),
    (
        ("無視", "忘れ"),
        r"(?:以前|これまで|上記|前述|先).{0,4}(?:指示|命令|プロンプト)を?.{0,6}(?:無視|忘れ)",
    ),
    # The signs that divide a prompt, broken since the page was stored: evidence blocks, turns.
    (("evidence>", "evidence >"), r"< ?/? ?evidence ?>"),
    (
        ("<|", "< |", "<｜", "< ｜"),
        r"< ?[|｜](?:begin_of_text|(?:start_|end_)?header(?:_start|_end|_id)?|eot(?:_id)?|eom(?:_id)?"
        r"|im_(?:start|end)|system|user|assistant|endoftext|step|python_tag|image)[|｜]>",
    ),
    (("[/inst]", "<<sys>>"), r"\[/inst\]|<</?sys>>"),
)
_PATTERNS = tuple((signs, re.compile(phrase)) for signs, phrase in _PHRASES)
# All signs in one pass, in linear time; between their words whatever `_plain` makes a space.
_SPACE = r"[\s\v\x1c-\x1f\x{85}\pZ]+"
_SIGNS = re2.compile(
    "(?i)"
    + "|".join(sorted({re2.escape(sign).replace(r"\ ", _SPACE) for signs, _ in _PHRASES for sign in signs}))
)
# How far a phrase may reach to both sides of its sign.
_BEFORE, _BEHIND = 60, 160

# Signs without width, which hide words from a search, and those that turn the direction of what follows.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_MORE = 40


def speaks_to_model(text: str) -> bool:
    """text: as stored. Some microseconds for a page without signs."""
    seen = text if text.isascii() else _UNSEEN.sub("", text)
    return _SIGNS.search(seen) is not None and _find(_plain(text)) is not None


def words_to_model(text: str) -> str:
    """The first such words with a little of what follows, on one line, at most LONGEST_WORDS; empty without any."""
    plain = _plain(text)
    place = _find(plain)
    if place is None:
        return ""
    start, end = place
    if end - start >= LONGEST_WORDS:
        return plain[start : start + LONGEST_WORDS - 1] + "…"
    rest = plain[end : end + min(_MORE, LONGEST_WORDS - 1 - (end - start))]
    is_whole = end + len(rest) >= len(plain)
    return plain[start:end] + (rest if is_whole else rest.rpartition(" ")[0] + "…")


def _plain(text: str) -> str:
    if not text.isascii():
        text = _UNSEEN.sub("", text)
    return " ".join(text.split())


def _find(plain: str) -> tuple[int, int] | None:
    """(start, end) of the first phrase found, in the order of the phrases."""
    lowered = plain.lower()
    if len(lowered) != len(plain):
        # A few letters are longer when small; their places would no longer be those of the text.
        lowered = "".join(small if len(small := sign.lower()) == 1 else sign for sign in plain)
    for signs, pattern in _PATTERNS:
        for sign in signs:
            at = lowered.find(sign)
            while at >= 0:
                found = pattern.search(lowered, max(0, at - _BEFORE), at + _BEHIND)
                if found:
                    return found.span()
                at = lowered.find(sign, at + len(sign))
    return None
