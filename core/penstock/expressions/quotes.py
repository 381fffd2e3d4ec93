r"""Strings in single quotes, which mapping files have and jq has not.

``'text'`` may stand wherever a jq string may start and means ``"text"``: escapes and ``\(...)`` work inside, ``"``
stands for itself and ``\'`` for ``'``. A ``'`` with a letter, digit or underscore after it is an apostrophe
(``'it's'``), and so is one that would leave the rest of the text without its closing quote. Within double quotes and
comments nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_CODE: Final = re.compile(r"""(?:[^"'()#]|#(?:\\(?:\\|\r?\n)|(?!\r?\n).)*)+""")
"""Code up to the next quote or bracket, comments included."""
_PLAIN: Final = re.compile(r"""(?:[^"'\\]|\\[^'(])+""", re.DOTALL)
r"""The inside of a string up to the next quote, ``\'`` or ``\(``."""
_CLOSING: Final = re.compile(r"'(?![a-zA-Z0-9_])")


class _UnfinishedError(Exception):
    """The text ends within a string or an interpolation."""


def normalise_quotes(text: str) -> str:
    """Return ``text`` with its single-quoted strings as jq's own; unchanged where its quotes do not match up."""
    if "'" not in text:
        return text
    try:
        return _Scanner(text).code(0)[0]
    except (_UnfinishedError, RecursionError):
        return text


class _Scanner:
    """Reads code and strings in turn; each method returns what it has read, rewritten, and where it ended."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._dead_ends: set[tuple[int, int]] = set()
        """Where, at which bracket depth, code starts that cannot be read to its end."""

    def code(self, start: int, depth: int = -1) -> tuple[str, int]:
        """Read code: all of it, or from a depth of 0 up to the bracket that closes the interpolation."""
        read: list[str] = []
        while start < len(self._text):
            if plain := _CODE.match(self._text, start):
                read.append(plain[0])
                start = plain.end()
                continue
            sign = self._text[start]
            if sign == "'":
                rest, end = self._after_single_quote(start + 1, depth)
                return "".join(read) + rest, end
            if sign == '"':
                string, start = self._double_quoted(start + 1)
                read.append(string)
                continue
            if sign == ")" and depth == 0:
                return "".join(read), start
            if depth >= 0:
                depth += 1 if sign == "(" else -1
            read.append(sign)
            start += 1
        if depth >= 0:
            raise _UnfinishedError
        return "".join(read), start

    def _after_single_quote(self, start: int, depth: int) -> tuple[str, int]:
        """Read a string and the code after it; the string ends at the first quote that lets the code end well."""
        for string, end in self._single_quoted(start):
            if (end, depth) in self._dead_ends:
                continue
            try:
                rest, last = self.code(end, depth)
            except _UnfinishedError:
                self._dead_ends.add((end, depth))
                continue
            return f'"{string}"{rest}', last
        raise _UnfinishedError

    def _single_quoted(self, start: int) -> Iterator[tuple[str, int]]:
        """Offer every way to read the inside of a single-quoted string, with the place after its closing quote."""
        read = ""
        while start < len(self._text):
            if _CLOSING.match(self._text, start):
                yield read, start + 1
            piece, start = self._piece(start)
            read += {'"': '\\"', "\\'": "'"}.get(piece, piece)

    def _double_quoted(self, start: int) -> tuple[str, int]:
        read = '"'
        while start < len(self._text):
            piece, start = self._piece(start)
            read += piece
            if piece == '"':
                return read, start
        raise _UnfinishedError

    def _piece(self, start: int) -> tuple[str, int]:
        """Read one part of a string: plain text, a quote, an escaped one, or an interpolation."""
        if plain := _PLAIN.match(self._text, start):
            return plain[0], plain.end()
        if self._text.startswith("\\(", start):
            code, end = self.code(start + 2, 0)
            return f"\\({code})", end + 1
        length = 2 if self._text[start] == "\\" else 1
        return self._text[start : start + length], start + length
