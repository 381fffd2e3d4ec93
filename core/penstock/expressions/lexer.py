r"""The tokens of jq 1.8, by the rules of its own ``lexer.l``.

Numbers, names and operators are matched longest first, brackets must close in order, and the code inside ``"\(...)"``
is tokenised like any other. What jq refuses here raises ``OutsideSubsetError``: libjq then words the message.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from penstock.expressions.undecided import OutsideSubsetError

# fmt: off
KEYWORDS: Final = frozenset((
    "and", "as", "break", "catch", "def", "elif", "else", "end", "foreach",
    "if", "import", "include", "label", "module", "or", "reduce", "then", "try",
))
# fmt: on

_CODE: Final = re.compile(
    r"""
      (?P<blank>[ \r\n\t]+ | \#(?:\\(?:\\|\r?\n)|(?!\r?\n).)*)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<field>\.[a-zA-Z_][a-zA-Z_0-9]*)
    | (?P<format>@[a-zA-Z0-9_]+)
    | (?P<variable>\$(?:[a-zA-Z_][a-zA-Z_0-9]*::)*[a-zA-Z_][a-zA-Z_0-9]*)
    | (?P<name>(?:[a-zA-Z_][a-zA-Z_0-9]*::)*[a-zA-Z_][a-zA-Z_0-9]*)
    | (?P<operator>\?//|//=|[!=<>|+\-*/%]=|//|\.\.|[.?=;,:|+\-*/%$<>])
    | (?P<opening>[\[{(])
    | (?P<closing>[\]})])
    | (?P<quote>")
    """,
    re.VERBOSE,
)
_TEXT: Final = re.compile(
    r"""
      (?P<interpolation>\\\()
    | (?P<escapes>(?:\\[^u(]|\\u[a-zA-Z0-9]{0,4})+)
    | (?P<plain>[^\\"]+)
    | (?P<quote>")
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u(?P<unit>[0-9a-fA-F]{4})|\\(?P<letter>.)",
    re.DOTALL,
)
_LETTERS: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CLOSERS: Final = {"[": "]", "{": "}", "(": ")", "\\(": ")"}


class Token(Struct, frozen=True):
    """One token; ``kind`` is the token's own text for keywords and punctuation."""

    kind: str
    text: str = ""
    """Names without their ``.`` or ``$``, and the decoded text of strings."""


def tokenize(text: str) -> list[Token]:
    """Return the tokens of ``text``, the last of kind ``end of text``.

    Raises:
        OutsideSubsetError: jq would refuse this text.
    """
    tokens: list[Token] = []
    brackets: list[str] = []
    position = 0
    in_string = False
    while position < len(text):
        match = (_TEXT if in_string else _CODE).match(text, position)
        if match is None or match.lastgroup is None:
            raise OutsideSubsetError
        position = match.end()
        in_string = _take(match.lastgroup, match.group(), in_string=in_string, tokens=tokens, brackets=brackets)
    if in_string or brackets:
        raise OutsideSubsetError
    tokens.append(Token("end of text"))
    return tokens


def _take(group: str, text: str, *, in_string: bool, tokens: list[Token], brackets: list[str]) -> bool:
    """Add the token of one match and return whether a string goes on after it."""
    match group:
        case "blank":
            pass
        case "quote":
            tokens.append(Token("string end" if in_string else "string start"))
            return not in_string
        case "plain":
            tokens.append(Token("string text", text))
        case "escapes":
            tokens.append(Token("string text", _unescape(text)))
        case "interpolation" | "opening":
            brackets.append(text)
            tokens.append(Token(text))
            return False
        case "closing":
            return _close(text, tokens, brackets)
        case "name":
            tokens.append(Token(text) if text in KEYWORDS else Token("name", text))
        case "operator":
            tokens.append(Token(text))
        case "number" | "format":
            tokens.append(Token(group, text))
        case _:  # field, variable: one sign before the name
            tokens.append(Token(group, text[1:]))
    return in_string


def _close(text: str, tokens: list[Token], brackets: list[str]) -> bool:
    if not brackets or _CLOSERS[brackets[-1]] != text:
        raise OutsideSubsetError
    interpolation = brackets.pop() == "\\("
    tokens.append(Token("interpolation end" if interpolation else text))
    return interpolation


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_unescape_one, text)


def _unescape_one(match: re.Match[str]) -> str:
    if match["high"]:
        return chr(0x10000 + ((int(match["high"], 16) - 0xD800) << 10) + int(match["low"], 16) - 0xDC00)
    if match["unit"]:
        unit = int(match["unit"], 16)
        if 0xD800 <= unit <= 0xDFFF:  # noqa: PLR2004 - the surrogates: half a pair is no character
            raise OutsideSubsetError
        return chr(unit)
    letter = _LETTERS.get(match["letter"])
    if letter is None:
        raise OutsideSubsetError
    return letter
