"""The small language that prompts, models and answers share: markers, evidence tags, headings.

Everything here is pure text work. Pages are neutralised once, when they are stored; names, questions and
earlier turns when a prompt is packed. After that, whatever matches this grammar was written by us.
"""

import re

# Raise it when the packed form of a page changes: stored token counts are only true for one form.
PACKING_VERSION = 1

# Digits are ASCII and bounded, so that a match always converts to a number that a database can hold.
_NUMBER = r"[0-9]{1,9}"
_GAP = r"[ \t]*"
_RANGE = rf"(?P<first>{_NUMBER})(?:{_GAP}[-–]{_GAP}(?P<last>{_NUMBER}))?"

MARKER = re.compile(rf"\[\[{_GAP}(?P<ordinal>{_NUMBER}){_GAP}:{_GAP}{_RANGE}{_GAP}\]\]")
"""`[[3:12]]` and `[[3:12-14]]`: groups `ordinal`, `first` and, for a range, `last`; pages count from 1."""

# A path may hold single brackets (`app/[id]/page.tsx`), but neither a double one nor a bracket before white
# space: then breaking an inner marker can never turn the text around it into a new one.
_PATH = r"(?:(?!\[[\[\s]|\]\])[^\n<>]){1,1024}?"
PATH_MARKER = re.compile(rf"\[\[(?P<path>{_PATH}):{_RANGE}{_GAP}\]\]")
"""`[[src/app.py:12]]` and `[[src/app.py:12-20]]`: groups `path`, `first` and `last`; lines count from 1.

Matches number markers too: try `MARKER` first.
"""

EVIDENCE_OPEN = re.compile(r"<evidence\s*>", re.IGNORECASE)
EVIDENCE_CLOSE = re.compile(r"</\s*evidence\s*>", re.IGNORECASE)

PAGE_HEADER = re.compile(
    rf'^\[\[(?P<ordinal>{_NUMBER}):(?P<number>{_NUMBER})\]\](?: (?!")(?P<label>[^\n]*))?\n'
)
"""How a packed page begins. A label never starts with a quote sign: that is a line of evidence."""

# The headings of a prompt, each the start of a part of its own. Whoever reads a prompt (the quote finder, a
# test server) finds the question between the last QUESTION_HEADING and the last REMINDER_HEADING.
DOCUMENT_HEADING = "# Document {ordinal}: {name}\n"
CONVERSATION_HEADING = "# Conversation so far\n"
QUESTION_HEADING = "# Question\n"
REMINDER_HEADING = "# Reminder\n"

# Models write brackets of other scripts, and single ones, which are read as markers too: see marker_grammar.py
# of the conversations. A slice of code (`rows[3:12]`) is none, and stays as it is.
_BRACKET = r"[\[【［]"
_SINGLE = r"[0-9]{1,6}\s*[:：]\s*(?:p\.?\s*)?[0-9]{1,7}\s*[-‐‑‒–—−~,;，；、\]】］]"

# Chat-turn tokens of Llama and of those families that write them with a full-width bar.
_TURN_SIGN = r"<(?=[|｜][^\s|｜]{1,100}[|｜]>)"
# One look-ahead per kind: only the opening character is consumed, so overlapping ones are all seen. It stands first,
# so that a search passes over everything else at the speed of a comparison.
_LOOK_ALIKE = re.compile(
    rf"[\[【［<](?:"
    rf"(?<={_BRACKET})(?={_BRACKET}\s*[0-9]+\s*[:：])"
    rf"|(?:(?<=\[)(?<![A-Za-z0-9_)\]\[【［]\[)|(?<=[【［])(?<![\[【［][【［]))(?<![\[【［] .)(?={_SINGLE})"
    rf"|(?<=\[)(?=\[{_PATH}:{_NUMBER}(?:{_GAP}[-–]{_GAP}{_NUMBER})?{_GAP}\]\])"
    r"|(?<=<)(?=evidence|/\s*evidence)"
    r"|(?<=<)(?=[|｜][^\s|｜]{1,100}[|｜]>)"
    r")",
    re.IGNORECASE,
)


def neutralise(text: str) -> str:
    """The same text in which nothing can be taken for a marker, an evidence tag or a chat-turn token.

    Inserts one space after the opening character of each look-alike (`[[3:` becomes `[ [3:`, `<|eot|>` becomes
    `< |eot|>`) and changes nothing else. Idempotent. Linear in the length of the text.
    """
    return _LOOK_ALIKE.sub(r"\g<0> ", text)


def break_turn_tokens(text: str) -> str:
    """The same text without chat-turn tokens; markers and evidence tags stay: for what a model wrote itself."""
    return re.sub(_TURN_SIGN, r"\g<0> ", text)


def pack_page(ordinal: int, number: int, text: str, *, label: str = "") -> str:
    """One page as a model reads it: its marker line, its text, a blank line. A part of a prompt of its own.

    text: neutralised and stripped, not empty. label: one neutralised line, only for files of a repository.
    """
    return f"[[{ordinal}:{number}" + packed_tail(text, label=label)


def packed_tail(text: str, *, label: str = "") -> str:
    """What follows the numbers of a packed page, from `]]` on: the part that `Page.tokens` counts.

    The line end and slashes after `]]` share a token with it, so the count starts there and not at the text.
    """
    return f"]] {label}\n{text}\n\n" if label else f"]]\n{text}\n\n"
