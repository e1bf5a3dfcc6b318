"""Source text as runs of coloured words. Runs inside a parser child only; apps/library/highlighting.py is for callers.

The expressions of Pygments' lexers meet text that nobody trusts: one that never ends must not hold a web process.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from pygments.lexer import Lexer, RegexLexer
from pygments.lexers import LEXERS, find_lexer_class
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, Operator, Token, _TokenType

from apps.library.ingestion.colours import KINDS
from apps.library.ingestion.jobs import job

_KIND_OF: dict[_TokenType, str] = {
    Keyword: "k",
    Operator.Word: "k",
    Literal: "s",
    Number: "m",
    Comment: "c",
    Comment.Preproc: "cp",
    Comment.PreprocFile: "s",
    Name.Function: "nf",
    Name.Class: "nf",
    Name.Decorator: "nf",
    Name.Namespace: "",
    Name.Builtin: "nb",
    Name.Exception: "nb",
    Name.Tag: "nt",
    Name.Attribute: "nt",
    Generic.Inserted: "gi",
    Generic.Deleted: "gd",
    Generic.Heading: "nf",
    Generic.Subheading: "nf",
    Token: "",
}

# A child opens no file, so everything is loaded before it is forked; expressions of the languages most often read
# are compiled then, too.
for _module in {entry[0] for entry in LEXERS.values()}:
    importlib.import_module(_module)

COMMON = (
    "PythonLexer", "JavascriptLexer", "TypeScriptLexer", "TsxLexer", "JsonLexer", "YamlLexer", "TOMLLexer", "IniLexer",
    "CLexer", "CppLexer", "CSharpLexer", "JavaLexer", "KotlinLexer", "SwiftLexer", "GoLexer", "RustLexer",
    "RubyLexer", "PhpLexer", "HtmlLexer", "XmlLexer", "CssLexer", "BashLexer", "MakefileLexer", "MarkdownLexer",
    "RstLexer", "SqlLexer",
)  # fmt: skip


def _warm(name: str) -> None:
    lexer = find_lexer_class(LEXERS[name][1])
    if lexer is not None and issubclass(lexer, RegexLexer):
        lexer()


for _name in COMMON:
    _warm(_name)


@cache
def _kind_of(kind: _TokenType) -> int:
    """By the nearest ancestor that has a word."""
    while kind not in _KIND_OF:
        kind = kind.parent or Token
    return KINDS.index(_KIND_OF[kind])


def runs_of(text: str, lexer: Lexer) -> list[int]:
    """Lengths in code points and kinds in turn: [4, 1, 1, 0, …] is four characters of KINDS[1], one of KINDS[0].

    They add up to the text, whatever the lexer leaves out or repeats.
    """
    runs: list[int] = []
    at = 0

    def add(length: int, kind: int) -> None:
        if runs and runs[-1] == kind:
            runs[-2] += length
        elif length:
            runs.extend((length, kind))

    for index, token, value in lexer.get_tokens_unprocessed(text):
        if index > at:
            add(index - at, 0)
            at = index
        length = index + len(value) - at
        if length > 0:
            add(length, _kind_of(token))
            at += length
    add(len(text) - at, 0)
    return runs


@job("source.highlight")
def highlight(data: memoryview, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """arguments: {"lexer": a name Pygments has}. data: UTF-8. Yields {"runs": as runs_of}."""
    lexer = find_lexer_class(arguments["lexer"])
    if lexer is not None:
        yield {"runs": runs_of(bytes(data).decode(), lexer())}
